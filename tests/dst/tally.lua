-- SPDX-License-Identifier: MIT
-- How often each kind of fault was ordered in the random histories, and how often it happened.
local sorted = require "base.sorted"

local tally = {}
tally.__index = tally

function tally.new() return setmetatable({ ordered = {}, happened = {} }, tally) end

--- Adds what one history ordered.
function tally:add(play)
  for _, order in ipairs(play.orders) do
    local name = order.name
    self.ordered[name] = (self.ordered[name] or 0) + 1
    self.happened[name] = (self.happened[name] or 0) + (order.happened and 1 or 0)
  end
end

--- names: set of what should have happened. → lines of the table, array of the names of what never happened
function tally:report(names)
  local lines, never = {}, {}
  for name in sorted(names) do
    local count = self.happened[name] or 0
    lines[#lines + 1] = ("  %-26s %4d ordered -> %4d happened"):format(name, self.ordered[name] or 0, count)
    if count == 0 then never[#never + 1] = name end
  end
  return lines, never
end

return tally
