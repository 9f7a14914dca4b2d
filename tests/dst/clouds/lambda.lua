-- SPDX-License-Identifier: MIT
-- Lambda in the campaign (dst/clouds.lua).
local face = require "cloudsim.lambda.face"
local json = require "base.json"

local ROOT = "/api/v1"
-- what the campaign calls otherwise than the control address
local HAPPEN = { exited = "exit", stopped = "stop" }

local lambda = {
  face = face, port = 7003, create_at = 5.02,
  hides_loss = true,   -- what was shut down inside is "active" (facts/lambda.md)
  keeps_record = true, -- a record that stays says "terminating" for ever
  label = function(instance) return instance.name end,
  texts = function(instance) return { instance.name, instance.tags } end,
  happen = function(world, what, instance) face.actions[HAPPEN[what] or what](world, instance, {}) end,
}

function lambda.environment(key)
  return { "LAMBDA_API_KEY=" .. key, "LAMBDA_BASE_URL=http://127.0.0.1:7003",
    "OLLAMA_DOWNLOAD_URL=http://127.0.0.1:7004", "GUARD_ACCOUNT_KEY=yes", "MAX_PRICE=10" }
end

function lambda.may_hold_key(request) -- GUARD_ACCOUNT_KEY=yes
  return request.path == ROOT .. "/instance-operations/launch"
end

-- The name of the SSH key or ruleset with this id.
local function name_of(world, kind, id)
  for _, row in ipairs(kind == "ssh-keys" and world.lambda.ssh_keys or world.lambda.rulesets) do
    if row.id == id then return row.name end
  end
end

function lambda.meaning(request, world)
  local kind, id = request.path:match("^/api/v1/([%w-]+)/?([%w-]*)$")
  if request.method == "GET" then return "read" end
  local body = json.decode(request.body or "") or {}
  local operation = request.method == "POST" and kind == "instance-operations" and id
  if operation == "launch" then return "create", body.name end
  if operation == "terminate" and #body.instance_ids == 1 then
    return "end", world.lambda:find(body.instance_ids[1])
  end
  if kind ~= "ssh-keys" and kind ~= "firewall-rulesets" then return "other" end
  if request.method == "POST" and id == "" then return "make", body.name end
  if request.method == "DELETE" then
    return "remove", name_of(world, kind, id)
  end
  return "other"
end

function lambda.rent(ask, world, label, n)
  local user = "10.1.1." .. n
  world.settings.rate_limits = false
  ask("POST", ROOT .. "/ssh-keys", { name = label:gsub("[^%w-]", ""),
    public_key = "ssh-ed25519 AAAA" .. n }, user)
  local answer = ask("POST", ROOT .. "/instance-operations/launch", { region_name = "us-west-1",
    instance_type_name = "gpu_1x_a10", ssh_key_names = { "ada-laptop" }, name = label }, user)
  ask("POST", ROOT .. "/firewall-rulesets", { name = label, region = "us-west-1", rules = json.array {} },
    user)
  world.settings.rate_limits = true
  local data = json.decode(answer.body).data
  return data and data.instance_ids[1] or error("no machine for somebody else: " .. answer.body)
end

-- Faults emptied some of its few types; other people give theirs back.
function lambda.restock(world)
  for _, row in ipairs(world.lambda.types) do
    for region, count in pairs(row.capacity) do row.capacity[region] = math.max(count, 1) end -- order: free
  end
end

function lambda.leftovers(world)
  local names = {}
  for _, rows in ipairs { world.lambda.ssh_keys, world.lambda.rulesets } do
    for _, row in ipairs(rows) do names[#names + 1] = row.name end
  end
  return names
end

return lambda
