-- SPDX-License-Identifier: MIT
-- The command line: reads the words, loads the settings, runs one command, turns what happens into sentences
-- and an exit code.
local world = require "sandbox.world"
pcall(world.run_home, "init.lua") -- before anything that it may change; what is wrong with it cli.run tells
local args = lazy "cli.args"
local commands = lazy "commands"
local run = lazy "cli.run"
local fail = lazy "base.fail"
local files = lazy "base.files"
local term = lazy "base.term"
local exitcodes = lazy "facts.exitcodes"

local cli = {}

-- Was JSON asked for? Looked up in the words themselves where they could not be understood.
local function wants_json(argv)
  for index, word in ipairs(argv) do
    if word == "--output=json" or word == "--json" or (word == "--output" and argv[index + 1] == "json") then
      return true
    end
  end
  return false
end

local function refused(argv, sentence, kind, code, more)
  sentence = require("cli.words").presentable(sentence)
  term.err("continueplz: " .. sentence .. "\n" .. (more or ""))
  if wants_json(argv) then
    local object = { status = "failed", error = { kind = kind, message = sentence, exit_code = code } }
    term.out(require("cli.words").encoded(require("cli.money").stamp(object, world.home)) .. "\n")
  end
  term.err("Money: " .. require("cli.money").told(world.home) .. "\n")
  return code
end

local function usage(argv, sentence)
  return refused(argv, sentence, "usage", exitcodes.code("usage"),
    "Type continueplz --help for the commands and options.\n")
end

-- What makes a table no command, or nil. (The table may be a user's.)
local function misshapen(command, name)
  if type(command) ~= "table" then
    return "a command must return a table, not a " .. type(command)
  end
  if command.name ~= name or type(command.summary) ~= "string" or type(command.run) ~= "function" then
    return ("a command needs name = \"%s\", summary (a text) and run (a function)"):format(name)
  end
  for _, field in ipairs { "details", "args", "answer" } do
    if command[field] ~= nil and type(command[field]) ~= "string" then
      return field .. " must be a text"
    end
  end
  if command.words ~= nil and math.type(command.words) ~= "integer" then
    return "words must be a number: how many words it takes"
  end
  if command.options ~= nil and type(command.options) ~= "table" then
    return "options must be a list of names"
  end
  for _, option in ipairs(command.options or {}) do
    if type(option) ~= "string" then
      return "options must be a list of names"
    end
  end
  return nil
end

-- The table of a command or of a word of habit. One of the user's that is none gives way to the built-in one,
-- but not where something is rented: it may hold limits of his own.
-- Raises a `usage` failure for an unknown word.
local function load(name)
  local module = "commands." .. name
  local known = name:match("^%l[%w_-]*$") and world.source(module)
  if known then
    local command, problem = world.require_safe(module)
    local own = commands.own(name)
    if problem and own and own.renting then error(problem, 0) end
    local why = misshapen(command, name)
    if not why then return command, problem end
    why = ("this script cannot be used: %s: %s"):format(known, why)
    if not own or own.renting then fail.raise("config", why) end
    world.problems[#world.problems + 1] = { module = module, message = why }
    return own, why
  end
  local meant = commands.alias(name)
  if meant then return load(meant) end
  return fail.raise("usage", ("unknown command '%s'%s"):format(name, commands.hint(name)))
end

-- The commands that there are, for those that show or run others.
local known = {
  load = load, own = function(name) return commands.own(name) end,
  names = function() return commands.names() end, daily = function() return commands.daily() end,
  source = function(name) return world.source("commands." .. name) end,
}

-- Without a command: the full screen at a terminal, once there is a folder; elsewhere status when something
-- runs, else the short help. Where a command's name was taken for
-- the folder, the folder's own name was lost on the way (continueplz -C $UNSET stop).
local function bare_command(options)
  local folder = options.directory
  local named = folder and folder:find("^%l+$") and commands.own(commands.alias(folder) or folder)
  if named and not named.hidden then
    fail.raise("usage", ("-C takes '%s' as the folder, and no command follows; if the "
      .. "folder is meant, write -C ./%s"):format(folder, folder))
  end
  local shows = not options.output and not options.json and world.home and files.exists(world.home)
  if shows and term.screens() then return "tui" end
  local ok, open = fail.try(function()
    local home = world.home
    return home and files.exists(files.join(home, "journal"))
      and #require("home.journal").open(home):open_sessions() > 0
  end)
  return (not ok or open) and "status" or "help"
end

local function choose(parsed)
  if parsed.script then return require "cli.script" end
  local name, words = args.command(parsed)
  local options = parsed.options
  if not name then
    name = options.help and "help" or bare_command(options)
  elseif options.help and name ~= "help" then
    name, words = "help", { name }
  end
  local command, problem = load(name)
  parsed.words = words
  return command, problem
end

--- Tells of a script that keeps every command from running. → exit code
function cli.broken(argv, failure)
  return refused(argv, fail.message(failure) .. "; mend it, or say --no-user", failure.kind,
    exitcodes.of(failure))
end

-- The folder and the scripts of this world were chosen by main's own look at the words (world.spoken), before
-- there was a grammar to read them by. Where the grammar reads them otherwise, nothing is done.
-- → nil, or a sentence
local function misread(parsed)
  local spoken, options = world.spoken, parsed.options
  if not spoken or not spoken.refused and options.directory == spoken.directory
    and options["no-user"] == spoken.no_user then
    return nil
  end
  return "-C and --no-user cannot be told apart from what stands around them here; write them first: "
    .. "continueplz -C DIR --no-user COMMAND"
end

local STOP = "POST /terminate?home=%s&token=%s HTTP/1.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

-- The line and the settings are accepted, and it is the built-in stop that will run: the agent sends the
-- first terminate (agent.early_stop) while this process loads the rest. The token is by the state file, which
-- may be old or missing: the agent refuses another's, and the stop itself does without.
local function stop_ahead(command)
  if command.name ~= "stop" or not world.home or command ~= commands.own "stop" then
    return
  end
  local state = files.read(files.join(world.home, ".continueplz.state"))
  local token = state and state:match('"token":"([%w-]+)"')
  if token then
    local home = world.home:gsub("[^%w/._-]", function(byte) return ("%%%02X"):format(byte:byte()) end)
    require "base.knock"(files.join(world.home, "agent.sock"), STOP:format(home, token))
  end
end

--- Runs a command line. argv: array of words without the program's name. → the process's exit code.
function cli.main(argv)
  local parsed, why = args.parse(argv)
  why = why or misread(parsed)
  if why then return usage(argv, why) end
  if parsed.options.version then
    local version = require "base.version"
    local json = wants_json(argv) and require "base.json"
    local object = json and require("cli.money").stamp({ status = "version", version = version }, world.home)
    term.out((json and json.encode(object) or "continueplz " .. version) .. "\n")
    return 0
  end
  local ok, command, problem = fail.try(choose, parsed)
  if not ok then
    if fail.is(command, "usage") then return usage(argv, command.message) end
    return refused(argv, fail.message(command), command.kind, exitcodes.of(command))
  end
  local own = commands.own(command.name)
  local enduring = own and own.enduring and own -- must work whatever the user's scripts are like
  world.forgive(enduring ~= nil and enduring ~= false)
  local fits, sentence = args.allowed(command, parsed)
  if not fits then return usage(argv, sentence) end
  return run.command(command, parsed, known, problem, enduring, stop_ahead)
end

return cli
