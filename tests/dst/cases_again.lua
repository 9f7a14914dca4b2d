-- SPDX-License-Identifier: MIT
-- A start that waits for what cannot be had yet (--wait, --retry-until), and one that has so long until READY
-- (--ready-within): nothing is rented beside anything that may bill, nor after the time that was given.
local scenes = require "dst.scenes"

local HOUR = 3600

local function must(p, condition, invariant, what, ...)
  if not condition then
    p.judge:broken(invariant, what:format(...) .. (": %s%s"):format(p.last.out, p.last.err))
  end
end

-- The line of `up` with more options.
local function line(...)
  local words = table.move(scenes.UP, 1, #scenes.UP, 1, {})
  return table.move({ ... }, 1, select("#", ...), #words + 1, words)
end

-- "--retry-until=HH:MM:SS", so many seconds from now. The simulated user lives in UTC.
local function retrying(p, seconds)
  local time = math.floor(p.sim.now + p.sim.skew + seconds) % 86400
  return ("--retry-until=%02d:%02d:%02d"):format(time // HOUR, time % HOUR // 60, time % 60)
end

local function up(p, ...) return p:wait(p:start(line(...))) end

local function creates(p) return #p.judge.token_list end

-- Nothing that could be looked for: nothing else is rented, however long it is waited.
local function unseen(list)
  return function(p)
    p.judge.allow_two = true -- of the second start below, after the cloud hid the first machine
    p:fault { name = "create.answer_lost", mode = "drop" }
    p:fault { name = "create.slow_appear", seconds = 60, get = true }
    p.sim:at(p.cloud.create_at, function() p:fault { name = list, sticky = true } end)
    up(p, retrying(p, 2 * HOUR))
    must(p, creates(p) == 1, "S4", "%d creates left while the list was no answer (%s)", creates(p), list)
    p.world.faults:clear()
    p:pass(600)
    p:run "stop"
    must(p, #p.judge:open() == 0, "E2", "something bills after the stop")
  end
end

return {
  { name = "capacity comes while it is waited for", foreign = false, play = function(p)
    p:fault { name = "offers.empty", sticky = true }
    p.sim:at(1500, function() p.world.faults:clear() end)
    must(p, up(p, "--wait") == 0, "E3", "no machine although one could be had after a while")
    must(p, creates(p) == 1, "S4", "%d creates left", creates(p))
    p:run "stop"
  end },
  { name = "nothing comes until the time that was given", foreign = false, play = function(p)
    local began = p.sim.now
    p:fault { name = "offers.empty", sticky = true }
    must(p, up(p, retrying(p, HOUR)) == 4, "E3", "a wait in vain did not end as one")
    local took = p.sim.now - began
    must(p, took <= HOUR and took > HOUR - 400, "E3", "it ended after %.0f s", took)
  end },
  { name = "machines that fail, try after try", cloud = "vast", foreign = false, play = function(p)
    p:fault { name = "boot.exited", sticky = true }
    must(p, up(p, retrying(p, 1.5 * HOUR)) ~= 0, "E3", "a start of machines that fail is a success")
    must(p, creates(p) > 3, "E3", "%d machines were tried in an hour and a half", creates(p))
    must(p, #p.judge:open() == 0, "E2", "a machine that failed bills on")
  end },
  { name = "machines that fail are not what --wait is for", cloud = "vast", foreign = false,
    play = function(p)
      p:fault { name = "boot.exited", sticky = true }
      must(p, up(p, "--wait") ~= 0 and creates(p) == 3, "E3", "%d machines were tried", creates(p))
    end },
  { name = "an end that is not proven ends the tries", foreign = false, play = function(p)
    p:fault { name = "boot.exited", sticky = true }
    p:fault { name = "destroy.500", sticky = true }
    must(p, up(p, retrying(p, 2 * HOUR)) ~= 0 and creates(p) == 1, "S4",
      "%d creates left although an end was not proven", creates(p))
    p.world.faults:clear()
    p:pass(900)
    p:run "stop"
  end },
  { name = "nobody could look: a web page", foreign = false, play = unseen "list.html" },
  { name = "nobody could look: half a list", foreign = false, play = unseen "list.partial" },
  { name = "nobody could look: an error", foreign = false, play = unseen "list.500" },
  { name = "a lost machine shows between two tries", foreign = false, play = function(p)
    p.judge.allow_two = true -- while the cloud hides it
    p:fault { name = "create.answer_lost", mode = "drop" }
    p:fault { name = "create.slow_appear", seconds = 150, get = true }
    p:fault { name = "create.no_capacity", sticky = true, after = 1 }
    p.sim:at(200, function()
      p.judge.allow_two = false
      p.world.faults:clear "create.no_capacity"
      if p.cloud.restock then p.cloud.restock(p.world) end
    end)
    must(p, up(p, "--wait") == 0, "E3", "no machine although one could be had after a while")
    p:run "stop"
  end },
  { name = "a stop finds who waits", foreign = false, play = function(p)
    p:fault { name = "offers.empty", sticky = true }
    local waiting = p:start(line "--wait")
    p:pass(500)
    p:run "stop"
    p.world.faults:clear()
    p:wait(waiting)
    p:pass(HOUR)
    must(p, creates(p) == 0, "S4", "a create left after the stop")
  end },
  { name = "not READY within the time", foreign = false, play = function(p)
    local began = p.sim.now
    p:fault { name = "boot.stuck", sticky = true }
    must(p, up(p, "--ready-within=4m") ~= 0, "E3", "a machine that never comes up is READY")
    must(p, p.sim.now - began < 420, "E3", "it was given up after %.0f s", p.sim.now - began)
    must(p, #p.judge:open() == 0, "E2", "what was given up bills on")
    must(p, creates(p) == 1, "E3", "%d machines in a time that is enough for one", creates(p))
  end },
  { name = "no other machine is begun when little of the time is left", cloud = "vast", foreign = false,
    play = function(p)
      p:fault { name = "boot.exited", sticky = true }
      local code = up(p, "--ready-within=100s")
      must(p, code ~= 0 and creates(p) == 1, "E3", "%d machines were tried", creates(p))
    end },
  { name = "READY within the time", foreign = false, play = function(p)
    must(p, up(p, "--ready-within=1h") == 0, "E3", "not READY")
    p:run "stop"
  end },
}
