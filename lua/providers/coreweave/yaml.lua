-- SPDX-License-Identifier: MIT
-- The YAML that kubeconfig files are written in: maps and lists in lines, plain and quoted words, comments.
-- All else (anchors, tags, several documents, texts over several lines) is refused with the line's number.
local fail = require "base.fail"
local json = require "base.json"

local yaml = {}

local WORDS = { ["true"] = true, ["false"] = false, ["{}"] = {}, ["[]"] = {} }

local function bad(line, why)
  fail.raise("config", ("line %d: %s"):format(line.number, why))
end

local ESCAPES = { n = "\n", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

-- A quoted word, and what follows it.
local function quoted(line, text)
  if text:sub(1, 1) == "'" then
    local from = 2
    while true do
      local at = text:find("'", from, true) or bad(line, "a quotation without its end")
      if text:sub(at + 1, at + 1) ~= "'" then return text:sub(2, at - 1):gsub("''", "'"), text:sub(at + 1) end
      from = at + 2
    end
  end
  local made, at = {}, 2
  while true do
    local plain, stop = text:match('^([^"\\]*)(["\\])', at)
    if not stop then bad(line, "a quotation without its end") end
    made[#made + 1], at = plain, at + #plain + 1
    if stop == '"' then return table.concat(made), text:sub(at) end
    made[#made + 1] = ESCAPES[text:sub(at, at)] or bad(line, "an escape that is not understood")
    at = at + 1
  end
end

-- The value of a line's rest; nil when there is none.
local function scalar(line, text)
  if text:find "^[\"']" then
    local value, rest = quoted(line, text)
    if rest:find "^%s*[^%s#]" then bad(line, "something after a quotation") end
    return value
  end
  text = text:gsub("%s+#.*$", ""):gsub("^#.*$", ""):gsub("%s+$", "")
  if text == "" then return nil end
  if WORDS[text] ~= nil then return type(WORDS[text]) == "table" and {} or WORDS[text] end
  if text == "null" or text == "~" then return json.null end
  if text:find "^[&*!|>{%[%%@`]" then
    bad(line, "this kind of YAML is not read here: write it as kubectl does")
  end
  return text
end

local function lines_of(text)
  local list, number = {}, 0
  for raw in (text:gsub("\r\n", "\n") .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    local indent, rest = raw:match "^( *)(.*)$"
    local line = { number = number, indent = #indent, text = rest }
    if rest:sub(1, 1) == "\t" then bad(line, "a tab before the text") end
    if rest == "---" and #list > 0 or rest == "..." then bad(line, "a second document") end
    if rest:find "%S" and rest:sub(1, 1) ~= "#" and rest ~= "---" then list[#list + 1] = line end
  end
  return list
end

-- "key: rest" → key, rest; nil when the line is no such pair
local function pair(line)
  local text = line.text
  if text:find "^[\"']" then
    local key, rest = quoted(line, text)
    local value = rest:match "^:%s+(.*)$" or rest:match "^:%s*$" and ""
    return value and key, value
  end
  local key, value = text:match "^([^%s:#][^:]-)%s*:%s+(.*)$"
  if key then return key, value end
  return text:match "^([^%s:#][^:]-)%s*:$", ""
end

local block

local function is_item(line)
  return line.text == "-" or line.text:sub(1, 2) == "- "
end

local function list_block(lines, at, indent)
  local list = {}
  while lines[at] and lines[at].indent == indent and is_item(lines[at]) do
    local line = lines[at]
    local gap, rest = line.text:match "^%-(%s*)(.*)$"
    local inner = { number = line.number, indent = indent + 1 + #gap, text = rest }
    if rest == "" then
      list[#list + 1], at = block(lines, at + 1, indent + 1)
    elseif pair(inner) or is_item(inner) then
      lines[at] = inner
      list[#list + 1], at = block(lines, at, inner.indent)
    else
      list[#list + 1], at = scalar(line, rest), at + 1
    end
  end
  return json.array(list), at
end

local function map_block(lines, at, indent)
  local map = {}
  while lines[at] and lines[at].indent == indent and not is_item(lines[at]) do
    local line = lines[at]
    local key, rest = pair(line)
    if not key then bad(line, "neither \"name: value\" nor an item of a list") end
    if map[key] ~= nil then bad(line, ("%q stands here twice"):format(key)) end
    local value = scalar(line, rest)
    at = at + 1
    local below = lines[at]
    if value == nil and below and (below.indent > indent or below.indent == indent and is_item(below)) then
      value, at = block(lines, at, below.indent)
    end
    map[key] = value == nil and json.null or value
  end
  return map, at
end

function block(lines, at, least)
  local line = lines[at]
  if not line or line.indent < least then return json.null, at end
  if is_item(line) then return list_block(lines, at, line.indent) end
  return map_block(lines, at, line.indent)
end

local function without_nulls(value)
  if type(value) ~= "table" then return value end
  for key, each in pairs(value) do -- order: free
    if each == json.null then value[key] = nil else without_nulls(each) end
  end
  return value
end

--- The table of such a text, or of JSON; what is null vanishes. @raise `config`
function yaml.decode(text)
  if text:find "^%s*{" then
    local value, why = json.decode(text)
    if not value then fail.raise("config", why) end
    return value
  end
  local lines = lines_of(text)
  local value, at = block(lines, 1, 0)
  if lines[at] then bad(lines[at], "indented otherwise than what it belongs to") end
  return without_nulls(value)
end

return yaml
