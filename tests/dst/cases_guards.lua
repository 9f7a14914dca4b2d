-- SPDX-License-Identifier: MIT
-- What ends a node pool without us (facts/coreweave.md §3.11), each alone: the guest on the pod, the
-- cluster's CronJob, the pod's own deadline with an autoscaler that gives the empty node back. The others are
-- dead, and so is this computer.
local bills = require "dst.bills"
local resources = require "cloudsim.coreweave.resources"
local scenes = require "dst.scenes"

local HOUR, MINUTE = 3600, 60
local LOOK = 5 * MINUTE   -- between two looks of the CronJob
local SPARE = 15 * MINUTE -- by which the cluster's own ends come after those of the guest
local IDLE = 10 * MINUTE  -- until the autoscaler gives an empty node back
local RELEASE = MINUTE    -- that takes as long at most
local BOUND = 5 * MINUTE  -- boot and pull before a limit counts

local function no_cron(p)
  local store = p.world.coreweave.store
  for _, object in ipairs(store:all(resources.CronJob)) do store:remove(resources.CronJob, object) end
end

local function no_autoscaler(p) p.world.settings.coreweave_idle_seconds = 1000 * HOUR end

-- A machine that is READY and never seen again by this computer. dead: what else is
local function left_alone(p, ...)
  if scenes.up(p) ~= 0 then p.judge:broken("E3", "no machine was had: " .. p.last.err) end
  local machine = scenes.ours(p)
  for _, dead in ipairs { ... } do dead(p, machine) end
  p:kill_all()
  return p.judge.token_list[#p.judge.token_list]
end

local function guest_gone(p, machine) p.guests[machine.id]:kill(true) end

-- Its programs do nothing any more, and its pod is said to run.
local function guest_hangs(p, machine) p.cloud.happen(p.world, "offline", machine) end

local function node_ends(p, token, limit, why)
  p:pass(limit - 10 * MINUTE)
  if not bills.open(p, token, "gpu") then
    p.judge:broken("E3", ("the node of %s was given back before %s"):format(token, why))
  end
  p:pass(10 * MINUTE + BOUND)
  if bills.open(p, token, "gpu") then
    p.judge:broken("E1", ("the node of %s bills on, and %s should have ended it"):format(token, why))
  end
  p:run "stop"
end

local cases = {}

local function case(name, play, settings)
  cases[#cases + 1] = { name = name, play = play, settings = settings, cloud = "coreweave", foreign = false }
end

case("the guest alone", function(p)
  node_ends(p, left_alone(p, no_cron, no_autoscaler), HOUR, "the guest")
end)

case("the CronJob alone, after the pod of a guest that is gone ended itself", function(p)
  node_ends(p, left_alone(p, guest_gone, no_autoscaler), HOUR / 2 + LOOK, "the CronJob")
end)

case("the CronJob alone, when the pod never starts", function(p)
  no_autoscaler(p)
  p:fault { name = "boot.stuck" }
  p:start(scenes.UP)
  p.sim:at(p.cloud.create_at + MINUTE, function() p:kill_all() end)
  p:pass(2 * MINUTE)
  node_ends(p, p.judge.token_list[1], HOUR + LOOK, "the CronJob")
end)

case("the CronJob alone, after the deadline ended the pod of a guest that hangs", function(p)
  node_ends(p, left_alone(p, guest_hangs, no_autoscaler), 3 * HOUR + SPARE + LOOK, "the CronJob")
end, { "MAX_HOURS=3" })

case("the deadline and the autoscaler alone", function(p)
  node_ends(p, left_alone(p, guest_hangs, no_cron), 3 * HOUR + SPARE + IDLE + RELEASE,
    "the deadline with the autoscaler")
end, { "MAX_HOURS=3" })

return cases
