-- SPDX-License-Identifier: MIT
-- What a look at RunPod itself can settle (docs/facts/runpod.md). See live.look.
local sorted = require "base.sorted"

local runpod = { maps = {} }

local WANTED = { rtx4090 = true, a6000 = true, l40s = true }

runpod.marks = {
  { text = "current figures UNVERIFIED", settle = function(seen)
    local least = {}
    for _, offer in ipairs(seen.calls.offers.result) do
      if WANTED[offer.gpu] and offer.gpus == 1 then
        least[offer.gpu] = math.min(least[offer.gpu] or offer.on_demand, offer.on_demand)
      end
    end
    local list = {}
    for name, price in sorted(least) do list[#list + 1] = ("%s $%.3f/h"):format(name, price) end
    return #list > 0 and table.concat(list, ", ") or nil
  end },
  { text = "That the pod-scoped key may *terminate* and is accepted by v2: UNVERIFIED",
    settle = function(seen)
      return seen.rent.ready and "v2 took it for reading its own pod; a terminate by it was not tried" or nil
    end },
  { text = "lag of the records themselves UNVERIFIED", settle = function(seen)
    return seen.rent.charge and ("the charge showed %.0f s after the end"):format(seen.rent.charge.seconds)
  end },
  { text = "whether it really stopped answering UNVERIFIED" },
  { text = "What a *revoked* key returns: UNVERIFIED" },
  { text = "Numeric GraphQL rate limit: UNVERIFIED" }, { text = "Outbound UDP from the pod: UNVERIFIED" },
}

return runpod
