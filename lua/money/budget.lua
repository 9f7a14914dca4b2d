-- SPDX-License-Identifier: MIT
-- The day's spending of this home against DAILY_BUDGET_EUR: warned about, once a day, never enforced (PRD
-- §10.1).
local clock = require "base.clock"
local zone = require "base.zone"
local config = require "config.effective"
local alert = require "home.alert"
local cost = require "home.cost"

local DAY = 86400

--- SECONDS: sessions that ended longer ago cost nothing today.
local budget = { SECONDS = 2 * DAY, DAY = DAY }

--- The unix second at which the local day of `now` began.
function budget.midnight(now)
  local here = now + zone.offset(now)
  return now - here % DAY
end

--- What the sessions cost since the local midnight, in dollars: agreed prices × time, our own reckoning. Pure
-- but for the time zone.
function budget.spent(sessions, now)
  local midnight, sum = budget.midnight(now), 0
  for _, session in ipairs(sessions) do
    local from, to = session.started, session.ended or now
    if from and session.closed ~= "never" and to > midnight then
      local whole = to - from
      local today = to - math.max(from, midnight)
      sum = sum + (whole > 0 and cost.so_far(session, to) * today / whole or 0)
    end
  end
  return sum
end

--- Is a sum above the budget of a day? rate: of config.rate. → the budget and the sum, in euros; or nil
function budget.passed(dollars, rate)
  local limit, euros = config.get("DAILY_BUDGET_EUR"), dollars * rate.per_dollar
  if not limit or euros <= limit then return nil end
  return limit, euros
end

--- Warns when the day's spending passed the budget. → the day it warned for, to be handed in again as
-- `warned`
function budget.watch(sessions, warned)
  local now, rate = clock.wall(), config.rate()
  local day = budget.midnight(now)
  local limit, euros = budget.passed(budget.spent(sessions, now), rate)
  if not limit or warned == day then return warned end
  local assumed = "; no rate is set (EUR_RATE), so a dollar counts as €%.2f"
  alert.warn(("today's spending of about €%.2f is above DAILY_BUDGET_EUR (€%.2f)%s"):format(euros, limit,
    rate.assumed and assumed:format(rate.per_dollar) or ""), { action = "budget" })
  return day
end

return budget
