-- SPDX-License-Identifier: MIT
--- PersistentVolumeClaims (facts/coreweave.md §3.4, §3.12): where the storage class is one of the cluster's,
--- a claim has its volume a moment later, which bills by its size until the claim is gone. One that a pod
--- uses stays until that pod is gone.
local resources = require "cloudsim.coreweave.resources"
local sorted = require "base.sorted"

local claims = {}
local FINALIZER = "kubernetes.io/pvc-protection"
local Claim, Pod = resources.PersistentVolumeClaim, resources.Pod

local CLASSES = { ["shared-vast"] = true }
local MONTH, HOURS = 0.07, 730 -- dollars for a GB, in a month of so many hours
local BIND = 1                 -- seconds
local UNITS = { [""] = 1, k = 1e3, M = 1e6, G = 1e9, T = 1e12, Ki = 2 ^ 10, Mi = 2 ^ 20, Gi = 2 ^ 30,
  Ti = 2 ^ 40 }

-- Bytes of a quantity like "100Gi", or nil.
local function bytes(text)
  local number, unit = tostring(text):match "^(%d+%.?%d*)(%a*)$"
  return number and UNITS[unit] and tonumber(number) * UNITS[unit] or nil
end

local function bind(world, uid, namespace, name)
  local store = world.coreweave.store
  local object = store:get(Claim, namespace, name)
  if not object or object.metadata.uid ~= uid then return end
  local size = object.spec.resources.requests.storage
  store:change(Claim, object, function(copy)
    copy.spec.volumeName = "pvc-" .. uid
    copy.status = { phase = "Bound", accessModes = copy.spec.accessModes, capacity = { storage = size } }
  end)
  world.coreweave.volumes[uid] = true
  world.ledger:start({ provider = "coreweave", account = "coreweave " .. world.owner.id, id = uid,
    kind = "disk", rate = bytes(size) / 1e9 * MONTH / HOURS, token = name }, world.time)
end

--- Begins with a claim that was just made.
function claims.begin(world, object)
  local meta, class = object.metadata, object.spec.storageClassName
  if CLASSES[class] then
    world:after(BIND, bind, meta.uid, meta.namespace, meta.name)
  else
    world.coreweave:tell(object, "Normal", "FailedBinding", class
      and ("storageclass %q not found"):format(class)
      or "no persistent volumes available for this claim and no storage class is set")
  end
end

local function used(world, claim)
  local meta = claim.metadata
  for _, pod in ipairs(world.coreweave.store:all(Pod, meta.namespace)) do
    for _, volume in ipairs(pod.spec.volumes or {}) do
      if (volume.persistentVolumeClaim or {}).claimName == meta.name then return true end
    end
  end
  return false
end

--- What claims have to do next.
function claims.settle(world)
  local cluster, there = world.coreweave, {}
  for _, claim in ipairs(cluster.store:all(Claim)) do
    local meta = claim.metadata
    there[meta.uid] = true
    if meta.deletionTimestamp and not used(world, claim) then
      cluster.store:unfinish(Claim, claim, FINALIZER)
      there[meta.uid] = cluster.store:get(Claim, meta.namespace, meta.name) ~= nil
    end
  end
  for uid in sorted(cluster.volumes) do
    if not there[uid] then
      cluster.volumes[uid] = nil
      world.ledger:finish(uid, "disk", world.time)
    end
  end
end

return claims
