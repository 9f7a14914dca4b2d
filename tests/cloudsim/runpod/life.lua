-- SPDX-License-Identifier: MIT
--- The life of a pod (facts/runpod.md §2.8–2.13): PROVISIONING → STARTING → RUNNING, EXITED when stopped,
--- ERROR, TERMINATED. It bills from its create on until it is stopped or terminated through the API; stopped
--- it keeps its disk and pays for it. Nothing that happens inside ends the bill.
local ends = require "cloudsim.machine.ends"
local kinds = require "cloudsim.kinds"
local later = require "cloudsim.machine.later"

local life = {}
local faults = kinds.of "runpod"

local HOURS = 720 -- of a month: storage is priced by the month

function life.context(instance)
  return { label = instance.name, instance = instance.id, offer = instance.type.id,
    gpu_name = instance.type.name, region = instance.place, is_bid = false }
end

local function bill(world, instance, kind, rate)
  world.ledger:finish(instance.id, kind, world.time)
  if rate and rate > 0 then
    world.ledger:start({ provider = "runpod", account = instance.account, id = instance.id, kind = kind,
      rate = rate, token = instance.name, marks = instance.marks }, world.time)
  end
end

-- $/GB a month (§2.4); a stopped pod pays twice for its volume, and for its disk as before (§2.8).
local DISK, VOLUME, STOPPED_VOLUME = 0.10, 0.10, 0.20

--- $/hour of the disk and of the volume.
function life.disk_rate(world, instance, stopped)
  local volume = instance.mounts.persistent and instance.mounts.persistent.size or 0
  local disk = (not stopped or world.settings.runpod_stopped_disk == "billed") and instance.disk or 0
  return (disk * DISK + volume * (stopped and STOPPED_VOLUME or VOLUME)) / HOURS
end

--- $/hour as the pod itself says it.
function life.cost(instance)
  local idle = instance.status == "EXITED" or instance.status == "TERMINATED"
  return idle and 0.0 or instance.rate
end

local function turn(instance, status)
  instance.turn = (instance.turn or 0) + 1
  instance.status = status
end

local function end_process(world, instance)
  ends.process(world, instance)
  instance.ports, instance.runtime = nil, false
end

-- Cards taken from the stock, or given back.
local function take(world, instance, cards)
  local places = world.runpod.places(instance.type, instance.cloud_type)
  places[instance.place] = math.max(0, (places[instance.place] or 0) - cards)
  instance.holds = cards > 0
end

--- Are there cards for it where it lies?
function life.has_cards(world, instance)
  local places = world.runpod.places(instance.type, instance.cloud_type)
  return instance.holds or (places[instance.place] or 0) >= instance.count
end

local function random_ports(world, instance)
  local ports = {}
  for _, forward in ipairs(instance.forwards) do
    local number = world.runpod.random:int(10000, 65000)
    if forward.port >= 70000 then
      forward.inside = number
    end
    ports[forward.port .. "/" .. forward.protocol] = number
  end
  return ports
end

local NO_RUNTIME = faults:kind("boot.no_runtime", "RUNNING, and its `runtime` stays null")
local NO_PORT = faults:kind("boot.no_port", "runs without any mapped port, as at a community host "
  .. "without an address of its own")

local function run(world, instance)
  turn(instance, "RUNNING")
  instance.started_at, instance.process = world.time, true
  instance.runtime = NO_RUNTIME:take(world, life.context(instance)) == nil
  instance.ports = world:hook("start", instance) or random_ports(world, instance)
  if NO_PORT:take(world, life.context(instance)) then
    instance.unmapped = true
  end
end

local EXITED = faults:kind("boot.exited", "its first process ends during the start")
local BROKEN = faults:kind("boot.oci_failure", "ERROR: the container cannot be started")

local function starting(world, instance, seconds)
  turn(instance, "STARTING")
  if BROKEN:take(world, life.context(instance)) then
    return turn(instance, "ERROR")
  end
  local dies = EXITED:take(world, life.context(instance))
  later(world, instance, seconds, function()
    run(world, instance)
    if dies then
      life.ended(world, instance)
    end
  end)
end

local NO_PUSH = faults:kind("boot.no_push", "mapped TCP ports do not answer")
local NO_TUNNEL = faults:kind("boot.no_tunnel",
  "a tunnel over TCP does not answer; the guard's program is taken")
local STUCK = faults:kind("boot.stuck", "`PROVISIONING` for ever, and billed")
local SLOW = faults:kind("boot.slow", "`seconds` more")

--- Starts the walk of a fresh pod. stopped: made EXITED
function life.begin(world, instance, stopped)
  local context, seconds = life.context(instance), world.settings.boot_seconds
  instance.created_at = world.time
  instance.tcp_blocked = NO_PUSH:take(world, context) ~= nil
  instance.tunnel_blocked = NO_TUNNEL:take(world, context) ~= nil
  if stopped then
    turn(instance, "EXITED")
    return bill(world, instance, "disk", life.disk_rate(world, instance, true))
  end
  take(world, instance, instance.count)
  bill(world, instance, "gpu", instance.rate)
  bill(world, instance, "disk", life.disk_rate(world, instance, false))
  turn(instance, "PROVISIONING")
  if STUCK:take(world, context) then return end
  local slow = SLOW:take(world, context)
  later(world, instance, seconds * 0.25 + (slow and slow.seconds or 0), function()
    starting(world, instance, seconds * 0.5)
  end)
end

--- Stopped through the API: the cards are free, the disk is kept and billed.
function life.stop(world, instance)
  end_process(world, instance)
  turn(instance, "EXITED")
  if instance.holds then
    take(world, instance, -instance.count)
  end
  bill(world, instance, "gpu", nil)
  bill(world, instance, "disk", life.disk_rate(world, instance, true))
end

--- Back from EXITED or ERROR, on the same host.
function life.start(world, instance)
  if not instance.holds then
    take(world, instance, instance.count)
  end
  bill(world, instance, "gpu", instance.rate)
  bill(world, instance, "disk", life.disk_rate(world, instance, false))
  starting(world, instance, world.settings.resume_seconds)
end

--- The container starts anew in place, with other ports outside.
function life.restart(world, instance)
  end_process(world, instance)
  starting(world, instance, world.settings.resume_seconds)
end

--- The container's first process has ended. What then is seen nobody tells (§2.13): nothing, or the container
--- starts again.
function life.ended(world, instance)
  if world.settings.runpod_exit == "restart" then
    return life.restart(world, instance)
  end
  end_process(world, instance)
  instance.runtime = instance.status == "RUNNING"
end

--- Other ports outside for the running pod; the old ones are dead. → whether it runs at all
function life.remap(world, instance)
  if not instance.process then return false end
  instance.ports = world:hook("remap", instance) or random_ports(world, instance)
  return true
end

--- Its host is gone: ERROR, and the bill goes on.
function life.broken(world, instance)
  end_process(world, instance)
  turn(instance, "ERROR")
end

--- It says STARTING for ever from now on.
function life.stuck(world, instance)
  end_process(world, instance)
  turn(instance, "STARTING")
end

function life.freeze(world, instance)
  world:hook("freeze", instance)
end

--- Money and programs end, the record stays.
function life.release(world, instance)
  end_process(world, instance)
  turn(instance, "TERMINATED")
  world.ledger:finish(instance.id, nil, world.time)
end

--- Terminated: everything ends, its key is void, its cards are free.
function life.destroy(world, instance)
  if instance.destroyed then return end
  life.release(world, instance)
  if instance.holds then
    take(world, instance, -instance.count)
  end
  world.runpod:lose(instance, world.time)
  if instance.key then
    world.keys[instance.key] = nil
  end
  world:hook("destroy", instance)
end

--- Somebody looks at it: → whether it is still there.
function life.looked(world, instance)
  ends.counted(world, instance, life.destroy)
  return not instance.destroyed
end

return life
