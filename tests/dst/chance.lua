-- SPDX-License-Identifier: MIT
-- Random histories: a seed makes a list of steps, the steps make the history. A failing seed is shrunk to its
-- shortest failing prefix.
local ending = require "dst.ending"
local fail = require "base.fail"
local kinds = require "dst.safety_kinds"
local plays = require "dst.play"
local random = require "cloudsim.random"
local scenes = require "dst.scenes"
local sorted = require "base.sorted"

local YEARS, SLEEP = 10 * 365.25 * 86400, 14 * 3600

local chance = {}

local function pick(rng, list) return list[rng:int(1, #list)] end

local LOST = { "hang", "drop", "502" }

local function lost(rng) return { mode = pick(rng, LOST) } end

-- Faults by what can meet them: a start, a stop of a machine, a start that is undone, or whoever asks the
-- cloud. { name, order(rng) }
local ASKING = {
  { "api.down", lost }, { "api.429" }, { "api.auth" }, { "api.html" }, { "api.500" }, { "api.answer_lost" },
  { "api.endless_body" },
  { "api.slow", function(rng) return { seconds = rng:int(1, 90) } end },
}
local STARTING = {
  { "offers.empty" }, { "offers.html" }, { "offers.nulls" }, { "create.no_capacity" }, { "create.forbidden" },
  { "create.answer_lost", lost }, { "create.answer_lost", lost }, { "create.lost_before", lost },
  { "create.price_changed" }, { "create.stopped" }, { "create.twice" },
  { "create.error_but_created", function(rng) return { mode = pick(rng, { "500", "success_false" }) } end },
  { "create.slow_appear", function(rng) return { seconds = rng:int(1, 50), get = rng:int(0, 1) == 1 } end },
  { "create.no_key" }, { "registry.down", lost }, { "registry.html" },
  { "boot.slow", function(rng) return { seconds = rng:int(10, 1500) } end },
  { "spot.outbid", function(rng) return { seconds = rng:int(0, 900) } end },
  { "spot.resume", function(rng) return { seconds = rng:int(1, 900) } end },
}
local UNDONE = {
  { "boot.stuck" }, { "boot.oci_failure" }, { "boot.exited" },
  { "boot.unhealthy", function(rng) return { seconds = rng:int(1, 30) } end },
  { "boot.no_udp" }, { "boot.no_tunnel" }, { "boot.no_push" }, { "pull.error" }, { "pull.stall" },
  { "boot.scheduling" }, { "gpu.unused" },
}
local LOOKING = {
  { "get.500" }, { "get.html" }, { "get.null_fields" }, { "get.hang" }, { "get.false_null" },
  { "get.unknown_status" }, { "list.empty" }, { "list.html" }, { "list.500" }, { "list.partial" },
  { "list.stale", function(rng) return { seconds = rng:int(1, 55) } end },
}
local ENDING = {
  { "destroy.500", function(rng) return { done = rng:int(0, 1) == 1 } end },
  { "destroy.hang", function(rng) return { done = rng:int(0, 1) == 1 } end },
  { "destroy.429" }, { "destroy.accepted_not_done", function(rng) return { polls = rng:int(1, 6) } end },
  { "destroy.accepted_not_done" },
  { "destroy.accepted_not_done", function() return { released = true } end },
}

-- What the user's own network keeps away of tunnels, from one place to the next.
local EATEN = { { udp = true }, { udp = true }, { udp = true, tcp = true }, { tcp = true }, {} }

-- Those that make the cloud lie about what exists: one kind of them in a history, for against a cloud whose
-- every answer lies nothing can be proven.
local LIES = { ["create.slow_appear"] = true, ["list.empty"] = true, ["list.stale"] = true,
  ["get.false_null"] = true }

-- Lists from which the first and the second fault before a command are taken.
local BEFORE = {
  up = { { STARTING, STARTING, UNDONE, LOOKING, ASKING }, { STARTING, UNDONE, LOOKING, ASKING } },
  undone = { {}, { ENDING, ENDING, LOOKING, ASKING } },
  stop = { { ENDING, ENDING, LOOKING, ASKING }, { ENDING, LOOKING, LOOKING, ASKING } },
  status = { {}, {} },
}

-- Every kind is the theme of some seeds, which order it before the first command that can meet it.
local THEMES = {}
for _, rows in ipairs { ASKING, STARTING, UNDONE, LOOKING, ENDING } do
  for _, row in ipairs(rows) do THEMES[#THEMES + 1] = { rows = rows, row = row } end
end

local function themed(state, lists)
  for _, rows in ipairs(state.theme and lists or {}) do
    if rows == state.theme.rows then
      local row = state.theme.row
      state.theme = nil
      return rows, row
    end
  end
end

local function fault(rng, state, lists)
  local rows, row = themed(state, lists)
  local theme = rows ~= nil
  rows = rows or pick(rng, lists)
  row = row or pick(rng, rows)
  local lie = LIES[row[1]]
  if lie and state.lie and state.lie ~= row[1] then return end
  state.lie = lie and row[1] or state.lie
  local order = row[2] and row[2](rng) or {}
  order.name, order.after = row[1], (theme or rows == STARTING) and 0 or rng:int(0, 1)
  if rng:int(1, 6) == 1 and not lie then order.sticky = true else order.count = rng:int(1, 3) end
  return order, rows == UNDONE
end

-- One or two faults that the command meets, or none.
local function faults_before(rng, state, word)
  local list, lists = {}, BEFORE[word]
  if #lists[1] == 0 or rng:int(1, 4) == 1 and not state.theme then
    return list
  end
  local first, undone = fault(rng, state, lists[1])
  list[1] = first
  if rng:int(1, 2) == 1 then list[#list + 1] = fault(rng, state, undone and BEFORE.undone[2] or lists[2]) end
  return list
end

-- Acts that a command does at least, and seconds that it takes.
local LENGTH = { up = { 40, 50 }, stop = { 10, 11 }, status = { 2, 0.02 } }

-- What happens to a command while it runs.
local function trouble(rng, step)
  local kind, length = rng:int(1, 12), LENGTH[step.word]
  step.at = rng:int(0, 1000) / 1000 * length[2]
  if kind <= 4 then
    step.kill = { at = rng:int(1, length[1]), how = pick(rng, { "before", "after" }),
      all = rng:int(0, 2) == 0 }
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
  elseif kind == 11 then
    step.eaten = pick(rng, EATEN)
  end
end

--- Which command comes next: a machine is rented before it is stopped. state: the caller's table of one home
function chance.word_of(rng, state)
  local words = state.rented and { "stop", "stop", "stop", "status", "up" }
    or { "up", "up", "up", "up", "up", "stop", "status" }
  local word = pick(rng, words)
  state.rented = word == "up" or word == "status" and state.rented
  return word
end

--- A command with the faults that it meets, and perhaps trouble while it runs.
function chance.command_step(rng, state)
  local step = { op = "run", word = chance.word_of(rng, state) }
  step.faults = faults_before(rng, state, step.word)
  if rng:int(1, 2) == 1 then trouble(rng, step) end
  return step
end

local function one_step(rng, state)
  local kind = rng:int(1, 15)
  if kind <= 9 then return chance.command_step(rng, state) end
  if kind == 10 then return { op = "pass", seconds = rng:int(1, 7200) } end
  if kind == 11 and state.rented then
    return { op = "cloud", what = pick(rng, { "outbid", "exited", "offline", "destroy", "stopped" }) }
  end
  if kind == 12 then return { op = "lights out" } end
  if kind == 13 then
    return { op = "jump", seconds = pick(rng, { -YEARS, YEARS, 7200, -7200 }) }
  end
  if kind == 14 then return { op = "moved", eaten = pick(rng, EATEN), seconds = rng:int(1, 7200) } end
  return { op = "heal" }
end

--- Names of all kinds of faults of random histories.
function chance.names()
  local set = {}
  for _, theme in ipairs(THEMES) do set[theme.row[1]] = true end
  for name in sorted(chance.events) do set[name] = true end
  return set
end

--- The steps of a seed.
function chance.steps(seed)
  local rng, state, list = random.new(seed * 7919 + 13), { theme = THEMES[seed % #THEMES + 1] }, {}
  local count = rng:int(3, 8)
  while #list < count do list[#list + 1] = one_step(rng, state) end
  return list, pick(rng, ending.ways)
end

--- The command line of a word.
function chance.words(word) return word == "up" and scenes.UP or { word } end

-- Can this command meet the fault at this moment? Nothing is rented beside a machine that is wanted, and
-- nothing destroyed without one.
local function meets(p, word, order)
  if kinds.not_at[p.name][order.name] then return false end
  if order.released and p.cloud.keeps_record then return false end
  if word == "up" then return not ending.some_wanted(p) end
  return #p.judge:open() > 0
end

local function order_faults(p, step)
  for _, order in ipairs(step.faults) do
    if meets(p, step.word, order) and not p:never(order.name) then
      if order.name == "spot.resume" then p:fault { name = "spot.outbid", seconds = 60 } end
      p:fault(order)
    end
  end
end

-- What happens while a command runs, and is counted: ordered, and whether the command still ran.
chance.events = {
  signal = function(_, step, process) process:signal(step.signal) end,
  jump = function(p, step) p.sim:jump(step.jump) end,
  sleep = function(p, step) p:suspend(step.sleep) end,
  beside = function(p, step) step.second = p:start(chance.words(step.beside)) end,
  eaten = function(p, step) p:eats(step.eaten) end,
  offline = function(p, step)
    p.offline = true
    p.sim:at(step.offline, function() p.offline = nil end)
  end,
}

local function order_events(p, step, process)
  for name, happen in sorted(chance.events) do
    if step[name] then
      p:ordered(name)
      p.sim:at(step.at, function()
        if process.state == "done" or process.state == "killed" then return end
        p:happened(name)
        happen(p, step, process)
      end)
    end
  end
end

--- Runs a command to its end with what was made for it.
function chance.run_step(p, step)
  order_faults(p, step)
  local process = p:start(chance.words(step.word))
  if step.kill then
    p:ordered "kill"
    p.aim = { process = process, at = step.kill.at, how = step.kill.how, all = step.kill.all }
  end
  if step.full then p:ordered "disk full" end
  p.full = step.full
  order_events(p, step, process)
  p:wait(process)
  if step.second then p:wait(step.second) end
  if p.aim and p.aim.hit then p:happened "kill" end
  if p.full and p.full < step.full then p:happened "disk full" end
  p.aim, p.full, step.second = nil, nil, nil
end

local DO = {
  run = chance.run_step,
  pass = function(p, step) p:pass(step.seconds) end,
  heal = function(p) p:heal() end,
  moved = function(p, step)
    p:eats(step.eaten)
    p:pass(step.seconds)
  end,
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
      for key, item in sorted(value) do add(prefix .. key .. ".", item) end
    else
      parts[#parts + 1] = prefix:gsub("%.$", "=") .. tostring(value)
    end
  end
  add("", step)
  return table.concat(parts, " ")
end

-- How the webhook is until everything works again.
local WEBHOOK = { "down", "refuses", "hangs" }

--- Plays a seed, or only its first `limit` steps. → verdict or nil, the play
function chance.play(seed, limit, cloud)
  local steps, way = chance.steps(seed)
  local p = plays.new { seed = seed, cloud = cloud, lent = seed % 2 == 0, webhook = WEBHOOK[seed % 4] }
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
