-- SPDX-License-Identifier: MIT
-- Random histories: a seed makes a list of steps, the steps make the history. A failing seed is shrunk to its shortest failing prefix.
local clouds = require "dst.clouds"
local ending = require "dst.ending"
local fail = require "base.fail"
local plays = require "dst.play"
local random = require "cloudsim.random"
local scenes = require "dst.scenes"

local YEARS, SLEEP = 10 * 365.25 * 86400, 14 * 3600

local chance = {}

local function pick(rng, list) return list[rng:int(1, #list)] end

local LOST = { "hang", "drop", "502" }

-- Faults and how they are made. Those that make the cloud lie about what exists are `lies`: one kind of them in a history, for
-- against a cloud whose every answer lies nothing can be proven.
local FAULTS = {
  { "api.down", function(rng) return { mode = pick(rng, LOST) } end }, { "api.429" }, { "api.auth" }, { "api.html" },
  { "api.slow", function(rng) return { seconds = rng:int(1, 90) } end }, { "offers.empty" }, { "offers.html" }, { "create.no_capacity" },
  { "create.forbidden" }, { "create.answer_lost", function(rng) return { mode = pick(rng, LOST) } end },
  { "create.answer_lost", function(rng) return { mode = pick(rng, LOST) } end },
  { "create.lost_before", function(rng) return { mode = pick(rng, LOST) } end },
  { "create.error_but_created", function(rng) return { mode = pick(rng, { "500", "success_false" }) } end }, { "create.price_changed" },
  { "create.slow_appear", function(rng) return { seconds = rng:int(1, 50), get = rng:int(0, 1) == 1 } end, lies = true },
  { "create.stopped" }, { "create.twice" }, { "create.no_key" }, { "boot.stuck" }, { "boot.slow", function(rng) return { seconds = rng:int(10, 1500) } end },
  { "boot.oci_failure" }, { "boot.exited" }, { "boot.no_udp" }, { "boot.no_push" }, { "list.empty", lies = true }, { "list.html" }, { "list.500" },
  { "list.partial" }, { "list.stale", function(rng) return { seconds = rng:int(1, 55) } end, lies = true }, { "get.500" }, { "get.html" },
  { "get.null_fields" }, { "get.hang" }, { "get.false_null", lies = true }, { "get.unknown_status" },
  { "destroy.500", function(rng) return { done = rng:int(0, 1) == 1 } end }, { "destroy.hang", function(rng) return { done = rng:int(0, 1) == 1 } end },
  { "destroy.429" }, { "destroy.accepted_not_done", function(rng) return { polls = rng:int(1, 6) } end }, { "destroy.accepted_not_done" },
  { "destroy.accepted_not_done", function() return { released = true } end },
  { "spot.outbid", function(rng) return { seconds = rng:int(0, 900) } end }, { "spot.resume", function(rng) return { seconds = rng:int(1, 900) } end },
  { "pull.error" }, { "pull.stall" }, { "registry.down", function(rng) return { mode = pick(rng, LOST) } end }, { "registry.html" },
}

local function fault_step(rng, state)
  local row = pick(rng, FAULTS)
  if row.lies then
    if state.lie and state.lie ~= row[1] then return end
    state.lie = row[1]
  end
  local order = row[2] and row[2](rng) or {}
  order.name, order.after = row[1], rng:int(0, 2)
  if rng:int(1, 5) == 1 and not row.lies then order.sticky = true else order.count = rng:int(1, 3) end
  return { op = "fault", order = order }
end

-- What happens to a command while it runs.
local function trouble(rng, step)
  local kind = rng:int(1, 12)
  step.at = rng:int(0, 3000) / 50
  if kind <= 4 then
    step.kill = { at = rng:int(1, 80), how = pick(rng, { "before", "after" }), all = rng:int(0, 2) == 0 }
  elseif kind == 5 then
    step.signal = pick(rng, { "INT", "TERM", "HUP" })
  elseif kind == 6 then
    step.jump = pick(rng, { -YEARS, YEARS, -3600, 3600, 86400 })
  elseif kind == 7 then
    step.sleep = SLEEP
  elseif kind == 8 then
    step.full = rng:int(1, 8)
  elseif kind == 9 then
    step.beside = pick(rng, { "up", "stop", "status" })
  elseif kind == 10 then
    step.offline = rng:int(1, 600)
  end
end

local function command_step(rng)
  local step = { op = "run", word = pick(rng, { "up", "up", "up", "stop", "stop", "status" }) }
  trouble(rng, step)
  return step
end

local function one_step(rng, state)
  local kind = rng:int(1, 20)
  if kind <= 8 then return fault_step(rng, state) end
  if kind <= 15 then return command_step(rng) end
  if kind == 16 then return { op = "pass", seconds = rng:int(1, 7200) } end
  if kind == 17 then return { op = "cloud", what = pick(rng, { "outbid", "exited", "offline", "destroy", "stopped" }) } end
  if kind == 18 then return { op = "lights out" } end
  if kind == 19 then return { op = "jump", seconds = pick(rng, { -YEARS, YEARS, 7200, -7200 }) } end
  return { op = "heal" }
end

--- The steps of a seed.
function chance.steps(seed)
  local rng, state, list = random.new(seed * 7919 + 13), {}, {}
  local count = rng:int(3, 10)
  while #list < count do list[#list + 1] = one_step(rng, state) end
  return list, pick(rng, ending.ways)
end

local function words(word) return word == "up" and scenes.UP or { word } end

local function run_step(p, step)
  local process = p:start(words(step.word))
  local beside
  if step.kill then p.aim = { process = process, at = step.kill.at, how = step.kill.how, all = step.kill.all } end
  p.full = step.full
  p.sim:at(step.at, function()
    if process.state == "done" or process.state == "killed" then return end
    if step.signal then process:signal(step.signal) end
    if step.jump then p.sim:jump(step.jump) end
    if step.sleep then p:suspend(step.sleep) end
    if step.beside then beside = p:start(words(step.beside)) end
    if step.offline then
      p.offline = true
      p.sim:at(step.offline, function() p.offline = nil end)
    end
  end)
  p:wait(process)
  if beside then p:wait(beside) end
  p.aim, p.full = nil, nil
end

local DO = {
  fault = function(p, step)
    -- A record that stays at Lambda says "terminating" for ever: nothing can be proven then, whatever is done.
    if step.order.released and p.cloud == clouds.lambda then return end
    p:fault(step.order)
  end,
  run = run_step,
  pass = function(p, step) p:pass(step.seconds) end,
  heal = function(p) p:heal() end,
  jump = function(p, step) p.sim:jump(step.seconds) end,
  ["lights out"] = function(p) p:kill_all() end,
  cloud = function(p, step)
    local instance = scenes.ours(p)
    if instance then p.cloud.happen(p.world, step.what, instance) end
  end,
}

--- One step in words.
function chance.told(step)
  local parts = {}
  local function add(prefix, value)
    if type(value) == "table" then
      for key, item in require("base.sorted")(value) do add(prefix .. key .. ".", item) end
    else
      parts[#parts + 1] = prefix:gsub("%.$", "=") .. tostring(value)
    end
  end
  add("", step)
  return table.concat(parts, " ")
end

--- Plays a seed, or only its first `limit` steps. → verdict or nil, the play
function chance.play(seed, limit, cloud)
  local steps, way = chance.steps(seed)
  local p = plays.new { seed = seed, cloud = cloud, lent = seed % 2 == 0 }
  local ok, verdict = fail.try(function()
    for i = 1, math.min(limit or #steps, #steps) do
      p:trace("# " .. chance.told(steps[i]))
      DO[steps[i].op](p, steps[i])
    end
    p:trace("# the end: " .. way)
    return ending.play(p, way)
  end)
  if not ok then verdict = fail.message(verdict) .. "\n" .. tostring(verdict.trace) end
  return verdict, p
end

--- The shortest prefix of a failing seed that fails. → number of steps, its verdict
function chance.shrink(seed, cloud)
  for limit = 0, #chance.steps(seed) do
    local verdict = chance.play(seed, limit, cloud)
    if verdict then return limit, verdict end
  end
end

return chance
