-- SPDX-License-Identifier: MIT
--- The life of a virtual machine at Lambda (facts/lambda.md §2.5–§2.9): booting → active → terminating →
--- terminated. The ip and the machine's own programs come while it still says booting; money starts with the
--- first "active".
local firewall = require "cloudsim.lambda.firewall"
local ends = require "cloudsim.machine.ends"
local kinds = require "cloudsim.kinds"
local later = require "cloudsim.machine.later"

local life = {}
local faults = kinds.of "lambda"

function life.context(instance)
  return { label = instance.name, instance = instance.id, offer = instance.type.name,
    gpu_name = instance.type.name, region = instance.region.name, is_bid = false }
end

-- What has come further than booting can be ended.
local function turn(instance, status)
  instance.turn = (instance.turn or 0) + 1
  instance.launched = instance.launched or status ~= "booting"
  instance.status = status
end

-- By the minute, at least one (facts/lambda.md §2.8).
local function bill(world, instance)
  if not instance.billed then
    instance.billed = true
    world.ledger:start({ provider = "lambda", account = world.lambda.workspace, id = instance.id,
      kind = "gpu", step = 60, rate = instance.cents / 100, token = instance.name, marks = instance.marks },
      world.time)
  end
end

local EXITED = faults:kind("boot.exited", "a shutdown inside during the start")

-- The system comes up: address, programs.
local function up(world, instance)
  instance.ip = instance.ip or "127.0.0.1"
  instance.process = true
  world:hook("start", instance)
  if EXITED:take(world, life.context(instance)) then
    later(world, instance, 2, life.shut_down)
  end
end

local UNHEALTHY = faults:kind("boot.unhealthy",
  "`unhealthy` `seconds` after `active`; with `birth` before it has an address")
local OUTBID = faults:kind("spot.outbid", "preempted `seconds` after it runs, no bill")

local function active(world, instance)
  instance.status = "active"
  bill(world, instance)
  local sick = UNHEALTHY:take(world, life.context(instance))
  if sick then
    later(world, instance, sick.seconds or 0, life.unhealthy)
  end
  local outbid = OUTBID:take(world, life.context(instance))
  if outbid then
    later(world, instance, outbid.seconds or 0, life.preempted)
  end
end

local NO_UDP = faults:kind("boot.no_udp", "UDP ports do not answer, whatever the rules say")
local NO_PUSH = faults:kind("boot.no_push", "TCP ports do not answer, whatever the rules say")
local NO_TUNNEL = faults:kind("boot.no_tunnel", "neither UDP nor TCP ports answer, whatever the rules say")
local STUCK = faults:kind("boot.stuck", "`booting` for ever without ip, not billed")
local SLOW = faults:kind("boot.slow", "`seconds` more")

--- Starts the walk of a fresh machine.
function life.begin(world, instance)
  local context, seconds = life.context(instance), world.settings.boot_seconds
  instance.created_at = world.time
  turn(instance, "booting")
  local silent = NO_TUNNEL:take(world, context) ~= nil
  instance.udp_blocked = NO_UDP:take(world, context) ~= nil or silent
  instance.tcp_blocked = NO_PUSH:take(world, context) ~= nil or silent
  later(world, instance, seconds * 0.1, function() instance.launched = true end)
  if STUCK:take(world, context) then return end
  local stillborn = UNHEALTHY:waits(world, context)
  if stillborn and stillborn.birth then
    UNHEALTHY:take(world, context)
    later(world, instance, seconds * 0.2, life.unhealthy) -- without an address
    return
  end
  local slow = SLOW:take(world, context)
  seconds = seconds + (slow and slow.seconds or 0)
  later(world, instance, seconds * 0.6, up)
  later(world, instance, seconds, active)
end

--- Whether terminate is possible, and why not: → true or false, reason_code.
function life.may_terminate(world, instance)
  if instance.status == "terminating" or instance.status == "terminated" then
    return false, "vm-is-terminating"
  elseif not instance.launched and world.settings.lambda_early_terminate == "refuse" then
    return false, "vm-has-not-launched"
  end
  return true
end

--- What the terminate call begins: the programs end at once; it is seen as terminating for some looks or some
--- time.
function life.terminate(world, instance)
  ends.process(world, instance)
  turn(instance, "terminating")
  instance.looks, instance.zombie_polls = 0, nil
  if world.settings.lambda_bill_until == "request" then
    world.ledger:finish(instance.id, nil, world.time)
  end
  later(world, instance, world.settings.lambda_terminating_seconds, life.destroy)
end

--- Really terminated: nothing bills, rulesets are free, somebody else can have the machine.
function life.destroy(world, instance)
  if instance.destroyed then return end
  local state, region = world.lambda, instance.region.name
  ends.process(world, instance)
  turn(instance, "terminated")
  world.ledger:finish(instance.id, nil, world.time)
  state:lose(instance, world.time)
  instance.type.capacity[region] = (instance.type.capacity[region] or 0) + 1
  world:hook("destroy", instance)
end

--- Somebody looks at the machine: → whether it is still there.
function life.looked(world, instance)
  if ends.counted(world, instance, life.destroy) then
    return not instance.destroyed
  elseif instance.status == "terminating" and not instance.dangling then
    instance.looks = instance.looks + 1
    if instance.looks > world.settings.lambda_terminating_polls then
      life.destroy(world, instance)
    end
  end
  return not instance.destroyed
end

--- Money and programs end, the record says terminating for ever.
function life.release(world, instance)
  ends.process(world, instance)
  turn(instance, "terminating")
  instance.dangling = true
  world.ledger:finish(instance.id, nil, world.time)
end

--- A failed health check: it runs and bills on.
function life.unhealthy(_, instance)
  instance.status = "unhealthy"
end

--- Taken away by Lambda: nothing runs or bills any more.
function life.preempted(world, instance)
  ends.process(world, instance)
  turn(instance, "preempted")
  world.ledger:finish(instance.id, nil, world.time)
end

--- The system inside shut down, or its first program ended: billed on (facts/lambda.md §2.9). What the status
--- does is unknown: setting lambda_shutdown is the status it takes, "active" being none of its own.
function life.shut_down(world, instance, message)
  ends.process(world, instance)
  instance.message = message or "shut down"
  if instance.status == "active" then
    instance.status = world.settings.lambda_shutdown
  end
end

--- The machine starts anew; money goes on.
function life.restart(world, instance)
  ends.process(world, instance)
  turn(instance, "booting")
  later(world, instance, world.settings.resume_seconds * 0.6, up)
  later(world, instance, world.settings.resume_seconds, active)
end

--- The machine's first process has ended. how: "reboot", or what else was asked for inside
function life.ended(world, instance, how)
  if how == "reboot" then
    life.restart(world, instance)
  else
    life.shut_down(world, instance)
  end
end

--- It says booting, without its programs, for ever.
function life.stuck(world, instance)
  ends.process(world, instance)
  turn(instance, "booting")
end

function life.offline(world, instance)
  ends.process(world, instance)
  turn(instance, "unhealthy")
end

function life.freeze(world, instance)
  instance.status = "unhealthy"
  world:hook("freeze", instance)
end

life.open_ports = firewall.open

return life
