-- SPDX-License-Identifier: MIT
--- The simulated cluster of tests/cloudsim, as compare.lua asks it.
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local http = require "base.http"
local json = require "base.json"
local keys = require "base.keys"
local process = require "base.process"
local task = require "base.task"

local simulator = {}

local PATIENCE = 30 -- seconds

local function address_of(dir)
  local limit = clock.now() + PATIENCE
  repeat
    local text = files.read(files.join(dir, "address.json"))
    if text then return json.decode(text) end
    task.sleep(0.02)
  until clock.now() > limit
  fail.raise("broken", "the simulator did not start; see " .. dir .. "/err")
end

local function side_of(address, key)
  local tokens = { all = key, few = key, bad = "another" }
  local function control(path, body)
    return http.request { method = "POST", url = address.control .. path, json = body }
  end
  return { compact = function() control("/coreweave/compact", json.object {}) end,
    ask = function(method, path, body, more)
      local token = tokens[more.as or "all"]
      if more.as == "few" then control("/set", { coreweave_denied = "* *" }) end
      local response = http.request { method = method, url = address.coreweave .. path, ok = "any",
        body = type(body) == "table" and json.encode(body) or body, headers = {
        Authorization = token and "Bearer " .. token, Accept = more.accept or "application/json",
        ["Content-Type"] = more.type or "application/json" } }
      if more.as == "few" then control("/set", { coreweave_denied = "" }) end
      return response
    end }
end

--- Calls fn(side) beside it. dir: of its own
function simulator.run(dir, fn)
  local key = keys.random_hex(16)
  assert(files.mkdir(dir))
  local child = process.spawn { argv = { process.exe, process.cwd() .. "/tests/cloudsim/main.lua",
    "--dir=" .. dir, "--key=" .. key, "--time-scale=1", "--parent=" .. process.pid() },
    env = { "PATH=/usr/bin:/bin", "HOME=" .. dir, "CONTINUEPLZ_HOME=" .. dir .. "/none",
    "CONTINUEPLZ_SCRIPTS=" .. process.getenv "CONTINUEPLZ_SCRIPTS" }, stderr = "file:" .. dir .. "/err" }
  local ok, problem = fail.try(function() fn(side_of(address_of(dir), key)) end)
  child:kill "TERM"
  child:wait(PATIENCE)
  if not ok then error(problem, 0) end
end

return simulator
