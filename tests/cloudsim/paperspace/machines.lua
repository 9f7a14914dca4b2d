-- SPDX-License-Identifier: MIT
--- Paperspace's machines: list, get, update, start, stop, restart, delete (facts/paperspace.md §4.5, §4.6),
--- and what may be wrong with them.
local account = require "cloudsim.paperspace.account"
local answers = require "cloudsim.paperspace.answers"
local json = require "base.json"
local kinds = require "cloudsim.kinds"
local life = require "cloudsim.paperspace.life"
local paging = require "cloudsim.paging"
local reply = require "cloudsim.reply"

local machines = {}
local faults = kinds.of "paperspace"

local function public_ip(world, instance)
  if not instance.addressed or instance.ip_kind == "none" then return reply.null end
  return world.settings.public_ip or instance.address and instance.address.ip or instance.ip
end

local function accelerators(instance)
  local kind = instance.type
  if kind.gpus == 0 then return reply.null end
  return json.array { { name = kind.card, memory = kind.memory, count = kind.gpus } }
end

--- The Machine object (§4.4).
function machines.view(world, instance)
  local auto, kind = instance.auto, instance.type
  return { id = instance.id, name = instance.name, os = instance.template.os, state = instance.status,
    machineType = kind.name, agentType = "LinuxHeadless", cpus = kind.cpus, ram = kind.ram << 30,
    storageTotal = instance.disk << 30, storageUsed = 0, accelerators = accelerators(instance),
    region = instance.region, networkId = reply.maybe(instance.network and instance.network.id),
    privateIp = instance.addressed and instance.private_ip or reply.null,
    publicIp = public_ip(world, instance), publicIpType = instance.ip_kind,
    autoShutdownEnabled = auto.enabled, autoShutdownTimeout = reply.maybe(auto.hours),
    autoShutdownForce = reply.maybe(auto.force), autoSnapshotEnabled = instance.snapshots ~= nil,
    autoSnapshotFrequency = reply.maybe(instance.snapshots), autoSnapshotSaveCount = reply.null,
    restorePointEnabled = false, restorePointFrequency = reply.null, restorePointSnapshotId = reply.null,
    reservation = reply.null, updatesPending = false, usageRate = instance.hourly,
    storageRate = instance.storage, dtCreated = instance.dtCreated, dtModified = instance.dtModified,
    dtDeleted = reply.maybe(instance.dtDeleted) }
end

local function missing()
  return answers.fail("NOT_FOUND", "Machine not found")
end

-- The team's machine of that id, as far as it is to be seen at all.
local function find(call, id)
  local state, world = call.state, call.world
  local instance = state.instances[id]
  if not instance or instance.account ~= call.key.account
    or instance.hidden_get and world.time < instance.visible_at then
    return nil
  end
  return instance
end

-- Deleted ones that a get or a list still shows, after the setting (§4.6).
local function kept(call, instance, place)
  local style = call.world.settings.paperspace_deleted
  return instance and instance.account == call.key.account and (style == "listed" or style == place)
    and instance or nil
end

-- The machine as it is shown when nothing of it is known but id and name.
local function unknown(world, instance)
  local shown = reply.nulls(machines.view(world, instance))
  shown.id, shown.name = instance.id, instance.name
  return shown
end

local wrong_get = faults:first {
  { "get.500", "as named", function()
    return answers.fail("INTERNAL_SERVER_ERROR", "Internal server error")
  end },
  { "get.html", "as named", function() return reply.html(200) end },
  { "get.hang", "as named", function() return { hang = true } end },
  { "get.false_null", "404 NOT_FOUND although it lives", missing },
  { "get.null_fields", "the id and name, everything else null", function(_, world, instance)
    return answers.ok(unknown(world, instance))
  end },
}
local UNKNOWN = faults:kind("get.unknown_status", "a status nobody knows")
local STOPPED = faults:kind("get.stopped", "said to be off although it is not")

function machines.get(call)
  local world, id = call.world, call.args[1]
  local instance = find(call, id)
  if not instance or not life.looked(world, instance) then
    local old = kept(call, call.state.gone[id], "get")
    return old and answers.ok(machines.view(world, old)) or missing()
  end
  local context = life.context(instance)
  local wrong = wrong_get(world, context, instance)
  if wrong then return wrong end
  local shown = machines.view(world, instance)
  if UNKNOWN:take(world, context) then
    shown.state = "hibernating"
  end
  if STOPPED:take(world, context) then
    shown.state = "off"
  end
  return answers.ok(shown)
end

local STALE = faults:kind("list.stale", "the picture of `seconds` (60) ago")

local wrong_list = faults:first {
  { "list.html", "as named", function() return reply.html(200) end },
  { "list.500", "as named", function()
    return answers.fail("INTERNAL_SERVER_ERROR", "Internal server error")
  end },
  { "list.empty", "as named", function()
    return answers.ok({ hasMore = false, items = json.array {}, nextPage = reply.null })
  end },
}
local PARTIAL = faults:kind("list.partial", "a first page of `rows` (1), whose next one is a 500")

local function shown(world, row)
  local machine = machines.view(world, row.instance)
  machine.state = row.state
  return machine
end

-- A first page that promises more, and its next one.
local function broken_off(call, order, rows)
  local items, count = {}, math.min(order.rows or 1, #rows)
  for i = 1, count do
    items[i] = shown(call.world, rows[i])
  end
  return answers.ok({ hasMore = true, items = json.array(items),
    nextPage = paging.token { from = count, broken = true } })
end

local function is_broken(cursor)
  local value = cursor and paging.open(cursor)
  return value ~= nil and value.broken == true
end

function machines.list(call)
  local world = call.world
  local wrong = wrong_list(world)
  if wrong then return wrong end
  if is_broken(call.query.after) then
    return answers.fail("INTERNAL_SERVER_ERROR", "Internal server error")
  end
  local rows = {}
  local function listed(instance) return kept(call, instance, "listed") end
  for _, each in ipairs(call.state:picture(world, STALE:take(world), life.looked, listed,
    call.key.account)) do
    local instance = each.instance
    local row = { name = instance.name, dtCreated = instance.dtCreated,
      state = each.before and "ready" or instance.status,
      region = instance.region, machineType = instance.type.name, agentType = "LinuxHeadless",
      instance = instance }
    local fits = answers.passes(call, row, { "name", "region", "agentType", "machineType" })
    rows[#rows + 1] = fits and row or nil
  end
  local order = not call.query.after and PARTIAL:take(world)
  if order then return broken_off(call, order, rows) end
  return answers.page(call, rows, { "dtCreated", "name", "state" }, function(row)
    return shown(world, row)
  end)
end

-- The machine of the call, or nil and the answer.
local function target(call)
  local instance = find(call, call.args[1])
  if not instance then return nil, missing() end
  if instance.deactivating then
    return nil, answers.fail("CONFLICT", "This machine is currently being deactivated.")
  end
  return instance
end

local function done(call, instance, event)
  return answers.ok({ data = machines.view(call.world, instance), event = account.event_view(event) })
end

--- PUT: the name, the timer, the kind of address.
function machines.update(call)
  local instance, refusal = target(call)
  if not instance then return refusal end
  local body, auto = call.body or {}, instance.auto
  if body.name ~= nil and (type(body.name) ~= "string" or body.name == "") then
    return answers.invalid("name must be a string")
  end
  instance.name = body.name or instance.name
  if body.autoShutdownEnabled ~= nil then
    auto.enabled = body.autoShutdownEnabled == true
  end
  auto.hours, auto.force = body.autoShutdownTimeout or auto.hours, body.autoShutdownForce
  instance.dtModified = call.state:iso()
  return done(call, instance, call.state:event("vm-upgrade", instance))
end

local ON = { ready = true, serviceready = true }

-- One of the three that change its power. wanted: the states that it may be in
local function power(call, name, wanted)
  local instance, refusal = target(call)
  if not instance then return refusal end
  if not wanted[instance.status] then
    return answers.fail("BAD_REQUEST", ("This machine is currently %s."):format(instance.status))
  end
  local event = call.state:event(name, instance)
  local before = account.event_view(event)
  life[name](call.world, instance, event)
  return answers.ok({ data = machines.view(call.world, instance), event = before })
end

function machines.start(call) return power(call, "start", { off = true }) end

function machines.stop(call)
  return power(call, "stop", { ready = true, serviceready = true, starting = true, provisioning = true })
end

function machines.restart(call) return power(call, "restart", ON) end

-- A delete that fails, done or not.
local function failing(response)
  return function(order, world, instance)
    if order.done then
      life.deactivate(world, instance, world.paperspace:event("deactivate", instance))
    end
    return response()
  end
end

local wrong_delete = faults:first {
  { "destroy.500", "fails (`done:true`: destroyed all the same)", failing(function()
    return answers.fail("INTERNAL_SERVER_ERROR", "Internal server error")
  end) },
  { "destroy.hang", "fails (`done:true`: destroyed all the same)",
    failing(function() return { hang = true } end) },
  { "destroy.429", "too frequent (`retry_after`)", answers.too_many },
}
local NOT_DONE = faults:kind("destroy.accepted_not_done",
  "success, but it lives and bills on for `polls` looks, or for ever; `released:true`: the record stays")

-- A second delete, after the setting.
local function again(call, instance)
  local style = call.world.settings.paperspace_second_delete
  if style == "not_found" then
    return missing()
  elseif style == "conflict" then
    return answers.fail("CONFLICT", "This machine is currently being deactivated.")
  end
  return done(call, instance, call.state.row_of(call.state.events, "machineId", instance.id))
end

function machines.delete(call)
  local world, instance = call.world, find(call, call.args[1])
  if not instance then return missing() end
  if instance.deactivating then return again(call, instance) end
  local context = life.context(instance)
  local wrong = wrong_delete(world, context, instance)
  if wrong then return wrong end
  local event = call.state:event("deactivate", instance)
  local before, accepted = account.event_view(event), NOT_DONE:take(world, context)
  if not accepted then
    life.deactivate(world, instance, event)
  elseif accepted.released then
    life.release(world, instance)
  else
    instance.zombie_polls = accepted.polls or math.huge
  end
  return answers.ok({ data = machines.view(world, instance), event = before })
end

return machines
