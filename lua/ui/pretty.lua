-- SPDX-License-Identifier: MIT
-- Lua values for people to read: keys in order, rows as a table, long things cut, secrets hidden. Pure.
local conceal = require "base.conceal"
local fail = require "base.fail"
local json = require "base.json"
local term = require "base.term"
local format = require "ui.format"

local pretty = {}

local DEPTH, ITEMS, TEXT, CELL, ROWS = 6, 60, 200, 28, 30

-- Columns that tell rows apart, and what a machine costs.
local FIRST = { id = 1, name = 2, title = 3, status = 4, gpu = 5, gpus = 6, hourly = 7, on_demand = 7,
  min_bid = 7, region = 8 }
local RANK = { number = 1, string = 2, boolean = 3 }

-- Keys of any type in an order that does not change.
local function keys_of(t)
  local list = {}
  for key in next, t do -- order: free
    list[#list + 1] = key
  end
  table.sort(list, function(a, b)
    local x, y = RANK[type(a)] or 4, RANK[type(b)] or 4
    if x ~= y then return x < y end
    if x >= 3 then return tostring(a) < tostring(b) end
    return a < b
  end)
  return list
end

-- At most `limit` characters of a text.
local function cut(text, limit)
  local stop = #text > limit and utf8.len(text) and utf8.offset(text, limit + 1)
  if stop and stop <= #text then return text:sub(1, stop - 1), true end
  if #text > limit and not utf8.len(text) then
    return text:sub(1, limit), true
  end
  return text, false
end

local ESCAPES = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ['"'] = '\\"', ["\\"] = "\\\\" }

local function escaped(text)
  text = text:gsub('[%c"\\]', function(byte)
    return ESCAPES[byte] or ("\\x%02x"):format(byte:byte())
  end)
  if utf8.len(text) then
    return (text:gsub("\xc2[\x80-\x9f]", function(character)
      return ("\\u{%x}"):format(utf8.codepoint(character))
    end))
  end
  return (text:gsub("[\x80-\xff]", function(byte)
    return ("\\x%02x"):format(byte:byte())
  end))
end

local function quoted(text, limit)
  local shown, was_cut = cut(conceal.text(text), limit)
  return '"' .. escaped(shown) .. '"' .. (was_cut and ("… (%d bytes)"):format(#text) or "")
end

-- What is no table, in one piece.
local function plain(value, limit)
  local kind = type(value)
  if kind == "string" then return quoted(value, limit) end
  if value == json.null then return "null" end
  if value ~= value then return "nan" end
  if kind == "number" then
    return math.type(value) == "integer" and ("%d"):format(value)
      or (limit <= CELL and "%.6g" or "%.10g"):format(value)
  end
  return (kind == "boolean" or kind == "nil") and tostring(value) or "<" .. kind .. ">"
end

local function scalar(key, value, limit)
  return conceal.hides(key, value) and conceal.HIDDEN or plain(value, limit)
end

local function label(key)
  if type(key) == "string" then
    return key:find("^[%a_][%w_]*$") and key or "[" .. quoted(key, 60) .. "]"
  end
  return "[" .. (type(key) == "table" and "<table>" or plain(key, 60)) .. "]"
end

-- The table in one line of at most `room` columns, or nil.
local function inline(t, how, depth, room)
  if how.open[t] then return "<cycle>" end
  local keys = keys_of(t)
  if #keys == 0 then return "{}" end
  if depth >= how.depth then return "{…}" end
  if #keys > how.items then return nil end
  how.open[t] = true
  local parts, length, used = {}, #t, 4
  for _, key in ipairs(keys) do
    local value = rawget(t, key)
    local text = type(value) == "table" and inline(value, how, depth + 1, room - used)
      or type(value) ~= "table" and scalar(key, value, TEXT)
    local part = text
      and (math.type(key) == "integer" and key >= 1 and key <= length and text or label(key) .. " = " .. text)
    used = part and used + term.width(part) + 2
    if not part or used > room + 2 then
      parts = nil
      break
    end
    parts[#parts + 1] = part
  end
  how.open[t] = nil
  return parts and "{ " .. table.concat(parts, ", ") .. " }"
end

-- The columns of an array of rows that are much alike, or nil.
local function columns_of(t)
  local seen, names, count = {}, {}, #t
  if count < 2 or #keys_of(t) ~= count then return nil end
  for index = 1, count do
    local row = rawget(t, index)
    if type(row) ~= "table" or row == json.null or next(row) == nil or fail.is(row) then
      return nil
    end
    for key in next, row do -- order: free
      if type(key) ~= "string" then return nil end
      if not seen[key] then
        seen[key], names[#names + 1] = 0, key
      end
      seen[key] = seen[key] + 1
    end
  end
  table.sort(names, function(a, b)
    local x, y = FIRST[a] or 9, FIRST[b] or 9
    if x ~= y then return x < y end
    return a < b
  end)
  for index = 1, count do
    if #keys_of(rawget(t, index)) * 2 < #names then return nil end
  end
  return names
end

local function cell(row, name, how, depth)
  local value = rawget(row, name)
  if value == nil then return "" end
  if type(value) == "table" then
    return inline(value, how, depth + 2, CELL) or "{…}"
  end
  if type(value) == "string" and not conceal.hides(name, value) then
    local shown, was_cut = cut(conceal.text(value), CELL)
    return escaped(shown) .. (was_cut and "…" or "")
  end
  return scalar(name, value, CELL)
end

-- What is the same in all rows is said once. → names that differ, "a = 1, b = 2" of the others
local function divide(t, names, how, depth)
  local differing, same = {}, {}
  for _, name in ipairs(names) do
    local first, equal = cell(t[1], name, how, depth), #t > 2
    for index = 2, #t do
      equal = equal and first ~= "{…}" and cell(t[index], name, how, depth) == first
    end
    if equal then
      same[#same + 1] = name .. " = " .. first
    else
      differing[#differing + 1] = name
    end
  end
  return differing, same
end

-- Rows as an aligned table. → lines
local function rows_table(t, names, how, depth, room)
  local differing, same = divide(t, names, how, depth)
  local shown, left, used, align = {}, {}, 0, {}
  local rows = { {} }
  for _, name in ipairs(differing) do
    local column, width, number = { name }, term.width(name), true
    for index = 1, math.min(#t, ROWS) do
      column[index + 1] = cell(t[index], name, how, depth)
      width = math.max(width, term.width(column[index + 1]))
      number = number and (type(t[index][name]) == "number" or t[index][name] == nil)
    end
    if used + width + 2 > room and #shown > 0 then
      left[#left + 1] = name
    else
      used, shown[#shown + 1], align[#align + 1] = used + width + 2, name, number and "r" or "l"
      for index, text in ipairs(column) do
        rows[index] = rows[index] or {}
        rows[index][#shown] = text
      end
    end
  end
  local lines = #shown > 0 and format.columns(rows, table.concat(align)) or { ("%d equal rows"):format(#t) }
  local function add(text)
    table.move(format.wrap(text, room, "  "), 1, 200, #lines + 1, lines)
  end
  if #t > ROWS and #shown > 0 then
    add(("… and %d more rows"):format(#t - ROWS))
  end
  if #same > 0 then
    add("the same in all: " .. table.concat(same, ", "))
  end
  if #left > 0 then
    add("not shown: " .. table.concat(left, ", "))
  end
  return lines
end

local block

-- One entry: short ones in a line, others below their key.
local function entry(lines, key, value, how, depth, room, bare)
  local head = bare and "" or label(key) .. " = "
  if type(value) ~= "table" then
    lines[#lines + 1] = head .. scalar(key, value, TEXT)
    return
  end
  local inner = block(value, how, depth + 1, room)
  lines[#lines + 1] = head .. inner[1]
  table.move(inner, 2, #inner, #lines + 1, lines)
end

-- A table as lines.
function block(t, how, depth, room)
  local line = inline(t, how, depth, room)
  if line then return { line } end
  how.open[t] = true
  local names = columns_of(t)
  local lines, inner = { names and ("%d rows:"):format(#t) or "{" }, {}
  if names then
    inner = rows_table(t, names, how, depth, room - 2)
  else
    local keys, length = keys_of(t), #t
    for index = 1, math.min(#keys, how.items) do
      local key = keys[index]
      entry(inner, key, rawget(t, key), how, depth, room - 2,
        math.type(key) == "integer" and key >= 1 and key <= length)
    end
    if #keys > how.items then
      inner[#inner + 1] = ("… and %d more"):format(#keys - how.items)
    end
  end
  how.open[t] = nil
  for _, text in ipairs(inner) do
    lines[#lines + 1] = "  " .. text
  end
  if not names then
    lines[#lines + 1] = "}"
  end
  return lines
end

--- A value as lines. options: width (80 columns), depth (6 levels), items (60 of a table).
function pretty.lines(value, options)
  local how = { depth = options and options.depth or DEPTH,
    items = options and options.items or ITEMS, open = {} }
  if type(value) ~= "table" or value == json.null then
    return { plain(value, TEXT * 5) }
  end
  return block(value, how, 0, options and options.width or 80)
end

return pretty
