-- SPDX-License-Identifier: MIT
-- The machine itself: twins of one create, ports that move, clouds that answer its guard badly, guards and
-- cards that are not what they seem.
local bills = require "dst.bills"
local scenes = require "dst.scenes"

local DAY = 24 * 3600

local function none_bills(p, why)
  for _, row in ipairs(p.judge:open()) do
    p.judge:broken("E1", ("the %s of machine %s bills %s"):format(row.kind, row.id, why))
  end
end

-- The client dies `seconds` after its create and never comes back.
local function dies(seconds)
  return function(p)
    p.judge.allow_two = true
    p:fault { name = "create.twice" }
    local process = p:start(scenes.UP)
    p.sim:at(p.cloud.create_at + seconds, function() p:kill_all() end)
    p:wait(process)
    p:pass(13 * 3600)
    none_bills(p, "13 h after the client died")
  end
end

-- The cloud answers badly to everybody who wants something ended.
local function badly(order)
  return function(p)
    scenes.up(p)
    local token = p.judge.token_list[1]
    p:kill_all()
    p:fault(order)
    p:pass(DAY)
    none_bills(p, "although its guard had a day")
    bills.capped(p, token, 3600, 1800, "1 h of idleness")
  end
end

-- A guard that says so is not relied on: no READY, and nothing of it is left.
local function not_relied_on(words)
  return function(p)
    p.guard_says = words
    if scenes.up(p) == 0 then p.judge:broken("E1", "READY beside a guard that cannot be relied on") end
    p:pass(600)
    if #p.judge:open() > 0 then p.judge:broken("E2", "the machine whose guard was not relied on bills on") end
  end
end

-- A machine that its cloud starts again by itself is not given up.
local function started_again(order)
  return function(p)
    p:fault { name = "boot.exited", restart = 30, stopped = order.stopped }
    if scenes.up(p) ~= 0 then p.judge:broken("E3", "no machine was had") end
    if #p.judge.token_list ~= 1 then
      p.judge:broken("E3", "a machine that its cloud started again was given up")
    end
    p:run "stop"
  end
end

return {
  { name = "twins, and the client dies at once", play = dies(0.5) },
  { name = "twins, and the client dies while they boot", play = dies(10) },
  { name = "twins, and the client dies later", play = dies(50) },
  { name = "fresh, and said to be stopped for a moment", play = function(p)
    p:fault { name = "get.stopped", count = 2 }
    if scenes.up(p) ~= 0 then p.judge:broken("E3", "no machine was had") end
    if #p.judge.token_list ~= 1 then
      p.judge:broken("E3", "a machine was given up for what its cloud said of it at its birth")
    end
    p:run "stop"
  end },
  { name = "its programs end while it starts, and its cloud starts it again", cloud = "vast", foreign = false,
    play = started_again {} },
  { name = "stopped while it starts, and its cloud starts it again", cloud = "vast", foreign = false,
    play = started_again { stopped = true } },
  { name = "a create that made two, and READY", play = function(p)
    p.judge.allow_two = true
    p:fault { name = "create.twice" }
    scenes.up(p)
    p:pass(180)
    local count = 0
    for _, row in ipairs(p.judge:open()) do count = count + (row.kind == "gpu" and 1 or 0) end
    if count ~= 1 then p.judge:broken("S4", ("%d machines bill three minutes after READY"):format(count)) end
    p:run "stop"
  end },
  { name = "its ports move in use", cloud = "vast",
    settings = { "DEADMAN_TIMEOUT_HOURS=1", "IDLE_MINUTES=off", "MAX_HOURS=off" }, play = function(p)
      scenes.up(p)
      p:pass(600)
      p.cloud.happen(p.world, "remap", scenes.ours(p))
      p:pass(2 * 3600)
      if #p.judge:open_tokens() ~= 1 then
        p.judge:broken("E3", "the machine was lost sight of when its ports moved")
      end
      p:run "stop"
    end },
  { name = "its cloud answers the guard with 404 six times", cloud = "vast",
    play = badly { name = "api.500", status = 404, count = 6, match = { method = "DELETE" } } },
  { name = "its cloud fails six times for the guard", play = badly { name = "destroy.500", count = 6 } },
  { name = "its cloud refuses the machine's own key six times", cloud = "vast",
    play = badly { name = "guard.refused", count = 6 } },
  { name = "its cloud refuses the guard's key six times", play = badly { name = "api.auth", count = 6 } },
  { name = "its cloud is too busy for the guard six times",
    play = badly { name = "destroy.429", count = 6 } },
  { name = "its guard's brake was refused when it was tried",
    play = not_relied_on { rehearsed = false, rehearsal = "HTTP 403: error code: 1010" } },
  { name = "its guard has no key that could end it",
    play = not_relied_on { ready = false, missing = "no key" } },
  { name = "its guard keeps nothing on the disk", play = not_relied_on { persisted = false } },
}
