-- SPDX-License-Identifier: MIT
--- Vast's machines as containers, with the environment that it documents (facts/vast.md §1.12).
return {
  kind = require "cloudsim.machine.container",
  hardware = function(instance)
    local offer = instance.offer
    return { gpu = offer.gpu_name, card = offer.gpu_ram, vram = offer.gpu_total_ram }
  end,
  environment = function(instance)
    return { CONTAINER_ID = tostring(instance.id), CONTAINER_API_KEY = instance.key,
      VAST_CONTAINERLABEL = "C." .. instance.id, PUBLIC_IPADDR = "127.0.0.1",
      GPU_COUNT = tostring(instance.offer.num_gpus), HOSTNAME = "C." .. instance.id }
  end,
  port_name = function(number, protocol) return "VAST_" .. protocol:upper() .. "_PORT_" .. number end,
}
