-- SPDX-License-Identifier: MIT
--- The RunPod face: handler(request, world) → response, made after facts/runpod.md §2, not after our client.
--- Who may call what, how often, and where it is answered; /graphql is answered by graphql.lua.
local account = require "cloudsim.runpod.account"
local answers = require "cloudsim.runpod.answers"
local billing = require "cloudsim.runpod.billing"
local catalog = require "cloudsim.runpod.catalog"
local create = require "cloudsim.runpod.create"
local graphql = require "cloudsim.runpod.graphql"
local json = require "base.json"
local kinds = require "cloudsim.kinds"
local limits = require "cloudsim.runpod.limits"
local life = require "cloudsim.runpod.life"
local pods = require "cloudsim.runpod.pods"
local service = require "cloudsim.service"
local sorted = require "base.sorted"
local templates = require "cloudsim.runpod.templates"
local url = require "base.url"

local runpod = {}

-- own: a pod's key may, for that pod
local ROUTES = {
  { "GET", "/pods", pods.list },
  { "POST", "/pods", create.handler },
  { "GET", "/pods/([%w-]+)", pods.get, own = true },
  { "PATCH", "/pods/([%w-]+)", pods.patch },
  { "DELETE", "/pods/([%w-]+)", pods.delete, own = true },
  { "POST", "/pods/([%w-]+)/action", pods.action, own = true },
  { "GET", "/pods/([%w-]+)/logs", pods.logs },
  { "GET", "/catalog/gpus", catalog.gpus },
  { "GET", "/catalog/gpus/([^/]+)", catalog.gpu },
  { "GET", "/catalog/datacenters", catalog.centres },
  { "GET", "/catalog/datacenters/([^/]+)", catalog.centre },
  { "GET", "/billing/pods", billing.pods },
  { "GET", "/account/ssh%-keys", account.ssh_keys },
  { "PUT", "/account/ssh%-keys", account.put_ssh_keys },
  { "GET", "/network%-volumes", account.volumes },
  { "POST", "/network%-volumes", account.add_volume },
  { "GET", "/network%-volumes/(%w+)", account.volume },
  { "PATCH", "/network%-volumes/(%w+)", account.change_volume },
  { "DELETE", "/network%-volumes/(%w+)", account.remove_volume },
  { "GET", "/templates", templates.list },
  { "POST", "/templates", templates.add },
  { "GET", "/templates/(%w+)", templates.get },
  { "PATCH", "/templates/(%w+)", templates.change },
  { "DELETE", "/templates/(%w+)", templates.remove },
}

-- → route, arguments; or nil and the methods that this path has
local function route_of(request)
  local methods = {}
  for _, route in ipairs(ROUTES) do
    local args = { request.path:match("^/v2" .. route[2] .. "$") }
    if args[1] then
      if route[1] == request.method then
        return route, { url.unescape(args[1]) }
      end
      methods[#methods + 1] = route[1]
    end
  end
  return nil, methods
end

local function key_text(request)
  local header = request.headers.authorization or ""
  return header:match("^[Bb]earer%s+(%S+)%s*$") or request.path == "/graphql" and request.query
    and request.query.api_key or nil
end

local function bad_key(request)
  return answers.problem(401, key_text(request) and "invalid bearer token" or "missing bearer token")
end

local serve = service.of("runpod", {
  too_many = { "rate limit exceeded (`retry_after` 12)", answers.too_many },
  bad_key = { "401 (`mode` `html`: 403 and a web page of the edge; `rights`: 403)", function(order)
    if order.mode == "html" then return answers.edge() end
    return order.mode == "rights" and answers.problem(403, "access denied")
      or answers.problem(401, "invalid bearer token")
  end },
  broken = { "an error (`status`, `message`)", function(order)
    return answers.problem(order.status or 500, order.message or "internal error")
  end },
})

local GUARD_REFUSED = kinds.of("runpod"):kind("guard.refused",
  "what a pod asks with its own key is answered as a bad key")

-- A pod's key that is good for nothing (facts/runpod.md §2.13: what it may is unverified).
local function void(world, key)
  return key.kind == "instance" and (world.settings.runpod_pod_key == "none"
    or GUARD_REFUSED:take(world, { instance = key.instance }) ~= nil)
end

-- A pod's key is good for that pod.
local function refuses_pod(key, route, args)
  if key.kind == "instance" and (not route or not route.own or args[1] ~= key.instance) then
    return answers.problem(403, "access denied")
  end
end

-- → body with its nulls, or nil, true when it is no JSON
local function read_body(request)
  if request.body == nil or request.body == "" then return nil end
  local value = json.decode(request.body, true)
  return value, value == nil
end

-- What the control address shows of a body.
local function noted(body)
  if type(body) ~= "table" then return body end
  local shown = {}
  for name, value in sorted(body) do
    shown[name] = name ~= "env" and name ~= "args" and value or nil
  end
  return shown
end

local function rest(request, world, entry, key)
  local route, args = route_of(request)
  local refusal = refuses_pod(key, route, args)
  if refusal then
    return refusal
  elseif not route and #args == 0 then
    return answers.problem(404, "resource not found")
  elseif not route then
    local response = answers.problem(405, "The requested method is not allowed for this path.")
    response.headers.Allow = table.concat(args, ", ")
    return response
  end
  local body, broken = read_body(request)
  if broken then
    return answers.problem(400, "request body is not valid JSON")
  end
  entry.body = noted(body)
  return route[3]({ world = world, state = world.runpod, request = request, args = args, key = key,
    account = world.accounts[key.account], body = body, query = request.query or {} })
end

local function answer(request, world, entry)
  local text = key_text(request)
  local key = text and world:key_at("runpod", text)
  entry.key = key and key.kind or entry.key
  if request.path == "/graphql" then
    if text and (not key or void(world, key)) then return bad_key(request) end
    return graphql.handler(request, world, key)
  elseif not request.path:find("^/v2/") then
    return answers.problem(404, "resource not found")
  elseif not key or void(world, key) then
    return bad_key(request)
  end
  local response = limits.check(world, key.account) or rest(request, world, entry, key)
  for name, value in sorted(limits.headers(world, key.account)) do
    response.headers = response.headers or {}
    response.headers[name] = value
  end
  return response
end

-- The edge before the API takes whoever has no name for a machine (§2.2).
local function turned_away(request)
  return (request.headers["user-agent"] or "") == "" and answers.edge() or nil
end

--- An empty account: what has a network volume is stopped, everything else terminated (§2.11).
function runpod.collect(world)
  for _, instance in ipairs(world.runpod:each()) do
    if instance.status ~= "EXITED" and world:credit(world.accounts[instance.account]) <= 0 then
      (instance.mounts.network and life.stop or life.destroy)(world, instance)
    end
  end
end

function runpod.handler(request, world)
  world:tick()
  runpod.collect(world)
  local entry = { face = "runpod", method = request.method, path = request.path, query = {},
    key = key_text(request) and "unknown" or "none" }
  for name, value in sorted(request.query or {}) do
    entry.query[name] = name ~= "api_key" and value or nil
  end
  local response = serve(request, world, entry, answer, turned_away(request))
  if response.headers then
    response.headers["x-request-id"] = world.runpod.random:hex(16)
  end
  return response
end

return runpod
