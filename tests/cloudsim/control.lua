-- SPDX-License-Identifier: MIT
--- The control address: handler(request, world) → response. It is how a test orders faults and reads the
--- truth; nothing under test may know it.
local faces = require "cloudsim.faces"
local json = require "base.json"
local ledger = require "cloudsim.ledger"
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

-- A row of GET /machines: what every machine has, and what its cloud adds.
local function machine_view(world, instance)
  local row = { cloud = instance.cloud, id = instance.id, destroyed = instance.destroyed == true,
    process = instance.process == true, pid = reply.maybe(instance.pid), home = reply.maybe(instance.home),
    exit = reply.maybe(instance.exit), cost = world.ledger:cost(instance.id, world.time),
    udp_blocked = instance.udp_blocked == true, tcp_blocked = instance.tcp_blocked == true }
  for name, value in sorted(faces.of(instance).view(world, instance)) do
    row[name] = value
  end
  return row
end

-- A machine of any cloud by the id in a path or body, also one that is gone; or nil.
local function machine_of(world, id)
  for _, face in ipairs(faces.clouds) do
    local instance = world[face.name]:find(id)
    if instance then return instance end
  end
  return nil
end

local function show_machines(call)
  local world, list = call.world, {}
  for _, face in ipairs(faces.clouds) do
    for _, instance in ipairs(world[face.name]:ever()) do
      list[#list + 1] = machine_view(world, instance)
    end
  end
  return reply.json(200, { machines = json.array(list) })
end

-- What exists and was not there at the beginning.
local function show_leftovers(call)
  local world, machines = call.world, json.array {}
  local found = { ssh_keys = json.array {}, rulesets = json.array {}, rules_changed = false,
    machines = machines }
  for _, face in ipairs(faces.clouds) do
    if face.leftovers then
      face.leftovers(world, found)
    end
    for _, instance in ipairs(world[face.name]:each()) do
      machines[#machines + 1] = { cloud = face.name, id = instance.id,
        label = reply.maybe(face.context(instance).label) }
    end
  end
  return reply.json(200, found)
end

local function show_world(call)
  local world, orders, instances, offers = call.world, {}, 0, 0
  for _, face in ipairs(faces.clouds) do
    instances = instances + #world[face.name]:each()
    offers = offers + (face.offers and face.offers(world) or 0)
  end
  for i, order in ipairs(world.faults.orders) do
    orders[i] = { name = order.name, left = order.left == math.huge and "for ever" or order.left }
  end
  return reply.json(200, { now = world.time, settings = world.settings, offers = offers,
    instances = instances, credit = world:credit(world.owner), faults = json.array(orders),
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

-- What POST /set knows besides the settings: function(world, value).
local SET = {
  key = function(world, value) world:add_key(world.owner, value, { kind = "account" }) end,
  revoke = function(world, value) world.keys[value] = nil end,
  credit = function(world, value)
    world.owner.deposit = value + world.ledger:spent(world.owner.id, world.time)
  end,
  refuse = function(world, value)
    for _, face in ipairs(faces.clouds) do
      world:hook("door", face.name, value ~= true and value ~= face.name)
    end
  end,
}
for _, face in ipairs(faces.clouds) do
  SET[face.name .. "_key"] = function(world, value)
    world:add_key(world.owner, value, { kind = "account", cloud = face.name })
  end
end

local function set(call)
  local world = call.world
  for name, value in sorted(call.body or {}) do
    if SET[name] then
      SET[name](world, value)
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
  for _, face in ipairs(faces.clouds) do
    for _, instance in ipairs(call.world[face.name]:each()) do
      face.life.destroy(call.world, instance)
    end
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

-- What can be done to one machine of any cloud; each gets world, instance, body.
local COMMON = {
  udp_blocked = function(_, instance, body) instance.udp_blocked = body.value ~= false end,
  tcp_blocked = function(_, instance, body) instance.tcp_blocked = body.value ~= false end,
  network_gone = function(_, instance, body)
    instance.udp_blocked, instance.tcp_blocked = body.value ~= false, body.value ~= false
  end,
  address = function(_, instance, body) instance.ip = body.value end,
  network_back = function(_, instance)
    instance.udp_blocked, instance.tcp_blocked, instance.tunnel_blocked = false, false, false
  end,
  traffic = function(world, instance, body)
    world.ledger:traffic(instance.id, "bwd", body.bwd or 0)
    world.ledger:traffic(instance.id, "bwu", body.bwu or 0)
  end,
}

local function act(call)
  local world, body, id = call.world, call.body or {}, call.args[1]
  local instance = machine_of(world, id)
  local action = (instance and faces.of(instance).actions or {})[body.action] or COMMON[body.action]
  if not instance or instance.destroyed then
    return reply.json(404, { success = false, msg = "there is no instance " .. id })
  elseif not action then
    return reply.json(400, { success = false, msg = "no action is called " .. tostring(body.action) })
  end
  action(world, instance, body)
  world:hook("firewall")
  return reply.json(200, { success = true, machine = machine_view(world, instance) })
end

-- A simulated program on a machine asks what shall go wrong: {name=…} → {fault = order or null}.
local function take(call)
  local world, body = call.world, call.body or {}
  local instance = machine_of(world, body.instance)
  local order = world.faults:take(body.name, instance and faces.of(instance).context(instance) or {},
    instance and instance.cloud)
  return reply.json(200, { fault = order and { name = order.name, seconds = order.seconds,
    percent = order.percent, message = order.message, factor = order.factor } or json.null,
    settings = world.settings })
end

local function log_of(call)
  local instance = machine_of(call.world, call.args[1])
  return reply.text(instance and 200 or 404, instance and call.world:hook("log", instance) or "")
end

local ROUTES = {
  { "GET", "^/ledger$", show_ledger }, { "GET", "^/machines$", show_machines },
  { "GET", "^/world$", show_world }, { "GET", "^/requests$", show_requests },
  { "POST", "^/fault$", add_fault }, { "DELETE", "^/fault$", clear_faults },
  { "POST", "^/set$", set }, { "POST", "^/reset$", reset }, { "POST", "^/advance$", advance },
  { "POST", "^/instance/(%w+)$", act }, { "POST", "^/take$", take }, { "GET", "^/log/(%w+)$", log_of },
  { "GET", "^/leftovers$", show_leftovers },
}
for _, face in ipairs(faces.list) do
  table.move(face.routes or {}, 1, #(face.routes or {}), #ROUTES + 1, ROUTES)
end

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

--- The handler of a face, or of "control".
function control.handler_of(face)
  return face == "control" and control.handler or faces.by_name[face].handler
end

return control
