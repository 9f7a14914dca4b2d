-- SPDX-License-Identifier: MIT
--- What machines of every cloud have in common; nothing listens here. Their model server asks the control
--- address what shall go wrong.
local kinds = require "cloudsim.kinds"
require "cloudsim.machine.ollama.api" -- registers its faults

return {
  name = "machine",
  settings = { pull_bytes_per_second = 250e6, tokens_per_second = 60 },
  faults = kinds.of "machine",
}
