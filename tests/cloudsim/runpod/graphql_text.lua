-- SPDX-License-Identifier: MIT
--- Reads a GraphQL document: operations with variables, fields with aliases and arguments, literals of every
--- kind. No fragments, no directives (facts/runpod.md §2.7: no known client uses them).
local json = require "base.json"

local text = {}

local ESCAPES = { n = "\n", t = "\t", r = "\r", b = "\b", f = "\f" }

local function fail(message)
  error({ syntax = "Syntax Error: " .. message }, 0)
end

local function string_value(raw)
  return (raw:gsub("\\u(%x%x%x%x)", function(hex) return utf8.char(tonumber(hex, 16)) end)
    :gsub("\\(.)", function(char) return ESCAPES[char] or char end))
end

-- The token at `at`: → kind, value, where the next one may begin.
local function token(source, at)
  local char = source:sub(at, at)
  local block = source:match('^"""(.-)"""', at)
  if block then
    return "string", block, at + #block + 6
  elseif char == '"' then
    local last = at + 1
    while source:sub(last, last) ~= '"' do
      if last > #source then fail("Unterminated string.") end
      last = last + (source:sub(last, last) == "\\" and 2 or 1)
    end
    return "string", string_value(source:sub(at + 1, last - 1)), last + 1
  elseif char:find("[%a_]") then
    local name = source:match("^[%w_]+", at)
    return "name", name, at + #name
  elseif char:find("[%d-]") then
    local number = source:match("^-?%d+%.?%d*[eE]?[+-]?%d*", at)
    if not number or not tonumber(number) then fail("Invalid number.") end
    return number:find("[%.eE]") and "float" or "integer", tonumber(number), at + #number
  elseif source:find("^%.%.%.", at) then
    return "...", "...", at + 3
  elseif char:find("[{}%(%)%[%]:!$=@|&]") then
    return char, char, at + 1
  end
  fail("Unexpected character: " .. char)
end

-- → list of { kind, value }, ended by { "<EOF>" }
local function tokens(source)
  local list, at = {}, 1
  while true do
    at = source:match("^[%s,\u{FEFF}]*()", at)
    while source:sub(at, at) == "#" do
      at = source:match("^#[^\n]*[%s,]*()", at)
    end
    if at > #source then break end
    local kind, value, after = token(source, at)
    list[#list + 1], at = { kind, value }, after
  end
  list[#list + 1] = { "<EOF>" }
  return list
end

local reader = {}
reader.__index = reader

function reader:peek(kind) return self.list[self.at][1] == kind end

function reader:take(kind)
  local one = self.list[self.at]
  if one[1] ~= kind then
    fail(("Expected %s, found %s."):format(kind, tostring(one[2] or one[1])))
  end
  self.at = self.at + 1
  return one[2]
end

function reader:skip(kind)
  return self:peek(kind) and self:take(kind) ~= nil
end

local LITERALS = { ["true"] = true, ["false"] = false, null = json.null }

--- A value: { is = "variable" | "enum" | "string" | "integer" | … , value }
function reader:value()
  local kind = self.list[self.at][1]
  if self:skip("$") then
    return { is = "variable", value = self:take("name") }
  elseif kind == "name" then
    local word = self:take("name")
    if LITERALS[word] ~= nil then
      return { is = word == "null" and "null" or "boolean", value = LITERALS[word] }
    end
    return { is = "enum", value = word }
  elseif self:skip("[") then
    local list = { is = "list", value = {} }
    while not self:skip("]") do
      table.insert(list.value, self:value())
    end
    return list
  elseif self:skip("{") then
    local object = { is = "object", value = {} }
    while not self:skip("}") do
      local name = self:take("name")
      self:take(":")
      object.value[name] = self:value()
    end
    return object
  elseif kind == "string" or kind == "integer" or kind == "float" then
    return { is = kind, value = self:take(kind) }
  end
  fail("Unexpected " .. kind .. ".")
end

function reader:arguments()
  local args = {}
  if not self:skip("(") then return args end
  while not self:skip(")") do
    local name = self:take("name")
    self:take(":")
    args[name] = self:value()
  end
  return args
end

--- { { alias, name, args, fields | nil }, … }
function reader:selection()
  local list = {}
  self:take("{")
  while not self:skip("}") do
    local alias = self:take("name")
    local name = self:skip(":") and self:take("name") or alias
    local field = { alias = alias, name = name, args = self:arguments() }
    if self:peek("{") then
      field.fields = self:selection()
    end
    list[#list + 1] = field
  end
  return list
end

-- The written type of a variable, as text.
function reader:type()
  local name
  if self:skip("[") then
    name = "[" .. self:type() .. "]"
    self:take("]")
  else
    name = self:take("name")
  end
  return name .. (self:skip("!") and "!" or "")
end

function reader:variables()
  local list = {}
  if not self:skip("(") then return list end
  while not self:skip(")") do
    self:take("$")
    local one = { name = self:take("name") }
    self:take(":")
    one.type = self:type()
    one.default = self:skip("=") and self:value() or nil
    list[#list + 1] = one
  end
  return list
end

function reader:operation()
  local kind, name, variables = "query", nil, {}
  if not self:peek("{") then
    kind = self:take("name")
    if kind ~= "query" and kind ~= "mutation" then fail('Unexpected Name "' .. kind .. '".') end
    name = self:peek("name") and self:take("name") or nil
    variables = self:variables()
  end
  return { kind = kind, name = name, variables = variables, fields = self:selection() }
end

--- → list of operations { kind, name, variables, fields }, or nil and a sentence
function text.read(source)
  local ok, result = pcall(function()
    local self, list = setmetatable({ list = tokens(source), at = 1 }, reader), {}
    repeat
      list[#list + 1] = self:operation()
    until self:peek("<EOF>")
    return list
  end)
  if ok then return result end
  if type(result) == "table" and result.syntax then return nil, result.syntax end
  error(result, 0)
end

return text
