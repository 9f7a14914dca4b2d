-- SPDX-License-Identifier: MIT
--- The control address: handler(request, world) → response. It is how a test orders faults and reads the
--- truth; nothing under test may know it.
local json = require "base.json"
local lambda_control = require "cloudsim.lambda.control"
local lambda_life = require "cloudsim.lambda.life"
local ledger = require "cloudsim.ledger"
local life = require "cloudsim.vast.life"
local reply = require "cloudsim.reply"
local sorted = require "base.sorted"

local control = {}

local function row_view(world, row)
  return { n = row.n, provider = row.provider, account = row.account, id = row.id, kind = row.kind,
    rate = row.rate, token = reply.maybe(row.token), opened = row.opened, closed = reply.maybe(row.closed),
    bytes = row.bytes, amount = ledger.amount(row, world.time) }
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
  return reply.json(200, { now = world.time, rows = rows_view(world, world.ledger.rows),
    open = rows_view(world, world.ledger:open(token)), total = world.ledger:total(token, world.time) })
end

local function machine_view(world, instance)
  return { cloud = "vast", id = instance.id, label = reply.maybe(instance.label),
    actual_status = reply.maybe(instance.actual), intended_status = instance.intended,
    cur_state = instance.current, is_bid = instance.is_bid, offer = instance.ask,
    destroyed = instance.destroyed == true, process = instance.process == true,
    ports = json.object(instance.ports or {}), pid = reply.maybe(instance.pid),
    home = reply.maybe(instance.home), gpu_name = instance.offer.gpu_name, exit = reply.maybe(instance.exit),
    cost = world.ledger:cost(instance.id, world.time), env = json.array(instance.env),
    udp_blocked = instance.udp_blocked == true, tcp_blocked = instance.tcp_blocked == true,
    key = reply.maybe(instance.key) }
end

-- A machine of either cloud by the id in a path or body, also one that is gone: → instance, whether it is
-- Lambda's.
local function machine_of(world, id)
  local state, number = world.lambda, math.tointeger(tonumber(id))
  local found = state.instances[id] or state.gone[id]
  if found then
    return found, true
  end
  return world.instances[number] or world.gone[number], false
end

local function show_machines(call)
  local world, list = call.world, {}
  for _, id in ipairs(world.order) do
    list[#list + 1] = machine_view(world, world.instances[id] or world.gone[id])
  end
  local state = world.lambda
  for _, id in ipairs(state.order) do
    list[#list + 1] = lambda_control.machine(world, state.instances[id] or state.gone[id])
  end
  return reply.json(200, { machines = json.array(list) })
end

local function show_world(call)
  local world = call.world
  local open = #world:each() + #world.lambda:each()
  local orders = {}
  for i, order in ipairs(world.faults.orders) do
    orders[i] = { name = order.name, left = order.left == math.huge and "for ever" or order.left }
  end
  local account = world.accounts[48211]
  return reply.json(200, { now = world.time, settings = world.settings, offers = #world.offers,
    instances = open, credit = world:credit(account), faults = json.array(orders),
    fired = json.array(world.faults.fired), requests = world.request_count })
end

local function show_requests(call)
  local first = math.tointeger(tonumber(call.request.query and call.request.query.from)) or 1
  return reply.json(200, { requests = json.array(call.world:noted(first)) })
end

local function add_fault(call)
  local order, sentence = call.world.faults:add(call.body)
  if not order then
    return reply.json(400, { success = false, msg = sentence })
  end
  return reply.json(200, { success = true })
end

local function clear_faults(call)
  call.world.faults:clear(call.request.query and call.request.query.name)
  return reply.json(200, { success = true })
end

local function set(call)
  local world = call.world
  for name, value in sorted(call.body or {}) do
    if name == "key" or name == "lambda_key" then
      world:add_key(world.accounts[48211], value, { kind = "account", cloud = name == "lambda_key"
        and "lambda" or nil })
    elseif name == "revoke" then
      world.keys[value] = nil
    elseif name == "refuse" then
      for _, cloud in ipairs({ "vast", "lambda" }) do
        world:hook("door", cloud, value ~= true and value ~= cloud)
      end
    elseif name == "credit" then
      world.accounts[48211].deposit = value + world.ledger:spent(48211, world.time)
    elseif world.settings[name] == nil then
      return reply.json(400, { success = false, msg = "no setting is called " .. name })
    else
      world.settings[name] = value
    end
  end
  world:hook("firewall")
  return reply.json(200, { success = true, settings = world.settings })
end

local function reset(call)
  for _, instance in ipairs(call.world:each()) do
    life.destroy(call.world, instance)
  end
  for _, instance in ipairs(call.world.lambda:each()) do
    lambda_life.destroy(call.world, instance)
  end
  call.world:reset()
  return reply.json(200, { success = true })
end

local function advance(call)
  local seconds = call.body and call.body.seconds
  if type(seconds) ~= "number" or seconds < 0 then
    return reply.json(400, { success = false, msg = "seconds must be a number" })
  end
  call.world:advance(seconds)
  return reply.json(200, { success = true, now = call.world.time })
end

-- What can be done to one machine of any cloud, and to one of Vast; each gets world, instance, body.
local COMMON = {
  udp_blocked = function(_, instance, body) instance.udp_blocked = body.value ~= false end,
  tcp_blocked = function(_, instance, body) instance.tcp_blocked = body.value ~= false end,
  network_gone = function(_, instance, body)
    instance.udp_blocked, instance.tcp_blocked = body.value ~= false, body.value ~= false
  end,
  address = function(_, instance, body) instance.ip = body.value end,
  network_back = function(_, instance) instance.udp_blocked, instance.tcp_blocked = false, false end,
  traffic = function(world, instance, body)
    world.ledger:traffic(instance.id, "bwd", body.bwd or 0)
    world.ledger:traffic(instance.id, "bwu", body.bwu or 0)
  end,
}
local ACTIONS = {
  outbid = life.outbid, resume = life.start, offline = life.offline, online = life.online, stuck = life.stuck,
  destroy = life.destroy, freeze = life.freeze, stop = life.stopped, remap = life.remap,
  exit = function(world, instance, body) life.exited(world, instance, body.message or "process exited") end,
  label = function(_, instance, body) instance.label = body.value end,
}

local function act(call)
  local world, body, id = call.world, call.body or {}, call.args[1]
  local instance, virtual = machine_of(world, id)
  local action = (virtual and lambda_control.actions or ACTIONS)[body.action] or COMMON[body.action]
  if not instance or instance.destroyed then
    return reply.json(404, { success = false, msg = "there is no instance " .. id })
  elseif not action then
    return reply.json(400, { success = false, msg = "no action is called " .. tostring(body.action) })
  end
  action(world, instance, body)
  if virtual then
    world:hook("firewall")
  end
  return reply.json(200, { success = true, machine = (virtual and lambda_control.machine
    or machine_view)(world, instance) })
end

-- A simulated program on a machine asks what shall go wrong: {name=…} → {fault = order or null}.
local function take(call)
  local world, body = call.world, call.body or {}
  local instance, virtual = machine_of(world, body.instance)
  local context = instance and (virtual and lambda_life or life).context(instance)
  local order = world.faults:take(body.name, context or {})
  return reply.json(200, { fault = order and { name = order.name, seconds = order.seconds,
    percent = order.percent, message = order.message, factor = order.factor } or json.null,
    settings = world.settings })
end

local function log_of(call)
  local instance = machine_of(call.world, call.args[1])
  return reply.text(instance and 200 or 404, instance and call.world:hook("log", instance) or "")
end

local ROUTES = {
  { "GET", "^/ledger$", show_ledger }, { "GET", "^/machines$", show_machines }, { "GET", "^/world$",
    show_world },
  { "GET", "^/requests$", show_requests }, { "POST", "^/fault$", add_fault }, { "DELETE", "^/fault$",
    clear_faults },
  { "POST", "^/set$", set }, { "POST", "^/reset$", reset }, { "POST", "^/advance$", advance },
  { "POST", "^/instance/(%w+)$", act }, { "POST", "^/take$", take }, { "GET", "^/log/(%w+)$", log_of },
  { "GET", "^/leftovers$", lambda_control.leftovers }, { "GET", "^/user_data/(%w+)$",
    lambda_control.user_data },
}

function control.handler(request, world)
  world:tick()
  local path = request.path:gsub("(.)/+$", "%1")
  for _, route in ipairs(ROUTES) do
    local args = { path:match(route[2]) }
    if args[1] and route[1] == request.method then
      local body = request.body and request.body ~= "" and json.decode(request.body) or nil
      return route[3]({ world = world, request = request, args = args, body = body })
    end
  end
  return reply.json(404, { success = false, msg = "no " .. request.method .. " " .. request.path .. " here" })
end

return control
