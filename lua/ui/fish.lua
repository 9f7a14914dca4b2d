-- SPDX-License-Identifier: MIT
-- Completion for fish, made from the tables of commands and options. Pure: → lines. What stands where is
-- given by ui.completion: known, bare.
local flags = require "facts.flags"

local fish = {}

-- The command of the line is its first word that is no option and no option's value.
local HEAD = [==[
# completion of continueplz for fish, made by: continueplz help --completion=fish
function __continueplz_command
    set -l words (commandline -opc)
    set -l value 0
    for word in $words[2..-1]
        if test $value = 1
            set value 0
            continue
        end
        switch $word
            case @VALUED@
                set value 1
            case '-*'
            case '*'
                echo $word
                return
        end
    end
    echo none
end
function __continueplz_is
    contains -- (__continueplz_command) $argv
end
complete -c continueplz -f]==]

-- A text inside single quotes.
local function quoted(text) return "'" .. text:gsub("[\\']", "\\%0") .. "'" end

local function valued()
  local list = {}
  for _, row in ipairs(flags.list) do
    if row.kind ~= "none" then
      list[#list + 1] = "--" .. row.name
      list[#list + 1] = row.short and "-" .. row.short or nil
    end
  end
  return table.concat(list, " ")
end

-- "-n '__continueplz_is up start'" for the words that name some commands.
local function where(names)
  return #names > 0 and " -n " .. quoted("__continueplz_is " .. table.concat(names, " ")) or ""
end

local function option_line(row, names, doc, value, values)
  local text = "complete -c continueplz" .. where(names) .. " -l " .. row.name
    .. (row.short and " -s " .. row.short or "")
  if value and row.name == "directory" then
    return text .. " -x -a '(__fish_complete_directories)' -d " .. quoted(doc)
  end
  return text .. (value and " -x" or "") .. (value and values and #values > 0
    and " -a " .. quoted(table.concat(values, " ")) or "") .. " -d " .. quoted(doc)
end

-- The words of the commands that take an option; value: as `NAME=`.
local function takers(commands, name, bare)
  local list = {}
  for _, command in ipairs(commands) do
    for _, option in ipairs(command.options or {}) do
      if option == name then
        list[#list + 1] = command.name
        table.move(command.aliases or {}, 1, #(command.aliases or {}), #list + 1, list)
        list[#list + 1] = command.name == bare and "none" or nil
      end
    end
  end
  return list
end

local function option_lines(lines, commands, known, bare)
  for _, row in ipairs(flags.list) do
    local doc = row.doc:gsub("{%l+}", "…")
    local values = row.values or known[row.name]
    local names = takers(commands, row.name, bare)
    if row.implies and not row.global and names[#names] ~= "none" then names[#names + 1] = "none" end
    if row.global or #names > 0 then
      lines[#lines + 1] = option_line(row, row.global and {} or names, doc, row.kind ~= "none", values)
    end
    local more = takers(commands, row.name .. "=", bare)
    if #more > 0 then lines[#lines + 1] = option_line(row, more, row.doc_also, true) end
  end
end

--- The script. commands: tables in the order of the help; words_of(command) → the words that it takes; known:
-- values by option; bare: the command whose options are offered without one. → lines
function fish.lines(commands, words_of, known, bare)
  local lines = {}
  local head = HEAD:gsub("@VALUED@", valued())
  for line in (head .. "\n"):gmatch("([^\n]*)\n") do lines[#lines + 1] = line end
  for _, command in ipairs(commands) do
    lines[#lines + 1] = ("complete -c continueplz -n '__continueplz_is none' -a %s -d "
        .. "%s"):format(command.name,
      quoted(command.summary))
    local names = { command.name, table.unpack(command.aliases or {}) }
    local words = words_of(command)
    if #words > 0 then
      lines[#lines + 1] = "complete -c continueplz" .. where(names) .. " -a " .. quoted(table.concat(words,
        " "))
    end
  end
  lines[#lines + 1] = "complete -c continueplz -n '__continueplz_is none' -a '(__fish_complete_suffix .lua)'"
  option_lines(lines, commands, known, bare)
  return lines
end

return fish
