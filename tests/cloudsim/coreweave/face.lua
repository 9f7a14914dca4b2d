-- SPDX-License-Identifier: MIT
--- CoreWeave (facts/coreweave.md §3): a Kubernetes cluster whose nodes are the machines. A pool of nodes
--- bills, whatever runs on them; what runs is a pod.
local front = require "cloudsim.coreweave.front"
local jobs = require "cloudsim.coreweave.jobs"
local json = require "base.json"
local kinds = require "cloudsim.kinds"
local pods = require "cloudsim.coreweave.pods"
local process = require "base.process"
local pools = require "cloudsim.coreweave.pools"
local reply = require "cloudsim.reply"
local resources = require "cloudsim.coreweave.resources"
local state = require "cloudsim.coreweave.state"

-- A row of GET /machines, as far as other machines do not have it.
local function view(_, instance)
  local run = instance.run
  return { label = instance.label, actual_status = instance.status, is_bid = instance.is_bid,
    offer = instance.type.name, gpu_name = instance.type.class, ports = json.object(instance.ports or {}),
    pod = run and not run.over and run.name or json.null }
end

-- what the cluster brings itself
local SYSTEM = { ["Namespace default"] = true, ["Namespace kube-system"] = true,
  ["ServiceAccount default"] = true, ["ConfigMap " .. state.ROOT] = true }

-- Adds the cluster's objects that bill nothing, and the addresses.
local function leftovers(world, found)
  found.objects = found.objects or json.array {}
  for _, name in ipairs { "NodePool", "Pod", "Service", "Secret", "ConfigMap", "Namespace",
    "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "CronJob",
    "Deployment", "NetworkPolicy", "LeaderWorkerSet", "PersistentVolumeClaim" } do
    for _, object in ipairs(world.coreweave.store:all(resources[name])) do
      if not SYSTEM[name .. " " .. object.metadata.name] then
        found.objects[#found.objects + 1] = { cloud = "coreweave", kind = name, name = object.metadata.name }
      end
    end
  end
end

local life = {
  destroy = function(world, instance)
    pools.lose(world, instance)
    pools.settle(world)
  end,
  ended = function(world, instance)
    pods.ended(world, instance, math.type(instance.exit) == "integer" and instance.exit or 137)
    pools.settle(world)
  end,
}

local function exit(world, instance)
  world:hook("stop", instance)
  pods.ended(world, instance, 1)
end

-- POST /compact: what watches and lists could go on from is forgotten, so they get 410.
local function compact(call)
  call.world.coreweave.store:compact()
  return reply.json(200, { success = true })
end

return {
  name = "coreweave", order = 4,
  handler = require("cloudsim.coreweave.handler").handler, open = state.new,
  sow = function(world) world.coreweave:sow() end,
  begin = function(world, options)
    front.begin(world, options)
    world.hooks.job = jobs.hook(options.dir)
    world.coreweave_net = ("%d.%d"):format(64 + process.pid() % 160, process.pid() // 160 % 250)
  end,
  -- what the facts do not know can be had either way
  settings = {
    coreweave_denied = "",                -- rights that are missing: "create nodepools, * secrets"
    coreweave_calls = false,              -- or so many calls a second
    coreweave_step = 60,                  -- seconds that are billed whole
    coreweave_release_seconds = 30,       -- from a smaller pool until its node is given back
    coreweave_bill_until = "released",    -- or "request"
    coreweave_refill_seconds = 60,        -- until there is a node again for one that was reclaimed
    coreweave_idle_seconds = 600,         -- until an autoscaled pool gives an idle node back
    coreweave_address_seconds = 5,        -- until a LoadBalancer has its address
    coreweave_groups = false,             -- true: LeaderWorkerSets are installed
    coreweave_watch_seconds = 300,        -- how long events are kept for watches
  },
  life = life, context = pools.context, machine = require "cloudsim.coreweave.machine",
  view = view, leftovers = leftovers,
  routes = { { "POST", "^/coreweave/compact$", compact }, { "GET", "^/coreweave/front$", front.open } },
  actions = { outbid = pools.reclaim, destroy = life.destroy, exit = exit,
    freeze = function(world, instance) world:hook("freeze", instance) end },
  faults = kinds.of "coreweave",
}
