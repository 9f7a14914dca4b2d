-- SPDX-License-Identifier: MIT
-- How often each kind of fault was ordered in histories, and how often it happened.
local sorted = require "base.sorted"

local tally = {}
tally.__index = tally

function tally.new() return setmetatable({ ordered = {}, happened = {}, at = {} }, tally) end

-- what an order is called in the table, where a way of the whole history is counted
local OTHERWISE = { jump = "clock", eaten = "own network" }

local function more(self, name, happened)
  self.ordered[name] = (self.ordered[name] or 0) + 1
  self.happened[name] = (self.happened[name] or 0) + (happened and 1 or 0)
end

--- Adds what one history ordered.
function tally:add(play)
  for _, order in ipairs(play.orders) do more(self, order.name, order.happened) end
end

-- What is no order, but the way a whole history is. → { name = is it so }
local function ways(play)
  local settings = table.concat(play.more, "\n")
  return { clock = play.sim.jumped, ["no credit"] = play.poor, ["limit off"] = settings:find("=off", 1, true),
    ["no guard"] = settings:find("GUARD_ACCOUNT_KEY=no", 1, true), ["guard unfit"] = play.guard_says,
    ["own network"] = play.no_way or play.eaten or play.was_eaten, ["read only"] = play.was_read_only,
    webhook = play.hook_failed }
end

local function whole(self, play)
  self.at[play.name] = self.at[play.name] or tally.new()
  for _, counts in ipairs { self, self.at[play.name] } do
    for _, order in ipairs(play.orders) do
      if not OTHERWISE[order.name] then more(counts, order.name, order.happened) end
    end
    for name, is in sorted(ways(play)) do
      if is then more(counts, name, true) end
    end
  end
end

--- The next history begins: the one before is over and counted.
function tally:next(play)
  if self.last then whole(self, self.last) end
  self.last = play
end

--- What the table says of a kind, at one cloud when it is named. → how often ordered, how often it happened
function tally:of(name, cloud)
  local counts = cloud and self.at[cloud] or not cloud and self
  return counts and counts.ordered[name] or 0, counts and counts.happened[name] or 0
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
