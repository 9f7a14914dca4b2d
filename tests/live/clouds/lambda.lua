-- SPDX-License-Identifier: MIT
-- What a look at Lambda itself can settle (docs/facts/lambda.md). See live.look.
local sorted = require "base.sorted"

local lambda = { maps = { ["$.data"] = true } }

-- The types of machines, as the answers to `offers` tell them.
local function types(seen)
  for _, exchange in ipairs(seen.calls.offers.exchanges) do
    if exchange.path:find "/instance%-types$" then return exchange.value.data end
  end
  error "no answer"
end

lambda.marks = {
  { text = "current prices (snapshot only)", settle = function(seen)
    local list = {}
    for name, each in sorted(types(seen)) do
      list[#list + 1] = ("%s %s"):format(name, tostring(each.instance_type.price_cents_per_hour))
    end
    return "cents an hour: " .. table.concat(list, ", ")
  end },
  { text = "us-midwest-2 place", settle = function(seen)
    for _, each in sorted(types(seen)) do
      for _, region in ipairs(each.regions_with_capacity_available) do
        if region.name == "us-midwest-2" then return "it is called " .. tostring(region.description) end
      end
    end
  end },
  { text = "visibility of terminated instances", settle = function(seen)
    local list = {}
    for index, each in ipairs(seen.rent.after) do
      list[index] = ("%s %.0f s after the end"):format(each.said, each.seconds)
    end
    return #list > 0 and table.concat(list, "; ") or nil
  end },
  { text = "429 body/Retry-After" }, { text = "partial failure of multi-id terminate" },
  { text = "global vs attached ruleset combination; us-south-1 filtering", settle = function(seen)
    return seen.rent.ready and "with a ruleset attached, UDP to the tunnel's port got through" or nil
  end },
  { text = "ICMP default" }, { text = "workspace-bound keys" }, { text = "exact end second of billing" },
  { text = "HTTP code of `global/duplicate`" }, { text = "whether OS shutdown flips `status`" },
}

return lambda
