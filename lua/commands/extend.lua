-- SPDX-License-Identifier: MIT
-- What is wanted. → { seconds = } or { at = unix seconds }
local function wish_of(ctx)
  local fail = require "base.fail"
  local clock = require "base.clock"
  local duration, time = ctx.args[1], ctx.options["until"]
  if (duration == nil) == (time == nil) then
    fail.raise("usage", duration and "a duration and --until contradict each other; say one of them"
      or "say for how long, as in continueplz extend 2h, or until when: --until=18:00")
  end
  if time then
    local calendar = require "facts.calendar"
    return { at = calendar.next(calendar.parse_time(time), clock.wall()) }
  end
  local seconds, why = clock.parse_duration(duration)
  if not seconds then fail.raise("usage", why) end
  return { seconds = seconds }
end

-- What the cloud says: the ends that it keeps by itself, and the credit that is left.
-- → bounds (of money.extension), balance|nil, sentences about what could not be asked
local function of_cloud(session)
  local fail = require "base.fail"
  local bounds, untold, provider = {}, {}, nil
  local ok, instance = fail.try(function()
    provider = require("money.provider_of").provider(session.provider)
    return provider.get(session.id)
  end)
  if not ok then
    untold[1] = "Whether the cloud ends it earlier could not be asked: " .. fail.message(instance) .. "."
  end
  local longest, why
  local rented = require("money.extension").rented_life(session)
  if provider and provider.longest then longest, why = provider.longest(rented) end
  if longest then bounds[1] = { life = longest, why = why } end
  if ok and instance.ends_at then
    bounds[#bounds + 1] = { at = instance.ends_at, why = "its host's contract with the cloud ends then" }
  end
  local told, account = fail.try(function() return provider.account() end)
  return bounds, told and account.balance or nil, untold
end

-- The next stop of this folder's schedule is an end as well. → bounds, sentence|nil
local function of_schedule(home)
  local fail = require "base.fail"
  local schedule = require "schedule.main"
  local ok, found = fail.try(schedule.find, home)
  if not ok then
    return {}, "Whether a schedule stops it earlier could not be read: " .. fail.message(found) .. "."
  end
  local bounds = {}
  for _, each in ipairs(found) do
    local at = each.schedule and schedule.next(each.schedule, "stop")
    if at then
      bounds[#bounds + 1] = { at = at, why = ("the schedule of this folder stops it at %s"):format(
        each.schedule.stop), way = "continueplz schedule shows it, and takes it away" }
    end
  end
  return bounds
end

-- Everything that is known before anybody is asked.
local function model_of(ctx, session, wish)
  local config = require "config.effective"
  local extension = require "money.extension"
  local clock = require "base.clock"
  local guard = require("money.limits").guard()
  local model = extension.of(session, guard, wish, clock.wall())
  local bounds, balance, untold = of_cloud(session)
  local planned, unread = of_schedule(ctx.home)
  table.move(planned, 1, #planned, #bounds + 1, bounds)
  extension.check_bounds(model, bounds)
  model.rate, model.balance, model.untold = config.rate(), balance, untold
  untold[#untold + 1] = unread
  local recent = require("home.journal").open(ctx.home):recent(require("money.budget").SECONDS)
  local limit, euros = extension.over_budget(model, recent, model.rate)
  model.budget = limit and { limit = limit, euros = euros } or nil
  local most = config.get("MAX_PRICE")
  model.above = most and model.hourly > most and most or nil
  return model
end

-- One yes: of the person at the terminal, or of the line itself. → bool
local function agreed(ctx, model)
  local person, view = require "cli.person", require "ui.extension"
  if person.there(ctx) then
    return person.agrees(ctx, view.lines(model), view.question(model))
  end
  require("money.extension").check_alone(model, { balance = model.balance,
    max_price = require("config.effective").get("MAX_PRICE") })
  for _, line in ipairs(view.lines(model)) do ctx.print(line) end
  return true
end

return {
  name = "extend",
  summary = "let the machine live longer, at the price that it shows",
  order = 42,
  meant = { "prolong", "longer", "renew", "lease" },
  details = "continueplz extend 2h, or extend --until=18:00. It shows what the longer life costs, asks "
    .. "once, tells the guard on the machine through the tunnel, and has it confirmed. With -y or without "
    .. "a terminal: up to twice the life that the machine was rented for. What a cloud or a schedule ends "
    .. "by itself cannot be extended, which is said before anything is changed. Silence and idleness go "
    .. "on counting.",
  options = { "until" },
  args = "[DURATION]",
  words = 1,
  logged = true,
  answer = [[
    id, provider, ended_before_at, ends_at: text; added_seconds: number; life_seconds: integer;
    cost: { added, total, hourly: number; at_most: boolean; currency: text };
    euro_rate: { per_dollar: number; date, source: text }; warnings: [text]
  ]],
  run = function(ctx)
    local fail = require "base.fail"
    local view = require "ui.extension"
    local wish = wish_of(ctx)
    local session, code = require "cli.ready"(ctx)
    if not session then return code end
    local model = model_of(ctx, session, wish)
    if not agreed(ctx, model) then
      ctx.print("Nothing was extended.")
      ctx.emit(view.object(model, "declined"))
      return "limit"
    end
    local done, why, problem = require("money.limits").change(ctx.home, model.token, "life", model.life, true)
    if not done then
      fail.raise(problem.kind, ("%s keeps the end that it had, unless its guard says another one "
        .. "(continueplz limits): %s"):format(model.id, why), { exit = problem.exit or "failed" })
    end
    if why then ctx.problem(why) end
    ctx.print(table.concat(view.done(model), "\n"))
    ctx.emit(view.object(model, "extended"))
    return why and "failed" or 0
  end,
}
