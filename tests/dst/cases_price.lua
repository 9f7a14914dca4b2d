-- SPDX-License-Identifier: MIT
-- What is bid and paid against what was planned, and accounts with little credit.
local scenes = require "dst.scenes"

local function rented(p) return #p.judge.token_list end

return {
  { name = "the cloud makes it dearer than shown", play = function(p)
    p:fault { name = "create.price_changed", factor = 1.5 }
    scenes.up(p)
    p:pass(300)
    p:run "stop"
  end },
  { name = "the cloud makes every one dearer than shown", play = function(p)
    p:fault { name = "create.price_changed", factor = 1.5, sticky = true }
    if scenes.up(p) == 0 then
      p.judge:broken("S5", "READY on a machine that costs half as much again as was agreed")
    end
    p:pass(300)
    if #p.judge:open() > 0 then p.judge:broken("E2", "a machine that was too dear bills on") end
  end },
  { name = "no credit for the first hour", cloud = "vast", credit = 0.12, play = function(p)
    if scenes.up(p) == 0 or rented(p) > 0 then
      p.judge:broken("S5", "a machine was rented by an account that cannot pay its first hour")
    end
    if not p.last.err:find("credit", 1, true) then
      p.judge:broken("S2", "nobody said that the credit is what lacks: " .. p.last.err)
    end
  end },
  { name = "the credit runs out in use", cloud = "vast", play = function(p)
    scenes.up(p)
    p:pass(1200)
    p.cloud.happen(p.world, "stopped", scenes.ours(p)) -- what Vast does then: the disk bills on
    p:pass(600)
    if #p.judge:open() > 0 then p.judge:broken("E2", "a machine that its cloud stopped bills its disk on") end
    p:run "status"
  end },
}
