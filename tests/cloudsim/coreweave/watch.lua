-- SPDX-License-Identifier: MIT
--- Watches and followed logs: answers that go on. They wait by the world's hook `wait`; where there is none
--- (in process) they end when everything is said.
local json = require "base.json"
local objects = require "cloudsim.coreweave.objects"
local pods = require "cloudsim.coreweave.pods"
local reply = require "cloudsim.reply"
local status = require "cloudsim.coreweave.status"
local tables = require "cloudsim.coreweave.tables"

local watch = {}

local PAUSE = 0.05 -- seconds between two looks

local EXPIRED = "too old resource version: %s (%d)"

-- An event with the object in the form that is asked for.
local function line(call, kind, object, bare)
  if tables.wanted(call.request) and kind ~= "BOOKMARK" then
    object = tables.of(call.world, call.resource, { object }, {
      resourceVersion = object.metadata.resourceVersion }, call.query.includeObject, bare)
  end
  return json.encode { type = kind, object = object } .. "\n"
end

-- What an event is to whom only the objects of `test` concern.
local function kind_for(test, event)
  local now = event.type ~= "DELETED" and test(event.object)
  local before = event.before and test(event.before)
  if event.type == "DELETED" then return before and "DELETED" or nil end
  if now then return before and "MODIFIED" or "ADDED" end
  return before and "DELETED" or nil
end

-- Writes what happened since. → the last resourceVersion that is told of, or nil when that is forgotten
local function catch_up(call, write, test, since, told)
  if since < call.store.compacted then return nil end
  for _, event in ipairs(call.store.events) do
    local kind = event.version > since and event.resource == call.resource and kind_for(test, event)
    if kind then
      write(line(call, kind, event.object, told.any))
      told.any = true
    end
  end
  return call.store.version
end

-- Where a watch begins: its version; without one everything that is there is new.
local function beginning(call, write, test, told)
  local wanted = call.query.resourceVersion
  if wanted and wanted ~= "" and wanted ~= "0" then return math.tointeger(tonumber(wanted)) or 0 end
  for _, object in ipairs(call.store:all(call.resource)) do
    if test(object) then
      write(line(call, "ADDED", object, told.any))
      told.any = true
    end
  end
  return call.store.version
end

local function bookmark(call, since)
  return json.encode { type = "BOOKMARK", object = { kind = call.resource.kind, apiVersion =
    call.resource.api, metadata = { resourceVersion = tostring(since) } } } .. "\n"
end

local function go_on(call, write)
  local world, test, told = call.world, objects.test_of(call), { any = false }
  local deadline = world.time + (tonumber(call.query.timeoutSeconds) or 300)
  local since = beginning(call, write, test, told)
  while true do
    local now = catch_up(call, write, test, since, told)
    if not now then
      write(json.encode { type = "ERROR", object = status.failure("Expired", EXPIRED:format(since,
        call.store.compacted)) } .. "\n")
      return
    end
    since = now
    if not world.hooks.wait or world.time >= deadline then break end
    world:hook("wait", PAUSE)
  end
  if call.query.allowWatchBookmarks == "true" then write(bookmark(call, since)) end
end

--- GET of a list with watch=true.
function watch.list(call)
  if call.name then call.query.fieldSelector = "metadata.name=" .. call.name end
  local from = call.query.resourceVersion or ""
  if from:find "%D" then
    status.raise(nil, ("resourceVersion: Invalid value: %q: it is no number"):format(from), nil, 500)
  end
  objects.test_of(call) -- a bad selector is an answer, not a stream
  return { status = 200, headers = { ["Content-Type"] = "application/json" }, stream = function(write)
    go_on(call, write)
  end }
end

local function last_lines(text, number)
  local list = {}
  for each in text:gmatch "[^\n]*\n?" do
    list[#list + 1] = each ~= "" and each or nil
  end
  return table.concat(list, "", math.max(1, #list - number + 1))
end

local function follow(call, write, pod)
  local from = 0
  while true do
    local text = pods.log(call.world, pod) or ""
    if #text > from then write(text:sub(from + 1)) end
    from = math.max(from, #text)
    local now = call.store:get(call.resource, call.namespace, call.name)
    if not call.world.hooks.wait or not now or now.status.phase ~= "Running" then return end
    call.world:hook("wait", PAUSE)
  end
end

--- GET pods/NAME/log
function watch.log(call)
  local pod = call.store:get(call.resource, call.namespace, call.name)
    or status.not_found(call.resource, call.name)
  local text, why = pods.log(call.world, pod)
  if not text then status.raise("BadRequest", why) end
  if call.query.follow == "true" then
    return { status = 200, headers = { ["Content-Type"] = "text/plain" },
      stream = function(write) follow(call, write, pod) end }
  end
  local number = math.tointeger(tonumber(call.query.tailLines))
  return reply.text(200, number and last_lines(text, number) or text)
end

return watch
