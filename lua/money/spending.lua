-- SPDX-License-Identifier: MIT
-- What sessions cost, summed by cloud, model or day. A session that ran over midnight, or began before the
-- time that is asked about, counts by the part of its time that falls there. Pure but for the time zone.
local budget = require "money.budget"
local clock = require "base.clock"

local spending = {}
local methods = {}
local meta = { __index = methods }

local DAY = budget.DAY

--- What sums may be grouped by.
spending.BY = { "cloud", "model", "day" }

--- An empty sum. by: of BY; since: unix seconds or nil; now: unix seconds
function spending.new(by, since, now)
  return setmetatable({ by = by, since = since, now = now, groups = {}, total = { sessions = 0, seconds = 0,
    cost = 0, billed = 0, unknown = 0 } }, meta)
end

local function group_of(self, key)
  local group = self.groups[key]
  if not group then
    group = { key = key, sessions = 0, seconds = 0, cost = 0, billed = 0, unknown = 0 }
    self.groups[key] = group
  end
  return group
end

-- share: part of the row's cost; seconds of it
local function add(sum, row, share, seconds)
  sum.sessions, sum.seconds = sum.sessions + 1, sum.seconds + seconds
  if not row.cost then
    sum.unknown = sum.unknown + 1
    return
  end
  sum.cost = sum.cost + row.cost * share
  if row.source == "charges" then sum.billed = sum.billed + row.cost * share end
  sum.at_most = sum.at_most or row.at_most or nil
end

-- The days that a session touches, each with its seconds in it, from `from` to `to`.
local function days(from, to, use)
  local at = from
  while true do
    local midnight = budget.midnight(budget.midnight(at) + DAY + DAY / 4) -- days have 23 to 25 hours
    local ends = math.min(to, midnight > at and midnight or at + DAY)
    use(clock.local_time(at):sub(1, 10), ends - at)
    if ends >= to then return end
    at = ends
  end
end

--- Adds a row of money.history.
function methods:add(row)
  if not row.started then return end
  local to = math.max(row.started, row.ended or self.now)
  local from = math.max(row.started, self.since or row.started)
  if from > to or self.since and to < self.since then return end
  local whole = to - row.started
  local function share(seconds) return whole > 0 and seconds / whole or 1 end
  add(self.total, row, share(to - from), to - from)
  if self.by == "day" then
    return days(from, to, function(day, seconds) add(group_of(self, day), row, share(seconds), seconds) end)
  end
  local key = self.by == "model" and (row.model or "unknown") or row.provider or "unknown"
  add(group_of(self, key), row, share(to - from), to - from)
end

--- → the groups: days in their order, others by what they cost; and their sum
function methods:result()
  local list = {}
  for _, group in require("base.sorted")(self.groups) do list[#list + 1] = group end
  if self.by ~= "day" then
    table.sort(list, function(a, b)
      if a.cost ~= b.cost then return a.cost > b.cost end
      return a.key < b.key
    end)
  end
  return list, self.total
end

--- What a home spent. by: of spending.BY; since: unix seconds or nil
-- → { by, since, groups, total, damaged = number of damaged lines that were met }
function spending.of(home, by, since)
  local history, now = require "money.history", clock.wall()
  local self = spending.new(by, since, now)
  local damaged = require("home.past").each(home, since, function(session)
    if history.ran(session) then self:add(history.row(session, now)) end
  end)
  local groups, total = self:result()
  return { by = by, since = since, groups = groups, total = total, damaged = damaged }
end

return spending
