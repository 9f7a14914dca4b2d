-- SPDX-License-Identifier: MIT
--- What the container of a CronJob does. As a program the simulator runs its command as it is (`hook`); in
--- process nothing can be run, and what is known there is one command alone, that of a guard (`play`):
--- `sh -c SCRIPT guard POD WAITS_UNTIL RUNS_UNTIL URL…` looks at the pod and deletes the rest when it is
--- over, or its time is.
local clock = require "base.clock"
local files = require "base.files"
local json = require "base.json"
local process = require "base.process"
local task = require "base.task"

local jobs = {}

local SECRETS = "/var/run/secrets/kubernetes.io/serviceaccount" -- where a pod finds its account
local FAILED = 1

-- Asks as the job's account. → the decoded answer, or nil when there is none
local function ask(world, job, method, url)
  local path = url:match "^https?://[^/]+(/.*)$"
  local response = require("cloudsim.coreweave.handler").handler({ method = method, path = path, query = {},
    headers = { authorization = "Bearer " .. job.token }, peer = "10.16.0.9" }, world)
  return response.body and json.decode(response.body) or nil
end

local OVER = { Succeeded = true, Failed = true }

-- Until when a pod like that may be, in unix seconds.
local function until_of(seen, waits, runs)
  local phase = type(seen.status) == "table" and seen.status.phase
  if OVER[phase] or seen.reason == "NotFound" then return 0 end
  return phase == "Pending" and waits or runs
end

--- → exit code
function jobs.play(world, job)
  local command = job.command
  if command[1] ~= "/bin/sh" or command[4] ~= "guard" or #command < 8 then return FAILED end
  local seen = ask(world, job, "GET", command[5])
  if not seen then return FAILED end
  local born = clock.parse_iso(job.born)
  local ends = until_of(seen, tonumber(command[6]), tonumber(command[7]))
  if world.time < born + world:scaled(ends - born) then return 0 end
  for i = 8, #command do
    ask(world, job, "DELETE", command[i])
  end
  return 0
end

-- The command with the world's pace: times of the future come sooner there.
local function paced(world, job)
  local born, argv = clock.parse_iso(job.born), {}
  for i, word in ipairs(job.command) do
    local time = i > 4 and word:match "^%d+$" and tonumber(word)
    argv[i] = time and tostring((born + world:scaled(time - born)) // 1 | 0) or word
  end
  for _, word in ipairs(job.args) do
    argv[#argv + 1] = word
  end
  return argv
end

--- The hook of a simulator that runs as a program. dir: where jobs find their account
function jobs.hook(dir)
  local number = 0
  return function(world, job)
    number = number + 1
    local here = files.join(dir, "job" .. number)
    assert(files.mkdir(here))
    assert(files.write(files.join(here, "token"), job.token))
    assert(files.write(files.join(here, "ca.crt"), ""))
    local argv = paced(world, job)
    for i, word in ipairs(argv) do
      argv[i] = word:gsub(SECRETS, here)
    end
    local child = process.spawn { argv = argv, env = { "PATH=/usr/bin:/bin" }, stdin = "null",
      stdout = "null", stderr = "file:" .. files.join(here, "err") }
    task.spawn(function()
      local exit = child:wait()
      job.ended(exit and exit.status or FAILED)
    end)
  end
end

return jobs
