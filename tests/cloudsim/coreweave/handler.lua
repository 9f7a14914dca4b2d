-- SPDX-License-Identifier: MIT
--- The CoreWeave face: a Kubernetes API server, handler(request, world) → response, made after
--- facts/coreweave.md, not after our client. Paths, who may ask what, and where it is answered.
local access = require "cloudsim.coreweave.access"
local bucket = require "cloudsim.bucket"
local discovery = require "cloudsim.coreweave.discovery"
local json = require "base.json"
local objects = require "cloudsim.coreweave.objects"
local pools = require "cloudsim.coreweave.pools"
local pretty = require "cloudsim.coreweave.pretty"
local reply = require "cloudsim.reply"
local resources = require "cloudsim.coreweave.resources"
local service = require "cloudsim.service"
local status = require "cloudsim.coreweave.status"
local store = require "cloudsim.coreweave.store"
local watch = require "cloudsim.coreweave.watch"

local coreweave = {}

local function too_many(order)
  return status.response("TooManyRequests",
    "the server has received too many requests and has asked us to try again later", {
    retryAfterSeconds = order.retry_after or 1 })
end

local function unauthorized()
  return status.response("Unauthorized", "Unauthorized")
end

local serve = service.of("coreweave", {
  too_many = { "429 TooManyRequests (`retry_after`)", too_many },
  bad_key = { "401 Unauthorized", unauthorized },
  broken = { "a Status of an error (`status`, `message`)", function(order)
    return status.response("InternalError", order.message or "Internal error occurred", nil,
      order.status or 500)
  end },
})

-- /api/v1/… or /apis/GROUP/VERSION/…: → { resource, namespace, name, sub }, or nil
local function place_of(path)
  local version, rest = path:match "^/api/([^/]+)/(.+)$"
  local group = ""
  if not version then
    group, version, rest = path:match "^/apis/([^/]+)/([^/]+)/(.+)$"
    if not group then return nil end
  end
  local namespace, inner = rest:match "^namespaces/([^/]+)/(.+)$"
  local plural, name, sub = (inner or rest):match "^([^/]+)/?([^/]*)/?([^/]*)$"
  local resource = plural and resources.find(group, version, plural)
  if not resource or inner and not resource.namespaced then return nil end
  return { resource = resource, namespace = namespace, name = name ~= "" and name or nil,
    sub = sub ~= "" and sub or nil }
end

local function reviews(call)
  local user, world = call.user, call.world
  local body = json.decode(call.request.body or "") or {}
  body.kind, body.apiVersion = call.resource.kind, call.resource.api
  if call.resource.kind == "SelfSubjectReview" then
    body.status = { userInfo = { username = user.name, groups = user.groups } }
  else
    local said = (body.spec or {}).resourceAttributes or (body.spec or {}).nonResourceAttributes or {}
    local ask = store.copy(said)
    ask.group = ask.group or ""
    said.group = said.group ~= "" and said.group or nil -- what is empty is not said again
    local allowed = access.allowed(world, user, ask)
    body.status = { allowed = allowed, reason = not allowed and "denied by a rule" or nil }
  end
  return reply.json(201, body)
end

-- What a request does there: → the verb as rights name it, and who answers it
local function verb_of(request, place, query)
  local method, resource = request.method, place.resource
  if resource.review then
    if method == "POST" and not place.name then return "create", reviews end
  elseif place.sub then
    if place.sub == "log" and resource.sub.log and method == "GET" then return "get", watch.log end
  elseif method == "GET" and query.watch and query.watch ~= "false" and query.watch ~= "0" then
    return "watch", watch.list
  elseif place.name then
    local verbs = { GET = "get", PUT = "update", PATCH = "patch", DELETE = "delete" }
    return verbs[method], objects[verbs[method]]
  elseif method == "GET" then
    return "list", objects.list
  elseif method == "POST" and (place.namespace or not resource.namespaced) then
    return "create", objects.create
  elseif method == "DELETE" then
    return "deletecollection", objects.delete_many
  end
end

local function answer_place(call, place)
  local request, world = call.request, call.world
  local verb, play = verb_of(request, place, call.query)
  if place.sub and not place.resource.sub[place.sub] then
    status.raise("NotFound", "the server could not find the requested resource", {})
  elseif not play then
    status.raise("MethodNotAllowed", "the server does not allow this method on the requested resource", {})
  end
  call.resource, call.namespace, call.name = place.resource, place.namespace, place.name
  if not place.resource.review then
    access.check(world, call.user, { verb = verb, group = place.resource.group,
      resource = place.resource.plural, subresource = place.sub, namespace = place.namespace,
      name = place.name }, place.resource)
  elseif call.user.anonymous then
    return unauthorized()
  end
  return play(call)
end

local function too_often(world, user)
  local calls = world.settings.coreweave_calls
  return calls and world.settings.rate_limits and not bucket(world, "coreweave " .. user.name, 1 / calls,
    calls)
end

local function answer(request, world, entry)
  local user = access.user(world, request)
  entry.key = user and (user.anonymous and "none" or user.account and "instance" or "account") or "unknown"
  if not user then
    return unauthorized()
  elseif too_often(world, user) then
    return too_many {}
  end
  local query = {}
  for name, value in pairs(request.query or {}) do -- order: free
    query[name] = value
  end
  local call = { world = world, state = world.coreweave, store = world.coreweave.store, request = request,
    query = query, user = user }
  local place = place_of(request.path:gsub("(.)/$", "%1"))
  if place and resources.installed(world, place.resource) then return answer_place(call, place) end
  access.check(world, user, { verb = request.method:lower(), path = request.path })
  local told = discovery.answer(world, request.path, request)
  if told then
    return told
  elseif resources.has_place(world, request.path) then
    return status.response("NotFound", "the server could not find the requested resource", {})
  end
  return reply.text(404, "404 page not found\n")
end

-- The answer, also when it is a refusal that was raised.
local function settled(request, world, entry)
  local ok, response = pcall(answer, request, world, entry)
  if ok then return response end
  return status.raised(response) or error(response, 0)
end

function coreweave.handler(request, world)
  world:tick()
  pools.settle(world)
  local entry = { face = "coreweave", method = request.method, path = request.path,
    query = request.query or {}, key = request.headers.authorization and "unknown" or "none" }
  local response = serve(request, world, entry, settled)
  local kind = (response.headers or {})["Content-Type"]
  if kind == "application/json" and response.body and pretty.wanted(request) then
    response.body = pretty.lines(response.body)
  end
  return response
end

return coreweave
