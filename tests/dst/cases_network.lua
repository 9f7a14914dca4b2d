-- SPDX-License-Identifier: MIT
-- The user's own network: what its fault is costs no machine after the first one that shows it,
-- or the second where only that tells.
local bills = require "dst.bills"
local scenes = require "dst.scenes"

local SOON = 40 -- seconds

-- `up` ends without a machine after renting `count`, says `words`, and nothing is left.
local function ends(p, count, words)
  local code, said = scenes.up(p), p.last.out .. p.last.err
  if code ~= 5 then p.judge:broken("E3", ("`up` ended with %s: %s"):format(tostring(code), said)) end
  if #p.judge.token_list ~= count then
    p.judge:broken("S5",
      ("%d machines were rented, for a fault of the user's own network"):format(#p.judge.token_list))
  end
  if not said:find(words, 1, true) then p.judge:broken("E3", "the own network is not named: " .. said) end
  if #p.judge:open() > 0 then p.judge:broken("E2", "what could not be reached bills on") end
end

-- Every connection to a machine ends like this.
local function connecting(p, outcome)
  p.sim.connecting = function() return outcome end
end

-- The first tunnel over TCP that was opened; shaken: that had a handshake
local function carried_by_tcp(p, shaken)
  for _, each in ipairs(p.carried) do
    if each.by == "tcp" and (each.shaken or not shaken) then return each end
  end
end

-- A machine that is up is not waited for over UDP as long as one that may still boot.
local function soon_over_tcp(p)
  local tunnel, guest = carried_by_tcp(p, true), p.guest_order[#p.guest_order]
  if not p.cloud.tunnel and tunnel.shaken - guest.birth > SOON then
    p.judge:broken("E3", ("TCP served %.0f s after the machine was up"):format(tunnel.shaken - guest.birth))
  end
end

-- A network that eats UDP: the one machine that was rented is reached over TCP.
local function over_tcp(p)
  p.eaten = { udp = true }
  local code, said = scenes.up(p), p.last.out .. p.last.err
  if code ~= 0 then p.judge:broken("E3", "no machine was had without UDP: " .. said) end
  if #p.judge.token_list ~= 1 then p.judge:broken("S5", "another machine was rented before TCP was tried") end
  if not said:find("Tunnel up over TCP", 1, true) then p.judge:broken("E3", "nothing says TCP: " .. said) end
  local record = p.sim.disk[p.HOME .. "/journal"].data
  if not p.cloud.tunnel and not record:find('"carrier":"tcp"[^\n]*"kind":"moved".-"kind":"tunnelled"') then
    p.judge:broken("E3", "`up` did not record that the machine is reached over TCP")
  end
  soon_over_tcp(p)
end

-- The tunnel of this moment goes over TCP, and `status` says so.
local function stays_over_tcp(p, why)
  p:run("status", "--output=json")
  if not p.last.out:find('"carrier":%s*"tcp"') or not p.last.out:find('"state":%s*"connected"') then
    p.judge:broken("E3", ("the machine is not reached over TCP %s: %s"):format(why, p.last.out))
  end
end

-- A machine in use over UDP, whose network eats `carriers` from then on.
local function eaten_later(p, carriers)
  if scenes.up(p) ~= 0 then p.judge:broken("E3", "no machine was had: " .. p.last.err) end
  if carried_by_tcp(p) and not p.cloud.tunnel then
    p.judge:broken("E3", "TCP was tried although UDP gets through")
  end
  p.eaten = carriers
end

-- How often the log tells of a way that was found over TCP.
local function warnings(p)
  local count = 0
  for _, line in ipairs(p.sim.log) do
    if line.message:find("reached over TCP from now on", 1, true) then count = count + 1 end
  end
  return count
end

local function one_machine(p, why)
  if #p.judge.token_list ~= 1 then p.judge:broken("S5", "another machine was rented " .. why) end
  if #p.judge:open_tokens() ~= 1 then p.judge:broken("E3", "the machine was ended " .. why) end
end

local LATER = { "DEADMAN_TIMEOUT_HOURS=1", "IDLE_MINUTES=off", "MAX_HOURS=off" }

return {
  { name = "no way to any machine", play = function(p)
    p.no_way = true
    connecting(p, { nil, "connect: Network is unreachable", "route" })
    ends(p, 1, p.cloud.pushed and "this computer has no way to the machine"
      or "this computer does not send to the machine: Network is unreachable")
  end },
  { name = "no way for datagrams", cloud = "vast", play = function(p)
    p.no_way = true
    ends(p, 1, "this computer does not send to the machine: Network is unreachable")
  end },
  { name = "a network that eats UDP, and the agent dies", play = function(p)
    over_tcp(p)
    stays_over_tcp(p, "after READY")
    p:agent():kill()
    p:run "status"
    p:pass(60)
    stays_over_tcp(p, "by a new agent")
    p:run "stop"
  end },
  { name = "a network that eats UDP, and the machine's ports move", cloud = "vast",
    settings = { "DEADMAN_TIMEOUT_HOURS=1", "IDLE_MINUTES=off", "MAX_HOURS=off" }, play = function(p)
      over_tcp(p)
      p.cloud.happen(p.world, "remap", scenes.ours(p))
      p:pass(2 * 3600)
      if #p.judge:open_tokens() ~= 1 then
        p.judge:broken("E3", "the machine was lost sight of when its ports moved")
      end
      stays_over_tcp(p, "after its ports moved")
      p:run "stop"
    end },
  { name = "a network that eats UDP, and `up` is killed while TCP is tried", cloud = "vast",
    play = function(p)
      p.eaten = { udp = true, tcp = true }
      local process = p:start(scenes.UP)
      local function look()
        if carried_by_tcp(p) then return process:kill() end
        p.sim:at(1, look)
      end
      look()
      p:wait(process)
      if #p.judge.token_list ~= 1 or p.judge:open()[1] == nil then
        p.judge:broken("bug", "it was not killed beside its first machine")
      end
      p:pass(900)
      if #p.judge:open() > 0 then p.judge:broken("E2", "what was left while TCP was tried bills on") end
      if p:run "stop" ~= 0 then p.judge:broken("E2", "stop failed: " .. p.last.err) end
    end },
  { name = "a network that eats UDP from now on: the machine in use is reached over TCP, by itself",
    settings = LATER, play = function(p)
      eaten_later(p, { udp = true })
      p:pass(150)
      stays_over_tcp(p, "after its network changed")
      p:pass(2 * 3600)
      one_machine(p, "for a network that eats UDP")
      if #p.carried > 1 and p.carried[#p.carried] ~= carried_by_tcp(p) then
        p.judge:broken("E3", "the tunnel over TCP was given up for another one")
      end
      p:agent():kill()
      p:run "status"
      stays_over_tcp(p, "by a new agent")
      if warnings(p) ~= (p.cloud.tunnel and 0 or 1) then
        p.judge:broken("E4", ("it was told %d times that TCP serves"):format(warnings(p)))
      end
      if p:run "stop" ~= 0 then p.judge:broken("E2", "stop failed: " .. p.last.err) end
    end },
  { name = "a network that eats UDP from now on, and the home cannot be written", cloud = "lambda",
    settings = LATER, play = function(p)
      eaten_later(p, { udp = true })
      p.read_only = true
      p:pass(1800)
      stays_over_tcp(p, "by an agent that cannot record it")
      if warnings(p) ~= 1 then
        p.judge:broken("E4", ("it was told %d times that TCP serves"):format(warnings(p)))
      end
      p:heal()
      p:run "stop"
    end },
  { name = "a network that eats UDP from now on, while another agent is at the start", settings = LATER,
    play = function(p)
      eaten_later(p, { udp = true })
      p:kill_all()
      p:run "status"
      p:pass(120)
      stays_over_tcp(p, "by an agent that never heard it over UDP")
      one_machine(p, "for a network that eats UDP")
      p:run "stop"
    end },
  { name = "a network that eats everything for half an hour: nothing is ended, and UDP serves on",
    settings = LATER, play = function(p)
      eaten_later(p, nil)
      local machine = scenes.ours(p)
      machine.udp_blocked, machine.tcp_blocked = true, true
      p:pass(1800)
      one_machine(p, "within its silence")
      machine.udp_blocked, machine.tcp_blocked = nil, nil
      p:pass(120)
      p:run("status", "--output=json")
      if not p.last.out:find '"state":%s*"connected"' then
        p.judge:broken("E3", "it is not heard after the network is back: " .. p.last.out)
      end
      if not p.cloud.tunnel and carried_by_tcp(p) then
        p.judge:broken("E3", "TCP was tried where it was eaten, or where UDP was back")
      end
      p:pass(3600)
      one_machine(p, "although it is in contact again")
      p:run "stop"
    end },
  { name = "a network that forgets the flow of a socket: a fresh one serves, over UDP", cloud = "lambda",
    settings = LATER, play = function(p)
      eaten_later(p, nil)
      p.forgot = p.sim.now
      p:pass(150)
      p:run("status", "--output=json")
      if not p.last.out:find '"state":%s*"connected"' or carried_by_tcp(p) then
        p.judge:broken("E3", "UDP was not asked from a fresh socket: " .. p.last.out)
      end
      p:run "stop"
    end },
  { name = "this computer is not connected for half an hour: UDP serves on", settings = LATER,
    play = function(p)
      eaten_later(p, nil)
      p.no_way = true
      p:pass(1800)
      p.no_way = nil
      p:pass(120)
      if not p.cloud.tunnel and carried_by_tcp(p) then
        p.judge:broken("E3", "TCP was tried for a computer that is not connected")
      end
      p:run("status", "--output=json")
      if not p.last.out:find '"state":%s*"connected"' then
        p.judge:broken("E3", "it is not heard after the network is back: " .. p.last.out)
      end
      p:run "stop"
    end },
  { name = "a machine that takes connections and is silent over both: its silence ends it", settings = LATER,
    play = function(p)
      eaten_later(p, { udp = true })
      local token, machine = p.judge.token_list[1], scenes.ours(p)
      machine.tunnel_blocked = true
      p:pass(900)
      if not carried_by_tcp(p) then p.judge:broken("bug", "TCP was not tried") end
      one_machine(p, "within its silence")
      p:run "status"
      if not p.last.out:find "the guard's times are as of" then
        p.judge:broken("E3", "what the guard said last is forgotten: " .. p.last.out)
      end
      p:pass(3600 - 900 + 900 + 300)
      bills.capped(p, token, 3600 + 900, 300, "an hour of silence")
      if #p.judge:open() > 0 then p.judge:broken("E2", "it bills on after an hour of silence") end
      p:run "stop"
    end },
  { name = "a machine that takes connections and is silent over both for a while: UDP serves on",
    cloud = "vast", settings = LATER, play = function(p)
      eaten_later(p, nil)
      local machine = scenes.ours(p)
      machine.tunnel_blocked = true
      p:pass(900)
      machine.tunnel_blocked, p.eaten = nil, { tcp = true }
      p:pass(120)
      p:run("status", "--output=json")
      if not p.last.out:find '"state":%s*"connected"' or not p.last.out:find '"carrier":%s*"udp"' then
        p.judge:broken("E3", "it is not heard over UDP: " .. p.last.out)
      end
      p:run "stop"
    end },
  { name = "a network that eats UDP from now on, and the machine's ports move", cloud = "vast",
    settings = LATER, play = function(p)
      eaten_later(p, { udp = true })
      p.cloud.happen(p.world, "remap", scenes.ours(p))
      p:pass(300)
      stays_over_tcp(p, "after its ports moved")
      p:pass(2 * 3600)
      one_machine(p, "that moved")
      p:run "stop"
    end },
  { name = "a network that eats every tunnel", play = function(p)
    p.eaten = { udp = true, tcp = true }
    ends(p, 2, ("2 machines in a row gave no tunnel handshake over %s; your own network probably blocks %s")
      :format(p.cloud.tunnel or "UDP and TCP", p.cloud.tunnel or "UDP and TCP"))
  end },
  { name = "a network that wants a login answers in the machine's place", cloud = "vast", play = function(p)
    p.sim.connecting = function()
      local mine, theirs = p.sim.pair_of()
      theirs:write "HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n"
      return { mine }
    end
    ends(p, 1, "something in your own network answers in the machine's place (HTTP/1.1 302 Found)")
  end },
  { name = "ports of machines are blocked", cloud = "vast", play = function(p)
    connecting(p, { nil, "connect to 127.0.0.1: nothing within 10s", "timeout" })
    ends(p, 2, "2 machines in a row did not take the guard program; your own network probably blocks "
      .. "connections to ports like")
  end },
  { name = "the network is gone for a moment while the guard is delivered", cloud = "vast", play = function(p)
    connecting(p, { nil, "connect: Network is unreachable", "route" })
    p.sim:at(40, function() p.sim.connecting = nil end)
    if scenes.up(p) ~= 0 then
      p.judge:broken("E3", "a network that was gone for a moment ended a start: " .. p.last.err)
    end
    if #p.judge.token_list ~= 1 then p.judge:broken("E3", "it cost a machine") end
    p:run "stop"
  end },
  { name = "the cloud cannot be asked any more while the machine boots", play = function(p)
    p:fault { name = "boot.stuck" }
    local process = p:start(scenes.UP)
    p.sim:at(p.cloud.create_at + 20, function() p.offline = true end)
    p.sim:at(p.cloud.create_at + 20 + 2 * 3600, function() p.offline = nil end)
    p:wait(process)
    if #p.judge.token_list ~= 1 then
      p.judge:broken("S5", "another machine was rented while the cloud could not be asked")
    end
    p:pass(3 * 3600)
    p:run "status"
    p:pass(600)
    if #p.judge:open() > 0 then p.judge:broken("E2", "the machine that nobody could ask about bills on") end
    p:run "stop"
  end },
}
