-- SPDX-License-Identifier: MIT
-- What this home rented, for scripts of the user's: copies of the sessions of journal and history,
-- nothing that can be written.
local clock = require "base.clock"
local config = lazy "config.effective"
local cost = lazy "home.cost"
local fail = lazy "base.fail"
local journal = lazy "home.journal"
local history = lazy "home.history"

local M = {}

-- Is its sum the most that it can have cost? A session that is over says so itself.
local function at_most(session)
  if session.closed then return session.cost_at_most end
  return cost.at_most(session) or nil
end

--- One session as it is told of. now: unix seconds
-- → { token, id, provider, gpu, gpus, region, model, spot, state, open, started, ended, ready_at (unix
-- seconds), seconds, hourly, cost (so far; nil: not known), at_most, source = "charges" (the cloud's own
-- bill) | "reckoned", currency, outcome (nil: open), reason (why it ended) }
function M.row(session, now)
  local plan, never = session.plan or {}, session.closed == "never"
  local known = session.cost or cost.reckonable(session) and cost.so_far(session, now) or nil
  return {
    token = session.token, id = session.id, provider = session.provider, gpu = plan.gpu, gpus = plan.gpus,
    region = plan.region, model = session.model or plan.model, spot = plan.spot, state = session.state,
    open = not session.closed, started = session.started, ended = session.ended, ready_at = session.ready_at,
    seconds = session.started and math.max(0, (session.ended or now) - session.started) or 0,
    hourly = (session.hourly or 0) + (session.disk_hour or 0), cost = never and 0 or known,
    at_most = not never and at_most(session) or nil,
    source = session.cost_source or "reckoned", currency = session.currency or "USD",
    outcome = session.closed, reason = session.stopping,
  }
end

local row = M.row

--- Did anything run at all? What was refused, or never sent, cost nothing.
function M.ran(session)
  return session.started ~= nil and session.closed ~= "never" and (session.id ~= nil or not session.closed)
end

--- The last sessions of a home that ran, the newest first, `count` at most and not older than `since` (unix
-- seconds; nil: all). → rows, number of damaged lines met
function M.last(home, count, since)
  local list, now = {}, clock.wall()
  local damaged = require("home.past").each(home, since, function(session)
    if M.ran(session) and (not since or (session.ended or now) >= since) then
      list[#list + 1] = row(session, now)
    end
    return #list >= count
  end)
  return list, damaged
end

--- Every session of this home, oldest first. → array of rows
function M.sessions()
  local list, own, now = {}, {}, clock.wall()
  local open = journal.open(config.home()):sessions()
  for _, session in ipairs(open) do own[session.token] = true end
  local over, why = history.all(config.home())
  if not over then
    fail.raise("config", "the history cannot be read: " .. why)
  end
  for _, session in ipairs(over.sessions) do
    if not own[session.token] then list[#list + 1] = row(session, now) end
  end
  for _, session in ipairs(open) do list[#list + 1] = row(session, now) end
  return list
end

return M
