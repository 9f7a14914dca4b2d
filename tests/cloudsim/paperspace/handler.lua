-- SPDX-License-Identifier: MIT
--- The Paperspace face: handler(request, world) → response, made after facts/paperspace.md, not after our
--- client. Who may call what, how often, and where it is answered.
local account = require "cloudsim.paperspace.account"
local answers = require "cloudsim.paperspace.answers"
local around = require "cloudsim.paperspace.around"
local bucket = require "cloudsim.bucket"
local create = require "cloudsim.paperspace.create"
local json = require "base.json"
local machines = require "cloudsim.paperspace.machines"
local reply = require "cloudsim.reply"
local scripts = require "cloudsim.paperspace.scripts"
local service = require "cloudsim.service"
local storage = require "cloudsim.paperspace.storage"

local paperspace = {}

local ROUTES = {
  { "GET", "/auth/session", account.session, open = true },
  { "GET", "/health", account.health, open = true },
  { "GET", "/billing/account-standing", account.standing },
  { "GET", "/os-templates", account.templates },
  { "GET", "/machine-availability", account.availability },
  { "GET", "/machine-events", account.events },
  { "GET", "/machine-events/{id}", account.event },
  { "GET", "/machines", machines.list },
  { "POST", "/machines", create.handler },
  { "GET", "/machines/{id}", machines.get },
  { "PUT", "/machines/{id}", machines.update },
  { "DELETE", "/machines/{id}", machines.delete },
  { "PATCH", "/machines/{id}/start", machines.start },
  { "PATCH", "/machines/{id}/stop", machines.stop },
  { "PATCH", "/machines/{id}/restart", machines.restart },
  { "GET", "/startup-scripts", scripts.list },
  { "POST", "/startup-scripts", scripts.create },
  { "GET", "/startup-scripts/{id}", scripts.get },
  { "PUT", "/startup-scripts/{id}", scripts.update },
  { "DELETE", "/startup-scripts/{id}", scripts.delete },
  { "POST", "/startup-scripts/{id}/assign", scripts.assign },
  { "POST", "/startup-scripts/{id}/unassign", scripts.unassign },
  { "GET", "/private-networks", around.networks },
  { "POST", "/private-networks", around.make_network },
  { "GET", "/private-networks/{id}", around.network },
  { "PUT", "/private-networks/{id}", around.rename_network },
  { "DELETE", "/private-networks/{id}", around.remove_network },
  { "GET", "/public-ips", around.addresses },
  { "POST", "/public-ips", around.claim_address },
  { "PUT", "/public-ips/{id}", around.assign_address },
  { "DELETE", "/public-ips/{id}", around.release_address },
  { "GET", "/snapshots", around.snapshots },
  { "POST", "/snapshots", around.make_snapshot },
  { "DELETE", "/snapshots/{id}", around.remove_snapshot },
  { "GET", "/shared-drives", storage.drives },
  { "POST", "/shared-drives", storage.make_drive },
  { "GET", "/shared-drives/{id}", storage.drive },
  { "DELETE", "/shared-drives/{id}", storage.remove_drive },
  { "GET", "/custom-templates", storage.templates },
  { "POST", "/custom-templates", storage.make_template },
  { "GET", "/custom-templates/{id}", storage.template },
  { "DELETE", "/custom-templates/{id}", storage.remove_template },
}
for _, route in ipairs(ROUTES) do
  route.pattern = "^/v1" .. route[2]:gsub("-", "%%-"):gsub("{id}", "([%%w._-]+)") .. "/?$"
end

-- → route, args; without a route: whether another method is known there
local function route_of(request)
  local other = false
  for _, route in ipairs(ROUTES) do
    local args = { request.path:match(route.pattern) }
    if args[1] and route[1] == request.method then return route, args end
    other = other or args[1] ~= nil
  end
  return nil, other
end

local function key_text(request)
  return (request.headers.authorization or ""):match("^[Bb]earer%s+(%S+)%s*$")
end

local function bad_key()
  return answers.fail("UNAUTHORIZED", "Invalid API key")
end

local serve = service.of("paperspace", {
  too_many = { "too frequent (`retry_after`)", answers.too_many },
  bad_key = { "invalid key (401)", bad_key },
  broken = { "an error (`status`, `code`, `message`)", function(order)
    return reply.json(order.status or 500, { code = order.code or "INTERNAL_SERVER_ERROR",
      message = order.message or "Internal server error" })
  end },
})

-- No rate is published (§4.2); paperspace_calls: so many a second, with as many saved up.
local function too_often(world, key)
  local calls = world.settings.paperspace_calls
  return calls and world.settings.rate_limits and not bucket(world, "paperspace " .. key.text, 1 / calls,
    calls)
end

-- What the control address shows of a body: a script holds secrets.
local function shown(body)
  local copy = {}
  for name, value in pairs(body) do -- order: free
    copy[name] = name == "script" and #tostring(value) .. " bytes" or value
  end
  return copy
end

-- Teams by accounts: the owner's is the world's own.
local function team_of(world, key)
  return key.account == world.owner.id and world.paperspace.team or "tother" .. key.account
end

-- The body of a request. → table or nil; false: it is no JSON object
local function body_of(request)
  if not request.body or request.body == "" then return nil end
  local body = json.decode(request.body)
  return type(body) == "table" and body
end

local function answer(request, world, entry)
  local text = key_text(request)
  local key = text and world:key_at("paperspace", text)
  local route, args = route_of(request)
  entry.key = key and key.kind == "account" and "account" or entry.key
  if text and (not key or key.kind ~= "account") or not text and not (route and route.open) then
    return bad_key()
  elseif key and too_often(world, key) then
    return answers.too_many {}
  elseif not route then
    return args and answers.fail("METHOD_NOT_SUPPORTED", "Method not supported")
      or answers.fail("NOT_FOUND", "Not found")
  end
  local body = body_of(request)
  if body == false then return answers.fail("BAD_REQUEST", "Failed to parse the request body") end
  entry.body = body and shown(body)
  local query = {}
  for name, value in pairs(request.query or {}) do -- order: free
    query[name] = value
  end
  return route[3]({ world = world, state = world.paperspace, request = request, args = args, key = key,
    team = key and team_of(world, key), body = body, query = query, event_view = account.event_view })
end

function paperspace.handler(request, world)
  world:tick()
  local entry = { face = "paperspace", method = request.method, path = request.path,
    query = request.query or {}, key = key_text(request) and "unknown" or "none" }
  return serve(request, world, entry, answer)
end

return paperspace
