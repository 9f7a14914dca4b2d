-- SPDX-License-Identifier: MIT
-- The man page, made from the tables of commands, options, settings and exit codes. Pure: → lines of roff
-- (man(7)).
local exitcodes = lazy "facts.exitcodes"
local flags = require "facts.flags"
local clouds = lazy "facts.clouds"

local manual = {}

-- A text as roff prints it: a backslash, a minus and a dot at its beginning as themselves.
local function roff(text)
  text = text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("…", "..."):gsub("[‘’]", "'")
  return text:find("^[.']") and "\\&" .. text or text
end

local function bold(text) return "\\fB" .. roff(text) .. "\\fR" end

local function filled(text)
  return (text:gsub("{(%l+)}", function(word)
    if word == "clouds" then return clouds.listed(clouds.supported(), "name", "or") end
    if word == "key" then return clouds.supported()[1].key_setting end
    return tostring(exitcodes.number(word) or word)
  end))
end

local function add(lines, ...)
  for _, line in ipairs { ... } do lines[#lines + 1] = line end
end

-- "--lines=N, -n N"
local function spelled(row, value)
  value = value or row.kind ~= "none" and row.value
  local text = bold("--" .. row.name) .. (value and "=\\fI" .. roff(value) .. "\\fR" or "")
  return text .. (row.short and ", " .. bold("-" .. row.short) .. (value and " \\fI" .. roff(value) .. "\\fR"
    or "") or "")
end

local function options(lines, wanted)
  for _, row in ipairs(flags.list) do
    local how = wanted(row)
    if how == "value" then
      add(lines, ".TP", spelled(row, row.value_also), roff(row.doc_also))
    elseif how then
      add(lines, ".TP", spelled(row), roff(filled(row.doc)))
    end
  end
end

local function of_command(lines, command)
  local takes = {}
  for _, name in ipairs(command.options or {}) do
    takes[name:gsub("=$", "")] = name:find("=$") and "value" or true
  end
  takes[command.name] = nil
  add(lines, ".SS " .. roff(command.name .. (command.args and " " .. command.args or "")),
    roff(command.summary:sub(1, 1):upper() .. command.summary:sub(2)) .. ".")
  if command.details then add(lines, ".PP", roff(filled(command.details))) end
  if command.aliases then add(lines, ".PP", "The same: " .. roff(table.concat(command.aliases, ", "
      .. "")) .. ".") end
  options(lines, function(row) return takes[row.name] end)
end

local function settings(lines)
  for _, row in ipairs(require "config.settings") do
    if row.section then
      add(lines, ".SS " .. roff(row.section))
    else
      local shown = row.default ~= nil and " Without it: " .. tostring(row.default) .. "." or ""
      add(lines, ".TP", bold(row.name), roff(row.doc .. "." .. shown))
    end
  end
end

--- The page. commands: tables in the order of the help; version: of the program. → lines
function manual.lines(commands, version)
  local lines = { '.\\" made from the tables by make generated',
    ('.TH CONTINUEPLZ 1 "" "continueplz %s" "User Commands"'):format(version), ".SH NAME",
    "continueplz \\- rent a GPU for a coding model, use it through a private tunnel, give it back, proven",
    ".SH SYNOPSIS", bold "continueplz" .. " [\\fIoptions\\fR] [\\fIcommand\\fR] [\\fIwords\\fR]", ".br",
    bold "continueplz" .. " \\fIFILE.lua\\fR [\\fIwords\\fR]", ".SH DESCRIPTION",
    "One command rents the cheapest GPU that fits a coding model, serves the model to you alone through a "
      .. "WireGuard tunnel, and gives the machine back, proven. The last line of every command answers: is "
      .. "money running?", ".SH COMMANDS" }
  for _, command in ipairs(commands) do of_command(lines, command) end
  add(lines, ".SH OPTIONS", "Every command takes:")
  options(lines, function(row) return row.global end)
  add(lines, ".SH SETTINGS", roff "In .env of the folder, or in the environment.")
  settings(lines)
  add(lines, ".SH EXIT STATUS")
  for _, row in ipairs(exitcodes.list) do add(lines, ".TP", bold(tostring(row.code)),
    roff(row.meaning) .. ".") end
  add(lines, ".SH FILES", ".TP", roff "~/.continueplz", roff "The folder: .env with keys and settings, the "
    .. "journal and the history of what was rented, the log. Another one by \\-C or $CONTINUEPLZ_HOME.")
  return lines
end

return manual
