-- SPDX-License-Identifier: MIT
--- Paperspace's machines as virtual machines whose startup script is their user data.
return {
  kind = require "cloudsim.machine.vm", user = "paperspace",
  hardware = function(instance)
    local kind = instance.type
    local card = kind.memory * 1024
    return { gpu = "NVIDIA " .. (kind.card or "none"), card = card, vram = card * math.max(1, kind.gpus) }
  end,
  open_ports = require("cloudsim.paperspace.life").open_ports,
}
