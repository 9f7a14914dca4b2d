-- SPDX-License-Identifier: MIT
-- A model that several pods serve on two nodes (docs/replicas.md): both nodes bill, and both end, whoever
-- ends them and wherever a start is cut off.
local scenes = require "dst.scenes"

local LIFE = 3 * 3600

local function settings_of(silence, idle, life)
  return { "REPLICAS=9", "PREFER_SPOT=no", "DEADMAN_TIMEOUT_HOURS=" .. silence, "IDLE_MINUTES=" .. idle,
    "MAX_HOURS=" .. life }
end

local function nodes(p)
  local count = 0
  for _, row in ipairs(p.world.ledger:open()) do
    count = count + (row.kind == "gpu" and p.judge.tokens[row.token] and 1 or 0)
  end
  return count
end

local function ready(p)
  if scenes.up(p) ~= 0 then p.judge:broken("E3", "no machine was had: " .. p.last.err) end
  if nodes(p) ~= 2 then p.judge:broken("E3", nodes(p) .. " nodes bill, and not 2") end
end

local function over(p, why)
  if nodes(p) == 0 then return end
  p.judge:broken("E1", ("%d nodes bill on, and %s should have ended them"):format(nodes(p), why))
end

local function stopped(p)
  p:run "stop"
  if #p.judge:open() > 0 then p.judge:broken("E2", "something bills after the stop") end
end

local list = {
  { name = "used and stopped", settings = settings_of("off", "off", "off"), play = function(p)
    ready(p)
    p:pass(1800)
    stopped(p)
  end },
  { name = "limits: silence, this computer is dead", settings = settings_of("2", "off", "off"),
    play = function(p)
      ready(p)
      p:kill_all()
      p:pass(2 * 3600 + 900)
      over(p, "2 h of silence")
      stopped(p)
    end },
  { name = "limits: the guest and this computer are dead, and the CronJob alone is left",
    settings = settings_of("off", "off", "3"), play = function(p)
      ready(p)
      p:kill_all()
      for _, guest in ipairs(p.guest_order) do guest:kill(true) end
      p:pass(LIFE + 2 * 3600)
      over(p, "3 h of life")
      stopped(p)
    end },
  { name = "limits: the pod of the tunnel ends, and the others serve on",
    settings = settings_of("off", "off", "12"), play = function(p)
      ready(p)
      p:kill_all()
      p.cloud.happen(p.world, "exited", scenes.ours(p))
      p:pass(1800)
      over(p, "the CronJob")
      stopped(p)
    end },
}

-- While things are made around the pool, before and after its create, while it boots, while the servers load.
for index, seconds in ipairs { 0.36, 0.4, 0.44, 0.5, 2, 30, 90 } do
  list[#list + 1] = { name = ("cut off after %.2f s"):format(seconds), long = index % 3 ~= 0,
    settings = settings_of("2", "off", "off"), play = function(p)
      local process = p:start(scenes.UP)
      p.sim:at(seconds, function() process:kill() end)
      p:wait(process)
      p:pass(60)
      stopped(p)
    end }
end

for _, each in ipairs(list) do each.cloud = "coreweave" end
return list
