-- SPDX-License-Identifier: MIT
--- RunPod's pods as containers, with the environment that it documents (facts/runpod.md §2.13).
return {
  kind = require "cloudsim.machine.container",
  hardware = function(instance)
    local card = instance.type.memory * 1024
    return { gpu = instance.type.id, card = card, vram = card * instance.count }
  end,
  environment = function(instance)
    return { RUNPOD_POD_ID = instance.id, RUNPOD_API_KEY = instance.key, RUNPOD_PUBLIC_IP = "127.0.0.1",
      RUNPOD_DC_ID = instance.centre, RUNPOD_GPU_COUNT = tostring(instance.count),
      RUNPOD_POD_HOSTNAME = instance.id .. "-64411eb2", HOSTNAME = instance.id,
      PUBLIC_KEY = instance.public_key }
  end,
  port_name = function(number, protocol) return "RUNPOD_" .. protocol:upper() .. "_PORT_" .. number end,
}
