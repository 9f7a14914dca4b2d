-- SPDX-License-Identifier: MIT
-- What a look at CoreWeave itself can settle (docs/facts/coreweave.md). See live.look.
local sorted = require "base.sorted"

-- labels and annotations have names that are data
local coreweave = { maps = { ["$.items[].metadata.labels"] = true, ["$.metadata.labels"] = true,
  ["$.items[].metadata.annotations"] = true, ["$.metadata.annotations"] = true, ["$.data"] = true } }

-- Names of the fields and conditions of pools.
local function told(exchanges)
  local names = {}
  for _, exchange in ipairs(exchanges) do
    local value = type(exchange.value) == "table" and exchange.value or {}
    for _, pool in ipairs(type(value.items) == "table" and value.items or { value }) do
      local status = type(pool.status) == "table" and pool.status or {}
      for name in sorted(pool.kind ~= "Status" and status or {}) do names[name] = true end
      for _, each in ipairs(type(status.conditions) == "table" and status.conditions or {}) do
        names["condition " .. tostring(each.type)] = true
      end
    end
  end
  return next(names) and table.concat(sorted.keys(names), ", ") or nil
end

coreweave.marks = {
  { text = "Exact JSON names of the counters and of the capacity/quota conditions", settle = function(seen)
    return told(seen.calls.list.exchanges)
  end },
  { text = "Test a reclaim via documented node annotation/condition: UNVERIFIED" },
  { text = "so UDP on their LB is" },
  { text = "CoreWeave's admission rules for it: UNVERIFIED" },
  { text = "general Kubernetes behaviour, not tried here: UNVERIFIED" },
  { text = "Usage appears in managed Grafana", settle = function(seen)
    local list = {}
    for index, each in ipairs(seen.rent.after) do
      list[index] = ("%s %.0f s after the end"):format(each.said, each.seconds)
    end
    return #list > 0 and table.concat(list, "; ") or nil
  end },
}

return coreweave
