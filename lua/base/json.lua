-- SPDX-License-Identifier: MIT
-- JSON: decoding through cjson with its surprises removed, encoding with sorted keys.

local host = ...

local clean = lazy "base.clean"
local sorted = require "base.sorted"

local json = { null = host.cjson.null }

local DEPTH = 200
local EXACT = 2 ^ 53

local cjson = host.cjson.new()
cjson.decode_invalid_numbers(false)
cjson.decode_max_depth(DEPTH)

local array_mark, object_mark = { __name = "json.array" }, { __name = "json.object" }

--- Marks a table so that it encodes as an array (also when empty). → t
function json.array(t) return setmetatable(t or {}, array_mark) end

--- Marks a table so that it encodes as an object. → t
function json.object(t) return setmetatable(t or {}, object_mark) end

-- In place: integral floats become integers, null fields vanish, and with them what is no number (1e999). A
-- null inside an array stays json.null: a list with a hole must not pass for a shorter list.
local function normalise(value, nulls)
  for key, item in pairs(value) do -- order: free
    local kind = type(item)
    if kind == "number" then
      if item >= -EXACT and item <= EXACT then
        value[key] = math.tointeger(item) or item
      elseif item == math.huge or item == -math.huge then
        value[key] = (type(key) == "number" or nulls) and json.null or nil
      end
    elseif kind == "table" then
      normalise(item, nulls)
    elseif item == json.null and type(key) == "string" and not nulls then
      value[key] = nil
    end
  end
  return value
end

-- Half of a surrogate pair means no character; programs that took bytes for text write it (Python's
-- surrogateescape).
local function unpaired(text)
  text = text:gsub("\\u[dD][89aAbB]%x%x\\u[dD][c-fC-F]%x%x", function(pair) return pair:gsub("\\", "\0") end)
  return (text:gsub("\\u[dD][89a-fA-F]%x%x", "\\ufffd"):gsub("%z", "\\"))
end

--- The value of a JSON text, or nil, sentence. nulls: fields that are null stay, as json.null. What is no
-- UTF-8 in it becomes U+FFFD: one bad byte in one label must not take the list of machines away.
function json.decode(text, nulls)
  if type(text) ~= "string" then
    error("json.decode needs a text, got a " .. type(text), 2)
  end
  text = utf8.len(text) and text or clean.bytes(text, "\xef\xbf\xbd")
  local ok, value = pcall(cjson.decode, text)
  if not ok and text:find("\\u[dD][89a-fA-F]%x%x") then ok, value = pcall(cjson.decode, unpaired(text)) end
  if not ok then
    return nil, "not JSON: " .. tostring(value):gsub("^.-:%d+: ", "")
  end
  if value == json.null then return nil, "not JSON: the whole text is null" end
  if type(value) == "table" then return normalise(value, nulls) end
  if type(value) == "number" and value >= -EXACT and value <= EXACT then
    return math.tointeger(value) or value
  end
  return value
end

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
  ["\b"] = "\\b", ["\f"] = "\\f" }

local function escape(byte) return ESCAPES[byte] or ("\\u%04x"):format(byte:byte()) end

local function escape_unseen(character) return ("\\u%04x"):format(utf8.codepoint(character)) end

-- A byte that is no UTF-8, of a folder's name for example, is written as the four characters \xNN: JSON
-- that comes after money was spent never fails. What no eye sees is escaped, so that the text can be shown
-- on a terminal.
local function encode_string(text)
  if not utf8.len(text) then text = clean.bytes(text) end
  text = text:gsub('[%c"\\]', escape)
  return '"' .. (text:find("[\xc2\xd8\xe2\xef]") and clean.visible(text, escape_unseen) or text) .. '"'
end

local function encode_number(number)
  if math.type(number) == "integer" then return ("%d"):format(number) end
  if number ~= number or number == math.huge or number == -math.huge then
    error(("the number %s cannot be JSON"):format(number), 0)
  end
  if number == math.floor(number) and math.abs(number) <= EXACT then
    return ("%d"):format(number)
  end
  local text = ("%.14g"):format(number)
  return tonumber(text) == number and text or ("%.17g"):format(number)
end

local function is_array(value)
  local mark = getmetatable(value)
  if mark == array_mark then return true end
  if mark == object_mark or next(value) == nil then return false end
  return value[1] ~= nil
end

local encode

local function encode_array(out, value, indent, depth)
  local count = #value
  for _, key in ipairs(sorted.keys(value)) do
    if math.type(key) ~= "integer" or key < 1 or key > count then
      error(("a table with the items 1 to %d and the key %q cannot be JSON"):format(count, tostring(key)), 0)
    end
  end
  if count == 0 then out[#out + 1] = "[]" return end
  local gap = indent and "\n" .. (" "):rep(indent * (depth + 1)) or ""
  for i = 1, count do
    out[#out + 1] = (i == 1 and "[" or ",") .. gap
    encode(out, value[i], indent, depth + 1)
  end
  out[#out + 1] = (indent and "\n" .. (" "):rep(indent * depth) or "") .. "]"
end

local function encode_object(out, value, indent, depth)
  local gap = indent and "\n" .. (" "):rep(indent * (depth + 1)) or ""
  local separator = "{"
  for key, item in sorted(value) do
    if type(key) ~= "string" then
      error(("the key %s of an object must be a text"):format(tostring(key)), 0)
    end
    out[#out + 1] = separator .. gap .. encode_string(key) .. (indent and ": " or ":")
    encode(out, item, indent, depth + 1)
    separator = ","
  end
  if separator == "{" then out[#out + 1] = "{}" return end
  out[#out + 1] = (indent and "\n" .. (" "):rep(indent * depth) or "") .. "}"
end

function encode(out, value, indent, depth)
  local kind = type(value)
  if depth > DEPTH then
    error(("a value deeper than %d levels cannot be JSON"):format(DEPTH), 0)
  end
  if value == json.null then
    out[#out + 1] = "null"
  elseif kind == "string" then
    out[#out + 1] = encode_string(value)
  elseif kind == "number" then
    out[#out + 1] = encode_number(value)
  elseif kind == "boolean" then
    out[#out + 1] = tostring(value)
  elseif kind == "table" then
    local write = is_array(value) and encode_array or encode_object
    write(out, value, indent, depth)
  else
    error(("a %s cannot be JSON"):format(kind), 0)
  end
end

--- The JSON text of a value, keys sorted; `indent` spaces per level, or one line. Raises on what JSON cannot
-- hold.
function json.encode(value, indent)
  if value == nil then
    error("json.encode needs a value; json.null is written as null", 2)
  end
  local out = {}
  encode(out, value, indent, 0)
  return table.concat(out)
end

return json
