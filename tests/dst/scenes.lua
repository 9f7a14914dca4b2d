-- SPDX-License-Identifier: MIT
-- The base scenarios whose every crash point is tried. prepare(p) brings the world to where the interest
-- begins, act(p) is what is cut off; `aim` names the process that is killed.
local UP = { "up", "--cheapest", "-y", "--model=qwen3-coder:30b" }

local function up(p) return p:wait(p:start(UP)) end

local function ours(p)
  for _, instance in ipairs(p.cloud.each(p.world)) do
    if p.judge.tokens[p.cloud.label(instance) or ""] then return instance end
  end
end

local function nothing() end

-- seconds, or a function(p) → seconds
local function stop_after(seconds)
  return function(p)
    local first, second, over = p:start(UP), nil, false
    p.sim:at(type(seconds) == "function" and seconds(p) or seconds, function()
      if not over then second = p:start { "stop" } end
    end)
    p:wait(first)
    over = true
    if second then p:wait(second) end
  end
end

-- A start that died while its create was on the way; the machine shows late,
-- and meanwhile the clock is stepped.
local function cut_off(years)
  return function(p)
    p:fault { name = "create.answer_lost", mode = "hang" }
    p:fault { name = "create.slow_appear", seconds = 50, get = true }
    local process = p:start(UP)
    p.sim:at(0.94 + p.cloud.create_at, function() process:kill() end)
    p:wait(process)
    p.sim:jump(years * 365.25 * 86400)
  end
end

-- A destroy that is acknowledged and not done, and answers that make the machine look gone.
local function lied_to(...)
  local lies = { ... }
  return function(p)
    up(p)
    p:fault { name = "destroy.accepted_not_done", count = 1 }
    for _, lie in ipairs(lies) do p:fault(lie) end
  end
end

local scenes = {
  { name = "up", aim = "up", prepare = nothing, act = up },
  { name = "up with two machines that fail", aim = "up",
    prepare = function(p) p:fault { name = "boot.exited", count = 2 } end, act = up },
  { name = "up with a lost answer to the create", aim = "up",
    prepare = function(p) p:fault { name = "create.answer_lost", mode = "drop" } end, act = up },
  { name = "up with a machine that shows late", aim = "up",
    prepare = function(p)
      p:fault { name = "create.answer_lost", mode = "drop" }
      p:fault { name = "create.slow_appear", seconds = 40, get = true }
    end, act = up },
  { name = "up with two machines from one create", aim = "up",
    prepare = function(p)
      p.judge.sees_twins = true
      p:fault { name = "create.twice" }
    end, act = up },
  { name = "up, the agent is killed", aim = "agent", prepare = nothing, act = up },
  { name = "stop", aim = "stop", prepare = up, act = function(p) p:run "stop" end },
  { name = "stop while destroy answers 500", aim = "stop",
    prepare = function(p)
      up(p)
      p:fault { name = "destroy.500", count = 2 }
    end, act = function(p) p:run "stop" end },
  { name = "stop while the machine boots", aim = "stop", prepare = nothing, act = stop_after(12) },
  { name = "stop while the machine boots, up is killed", aim = "up", prepare = nothing,
    act = stop_after(12) },
  { name = "stop while the create is on its way", aim = "up", prepare = nothing, act = stop_after(function(p)
    return p.cloud.create_at + 0.005
  end) },
  { name = "stop while the model is pulled", aim = "up", prepare = nothing, act = stop_after(30) },
  { name = "a spot machine is lost, the agent sees it", aim = "agent",
    prepare = function(p)
      up(p)
      p.cloud.happen(p.world, "outbid", ours(p))
    end, act = function(p) p:pass(180) end },
  { name = "recovery after a stop without proof", aim = "stop",
    prepare = function(p)
      up(p)
      p:fault { name = "destroy.500", sticky = true }
      p:run "stop"
      p:heal()
    end, act = function(p) p:run "stop" end },
  { name = "stop with the clock ten years back", aim = "stop", prepare = cut_off(-10), act = function(p)
    p:run "stop"
  end },
  { name = "stop with the clock ten years ahead", aim = "stop", prepare = cut_off(10), act = function(p)
    p:run "stop"
  end },
  { name = "stop while the list hides the machine", aim = "stop", act = function(p) p:run "stop" end,
    prepare = lied_to { name = "list.empty", count = 5 } },
  { name = "stop while get denies the machine", aim = "stop", act = function(p) p:run "stop" end,
    prepare = lied_to { name = "get.false_null", count = 3 } },
  { name = "stop while everything denies the machine once", aim = "stop", act = function(p) p:run "stop" end,
    prepare = lied_to({ name = "list.empty", count = 2 }, { name = "get.false_null", count = 1 }) },
  { name = "stop while get fails and the list hides the machine", aim = "stop",
    act = function(p) p:run "stop" end,
    prepare = lied_to({ name = "list.empty", count = 6 }, { name = "get.500", count = 4 }) },
  { name = "stop while the key is refused and the list hides the machine", aim = "stop",
    act = function(p) p:run "stop" end, prepare = lied_to({ name = "list.empty", count = 6 },
      { name = "api.auth", match = { path = "/instances/[^/]+" }, count = 3 }) },
  { name = "stop while the list fails and get denies the machine", aim = "stop",
    act = function(p) p:run "stop" end,
    prepare = lied_to({ name = "list.500", count = 6 }, { name = "get.false_null", count = 3 }) },
  { name = "stop of a machine that never showed", aim = "stop", act = function(p) p:run "stop" end,
    prepare = function(p)
      p:fault { name = "create.slow_appear", seconds = 50, get = true }
      p:fault { name = "destroy.accepted_not_done", count = 1 }
      local process = p:start(UP)
      p.sim:at(1 + p.cloud.create_at, function() process:kill() end)
      p:wait(process)
    end },
  { name = "up with a machine that fails and is not ended", aim = "up", act = up,
    prepare = function(p)
      p:fault { name = "boot.exited", count = 2 }
      p:fault { name = "destroy.500", sticky = true }
    end },
  { name = "up with a machine that gets no key", aim = "up", cloud = "vast", act = up,
    prepare = function(p) p:fault { name = "create.no_key" } end },
  { name = "up with a machine that gets no key, the agent is killed", aim = "agent", cloud = "vast",
    prepare = function(p) p:fault { name = "create.no_key" } end,
    act = function(p)
      up(p)
      p:pass(180)
    end },
  { name = "stop, and the machine is lost", aim = "stop",
    prepare = function(p)
      up(p)
      p:fault { name = "destroy.500", count = 2 }
    end,
    act = function(p)
      p:run "stop"
      p:pass(1)
      local left = ours(p)
      if left then p.cloud.happen(p.world, "exited", left) end
    end },
  { name = "stop after what a machine needs cannot be made", aim = "up", cloud = "lambda", act = up,
    prepare = function(p)
      p:fault { name = "api.down", sticky = true, match = { path = "/firewall%-rulesets" } }
      p:fault { name = "api.down", sticky = true, match = { path = "/ssh%-keys/%w" } }
    end },
  { name = "status after the machine ended by itself", aim = "status", act = function(p) p:run "status" end,
    prepare = function(p)
      up(p)
      p.cloud.happen(p.world, "exited", ours(p))
    end },
  { name = "stop with the key of another account", aim = "stop", act = function(p) p:run "stop" end,
    cloud = "vast", prepare = function(p)
      up(p)
      p:kill_all()
      p:other_account()
    end },
  { name = "up with a lost answer among many machines", aim = "up", act = up, cloud = "vast",
    prepare = function(p)
      p:crowd()
      p:fault { name = "create.answer_lost", mode = "drop" }
    end },
  { name = "up after the agent was killed", aim = "up", act = up,
    prepare = function(p)
      up(p)
      p:kill_all()
    end },
  { name = "up beside another up", aim = "up",
    prepare = nothing, act = function(p)
      local first, second = p:start(UP), nil
      p.sim:at(8, function() second = p:start(UP) end)
      p:wait(first)
      if second then p:wait(second) end
    end },
}

local FILES = { "journal", "history", ".continueplz.state" }

-- The texts of these files now.
local function kept_of(p, names)
  local kept = {}
  for _, name in ipairs(names) do kept[name] = (p.sim.disk[p.HOME .. "/" .. name] or {}).data end
  return kept
end

-- Somebody removes files of the home, or puts back what `kept_of` gave before.
-- All processes of ours are dead meanwhile.
local function meddle(p, names, kept)
  p:kill_all()
  for _, name in ipairs(names) do
    local data = kept and kept[name]
    p.sim.disk[p.HOME .. "/" .. name] = data and { data = data, mode = 384, mtime = 0 } or nil
  end
  p.judge:forgets()
end

-- A machine runs, and the home's record of it is gone (or that of before the rent is back).
local function meddled(names, back)
  return function(p)
    if back then
      up(p)
      p:run "stop"
    end
    local kept = back and kept_of(p, names) or nil
    up(p)
    meddle(p, names, kept)
  end
end

for _, scene in ipairs {
  { name = "stop after the journal was deleted", aim = "stop", prepare = meddled { "journal" },
    act = function(p) p:run "stop" end },
  { name = "stop after the whole record was deleted", aim = "stop", prepare = meddled(FILES),
    act = function(p) p:run "stop" end },
  { name = "stop after the record was rolled back", aim = "stop", prepare = meddled(FILES, true),
    act = function(p) p:run "stop" end },
  { name = "up after the record was rolled back", aim = "up", prepare = meddled(FILES, true), act = up },
  { name = "status after the journal was deleted", aim = "status", prepare = meddled { "journal" },
    act = function(p) p:run "status" end },
  { name = "stop after the journal was deleted, while the list hides the machine once", aim = "stop",
    act = function(p) p:run "stop" end, prepare = function(p)
      meddled { "journal" }(p)
      p:fault { name = "list.empty", count = 1 }
    end },
  { name = "stop after the journal was deleted, with the key of another account", aim = "stop",
    cloud = "vast", act = function(p) p:run "stop" end, prepare = function(p)
      up(p)
      p:run "stop"
      meddled { "journal" }(p)
      p:other_account()
    end },
  { name = "stop in a home that cannot be written", aim = "stop", act = function(p) p:run "stop" end,
    prepare = function(p)
      up(p)
      p:kill_all()
      p.read_only = true
    end },
} do scenes[#scenes + 1] = scene end

return { list = scenes, up = up, ours = ours, UP = UP }
