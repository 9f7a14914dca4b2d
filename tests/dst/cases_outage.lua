-- SPDX-License-Identifier: MIT
-- Outages that last for hours: of the cloud's API, of this computer's network, of both.
local bills = require "dst.bills"
local scenes = require "dst.scenes"

local HOURS = 3600

local function down(p) p:fault { name = "api.down", sticky = true } end

local function nothing_bills(p, why)
  local tokens = p.judge:open_tokens()
  if #tokens > 0 then p.judge:broken("E2", ("%s still bills %s"):format(tokens[1], why)) end
end

-- A stop that cannot be proven fails, and says so in capitals.
local function fails(p, code)
  if code ~= 1 then
    p.judge:broken("S2", "stop ended with " .. tostring(code) .. " although nothing could be proven")
  end
  if not (p.last.out .. p.last.err):find("MAY STILL", 1, true) then
    p.judge:broken("S2", "stop does not say that money may run")
  end
end

return {
  { name = "the API is down for 5 h when stop is typed", long = true, play = function(p)
    local ready = scenes.up(p)
    local token = p.judge.token_list[1]
    p:pass(1800)
    down(p)
    fails(p, p:run "stop")
    p:pass(5 * HOURS)
    p.world.faults:clear()
    p:pass(300)
    if ready == 0 then nothing_bills(p, "5 min after a cloud that was down for 5 h is back") end
    bills.capped(p, token, 5 * HOURS + 1800, 900, "the end of the outage")
    p:run "stop"
  end },
  { name = "the API is down when the life of the machine is over", long = true,
    settings = { "MAX_HOURS=2", "IDLE_MINUTES=off" }, play = function(p)
      scenes.up(p)
      local token = p.judge.token_list[1]
      p:pass(1800)
      p:kill_all()
      down(p)
      p:pass(6 * HOURS)
      p.world.faults:clear()
      p:pass(180)
      nothing_bills(p, "3 min after the outage, 4 h after its life was over")
      bills.capped(p, token, 6 * HOURS + 1800, 300, "the end of the outage")
      p:run "stop"
    end },
  { name = "the API is down for 5 h in use", long = true, settings = { "IDLE_MINUTES=off" },
    play = function(p)
      scenes.up(p)
      down(p)
      p:pass(5 * HOURS)
      p.world.faults:clear()
      p:pass(300)
      if #p.judge:open_tokens() ~= 1 then
        p.judge:broken("E3", "the machine in use was ended because its cloud could not be asked")
      end
      p:run "stop"
    end },
  { name = "this computer's network is down for 9 h in use", long = true, settings = { "IDLE_MINUTES=off" },
    play = function(p)
      scenes.up(p)
      local machine = scenes.ours(p)
      p.offline, machine.udp_blocked, machine.tcp_blocked = true, true, true
      p:pass(9 * HOURS)
      p.offline, machine.udp_blocked, machine.tcp_blocked = nil, nil, nil
      p:pass(300)
      if #p.judge:open_tokens() ~= 1 then
        p.judge:broken("E3", "the machine was ended after 9 of 10 h of silence")
      end
      p:pass(2 * HOURS)
      if #p.judge:open_tokens() ~= 1 then
        p.judge:broken("E3", "the machine was ended although it is in contact again")
      end
      p:run "stop"
    end },
  { name = "this computer's network is down for 11 h, stop is typed meanwhile", long = true,
    play = function(p)
      scenes.up(p)
      local token, machine = p.judge.token_list[1], scenes.ours(p)
      p.offline, machine.udp_blocked, machine.tcp_blocked = true, true, true
      p:pass(600)
      fails(p, p:run "stop")
      p:pass(11 * HOURS)
      nothing_bills(p, "after 11 h of silence")
      bills.capped(p, token, 10 * HOURS, 900, "10 h of silence")
      p.offline = nil
      p:pass(900)
      p:run "status"
      if p:run "stop" ~= 0 then
        p.judge:broken("E2",
          "nothing bills and everything works, and stop fails: " .. p.last.out .. p.last.err)
      end
    end },
  { name = "the API goes down for 3 h right after the create", play = function(p)
    local process = p:start(scenes.UP)
    p.sim:at(p.cloud.create_at + 3, function() down(p) end)
    p:wait(process)
    local token = p.judge.token_list[1]
    p:pass(3 * HOURS)
    p.world.faults:clear()
    p:pass(900)
    for _, other in ipairs(p.judge:open_tokens()) do
      if not p.judge:wanted(other) then
        p.judge:broken("E2", other .. " bills on after an outage, and nobody wants it")
      end
    end
    bills.capped(p, token, 3 * HOURS + 1800, 1800, "the end of the outage")
    p:run "stop"
  end },
  { name = "nothing can be asked for 3 h when a start is typed", play = function(p)
    p.offline = true
    local code = scenes.up(p)
    if code == 0 or #p.judge.token_list > 0 then p.judge:broken("S1", "a create left without a network") end
    p.offline = nil
  end },
}
