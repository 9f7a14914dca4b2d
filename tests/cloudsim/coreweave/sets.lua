-- SPDX-License-Identifier: MIT
--- Controllers of several pods: Deployments (without the ReplicaSets in between) and, where they are
--- installed, LeaderWorkerSets (leaderworkerset.x-k8s.io): groups of a leader and its workers, told of each
--- other in their environment (by the address of the leader, as nobody here answers names).
local defaults = require "cloudsim.coreweave.defaults"
local json = require "base.json"
local resources = require "cloudsim.coreweave.resources"
local state = require "cloudsim.coreweave.state"
local store = require "cloudsim.coreweave.store"

local sets = {}
local Pod, Deployment, Group = resources.Pod, resources.Deployment, resources.LeaderWorkerSet

local function over(pod) return pod.status.phase == "Failed" or pod.status.phase == "Succeeded" end

-- The pods of an object, those that end or are over aside; these are gone then.
local function pods_of(world, object)
  local list = {}
  for _, pod in ipairs(world.coreweave.store:all(Pod, object.metadata.namespace)) do
    local owner = (pod.metadata.ownerReferences or {})[1]
    if owner and owner.uid == object.metadata.uid and not pod.metadata.deletionTimestamp then
      if over(pod) then world.coreweave.store:delete(Pod, pod, 0) else list[#list + 1] = pod end
    end
  end
  return list
end

-- → the pod
local function make(world, object, template, name, more)
  local pod = { metadata = store.copy(template.metadata or {}), spec = store.copy(template.spec) }
  local meta = pod.metadata
  meta.name, meta.namespace = name, object.metadata.namespace
  meta.ownerReferences = json.array { { apiVersion = object.apiVersion, kind = object.kind,
    name = object.metadata.name, uid = object.metadata.uid, controller = true, blockOwnerDeletion = true } }
  defaults.fill(Pod, pod)
  defaults.admit(Pod, pod)
  pod.status.podIP = world.coreweave:address()
  if more then more(pod) end
  return world.coreweave.store:add(Pod, pod)
end

local function is_ready(pod) return state.told(pod, "Ready") == "True" end

local function tell(world, resource, object, total, ready)
  local wanted, now = object.spec.replicas, world.coreweave.store:now()
  world.coreweave.store:change(resource, object, function(copy)
    local status = copy.status
    status.observedGeneration = copy.metadata.generation
    status.replicas, status.updatedReplicas = total, total
    status.readyReplicas, status.availableReplicas = ready > 0 and ready or nil, ready > 0 and ready or nil
    status.unavailableReplicas = ready < wanted and wanted - ready or nil
    state.condition(copy, "Available", ready >= wanted and "True" or "False", ready >= wanted
      and "MinimumReplicasAvailable" or "MinimumReplicasUnavailable", nil, now)
  end)
end

local function deploy(world, object)
  local pods, wanted, ready = pods_of(world, object), object.spec.replicas, 0
  for index = wanted + 1, #pods do world.coreweave.store:delete(Pod, pods[index], 0) end
  for _ = #pods + 1, wanted do
    make(world, object, object.spec.template, ("%s-%s-%s"):format(object.metadata.name,
      object.metadata.uid:sub(1, 8), world.coreweave.random:hex(5)))
  end
  for index = 1, math.min(wanted, #pods) do ready = ready + (is_ready(pods[index]) and 1 or 0) end
  tell(world, Deployment, object, wanted, ready)
end

-- What a pod of a group is told (lws.sigs.k8s.io, its environment variables).
local function told(object, leader, index)
  local spec = object.spec.leaderWorkerTemplate
  return function(pod)
    local address = (leader or pod).status.podIP
    for _, one in ipairs(pod.spec.containers) do
      one.env = one.env or {}
      for _, row in ipairs { { "LWS_LEADER_ADDRESS", address }, { "LWS_GROUP_SIZE", tostring(spec.size) },
        { "LWS_WORKER_INDEX", tostring(index) } } do
        table.insert(one.env, { name = row[1], value = row[2] })
      end
    end
  end
end

local function gather(world, object)
  local spec, there, ready = object.spec.leaderWorkerTemplate, {}, 0
  for _, pod in ipairs(pods_of(world, object)) do there[pod.metadata.name] = pod end
  for group = 0, object.spec.replicas - 1 do
    local whole, leader = true, nil
    for index = 0, spec.size - 1 do
      local name = ("%s-%d%s"):format(object.metadata.name, group, index > 0 and "-" .. index or "")
      if not there[name] then
        there[name] = make(world, object, index == 0 and spec.leaderTemplate or spec.workerTemplate, name,
          told(object, leader, index))
      end
      leader = leader or there[name]
      whole = whole and is_ready(there[name])
    end
    ready = ready + (whole and 1 or 0)
  end
  tell(world, Group, object, object.spec.replicas, ready)
end

--- What controllers have to do next.
function sets.settle(world)
  for _, row in ipairs { { Deployment, deploy }, { Group, gather } } do
    for _, object in ipairs(world.coreweave.store:all(row[1])) do
      if not object.metadata.deletionTimestamp then row[2](world, object) end
    end
  end
end

return sets
