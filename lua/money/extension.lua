-- SPDX-License-Identifier: MIT
-- A longer life for the machine in use (DESIGN §1.6, §1.11): what it costs until the new end, what stands
-- in its way, and what a line may agree to without anybody to ask. Nothing here tells the guard: that is
-- money.limits, which has it confirmed.
local clock = require "base.clock"
local fail = require "base.fail"
local budget = require "money.budget"
local cost = require "home.cost"

local MOST_SECONDS = 10 * 366 * 86400 -- that a guard counts (docs/guest.md)
local LEAST_SECONDS = 60
local ALONE = 2 -- times the life that the machine was rented for: what nobody need be asked about

local extension = {}

local function refuse(kind, text, ...) fail.raise(kind, text:format(...)) end

-- What the session costs in all when it ends at `t`.
local function sum(session, t) return cost.so_far(setmetatable({ ended = t }, { __index = session }), t) end

local function check_end(model)
  if model.added < LEAST_SECONDS then
    refuse("usage", "that is not a minute later than the end that the machine has, in %s; config set "
      .. "MAX_HOURS shortens a life, and stop ends the machine now", clock.duration(model.was - model.now))
  end
  if model.life > MOST_SECONDS then
    refuse("usage", "%s is longer than a guard counts, ten years", clock.duration(model.life))
  end
end

--- The seconds of life that a machine was rented for, whatever it was given since; 0: without end.
function extension.rented_life(session)
  return session.rented_life or session.plan and session.plan.life or 0
end

--- What an extension means. Pure.
-- @param session of home.sessions, in use
-- @param guard the guard's own words (GET /status)
-- @param wish { seconds = more of life } or { at = unix seconds of the new end }
-- @param now unix seconds
-- @return { token, id, provider, now, was, ends = unix seconds, added, life, rented_life =
-- seconds, hourly, cost = of what is added, total = of the session until then, currency, at_most }
-- @raise `usage` for an end that is none, `limit` where the machine has none or is ending
function extension.of(session, guard, wish, now)
  local life, left = tonumber(guard.life) or 0, tonumber(guard.life_left)
  if guard.state ~= "armed" then refuse("busy", "%s is ending already", session.id) end
  if life <= 0 or not left then
    refuse("limit", "%s has no limit of life, so there is nothing to extend; continueplz limits tells what "
      .. "ends it", session.id)
  end
  local was = now + left
  local added = math.floor((wish.seconds or wish.at - was) + 0.5)
  local model = { token = session.token, id = session.id, provider = session.provider, now = now, was = was,
    added = added, ends = was + added, life = math.floor(life + added),
    rented_life = extension.rented_life(session),
    hourly = cost.hourly(session), currency = session.currency or "USD",
    at_most = cost.at_most(session) or nil }
  check_end(model)
  model.total = cost.reckonable(session) and sum(session, model.ends) or nil
  model.cost = sum(session, model.ends) - sum(session, was)
  return model
end

--- Refuses what would not hold: an end beyond the one that the cloud, its host or the schedule keeps.
-- @param bounds { { at = unix seconds | life = seconds, why = sentence, way = what to do|nil }, … }
-- @raise `limit`
function extension.check_bounds(model, bounds)
  for _, bound in ipairs(bounds) do
    local beyond = bound.life and model.life > bound.life or bound.at and model.ends > bound.at
    if beyond then
      local most = bound.life and bound.life - (model.life - model.added) or bound.at - model.was
      refuse("limit", "%s cannot be extended so far: %s%s%s", model.id, bound.why,
        most >= LEAST_SECONDS and ("; until then it can be given %s more"):format(clock.duration(most)) or "",
        bound.way and "; " .. bound.way or "")
    end
  end
end

--- What a line may agree to where nobody is asked: up to twice the life that the machine was rented for, at
-- no more than MAX_PRICE, with the credit for it.
-- @param limits { max_price = $/h|nil, balance = dollars|nil }
-- @raise `limit`, `funds`
function extension.check_alone(model, limits)
  local most = model.rented_life * ALONE
  if most > 0 and model.life > most then
    refuse("limit", "%s would live for %s, %s beyond twice the %s that it was rented for, and nobody can be "
      .. "asked; say it at a terminal without -y", model.id, clock.duration(model.life),
      clock.duration(model.life - most), clock.duration(model.rented_life))
  end
  if limits.max_price and model.hourly > limits.max_price * (1 + 1e-9) then
    refuse("limit", "%s costs $%.3f/h, above MAX_PRICE ($%.2f/h), and nobody can be asked", model.id,
      model.hourly, limits.max_price)
  end
  if limits.balance and limits.balance < model.cost then
    fail.raise("funds", ("the credit at %s is $%.2f, and %s more cost $%.2f; nothing was extended"):format(
      model.provider, limits.balance, clock.duration(model.added), model.cost))
  end
end

--- Is the day's spending above its budget when the machine runs on? sessions: of the last days; rate: of
-- config.rate. → the budget and the sum of the day, in euros; or nil
function extension.over_budget(model, sessions, rate)
  local tomorrow = budget.midnight(model.now) + budget.DAY
  local today = math.max(0, math.min(model.ends, tomorrow) - model.now) * model.hourly / 3600
  return budget.passed(budget.spent(sessions, model.now) + today, rate)
end

return extension
