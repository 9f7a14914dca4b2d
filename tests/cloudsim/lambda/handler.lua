-- SPDX-License-Identifier: MIT
--- The Lambda Cloud face: handler(request, world) → response, made after facts/lambda.md §2, not after our
--- client. Who may call what, how often, and where it is answered.
local account = require "cloudsim.lambda.account"
local bucket = require "cloudsim.bucket"
local firewall = require "cloudsim.lambda.firewall"
local instances = require "cloudsim.lambda.instances"
local json = require "base.json"
local keys = require "base.keys"
local answers = require "cloudsim.lambda.answers"
local launch = require "cloudsim.lambda.launch"
local reply = require "cloudsim.reply"
local service = require "cloudsim.service"

local lambda = {}

local ROUTES = {
  { "GET", "/instance%-types", account.instance_types },
  { "GET", "/regions", account.regions },
  { "GET", "/images", account.images },
  { "GET", "/instances", instances.list },
  { "GET", "/instances/(%w+)", instances.get },
  { "POST", "/instances/(%w+)", instances.rename },
  { "POST", "/instance%-operations/launch", launch.handler, launch = true },
  { "POST", "/instance%-operations/terminate", instances.terminate },
  { "POST", "/instance%-operations/restart", instances.restart },
  { "GET", "/ssh%-keys", account.list_ssh },
  { "POST", "/ssh%-keys", account.add_ssh },
  { "DELETE", "/ssh%-keys/(%w+)", account.remove_ssh },
  { "GET", "/firewall%-rules", firewall.get_rules },
  { "PUT", "/firewall%-rules", firewall.put_rules },
  { "GET", "/firewall%-rulesets", firewall.list },
  { "POST", "/firewall%-rulesets", firewall.create },
  { "GET", "/firewall%-rulesets/(%w+)", firewall.get },
  { "PATCH", "/firewall%-rulesets/(%w+)", firewall.patch },
  { "DELETE", "/firewall%-rulesets/(%w+)", firewall.delete },
  { "GET", "/file%-systems", account.file_systems },
  { "GET", "/audit%-events", account.audit_events },
}

local function route_of(request)
  for _, route in ipairs(ROUTES) do
    local args = { request.path:match("^/api/v1" .. route[2] .. "$") }
    if args[1] and route[1] == request.method then return route, args end
  end
  return nil
end

-- The key a request carries, as Bearer or as the user name of Basic: → text or nil.
local function key_text(request)
  local header = request.headers.authorization or ""
  local bearer = header:match("^[Bb]earer%s+(%S+)%s*$")
  local basic = header:match("^[Bb]asic%s+(%S+)%s*$")
  local plain = basic and keys.unbase64(basic)
  return bearer or plain and plain:match("^([^:]+):")
end

local function bad_key()
  return answers.fail(401, "global/invalid-api-key")
end

local function too_many(order, world)
  local settings = world.settings
  return answers.too_many(order.shape or settings.lambda_429,
    order.retry_after or settings.lambda_retry_after or nil)
end

local REFUSED = { inactive = "global/account-inactive", forbidden = "global/forbidden" }

local serve = service.of("lambda", {
  too_many = { "too frequent (`shape` `json`, `empty`, `html`; `retry_after`)", too_many },
  bad_key = { "invalid key (401; `mode` `inactive`, `forbidden`: 403)", function(order)
    return REFUSED[order.mode] and answers.fail(403, REFUSED[order.mode]) or bad_key()
  end },
  broken = { "an error (`status`, `code`, `message`)", function(order)
    return answers.fail(order.status or 500, order.code or "global/internal-error", order.message)
  end },
})

-- The edge before the API lets nothing in that has no name, or the one of Python's library
-- (facts/additions-2026-11.md).
local function turned_away(request)
  local agent = request.headers["user-agent"] or ""
  return (agent == "" or agent:lower():find("^python")) and reply.text(403, "error code: 1010",
    "text/plain; charset=UTF-8") or nil
end

-- One call a second, one launch in 12 seconds (facts/lambda.md §2.1).
local function too_often(world, route, key)
  local settings = world.settings
  if not settings.rate_limits then return false end
  return not bucket(world, "lambda " .. key.text, 1, settings.lambda_burst)
    or route ~= nil and route.launch and not bucket(world, "lambda launch " .. key.text, 12, 1)
end

local function answer(request, world, entry)
  local text = key_text(request)
  local key = text and world:key_at("lambda", text)
  if not key or key.kind ~= "account" then return bad_key() end
  entry.key = "account"
  local route, args = route_of(request)
  if too_often(world, route, key) then
    return too_many({}, world)
  elseif not route then
    return answers.fail(404, "global/not-found")
  end
  local body = request.body and request.body ~= "" and json.decode(request.body) or nil
  if request.body and request.body ~= "" and type(body) ~= "table" then
    return answers.invalid()
  end
  entry.body = body and {}
  for name, value in pairs(body or {}) do -- order: free
    entry.body[name] = name == "user_data" and #tostring(value) .. " bytes" or value
  end
  return route[3]({ world = world, state = world.lambda, request = request, args = args, key = key,
    body = body, query = request.query or {} })
end

function lambda.handler(request, world)
  world:tick()
  local entry = { face = "lambda", method = request.method, path = request.path, query = request.query or {},
    key = key_text(request) and "unknown" or "none" }
  return serve(request, world, entry, answer, turned_away(request))
end

return lambda
