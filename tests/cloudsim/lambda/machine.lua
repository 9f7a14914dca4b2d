-- SPDX-License-Identifier: MIT
--- Lambda's machines as virtual machines behind its firewall.
return {
  kind = require "cloudsim.machine.vm",
  -- from the description (facts/lambda.md §2.3)
  hardware = function(instance)
    local kind = instance.type
    local count = math.max(1, kind.gpus)
    local vram = (tonumber(kind.description:match("%((%d+) GB")) or 0) * 1024 * count
    return { gpu = (kind.gpu_description:gsub(" %(.*", "")), card = vram // count, vram = vram }
  end,
  open_ports = require("cloudsim.lambda.firewall").open,
}
