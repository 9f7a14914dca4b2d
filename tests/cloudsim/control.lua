-- SPDX-License-Identifier: MIT
--- The control address: handler(request, world) → response. It is how a test orders faults and reads the truth; nothing under
--- test may know it.
local json = require "base.json"
local ledger = require "cloudsim.ledger"
local life = require "cloudsim.life"
local reply = require "cloudsim.reply"
local sorted = require "base.sorted"

local control = {}

local function row_view(world, row)
  return {n = row.n, provider = row.provider, account = row.account, id = row.id, kind = row.kind, rate = row.rate,
    token = reply.maybe(row.token), opened = row.opened, closed = reply.maybe(row.closed), bytes = row.bytes,
    amount = ledger.amount(row, world.time)}
end

local function rows_view(world, rows)
  local list = {}
  for i, row in ipairs(rows) do
    list[i] = row_view(world, row)
  end
  return json.array(list)
end

local function show_ledger(call)
  local world, token = call.world, call.request.query and call.request.query.token
  return reply.json(200, {now = world.time, rows = rows_view(world, world.ledger.rows),
    open = rows_view(world, world.ledger:open(token)), total = world.ledger:total(token, world.time)})
end

local function machine_view(world, instance)
  return {id = instance.id, label = reply.maybe(instance.label), actual_status = reply.maybe(instance.actual),
    intended_status = instance.intended, cur_state = instance.current, is_bid = instance.is_bid, offer = instance.ask,
    destroyed = instance.destroyed == true, process = instance.process == true, ports = json.object(instance.ports or {}),
    pid = reply.maybe(instance.pid), home = reply.maybe(instance.home), gpu_name = instance.offer.gpu_name,
    exit = reply.maybe(instance.exit), cost = life.cost(world, instance), env = json.array(instance.env),
    udp_blocked = instance.udp_blocked == true, tcp_blocked = instance.tcp_blocked == true,
    key = reply.maybe(instance.key)}
end

local function show_machines(call)
  local world, list = call.world, {}
  for _, id in ipairs(world.order) do
    list[#list + 1] = machine_view(world, world.instances[id] or world.gone[id])
  end
  return reply.json(200, {machines = json.array(list)})
end

local function show_world(call)
  local world, open = call.world, 0
  for _ in ipairs(world:each()) do
    open = open + 1
  end
  local orders = {}
  for i, order in ipairs(world.faults.orders) do
    orders[i] = {name = order.name, left = order.left == math.huge and "for ever" or order.left}
  end
  local account = world.accounts[48211]
  return reply.json(200, {now = world.time, settings = world.settings, offers = #world.offers, instances = open,
    credit = world:credit(account), faults = json.array(orders), fired = json.array(world.faults.fired),
    requests = world.request_count})
end

local function show_requests(call)
  local first = math.tointeger(tonumber(call.request.query and call.request.query.from)) or 1
  return reply.json(200, {requests = json.array(call.world:noted(first))})
end

local function add_fault(call)
  local order, sentence = call.world.faults:add(call.body)
  if not order then
    return reply.json(400, {success = false, msg = sentence})
  end
  return reply.json(200, {success = true})
end

local function clear_faults(call)
  call.world.faults:clear(call.request.query and call.request.query.name)
  return reply.json(200, {success = true})
end

local function set(call)
  local world = call.world
  for name, value in sorted(call.body or {}) do
    if name == "key" then
      world:add_key(world.accounts[48211], value, {kind = "account"})
    elseif name == "revoke" then
      world.keys[value] = nil
    elseif name == "refuse" then
      world:hook("door", not value)
    elseif name == "credit" then
      world.accounts[48211].deposit = value + world.ledger:spent(48211, world.time)
    elseif world.settings[name] == nil then
      return reply.json(400, {success = false, msg = "no setting is called " .. name})
    else
      world.settings[name] = value
    end
  end
  return reply.json(200, {success = true, settings = world.settings})
end

local function reset(call)
  for _, instance in ipairs(call.world:each()) do
    life.destroy(call.world, instance)
  end
  call.world:reset()
  return reply.json(200, {success = true})
end

local function advance(call)
  local seconds = call.body and call.body.seconds
  if type(seconds) ~= "number" or seconds < 0 then
    return reply.json(400, {success = false, msg = "seconds must be a number"})
  end
  call.world:advance(seconds)
  return reply.json(200, {success = true, now = call.world.time})
end

-- What can be done to one machine; each gets world, instance, body.
local ACTIONS = {
  outbid = life.outbid, resume = life.start, offline = life.offline, online = life.online, stuck = life.stuck,
  destroy = life.destroy, freeze = life.freeze, stop = life.stopped,
  exit = function(world, instance, body) life.exited(world, instance, body.message or "process exited") end,
  udp_blocked = function(_, instance, body) instance.udp_blocked = body.value ~= false end,
  tcp_blocked = function(_, instance, body) instance.tcp_blocked = body.value ~= false end,
  network_gone = function(_, instance, body)
    instance.udp_blocked, instance.tcp_blocked = body.value ~= false, body.value ~= false
  end,
  network_back = function(_, instance) instance.udp_blocked, instance.tcp_blocked = false, false end,
  label = function(_, instance, body) instance.label = body.value end,
  traffic = function(world, instance, body)
    world.ledger:traffic(instance.id, "bwd", body.bwd or 0)
    world.ledger:traffic(instance.id, "bwu", body.bwu or 0)
  end,
}

local function act(call)
  local world, body = call.world, call.body or {}
  local id = math.tointeger(tonumber(call.args[1]))
  local instance = world.instances[id]
  local action = ACTIONS[body.action]
  if not action then
    return reply.json(400, {success = false, msg = "no action is called " .. tostring(body.action)})
  elseif not instance then
    return reply.json(404, {success = false, msg = "there is no instance " .. tostring(id)})
  end
  action(world, instance, body)
  return reply.json(200, {success = true, machine = machine_view(world, instance)})
end

-- A simulated program on a machine asks what shall go wrong: {name=…} → {fault = order or null}.
local function take(call)
  local world, body = call.world, call.body or {}
  local instance = world.instances[body.instance]
  local order = world.faults:take(body.name, instance and life.context(instance) or {})
  return reply.json(200, {fault = order and {name = order.name, seconds = order.seconds, percent = order.percent,
    message = order.message, factor = order.factor} or json.null, settings = world.settings})
end

local function log_of(call)
  local id = math.tointeger(tonumber(call.args[1]))
  local instance = call.world.instances[id] or call.world.gone[id]
  return reply.text(instance and 200 or 404, instance and call.world:hook("log", instance) or "")
end

local ROUTES = {
  {"GET", "^/ledger$", show_ledger}, {"GET", "^/machines$", show_machines}, {"GET", "^/world$", show_world},
  {"GET", "^/requests$", show_requests}, {"POST", "^/fault$", add_fault}, {"DELETE", "^/fault$", clear_faults},
  {"POST", "^/set$", set}, {"POST", "^/reset$", reset}, {"POST", "^/advance$", advance},
  {"POST", "^/instance/(%d+)$", act}, {"POST", "^/take$", take}, {"GET", "^/log/(%d+)$", log_of},
}

function control.handler(request, world)
  world:tick()
  local path = request.path:gsub("(.)/+$", "%1")
  for _, route in ipairs(ROUTES) do
    local args = {path:match(route[2])}
    if args[1] and route[1] == request.method then
      local body = request.body and request.body ~= "" and json.decode(request.body) or nil
      return route[3]({world = world, request = request, args = args, body = body})
    end
  end
  return reply.json(404, {success = false, msg = "no " .. request.method .. " " .. request.path .. " here"})
end

return control
