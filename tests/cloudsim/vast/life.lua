-- SPDX-License-Identifier: MIT
--- The life of a simulated machine (facts/vast.md §1.8–1.11): null → created → loading → running, and every
--- way out. Every change of state takes a new `turn`; an event that carries an old one is void.
local ends = require "cloudsim.machine.ends"
local kinds = require "cloudsim.kinds"
local later = require "cloudsim.machine.later"
local offers = require "cloudsim.vast.offers"

local life = {}
local faults = kinds.of "vast"

local function bill(world, instance, kind, rate)
  world.ledger:finish(instance.id, kind, world.time)
  if rate then
    world.ledger:start({ provider = "vast", account = instance.account, id = instance.id, kind = kind,
      rate = rate, token = instance.token }, world.time)
  end
end

--- $/hour for the disk in the present state: dearer when stopped.
function life.disk_rate(world, instance, stopped)
  local rate = instance.offer.storage_cost * instance.disk / 720
  return stopped and rate * world.settings.stopped_disk_factor or rate
end

local function context(instance)
  return { label = instance.label, offer = instance.ask, instance = instance.id, is_bid = instance.is_bid,
    gpu_name = instance.offer.gpu_name }
end

local function turn(instance, actual)
  instance.turn = (instance.turn or 0) + 1
  instance.actual = actual
end

local function end_process(world, instance)
  ends.process(world, instance)
  instance.ports = nil
end

local function random_ports(world, instance)
  local ports = {}
  for _, forward in ipairs(instance.forwards) do
    local number = world.random:int(40000, 65000)
    if forward.port >= 70000 then
      forward.inside = number
    end
    ports[forward.port .. "/" .. forward.protocol] = number
  end
  return ports
end

local OUTBID = faults:kind("spot.outbid", "a bid machine is stopped `seconds` after it runs")

local function run(world, instance)
  turn(instance, "running")
  instance.current, instance.next = "running", "running"
  instance.message = "success, running " .. instance.image .. "/" .. instance.runtype
  instance.running_since = world.time
  bill(world, instance, "gpu", instance.gpu_rate)
  instance.process = true
  instance.ports = world:hook("start", instance) or random_ports(world, instance)
  local outbid = instance.is_bid and OUTBID:take(world, context(instance))
  if outbid then
    later(world, instance, outbid.seconds or 0, life.outbid)
  end
end

local STUCK = faults:kind("boot.stuck", "loading for ever")
local EXITED = faults:kind("boot.exited",
  "the process ends during the start; it is started again after `restart` seconds, "
  .. "when given, and said to be `exited`, or with `stopped:true` `stopped` meanwhile")

local function fail_at_start(world, instance)
  if STUCK:take(world, context(instance)) then
    instance.message = "Pulling from " .. instance.image
    return true
  end
  local order = EXITED:take(world, context(instance))
  if not order then return false end
  later(world, instance, 2, function()
    life.exited(world, instance, "Error: process exited with code 1")
    instance.actual = order.stopped and "stopped" or instance.actual
    if order.restart then
      later(world, instance, order.restart, life.start) -- it is meant to run
    end
  end)
  return true
end

local function load(world, instance, seconds)
  turn(instance, "loading")
  instance.current, instance.next = "running", "running"
  instance.message = "Pulling from " .. instance.image
  if not fail_at_start(world, instance) then
    later(world, instance, seconds, run)
  end
end

local SCHEDULING = faults:kind("boot.scheduling", "`scheduling` for ever: the host does not take it")
local OCI_FAILURE = faults:kind("boot.oci_failure",
  "`created` with the container runtime's error, or with `message`, as hosts say what they lack")

local function created(world, instance)
  if SCHEDULING:take(world, context(instance)) then
    return turn(instance, "scheduling") -- the host never takes it (facts/additions-2026-11.md)
  end
  turn(instance, "created")
  local broken = OCI_FAILURE:take(world, context(instance))
  if broken then
    instance.message = broken.message
      or "Error response from daemon: failed to create task for container: failed to create shim task: "
      .. "OCI runtime create failed: runc create failed: unable to start container process"
    return
  end
  later(world, instance, world.settings.boot_seconds * 0.15, function()
    load(world, instance, world.settings.boot_seconds * 0.75)
  end)
end

local NO_UDP = faults:kind("boot.no_udp", "mapped UDP ports do not answer")
local NO_PUSH = faults:kind("boot.no_push", "mapped TCP ports do not answer")
local NO_TUNNEL = faults:kind("boot.no_tunnel",
  "mapped UDP ports do not answer, nor does a tunnel over TCP; the guard's program is taken")
local SLOW = faults:kind("boot.slow", "`seconds` more")

--- Starts the walk of a fresh machine.
function life.boot(world, instance)
  turn(instance, nil)
  instance.intended, instance.current, instance.next = "running", "running", "running"
  instance.tunnel_blocked = NO_TUNNEL:take(world, context(instance)) ~= nil
  instance.udp_blocked = NO_UDP:take(world, context(instance)) ~= nil or instance.tunnel_blocked
  instance.tcp_blocked = NO_PUSH:take(world, context(instance)) ~= nil
  local slow = SLOW:take(world, context(instance))
  later(world, instance, world.settings.boot_seconds * 0.1 + (slow and slow.seconds or 0), created)
end

--- Opens the rows that bill as long as the machine exists.
function life.begin(world, instance, stopped)
  instance.created_at = world.time
  bill(world, instance, "disk", life.disk_rate(world, instance, stopped))
  bill(world, instance, "bwd", instance.offer.inet_down_cost)
  bill(world, instance, "bwu", instance.offer.inet_up_cost)
  world:at(instance.offer.end_date, function()
    if not instance.destroyed and instance.current ~= "stopped" then
      life.stopped(world, instance, "The host's contract has ended")
    end
  end)
  if stopped then
    turn(instance, "stopped")
    instance.intended, instance.current, instance.next = "stopped", "stopped", "stopped"
  else
    life.boot(world, instance)
  end
end

--- The machine is stopped now: processes killed, disk kept and billed.
function life.stopped(world, instance, message)
  end_process(world, instance)
  turn(instance, "stopped")
  instance.intended, instance.current, instance.next = "stopped", "stopped", "stopped"
  instance.message = message or ""
  bill(world, instance, "gpu", nil)
  bill(world, instance, "disk", life.disk_rate(world, instance, true))
end

--- A stop that was asked for takes a moment; the GPU bills until it is done.
function life.stop(world, instance)
  instance.intended, instance.next = "stopped", "stopped"
  if instance.current == "stopped" then return end
  instance.turn = instance.turn + 1
  later(world, instance, world.settings.stop_seconds, life.stopped)
end

--- Starts a stopped machine, unless the GPU went to somebody else.
function life.start(world, instance)
  instance.intended, instance.next = "running", "running"
  if instance.process then -- a stop that had not come yet, or a pause, is over
    turn(instance, "running")
    world:hook("thaw", instance)
    return
  end
  bill(world, instance, "disk", life.disk_rate(world, instance, false))
  load(world, instance, world.settings.resume_seconds)
end

local RESUME = faults:kind("spot.resume", "an outbid machine starts again `seconds` later")

--- A higher bid took the GPU: stopped three times over, disk billed on; it comes back by itself.
function life.outbid(world, instance)
  life.stopped(world, instance, "")
  local back = RESUME:take(world, context(instance))
  if back then
    later(world, instance, back.seconds or 0, life.start)
  end
end

--- The container's process ended by itself.
function life.exited(world, instance, message)
  end_process(world, instance)
  turn(instance, "exited")
  instance.message = message or ""
  if not world.settings.exited_gpu then
    bill(world, instance, "gpu", nil)
  end
end

--- The machine's first process has ended.
function life.ended(world, instance)
  life.exited(world, instance, "Error: process exited with code " .. tostring(instance.exit))
end

--- No sign of the host any more; the disk is not billed meanwhile.
function life.offline(world, instance)
  end_process(world, instance)
  turn(instance, "unknown")
  bill(world, instance, "gpu", nil)
  bill(world, instance, "disk", nil)
  later(world, instance, 30, function()
    instance.actual = "offline"
  end)
end

--- The host is back; what should run runs.
function life.online(world, instance)
  bill(world, instance, "disk", life.disk_rate(world, instance, false))
  if instance.intended == "running" then
    load(world, instance, world.settings.resume_seconds)
  else
    life.stopped(world, instance)
  end
end

--- The host maps the running machine's ports anew: other numbers outside, the old ones are dead. → whether it
--- runs at all
function life.remap(world, instance)
  if not instance.process then return false end
  instance.ports = world:hook("remap", instance) or random_ports(world, instance)
  return true
end

--- Paused by the host: the GPU bills on, the processes stand still.
function life.freeze(world, instance)
  instance.actual, instance.intended = "frozen", "frozen"
  world:hook("freeze", instance)
end

--- It says "loading" for ever from now on.
function life.stuck(world, instance)
  end_process(world, instance)
  bill(world, instance, "gpu", nil)
  turn(instance, "loading")
end

function life.reboot(world, instance)
  end_process(world, instance)
  turn(instance, "rebooting")
  later(world, instance, world.settings.resume_seconds, run)
end

--- A new bid: billed from now on; below the market it loses the GPU.
function life.rebid(world, instance, price)
  instance.gpu_rate, instance.bid = price, price
  local market = instance.offer.min_bid or instance.offer.on_demand
  if instance.actual == "running" then
    bill(world, instance, "gpu", price)
  end
  if price < market and instance.current == "running" then
    life.outbid(world, instance)
  elseif price >= market and instance.intended == "stopped" and instance.low_bid then
    instance.low_bid = nil
    life.start(world, instance)
  end
end

--- Processes and money end, the record stays for a while.
function life.release(world, instance)
  end_process(world, instance)
  turn(instance, instance.actual)
  instance.current, instance.next = "unloaded", "unloaded"
  world.ledger:finish(instance.id, nil, world.time)
end

--- Gone for good: everything ends and the machine is offered anew.
function life.destroy(world, instance)
  if instance.destroyed then return end
  life.release(world, instance)
  world.vast:lose(instance, world.time)
  if instance.key then
    world.keys[instance.key] = nil
  end
  if instance.offer.rented_by == instance.id then
    offers.renew(world.vast, instance.offer)
  end
  world:hook("destroy", instance)
end

life.context = context

return life
