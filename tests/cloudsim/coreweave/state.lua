-- SPDX-License-Identifier: MIT
--- What a world holds of CoreWeave: one cluster of the owner's, whose nodes are the machines. Objects are in
--- `store`; `runs` are the pods that a node has taken, by uid; `balancers` the addresses of Services,
--- `volumes` those of claims that bill.
local accounts = require "cloudsim.coreweave.accounts"
local catalog = require "cloudsim.coreweave.catalog"
local random = require "cloudsim.random"
local resources = require "cloudsim.coreweave.resources"
local roster = require "cloudsim.machine.roster"
local store = require "cloudsim.coreweave.store"

local state = setmetatable({}, roster)
state.__index = state

--- A fresh cluster. before: the one of before a reset, whose resourceVersions do not come back
function state.new(world, before)
  local self = setmetatable(roster.new(), state)
  self.world, self.types, self.runs, self.balancers = world, catalog.types(), {}, {}
  self.zombies, self.starved, self.issued, self.volumes = {}, {}, {}, {}
  self:sow()
  self.store = store.new(world, self.random, before and before.store.version)
  for _, name in ipairs { "default", "kube-system" } do
    self:namespace(name)
  end
  return self
end

--- The generator begins with the world's seed; what happens at one cloud does not change another.
function state:sow()
  self.random = random.new(self.world.seed + 3)
  if self.store then self.store.random = self.random end
end

function state:namespace(name)
  self.store:add(resources.Namespace, { metadata = { name = name,
    labels = { ["kubernetes.io/metadata.name"] = name } }, spec = { finalizers = { "kubernetes" } },
    status = { phase = "Active" } })
  self:publish(name)
end

--- An address inside the cluster, for a Service or one of several pods: of the loopback, so that somebody can
--- listen at it, and of a part of it that another simulator hardly has.
function state:address()
  self.addresses = (self.addresses or 0) + 1
  return ("127.%s.%d"):format(self.world.coreweave_net or "80.0", self.addresses % 250 + 2)
end

state.ROOT = "kube-root-ca.crt" -- the ConfigMap of every namespace by which pods know the cluster

--- What the cluster itself puts into a new namespace.
function state:publish(name)
  self.store:add(resources.ConfigMap, { metadata = { name = state.ROOT, namespace = name },
    data = { ["ca.crt"] = accounts.AUTHORITY } })
  self.store:add(resources.ServiceAccount, { metadata = { name = "default", namespace = name } })
end

--- Tells of an object in an Event. kind: "Normal" or "Warning"
function state:tell(object, kind, reason, message)
  local meta, now = object.metadata, self.store:now()
  local namespace = meta.namespace or "default"
  self.store:add(resources.Event, { metadata = { namespace = namespace,
    name = ("%s.%s"):format(meta.name, self.random:hex(16)) }, type = kind, reason = reason,
    message = message, count = 1, firstTimestamp = now, lastTimestamp = now,
    source = { component = "cloudsim" }, involvedObject = { kind = object.kind, apiVersion =
      object.apiVersion, name = meta.name, namespace = meta.namespace, uid = meta.uid } })
end

--- Puts or replaces a condition. → whether its status is another now
function state.condition(object, kind, status, reason, message, now)
  object.status.conditions = object.status.conditions or {}
  local row
  for _, each in ipairs(object.status.conditions) do
    row = each.type == kind and each or row
  end
  if not row then
    row = { type = kind }
    table.insert(object.status.conditions, row)
  end
  if row.status ~= status then row.lastTransitionTime = now end
  row.status, row.reason, row.message = status, reason, message
end

--- The status of a condition, or nil.
function state.told(object, kind)
  for _, row in ipairs((object.status or {}).conditions or {}) do
    if row.type == kind then return row.status end
  end
end

return state
