-- SPDX-License-Identifier: MIT
-- Two working days of examples/workday.lua in the replaced world: the machine bills from half past eight to
-- five and at no other time. The world begins at 08:00 UTC on Friday, 20 November 2026.
local files = require "base.files"
local loader = require "sandbox.world"
local plays = require "dst.play"

local SCRIPT = files.join(files.dirname(files.dirname(files.dirname(files.absolute(loader.script)))),
  "examples/workday.lua")
local MODEL = "--model=qwen3-coder:30b"
local FRIDAY = 1795161600 - 8 * 3600 -- midnight
local DAY = 86400

local workday = {}

-- Lets the world go on to a moment of the wall clock.
local function go(p, wall) p:pass(wall - (p.sim.now + p.sim.skew)) end

local function start(p, ...)
  local words = { SCRIPT, ... }
  return p.sim:start(function(require) return require("cli").main(words) end,
    { name = "workday", bare = true, home = plays.HOME, argv = words })
end

local function expect(problems, ok, sentence, process)
  if not ok then
    problems[#problems + 1] = { replay = "workday", verdict = sentence .. "\n" .. process.out .. process.err }
  end
end

local function bills(p) return #p.judge:open_tokens() end

-- Stays running over the weekend.
local function long(problems)
  local p = plays.new { seed = 1 }
  local process = start(p, MODEL, "--idle=off")
  go(p, FRIDAY + 8 * 3600 + 29 * 60)
  expect(problems, bills(p) == 0 and p.judge.creates[1] == nil, "rented before half past eight", process)
  go(p, FRIDAY + 9 * 3600)
  expect(problems, bills(p) == 1 and process.out:find("READY", 1, true), "no machine at nine", process)
  go(p, FRIDAY + 16 * 3600 + 59 * 60)
  expect(problems, bills(p) == 1, "no machine just before five", process)
  go(p, FRIDAY + 17 * 3600 + 30 * 60)
  expect(problems, bills(p) == 0 and process.out:find("stopped: proven", 1, true),
    "still bills at half past five", process)
  go(p, FRIDAY + 3 * DAY + 8 * 3600)
  expect(problems, bills(p) == 0, "worked at the weekend", process)
  go(p, FRIDAY + 3 * DAY + 9 * 3600)
  expect(problems, bills(p) == 1, "no machine at nine on Monday", process)
  process:signal "TERM"
  p:pass(600)
  expect(problems, process.state == "done" and process.outcome[2] == 130,
    "SIGTERM did not end it with 130", process)
  expect(problems, bills(p) == 1 and process.err:find("Money: running", 1, true),
    "a ready machine does not stay, or nobody says so", process)
  local stop = start(p, "stop")
  p:pass(600)
  expect(problems, stop.state == "done" and stop.outcome[2] == 0 and bills(p) == 0,
    "workday.lua stop did not stop", stop)
end

-- One call per end of the day, each of them twice, and a start that is interrupted.
local function from_cron(problems)
  local p = plays.new { seed = 2 }
  local function run(wanted, ...)
    local process = start(p, ...)
    p:pass(900)
    expect(problems, process.state == "done" and process.outcome[2] == wanted,
      ("%s: not %d"):format(table.concat({ ... }, " "), wanted), process)
    return process
  end
  run(0, "start", MODEL)
  run(0, "start", MODEL)
  expect(problems, bills(p) == 1, "a second start rented a second machine", p.last or { out = "", err = "" })
  run(6, "start", "--model=qwen2.5-coder:7b")
  run(0, "stop")
  run(0, "stop")
  run(2, "start", "--modle=x")
  run(2, "begin")
  local process = start(p, "start", MODEL)
  p:pass(20)
  expect(problems, bills(p) == 1, "nothing was begun", process)
  process:signal "INT"
  p:pass(900)
  expect(problems, process.outcome and process.outcome[2] == 130 and bills(p) == 0,
    "an interrupted start was not undone", process)
end

--- → array of failures
function workday.run()
  local problems = {}
  long(problems)
  from_cron(problems)
  return problems
end

return workday
