-- SPDX-License-Identifier: MIT
-- The command line: reads the words, loads the settings, runs one command, turns what happens into sentences and an exit code.
local args = require "cli.args"
local run = require "cli.run"
local fail = require "base.fail"
local files = lazy "base.files"
local term = require "base.term"
local world = require "base.world"
local exitcodes = lazy "facts.exitcodes"
local suggest = lazy "facts.suggest"

local M = {}

local function usage(sentence)
  term.err("continueplz: " .. sentence .. "\nType continueplz --help for the commands and options.\n")
  return exitcodes.code("usage")
end

-- The table of a command. Raises a `usage` failure for an unknown word.
local function load(name)
  local known = name:match("^%l[%w_-]*$") and world.source("commands." .. name)
  if known then
    local command, problem = world.require_safe("commands." .. name)
    return command, problem
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

--- Runs a command line. argv: array of words without the program's name. → the process's exit code.
function M.main(argv)
  local parsed, why = args.parse(argv)
  if not parsed then
    return usage(why)
  end
  if parsed.options.version then
    local version = require "base.version"
    term.out("continueplz " .. version .. "\n")
    return 0
  end
  local ok, command, problem = fail.try(choose, parsed)
  if not ok then
    if fail.is(command, "usage") then
      return usage(command.message)
    end
    term.err("continueplz: " .. fail.message(command) .. "\n")
    return exitcodes.of(command)
  end
  local fits, sentence = args.allowed(command, parsed)
  if not fits then
    return usage(sentence)
  end
  if #parsed.words > 0 and not command.args then
    return usage(("%s takes no '%s'"):format(command.name, parsed.words[1]))
  end
  return run.command(command, parsed, load, problem)
end

return M
