-- SPDX-License-Identifier: MIT
-- The simulator as a program of its own, for the time of a function.
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local http = require "base.http"
local json = require "base.json"
local process = require "base.process"
local task = require "base.task"

local M = { GIVE_UP = 60 } -- seconds

--- Waits until check() answers something true. → that
function M.wait_for(what, check)
  local limit = clock.now() + M.GIVE_UP
  while clock.now() < limit do
    local value = check()
    if value then return value end
    task.sleep(0.02)
  end
  error("gave up waiting for " .. what)
end

--- Runs fn(sim) beside a simulator whose accounts have `key`, its delays divided by `scale`. sim: { child,
--- dir, address = {face = url}, control(method, path, body) → answer, log(id) → what a machine printed }.
function M.run(t, key, scale, fn)
  if not files.exists("/proc/self") then
    t:skip("there is no /proc to look for processes in")
  end
  local dir = t:directory()
  local scripts = t.root
  if process.getenv("CONTINUEPLZ_SCRIPTS") then
    scripts = scripts .. ":" .. process.getenv("CONTINUEPLZ_SCRIPTS")
  end
  local child = process.spawn { argv = { process.exe, files.join(t.root, "cloudsim/main.lua"),
    "--dir=" .. dir, "--key=" .. key, "--time-scale=" .. scale, "--parent=" .. process.pid() },
    env = { "PATH=/usr/bin:/bin", "HOME=" .. dir, "CONTINUEPLZ_HOME=" .. dir .. "/none",
    "CONTINUEPLZ_SCRIPTS=" .. scripts }, stderr = "file:" .. dir .. "/err" }
  local sim = { child = child, dir = dir }
  sim.address = M.wait_for("the simulator", function()
    local text = files.read(files.join(dir, "address.json"))
    return text and json.decode(text)
  end)
  function sim.control(method, path, body)
    return http.request { method = method, url = sim.address.control .. path, json = body }.json()
  end
  function sim.log(id)
    return http.request { method = "GET", url = sim.address.control .. "/log/" .. id }.body
  end
  local ok, problem = fail.try(fn, sim)
  child:kill("TERM")
  t:ok(child:wait(M.GIVE_UP), "the end of the simulator")
  if not ok then error(problem, 0) end
end

return M
