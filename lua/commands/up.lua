-- SPDX-License-Identifier: MIT
-- Puts the sum to the person at the terminal, whatever stdin and stdout are;
-- no screen of the user's own answers for him. → bool
local function asker(ctx, want)
  return function(candidate, agreed, credit)
    local format = require "ui.format"
    ctx.screen:close()
    local asking = require("sandbox.world").builtin("ui.progress").new { json = ctx.json }
    local term = require "base.term"
    local rate = require("config.effective").rate()
    local lines = require("cli.sum").lines(candidate, agreed, credit, want, rate,
      ctx.json or not term.is("out"))
    return term.agrees(asking:ask(lines, ("Rent it for %s? [y/N] "):format(format.hourly(candidate.hourly))))
  end
end

-- What a day may cost is warned about, once, by the first choice.
local function warn_of_budget(ctx, candidate)
  local format = require "ui.format"
  local rate = require("config.effective").rate()
  local budget = require("money.budget").passed(candidate.total, rate)
  if budget then
    ctx.screen:warn(("%s, at %s, is more than DAILY_BUDGET_EUR (€%.2f)")
      :format(format.dollars(candidate.total), format.rate(rate), budget))
  end
end

-- With --ensure: a machine of this folder that answers with the model that is meant is all that was wanted. →
-- its report, or nil when the start is to go its way (which knows what to do with whatever is there)
local function running(ctx)
  local fail = require "base.fail"
  local report = require("start.report").status()
  if report.state ~= "ready" then return nil end
  local wanted = require("start.sizing").chosen()
  if report.model.name ~= wanted then
    fail.raise("busy", ("a machine of %s is running already, but it serves %s, not %s; stop it first")
      :format(ctx.home, report.model.name, wanted))
  end
  if report.model.state ~= "ready" then
    fail.raise("transient", ("a machine of %s is running already, but its model does not answer (%s); "
      .. "continueplz status tells more"):format(ctx.home, report.model.state), { exit = "failed" })
  end
  return report
end

-- A start is told in a file as well, for whoever follows it from elsewhere.
local function followed(ctx, screen)
  local titles = {}
  for index, step in ipairs(require("start.deploy").steps) do titles[index] = step.title end
  return require("cli.followed").screen(ctx, screen, titles, require("start.sizing").chosen())
end

-- What says nothing beside --plan, which rents nothing. @raise `usage`
local function refuse_beside_plan(options)
  if options["dry-run"] and options.agreed then
    require("base.fail").raise("usage", "--dry-run rents nothing, so there is no sum that --agreed could "
      .. "cover; leave one of them out, or say --plan, which compares the sum")
  end
  for _, name in ipairs { "dry-run", "wait", "retry-until", "keep-on-failure", "ensure" } do
    if options.plan and options[name] then
      require("base.fail").raise("usage", ("--plan tells what a start would do and rents nothing, so --%s "
        .. "has no meaning beside it; say one of them"):format(name))
    end
  end
end

-- What --wait, --retry-until and --ready-within ask for. → of start.again, seconds; each may be nil
local function waiting(options)
  local fail = require "base.fail"
  refuse_beside_plan(options)
  local wait = options["retry-until"] and "--retry-until" or options.wait and "--wait"
  local other = options["dry-run"] and "--dry-run" or options["keep-on-failure"] and "--keep-on-failure"
  if wait and other then
    fail.raise("usage", other == "--dry-run" and wait .. " waits for a machine, and --dry-run rents none"
      or wait .. " rents nothing beside a machine that --keep-on-failure kept; say one of them")
  end
  local within = require("start.again").within(options["ready-within"])
  local time = options["retry-until"]
  return require("start.again").plan(options.wait, time and require("facts.calendar").parse_time(time)),
    within and require("home.timing").seconds(within)
end

-- What --plan tells. → exit code: that which the start would end with before it rents
local function show_plan(ctx, start, person)
  local model = require("start.preview").of(start, person)
  local view, first = require "ui.plan", model.hindrances[1]
  model.rate = require("config.effective").rate()
  ctx.screen:finish(view.lines(model))
  ctx.print("Plan: nothing was rented.")
  ctx.emit(view.object(model))
  if not first then return 0 end
  ctx.problem("a start now would end before it rents: " .. first.message)
  return first.code
end

local function show_dry(ctx, plan, want, rate)
  local view = require "ui.offers"
  local offers = require "start.offers"
  local model = {
    want = want, ordered = plan.ordered, rejected = plan.rejected, results = plan.collected.results,
    -- a blank, two lines below, the prompt
    reasons = offers.reasons(plan.rejected), rate = rate, room = require("ui.format").room(4),
  }
  ctx.screen:finish(view.lines(model))
  local object = view.object(model)
  object.status = "dry-run"
  ctx.print("Dry run: nothing was rented.")
  ctx.emit(object)
  return 0
end

return {
  name = "up",
  summary = "rent the cheapest machine that fits and serve the model",
  order = 20, daily = 2, renting = true,
  aliases = { "start" },
  meant = { "run", "rent", "create", "launch", "deploy", "new", "serve" },
  details = "At a terminal it asks first, with the sum, also when its output goes elsewhere. A yes covers up "
    .. "to a tenth more, should the first choice be gone; then it asks again. With -y or without a terminal: "
    .. "up to twice the first sum, within MAX_PRICE; --max-price replaces both. --agreed is a yes that was "
    .. "given before: it covers a tenth more, within MAX_PRICE or --max-price; beyond that it ends with "
    .. "{limit}. --offer names what is tried first. --plan ends with {ok} where a start "
    .. "would rent or ask, else with the code that it would end with.",
  options = {
    "cheapest", "offer", "provider", "gpu", "gpus", "replicas", "model", "tier", "engine", "context", "spot",
    "on-demand", "region", "hours", "max-price", "agreed",
    "max-hours", "idle", "timeout", "ready-within", "wait", "retry-until", "accept-no-guard",
    "keep-on-failure", "dry-run", "plan", "ensure", "alert",
  },
  writes = true,
  logged = true,
  answer = [[
    =status; =offers;
    plan: {
      why: { offered, clouds, fit, passed_over: integer; policy: text; named: boolean };
      cost: { least, total, most, life_hours: number; currency: text };
      guard: { kind: text; silence_seconds, idle_seconds, life_seconds: integer };
      tunnel, untold: text; around: [text]; asks: boolean; unfinished: integer;
      requests: [{ method, url, makes: text; body: any }];
      hindrances: [{ kind, message: text; exit_code: integer }]
    }
  ]],
  run = function(ctx)
    local config = require "config.effective"
    local steady = require "cli.steady"
    local patience, within = waiting(ctx.options)
    local screen = steady.screen(ctx)
    local found = ctx.options.ensure and running(ctx)
    if found then
      screen:close()
      ctx.print(("Already running: %s at %s."):format(found.model.name, found.endpoint.url))
      ctx.emit(steady.call(ctx, "ui.status", function(view)
        return view.object(found)
      end))
      return 0
    end
    local plan = ctx.options.plan
    local dry = plan or ctx.options["dry-run"]
    if not dry then screen = followed(ctx, screen) end
    screen:title(plan and "Planning a deployment" or "Starting deployment")
    if not dry then
      require("money.recover").refuse_second(require("home.journal").open(config.home()))
    end
    local want = require("start.want").make { strict = true,
      accept_no_guard = ctx.options["accept-no-guard"], ready_within = within, offer = ctx.options.offer }
    for _, note in ipairs(want.notes) do
      screen:note(note)
    end
    local agreed = ctx.options.agreed
    local person = (plan or not dry) and not agreed and require("cli.person").there(ctx)
    local result, report = require("start.deploy").up(want, screen, {
      dry_run = dry, rehearses = plan, keep_on_failure = ctx.options["keep-on-failure"],
      person = person, agreed = agreed, ask = asker(ctx, want),
      chosen = function(candidate) warn_of_budget(ctx, candidate) end,
      again = patience, ready_within = within,
    })
    if result == "dry-run" and plan then return show_plan(ctx, report, person) end
    if result == "dry-run" then return show_dry(ctx, report.plan, want, config.rate()) end
    ctx.outcome = result
    if result == "declined" then
      screen:close()
      ctx.print("Nothing was rented.")
      ctx.emit { status = "declined" }
      return "limit"
    end
    screen:finish(steady.call(ctx, "ui.status", function(view)
      return view.ready(report)
    end))
    ctx.emit(steady.call(ctx, "ui.status", function(view)
      return view.object(report)
    end))
    return 0
  end,
}
