-- SPDX-License-Identifier: MIT
-- Runs one command: settings, log, signals, and the last line that answers whether money is running.
local fail = require "base.fail"
local files = lazy "base.files"
local log = lazy "base.log"
local term = require "base.term"
local world = require "sandbox.world"
local perform = lazy "cli.perform"
local config = lazy "config.effective"
local format = lazy "ui.format"

local run = {}

-- On a terminal broken at blanks; elsewhere one line, which is easier to search.
local function folded(stream, text)
  return term.is(stream) and table.concat(format.wrap(text, format.width()), "\n") or text
end

local function say(text)
  term.err(folded("err", "continueplz: " .. text) .. "\n")
end

-- init.lua of the home returns {NAME = value}. → table, problem
local function init_settings()
  local ok, found, value = fail.try(world.run_home, "init.lua")
  if not ok then return nil, { message = fail.message(found) } end
  if not found or value == nil then return nil end
  if type(value) ~= "table" then
    return nil, { message = "init.lua must return a table of settings, like { "
      .. "DEFAULT_TIER = \"small\" }, not a " .. type(value) }
  end
  return value
end

--- Brings the settings in force. parsed.settings: {NAME = {text=, flag=}} → array of problems
function run.load_settings(parsed)
  local init, trouble = init_settings()
  local problems = config.load(world.home, { flags = parsed.settings, init = init })
  if trouble then
    table.insert(problems, 1, trouble)
  end
  return problems
end

-- Settings that cannot be read stop a command that needs them; those that end or show a machine go on with
-- what is right, and one that inspects is given what is wrong (ctx.wrong) and leaves no trace, not even in
-- the log. → nil, or a failure
local function settle(command, parsed, ctx)
  if not world.home then
    return fail.new { kind = "config", message = world.home_origin == "empty" and "CONTINUEPLZ_HOME is "
        .. "empty, so no folder is named: unset it to use the usual one, or name one with -C DIR"
        or "there is no folder to work in: HOME is not set; name one with -C DIR" }
  end
  local fatal, rest = nil, {}
  local wrong = run.load_settings(parsed)
  if ctx then
    ctx.wrong = wrong
  end
  for _, problem in ipairs(wrong) do
    if problem.usage then
      return fail.new { kind = "usage", message = problem.message }
    end
    -- a setting of a script that --no-user leaves out
    local forgiven = command.tolerant or problem.unknown and not world.user
    if not fatal and (problem.file or not forgiven) then
      fatal = problem
    else
      rest[#rest + 1] = problem
    end
  end
  if command.inspects then return nil end
  for _, problem in ipairs(rest) do
    say(problem.message)
  end
  return fatal and fail.new { kind = "config", message = fatal.message }
end

local function open_log(command, parsed)
  if command.writes and not files.exists(world.home) then
    local ok, why = files.mkdir(world.home)
    if not ok then
      return fail.new { kind = "config", message = "the folder " .. world.home .. " cannot be made: " .. why }
    end
  end
  local verbose = parsed.options.verbose
  log.echo(verbose and (verbose > 1 and "debug" or "info") or nil)
  if files.exists(world.home) and not command.inspects then
    local ok, why = log.open(world.home)
    if not ok then
      say("the log cannot be written: " .. why)
    end
  end
  return nil
end

--- Settings and log for a command; ctx: what is told of the settings, if anybody wants to know.
-- → nil, or a failure
function run.prepare(command, parsed, ctx)
  if parsed.options.alert and world.home then
    require("schedule.unattended").adopt(world.home)
  end
  return settle(command, parsed, ctx) or open_log(command, parsed)
end

--- What a command gets: its words and options, and ways to tell. known: the commands that there are (cli.lua)
function run.context(command, parsed, known)
  local ctx = {
    command = command, args = parsed.words, options = parsed.options, settings = parsed.settings,
    script = parsed.script, commands = known, home = world.home,
    json = parsed.options.output == "json" or parsed.options.json == true,
    plain = parsed.options.output == "plain", yes = parsed.options.yes == true,
  }
  ctx.alone = ctx.yes -- nobody is asked about a sum, even at a terminal
  ctx.asks = not ctx.yes and not ctx.json and term.is("in") and term.is("out")

  --- Prints text to stdout (nothing in JSON mode).
  function ctx.print(text)
    if not ctx.json then
      term.out(text .. "\n")
    end
  end

  --- Prints the one JSON object (only in JSON mode).
  function ctx.emit(object)
    if ctx.json and not ctx.emitted then
      ctx.emitted = true
      term.out(require("cli.words").encoded(require("cli.money").stamp(object, ctx.home)) .. "\n")
    end
  end

  --- Tells of something that went wrong, on stderr, and in JSON mode as the object.
  function ctx.problem(message, failure)
    if ctx.screen then
      ctx.screen:close()
    end
    if failure and failure.kind == "usage" then -- it quotes what was typed
      message = require("cli.words").presentable(message)
    end
    -- one screen, where it stands already
    local seen = ctx.screen and ctx.screen.failed == message and term.is("out") and term.is("err")
    ctx.sentence = log.redact(message)
    if not seen then
      say(ctx.sentence)
    end
    if failure and failure.trace and parsed.options.verbose then
      term.err(failure.trace .. "\n")
    end
    if failure then
      log.error("Command failed", { command = command.name, error = message, kind = failure.kind })
    end
  end
  return ctx
end

-- Is money running? Read from the journal, whatever the command did. A script that ends well and has nothing
-- to do with it is left in peace.
local function money_line(ctx, code)
  local command = ctx.command
  if command.quiet or (ctx.json and not command.logged) then return end
  local ok, text = fail.try(function()
    if ctx.money then -- the command knows better than the journal
      return ctx.money
    end
    return require("ui.money").line(ctx.home, command.discreet and not ctx.api and not ctx.refused)
  end)
  text = ok and text or not ok and "NOT KNOWN: " .. fail.message(text)
  if text and (command.logged or ctx.api) then
    log.info("Command ended", { command = command.name, exit_code = code, money = text,
      sentence = code ~= 0 and ctx.sentence or nil })
  end
  if not text or ctx.json then return end
  local line = folded(command.data and "err" or "out", "Money: " .. text) .. "\n"
  local print = command.data and term.err or term.out
  print(line)
end

-- The user's scripts that were passed over since the last time.
local function tell_passed_over(told)
  for index = told + 1, #world.problems do
    local problem = world.problems[index]
    if problem.module ~= "init.lua" then
      local fine, below = fail.try(world.builtin, problem.module)
      say(problem.message .. (fine and below and "; the built-in one is used" or ""))
    end
  end
  return #world.problems
end

--- Runs a command table with a parsed command line. broken: why the user's own one could not be loaded;
-- builtin: what takes over from the user's own one that breaks; ahead(command): what may act once nothing is
-- refused any more. → exit code.
function run.command(command, parsed, known, broken, builtin, ahead)
  local ctx = run.context(command, parsed, known)
  if command.offline then
    local ok, result = fail.settle(command.run, ctx)
    if not ok then
      result = perform.failed(ctx, result)
      term.err("Money: " .. require("cli.money").told(world.home) .. "\n")
    end
    return result
  end
  local refusal = run.prepare(command, parsed, ctx)
  if refusal then
    local code = perform.failed(ctx, refusal)
    perform.alarm(ctx, code)
    if world.home then
      money_line(ctx, code)
    end
    return code
  end
  if ahead then
    ahead(command)
  end
  for _, note in ipairs(world.notes) do
    say("note: " .. note)
  end
  local told = (builtin or broken) and tell_passed_over(0)
  local code = perform.in_task(command, ctx, builtin)
  if ctx.over then ctx.over(code) end
  if code ~= 0 then
    perform.alarm(ctx, code)
  end
  if builtin then
    tell_passed_over(told)
  end
  money_line(ctx, code)
  return code
end

return run
