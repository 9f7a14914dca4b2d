-- SPDX-License-Identifier: MIT
--- The toy cloud, the far side of examples/providers/toy.lua: a few JSON routes in front of the same machines
--- and the same money.
local create = require "cloudsim.vast.create"
local json = require "base.json"
local life = require "cloudsim.vast.life"
local reply = require "cloudsim.reply"
local vast = require "cloudsim.vast.handler"

local toy = {}

local CARDS = { ["RTX A6000"] = "a6000", ["L40S"] = "l40s", ["H100 SXM"] = "h100" }
local EUROPE = { SE = true, DE = true, NL = true, IS = true }

local function refuse(status, code)
  return reply.json(status, { error = code })
end

local function state(instance)
  if instance.actual == "running" then
    return "running"
  elseif instance.current == "stopped" then
    return "stopped"
  elseif instance.actual == "exited" then
    return "ended"
  end
  return instance.actual == nil and "queued" or "starting"
end

local function row(instance)
  local up = instance.actual == "running"
  return { id = instance.id, name = instance.label, state = state(instance), ip = up and "127.0.0.1" or nil,
    ports = up and json.object(instance.ports) or nil, hour = instance.gpu_rate,
    disk_hour = instance.offer.storage_cost * instance.disk / 720, started = instance.created_at }
end

-- The machines of this face that the key may see.
local function machines(call)
  local list = {}
  for _, instance in ipairs(call.world.vast:each()) do
    local mine = instance.account == call.account.id and instance.face == "toy"
    if mine and (call.key.kind ~= "instance" or call.key.instance == instance.id) then
      list[#list + 1] = instance
    end
  end
  return list
end

local function find(call)
  for _, instance in ipairs(machines(call)) do
    if instance.id == tonumber(call.args[1]) then return instance end
  end
  return nil
end

local routes = {}

routes["GET ^/toy/v1/account$"] = function(call)
  return reply.json(200, { id = call.account.id, name = call.account.username,
    credit = call.world:credit(call.account) })
end

routes["GET ^/toy/v1/offers$"] = function(call)
  local list = {}
  for _, offer in ipairs(call.world.vast.offers) do
    if CARDS[offer.gpu_name] and not offer.rented_by and offer.direct_port_count > 1
      and offer.disk_space > 500 then
      list[#list + 1] = { id = offer.id, card = CARDS[offer.gpu_name], cards = offer.num_gpus,
        memory_gb = offer.gpu_ram * 1048576 / 1e9, hour = offer.on_demand,
        disk_gb_hour = offer.storage_cost / 720, place = EUROPE[offer.country] and "europe" or "america" }
    end
  end
  return reply.json(200, { offers = json.array(list) })
end

routes["POST ^/toy/v1/machines$"] = function(call)
  local body = call.body
  local env = {}
  for name, value in pairs(body.env) do -- order: free
    env[name] = value
  end
  for _, port in ipairs(body.ports) do
    local number, protocol = port:match("^(%d+)/(%a+)$")
    env[("-p %s:%s%s"):format(number, number, protocol == "udp" and "/udp" or "")] = "1"
  end
  local answer = create.handler({ world = call.world, account = call.account, args = { body.offer },
    body = { image = body.image, disk = body.disk_gb, label = body.name, runtype = "args",
    onstart = body.command[1], args = { table.unpack(body.command, 2) }, env = env, cancel_unavail = true } })
  local made = answer.body and json.decode(answer.body)
  if made and made.new_contract then
    call.world.vast.instances[made.new_contract].face = "toy"
    return answer.status == 200 and reply.json(201, { id = made.new_contract, key = made.instance_api_key })
      or refuse(500, "broken")
  elseif not made then
    return answer
  end
  return refuse(409, made.error == "insufficient_credit" and "no_credit" or "taken")
end

routes["GET ^/toy/v1/machines$"] = function(call)
  local list = {}
  for index, instance in ipairs(machines(call)) do
    list[index] = row(instance)
  end
  return reply.json(200, { machines = json.array(list), total = #list })
end

routes["GET ^/toy/v1/machines/(%d+)$"] = function(call)
  local instance = find(call)
  return instance and reply.json(200, row(instance)) or refuse(404, "no_machine")
end

routes["DELETE ^/toy/v1/machines/(%d+)$"] = function(call)
  local instance = find(call)
  if not instance then return refuse(404, "no_machine") end
  life.destroy(call.world, instance)
  return reply.json(200, { ended = true })
end

function toy.handler(request, world)
  world:tick()
  vast.collect(world)
  local key = world.keys[request.headers["x-toy-key"] or ""]
  local entry = { face = "toy", method = request.method, path = request.path, query = {},
    key = key and key.kind or "unknown" }
  world:note(entry)
  local response = refuse(404, "no_route")
  for rule, route in pairs(routes) do -- order: free
    local method, pattern = rule:match("^(%u+) (.+)$")
    local args = { request.path:match(pattern) }
    if args[1] and method == request.method then
      entry.body = request.body and request.body ~= "" and json.decode(request.body) or nil
      response = key and route({ world = world, key = key, account = world.accounts[key.account], args = args,
        body = entry.body or {} }) or refuse(403, "bad_key")
    end
  end
  entry.status = response.status
  return response
end

return toy
