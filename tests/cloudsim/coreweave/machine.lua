-- SPDX-License-Identifier: MIT
--- CoreWeave's nodes as containers: what runs is the one pod that a node has.
return {
  kind = require "cloudsim.machine.container",
  hardware = function(instance)
    local kind = instance.type
    local card = kind.memory * 1024
    local cards = instance.cards or kind.gpus
    return { gpu = "NVIDIA " .. kind.class, card = card, vram = card * math.max(1, cards) }
  end,
  environment = function(instance)
    return { HOSTNAME = instance.hostname, KUBERNETES_SERVICE_HOST = "10.16.0.1",
      KUBERNETES_SERVICE_PORT = "443" }
  end,
}
