-- SPDX-License-Identifier: MIT
-- What a look at Paperspace itself can settle (docs/facts/paperspace.md). See live.look.
local sorted = require "base.sorted"

local paperspace = { maps = {} }

paperspace.probes = { health = { "GET", "/v1/health" } }

-- The exchanges of a call whose path ends so.
local function those(seen, call, path)
  local list = {}
  for _, exchange in ipairs(seen.calls[call].exchanges) do
    if exchange.path:find(path .. "$") then list[#list + 1] = exchange end
  end
  return list
end

local function availability(seen)
  local fields = {}
  for _, exchange in ipairs(those(seen, "offers", "/machine%-availability")) do
    for name, value in sorted(type(exchange.value) == "table" and exchange.value or {}) do
      fields[name .. " (" .. type(value) .. ")"] = true
    end
  end
  return next(fields) and "it has " .. table.concat(sorted.keys(fields), ", ") or nil
end

paperspace.marks = {
  { text = "exact shape UNVERIFIED", settle = availability },
  { text = "unit of `storageRate` per month presumably: UNVERIFIED" },
  { text = "Afterwards GET → 404 NOT_FOUND or a machine with dtDeleted set: UNVERIFIED",
    settle = function(seen)
      local list = {}
      for index, each in ipairs(seen.rent.after) do
        list[index] = ("%s %.0f s after the end"):format(each.said, each.seconds)
      end
      return #list > 0 and table.concat(list, "; ") or nil
    end },
  { text = "real limit UNVERIFIED" },
  { text = "whether it needs no key: UNVERIFIED", settle = function(seen)
    return seen.probes.health and "with one it answers " .. tostring(seen.probes.health.status) or nil
  end },
  { text = "Minimum/allowed values (1, 8, 24, 168?) UNVERIFIED" },
  { text = "not found stated in the docs: UNVERIFIED", settle = function(seen)
    return seen.rent.ready and seen.rent.carrier and "the tunnel came over " .. seen.rent.carrier or nil
  end },
  { text = "Boot: a few minutes (no published figure; UNVERIFIED)", settle = function(seen)
    local seconds = seen.rent.ready and seen.rent.seconds.endpoint
    return seconds and ("%.0f s until its address was told"):format(seconds) or nil
  end },
  { text = "hourly in older docs: UNVERIFIED" },
}

return paperspace
