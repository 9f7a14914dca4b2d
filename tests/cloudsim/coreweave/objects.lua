-- SPDX-License-Identifier: MIT
--- What can be done to objects: create, get, list, update, patch, delete (facts/coreweave.md §3.7). call: of
--- handler.lua. → response
local accounts = require "cloudsim.coreweave.accounts"
local claims = require "cloudsim.coreweave.claims"
local cron = require "cloudsim.coreweave.cron"
local defaults = require "cloudsim.coreweave.defaults"
local json = require "base.json"
local paging = require "cloudsim.paging"
local patch = require "cloudsim.coreweave.patch"
local pools = require "cloudsim.coreweave.pools"
local reply = require "cloudsim.reply"
local resources = require "cloudsim.coreweave.resources"
local rules = require "cloudsim.coreweave.rules"
local selectors = require "cloudsim.coreweave.selectors"
local status = require "cloudsim.coreweave.status"
local store = require "cloudsim.coreweave.store"
local tables = require "cloudsim.coreweave.tables"
local wrong = require "cloudsim.coreweave.wrong"

local objects = {}

--- An object, or a Table with it, or its metadata, where that is asked for.
local function shown(call, code, object)
  if tables.wanted(call.request) then
    return reply.json(code, tables.of(call.world, call.resource, { object }, {
      resourceVersion = object.metadata.resourceVersion }, call.query.includeObject))
  end
  return reply.json(code, tables.part(call.request, object) or object)
end

-- The object of the path, or raises 404.
local function target(call)
  return call.store:get(call.resource, call.namespace, call.name)
    or status.not_found(call.resource, call.name)
end

local function decoded(call, nulls)
  local body = json.decode(call.request.body or "", nulls)
  if type(body) ~= "table" then status.raise("BadRequest", "the body of the request was empty or no JSON") end
  return body
end

-- The object that was sent, as one of this resource at this place.
local function sent(call)
  local object = rules.tidy(decoded(call, true))
  local resource, meta = call.resource, object.metadata
  if object.kind and object.kind ~= resource.kind
    or object.apiVersion and object.apiVersion ~= resource.api then
    status.raise("BadRequest", ("%s in version %q cannot be handled as a %s"):format(tostring(object.kind),
      tostring(object.apiVersion), resource.kind))
  end
  object.metadata = type(meta) == "table" and meta or {}
  meta = object.metadata
  if resource.namespaced and meta.namespace and meta.namespace ~= call.namespace then
    status.raise("BadRequest",
      "the namespace of the provided object does not match the namespace sent on the request")
  end
  meta.namespace = resource.namespaced and call.namespace or nil
  return object
end

-- A name for an object that comes without.
local function named(call, meta)
  if not meta.name and meta.generateName then
    meta.name = meta.generateName .. call.state.random:hex(5)
  end
  if type(meta.name) ~= "string" or meta.name == "" then
    status.invalid(call.resource, "", { { "metadata.name",
      "Required value: name or generateName is required", "FieldValueRequired" } })
  end
end

function objects.create(call)
  local object, resource = sent(call), call.resource
  local meta = object.metadata
  named(call, meta)
  if resource.namespaced and not call.store:get(resources.Namespace, nil, call.namespace) then
    status.not_found(resources.Namespace, call.namespace)
  end
  if meta.resourceVersion then
    status.raise(nil, "resourceVersion should not be set on objects to be created", nil, 500)
  end
  meta.deletionTimestamp = nil
  defaults.fill(resource, object)
  rules.check(resource, object)
  if call.store:get(resource, call.namespace, meta.name) then status.exists(resource, meta.name) end
  local never = resource.kind == "NodePool" and wrong.create(call.world, object)
  if never then return never end
  defaults.admit(resource, object, call.state)
  if resource.kind == "Secret" then accounts.fill(call.world, object) end
  if call.query.dryRun then return shown(call, 201, object) end
  object = call.store:add(resource, object)
  if resource.kind == "Namespace" then call.state:publish(meta.name) end
  if resource.kind == "CronJob" then cron.begin(call.world, object) end
  if resource.kind == "PersistentVolumeClaim" then claims.begin(call.world, object) end
  local lost = resource.kind == "NodePool" and wrong.created(call.world, object)
  pools.settle(call.world)
  return lost or shown(call, 201, object)
end

function objects.get(call)
  local object = target(call)
  if call.resource.kind == "NodePool" then
    pools.looked(call.world, object)
    object = target(call)
    local answer = wrong.get(call.world, object)
    if answer then return answer end
  end
  return shown(call, 200, object)
end

local function test_of(call)
  local by_label = selectors.labels(call.query.labelSelector)
  local by_field = selectors.fields(call.resource, call.query.fieldSelector)
  return function(object)
    return (not call.namespace or object.metadata.namespace == call.namespace) and by_label(object)
      and by_field(object)
  end
end
objects.test_of = test_of

-- Where a list goes on: { version, from }, or raises 410.
local function place_of(call)
  local cursor = call.query["continue"]
  if not cursor or cursor == "" then return { version = call.store.version, from = 0 } end
  local place = paging.open(cursor)
  if not place then status.raise("BadRequest", "continue key is not valid") end
  if place.version < call.store.compacted then
    status.raise("Expired", "The provided continue parameter is too old to display a consistent list result. "
      .. "You must start a new list without the continue parameter.")
  end
  return place
end

-- The objects of a list, as they were at its beginning.
local function rows_at(call, version)
  local rows, test = {}, test_of(call)
  for _, object in ipairs(call.store:at(call.resource, version)) do
    rows[#rows + 1] = test(object) and object or nil
  end
  return rows
end

-- An item of a list: those of Kubernetes' own kinds do not say again what they are.
local function bare(resource, object)
  if resource.custom then return object end
  local item = {}
  for name, value in pairs(object) do item[name] = value end -- order: free
  item.kind, item.apiVersion = nil, nil
  return item
end

local function list_answer(call, rows, meta)
  if tables.wanted(call.request) then
    return reply.json(200, tables.of(call.world, call.resource, rows, meta, call.query.includeObject))
  end
  local parts = tables.parts(call.request, rows, meta)
  if parts then return reply.json(200, parts) end
  local items = {}
  for i, object in ipairs(rows) do items[i] = bare(call.resource, object) end
  return reply.json(200, { kind = call.resource.kind .. "List", apiVersion = call.resource.api,
    metadata = meta, items = json.array(items) })
end

local function looked_at(call)
  for _, pool in ipairs(call.store:all(call.resource)) do
    pools.looked(call.world, pool)
  end
end

local function selects(call)
  return (call.query.labelSelector or "") ~= "" or (call.query.fieldSelector or "") ~= ""
end

function objects.list(call)
  local pool = call.resource.kind == "NodePool"
  if pool then
    looked_at(call)
    local answer = wrong.list(call.world, call)
    if answer then return answer end
  end
  local place = place_of(call)
  local version = pool and wrong.stale(call.world, call.store) or place.version
  local rows, page = rows_at(call, version), {}
  local limit = pool and wrong.partial(call.world, place) or math.tointeger(tonumber(call.query.limit))
    or 0
  limit = limit > 0 and limit or #rows
  for i = place.from + 1, math.min(#rows, place.from + limit) do
    page[#page + 1] = rows[i]
  end
  local last = place.from + #page
  local left = #rows - last
  return list_answer(call, page, { resourceVersion = tostring(place.version),
    ["continue"] = (left > 0 or place.broken) and paging.token { version = place.version, from = last,
      broken = place.broken } or nil, remainingItemCount = left > 0 and not selects(call) and left or nil })
end

-- Puts the object in the place of the other, when it may.
local function replace(call, before, object)
  local meta, old = object.metadata, before.metadata
  if meta.name and meta.name ~= old.name then
    status.raise("BadRequest", ("the name of the object (%s) does not match the name on the URL (%s)"):format(
      meta.name, old.name))
  elseif meta.resourceVersion and meta.resourceVersion ~= old.resourceVersion then
    status.conflict(call.resource, call.name)
  elseif meta.uid and meta.uid ~= old.uid then
    status.conflict(call.resource, call.name, ("Precondition failed: UID in precondition: %s, UID in object "
      .. "meta: %s"):format(meta.uid, old.uid))
  end
  local was = before.status
  defaults.fill(call.resource, object)
  object.status, object.apiVersion, object.kind = was, call.resource.api, call.resource.kind
  for _, name in ipairs { "name", "uid", "creationTimestamp", "deletionTimestamp", "generation",
    "deletionGracePeriodSeconds" } do
    meta[name] = old[name]
  end
  rules.check(call.resource, object)
  rules.check_change(call.resource, before, object)
  if call.query.dryRun then return shown(call, 200, object) end
  local made = call.store:replace(call.resource, before, object)
  pools.settle(call.world)
  return shown(call, 200, call.store:get(call.resource, call.namespace, call.name) or made)
end

function objects.update(call)
  if call.resource.upsert and not call.store:get(call.resource, call.namespace, call.name) then
    return objects.create(call)
  end
  return replace(call, target(call), sent(call))
end

local PATCHES = {
  ["application/merge-patch+json"] = patch.merge,
  ["application/strategic-merge-patch+json"] = patch.strategic,
  ["application/json-patch+json"] = patch.operations,
}

function objects.patch(call)
  local before = target(call)
  local kind = (call.request.headers["content-type"] or ""):match "^[^; ]*"
  local play = PATCHES[kind]
  if not play or kind:find "strategic" and call.resource.custom then
    status.raise("UnsupportedMediaType", "the body of the request was in an unknown format - accepted media "
      .. "types include: application/json-patch+json, application/merge-patch+json", {})
  end
  return replace(call, before, rules.tidy(play(store.copy(before), decoded(call, true))))
end

-- How long a pod may take to end; other kinds have no grace.
local function grace_of(call, object, options)
  if call.resource.kind ~= "Pod" or not object.spec.nodeName then return 0 end
  return options.gracePeriodSeconds or math.tointeger(tonumber(call.query.gracePeriodSeconds))
    or object.spec.terminationGracePeriodSeconds
end

-- The object as one that begins to be deleted.
local function leaving(object)
  local copy = store.copy(object)
  local meta = copy.metadata
  if not meta.deletionTimestamp and meta.generation then meta.generation = meta.generation + 1 end
  return copy
end

-- What a delete answers when nothing is left.
local function farewell(call, object)
  if not call.resource.returned then return status.deleted(call.resource, object) end
  local copy = leaving(object)
  local meta = copy.metadata
  if call.resource.kind == "Pod" then
    meta.deletionTimestamp, meta.deletionGracePeriodSeconds = meta.deletionTimestamp or call.store:now(), 0
  end
  return copy
end

local function delete_one(call, object, options)
  local wanted = options.preconditions or {}
  for _, name in ipairs { "uid", "resourceVersion" } do
    if wanted[name] and wanted[name] ~= object.metadata[name] then
      status.another(call.resource, object, name, wanted[name])
    end
  end
  return call.store:delete(call.resource, object, grace_of(call, object, options))
end

local function options_of(call)
  local body = call.request.body
  return body and body ~= "" and decoded(call) or {}
end

function objects.delete(call)
  local object, pool = target(call), call.resource.kind == "NodePool"
  local options = options_of(call)
  if call.query.dryRun then
    return object.metadata.finalizers and shown(call, 200, leaving(object))
      or reply.json(200, farewell(call, object))
  end
  local answer = pool and wrong.delete(call.world, object, function()
    call.store:delete(call.resource, object, 0)
    pools.settle(call.world)
  end)
  if answer then return answer end
  if pool then wrong.not_done(call.world, object) end
  local left = delete_one(call, object, options)
  pools.settle(call.world)
  if left then return shown(call, 200, left) end
  return reply.json(200, farewell(call, object))
end

--- All that a list would show.
function objects.delete_many(call)
  local options, rows = options_of(call), rows_at(call, call.store.version)
  for _, object in ipairs(rows) do
    delete_one(call, object, options)
  end
  pools.settle(call.world)
  return list_answer(call, rows, { resourceVersion = tostring(call.store.version) })
end

return objects
