-- SPDX-License-Identifier: MIT
--- What etcd and the garbage collector do: objects with one growing resourceVersion, the events that watches
--- read, finalizers, graceful deletion, owners. An object in here is never changed: each change is another
--- table, so an event may keep what was.
local clock = require "base.clock"
local json = require "base.json"
local resources = require "cloudsim.coreweave.resources"
local sorted = require "base.sorted"

local store = {}
store.__index = store

local KEPT_EVENTS = 5000

--- A copy of a JSON value; marks of arrays and objects stay.
function store.copy(value)
  if type(value) ~= "table" then return value end
  local made = setmetatable({}, getmetatable(value))
  for key, item in pairs(value) do -- order: free
    made[key] = store.copy(item)
  end
  return made
end

--- random makes the uids. first: the resourceVersion to begin after
function store.new(world, random, first)
  return setmetatable({ world = world, random = random, version = first or 1000, objects = {}, events = {},
    compacted = first or 1000 }, store)
end

function store:now()
  return clock.iso(self.world.time // 1)
end

function store:uid()
  local digits = self.random:hex(32)
  return ("%s-%s-4%s-a%s-%s"):format(digits:sub(1, 8), digits:sub(9, 12), digits:sub(14, 16),
    digits:sub(18, 20), digits:sub(21, 32))
end

local function place(resource, namespace, name)
  return resource.namespaced and (namespace or "") .. "/" .. name or name
end

function store:get(resource, namespace, name)
  return (self.objects[resource.key] or {})[place(resource, namespace, name)]
end

--- The objects in order of namespace and name. test(object) → bool, or nil
function store:all(resource, namespace, test)
  local list = {}
  for _, object in sorted(self.objects[resource.key] or {}) do
    if (not namespace or object.metadata.namespace == namespace) and (not test or test(object)) then
      list[#list + 1] = object
    end
  end
  return list
end

--- The same as it was at a resourceVersion.
function store:at(resource, version)
  local then_ = {}
  for key, object in pairs(self.objects[resource.key] or {}) do -- order: free
    then_[key] = object
  end
  for i = #self.events, 1, -1 do
    local event = self.events[i]
    if event.version <= version then break end
    if event.resource == resource then
      then_[place(resource, event.object.metadata.namespace, event.object.metadata.name)] = event.before
    end
  end
  local list = {}
  for _, object in sorted(then_) do
    list[#list + 1] = object
  end
  return list
end

local function note(self, kind, resource, object, before)
  self.events[#self.events + 1] = { version = self.version, type = kind, resource = resource, object = object,
    before = before, at = self.world.time }
  local oldest = self.world.time - self.world.settings.coreweave_watch_seconds
  while #self.events > KEPT_EVENTS or self.events[1].at < oldest do
    self.compacted = table.remove(self.events, 1).version
  end
end

--- The resourceVersion that was the newest at that time.
function store:version_at(time)
  local version = self.compacted
  for _, event in ipairs(self.events) do
    version = event.at <= time and event.version or version
  end
  return version
end

--- Forgets what was: a watch from before gets 410.
function store:compact()
  self.events, self.compacted = {}, self.version
end

local function put(self, resource, object)
  self.version = self.version + 1
  object.metadata.resourceVersion = tostring(self.version)
  self.objects[resource.key] = self.objects[resource.key] or {}
  self.objects[resource.key][place(resource, object.metadata.namespace, object.metadata.name)] = object
end

--- Adds what does not exist yet. The caller gives it away. → object
function store:add(resource, object)
  local meta = object.metadata
  object.apiVersion, object.kind = resource.api, resource.kind
  meta.uid, meta.creationTimestamp = self:uid(), self:now()
  if object.spec and resource.counted then meta.generation = 1 end
  put(self, resource, object)
  note(self, "ADDED", resource, object)
  return object
end

local function same(a, b)
  return json.encode(a) == json.encode(b)
end

--- Puts another one in the place of `before`; the same: nothing happens. → object
function store:replace(resource, before, object)
  object.metadata.resourceVersion = before.metadata.resourceVersion
  if same(before, object) then return before end
  if object.metadata.generation and not same(before.spec or 0, object.spec or 0) then
    object.metadata.generation = before.metadata.generation + 1
  end
  put(self, resource, object)
  note(self, "MODIFIED", resource, object, before)
  if object.metadata.deletionTimestamp and #(object.metadata.finalizers or {}) == 0
    and (object.metadata.deletionGracePeriodSeconds or 0) == 0 then
    self:remove(resource, object)
  end
  return object
end

--- Changes an object that exists by change(copy). object: as it was a moment ago. → as it is now, or nil when
--- it exists no more
function store:change(resource, object, change)
  local before = self:get(resource, object.metadata.namespace, object.metadata.name)
  if not before or before.metadata.uid ~= object.metadata.uid then return nil end
  local copy = store.copy(before)
  change(copy)
  return self:replace(resource, before, copy)
end

-- What the object owns, by uid.
local function owned(self, uid)
  local list = {}
  for _, resource in ipairs(resources.list) do
    for _, object in ipairs(self:all(resource)) do
      for _, owner in ipairs(object.metadata.ownerReferences or {}) do
        if owner.uid == uid then list[#list + 1] = { resource, object } end
      end
    end
  end
  return list
end

-- What its last owner owned goes as well.
local function collect(self, object)
  local uid = object.metadata.uid
  for _, row in ipairs(owned(self, uid)) do
    if #row[2].metadata.ownerReferences == 1 then self:delete(row[1], row[2]) end
  end
end

--- It exists no more.
function store:remove(resource, object)
  local key = place(resource, object.metadata.namespace, object.metadata.name)
  local before = (self.objects[resource.key] or {})[key]
  if not before or before.metadata.uid ~= object.metadata.uid then return end
  local last = store.copy(before)
  self.version = self.version + 1
  last.metadata.resourceVersion = tostring(self.version)
  self.objects[resource.key][key] = nil
  note(self, "DELETED", resource, last, before)
  collect(self, before)
end

--- Takes a finalizer away; the last one lets go of what is being deleted.
function store:unfinish(resource, object, name)
  self:change(resource, object, function(copy)
    local kept = {}
    for _, each in ipairs(copy.metadata.finalizers or {}) do
      kept[#kept + 1] = each ~= name and each or nil
    end
    copy.metadata.finalizers = #kept > 0 and kept or nil
  end)
end

--- Begins to delete. grace: seconds, of pods. → the object that is still there with its deletionTimestamp, or
--- nil when it is gone
function store:delete(resource, object, grace)
  grace = grace or 0
  if #(object.metadata.finalizers or {}) == 0 and grace <= 0 then
    self:remove(resource, object)
    return nil
  end
  return self:change(resource, object, function(copy)
    local meta = copy.metadata
    if not meta.deletionTimestamp and meta.generation then meta.generation = meta.generation + 1 end
    meta.deletionTimestamp = meta.deletionTimestamp or clock.iso((self.world.time + grace) // 1)
    meta.deletionGracePeriodSeconds = math.min(grace, meta.deletionGracePeriodSeconds or grace)
  end)
end

return store
