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
