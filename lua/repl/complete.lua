-- SPDX-License-Identifier: MIT
-- What a name may go on to: along tables, without calling anything. Pure.

local complete = {}

local KEYWORDS = {
  "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local",
  "nil", "not", "or", "repeat", "return", "then", "true", "until", "while",
}

-- A field, along metatables whose __index is a table; nothing runs.
local function field(t, name)
  for _ = 1, 10 do
    if type(t) ~= "table" then return nil end
    local value = rawget(t, name)
    if value ~= nil then return value end
    local meta = getmetatable(t)
    t = type(meta) == "table" and rawget(meta, "__index")
  end
end

local function add_fields(found, t, prefix, wanted)
  for _ = 1, 10 do
    if type(t) ~= "table" then return end
    for key, value in next, t do -- order: free
      if type(key) == "string" and key:find("^[%a_][%w_]*$") and key:sub(1, #prefix) == prefix
        and wanted(value) then
        found[key] = true
      end
    end
    local meta = getmetatable(t)
    t = type(meta) == "table" and rawget(meta, "__index")
  end
end

local function list_of(found, before)
  local list = {}
  for name in next, found do -- order: free
    list[#list + 1] = before .. name
  end
  table.sort(list)
  return list
end

local function any() return true end
local function is_function(value) return type(value) == "function" end

-- Is the end of the text inside a string or a comment of its last line?
local function quoted(text)
  local line, mark = text:match("[^\n]*$"), nil
  line = line:gsub("\\.", "")
  for character in line:gmatch("[\"'%-]%-?") do
    if not mark and character == "--" then return true end
    character = character:sub(1, 1)
    if mark == character then
      mark = nil
    elseif not mark and character ~= "-" then
      mark = character
    end
  end
  return mark ~= nil
end

-- A line that begins with a colon: the commands, and the words that one takes.
local function command(text, commands)
  local found, word = {}, text:match("^:(%a*)$")
  if word then
    for name, row in next, commands do -- order: free
      if name:sub(1, #word) == word then
        found[row.args and name .. " " or name] = true
      end
    end
    return 1, list_of(found, ":")
  end
  local name, start = text:match("^:(%a+) +()%S*$")
  for _, each in ipairs(name and commands[name] and commands[name].words or {}) do
    if each:sub(1, #text - start + 1) == text:sub(start) then
      found[each] = true
    end
  end
  return start or #text + 1, list_of(found, "")
end

--- Completes the name at the end of `text`. peek(name): the value of a global, without waiting; names: the
-- globals; commands: those of the REPL. → the byte where the word begins,
-- sorted candidates for the whole word
function complete.candidates(text, peek, names, commands)
  if text:sub(1, 1) == ":" and not text:find("^:time ") then
    return command(text, commands)
  end
  local start, path = text:match("()([%a_][%w_]*[%w_.:]*)$")
  if not start or quoted(text) or text:sub(start - 1, start - 1):find("[%w.:]") then
    return #text + 1, {}
  end
  local before, mark, last = path:match("^(.*)([.:])([%w_]*)$")
  local found = {}
  if not before then
    for _, list in ipairs { names, KEYWORDS } do
      for _, name in ipairs(list) do
        if name:sub(1, #path) == path then
          found[name] = true
        end
      end
    end
    return start, list_of(found, "")
  end
  local root, rest = before:match("^([^.:]+)(.*)$")
  local value = peek(root)
  for name in rest:gmatch("[^.:]+") do
    value = field(value, name)
  end
  if value ~= nil then
    add_fields(found, value, last, mark == ":" and is_function or any)
  end
  return start, list_of(found, before .. mark)
end

return complete
