-- SPDX-License-Identifier: MIT
-- continueplz tests/bench/job.lua, with CONTINUEPLZ_SCRIPTS=tests: the main job where the cloud takes no
-- time, so that what is left is ours. The simulator divides its delays by 10000. Prints one figure a line,
-- NAME VALUE; seconds and KiB. Argument: where to leave a copy of the folder after one finished session.
local clock = require "base.clock"
local files = require "base.files"
local http = require "base.http"
local json = require "base.json"
local process = require "base.process"
local pty = require "e2e.pty"
local rig = require "e2e.rig"
local task = require "base.task"
local term = require "base.term"

local copy = ...
local INSTANT, QUICK, ROUNDS, REQUESTS = 10000, 100, 7, 1000
local SEEN = 20
local QUIET = 0.5 -- seconds between READY and the stop, as nobody types it in the same moment
local MODEL = "--model=qwen3-coder:30b"

local function say(name, value) term.out(("%s %.6f\n"):format(name, value)) end

local function median(list)
  table.sort(list)
  return list[#list // 2 + 1]
end

local function private_memory(pid)
  local text, total = assert(files.read(("/proc/%d/smaps_rollup"):format(pid))), 0
  for amount in text:gmatch("\nPrivate_%a+:%s+(%d+) kB") do total = total + tonumber(amount) end
  return total
end

local function succeeded(result)
  if result.code ~= 0 then
    error(("ended with %s\n%s%s"):format(result.code, result.out, result.err), 0)
  end
  return result
end

-- Seconds from `began` (of the wall clock) to the arrival of the first DELETE of an instance.
local function destroy_after(r, began)
  for _, request in ipairs(r:control("GET", "/requests").requests) do
    if request.method == "DELETE" and request.at >= began then
      return request.at - began
    end
  end
  error("the simulator saw no DELETE", 0)
end

local function agent_figures(r)
  say("agent_ready", private_memory(r:agent()))
  local url = succeeded(r:run("endpoint", "--output=json")).out:match("http://127%.0%.0%.1:%d+")
  local began = clock.now()
  for _ = 1, REQUESTS do
    http.request { url = url .. "/api/version", timeout = 30, max_bytes = 1 << 16, fresh = true }
  end
  say("request", (clock.now() - began) / REQUESTS)
  say("agent_used", private_memory(r:agent()))
end

-- Where the time of the last start went: seconds between the records of the journal.
local function phases(r, label)
  local before
  local token = r:journal():match('.*"token":"([^"]+)"')
  for line in r:journal():gmatch("[^\n]+") do
    local record = json.decode(line:match(" (.*)$"))
    if record.token == token and record.kind ~= "intent" then
      say(("phase_%s_%s"):format(label, record.kind), record.t - before)
    end
    before = record.t
    if record.token == token and record.kind == "ready" then return end
  end
end

-- As a user's folder is: a key, without the simulator's addresses.
local function copy_home(r)
  for _, name in ipairs { "journal", "history", "home.id" } do
    assert(files.write(files.join(copy, name), assert(files.read(files.join(r.home, name)))))
  end
  -- A copy is no folder that continueplz left: it is noted as if it were.
  local state =
    ('{"fingerprint":"%s","instance":null,"version":1}\n'):format(require("home.folder").fingerprint(copy))
  assert(files.write(files.join(copy, ".continueplz.state"), state))
  assert(files.write(files.join(copy, ".env"), "VAST_API_KEY=" .. r.account_key .. "\n"))
end

-- The job ROUNDS times with the client's pauses divided by `pace`.
local function rounds(r, pace, label, count)
  r.scale = pace
  r:write_env { CREATES_PER_HOUR = 60 }
  local ready, start, wire, stopped = {}, {}, {}, {}
  for i = 1, count do
    local began = clock.now()
    succeeded(r:run("--cheapest", MODEL, "-y"))
    ready[i] = clock.now() - began
    if i == 1 and pace > 1 then agent_figures(r) end
    if i == count then phases(r, label) end
    task.sleep(QUIET)
    local version = succeeded(r:run("--version"))
    start[i] = clock.wall() - version.began
    task.sleep(QUIET)
    began = clock.now()
    local result = succeeded(r:run("--stop"))
    stopped[i] = clock.now() - began
    wire[i] = destroy_after(r, result.began)
    if copy and i == 1 then copy_home(r) end
  end
  say("ready_" .. label, median(ready))
  say("start_" .. label, median(start))
  say("wire_" .. label, median(wire))
  say("stopped_" .. label, median(stopped))
end

-- A new user: from a key to READY. init reads the key from its standard input;
-- the simulator's addresses are in the environment.
local function from_a_key(r)
  local home, environment = r.home, {}
  for line in assert(files.read(files.join(home, ".env"))):gmatch("[^\n]+") do
    if not line:find("^VAST_API_KEY=") then environment[#environment + 1] = line end
  end
  r.home, r.more_env = files.join(r.dir, "new"), environment
  local began = clock.now()
  r.input = r.account_key .. "\n"
  succeeded(r:run("init", "--provider=vast", "-y"))
  r.input = nil
  say("key_init", clock.now() - began)
  succeeded(r:run("--cheapest", MODEL, "-y"))
  say("key_ready", clock.now() - began)
  succeeded(r:run("--stop"))
  r.home, r.more_env = home, nil
end

-- What a whole start prints on a terminal of 80 columns and 24 lines, and without one; the cloud takes
-- seconds, so that there is time for moving lines.
local function bytes_of_a_start()
  local r = rig.new { scale = SEEN }
  local ok, problem = pcall(function()
    local began = clock.now()
    local line = ("stty cols 80 rows 24; '%s' -C '%s' --cheapest -y %s"):format(process.exe, r.home, MODEL)
    say("seen_bytes", #succeeded(pty.run(line, {}, { shell = true, env = { "HOME=" .. r.dir } })).out)
    say("seen_seconds", clock.now() - began)
    succeeded(r:run("--stop"))
    local plain = succeeded(r:run("--cheapest", "-y", MODEL))
    say("plain_bytes", #plain.out + #plain.err)
    succeeded(r:run("--stop"))
  end)
  r:close()
  files.remove_tree(r.dir)
  if not ok then error(problem, 0) end
end

-- more machines within an hour than a user makes
local r = rig.new { scale = INSTANT, env = { CREATES_PER_HOUR = 60 } }
local ok, problem = pcall(function()
  rounds(r, QUICK, "own", ROUNDS)
  rounds(r, 1, "paced", 1)
  r.scale = QUICK
  r:write_env { CREATES_PER_HOUR = 60 }
  from_a_key(r)
end)
r:close()
files.remove_tree(r.dir)
if not ok then error(problem, 0) end
if files.exists("/usr/bin/script") then bytes_of_a_start() end
return 0
