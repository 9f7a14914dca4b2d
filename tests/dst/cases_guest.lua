-- SPDX-License-Identifier: MIT
-- The guest is killed: what was sent to the machine starts it again, its record holds its limits, and when
-- its program is gone the machine's last resort ends it.
local bills = require "dst.bills"
local scenes = require "dst.scenes"

local HOUR = 3600
local BOUND = 300 -- boot and pull before a limit counts, the guard's first attempts

local function ready(p)
  if scenes.up(p) ~= 0 then p.judge:broken("E3", "no machine was had: " .. p.last.err) end
  local token, machine = p.judge.token_list[#p.judge.token_list], scenes.ours(p)
  return token, p.guests[machine.id]
end

local function over(p, token, limit, why)
  local _, open = bills.seconds(p, token)
  if open then
    return p.judge:broken("E1", ("%s bills on, and %s should have ended it"):format(token, why))
  end
  bills.capped(p, token, limit, BOUND, why)
end

local function lives(p, token, why)
  local _, open = bills.seconds(p, token)
  if not open then p.judge:broken("E3", ("%s was ended although %s"):format(token, why)) end
end

local function off(...) return { "DEADMAN_TIMEOUT_HOURS=off", "IDLE_MINUTES=off", "MAX_HOURS=off", ... } end

return {
  { name = "is killed every ten minutes, and this computer is dead", settings = off "MAX_HOURS=2",
    play = function(p)
      local token, guest = ready(p)
      p:kill_all()
      for i = 1, 13 do
        p:pass(600)
        guest:kill()
        if i == 11 then lives(p, token, "its 2 h were not over") end
      end
      over(p, token, 2 * HOUR, "2 h of life")
      p:run "stop"
    end },
  { name = "is killed while it ends its machine and its cloud is down", settings = off "IDLE_MINUTES=30",
    play = function(p)
      local token, guest = ready(p)
      p:kill_all()
      p:fault { name = "api.down", sticky = true }
      p:pass(1800 + 600)
      guest:kill()
      p:pass(HOUR)
      p.world.faults:clear()
      p:pass(BOUND)
      over(p, token, 1800 + 600 + HOUR, "the end of the outage")
      p:run "stop"
    end },
  { name = "is killed beside a client that works", settings = off "DEADMAN_TIMEOUT_HOURS=2",
    play = function(p)
      local token, guest = ready(p)
      for _ = 1, 6 do
        p:pass(1800)
        guest:kill()
      end
      p:pass(600)
      lives(p, token, "it was in contact all the while")
      p:run("status", "--output=json")
      if not p.last.out:find('"status":"ready"', 1, true) then
        p.judge:broken("E3", "status: " .. p.last.out)
      end
      p:run "stop"
    end },
  { name = "its program is gone, and this computer is dead", settings = off "MAX_HOURS=12", play = function(p)
    local token, guest = ready(p)
    p:pass(600)
    p:kill_all()
    guest:kill(true)
    p:pass(2 * HOUR)
    over(p, token, HOUR, "the machine's last resort")
    p:run "stop"
  end },
}
