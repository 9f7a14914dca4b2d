-- SPDX-License-Identifier: MIT
--- CronJobs: every so many minutes the container of a CronJob runs, as its ServiceAccount and only where a
--- node takes it. Schedules of that one form; a run is no object of its own, its outcome is an Event and the
--- CronJob's status. What runs it: the hook `job` (a process), else jobs.play.
local accounts = require "cloudsim.coreweave.accounts"
local jobs = require "cloudsim.coreweave.jobs"
local pods = require "cloudsim.coreweave.pods"
local resources = require "cloudsim.coreweave.resources"

local cron = {}
local CronJob = resources.CronJob

-- Minutes between two runs, or nil: a schedule that is not simulated.
local function minutes_of(schedule)
  local every = schedule:match "^%*/(%d+) %* %* %* %*$" or schedule:match "^%* %* %* %* %*$" and "1"
  return math.tointeger(tonumber(every))
end

local function ended(world, object, code)
  local cluster = world.coreweave
  cluster:tell(object, code == 0 and "Normal" or "Warning", code == 0 and "SawCompletedJob" or "JobFailed",
    ("the job ended with %d"):format(code))
  cluster.store:change(CronJob, object, function(copy)
    if code == 0 then copy.status.lastSuccessfulTime = cluster.store:now() end
  end)
end

local function run(world, object)
  local meta, spec = object.metadata, object.spec.jobTemplate.spec.template.spec
  local cluster = world.coreweave
  local token = accounts.issue(world, meta.namespace, spec.serviceAccountName or "default")
  if not token then
    return cluster:tell(object, "Warning", "FailedCreate", ("error looking up service account %s/%s")
      :format(meta.namespace, spec.serviceAccountName or "default"))
  end
  local room, why = pods.room_for(world, spec)
  if not room then return cluster:tell(object, "Warning", "FailedScheduling", why) end
  cluster.store:change(CronJob, object, function(copy) copy.status.lastScheduleTime = cluster.store:now() end)
  local container = spec.containers[1]
  local job = { command = container.command or {}, args = container.args or {}, token = token,
    born = meta.creationTimestamp, ended = function(code) ended(world, object, code) end }
  if world.hooks.job then return world:hook("job", world, job) end
  job.ended(jobs.play(world, job))
end

local function again(world, uid, namespace, name)
  local object = world.coreweave.store:get(CronJob, namespace, name)
  if not object or object.metadata.uid ~= uid then return end
  if not object.spec.suspend then run(world, object) end
  world:after(minutes_of(object.spec.schedule) * 60, again, uid, namespace, name)
end

--- Begins with a CronJob that was just made.
function cron.begin(world, object)
  local minutes, meta = minutes_of(object.spec.schedule), object.metadata
  if not minutes then
    world.coreweave:tell(object, "Warning", "NotSimulated", "cloudsim: only */N * * * * is simulated")
  else
    world:after(minutes * 60, again, meta.uid, meta.namespace, meta.name)
  end
end

return cron
