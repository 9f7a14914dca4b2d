-- SPDX-License-Identifier: MIT
--- The life of a virtual machine at Paperspace (facts/paperspace.md §4.5, §4.6): provisioning → starting →
--- serviceready → ready; stopping → off. The disk bills from the create to the end of the delete, also while
--- it is off; the machine bills while it is on.
local data = require "cloudsim.paperspace.data"
local ends = require "cloudsim.machine.ends"
local kinds = require "cloudsim.kinds"
local later = require "cloudsim.machine.later"

local life = {}
local faults = kinds.of "paperspace"

function life.context(instance)
  return { label = instance.name, instance = instance.id, offer = instance.type.name,
    gpu_name = instance.type.name, region = instance.region, is_bid = false }
end

local function turn(world, instance, status)
  instance.turn = (instance.turn or 0) + 1
  instance.status, instance.dtModified = status, world.paperspace:iso()
end

local function row(world, instance, kind, rate)
  world.ledger:start({ provider = "paperspace", account = "paperspace " .. instance.account,
    id = instance.id, kind = kind, rate = rate, token = instance.name,
    step = kind == "gpu" and world.settings.paperspace_step or nil }, world.time)
end

-- The machine's own rate, while it is on.
local function bill(world, instance)
  if not instance.billed then
    instance.billed = true
    row(world, instance, "gpu", instance.hourly)
  end
end

local function unbill(world, instance)
  instance.billed = false
  world.ledger:finish(instance.id, "gpu", world.time)
end

-- What runs at this boot: the script, unless it ran once already (§4.7).
local function boot_script(instance)
  local script = instance.script
  local runs = script and script.isEnabled and not (script.isRunOnce and instance.ran == script)
  instance.ran = runs and script or instance.ran
  local text = runs and script.script or nil
  instance.user_data = text and (text:find("^#!") and text or "#!/bin/bash\n" .. text) or nil
end

local EXITED = faults:kind("boot.exited", "a shutdown inside during the start")

-- The system comes up, and its script runs.
local function up(world, instance)
  instance.status = "serviceready"
  instance.process = true
  boot_script(instance)
  world:hook("start", instance)
  if EXITED:take(world, life.context(instance)) then
    later(world, instance, 2, life.shut_down)
  end
end

-- The agent of the system is up; the address shows a moment later.
local function ready(world, instance)
  instance.status = "ready"
  later(world, instance, world.settings.paperspace_ip_seconds, function() instance.addressed = true end)
end

-- Its own timer, by hours since it was switched on (§4.10; what they count from is not documented).
local function arm(world, instance)
  if instance.auto.enabled and instance.auto.hours then
    later(world, instance, instance.auto.hours * 3600, function()
      world.paperspace:over(world.paperspace:event("vm-shutdown-force", instance))
      life.off(world, instance)
    end)
  end
end

-- Switched on; seconds until it is ready.
local function walk(world, instance, seconds)
  bill(world, instance)
  arm(world, instance)
  later(world, instance, seconds * 0.6, up)
  later(world, instance, seconds, ready)
end

local NO_UDP = faults:kind("boot.no_udp", "UDP ports do not answer")
local NO_PUSH = faults:kind("boot.no_push", "TCP ports do not answer")
local NO_TUNNEL = faults:kind("boot.no_tunnel",
  "UDP ports do not answer, nor does a tunnel over TCP; the guard's program is taken")
local STUCK = faults:kind("boot.stuck", "`provisioning` for ever, its create's event says `error`")
local SLOW = faults:kind("boot.slow", "`seconds` more")

--- Starts the walk of a fresh machine. event: that of its create; start: switch it on
function life.begin(world, instance, event, start)
  local context, seconds = life.context(instance), world.settings.boot_seconds
  local state = world.paperspace
  turn(world, instance, "provisioning")
  row(world, instance, "disk", instance.storage / data.HOURS)
  instance.tunnel_blocked = NO_TUNNEL:take(world, context) ~= nil
  instance.udp_blocked = NO_UDP:take(world, context) ~= nil or instance.tunnel_blocked
  instance.tcp_blocked = NO_PUSH:take(world, context) ~= nil
  state:begun(event)
  if STUCK:take(world, context) then
    later(world, instance, seconds * 0.2, function() state:over(event, "Failed to create the machine") end)
    return
  end
  local slow = SLOW:take(world, context)
  seconds = seconds + (slow and slow.seconds or 0)
  later(world, instance, seconds * 0.2, function()
    state:over(event)
    if not start then
      instance.status = "off"
    else
      instance.status = "starting"
      walk(world, instance, seconds * 0.8)
    end
  end)
end

--- Off: nothing runs, no address; the disk bills on.
function life.off(world, instance)
  ends.process(world, instance)
  if instance.deactivating then return end -- that goes on
  turn(world, instance, "off")
  instance.addressed = false
  unbill(world, instance)
end

--- PATCH stop and start. event: what is told of it
function life.stop(world, instance, event)
  ends.process(world, instance)
  turn(world, instance, "stopping")
  world.paperspace:begun(event)
  later(world, instance, world.settings.paperspace_stop_seconds, function()
    world.paperspace:over(event)
    life.off(world, instance)
  end)
end

function life.start(world, instance, event)
  turn(world, instance, "starting")
  world.paperspace:begun(event)
  world.paperspace:over(event)
  walk(world, instance, world.settings.resume_seconds)
end

--- The same without being off between.
function life.restart(world, instance, event)
  if instance.deactivating then return end
  ends.process(world, instance)
  turn(world, instance, "restarting")
  instance.addressed = false
  if event then
    world.paperspace:begun(event)
    world.paperspace:over(event)
  end
  walk(world, instance, world.settings.resume_seconds)
end

--- What the delete begins: seen as stopping until its event `deactivate` is done; then nothing bills.
function life.deactivate(world, instance, event)
  ends.process(world, instance)
  turn(world, instance, "stopping")
  instance.addressed, instance.deactivating, instance.zombie_polls = false, true, nil
  world.paperspace:begun(event)
  if world.settings.paperspace_bill_until == "request" then
    world.ledger:finish(instance.id, nil, world.time)
  end
  later(world, instance, world.settings.paperspace_delete_seconds, function()
    world.paperspace:over(event)
    life.destroy(world, instance)
  end)
end

--- Really gone. A claimed address stays with the team, and so do snapshots.
function life.destroy(world, instance)
  if instance.destroyed then return end
  local state = world.paperspace
  ends.process(world, instance)
  turn(world, instance, "off")
  world.ledger:finish(instance.id, nil, world.time)
  instance.dtDeleted = state:iso()
  if instance.address then
    instance.address.machine = nil
  end
  if instance.script then
    require("cloudsim.paperspace.scripts").give(state, nil, instance)
  end
  state:lose(instance, world.time)
  local capacity = instance.type.capacity
  capacity[instance.region] = (capacity[instance.region] or 0) + 1
  world:hook("destroy", instance)
end

--- Somebody looks at the machine: → whether it is still there.
function life.looked(world, instance)
  ends.counted(world, instance, life.destroy)
  return not instance.destroyed
end

--- Money and programs end, the record says stopping for ever.
function life.release(world, instance)
  ends.process(world, instance)
  turn(world, instance, "stopping")
  instance.addressed = false
  world.ledger:finish(instance.id, nil, world.time)
end

--- The system inside shut down, or its first program ended (§4.11): it is off then, or, where
--- paperspace_shutdown says so, it goes on saying `ready` and bills.
function life.shut_down(world, instance, message)
  instance.message = message or "shut down"
  if world.settings.paperspace_shutdown == "off" then return life.off(world, instance) end
  ends.process(world, instance)
end

--- The machine's first process has ended. how: "reboot", or what else was asked for inside
function life.ended(world, instance, how)
  if how == "reboot" then
    life.restart(world, instance)
  else
    life.shut_down(world, instance)
  end
end

--- It says starting, without its programs, for ever; it bills.
function life.stuck(world, instance)
  ends.process(world, instance)
  if instance.deactivating then return end
  turn(world, instance, "starting")
end

--- Its host is gone: the programs are dead, the cloud says what it said.
function life.offline(world, instance)
  ends.process(world, instance)
end

function life.freeze(world, instance)
  world:hook("freeze", instance)
end

--- What reaches a machine: no firewall is in front of it; without a public address nothing does.
function life.open_ports(_, instance)
  local open = {}
  for _, protocol in ipairs { "tcp", "udp" } do
    open[protocol] = (instance[protocol .. "_blocked"] or instance.ip_kind == "none") and {}
      or { { 1, 65535 } }
  end
  return open
end

return life
