-- SPDX-License-Identifier: MIT
-- The command line: reads the words, loads the settings, runs one command, turns what happens into sentences and an exit code.
local world = require "base.world"
pcall(world.run_home, "init.lua") -- before anything that it may change; what is wrong with it cli.run tells
local args = lazy "cli.args"
local run = lazy "cli.run"
local fail = lazy "base.fail"
local files = lazy "base.files"
local term = lazy "base.term"
local exitcodes = lazy "facts.exitcodes"
local suggest = lazy "facts.suggest"

local M = {}

-- Commands that must work whatever the user's scripts are like.
local ENDURING = { stop = true, agent = true }
-- Commands that rent: one of the user's that cannot be used is not passed over, for it may hold limits of his own.
local RENTING = { up = true }

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
  term.err("continueplz: " .. sentence .. "\n" .. (more or ""))
  if wants_json(argv) then
    local json = require "base.json"
    term.out(json.encode { status = "failed", error = { kind = kind, message = sentence, exit_code = code } } .. "\n")
  end
  return code
end

local function usage(argv, sentence)
  return refused(argv, sentence, "usage", exitcodes.code("usage"), "Type continueplz --help for the commands and options.\n")
end

-- What makes a table no command, or nil. (The table may be a user's.)
local function misshapen(command, name)
  if type(command) ~= "table" then
    return "a command must return a table, not a " .. type(command)
  end
  if command.name ~= name or type(command.summary) ~= "string" or type(command.run) ~= "function" then
    return ("a command needs name = \"%s\", summary (a text) and run (a function)"):format(name)
  end
  for _, field in ipairs { "details", "args" } do
    if command[field] ~= nil and type(command[field]) ~= "string" then
      return field .. " must be a text"
    end
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

-- The table of a command; one of the user's that is none gives way to the built-in one. Raises a `usage` failure for an unknown word.
local function load(name)
  local module = "commands." .. name
  local known = name:match("^%l[%w_-]*$") and world.source(module)
  if known then
    local command, problem = world.require_safe(module)
    if problem and RENTING[name] then
      error(problem, 0)
    end
    local why = misshapen(command, name)
    if not why then
      return command, problem
    end
    why = ("this script cannot be used: %s: %s"):format(known, why)
    local own = world.builtin(module)
    if not own or RENTING[name] then
      fail.raise("config", why)
    end
    world.problems[#world.problems + 1] = { module = module, message = why }
    return own, why
  end
  return fail.raise("usage", ("unknown command '%s'%s"):format(name, suggest.hint(name, args.commands)))
end

-- Without a command: status when something runs, else the short help.
local function bare_command()
  local ok, open = fail.try(function()
    local home = world.home
    return home and files.exists(files.join(home, "journal")) and #require("work.journal").open(home):open_sessions() > 0
  end)
  return (not ok or open) and "status" or "help"
end

local function choose(parsed)
  if parsed.script then
    return require "cli.script"
  end
  local name, words = args.command(parsed)
  local options = parsed.options
  if not name then
    name = options.help and "help" or bare_command()
  elseif options.help and name ~= "help" then
    name, words = "help", { name }
  end
  local command, problem = load(name)
  parsed.words = words
  return command, problem
end

--- Tells of a script that keeps every command from running. → exit code
function M.broken(argv, failure)
  return refused(argv, fail.message(failure) .. "; mend it, or say --no-user", failure.kind, exitcodes.of(failure))
end

-- Words that a stop may come with and still be nothing but a stop.
local BESIDE_STOP = { ["-y"] = true, ["--yes"] = true, ["--json"] = true, ["--output=json"] = true, ["--no-user"] = true, ["--alert"] = true,
  ["-v"] = true, ["--verbose"] = true }

local function only_stops(argv)
  local stops, index = 0, 1
  while argv[index] do
    local word = argv[index]
    if word == "stop" or word == "--stop" then
      stops = stops + 1
    elseif word == "-C" or word == "--directory" then
      index = index + 1
    elseif not BESIDE_STOP[word] and not word:find("^%-C.") and not word:find("^%-%-directory=") then
      return false
    end
    index = index + 1
  end
  return stops == 1
end

-- A plain stop has the agent send the first terminate (work.ahead) before this process has loaded anything.
local function stop_ahead(argv)
  if world.home and only_stops(argv) then
    require "base.knock" (world.home .. "/agent.sock", "POST /terminate HTTP/1.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
  end
end

--- Runs a command line. argv: array of words without the program's name. → the process's exit code.
function M.main(argv)
  stop_ahead(argv)
  local parsed, why = args.parse(argv)
  if not parsed then
    return usage(argv, why)
  end
  if parsed.options.version then
    local version = require "base.version"
    local json = wants_json(argv) and require "base.json"
    term.out((json and json.encode { status = "version", version = version } or "continueplz " .. version) .. "\n")
    return 0
  end
  local ok, command, problem = fail.try(choose, parsed)
  if not ok then
    if fail.is(command, "usage") then
      return usage(argv, command.message)
    end
    return refused(argv, fail.message(command), command.kind, exitcodes.of(command))
  end
  world.forgive(ENDURING[command.name] == true)
  local fits, sentence = args.allowed(command, parsed)
  if not fits then
    return usage(argv, sentence)
  end
  if #parsed.words > 0 and not command.args then
    return usage(argv, ("%s takes no '%s'"):format(command.name, parsed.words[1]))
  end
  return run.command(command, parsed, load, problem, ENDURING[command.name] and world.builtin("commands." .. command.name))
end

return M
