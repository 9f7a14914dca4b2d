-- SPDX-License-Identifier: MIT
-- What differs between the clouds of the campaign: how a cloud is asked, what a request to it means, how its machines are found.
--
-- A cloud: face (of tests/cloudsim), create_at (seconds from the begin of `up` to its create), environment(key) lines of .env, each(world),
-- find(world, id), label(instance),
-- meaning(request, world) → "read" | "create", token, bid | "end", instance | "make", name | "remove", name | "other",
-- may_hold_key(request): the account's key may stand in its body, rent(world, key, label, n) for somebody else → id,
-- hides_loss: a machine that ended by itself looks alive,
-- happen(world, what, instance), texts(instance) sent to a machine,
-- restock(world)|nil when the faults are over, leftovers(world) → names of what exists around machines.
local json = require "base.json"
local lambda = require "cloudsim.lambda.handler"
local lambda_control = require "cloudsim.lambda.control"
local life = require "cloudsim.vast.life"
local vast = require "cloudsim.vast.handler"

local function call(handler, world, method, path, key, body, peer)
  return handler({ method = method, path = path, query = {}, headers = { authorization = "Bearer " .. tostring(key), ["user-agent"] = "continueplz/1" },
    body = body and json.encode(body) or "", peer = peer }, world)
end

local clouds = { list = { "vast", "lambda" } }

clouds.vast = {
  face = vast, port = 7001, create_at = 0.06,
  environment = function(key) return { "VAST_API_KEY=" .. key, "VAST_BASE_URL=http://127.0.0.1:7001" } end,
  each = function(world) return world:each() end,
  find = function(world, id) return world.instances[id] or world.gone[id], world.instances[id] ~= nil end,
  label = function(instance) return instance.label end,
  may_hold_key = function() return false end,
  texts = function(instance) return { instance.args, instance.env, instance.label or "", instance.onstart or "" } end,
  happen = function(world, what, instance) life[what](world, instance, "by chance") end,
  leftovers = function() return {} end,
}

function clouds.vast.meaning(request, world)
  local id = math.tointeger(tonumber(request.path:match("^/api/v0/instances/(%d+)/$")))
  if request.method == "PUT" and request.path:find("^/api/v0/asks/") then
    local body = json.decode(request.body)
    return "create", body.label, body.price
  end
  if request.method == "GET" or request.path == "/api/v0/bundles/" then return "read" end
  if request.method == "DELETE" and id then return "end", (clouds.vast.find(world, id)) end
  return "other"
end

function clouds.vast.rent(world, key, label, n)
  local offer = world.offers[#world.offers - math.min(n, 2)]
  offer.rented_by = nil -- there are fewer offers than people in a crowd
  local answer = call(vast.handler, world, "PUT", ("/api/v0/asks/%d/"):format(offer.id), key, { client_id = "me", image = "x", disk = 10,
    label = label, runtype = "args", args = { "a", "b" } }, "10.1.1.1")
  return json.decode(answer.body).new_contract
end

local ROOT = "/api/v1"

clouds.lambda = {
  face = lambda, port = 7003, create_at = 5.02,
  hides_loss = true, -- what was shut down inside is "active" (facts/lambda.md)
  environment = function(key)
    return { "LAMBDA_API_KEY=" .. key, "LAMBDA_BASE_URL=http://127.0.0.1:7003", "OLLAMA_DOWNLOAD_URL=http://127.0.0.1:7004", "GUARD_ACCOUNT_KEY=yes",
      "MAX_PRICE=10" }
  end,
  each = function(world) return world.lambda:each() end,
  find = function(world, id)
    local state = world.lambda
    return state.instances[id] or state.gone[id], state.instances[id] ~= nil
  end,
  label = function(instance) return instance.name end,
  may_hold_key = function(request) return request.path == ROOT .. "/instance-operations/launch" end, -- GUARD_ACCOUNT_KEY=yes
  texts = function(instance) return { instance.name, instance.tags } end,
}

-- The name of the SSH key or ruleset with this id.
local function name_of(world, kind, id)
  for _, row in ipairs(kind == "ssh-keys" and world.lambda.ssh_keys or world.lambda.rulesets) do
    if row.id == id then return row.name end
  end
end

function clouds.lambda.meaning(request, world)
  local kind, id = request.path:match("^/api/v1/([%w-]+)/?([%w-]*)$")
  if request.method == "GET" then return "read" end
  local body = json.decode(request.body or "") or {}
  if request.method == "POST" and kind == "instance-operations" and id == "launch" then return "create", body.name end
  if request.method == "POST" and kind == "instance-operations" and id == "terminate" and #body.instance_ids == 1 then
    return "end", (clouds.lambda.find(world, body.instance_ids[1]))
  end
  if kind ~= "ssh-keys" and kind ~= "firewall-rulesets" then return "other" end
  if request.method == "POST" and id == "" then return "make", body.name end
  if request.method == "DELETE" then return "remove", name_of(world, kind, id) end
  return "other"
end

function clouds.lambda.rent(world, key, label, n)
  local user = "10.1.1." .. n
  world.settings.rate_limits = false
  call(lambda.handler, world, "POST", ROOT .. "/ssh-keys", key, { name = label:gsub("[^%w-]", ""), public_key = "ssh-ed25519 AAAA" .. n }, user)
  local answer = call(lambda.handler, world, "POST", ROOT .. "/instance-operations/launch", key, { region_name = "us-west-1",
    instance_type_name = "gpu_1x_a10", ssh_key_names = { "ada-laptop" }, name = label }, user)
  call(lambda.handler, world, "POST", ROOT .. "/firewall-rulesets", key, { name = label, region = "us-west-1", rules = json.array {} }, user)
  world.settings.rate_limits = true
  local data = json.decode(answer.body).data
  return data and data.instance_ids[1] or error("no machine for somebody else: " .. answer.body)
end

local HAPPEN = { exited = "exit", stopped = "stop" }

function clouds.lambda.happen(world, what, instance)
  lambda_control.actions[HAPPEN[what] or what](world, instance, {})
end

-- Faults emptied some of its few types; other people give theirs back.
function clouds.lambda.restock(world)
  for _, row in ipairs(world.lambda.types) do
    for region, count in pairs(row.capacity) do row.capacity[region] = math.max(count, 1) end -- order: free
  end
end

function clouds.lambda.leftovers(world)
  local names = {}
  for _, rows in ipairs { world.lambda.ssh_keys, world.lambda.rulesets } do
    for _, row in ipairs(rows) do names[#names + 1] = row.name end
  end
  return names
end

return clouds
