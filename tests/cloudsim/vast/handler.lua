-- SPDX-License-Identifier: MIT
--- The Vast face: handler(request, world) → response. Request {method, path, query={}, headers={lower-case},
--- body, peer}. Who may call what, how often, and where it is answered; made after facts/vast.md §1, not
--- after our client.
local account = require "cloudsim.vast.account"
local create = require "cloudsim.vast.create"
local instances = require "cloudsim.vast.instances"
local json = require "base.json"
local kinds = require "cloudsim.kinds"
local life = require "cloudsim.vast.life"
local limits = require "cloudsim.vast.limits"
local manage = require "cloudsim.vast.manage"
local reply = require "cloudsim.reply"
local service = require "cloudsim.service"

local vast = {}

-- {method, path without final slash, function, permission, limit, scoped = a machine's own key may, open = no
-- key needed}
local ROUTES = {
  { "POST", "^/api/v0/bundles$", account.bundles, "misc", "bundles", open = true },
  { "PUT", "^/api/v0/search/asks$", account.search_asks, "misc", "bundles", open = true },
  { "PUT", "^/api/v0/asks/(%d+)$", create.handler, "instance_write", "create" },
  { "GET", "^/api/v0/instances$", nil, "instance_read" },
  { "DELETE", "^/api/v0/instances$", manage.destroy_many, "instance_write", "destroy" },
  { "GET", "^/api/v1/instances$", instances.list, "instance_read", "list" },
  { "GET", "^/api/v0/instances/(%d+)$", instances.get, "instance_read", "get", scoped = true },
  { "PUT", "^/api/v0/instances/(%d+)$", manage.update, "instance_write", "update", scoped = true },
  { "DELETE", "^/api/v0/instances/(%d+)$", manage.destroy, "instance_write", "destroy", scoped = true },
  { "PUT", "^/api/v0/instances/bid_price/(%d+)$", manage.bid, "instance_write", "bid" },
  { "PUT", "^/api/v0/instances/reboot/(%d+)$", manage.reboot, "instance_write", "reboot" },
  { "PUT", "^/api/v0/instances/recycle/(%d+)$", manage.reboot, "instance_write", "reboot" },
  { "PUT", "^/api/v0/instances/request_logs/(%d+)$", manage.request_logs, "instance_read" },
  { "PUT", "^/api/v0/instances/command/(%d+)$", manage.command, "instance_write", "command" },
  { "GET", "^/api/v0/instances/(%d+)/ssh$", manage.list_ssh, "instance_read" },
  { "POST", "^/api/v0/instances/(%d+)/ssh$", manage.add_ssh, "instance_write", "ssh" },
  { "DELETE", "^/api/v0/instances/(%d+)/ssh/(%d+)$", manage.remove_ssh, "instance_write", "ssh_delete" },
  { "GET", "^/api/v0/users/current$", account.current, "user_read" },
  { "GET", "^/api/v0/ssh$", account.list_ssh, "user_read" },
  { "POST", "^/api/v0/ssh$", account.add_ssh, "user_write", "ssh" },
  { "DELETE", "^/api/v0/ssh/(%d+)$", account.remove_ssh, "user_write" },
  { "GET", "^/api/v0/auth/apikeys$", account.list_keys, "user_read" },
  { "POST", "^/api/v0/auth/apikeys$", account.add_key, "user_write", "apikeys" },
  { "DELETE", "^/api/v0/auth/apikeys/(%d+)$", account.remove_key, "user_write" },
  { "GET", "^/api/v0/charges$", account.charges, "billing_read", "charges" },
  { "GET", "^/api/v1/invoices$", account.invoices, "billing_read", "invoices" },
  { "GET", "^/api/v0/volumes$", manage.list_volumes, "instance_read" },
  { "DELETE", "^/api/v0/volumes$", manage.delete_volume, "instance_write" },
  { "GET", "^/presigned/(%x+)$", manage.presigned, open = true },
}

local function route_of(request)
  local path = request.path:gsub("/+$", "")
  local other = false
  for _, route in ipairs(ROUTES) do
    local args = { path:match(route[2]) }
    if args[1] then
      if route[1] == request.method then return route, args end
      other = true
    end
  end
  if other then
    return nil, reply.json(405, { detail = "Method Not Allowed" })
  end
  return nil, reply.json(404, { detail = "Not Found" })
end

-- The key a request carries: → text or nil.
local function key_text(request)
  local header = request.headers.authorization
  local text = header and header:match("^[Bb]earer%s+(%S+)%s*$")
  return text or (request.query and request.query.api_key)
end

local function bad_key()
  return reply.fail(404, "auth_error", "Invalid user key")
end

local serve = service.of("vast", {
  too_many = { "too frequent", function() return reply.text(429, "API requests too frequent") end },
  bad_key = { "\"Invalid user key\"", bad_key },
  broken = { "an error (`status`, `message`)", function(order)
    return reply.text(order.status or 500, order.message or "Internal Server Error")
  end },
})

local GUARD_REFUSED = kinds.of("vast"):kind("guard.refused",
  "what a machine asks with its own key is answered as a bad key")

local function allowed(world, key, route, args)
  if key.kind == "instance" then
    if GUARD_REFUSED:take(world, { instance = key.instance }) then
      return bad_key()
    end
    if not route.scoped or tonumber(args[1]) ~= key.instance then
      return reply.fail(world.settings.scoped_status, "auth_error", "This key is limited to instance "
        .. key.instance)
    end
  elseif key.permissions and not (route[4] and key.permissions.api[route[4]]) then
    return reply.fail(401, "auth_error", "This key lacks the permission " .. tostring(route[4]))
  end
  return nil
end

-- → key row or nil, refusal.
local function identify(request, world, route)
  local text = key_text(request)
  if not text then
    if route.open then return nil end
    return nil, reply.fail(403, "auth_error", "This action requires login.")
  end
  local key = world:key_at("vast", text)
  if not key then return nil, bad_key() end
  return key
end

local function read_body(request)
  if request.body == nil or request.body == "" then return nil end
  local value = json.decode(request.body)
  return value, value == nil
end

local function answer(request, world, entry)
  local route, args = route_of(request)
  if not route then return args end
  local key, refusal = identify(request, world, route)
  entry.key = key and key.kind or (refusal and key_text(request) and "unknown" or "none")
  if refusal then return refusal end
  local identity = (key and key.text or "-") .. " " .. tostring(request.peer or "")
  refusal = limits.check(world, route[5], identity) or key and allowed(world, key, route, args)
  if refusal then
    return refusal
  elseif route[3] == nil then
    return reply.fail(410, "deprecated_endpoint",
      "/api/v0/instances/ is deprecated. Use /api/v1/instances/ instead.")
  end
  local body, broken = read_body(request)
  if broken then
    return reply.fail(400, "invalid_request", "Invalid json body")
  end
  entry.body = body
  local who = key and world.accounts[key.account]
  return route[3]({ world = world, request = request, args = args, key = key, account = who, body = body,
    query = request.query or {} })
end

--- Stops what an empty account can no longer pay.
function vast.collect(world)
  for _, instance in ipairs(world.vast:each()) do
    if instance.current == "running"
      and world:credit(world.accounts[instance.account]) <= world.settings.min_credit then
      life.stopped(world, instance, "Your account has no credit")
    end
  end
end

function vast.handler(request, world)
  world:tick()
  vast.collect(world)
  local entry = { face = "vast", method = request.method, path = request.path, key = key_text(request)
    and "unknown" or "none", query = {}, legacy_key = request.query and request.query.api_key ~= nil or nil }
  for name, value in pairs(request.query or {}) do -- order: free
    entry.query[name] = name ~= "api_key" and value or nil
  end
  return serve(request, world, entry, answer)
end

return vast
