-- SPDX-License-Identifier: MIT
-- What a script of the user's can do: `local cplz = require "api"`. Every function and field is told in
-- docs/scripts.md (a test compares). Commands are the commands of the command line, with the same options,
-- the same refusals and the same answers as with --output=json; what goes wrong is raised as a failure with
-- `kind` and `message`. Nothing here ever asks.
local args = lazy "cli.args"
local clock = lazy "base.clock"
local fail = require "base.fail"
local flags = lazy "facts.flags"
local log = lazy "base.log"
local run = lazy "cli.run"
local script = require "cli.script"
local sorted = require "base.sorted"
local suggest = lazy "facts.suggest"
local task = lazy "base.task"
local term = require "base.term"
local world = require "sandbox.world"
local calendar = lazy "facts.calendar"
local exitcodes = lazy "facts.exitcodes"

-- between two looks at the wall clock, which may be set or go on while the computer sleeps
local LOOK_SECONDS = 20

local api = {}

local running = script.running or {}
running.api = true

--- The words after the script's name; the folder in use.
api.args, api.home = running.args or {}, world.home

-- Options by name, as the words of a command line.
local function words_of(name, options)
  local words = {}
  for key, value in sorted(options) do
    if type(key) ~= "string" then
      fail.raise("usage",
        ("%s takes its options by name, like %s{ model = \"qwen3-coder:30b\" }"):format(name, name))
    end
    local flag = key:gsub("_", "-")
    local row = flags.long(flag)
    if not row or row.global or key == "alert" then -- alerts are the script's own
      fail.raise("usage",
        ("%s takes no option '%s'%s"):format(name, key, suggest.hint("--" .. flag, flags.names())))
    end
    if value == false and (row.setting or row.kind ~= "none") then
      fail.raise("usage",
        ("%s: %s = false says nothing; leave it out, or say what you want instead"):format(name, key))
    end
    if value == true then
      words[#words + 1] = "--" .. flag .. (row.kind ~= "none" and "=" or "")
    elseif value ~= false then
      words[#words + 1] = ("--%s=%s"):format(flag,
        tostring(math.type(value) == "float" and math.tointeger(value) or value))
    end
  end
  return words
end

local function parse(name, command, options)
  local parsed, why = args.parse(words_of(name, options))
  if not parsed then fail.raise("usage", why) end
  local fits, sentence = args.allowed(command, parsed)
  if not fits then fail.raise("usage", sentence) end
  parsed.options.verbose = running.options and running.options.verbose
  return parsed
end

-- A context that keeps what the command tells instead of printing it; with `quiet` nothing at all is printed.
local function listen(command, parsed, quiet)
  local ctx = run.context(command, parsed)
  ctx.asks, ctx.alone, ctx.json = false, true, quiet or running.json == true
  function ctx.emit(object)
    ctx.object = object
  end
  function ctx.problem(message)
    ctx.sentence = message
    log.warn(message, { script = world.script })
  end
  return ctx
end

local KINDS = { failed = "unproven", cloud = "transient" }

local function kind_of(code)
  for _, row in ipairs(exitcodes.list) do
    if row.code == code then return KINDS[row.name] or row.name end
  end
  return "internal"
end

local under_way -- the call whose options are in force

-- Options are in force for as long as their call lasts.
local function with_options(name, command, parsed, fn)
  if under_way then
    fail.raise("busy",
      ("%s was called while %s is under way; call one after the other"):format(name, under_way))
  end
  under_way = name
  local refusal = run.prepare(command, parsed)
  local ok, result = fail.settle(function()
    return refusal and error(refusal, 0) or fn()
  end)
  run.load_settings { settings = running.settings or {} }
  under_way = nil
  if not ok then error(result, 0) end
  return result
end

-- Runs a command. → what it tells in JSON, or raises
local function call(name, options, quiet, builtin)
  local command = world.require_safe("commands." .. name)
  local rest = {}
  for key, value in sorted(options or {}) do
    if key ~= "quiet" then
      rest[key] = value
    end
  end
  local parsed = parse(name, command, rest)
  local ctx = listen(command, parsed, quiet or options and options.quiet == true)
  local function perform()
    local ok, code = require("cli.perform").call(command, ctx, builtin)
    if ctx.screen then
      ctx.screen:close()
    end
    if ctx.over then ctx.over(ok and code or exitcodes.of(code), not ok and fail.message(code) or nil) end
    if not ok then error(code, 0) end
    if code ~= 0 then
      fail.raise(kind_of(code), ctx.sentence or ("%s ended with exit code %s"):format(name, tostring(code)),
        { report = ctx.object })
    end
    return ctx.object
  end
  if command.tolerant then return perform() end
  return with_options(name, command, parsed, perform)
end

--- What the clouds offer. → object
function api.offers(options)
  return call("offers", options, true)
end

--- Starts a machine. → the object of a ready machine
function api.up(options)
  return call("up", options)
end

--- Ends the machine and proves it. → object; raises kind `unproven` when something may still bill
function api.stop(options)
  world.forgive(true)
  local ok, result = fail.settle(call, "stop", options, nil, world.builtin("commands.stop"))
  world.forgive(false)
  if not ok then error(result, 0) end
  return result
end

--- What is running. → object
function api.status()
  return call("status", nil, true)
end

--- Where the model is reached. → object; raises kind `nothing` when none is ready
function api.endpoint()
  return call("endpoint", nil, true)
end

--- Asks the model. → the whole answer, tokens per second
function api.ask(question, on_text)
  if type(question) ~= "string" or question == "" then
    fail.raise("usage", "ask needs a question: ask(\"Why is the sky blue?\")")
  end
  local found = api.endpoint()
  return world.require("engines.ollama").ask(require("home.guest_client").engine(), found.model, question,
    on_text or function() end)
end

--- Is money running? → the sentence that commands end with
function api.money()
  return require("ui.money").line(world.home)
end

--- Tells the log and the webhook.
function api.alert(message, context)
  require("home.alert").error(tostring(message), context or { script = world.script, home = world.home })
end

--- A line on stdout.
function api.print(...)
  local parts = table.pack(...)
  for index = 1, parts.n do
    parts[index] = tostring(parts[index])
  end
  term.out(table.concat(parts, "\t") .. "\n")
end

--- A line in continueplz.log.
function api.log(message, fields)
  log.info(tostring(message), fields)
end

--- Waits. seconds: a number, or a duration like "90s" or "1h30m".
function api.sleep(seconds)
  local wanted, why = seconds, nil
  if type(seconds) ~= "number" then
    wanted, why = clock.parse_duration(tostring(seconds))
  end
  if not wanted or wanted ~= wanted or wanted < 0 then
    fail.raise("usage", "sleep: " .. (why or ("'%s' is no time to wait"):format(tostring(seconds))))
  end
  task.sleep(wanted)
end

local function time_of(name, text)
  local seconds, why = calendar.parse_time(text)
  if not seconds then fail.raise("usage", name .. ": " .. why) end
  return seconds
end

local function days_of(name, text)
  local days, why = calendar.parse_days(text or "daily")
  if not days then fail.raise("usage", name .. ": " .. why) end
  return days
end

--- Unix seconds.
function api.now()
  return clock.wall()
end

--- "2026-11-20 09:00:00", local.
function api.time(t)
  return (clock.local_time(t))
end

--- Is it (at t) one of these days?
function api.is_day(days, t)
  return days_of("is_day", days)[calendar.weekday(t or clock.wall())]
end

--- Unix seconds of a time of day today, or on the day of t.
function api.at(text, t)
  return calendar.at(time_of("at", text), t or clock.wall())
end

--- Unix seconds of the next moment with that time of day, on one of `days`.
function api.next(text, days)
  return calendar.next(time_of("next", text), clock.wall(), days_of("next", days))
end

--- Waits for a time of day ("17:00": the next one, on one of `days`) or for unix seconds.
function api.wait_until(when, days)
  local moment = type(when) == "number" and when or api.next(when, days)
  while clock.wall() < moment do
    task.sleep(math.min(LOOK_SECONDS, moment - clock.wall()))
  end
end

--- Calls fn(...). → true, results…; or false, the failure. Ctrl-C and exit() pass through.
function api.try(fn, ...)
  return fail.try(fn, ...)
end

--- Ends the script with an exit code: a number from 0 to 255 or a name of the table, like "capacity".
function api.exit(code)
  script.leave(code)
end

return api
