-- SPDX-License-Identifier: MIT
--- The model registry, and beside it the release archives of the model server (facts/serving.md §1.3, §2.1).
local downloads = require "cloudsim.registry.downloads"
local files = require "base.files"
local kinds = require "cloudsim.kinds"

return {
  name = "registry",
  handler = require("cloudsim.registry.handler").handler,
  begin = function(world, program)
    local archives = downloads.build(files.join(program.dir, "downloads"), program.lib)
    world.hooks.downloads = function() return archives end
  end,
  addresses = function(address) return { downloads = address .. "/ollama" } end,
  faults = kinds.of "registry",
}
