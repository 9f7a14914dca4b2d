-- SPDX-License-Identifier: MIT
-- What stands beside a machine in use: a longer life, its limits, another model, what it all cost.
local expect = require "e2e.expect"
local files = require "base.files"
local host = require "sandbox.host"
local json = require "base.json"
local process = require "base.process"
local pty = require "e2e.pty"

local MODEL = "--model=qwen3-coder:30b"
local cases = {}

local function case(name, run, clouds, options)
  cases[#cases + 1] = { name = name, run = run, clouds = clouds, options = options }
end

local function up(r, ...)
  expect.ends(r:run("up", "--cheapest", MODEL, "-y", ...), 0, "READY")
end

local function life_left(r)
  return expect.json(r:run("status", "--output=json")).deadman.life_remaining_seconds
end

-- A person at a terminal types a shell's line; CPLZ stands for the program with the rig's folder.
local function at_terminal(r, line, dialogue)
  return pty.run((line:gsub("CPLZ", ("'%s' -C '%s'"):format(process.exe, r.home))), dialogue,
    { shell = true, env = { "HOME=" .. r.dir } })
end

local function no_terminal()
  return (not files.exists("/usr/bin/script") or host.platform ~= "linux") and "needs script of util-linux"
end

local function over(r)
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end

case("extend: the guard keeps to a longer life, whatever becomes of the agent", function(r)
  up(r, "--max-hours=2")
  expect.ends(r:run("extend", "30m", "-y"), 0, "ends at", "more at $")
  expect.that(life_left(r) > 2.4 * 3600 and life_left(r) <= 2.5 * 3600, "life left: " .. life_left(r))
  local agent = assert(math.tointeger(tonumber(files.read(files.join(r.home, "agent.lock")):match("%d+"))))
  process.kill(agent, "KILL")
  local object = expect.json(expect.ends(r:run("extend", "1h", "-y", "--output=json"), 0))
  expect.that(object.status == "extended" and object.money_running == true, "status " .. object.status)
  expect.that(object.added_seconds == 3600 and object.life_seconds == 3.5 * 3600, "another life")
  local cost = object.cost
  expect.that(math.abs(cost.added - cost.hourly) < 1e-4 and cost.total > 3.4 * cost.hourly, "wrong sum")
  expect.that(life_left(r) > 3.4 * 3600, "life left: " .. life_left(r))
  expect.wrapped(expect.ends(r:run("extend", "31m", "-y"), 8), "beyond twice the 2h 00m that it was")
  expect.wrapped(expect.ends(r:run("config", "set", "MAX_HOURS", "9"), 0), "runs on with 3h 30m",
    "unless continueplz extend agrees")
  expect.that(life_left(r) <= 3.5 * 3600, "a refused extension was one: " .. life_left(r))
  over(r)
end)

case("extend: a person's yes, and a no that changes nothing", function(r)
  local missing = no_terminal()
  if missing then return missing end
  up(r, "--max-hours=1")
  local no = at_terminal(r, "CPLZ extend 5h; echo code=$?", { { "[y/N]", "n\r" } })
  expect.ends(no, 0, "code=8", "Nothing was extended", "Credit there: $")
  expect.that(life_left(r) <= 3600, "a no extended it")
  expect.ends(at_terminal(r, "CPLZ extend 5h; echo code=$?", { { "[y/N]", "y\r" } }), 0, "code=0",
    "Let it run until")
  expect.that(life_left(r) > 5.9 * 3600, "a yes did not extend it")
  over(r)
end)

case("extend: what it refuses", function(r)
  expect.ends(r:run("extend", "1h"), 7, "no model is ready")
  expect.ends(r:run("extend"), 2, "say for how long")
  expect.ends(r:run("extend", "90"), 2, "has no unit")
  expect.ends(r:run("extend", "1h", "--until=18:00"), 2, "contradict each other")
  up(r, "--max-hours=2")
  expect.wrapped(expect.ends(r:run("extend", "10s"), 2), "not a minute later")
  expect.ends(r:run("extend", "99999d"), 2, "ten years")
  over(r)
end)

case("extend: a cloud's own end is not passed", function(r)
  up(r, "--max-hours=2")
  if r.cloud == "coreweave" then
    expect.wrapped(expect.ends(r:run("extend", "10m", "-y"), 8), "such a deadline cannot be lengthened")
  else
    expect.wrapped(expect.ends(r:run("extend", "1h", "-y"), 0), "ends at")
    expect.wrapped(expect.ends(r:run("extend", "9h", "-y"), 8), "own timer switches the machine off 8 h",
      "it can be given")
  end
  over(r)
end, { "coreweave", "paperspace" })

case("limits, history, costs and status --watch, while it runs and after", function(r)
  expect.wrapped(expect.ends(r:run("limits"), 0), "Of the next machine")
  expect.ends(r:run("history"), 0, "Nothing was rented yet.")
  expect.ends(r:run("costs"), 0, "Nothing was spent")
  up(r, "--max-hours=2")
  local object = expect.json(expect.ends(r:run("limits", "--output=json"), 0))
  local life = object.limits[3]
  expect.that(object.status == "ready" and life.name == "life" and life.limit == 7200 and life.left > 7000
    and life.left < 7200 and not life.reckoned and life.kept_by[1] == "guard", "life " .. tostring(life.left))
  expect.wrapped(expect.ends(r:run("limits"), 0), "2h 00m", "its guard, this computer")
  expect.ends(r:run("history"), 0, "running", "1 session")
  expect.ends(r:run("status", "--watch", "--output=json"), 2, "--watch is for people")
  local watching = r:start("status", "--watch")
  r.wait_for("a line of the watch", 30, function() return r.said(watching):find("ready, ", 1, true) end)
  watching:kill("INT")
  local watched = expect.plain(r:finish(watching))
  expect.ends(watched, 0, ", ends ", "Money: running")
  over(r)
  local row = expect.json(r:run("history", "--output=json")).sessions[1]
  expect.that(row.outcome == r:outcome() and row.ending == "stopped" and row.cost > 0, "row " .. row.ending)
  local sum = expect.json(expect.ends(r:run("costs", "--by=cloud", "--output=json"), 0))
  expect.that(sum.groups[1].key == r.cloud and math.abs(sum.total.cost - row.cost) < 1e-4, "another sum")
  expect.that(#expect.ends(r:run("history", "--csv"), 0, "started_at,").out > 200, "no row")
  expect.ends(r:run("costs", "--all", "--since=7d"), 2, "contradict")
  expect.ends(r:run("costs", "--by=hour"), 2, "none of day, cloud, model")
  local status = expect.json(r:run("status", "--output=json"))
  expect.that(status.last_session.id == row.id and status.status == "none", "the last session is not told")
  expect.ends(r:run("status"), 0, "Last run:", "stopped")
end)

case("status --watch on a terminal is drawn in place, and Ctrl-C leaves it cleanly", function(r)
  local missing = no_terminal()
  if missing then return missing end
  up(r)
  local seen = at_terminal(r, "trap : INT; CPLZ status --watch; echo code=$?", { { "Running:", "", "\3" } })
  expect.ends(seen, 0, "code=0", "Cost so far", "Money: running")
  over(r)
end)

case("use: another model, and what does not fit or fails leaves the old one serving", function(r)
  expect.ends(r:run("use", "gpt-oss:20b"), 7, "no model is ready")
  expect.ends(r:run("use"), 2, "say which model")
  up(r)
  expect.ends(r:run("use", "qwen3-coder:30b"), 1, "serves qwen3-coder:30b already")
  expect.ends(r:run("use", "no-such-model:1b"), 2, "the registry has no model named")
  expect.wrapped(expect.ends(r:run("use", "codellama:70b"), 1), "codellama:70b needs",
    "the machine has 26 GB")
  r:fault { name = "pull.error", sticky = true }
  expect.wrapped(expect.ends(r:run("use", "gpt-oss:20b"), 1), "gpt-oss:20b is not served",
    "qwen3-coder:30b serves on")
  r:heal()
  expect.that(expect.json(r:run("status", "--output=json")).model == "qwen3-coder:30b", "another one is told")
  expect.ends(r:run("ping"), 0, "qwen3-coder:30b answers")
  local object = expect.json(expect.ends(r:run("use", "gpt-oss:20b", "--output=json"), 0))
  expect.that(object.model == "gpt-oss:20b" and object.before == "qwen3-coder:30b", "another answer")
  local status = expect.json(r:run("status", "--output=json"))
  expect.that(status.model == "gpt-oss:20b" and status.model_status == "ready", "status: " .. status.model)
  expect.ends(r:run("endpoint", "--shell"), 0, "gpt-oss:20b")
  expect.ends(r:run("ping"), 0, "gpt-oss:20b answers")
  over(r)
  expect.ends(r:run("history"), 0, "gpt-oss:20b")
end)

case("use: a model that does not get onto the card leaves the old one serving", function(r)
  up(r)
  r:fault { name = "gpu.unused", sticky = true }
  expect.wrapped(expect.ends(r:run("use", "gpt-oss:20b"), 1), "is not served: the GPU is not used",
    "qwen3-coder:30b serves on")
  r:heal()
  expect.ends(r:run("ping"), 0, "qwen3-coder:30b answers")
  expect.that(expect.json(r:run("status", "--output=json")).model == "qwen3-coder:30b", "another one is told")
  over(r)
end)

-- A program of the user's that keeps what it is given, and another that answers for notify-send.
local function programs(r)
  local hook, bin = files.join(r.dir, "hook"), files.join(r.dir, "bin")
  assert(files.mkdir(bin))
  assert(files.write(hook, ("#!/bin/sh\ncat >>'%s/got'\nenv >>'%s/env'\n"):format(r.dir, r.dir), 448))
  assert(files.write(files.join(bin, "notify-send"), ("#!/bin/sh\nprintf '%%s|' \"$@\" >>'%s/shown'\n")
    :format(r.dir), 448))
  r.more_env = { "PATH=" .. bin .. ":" .. process.getenv "PATH" }
  return hook
end

local function kept(r, name) return files.read(files.join(r.dir, name)) or "" end

case("alert test: every way that is set is tried, and none knows a key", function(r)
  local hook = programs(r)
  expect.wrapped(expect.ends(r:run("alert", "test"), 3), "no way is set", "ALERT_COMMAND")
  expect.ends(r:run("alert"), 2, "say what")
  expect.ends(r:run("alert", "tset"), 2, "it knows test")
  r:write_env { ALERT_COMMAND = hook .. " one two", ALERT_DESKTOP = "yes" }
  r.more_env[2] = "LAMBDA_API_KEY=canary-in-the-environment"
  expect.ends(r:run("alert", "test"), 0, "desktop (ALERT_DESKTOP): it took", "command (ALERT_COMMAND): it "
      .. "took")
  local got = json.decode(kept(r, "got"))
  expect.that(got and got.level == "INFO" and got.context.action == "alert test", "got " .. kept(r, "got"))
  expect.that(kept(r, "shown"):find("^%-%-app%-name=continueplz|.*nothing is wrong|$"), kept(r, "shown"))
  expect.that(not kept(r, "env"):find("canary", 1, true), "a key is in its environment")
  expect.ends(r:run("up", "--cheapest", "--alert", "--model=no-such-model:1b"), 2)
  expect.that(kept(r, "got"):find('"level":"ERROR"', 1, true), "a run that failed is not told: " .. kept(r,
    "got"))
  r:write_env { ALERT_COMMAND = "/bin/false", ALERT_WEBHOOK_URL = "http://127.0.0.1:1/hook" }
  local object = expect.json(expect.ends(r:run("alert", "test", "--output=json"), 1, "did not take the test"))
  expect.that(object.status == "failed" and #object.ways == 2 and not object.ways[2].ok, "it is not told")
  r:write_env { ALERT_COMMAND = "/no/such/program" }
  expect.ends(r:run("alert", "test"), 1, "there is no such program")
end)

return cases
