-- SPDX-License-Identifier: MIT
--- POST /machines: the rule of every field (facts/paperspace.md §4.4) and what may go wrong with the answer.
local account = require "cloudsim.paperspace.account"
local answers = require "cloudsim.paperspace.answers"
local around = require "cloudsim.paperspace.around"
local data = require "cloudsim.paperspace.data"
local kinds = require "cloudsim.kinds"
local life = require "cloudsim.paperspace.life"
local machines = require "cloudsim.paperspace.machines"
local reply = require "cloudsim.reply"
local scripts = require "cloudsim.paperspace.scripts"

local create = {}
local faults = kinds.of "paperspace"

local TEXTS = { "name", "machineType", "templateId", "region" }
local OPTIONAL = { startupScriptId = "string", networkId = "string", startOnCreate = "boolean",
  emailPassword = "boolean", autoShutdownEnabled = "boolean", autoShutdownTimeout = "number",
  autoShutdownForce = "boolean", autoSnapshotEnabled = "boolean", autoSnapshotFrequency = "string",
  autoSnapshotSaveCount = "number", takeInitialSnapshot = "boolean", restorePointEnabled = "boolean",
  restorePointFrequency = "string", enableNvlink = "boolean", accessorIds = "table",
  publicIpType = "string" }
local ALLOWED = { publicIpType = { static = true, dynamic = true, none = true },
  autoSnapshotFrequency = { hourly = true, daily = true, weekly = true, monthly = true },
  restorePointFrequency = { shutdown = true } }

-- The first rule of form that the body breaks: → sentence or nil.
local function broken_form(body)
  for _, name in ipairs(TEXTS) do
    if type(body[name]) ~= "string" or body[name] == "" then return name .. " is required" end
  end
  if type(body.diskSize) ~= "number" or not data.disk_month(body.diskSize) then
    return "diskSize must be a number of at most 2000"
  end
  for name, kind in require("base.sorted")(OPTIONAL) do
    local value = body[name]
    if value ~= nil and type(value) ~= kind then
      return ("%s must be a %s"):format(name, kind)
    elseif value ~= nil and ALLOWED[name] and not ALLOWED[name][value] then
      return name .. " is none of the allowed values"
    end
  end
  return body.autoShutdownEnabled and not body.autoShutdownTimeout and "autoShutdownTimeout is required"
    or nil
end

-- What the body names, looked up. → {type, template, script, network}, or nil and the answer
local function look_up(call)
  local state, body = call.state, call.body
  local kind = state.row_of(state.types, "name", body.machineType)
  local template = state.row_of(state.templates, "id", body.templateId)
  local script = body.startupScriptId and scripts.find(call, body.startupScriptId)
  local network = body.networkId and state.row_of(state.networks, "id", body.networkId)
  if not kind or kind.capacity[body.region] == nil then
    return nil, answers.fail("BAD_REQUEST", "The machine type is not available in this region")
  elseif not template then
    return nil, answers.fail("NOT_FOUND", "Template not found")
  elseif body.startupScriptId and not script then
    return nil, answers.fail("NOT_FOUND", "Startup script not found")
  elseif body.networkId and (not network or network.region ~= body.region) then
    return nil, answers.fail("NOT_FOUND", "Private network not found")
  end
  for _, each in ipairs(template.types) do
    if each.machineTypeLabel == kind.name and not each.isAvailable then
      return nil, answers.fail("BAD_REQUEST", "The template is not available for this machine type")
    end
  end
  if body.diskSize < template.least then
    return nil, answers.fail("BAD_REQUEST", "The disk is smaller than the template")
  end
  return { type = kind, template = template, script = script, network = network }
end

local DEARER = faults:kind("create.price_changed", "the agreed price is `factor` (1.5) times what was shown")
local SLOW = faults:kind("create.slow_appear",
  "in lists only after `seconds` (30); `get:true`: in get as well")

local function make(call, found, context)
  local world, state, body = call.world, call.state, call.body
  local changed, slow = DEARER:take(world, context), SLOW:take(world, context)
  local id = state:id("p")
  local instance = {
    cloud = "paperspace", id = id, account = call.key.account, name = body.name, hostname = id,
    type = found.type, template = found.template, region = body.region, network = found.network,
    disk = math.tointeger(body.diskSize) or body.diskSize // 1 | 0, storage = data.disk_month(body.diskSize),
    hourly = found.type.hourly * (changed and (changed.factor or 1.5) or 1), ip = "127.0.0.1",
    private_ip = "10.64.20." .. state.random:int(2, 250), ip_kind = body.publicIpType or "dynamic",
    auto = { enabled = body.autoShutdownEnabled == true, hours = body.autoShutdownTimeout,
      force = body.autoShutdownForce },
    snapshots = body.autoSnapshotEnabled and (body.autoSnapshotFrequency or "daily") or nil,
    script_each_boot = true, -- the machine has one only at the boots that it is for (life.lua)
    hidden_get = slow and slow.get, dtCreated = state:iso(), created_at = world.time,
    visible_at = world.time + (slow and world:scaled(slow.seconds or 30) or 0),
  }
  state:add(instance)
  local capacity = found.type.capacity
  capacity[body.region] = capacity[body.region] - 1
  if found.script then
    scripts.give(state, found.script, instance)
  end
  if instance.ip_kind == "static" then
    instance.address = around.claim(world, instance.account, instance.region, instance.name)
    instance.address.machine = instance
  end
  if body.takeInitialSnapshot then
    around.snapshot(world, instance, "Initial snapshot")
  end
  local event = state:event("create", instance)
  local answer = { data = nil, event = account.event_view(event) }
  life.begin(world, instance, event, body.startOnCreate ~= false)
  answer.data = machines.view(world, instance)
  return answer
end

local LOST_BEFORE = faults:kind("create.lost_before", "nothing created, no answer (`mode`)")
local TWICE = faults:kind("create.twice", "two machines instead of one")

-- What is said by `mode` of create.error_but_created.
local ERRORS = {
  html = function() return reply.html(200) end,
  refused = function() return answers.invalid("machineType is invalid") end,
  gone = function() return answers.fail("PRECONDITION_FAILED", "Out of capacity") end,
}

local wrong_answer = faults:first {
  { "create.answer_lost", "created, but no answer (`mode`)",
    function(order) return reply.lost(order.mode) end },
  { "create.error_but_created", "500; `html` (a web page with status 200), `refused` (400), `gone` (412)",
    function(order)
      return ERRORS[order.mode] and ERRORS[order.mode]()
        or answers.fail("INTERNAL_SERVER_ERROR", "Internal server error")
    end },
}

local function answer(call, found, context)
  local world = call.world
  local before = LOST_BEFORE:take(world, context)
  if before then return reply.lost(before.mode) end
  local made = make(call, found, context)
  if TWICE:take(world, context) then
    make(call, found, context)
  end
  return wrong_answer(world, context) or answers.ok(made)
end

local NO_CAPACITY = faults:kind("create.no_capacity", "412, the region is empty")
local FORBIDDEN = faults:kind("create.forbidden", "403 FORBIDDEN")

function create.handler(call)
  local world, body = call.world, call.body
  if type(body) ~= "table" then return answers.invalid("a body is required") end
  local sentence = broken_form(body)
  if sentence then return answers.invalid(sentence) end
  local found, refusal = look_up(call)
  if not found then return refusal end
  local context = { label = body.name, offer = found.type.name, gpu_name = found.type.name,
    region = body.region, is_bid = false }
  local capacity = found.type.capacity
  if FORBIDDEN:take(world, context) then
    return answers.fail("FORBIDDEN", "You are not allowed to create this machine")
  elseif world.settings.paperspace_standing ~= "good" then
    return answers.fail("FORBIDDEN", "Your account is not in good standing")
  elseif #call.state:each(call.key.account) >= world.settings.paperspace_max_machines then
    return answers.fail("FORBIDDEN", "You have reached your limit of machines")
  elseif NO_CAPACITY:take(world, context) then
    capacity[body.region] = 0 -- somebody else was faster
  end
  if capacity[body.region] <= 0 then
    return answers.fail("PRECONDITION_FAILED", "Out of capacity")
  end
  return answer(call, found, context)
end

return create
