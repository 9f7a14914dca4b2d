-- SPDX-License-Identifier: MIT
-- Tables in the order of their keys: numbers, then strings, then booleans.

local RANK = { number = 1, string = 2, boolean = 3 }

local function before(a, b)
  local x, y = RANK[type(a)], RANK[type(b)]
  if x ~= y then return x < y end
  if x == 3 then return not a and b end
  return a < b
end

local function keys(t)
  local list = {}
  for key in pairs(t) do -- order: free
    if not RANK[type(key)] then
      error("a key that is a " .. type(key) .. " has no order", 3)
    end
    list[#list + 1] = key
  end
  table.sort(list, before)
  return list
end

-- for key, value in sorted(t). Fields removed on the way are skipped, fields added are not seen.
local function iterate(_, t)
  local list, i = keys(t), 0
  return function()
    while i < #list do
      i = i + 1
      local value = t[list[i]]
      if value ~= nil then return list[i], value end
    end
  end
end

return setmetatable({ keys = keys }, { __call = iterate })
