-- SPDX-License-Identifier: MIT
-- Every kind of fault of the simulated clouds, each in a history of its own: it really happens, everybody
-- survives it, and afterwards one `stop` ends with nothing that bills.
local faults = require "cloudsim.faults"
local kinds = require "dst.safety_kinds"
local plays = require "dst.play"
local scenes = require "dst.scenes"
local sorted = require "base.sorted"

-- What a kind needs besides its name.
local MORE = {
  ["create.slow_appear"] = { seconds = 30, get = true }, ["boot.slow"] = { seconds = 300 },
  ["spot.outbid"] = { seconds = 120 }, ["spot.resume"] = { seconds = 60 },
  ["destroy.accepted_not_done"] = { count = 1 }, ["boot.unhealthy"] = { seconds = 20 },
}

local function fired(p, name)
  for _, each in ipairs(p.world.faults.fired) do
    if each == name then return true end
  end
  return false
end

local function order(p, name)
  local wanted = { name = name, count = 2 }
  for key, value in sorted(MORE[name] or {}) do wanted[key] = value end
  if name == "spot.resume" then p:fault { name = "spot.outbid", seconds = 60 } end
  p:fault(wanted)
end

local function one(cloud, name)
  local p = plays.new { seed = 1, cloud = cloud, foreign = false }
  order(p, name)
  scenes.up(p)
  p:pass(300)
  p:run "status"
  p:run "stop"
  p:pass(60)
  if not fired(p, name) then p.judge:broken("bug", "the fault never happened") end
  p.world.faults:clear()
  local code = p:run "stop"
  p:pass(900)
  -- as it must be for an hour
  local honest = code == 1 and (p.last.out .. p.last.err):find("was never answered", 1, true)
  if code ~= 0 and not honest then
    p.judge:broken("E2", ("stop ended with %s: %s%s"):format(tostring(code), p.last.out, p.last.err))
  end
  if #p.judge:open() > 0 then p.judge:broken("E2", "something bills when all is over") end
  p.judge:finish()
  return p.judge:verdict()
end

return {
  { name = "each happens, and is survived", play = function(p)
    for name in sorted(faults.names) do
      local played = not kinds.not_at[p.name][name] and not kinds.elsewhere[name]
      local verdict = played and one(p.name, name)
      if verdict then p.judge:broken(verdict:match("^%w+"), ("%s: %s"):format(name, verdict)) end
    end
  end },
}
