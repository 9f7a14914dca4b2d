-- SPDX-License-Identifier: MIT
-- What goes on when nobody types anything any more, and a machine that is slow to show to whoever rented it.
local scenes = require "dst.scenes"

local OFF = { "IDLE_MINUTES=off", "DEADMAN_TIMEOUT_HOURS=off", "MAX_HOURS=off" }

local function must(p, condition, invariant, what)
  if not condition then p.judge:broken(invariant, what) end
end

local function told(p, text)
  for _, line in ipairs(p.sim.log) do
    if line.message:find("CRITICAL: " .. text, 1, true) then return true end
  end
  return false
end

-- The cloud takes no destroy of `bad` while stop is typed, and works again later.
local function unproven_and_left(p, bad)
  p:fault { name = "destroy.500", sticky = true, match = { label = bad } }
  must(p, p:run "stop" == 1, "S2", "stop did not fail although a machine bills")
  must(p, told(p, "Could not verify billing stopped"), "E4", "an end that was not proven is told nobody")
  p:pass(300)
  p.world.faults:clear()
  p:pass(900)
  must(p, #p.judge:open() == 0, "E2", "it bills on although the cloud works again and the agent knows of it")
end

return {
  { name = "nobody types anything after a stop that was not proven", settings = OFF, play = function(p)
    scenes.up(p)
    unproven_and_left(p, p.judge.token_list[1])
  end },
  { name = "nobody types anything after a stop that proved one end of two", settings = OFF, play = function(p)
    p.judge.allow_two = true
    p:fault { name = "create.answer_lost", mode = "drop" }
    p:fault { name = "create.slow_appear", seconds = 200, get = true }
    scenes.up(p)
    p:pass(10)
    local agent = p:agent()
    if agent then agent:kill() end
    p:pass(300)
    unproven_and_left(p, p.judge.token_list[1])
  end },
  { name = "nobody types anything after a start that could not be undone", settings = OFF, play = function(p)
    p:fault { name = "create.price_changed", factor = 1.5, sticky = true }
    p:fault { name = "destroy.500", sticky = true }
    must(p, scenes.up(p) ~= 0, "S5", "a machine that is dearer than agreed is ready")
    p:pass(300)
    p.world.faults:clear()
    p:pass(900)
    must(p, #p.judge:open() == 0, "E2", "it bills on although the cloud works again and its record is there")
  end },
  { name = "a lie of a minute, and destroy is refused", settings = OFF, play = function(p)
    scenes.up(p)
    p:fault { name = "destroy.500", sticky = true }
    p:fault { name = "list.empty", sticky = true }
    p:fault { name = "get.false_null", sticky = true }
    p.sim:at(65, function()
      p.world.faults:clear()
      p:fault { name = "destroy.500", sticky = true }
    end)
    must(p, p:run "stop" == 1, "S2", "stop did not fail although the machine bills")
    p:pass(30) -- a stop that no list could deceive ends before the lie
    p.world.faults:clear()
    p:pass(900)
    must(p, #p.judge:open() == 0, "E2", "it bills on although the cloud works again")
  end },
  { name = "the journal is deleted, and the list hides the machine once", settings = OFF, play = function(p)
    scenes.up(p)
    p:kill_all()
    p.sim.disk[p.HOME .. "/journal"] = nil
    p.judge:forgets()
    p:fault { name = "list.empty", count = 1 }
    p:run "stop" -- the judge says whether what it said was true
    p:run "stop"
    must(p, #p.judge:open() == 0, "E2", "it bills on although two stops looked for it")
  end },
  { name = "what a stop could not remove, the next stop does at once", cloud = "lambda", play = function(p)
    scenes.up(p)
    p:fault { name = "api.down", sticky = true, match = { path = "/firewall%-rulesets/%w" } }
    p:run "stop"
    must(p, #p.judge:leftovers() == 1, "E3",
      #p.judge:leftovers() .. " things were left behind, and one was to be")
    p.world.faults:clear()
    must(p, p:run "stop" == 0, "E2", "the next stop failed: " .. p.last.err)
    must(p, #p.judge:leftovers() == 0, "E5", "the next stop left behind what the cloud would have removed")
  end },
  { name = "a machine shows forty seconds after its create", play = function(p)
    p:fault { name = "create.slow_appear", seconds = 40, get = true }
    must(p, scenes.up(p) == 0, "E3", "no machine was had: " .. p.last.err)
    local rented = #p.judge.token_list
    must(p, rented == 1, "E3", ("%d machines were rented for one that was slow to show"):format(rented))
  end },
}
