-- SPDX-License-Identifier: MIT
--- POST /graphql (facts/runpod.md §2.3, §2.4, §2.7–2.12): the deprecated side. Fails with HTTP 200 and
--- `errors`; 400 for what does not fit the schema; the catalogue needs no key.
local json = require "base.json"
local reply = require "cloudsim.reply"
local resolve = require "cloudsim.runpod.graphql_resolve"
local schema = require "cloudsim.runpod.graphql_schema"
local text = require "cloudsim.runpod.graphql_text"

local graphql = {}

local function errors(status, message, code, more)
  local body = { errors = { { message = message, extensions = { code = code } } } }
  for name, value in pairs(more or {}) do -- order: free
    body[name] = value
  end
  return reply.json(status, body)
end

-- The operation that is meant. → operation, or nil and a sentence
local function chosen(list, name)
  if name == nil or name == json.null then
    if #list == 1 then return list[1] end
    return nil, "Must provide operation name if query contains multiple operations."
  end
  for _, each in ipairs(list) do
    if each.name == name then return each end
  end
  return nil, ('Unknown operation named "%s".'):format(tostring(name))
end

-- Picks what was selected. → value for JSON
local function pick(value, fields)
  if value == nil or value == json.null then return json.null end
  if not fields then return value end
  if value[1] ~= nil or getmetatable(value) == getmetatable(json.array {}) then
    local list = {}
    for i, each in ipairs(value) do
      list[i] = pick(each, fields)
    end
    return json.array(list)
  end
  local out = {}
  for _, field in ipairs(fields) do
    local got = value[field.name]
    if type(got) == "function" then
      got = got(field.values)
    end
    out[field.alias] = pick(got, field.fields)
  end
  return json.object(out)
end

-- Runs a checked operation. → response
local function run(call, operation)
  local data, problems = {}, {}
  for _, field in ipairs(operation.fields) do
    local value, problem = resolve[operation.kind][field.name](call, field.values)
    data[field.alias] = problem and json.null or pick(value, field.fields)
    problems[#problems + 1] = problem and { message = problem, path = { field.alias },
      extensions = { code = "RUNPOD" } } or nil
  end
  return reply.json(200, { data = json.object(data), errors = #problems > 0 and problems or nil })
end

local function question(request)
  local body = json.decode(request.body or "", true)
  if type(body) ~= "table" or type(body.query) ~= "string" then
    return nil, errors(400, "POST body missing, invalid Content-Type, or JSON object has no keys.",
      "BAD_REQUEST")
  end
  return body
end

--- key: of the caller, or nil without one
function graphql.handler(request, world, key)
  if request.method ~= "POST" then
    return reply.text(405, "Method Not Allowed")
  end
  local body, refusal = question(request)
  if not body then return refusal end
  local list, sentence = text.read(body.query)
  if not list then return errors(400, sentence, "GRAPHQL_PARSE_FAILED") end
  local operation, unknown = chosen(list, body.operationName)
  if not operation then return errors(400, unknown, "OPERATION_RESOLUTION_FAILURE") end
  local variables = type(body.variables) == "table" and body.variables or {}
  local bad, code = schema.check(operation, variables)
  if bad then return errors(400, bad, code) end
  return run({ world = world, state = world.runpod, key = key, account = key and world.accounts[key.account],
    request = request, args = {}, query = {} }, operation)
end

return graphql
