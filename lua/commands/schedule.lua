-- SPDX-License-Identifier: MIT
-- Starts and stops at fixed times, by cron or by timers of systemd.
local START = { "provider", "gpu", "gpus", "replicas", "model", "tier", "context", "spot", "on-demand",
  "region", "hours", "max-price", "max-hours", "idle", "timeout", "ready-within", "wait", "retry-until" }
local OWN = { "start", "stop=", "days", "cron", "systemd", "print" }

-- The options that belong to the start, as words of its command line.
local function start_words(ctx)
  local flags = require "facts.flags"
  local words = {}
  for _, name in ipairs(START) do
    local value = ctx.options[name]
    if value then
      words[#words + 1] = "--" .. name .. (flags.long(name).kind ~= "none" and "=" .. tostring(value) or "")
    end
  end
  return words
end

local function given(ctx, names)
  for _, name in ipairs(names) do
    name = name:gsub("=$", "")
    if ctx.options[name] then return "--" .. name end
  end
end

-- What could be said at night only to be refused or to come to nothing: a time that is over before the start,
-- or not before the stop. plan: the schedule. @raise `usage`
local function check_waiting(options, plan)
  local fail = require "base.fail"
  local within, till = require("start.again").within(options["ready-within"]), options["retry-until"]
  local function seconds(text) return text and require("facts.calendar").parse_time(text) end
  if not plan.start then return end
  if till and seconds(till) <= seconds(plan.start) then
    fail.raise("usage", ("--retry-until=%s is not after --start=%s, when the first try begins"):format(till,
      plan.start))
  end
  if till and plan.stop and seconds(till) > seconds(plan.stop) then
    fail.raise("usage", ("--retry-until=%s is after --stop=%s, which ends the tries"):format(till, plan.stop))
  end
  if within and plan.stop and within >= seconds(plan.stop) - seconds(plan.start) then
    fail.raise("usage", ("--ready-within=%s is as long as the time until --stop=%s, or longer"):format(
      options["ready-within"], plan.stop))
  end
end

local function plan_of(ctx)
  local fail = require "base.fail"
  local schedule = require "schedule.main"
  local options = ctx.options
  local useless = not options.start and given(ctx, START)
  if useless and options.stop then
    fail.raise("usage", ("%s is about a start; say --start=08:30 as well"):format(useless))
  end
  local plan = schedule.new(options.start, options.stop, options.days, start_words(ctx))
  check_waiting(options, plan)
  local hours = schedule.hours(plan)
  if hours and not options.hours then
    -- no session counts as shorter
    plan.words[#plan.words + 1] = ("--hours=%.4g"):format(math.max(hours, 0.1))
  end
  return plan
end

-- What a user should know before he relies on it.
local function advice(ctx, plan, backend, kept)
  local clock = require "base.clock"
  local config = require "config.effective"
  local schedule = require "schedule.main"
  local notes, env = {}, ctx.home .. "/.env"
  for _, row in ipairs(config.settings) do
    if config.origin(row.name) == "environment" then
      notes[#notes + 1] = ("%s comes from the environment of this shell, which no timer has; write it in %s")
        :format(row.name, env)
    end
  end
  if #kept > 0 then
    notes[#notes + 1] = ("the runs have %s of this shell, kept in %s; add the schedule again when they "
      .. "change"):format(table.concat(kept, ", "), require("schedule.unattended").path(ctx.home))
  end
  local zone = require "base.zone"
  local now = clock.wall()
  if zone.offset(now) ~= zone.system_offset(now) then
    notes[#notes + 1] = ("TZ of this shell is another zone than that of this computer, by which "
      .. "schedules go: there it is %s now"):format(
        clock.local_time(now - zone.offset(now) + zone.system_offset(now)):sub(12, 16))
  end
  if plan.start then
    local life, idle, price = config.limit "MAX_HOURS", config.limit "IDLE_MINUTES", config.get "MAX_PRICE"
    local hours = schedule.hours(plan)
    if not plan.stop then
      notes[#notes + 1] = "nothing but the machine's own limits ends it; --stop=17:00 would"
    elseif life and hours * 3600 > life then
      notes[#notes + 1] = ("the machine ends itself after %s, before the stop; --max-hours=%dh allows more")
        :format(clock.duration(life), math.ceil(hours))
    end
    if idle then
      notes[#notes + 1] = ("after %s without a question the machine ends itself until the next start; "
        .. "--idle=3h or --idle=off changes that"):format(clock.duration(idle))
    end
    if price and not ctx.options["max-price"] then
      notes[#notes + 1] = ("nothing above $%.2f/h (MAX_PRICE) is rented, nor, where the cheapest is gone, "
        .. "for more than twice its total; such a start fails with exit code %d; --max-price replaces both")
        :format(price, require("facts.exitcodes").code "limit")
    end
  end
  if not config.secret "ALERT_WEBHOOK_URL" then
    notes[#notes + 1] =
      "ALERT_WEBHOOK_URL is not set, so no message reaches you when a run fails; continueplz.log tells"
  end
  table.move(backend.notes(ctx.home), 1, 9, #notes + 1, notes)
  return notes
end

local function object(ctx, status, plan, backend, more)
  local clock = require "base.clock"
  local json = require "base.json"
  local schedule = require "schedule.main"
  local result = { status = status, home = ctx.home, backend = backend and backend.name }
  if plan then
    local start, stop = schedule.next(plan, "start"), schedule.next(plan, "stop")
    result.start, result.stop, result.days, result.options = plan.start, plan.stop, plan.days,
      json.array(plan.words)
    result.next_start, result.next_stop = start and clock.iso(start), stop and clock.iso(stop)
  end
  for name, value in require "base.sorted"(more or {}) do
    result[name] = value
  end
  return result
end

local function show(ctx, plan)
  local clock = require "base.clock"
  local schedule = require "schedule.main"
  for _, which in ipairs { "start", "stop" } do
    if plan[which] then
      ctx.print(("  %-6s %s %s, next on %s"):format(which, plan[which], plan.days,
        clock.local_time(schedule.next(plan, which))))
    end
  end
  if #plan.words > 0 then
    ctx.print("  with   " .. table.concat(plan.words, " "))
  end
end

local actions = {}

function actions.add(ctx)
  local json = require "base.json"
  local schedule = require "schedule.main"
  local plan = plan_of(ctx)
  local backend = schedule.choose(ctx.options.cron and "cron" or ctx.options.systemd and "systemd" or nil,
    ctx.options.print)
  if ctx.options.print then
    local lines = backend.text(ctx.home, plan)
    ctx.print(table.concat(lines, "\n"))
    ctx.emit(object(ctx, "printed", plan, backend, { lines = json.array(lines) }))
    return 0
  end
  if plan.start then
    require("start.offers").configured(require("config.effective").get("DEFAULT_PROVIDER"))
  end
  local before, kept = schedule.write(ctx.home, backend, plan)
  local notes = advice(ctx, plan, backend, kept)
  ctx.print(("%s by %s for %s:"):format(before and "Scheduled anew" or "Scheduled", backend.title, ctx.home))
  show(ctx, plan)
  for _, note in ipairs(notes) do
    ctx.print(table.concat(require("ui.format").wrap("  - " .. note,
      require("ui.format").width(), "    "), "\n"))
  end
  ctx.emit(object(ctx, "scheduled", plan, backend, { notes = json.array(notes), replaced = before }))
  return 0
end

function actions.list(ctx)
  local found = require("schedule.main").find(ctx.home)
  local first, code = found[1], 0
  if not first then
    ctx.print("Nothing is scheduled for " .. ctx.home .. ".")
    ctx.emit(object(ctx, "none"))
    return 0
  end
  for _, each in ipairs(found) do
    ctx.print(("Scheduled by %s for %s:"):format(each.backend.title, ctx.home))
    if each.schedule then
      show(ctx, each.schedule)
    end
    if each.problem then
      code = "failed"
      ctx.problem(each.problem)
    end
  end
  ctx.emit(object(ctx, code == 0 and "scheduled" or "broken", first.schedule, first.backend,
    { problem = first.problem }))
  return code
end

function actions.remove(ctx)
  local done = require("schedule.main").remove(ctx.home)
  if #done == 0 then
    ctx.problem("nothing is scheduled for " .. ctx.home)
    ctx.emit(object(ctx, "none"))
    return "nothing"
  end
  ctx.print(table.concat(done, "\n"))
  ctx.emit(object(ctx, "removed"))
  return 0
end

local options = table.move(OWN, 1, #OWN, 1, {})
table.move(START, 1, #START, #options + 1, options)

return {
  name = "schedule",
  summary = "start and stop at fixed times, by cron or timers of systemd",
  order = 100,
  meant = { "cron", "timer", "at" },
  details = "add needs --start, --stop or both, in local time; it replaces what was scheduled for this "
    .. "folder, asks nothing, and hands the other options to the start. Without a word: list. "
    .. "docs/cron.md tells more.",
  options = options,
  args = "[add|list|remove]",
  tolerant = true,
  data = true,
  answer = [[
    home, backend, start, stop, days, next_start, next_stop, problem: text; options, lines, notes: [text];
    replaced: boolean
  ]],
  run = function(ctx)
    local fail = require "base.fail"
    local names = { "add", "list", "remove" }
    local name = ctx.args[1] or (ctx.options.start or ctx.options.stop) and "add" or "list"
    if not actions[name] then
      fail.raise("usage", ("schedule does not know '%s'%s; it knows %s"):format(name,
        require("facts.suggest").hint(name, names), table.concat(names, ", ")))
    end
    local extra = ctx.args[2]
    local option = name ~= "add" and (given(ctx, OWN) or given(ctx, START))
    if extra or option then
      fail.raise("usage", ("schedule %s takes no %s%s"):format(name, extra and "'" .. extra .. "'" or option,
        extra and extra:find("^%d+:%d") and "; write --stop=" .. extra or ""))
    end
    return actions[name](ctx)
  end,
}
