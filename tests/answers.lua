-- SPDX-License-Identifier: MIT
-- The JSON answers of commands, compared with the shape that the command's table tells (`answer`,
-- docs/cli.md): "url, openai: text; context: integer; cost: { hourly: number }; checks: [{ name: text }];
-- =status".
local commands = require "commands"
local json = require "base.json"
local sorted = require "base.sorted"

local M = {}

--- What every answer may have besides.
M.COMMON = [[
  status: text; money_running: boolean?; error: { kind, message: text; exit_code, http_status: integer }
]]

local parse_fields

-- One type at `at`. → type, the place behind it
local function parse_type(text, at)
  local kind = text:match("^%s*([%a{%[])", at)
  local made
  if kind == "{" then
    made, at = parse_fields(text, text:find("{", at, true) + 1)
    at = assert(text:match("^%s*}()", at), "} is missing in " .. text)
  elseif kind == "[" then
    local inner
    inner, at = parse_type(text, text:find("[", at, true) + 1)
    made, at = { list = inner }, assert(text:match("^%s*%]()", at), "] is missing in " .. text)
  else
    local word, behind = text:match("^%s*(%a+)()", at)
    made, at = { kind = assert(word, "a type is missing in " .. text:sub(at)) }, behind
  end
  local behind = text:match("^%?()", at)
  made.null = behind ~= nil
  return made, behind or at
end

function parse_fields(text, at)
  local made = { fields = {}, also = {} }
  while true do
    local also, behind = text:match("^%s*=(%l+)()", at)
    if also then
      made.also[#made.also + 1] = also
    else
      local names, colon = text:match("^%s*([%w_*,%s]-)%s*:()", at)
      if not names then return made, at end
      local kind
      kind, behind = parse_type(text, colon)
      for name in names:gmatch("[%w_*]+") do
        made.fields[name] = kind
      end
    end
    at = text:match("^%s*;()", behind) or behind
  end
end

--- The shape that a text tells. Raises for what cannot be read.
function M.parse(text)
  local made, at = parse_fields(text, 1)
  if text:find("%S", at) then
    error("cannot be read: " .. text:sub(at, at + 40), 0)
  end
  return made
end

local common = M.parse(M.COMMON)
local shapes = {}

--- The shape of a command's answer: by its table, every time the same.
function M.shape(name)
  shapes[name] = shapes[name] or M.parse(commands.own(name).answer or "")
  return shapes[name]
end

local function field_of(shape, name)
  local found = shape.fields[name] or shape.fields["*"]
  for _, other in ipairs(shape.also) do
    found = found or field_of(M.shape(other), name)
  end
  return found
end

local KINDS = { text = "string", number = "number", integer = "number", boolean = "boolean" }

local function compare(value, shape, path, problems)
  if value == json.null then
    problems[#problems + 1] = not shape.null and shape.kind ~= "any" and path .. " is null" or nil
  elseif shape.list then
    local count = type(value) == "table" and #value or -1
    for index = 1, count do
      compare(value[index], shape.list, ("%s[%d]"):format(path, index), problems)
    end
    problems[#problems + 1] = count < 0 and path .. " is no list" or nil
  elseif shape.fields then
    for key, each in sorted(type(value) == "table" and value or {}) do
      local field = field_of(shape, tostring(key)) or path == "" and common.fields[key]
      local name = path .. "." .. tostring(key)
      if field then
        compare(each, field, name, problems)
      else
        problems[#problems + 1] = name .. " is not in the shape"
      end
    end
    problems[#problems + 1] = type(value) ~= "table" and path .. " is no object" or nil
  elseif shape.kind ~= "any" and (type(value) ~= KINDS[shape.kind]
    or shape.kind == "integer" and math.type(value) ~= "integer") then
    problems[#problems + 1] = ("%s is no %s but %s"):format(path, shape.kind, tostring(value))
  end
end

--- What in an answer of a command its table does not tell. → array of sentences
function M.problems(name, object)
  local problems = {}
  compare(object, M.shape(name), "", problems)
  return problems
end

--- The command that the words of a line mean, or nil (a script, a line that is refused).
function M.command_of(words)
  local args = require "cli.args"
  local parsed = args.parse(words)
  if not parsed or parsed.script or parsed.options.version then return nil end
  local name = args.command(parsed)
  name = (parsed.options.help or not name) and "help" or commands.alias(name) or name
  return name:find("^%l+$") and commands.own(name) and name
end

--- Compares what a line printed in JSON. → true; raises what does not fit
function M.check(words, out)
  local name = M.command_of(words)
  for line in (name and out or ""):gmatch("[^\n]+") do
    local ok, object = pcall(json.decode, line)
    local is_answer = ok and type(object) == "table" and object.money_running ~= nil
    local problems = is_answer and M.problems(name, object) or {}
    if problems[1] then
      error(("what %q answers is not as lua/commands/%s.lua tells: %s"):format(table.concat(words, " "), name,
        table.concat(problems, "; ")), 0)
    end
  end
  return true
end

--- Every name of a field in a shape.
function M.names(shape, found)
  found = found or {}
  for name, each in sorted(shape.fields or {}) do
    found[name] = name ~= "*" or nil
    M.names(each, found)
  end
  return shape.list and M.names(shape.list, found) or found
end

return M
