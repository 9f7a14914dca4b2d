-- SPDX-License-Identifier: MIT
-- What this home rented, for scripts of the user's: copies of the sessions of journal and history,
-- nothing that can be written.
local clock = require "base.clock"
local config = require "config.effective"
local cost = require "home.cost"
local fail = require "base.fail"
local journal = require "home.journal"
local history = require "home.history"

local M = {}

local function row(session, now)
  local plan = session.plan or {}
  return {
    token = session.token, id = session.id, provider = session.provider, gpu = plan.gpu, region = plan.region,
    model = session.model, spot = plan.spot, state = session.state, open = not session.closed,
    started = session.started, ended = session.ended, ready_at = session.ready_at,
    seconds = session.started and math.max(0, (session.ended or now) - session.started) or 0,
    hourly = cost.hourly(session),
    cost = session.closed ~= "never" and (session.cost or cost.so_far(session, now)) or 0,
    currency = session.currency or "USD",
  }
end

--- Every session of this home, oldest first. → array of { token, id, provider, gpu, region, model, spot,
-- state, open, started, ended, ready_at (unix seconds), seconds, hourly, cost (of the whole session,
-- so far), currency }
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
