-- SPDX-License-Identifier: MIT
-- Whole starts with random policies against the simulated cloud: whatever policy.lua is, no create leaves
-- without a record of the journal, and nobody pays more than MAX_PRICE without having been asked.
local files = require "base.files"
local json = require "base.json"
local plays = require "dst.play"
local random = require "cloudsim.random"
local source = require "dst.policy"

local policies = {}

local MOST = { "0.15", "0.21", "0.25", "0.4", "1.0", "off" }

-- The tokens that the journal has an intent and a sending of. → set
local function recorded(p)
  local found = {}
  for line in p.judge:journal():gmatch("[^\n]+") do
    local record = json.decode(line:match("^%x+ (.*)$") or "")
    if type(record) == "table" and record.token then
      found[record.token] = found[record.token] or {}
      found[record.token][record.kind] = true
    end
  end
  return found
end

local function judge(p, most)
  local known, disk = recorded(p), {}
  for _, row in ipairs(p.world.ledger.rows) do
    if row.kind == "disk" then disk[row.id] = row.rate end
  end
  for _, row in ipairs(p.world.ledger.rows) do
    local seen = row.token and known[row.token]
    if not (seen and seen.intent and seen.sent) then
      return ("S1: %s bills without a record of the journal"):format(row.id)
    end
    local hourly = row.kind == "gpu" and row.rate + (disk[row.id] or 0) or 0
    if tonumber(most) and hourly > tonumber(most) * 1.0001 then
      return ("S5: %s costs $%.3f/h, and MAX_PRICE is %s"):format(row.id, hourly, most)
    end
  end
  for _, request in ipairs(p.world.requests) do
    local token = request.method == "PUT" and request.path:find("/asks/%d+") and request.body
      and request.body.label
    if token and not (known[token] and known[token].sent) then
      return "S1: a create left without a ticket: " .. token
    end
  end
  return p.judge:verdict()
end

--- One start and its stop. → what is wrong or nil, whether a machine was rented
function policies.play(seed)
  local rng = random.new(seed)
  local p = plays.new { seed = seed, foreign = false }
  local most = MOST[rng:int(1, #MOST)]
  p.sim.disk[files.join(plays.HOME, "policy.lua")] = { data = source.text(rng), mode = 384, mtime = 0 }
  local env = p.sim.disk[files.join(plays.HOME, ".env")]
  env.data = env.data .. "MAX_PRICE=" .. most .. "\n"
  p:run("up", "--cheapest", "--model=qwen3-coder:30b")
  local rented = #p.world.ledger.rows > 0
  p:run("stop")
  p:pass(120)
  local wrong = judge(p, most) or (#p.judge:open() > 0 and "E2: something bills after the stop") or nil
  p:kill_all()
  return wrong, rented
end

local AGREES = "local b = require 'builtin.ui.progress' return { new = function(ctx) local s = b.new(ctx) "
  .. "s.ask = function() return 'y' end return s end }\n"

--- A screen of the user's own that answers every question with yes, at a terminal where `typed` is typed.
-- most: MAX_PRICE. → how many machines were rented
function policies.agreeing(most, typed)
  local p = plays.new { seed = 1, foreign = false }
  p.sim.disk[files.join(plays.HOME, "ui")] = { dir = true }
  p.sim.disk[files.join(plays.HOME, "ui/progress.lua")] = { data = AGREES, mode = 384, mtime = 0 }
  local env = p.sim.disk[files.join(plays.HOME, ".env")]
  env.data = env.data .. "MAX_PRICE=" .. most .. "\n"
  local process = p.sim:start(function(require)
    return require("cli").main { "up", "--cheapest", "--model=qwen3-coder:30b" }
  end, { name = "up", bare = true, home = plays.HOME, tty = { ["in"] = true, out = true, person = typed },
    input = "\n" })
  p:wait(process)
  local rented = #p.world.ledger.rows
  p:run("stop")
  p:kill_all()
  return rented
end

--- The cloud refuses its eighteen cheapest offers. typed: at the terminal, nil: there is none. → the price
-- ($/h) of what was rented, or nil
function policies.refused(typed)
  local p = plays.new { seed = 1, foreign = false }
  p.world.faults:add { name = "create.no_capacity", count = 18 }
  local process = p.sim:start(function(require)
    return require("cli").main { "up", "--cheapest", "--model=qwen3-coder:30b" }
  end,
    { name = "up", bare = true, home = plays.HOME, tty = { person = typed } })
  p:wait(process)
  local rate
  for _, row in ipairs(p.world.ledger.rows) do rate = row.kind == "gpu" and row.rate or rate end
  p:run("stop")
  p:kill_all()
  return rate
end

--- A start with a yes that was given before; the cloud refuses its `refusals` cheapest offers. words: of the
-- line; most: MAX_PRICE. → the price ($/h) of what was rented, or nil; the exit code
function policies.agreed(words, refusals, most)
  local p = plays.new { seed = 1, foreign = false }
  local env = p.sim.disk[files.join(plays.HOME, ".env")]
  env.data = env.data .. "MAX_PRICE=" .. (most or "off") .. "\n"
  if refusals > 0 then p.world.faults:add { name = "create.no_capacity", count = refusals } end
  local code = p:run("up", "--cheapest", "--model=qwen3-coder:30b", "--hours=8", table.unpack(words))
  local rate
  for _, row in ipairs(p.world.ledger.rows) do rate = row.kind == "gpu" and row.rate or rate end
  p:run("stop")
  p:kill_all()
  return rate, code
end

return policies
