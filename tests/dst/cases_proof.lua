-- SPDX-License-Identifier: MIT
-- What proves that a machine is gone, and that one which cannot be ended does not keep the others.
local scenes = require "dst.scenes"

-- A cloud that acknowledges and does not destroy. Each look asks for the machine once and for the list twice.
local function looks(p, ...)
  p:fault { name = "destroy.accepted_not_done", sticky = true }
  local before = 0
  for _, hidden in ipairs { ... } do
    if hidden then
      p:fault { name = "list.empty", after = before * 2, count = 2 }
      p:fault { name = "get.false_null", after = before, count = 1 }
    else
      before = before + 1
    end
  end
end

local function unproven(p)
  if p:run "stop" ~= 1 then p.judge:broken("S2", "stop did not fail although the machine bills") end
end

local function hidden(...)
  local list = { ... }
  return function(p)
    scenes.up(p)
    looks(p, table.unpack(list))
    unproven(p)
    p.world.faults:clear()
    p:pass(900)
    if #p.judge:open() > 0 then p.judge:broken("E2", "it bills on although the cloud works again") end
  end
end

-- A second session: a create whose answer was lost and whose machine showed late.
-- destroy of the first never works.
local function two(first_fails)
  return function(p)
    p.judge.allow_two = true
    p:fault { name = "create.answer_lost", mode = "drop" }
    p:fault { name = "create.slow_appear", seconds = 200, get = true }
    scenes.up(p)
    p:pass(10)
    local agent = p:agent()
    if agent then agent:kill() end
    p:pass(300)
    local one, other = p.judge.token_list[1], p.judge.token_list[2]
    local bad = first_fails and one or other
    p:fault { name = "destroy.500", sticky = true, match = { label = bad } }
    unproven(p)
    for _, token in ipairs(p.judge:open_tokens()) do
      if token ~= bad then
        p.judge:broken("E2", ("%s bills on because %s could not be ended"):format(token, bad))
      end
    end
    p.world.faults:clear()
    p:run "stop"
    if #p.judge:open() > 0 then p.judge:broken("E2", "something bills although the cloud works again") end
  end
end

return {
  { name = "absent, there, absent", play = hidden(true, false, true) },
  { name = "absent, there, absent, there, absent", play = hidden(true, false, true, false, true) },
  { name = "there, absent", play = hidden(false, true) },
  { name = "of two machines the first cannot be ended", play = two(true) },
  { name = "of two machines the second cannot be ended", play = two(false) },
}
