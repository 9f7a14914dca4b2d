-- SPDX-License-Identifier: MIT
return {
  name = "agent",
  summary = "keep the tunnel of this folder (started by the other commands)",
  options = {},
  tolerant = true,
  quiet = true,
  run = function()
    return require("work.agent").run()
  end,
}
