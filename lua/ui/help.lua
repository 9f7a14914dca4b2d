-- SPDX-License-Identifier: MIT
-- Help texts, made from the tables of commands, options, settings and exit codes, so that they cannot lie.
-- Pure: → lines.
local fail = require "base.fail"
local world = require "sandbox.world"
local clouds = lazy "facts.clouds"
local exitcodes = lazy "facts.exitcodes"
local flags = require "facts.flags"
local format = require "ui.format"

local help = {}

-- A command of the user's own; one that cannot be used is told instead of hidden.
local function of_user(known, name)
  local ok, command = fail.try(known.load, name)
  if not ok or type(command) ~= "table" then
    return { name = name, summary = "cannot be used: " .. fail.message(command) }
  end
  return { name = name, summary = tostring(command.summary or "a command of your own"),
    options = command.options, args = command.args }
end

-- The commands of these names, then the user's own.
local function each_command(known, names)
  local commands = {}
  for index, name in ipairs(names) do
    commands[index] = known.load(name)
  end
  for _, name in ipairs(world.own("commands")) do
    if not known.own(name) then
      commands[#commands + 1] = of_user(known, name)
    end
  end
  return ipairs(commands)
end

local NAMES, COLUMN, WIDTH = 14, 28, 80

local function spelled(row)
  local text = "--" .. row.name .. (row.value and "=" .. row.value or "")
  if row.short then
    text = text .. ", -" .. row.short .. (row.value and " " .. row.value or "")
  end
  return text
end

local function two_columns(left, right, column)
  column = column or COLUMN
  local lines = format.wrap(right, WIDTH - column)
  for index, line in ipairs(lines) do
    lines[index] = (" "):rep(column) .. line
  end
  if #left + 4 > column then
    table.insert(lines, 1, "  " .. left)
  else
    lines[1] = "  " .. format.pad(left, column - 2) .. lines[1]:sub(column + 1)
  end
  return lines
end

local function add(lines, more)
  for _, line in ipairs(more) do
    lines[#lines + 1] = line
  end
end

local words = {}

--- The setting of a key, as an example.
function words.key()
  return clouds.supported()[1].key_setting
end

function words.clouds()
  return clouds.listed(clouds.supported(), "name", "or")
end

-- A text with what its {words} stand for: an exit code by its name, or one of those above.
local function filled(text)
  return (text:gsub("{(%l+)}", function(word)
    return words[word] and words[word]() or exitcodes.number(word)
  end))
end

local function option_lines(lines, wanted)
  for _, row in ipairs(flags.list) do
    local how = wanted(row)
    if how == "value" then
      add(lines, two_columns(("--%s=%s"):format(row.name, row.value_also), row.doc_also))
    elseif how then
      add(lines, two_columns(spelled(row), filled(row.doc)))
    end
  end
end

local function global(row)
  return row.global
end

-- The options that a command takes, without the one that only names the command. → name → true or "value",
-- or nil when there are none
local function taken(command)
  local takes
  for _, name in ipairs(command.options or {}) do
    if name ~= command.name then
      takes = takes or {}
      takes[name:gsub("=$", "")] = name:find("=$") and "value" or true
    end
  end
  return takes
end

local function usage(command)
  return "continueplz " .. command.name .. (taken(command) and " [options]" or "")
    .. (command.args and " " .. command.args or "")
end

-- The options that every command takes, without what they do.
local function everywhere()
  local names = {}
  for _, row in ipairs(flags.list) do
    if row.global then
      names[#names + 1] = spelled(row):gsub(", (.*)$", " (%1)")
    end
  end
  return table.concat(names, ", ")
end

--- The short help, which fits a terminal of 24 lines: what it is, the daily commands (or those named, and the
-- options in full). known: of cli.lua, { load(name) → command table, own(name) → the built-in one or nil,
-- names() and daily() → arrays }; commands: names, or nil for the daily ones; new: nothing is set up yet.
function help.short(known, commands, new)
  local lines = {
    "continueplz: rent the cheapest GPU that fits a coding model, reach it through a",
    "private tunnel, give it back, proven.",
    "",
    "  continueplz init                                   once: a key, limits",
    "  continueplz --cheapest --model=qwen3-coder:30b     start",
    "  continueplz --stop                                 stop, and prove it",
    "",
    "Commands:",
  }
  for _, command in each_command(known, commands or known.daily()) do
    add(lines, two_columns(command.name, command.summary, NAMES))
  end
  add(lines, two_columns("FILE.lua", "run a script of yours that rents, waits, asks and stops", NAMES))
  add(lines, { "", "Everywhere:" })
  if commands then
    option_lines(lines, global)
  else
    add(lines, format.wrap("  " .. everywhere(), WIDTH, "  "))
  end
  add(lines, { "", "continueplz help COMMAND tells its options; help --all tells every command." })
  if new then
    add(lines, { "", "Nothing is set up in this folder yet. Begin with: continueplz init" })
  end
  return lines
end

--- Help of one command; `{name}` in its details is the number of that exit code.
-- own: the built-in one of that name, or nil
function help.command(command, own)
  local lines = { "Usage: " .. usage(command), "",
    command.summary:sub(1, 1):upper() .. command.summary:sub(2) .. "." }
  if command.details then
    lines[#lines + 1] = ""
    add(lines, format.wrap(filled(command.details), WIDTH))
  end
  if own and own.aliases then
    add(lines, { "", "The same: continueplz " .. table.concat(own.aliases, ", continueplz ") })
  end
  local takes = taken(command)
  if takes then
    add(lines, { "", "Options:" })
    option_lines(lines, function(row)
      return takes[row.name]
    end)
  end
  add(lines, { "", "Everywhere:" })
  option_lines(lines, global)
  return lines
end

local function default_text(row)
  if row.default == nil then return "" end
  if row.type == "number" and row.default == math.floor(row.default) then
    return (" [%d]"):format(row.default)
  end
  return (" [%s]"):format(tostring(row.default))
end

--- Everything: commands with their options, settings, exit codes.
function help.all(known)
  local names = known.names()
  local lines = help.short(known, names)
  lines[#lines] = nil
  for _, command in each_command(known, names) do
    local takes = taken(command)
    add(lines, { usage(command), "  " .. command.summary })
    option_lines(lines, function(row)
      return takes and takes[row.name]
    end)
    lines[#lines + 1] = ""
  end
  lines[#lines + 1] = "Settings, in .env or in the environment (in brackets: what holds without them):"
  for _, row in ipairs(require "config.settings") do
    if row.section then
      add(lines, { "", "  " .. row.section })
    else
      add(lines, two_columns(row.name, row.doc .. default_text(row)))
    end
  end
  add(lines, { "", "Exit codes:" })
  for _, row in ipairs(exitcodes.list) do
    add(lines, two_columns(("%3d  %s"):format(row.code, row.name), row.meaning))
  end
  return lines
end

return help
