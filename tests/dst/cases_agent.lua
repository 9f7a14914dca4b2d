-- SPDX-License-Identifier: MIT
-- The process that stays: what it ends from here, and what it leaves alone (DESIGN §1.13).
local bills = require "dst.bills"
local plays = require "dst.play"
local scenes = require "dst.scenes"

local HOUR, OVERDUE, ENDING = 3600, 900, 300
local BOUND = 300 -- boot and pull before the limit counts, two looks, the proof

local function with(...) return { "IDLE_MINUTES=off", "DEADMAN_TIMEOUT_HOURS=off", "MAX_HOURS=off", ... } end

-- → token, the cloud's machine, its guest
local function ready(p)
  if scenes.up(p) ~= 0 then p.judge:broken("E3", "no machine was had: " .. p.last.err) end
  local machine = scenes.ours(p)
  return p.judge.token_list[#p.judge.token_list], machine, p.guests[machine.id]
end

-- Its guard has no key that its cloud takes any more.
local function powerless(guest) guest:spoil() end

local function over(p, token, limit, why)
  local _, open = bills.seconds(p, token)
  if open then
    return p.judge:broken("E2", ("%s bills on, and %s should have ended it from here"):format(token, why))
  end
  bills.capped(p, token, limit, BOUND, why)
end

local function lives(p, token, why)
  local _, open = bills.seconds(p, token)
  if not open then p.judge:broken("E3", ("%s was ended although %s"):format(token, why)) end
end

-- This computer is on for ten minutes of every hour: each time somebody looks, and the agent is another one.
local function off_and_on(p, hours)
  for _ = 1, hours do
    p:run "status"
    p:pass(600)
    p:kill_all()
    p:pass(HOUR - 600)
  end
end

-- What the cloud shows of a machine, for a while; the machine itself runs on.
local function shown_as(p, machine, seconds, fields)
  local before = {}
  for name, value in pairs(fields) do before[name], machine[name] = machine[name], value end -- order: free
  p:pass(seconds)
  for name in pairs(fields) do machine[name] = before[name] end -- order: free
end

local STOPPED = { actual = "stopped", intended = "stopped", current = "stopped", next = "stopped" }

-- Was there a CRITICAL alert that tells of this?
local function critical(p, text)
  for _, line in ipairs(p.sim.log) do
    if line.message:find("CRITICAL: ", 1, true) and line.message:find(text, 1, true) then
      return true
    end
  end
  return false
end

local function must(p, condition, invariant, what)
  if not condition then p.judge:broken(invariant, what) end
end

-- The account's key is changed while a machine is in use; the old one is refused,
-- also to a guard that holds it.
local function rotated(p, guest)
  p:rotate()
  powerless(guest)
end

local function record(p, name) return p.sim.disk[p.HOME .. "/" .. name] end

-- The agent lives while the record of its machine is taken away (or put back to what `back` holds): it is
-- there again, and its limits hold.
local function forgotten(p, back)
  local token, _, guest = ready(p)
  powerless(guest)
  for _, name in ipairs { "journal", "history", ".continueplz.state" } do
    p.sim.disk[p.HOME .. "/" .. name] = back and back[name] or nil
  end
  p.judge:forgets()
  p:pass(180)
  must(p, record(p, "journal") and record(p, "journal").data:find(token, 1, true), "E2",
    "an agent that saw a session forgot it")
  p:run("status", "--output=json")
  must(p, p.last.out:find('"status":"ready"', 1, true) and p.last.out:find('"money_running":true', 1, true),
    "E3", "status: " .. p.last.out)
  p:pass(1800 + ENDING + BOUND - 180)
  over(p, token, 1800 + ENDING, "an agent that does not forget")
  must(p, p:run "stop" == 0, "E2", "a stop after everything was over did not prove it")
end

-- A stop that asked the agent, got no acknowledged end, and was killed before it wrote anything down.
local function asked_and_killed(p)
  for at = 1, 30 do
    local play = plays.new { seed = 1, cloud = p.name, foreign = false,
      settings = with "MAX_HOURS=5" }
    local token = ready(play)
    play:fault { name = "destroy.500", count = 1 }
    play.aim = { name = "stop", at = at, how = "after" }
    play:run "stop"
    play:pass(2)
    local asked = false
    for _, line in ipairs(play.sim.log) do
      asked = asked or line.message:find("Terminate sent for a stop", 1, true)
    end
    if asked and play.judge:wanted(token) then
      play:pass(HOUR)
      local _, open = bills.seconds(play, token)
      if open then
        p.judge:broken("E2", "the agent does not finish a stop that asked it and was cut off")
      end
      return
    end
    play:kill_all()
  end
  p.judge:broken("E3", "no stop was cut off between its question and its record")
end

return {
  { name = "the journal is deleted beside the agent", settings = with "IDLE_MINUTES=30", play = function(p)
    forgotten(p)
  end },
  { name = "the home is put back to before the rent beside the agent", settings = with "IDLE_MINUTES=30",
    play = function(p)
      ready(p)
      p:run "stop"
      local back = {}
      for _, name in ipairs { "journal", "history", ".continueplz.state" } do back[name] = record(p, name) end
      forgotten(p, back)
    end },
  { name = "a disk that takes no writes, and a limit is over", settings = with "IDLE_MINUTES=30",
    play = function(p)
      local token, _, guest = ready(p)
      powerless(guest)
      p.read_only = true
      p:pass(1800 + ENDING + BOUND)
      over(p, token, 1800 + ENDING, "an agent that cannot write")
      p:pass(1800)
      local warned = 0
      for _, line in ipairs(p.sim.log) do
        warned = warned + (line.message:find("cannot; it is ended from here", 1, true) and 1 or 0)
      end
      must(p, warned == 1, "E4", ("it was told %d times that the machine is ended"):format(warned))
      p:heal()
      p:pass(300)
      must(p, p:run "stop" == 0, "E2", "a stop after everything was over did not prove it")
    end },
  { name = "the key is changed in .env while a machine is in use", settings = with "IDLE_MINUTES=30",
    play = function(p)
      local token, _, guest = ready(p)
      rotated(p, guest)
      p:pass(1800 + ENDING + BOUND)
      over(p, token, 1800 + ENDING, "an agent that read the new key")
      must(p, not critical(p, "The key is refused"), "E4",
        "an agent that read the new key in time says that it is blind")
      must(p, p:run "stop" == 0, "E2", "a stop with the account's new key did not prove the end")
    end },
  { name = "the key is changed, and this computer is off since", settings = with "MAX_HOURS=5",
    cloud = "lambda", play = function(p)
      local token, _, guest = ready(p)
      rotated(p, guest)
      p:pass(180)
      p:kill_all()
      p:pass(5 * HOUR + BOUND)
      over(p, token, 5 * HOUR, "a guard that was given the new key")
    end },
  { name = "the key is changed, and nobody but stop uses the new one", settings = with "MAX_HOURS=5",
    play = function(p)
      local token, _, guest = ready(p)
      p:kill_all()
      rotated(p, guest)
      must(p, p:run "stop" == 0, "E2", "a stop with the account's new key did not prove the end")
      over(p, token, 600, "stop")
    end },
  { name = "the key is changed and the record lost", settings = with "MAX_HOURS=5", play = function(p)
    ready(p) -- so that the account is known from the history
    p:run "stop"
    local _, _, guest = ready(p)
    p:kill_all()
    rotated(p, guest)
    p.sim.disk[p.HOME .. "/journal"] = nil
    p.judge:forgets()
    must(p, p:run "stop" == 0, "E2", "a stop with the account's new key did not find what runs")
  end },
  { name = "the key is refused, and no other one is in .env", settings = with "MAX_HOURS=5",
    play = function(p)
      local token, _, guest = ready(p)
      rotated(p, guest)
      p:old_key()
      p:pass(600)
      must(p, critical(p, "The key is refused"), "E4",
        "an agent that is refused for ten minutes tells nobody")
      lives(p, token, "nobody asked for its end")
      p:heal()
      p:pass(180)
      p:run "stop"
    end },
  { name = "the cloud does not answer for an hour", settings = with "MAX_HOURS=5", play = function(p)
    local token = ready(p)
    p:fault { name = "api.down", sticky = true }
    p:pass(600)
    must(p, not critical(p, "cannot be asked"), "E4", "ten minutes without an answer are CRITICAL")
    p:pass(3000)
    must(p, critical(p, "cannot be asked"), "E4", "an agent that sees nothing for an hour tells nobody")
    p:heal()
    lives(p, token, "nobody asked for its end")
    p:run "stop"
  end },
  { name = "a guard that is ending its machine and cannot", settings = with "IDLE_MINUTES=30",
    play = function(p)
      local token, _, guest = ready(p)
      powerless(guest)
      p:pass(1800 + ENDING + BOUND)
      over(p, token, 1800 + ENDING, "a guard that cannot")
      p:run "stop"
    end },
  { name = "a guard that was ending its machine when the tunnel died", settings = with "IDLE_MINUTES=30",
    play = function(p)
      local token, machine, guest = ready(p)
      powerless(guest)
      p:pass(1800 + 90)
      machine.udp_blocked, machine.tcp_blocked = true, true
      p:kill_all()
      p:run "status"
      p:pass(ENDING + BOUND)
      over(p, token, 1800 + ENDING, "a guard that cannot")
      p:run "stop"
    end },
  { name = "a silent machine, this computer is mostly off", settings = with "DEADMAN_TIMEOUT_HOURS=2",
    play = function(p)
      local token, machine, guest = ready(p)
      powerless(guest)
      machine.udp_blocked, machine.tcp_blocked = true, true
      p:kill_all()
      off_and_on(p, 4)
      over(p, token, 3 * HOUR + 600, "2 h of silence")
      p:run "stop"
    end },
  { name = "life is over and the machine silent", settings = with "MAX_HOURS=2", play = function(p)
    local token, machine, guest = ready(p)
    powerless(guest)
    machine.udp_blocked, machine.tcp_blocked = true, true
    p:pass(2 * HOUR + OVERDUE + BOUND)
    over(p, token, 2 * HOUR + OVERDUE, "2 h of life")
    p:run "stop"
  end },
  { name = "life is over and the machine silent, this computer is mostly off", settings = with "MAX_HOURS=2",
    play = function(p)
      local token, machine, guest = ready(p)
      powerless(guest)
      machine.udp_blocked, machine.tcp_blocked = true, true
      p:kill_all()
      off_and_on(p, 4)
      over(p, token, 3 * HOUR + 600, "2 h of life")
      p:run "stop"
    end },
  { name = "stepped clocks and a machine that answers",
    settings = with("MAX_HOURS=5", "DEADMAN_TIMEOUT_HOURS=2"), play = function(p)
      local token, machine = ready(p)
      for _, years in ipairs { 10, -20, 11 } do
        p.sim:jump(years * 365.25 * 86400)
        p:pass(900)
        p:kill_all()
        p.sim:jump(years * 365.25 * 86400)
        machine.udp_blocked, machine.tcp_blocked = true, true
        p:run "status"
        p:pass(100) -- until the tunnel is there
        machine.udp_blocked, machine.tcp_blocked = nil, nil
        p:pass(800)
      end
      lives(p, token, "it answered all the while")
      p:run "stop"
    end },
  { name = "the cloud calls it stopped once", cloud = "vast", settings = with "MAX_HOURS=5",
    play = function(p)
      local token, machine = ready(p)
      machine.udp_blocked, machine.tcp_blocked = true, true
      shown_as(p, machine, 60, STOPPED)
      p:pass(300)
      lives(p, token, "one reading said that it is stopped")
      machine.udp_blocked, machine.tcp_blocked = nil, nil
      p:run "stop"
    end },
  { name = "the cloud calls it stopped for long, and it answers", cloud = "vast",
    settings = with "MAX_HOURS=5", play = function(p)
      local token, machine = ready(p)
      shown_as(p, machine, 1800, STOPPED)
      lives(p, token, "it answers")
      p:run "stop"
    end },
  { name = "it exited and is started again", cloud = "vast", settings = with "MAX_HOURS=5", play = function(p)
    local token, machine = ready(p)
    machine.udp_blocked, machine.tcp_blocked = true, true
    shown_as(p, machine, 200, { actual = "exited" })
    machine.udp_blocked, machine.tcp_blocked = nil, nil
    p:pass(300)
    lives(p, token, "it was being started again")
    p:run "stop"
  end },
  { name = "it exited and is not started again", cloud = "vast", settings = with "MAX_HOURS=5",
    play = function(p)
      local token, machine = ready(p)
      p.cloud.happen(p.world, "exited", machine)
      p:pass(600)
      over(p, token, 600, "its end")
      p:run "stop"
    end },
  { name = "a stop that asked it is cut off before it writes", foreign = false, play = asked_and_killed },
}
