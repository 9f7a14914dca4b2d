-- SPDX-License-Identifier: MIT
local function money(amount)
  return ("$%.2f"):format(amount)
end

-- Asks once before renting. → true, or false and why the answer is no (nil when a person said no).
local function confirmation(ctx, want, rate)
  local clock = require "base.clock"
  local format = require "ui.format"
  local outcome = {}
  local budget = require("facts.config").get("DAILY_BUDGET_EUR")
  function outcome.ask(candidate)
    if budget and candidate.total * rate.per_dollar > budget then
      ctx.screen:warn(("%s is more than DAILY_BUDGET_EUR (€%.2f)"):format(format.both(candidate.total, rate), budget))
    end
    local above = want.ask_above and candidate.hourly > want.ask_above and not want.max_price
    if not ctx.asks then
      if above then
        outcome.limit = ("the cheapest that fits costs %s, above MAX_PRICE (%s/h); say --max-price=%.2f to rent it"):format(
          format.hourly(candidate.hourly), money(want.ask_above), math.ceil(candidate.hourly * 100) / 100)
        return false
      end
      return true
    end
    local parts = candidate.parts
    local compute, disk, download, minimum = format.parts(candidate.total, parts.compute, parts.disk, parts.download, parts.minimum)
    local lines = format.wrap(("%s for %s: %s compute, %s disk, %s download%s."):format(format.both(candidate.total, rate),
      clock.duration(want.hours * 3600), compute, disk, download, parts.minimum > 0 and ", " .. minimum .. " minimum period" or ""),
      format.width() - 6)
    local guarding = require "work.guarding"
    if guarding.kind(require("base.world").require("providers." .. candidate.offer.provider), want.accept_no_guard) == "none" then
      lines[#lines + 1] = "NO GUARD: this machine would not end itself."
    end
    if above then
      lines[#lines + 1] = ("That is %s, ABOVE your limit MAX_PRICE of %s/h."):format(format.hourly(candidate.hourly),
        money(want.ask_above))
    end
    local asking = ctx.screen
    if above then -- no screen of the user's own agrees to more than MAX_PRICE
      asking:close()
      asking = require("base.world").builtin("ui.progress").new { json = ctx.json }
    end
    local answer = asking:ask(lines, ("Rent it for %s? [y/N] "):format(format.hourly(candidate.hourly)))
    return answer ~= nil and answer:lower():match("^%s*y") ~= nil
  end
  return outcome
end

-- With --ensure: a machine of this folder that answers with the model that is meant is all that was wanted. → its report, or nil
-- when the start is to go its way (which knows what to do with whatever is there)
local function running(ctx)
  local fail = require "base.fail"
  local report = require("work.report").status()
  if report.state ~= "ready" then
    return nil
  end
  local wanted = require("work.sizing").chosen()
  if report.model.name ~= wanted then
    fail.raise("busy", ("a machine of %s is running already, but it serves %s, not %s; stop it first"):format(ctx.home, report.model.name,
      wanted))
  end
  if report.model.state ~= "ready" then
    fail.raise("transient", ("a machine of %s is running already, but its model does not answer (%s); continueplz status tells more"):format(
      ctx.home, report.model.state), { exit = "failed" })
  end
  return report
end

local function show_dry(ctx, run, want, rate)
  local view = require "ui.offers"
  local offers = require "work.offers"
  local model = {
    want = want, ordered = run.ordered, rejected = run.rejected, results = run.collected.results,
    reasons = offers.reasons(run.rejected), rate = rate,
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
  options = {
    "cheapest", "provider", "gpu", "gpus", "model", "tier", "engine", "context", "spot", "on-demand", "region", "hours", "max-price",
    "max-hours", "idle", "timeout", "accept-no-guard", "keep-on-failure", "dry-run", "ensure", "alert",
  },
  writes = true,
  logged = true,
  run = function(ctx)
    local config = require "facts.config"
    local steady = require "cli.steady"
    local screen = steady.screen(ctx)
    local rate = config.rate()
    local found = ctx.options.ensure and running(ctx)
    if found then
      screen:close()
      ctx.print(("Already running: %s at %s."):format(found.model.name, found.endpoint.url))
      ctx.emit(steady.call(ctx, "ui.status", function(view)
        return view.object(found)
      end))
      return 0
    end
    screen:title("Starting deployment")
    if not ctx.options["dry-run"] then
      require("work.recover").refuse_second(require("work.journal").open(config.home()))
    end
    local want = require("work.want").make { strict = true, accept_no_guard = ctx.options["accept-no-guard"] }
    for _, note in ipairs(want.notes) do
      screen:note(note)
    end
    local question = confirmation(ctx, want, rate)
    local result, report = require("work.deploy").up(want, screen, {
      dry_run = ctx.options["dry-run"], keep_on_failure = ctx.options["keep-on-failure"], confirm = question.ask,
    })
    if result == "dry-run" then
      return show_dry(ctx, report, want, rate)
    end
    if result == "declined" then
      screen:close()
      if question.limit then
        ctx.problem(question.limit)
      else
        ctx.print("Nothing was rented.")
      end
      ctx.emit { status = "declined", reason = question.limit }
      return 8
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
