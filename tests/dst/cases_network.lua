-- SPDX-License-Identifier: MIT
-- The user's own network: what its fault is costs no machine after the first one that shows it,
-- or the second where only that tells.
local scenes = require "dst.scenes"

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

-- A network that eats UDP: the one machine that was rented is reached over TCP.
local function over_tcp(p)
  p.eaten = { udp = true }
  local code, said = scenes.up(p), p.last.out .. p.last.err
  if code ~= 0 then p.judge:broken("E3", "no machine was had without UDP: " .. said) end
  if #p.judge.token_list ~= 1 then p.judge:broken("S5", "another machine was rented before TCP was tried") end
  if not said:find("Tunnel up over TCP", 1, true) then p.judge:broken("E3", "nothing says TCP: " .. said) end
end

-- The tunnel of this moment goes over TCP, and `status` says so.
local function stays_over_tcp(p, why)
  p:run("status", "--output=json")
  if not p.last.out:find('"carrier":%s*"tcp"') or not p.last.out:find('"state":%s*"connected"') then
    p.judge:broken("E3", ("the machine is not reached over TCP %s: %s"):format(why, p.last.out))
  end
end

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
      local process, journal = p:start(scenes.UP), p.HOME .. "/journal"
      local function look()
        if p.sim.disk[journal] and p.sim.disk[journal].data:find('"moved"', 1, true) then
          return process:kill()
        end
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
