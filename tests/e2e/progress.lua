-- SPDX-License-Identifier: MIT
-- A start and a stop without a terminal, in a session of their own, followed by the file that they keep in
-- the home, as the face does; and what becomes of it when they are interrupted or killed.
local expect = require "e2e.expect"
local files = require "base.files"
local process = require "base.process"
local progress = require "home.progress"
local rig = require "e2e.rig"
local task = require "base.task"

local MODEL = "--model=qwen3-coder:30b"
local cases = {}

local function case(name, run, options) cases[#cases + 1] = { name = name, run = run, options = options } end

-- Starts the program as a face does: nothing of it hangs on who started it.
local function detached(r, ...)
  local out = "file:" .. files.join(r.dir, "output")
  return process.spawn { argv = { process.exe, "-C", r.home, ... }, session = true, cwd = "/", stdin = "null",
    stdout = out, stderr = out,
    env = { "HOME=" .. r.dir, "PATH=" .. (process.getenv "PATH" or ""),
      "CONTINUEPLZ_SCRIPTS=" .. (process.getenv "CONTINUEPLZ_PLANTED" or "") } }
end

-- Waits until the file of this child says what test(state) wants. → the state
local function until_told(r, child, what, test)
  return rig.wait_for(what, 60, function()
    local state = progress.read(r.home)
    return state and state.pid == child.pid and test(state) and state
  end)
end

-- The last picture of a child, once it is over. → state, exit event
local function last_of(r, child)
  local exit = task.deadline(r.patience, function() return child:wait() end, "the command did not end")
  return progress.read(r.home), exit
end

local function at_step(n)
  return function(state) return state.step == n and not state.undoing end
end

-- The steps in which a start is met take longer, and a download that was begun as slow stays so.
local function linger(r)
  r:fault { name = "boot.slow", seconds = 100, sticky = true }
  r:fault { name = "pull.slow", factor = 1000, sticky = true }
end

case("a start and a stop are told step by step, and the next start knows how long each takes", function(r)
  local child = detached(r, "up", MODEL)
  local first = until_told(r, child, "a step", function(state) return state.step end)
  expect.that(first.steps == 8 and #first.titles == 8 and not first.expected,
    "the steps of a first start are not what they should be")
  local pulling = until_told(r, child, "the model", function(state)
    return state.step == 7 and state.moving and state.moving.fraction
  end)
  expect.that(pulling.moving.text:find("Pulling qwen3", 1, true) and pulling.moving.total > 1e9,
    "nothing is said of the model that moves")
  expect.that(pulling.session.id and pulling.hourly > 0.1 and #pulling.done == 6,
    "the machine of this moment is not told")
  local state, exit = last_of(r, child)
  expect.that(exit.status == 0 and state.ended.code == 0 and state.ended.outcome == "ready"
    and not state.ended.message and not state.stale, "the end is not READY")
  for index, row in ipairs(state.done) do
    expect.that(row.step == index and row.seconds >= 0 and row.text, "step " .. index .. " is not told")
  end
  expect.that(#state.done == 8 and state.notes[#state.notes]:find("✓ Model responding", 1, true),
    "the last word is missing")
  expect.that(files.stat(files.join(r.home, "progress")).mode == 384, "the file is not private")
  child = detached(r, "stop")
  state, exit = last_of(r, child)
  expect.that(exit.status == 0 and state.command == "stop" and state.pid == child.pid, "no stop is told")
  expect.that(state.ended.code == 0 and state.ended.outcome == r:outcome() and state.ended.cost > 0
    and state.over[1].outcome == r:outcome(), "what came of the stop is not told")
  expect.all_over(r)
  child = detached(r, "up", MODEL)
  first = until_told(r, child, "a step", function(now) return now.step end)
  expect.that(#first.expected == 8 and first.expected[7] > 0, "the second start does not know the first")
  last_of(r, child)
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end)

local function told_by_status(r)
  local object = expect.json(r:run("status", "--output=json"))
  return object.progress, object
end

case("status of another terminal tells the same step and percentage, and nothing once it is over", function(r)
  r:fault { name = "api.slow", seconds = 100, sticky = true }
  local child = detached(r, "up", MODEL)
  until_told(r, child, "step 1", at_step(1))
  local now, object = told_by_status(r)
  expect.that(now.command == "up" and now.step == 1 and now.steps == 8 and now.title == "Fetching prices"
    and object.status == "none" and object.money_running == false, "step 1 is not told by status")
  expect.ends(r:run("status"), 0, "None active", "Under way:    start, [1/8] Fetching prices, ",
    "Money: none is running")
  r:heal()
  r:fault { name = "pull.slow", factor = 1000, sticky = true }
  until_told(r, child, "the model", function(state)
    return state.step == 7 and state.moving and state.moving.fraction
  end)
  now, object = told_by_status(r)
  expect.that(now.step == 7 and now.percent and now.bytes < now.bytes_total and object.status == "starting"
    and object.money_running == true, "the model is not told by status")
  expect.ends(r:run("status"), 0, "start, [7/8] Pulling model, ", "Pulling qwen3-coder:30b ", "%",
    " of 18.6 GB")
  r:fault { name = "destroy.hang", sticky = true }
  child:kill("INT")
  until_told(r, child, "the undoing", function(state) return state.undoing end)
  now = told_by_status(r)
  expect.that(now.undoing and now.step == 1 and now.steps == 4, "the undoing is not told by status")
  r:heal()
  last_of(r, child)
  expect.that(told_by_status(r) == nil, "what is over is told by status")
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end)

case("status tells the steps of a stop, wherever it was typed", function(r)
  expect.ends(r:run("up", MODEL), 0)
  r:fault { name = "destroy.hang", sticky = true }
  local child = r:start("stop")
  until_told(r, child, "step 1", at_step(1))
  expect.ends(r:run("status"), 0, "being ended", "Under way:    stop, [1/4] Terminating instance ")
  r:heal()
  expect.ends(r:finish(child), 0)
  expect.lacks(r:run("status"), "Under way")
  expect.all_over(r)
end)

for _, step in ipairs { 4, 7 } do
  case(("SIGINT to a start without a terminal at step %d: undone, proven and told"):format(step), function(r)
    linger(r)
    local child = detached(r, "up", MODEL)
    until_told(r, child, "step " .. step, at_step(step))
    child:kill("INT")
    local undoing = until_told(r, child, "the undoing", function(state)
      return state.ended or state.undoing
    end)
    expect.that(undoing.ended or undoing.step == step and undoing.undoing.steps == 4,
      "the undoing hides where the start was")
    local state, exit = last_of(r, child)
    expect.that(exit.status == 130 and state.ended.code == 130, "ended with " .. tostring(exit.status))
    expect.that(state.ended.outcome == "proven" and state.ended.cost and state.ended.message:find("SIGINT"),
      "what came of the interrupted start is not told")
    expect.that(state.over[1].token and not (state.undoing or state.session or state.hourly),
      "the machine that was ended is not told")
    expect.all_over(r)
  end)
end

case("a start that fails tells why, and what became of its machine", function(r)
  r:fault { name = "pull.error", sticky = true }
  local child = detached(r, "up", MODEL)
  local state, exit = last_of(r, child)
  expect.that(exit.status ~= 0 and state.ended.code == exit.status and state.ended.outcome == "proven"
    and #state.ended.message > 10 and state.step == 7, "the failure is not told")
  child = detached(r, "up", MODEL, "--keep-on-failure")
  state = last_of(r, child)
  expect.that(state.ended.outcome == "kept" and state.session.id, "a machine that is kept is not told")
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end)

case("kill -9 leaves a file that is stale, and the agent undoes the start", function(r)
  linger(r)
  local child = detached(r, "up", MODEL)
  until_told(r, child, "step 7", at_step(7))
  child:kill("KILL")
  local state = last_of(r, child)
  expect.that(state.stale and not state.ended and state.step == 7, "the file is believed")
  expect.lacks(r:run("status"), "Under way")
  rig.wait_for("the agent to undo it", 60, function() return #r:billing() == 0 end)
  rig.wait_for("the agent's end", 60, function() return not r:agent() end)
  expect.all_over(r)
end)

case("a script that goes on after its start tells the end of it, and another one's stop is told", function(r)
  local path = r:put("day.lua", 'local cplz = require "api" cplz.up { model = "qwen3-coder:30b" } '
    .. "cplz.sleep(30)\n")
  local child = r:start(path)
  local state = until_told(r, child, "READY", function(state) return state.ended end)
  expect.that(state.ended.code == 0 and state.ended.outcome == "ready", "the script's start has no end")
  local stop = detached(r, "stop")
  state = last_of(r, stop)
  expect.that(state.pid == stop.pid and state.ended.outcome == "proven", "the stop beside it is not told")
  child:kill("TERM")
  r:finish(child)
  r:put("day.lua", 'local cplz = require "api" cplz.up { model = "qwen3-coder:30b", offer = "vast/1" }\n')
  child = r:start(path)
  expect.ends(r:finish(child), 4)
  state = progress.read(r.home)
  expect.that(state.pid == child.pid and state.ended.code == 4 and state.ended.outcome == "nothing"
    and state.ended.message:find("vast offers no 1", 1, true), "the script's failure is not told")
  expect.all_over(r)
end)

for _, signal in ipairs { "INT", "TERM" } do
  case(("SIG%s to a start that a shell put into the background, where SIGINT is ignored"):format(signal),
    function(r)
      linger(r)
      local out = files.join(r.dir, "output")
      local shell = process.spawn { argv = { "/bin/sh", "-c", ("'%s' -C '%s' up %s </dev/null >'%s' 2>&1 & "
        .. "echo $!; wait $!"):format(process.exe, r.home, MODEL, out) }, session = true, cwd = "/",
        stdin = "null", stdout = "pipe", stderr = "null", env = { "HOME=" .. r.dir } }
      local pid = tonumber((shell.stdout:read_line()))
      until_told(r, { pid = pid }, "step 7", at_step(7))
      process.kill(pid, signal)
      task.deadline(r.patience, function() return shell:wait() end, "the shell did not end")
      shell:close()
      local state = progress.read(r.home)
      expect.that(state.ended and state.ended.code == 130 and state.ended.outcome == "proven",
        "it was not undone: " .. (files.read(out) or ""))
      expect.all_over(r)
    end)
end

case("what is refused, planned or run beside a start leaves its file alone", function(r)
  local path = files.join(r.home, "progress")
  expect.ends(r:run("up", MODEL, "--dry-run"), 0)
  expect.ends(r:run("up", MODEL, "--plan"), 0)
  expect.ends(r:run("stop"), 0)
  expect.that(not files.exists(path), "somebody wrote into the file")
  linger(r)
  local child = detached(r, "up", MODEL)
  until_told(r, child, "step 4", at_step(4))
  r:heal()
  expect.ends(r:run("up", MODEL), 6)
  expect.that(progress.read(r.home).pid == child.pid, "the file is another's")
  last_of(r, child)
  local told = files.read(path)
  expect.ends(r:run("up", MODEL), 6)
  expect.that(files.read(path) == told, "a start that was refused is told")
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end)

return cases
