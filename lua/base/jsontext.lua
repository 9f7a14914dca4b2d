-- SPDX-License-Identifier: MIT
-- Puts members into the text of a JSON file of somebody else's: all other bytes stay, comments and trailing
-- commas (JSONC) included. Pure.
local json = require "base.json"

local jsontext = {}

local DEEPEST = 100

local function damaged(text, at, what)
  local _, breaks = text:sub(1, at - 1):gsub("\n", "")
  error({ sentence = ("line %d: %s"):format(breaks + 1, what) }, 0)
end

-- Over blanks and comments. → position of what follows
local function skip(text, at)
  while true do
    local after = text:match("^%s+()", at) or text:match("^//[^\n]*()", at)
    if not after and text:sub(at, at + 1) == "/*" then
      after = text:match("%*/()", at + 2) or damaged(text, at, "a comment has no end")
    end
    if not after then return at end
    at = after
  end
end

-- → position after the string that begins here
local function string_end(text, at)
  local from = at + 1
  while true do
    local stop = text:find('["\\\n]', from)
    local byte = stop and text:sub(stop, stop)
    if byte == '"' then return stop + 1 end
    if byte ~= "\\" then damaged(text, at, "a text has no end") end
    from = stop + 2
  end
end

local value_end

-- The members of the object that begins here. → array of { key=, at=, stop= of the value, comma= position
-- of the comma behind or nil }, position of its closing brace
local function members(text, at, depth)
  local list = {}
  at = skip(text, at + 1)
  while text:sub(at, at) ~= "}" do
    if text:sub(at, at) ~= '"' then damaged(text, at, "a name in quotes is missing") end
    local after = string_end(text, at)
    local member = { key = json.decode("[" .. text:sub(at, after - 1) .. "]") }
    member.key = member.key and member.key[1] or damaged(text, at, "a name is damaged")
    at = skip(text, after)
    if text:sub(at, at) ~= ":" then damaged(text, at, "a colon is missing") end
    member.at = skip(text, at + 1)
    member.stop = value_end(text, member.at, depth + 1)
    at = skip(text, member.stop)
    if text:sub(at, at) == "," then
      member.comma = at
      at = skip(text, at + 1)
    elseif text:sub(at, at) ~= "}" then
      damaged(text, at, "a comma or the end of the object is missing")
    end
    list[#list + 1] = member
  end
  return list, at
end

local function array_end(text, at, depth)
  at = skip(text, at + 1)
  while text:sub(at, at) ~= "]" do
    at = skip(text, value_end(text, at, depth + 1))
    if text:sub(at, at) == "," then
      at = skip(text, at + 1)
    elseif text:sub(at, at) ~= "]" then
      damaged(text, at, "a comma or the end of the list is missing")
    end
  end
  return at + 1
end

-- → position after the value that begins here
function value_end(text, at, depth)
  if depth > DEEPEST then damaged(text, at, "it is too deep") end
  local first = text:sub(at, at)
  if first == '"' then return string_end(text, at) end
  if first == "[" then return array_end(text, at, depth) end
  if first == "{" then
    local _, close = members(text, at, depth)
    return close + 1
  end
  local word = text:match("^-?%d[%d.eE+-]*", at) or text:match("^%a+", at)
  if not word or not tonumber(word) and word ~= "true" and word ~= "false" and word ~= "null" then
    damaged(text, at, "there is no value")
  end
  return at + #word
end

-- The blanks with which the line of a position begins.
local function indent_at(text, at)
  return text:sub(1, at):match("([ \t]*)[^\n]*$")
end

-- The value as text below a line that begins with `indent`.
local function written(value, indent)
  return (json.encode(value, 2):gsub("\n", "\n" .. indent))
end

-- One more member in the object from `at` to its brace `close`.
local function added(text, at, list, close, key, value)
  local outer, last = indent_at(text, at), list[#list]
  local name = json.encode(key)
  if last and not text:sub(at, close):find("\n", 1, true) then
    local place = last.comma or last.stop - 1
    local member = (last.comma and " " or ", ") .. name .. ": " .. json.encode(value)
    return text:sub(1, place) .. member .. text:sub(place + 1)
  end
  local inner = last and indent_at(text, last.at) or outer .. "  "
  local member = "\n" .. inner .. name .. ": " .. written(value, inner)
  if last and not last.comma then
    text, close = text:sub(1, last.stop - 1) .. "," .. text:sub(last.stop), close + 1
  end
  return text:sub(1, close - 1):gsub("%s+$", "") .. member .. "\n" .. outer .. text:sub(close)
end

local function set(text, at, path, depth, value)
  if text:sub(at, at) ~= "{" then damaged(text, at, (path[depth - 1] or "it") .. " is no object") end
  local list, close = members(text, at, depth)
  local found
  for _, member in ipairs(list) do
    if member.key == path[depth] then found = member end
  end
  if found and depth < #path then
    return set(text, found.at, path, depth + 1, value)
  end
  if found then
    local old = text:sub(found.at, found.stop - 1)
    return text:sub(1, found.at - 1) .. written(value, indent_at(text, found.at)) .. text:sub(found.stop), old
  end
  for index = #path, depth + 1, -1 do value = { [path[index]] = value } end
  return added(text, at, list, close, path[depth], value)
end

--- The text with `value` as the member at `path` (names of objects, outermost first).
-- @return text, the text of the value that was there (nil: none); or nil and what is wrong, with its line
function jsontext.set(text, path, value)
  local start = #(text:match("^\239\187\191") or "") + 1
  local ok, made, old = pcall(function()
    local at = skip(text, start)
    local stop = value_end(text, at, 1)
    if skip(text, stop) <= #text then damaged(text, stop, "there is something behind the end") end
    return set(text, at, path, 1, value)
  end)
  if ok then return made, old end
  if type(made) == "table" then return nil, made.sentence end
  return error(made, 0)
end

return jsontext
