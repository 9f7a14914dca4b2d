-- SPDX-License-Identifier: MIT
-- S7: what is said about one machine does not reach another.
local scenes = require "dst.scenes"

-- A create whose answer is lost and whose machine shows only after `seconds`;
-- the start goes on with another machine.
local function late_twin(p, seconds)
  p.judge.allow_two = true -- the cloud hides the first one: nobody can know of it before
  p:fault { name = "create.answer_lost", mode = "drop" }
  p:fault { name = "create.slow_appear", seconds = seconds, get = true }
  if scenes.up(p) ~= 0 then
    p.judge:broken("E3", "no machine was had although only one answer was lost: " .. p.last.err)
  end
end

-- At the end one machine serves, the one that was said to be ready, and nothing else bills.
local function one_serves(p)
  local tokens, judge = p.judge:open_tokens(), p.judge
  if #tokens ~= 1 or not judge:wanted(tokens[1]) then
    return judge:broken("S7",
      ("%d machines bill instead of the one in use: %s"):format(#tokens, table.concat(tokens, " ")))
  end
  for _, row in ipairs(judge:open()) do
    if row.kind == "gpu" and not p.cloud.find(p.world, row.id).process then
      judge:broken("S7", "the machine in use does not run any more")
    end
  end
end

return {
  { name = "a lost create shows late, and its destroy fails once", play = function(p)
    late_twin(p, 400)
    p:fault { name = "destroy.500" }
    p:pass(900)
    one_serves(p)
    p:run "stop"
  end },
  { name = "a lost create shows late while the cloud's API takes no destroy for an hour",
    settings = { "IDLE_MINUTES=off" }, play = function(p)
      late_twin(p, 400)
      p:fault { name = "destroy.500", sticky = true }
      p:pass(3000)
      p.world.faults:clear()
      p:pass(900)
      one_serves(p)
      p:run "stop"
    end },
  { name = "stop of a machine that was replaced", play = function(p)
    scenes.up(p)
    local old = p.judge.token_list[1]
    p:run "stop"
    scenes.up(p)
    p:pass(300)
    one_serves(p)
    if p.judge:open_tokens()[1] == old then
      p.judge:broken("S4", "the token of a machine that is over was used again")
    end
    p:run "stop"
  end },
  { name = "an agent that slept while its machine was replaced", play = function(p)
    scenes.up(p)
    local agent = p:agent()
    agent.state = "suspended" -- as by SIGSTOP
    p:run "stop"
    scenes.up(p)
    p:pass(120)
    if agent.state == "suspended" then agent.state = "waiting" end
    p:pass(600)
    one_serves(p)
    p:run "stop"
  end },
}
