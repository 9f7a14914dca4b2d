-- SPDX-License-Identifier: MIT
--- RunPod (facts/runpod.md §2): machines are containers behind mapped TCP ports.
local handler = require "cloudsim.runpod.handler"
local json = require "base.json"
local kinds = require "cloudsim.kinds"
local life = require "cloudsim.runpod.life"
local reply = require "cloudsim.reply"
local state = require "cloudsim.runpod.state"

-- A row of GET /machines, as far as other machines do not have it.
local function view(_, instance)
  return { label = instance.name, actual_status = instance.status, is_bid = false, offer = instance.type.id,
    gpu_name = instance.type.name, gpus = instance.count, tier = instance.cloud_type, place = instance.place,
    ports = json.object(instance.ports or {}), env = json.array(instance.env), locked = instance.locked,
    key = reply.maybe(instance.key), runtime = instance.runtime == true }
end

-- Adds the network volumes and templates; none is there at the beginning.
local function leftovers(world, found)
  local volumes, templates = json.array {}, json.array {}
  for i, row in ipairs(world.runpod.volumes) do
    volumes[i] = { cloud = "runpod", id = row.id, name = row.name }
  end
  for i, row in ipairs(world.runpod.templates) do
    templates[i] = { cloud = "runpod", id = row.id, name = row.body.name }
  end
  found.network_volumes, found.templates = volumes, templates
end

return {
  name = "runpod", order = 3,
  handler = handler.handler, open = state.new, beat = handler.collect,
  sow = function(world) world.runpod:sow() end,
  -- what facts/runpod.md does not know can be had either way
  settings = {
    runpod_minute = 60, runpod_hour = 3000, runpod_day = 50000, -- calls of an account
    runpod_pod_key = "terminate",         -- what a pod's key may: or "stop", or "none"
    runpod_exit = "dead",                 -- the first process ended: RUNNING without it, or "restart"
    runpod_centres = "enforced",          -- dataCenterIds, or "preferred"
    runpod_locked_terminate = "refuse",   -- of a locked pod, or "accept"
    runpod_stopped_disk = "billed",       -- the container's own disk of a stopped pod, or "free"
    runpod_billing_step = 300,            -- seconds between two runs of the billing
    runpod_records_lag = 0,               -- seconds until a run shows in its records
    runpod_least_hours = 1,               -- that the credit must last for a create
  },
  life = life, context = life.context, machine = require "cloudsim.runpod.machine", view = view,
  leftovers = leftovers,
  actions = {
    stop = life.stop, resume = life.start, restart = life.restart, offline = life.broken,
    online = life.start, stuck = life.stuck, destroy = life.destroy, freeze = life.freeze,
    remap = life.remap, outbid = life.destroy, -- there is no spot: it vanishes, as with an empty account
    exit = life.ended,
    label = function(_, instance, body) instance.name = body.value end,
    lock = function(_, instance, body) instance.locked = body.value ~= false end,
  },
  faults = kinds.of "runpod",
}
