-- SPDX-License-Identifier: MIT
--- RunPod's pods: list, get, change, actions, terminate, logs (facts/runpod.md §2.8, §2.9), and what may be
--- wrong with them.
local answers = require "cloudsim.runpod.answers"
local create = require "cloudsim.runpod.create"
local json = require "base.json"
local kinds = require "cloudsim.kinds"
local life = require "cloudsim.runpod.life"
local reply = require "cloudsim.reply"
local shape = require "cloudsim.runpod.shape"
local sorted = require "base.sorted"
local view = require "cloudsim.runpod.view"

local pods = {}
local faults = kinds.of "runpod"

local function missing()
  return answers.problem(404, "pod not found")
end

-- The caller's pod of that id, as far as it is to be seen at all.
local function find(call, id)
  local instance = call.state.instances[id]
  if not instance or instance.account ~= call.account.id then return nil end
  if instance.hidden_get and call.world.time < instance.visible_at then return nil end
  return instance
end
pods.find = find

local wrong_get = faults:first {
  { "get.500", "as named", function() return answers.problem(500, "internal error") end },
  { "get.html", "as named", function() return reply.html(200) end },
  { "get.hang", "as named", function() return { hang = true } end },
  { "get.false_null", "404 \"pod not found\" although it lives", missing },
  { "get.null_fields", "the id, name and env, everything else null", function(_, world, instance)
    return answers.ok(view.unknown(world, instance))
  end },
}
local UNKNOWN = faults:kind("get.unknown_status", "a status nobody knows")
local STOPPED = faults:kind("get.stopped", "said to be EXITED although it is not")

function pods.get(call)
  local world, instance = call.world, find(call, call.args[1])
  if not instance or not life.looked(world, instance) then return missing() end
  local context = life.context(instance)
  local wrong = wrong_get(world, context, instance)
  if wrong then return wrong end
  local shown = view.pod(world, instance)
  if UNKNOWN:take(world, context) then
    shown.status = "HIBERNATING"
  end
  if STOPPED:take(world, context) then
    shown.status, shown.runtime, shown.actions = "EXITED", json.null, json.array { "start", "terminate" }
  end
  return answers.ok(shown)
end

local STALE = faults:kind("list.stale", "the picture of `seconds` (60) ago")

local function never() return false end

-- The pods that a list shows.
local function visible(call)
  local world, list = call.world, {}
  for i, row in ipairs(call.state:picture(world, STALE:take(world), life.looked, never, call.account.id)) do
    list[i] = view.pod(world, row.instance)
    list[i].status = row.before and "RUNNING" or list[i].status
  end
  return list
end

local wrong_list = faults:first {
  { "list.html", "as named", function() return reply.html(200) end },
  { "list.500", "as named", function() return answers.problem(500, "internal error") end },
  { "list.empty", "as named", function() return answers.ok { pods = json.array {} } end },
}
local PARTIAL = faults:kind("list.partial", "the JSON breaks off: there are no pages")

function pods.list(call)
  local wrong = wrong_list(call.world)
  if wrong then return wrong end
  local response = answers.ok { pods = json.array(visible(call)) }
  if PARTIAL:take(call.world) then
    response.body = response.body:sub(1, #response.body * 2 // 3)
  end
  return response
end

local PATCH = { "object", fields = { locked = { "boolean" } } }
for name, form in pairs(create.CONTAINER) do -- order: free
  PATCH.fields[name] = form
end

-- A mount of another kind than the pod was made with, or another volume.
local function other_mount(instance, mounts)
  for kind in sorted(mounts or {}) do
    if not instance.mounts[kind] then
      return "the kind of a mount is fixed at create"
    end
  end
  local network = mounts and mounts.network
  if network and (#network == 0 or network[1].volumeId ~= instance.mounts.network[1].volumeId) then
    return "the volume of a mount cannot be changed"
  end
end

local function change(instance, body)
  instance.name, instance.image = body.name or instance.name, body.image or instance.image
  instance.disk, instance.mounts = body.disk or instance.disk, body.mounts or instance.mounts
  if body.locked ~= nil then instance.locked = body.locked end
  if body.globalNetworking ~= nil then instance.global = body.globalNetworking end
  if body.registry ~= nil then instance.registry = body.registry ~= json.null and body.registry or nil end
  if body.args then
    instance.args_text, instance.args = body.args, create.words(body.args)
  end
  if body.ports then
    instance.port_texts = body.ports
    instance.forwards, instance.http_ports = create.ports(body.ports)
  end
  if body.env then
    instance.variables, instance.env = body.env, {}
    for name, value in sorted(body.env) do
      instance.env[#instance.env + 1] = { name, value }
    end
  end
end

function pods.patch(call)
  local instance = find(call, call.args[1])
  local errors = shape.errors(call.body == nil and json.null or call.body, PATCH)
  if not instance then
    return missing()
  elseif #errors > 0 then
    return answers.invalid(errors)
  elseif call.body.templateId and not call.state:template(call.body.templateId, call.account.id) then
    return answers.problem(404, "template not found")
  end
  local sentence = create.conflict(call.body)
  sentence = type(sentence) == "string" and sentence or other_mount(instance, call.body.mounts)
  if sentence then return answers.problem(400, sentence) end
  change(instance, call.body)
  return answers.ok(view.pod(call.world, instance))
end

-- A terminate that fails, done or not.
local function failing(response)
  return function(order, world, instance)
    if order.done then
      life.destroy(world, instance)
    end
    return response()
  end
end

local wrong_terminate = faults:first {
  { "destroy.500", "fails (`done:true`: destroyed all the same)",
    failing(function() return answers.problem(500, "internal error") end) },
  { "destroy.hang", "fails (`done:true`: destroyed all the same)",
    failing(function() return { hang = true } end) },
  { "destroy.429", "rate limit exceeded (`retry_after` 12)", answers.too_many },
  { "destroy.accepted_not_done",
    "success, but it lives and bills on for `polls` looks, or for ever; `released:true`: the record stays",
    function(order, world, instance)
      instance.zombie_polls = order.polls or math.huge
      if order.released then
        life.release(world, instance)
      end
      return answers.nothing()
    end },
}

--- Terminates a pod. → answer
function pods.terminate(call, instance)
  local world = call.world
  if call.key and call.key.kind == "instance" and world.settings.runpod_pod_key == "stop" then
    return answers.problem(403, "access denied")
  elseif instance.locked and world.settings.runpod_locked_terminate == "refuse" then
    return answers.problem(409, "pod is locked")
  end
  local wrong = wrong_terminate(world, life.context(instance), instance)
  if wrong then return wrong end
  life.destroy(world, instance)
  return answers.nothing()
end

function pods.delete(call)
  local instance = find(call, call.args[1])
  return instance and pods.terminate(call, instance) or missing()
end

local ACTION = { "object", needs = { "action" },
  fields = { action = { "enum", of = { "start", "stop", "restart", "terminate" } } } }

local DO = { stop = life.stop, restart = life.restart, start = life.start }

--- start, stop or restart, when the pod's status allows it. → answer or nil: done
function pods.transition(call, instance, word)
  local allowed = false
  for _, each in ipairs(view.actions(instance)) do
    allowed = allowed or each == word
  end
  if not allowed then
    return answers.problem(409, ("action '%s' is not valid for a pod in status %s"):format(word,
      instance.status))
  elseif instance.locked and word ~= "start" then
    return answers.problem(409, "pod is locked")
  elseif word == "start" and not life.has_cards(call.world, instance) then
    return answers.capacity()
  end
  DO[word](call.world, instance)
end

function pods.action(call)
  local instance = find(call, call.args[1])
  local errors = shape.errors(call.body == nil and json.null or call.body, ACTION)
  if not instance then
    return missing()
  elseif #errors > 0 then
    return answers.invalid(errors)
  elseif call.body.action == "terminate" then
    return pods.terminate(call, instance)
  end
  local refusal = pods.transition(call, instance, call.body.action)
  return refusal or answers.ok(view.pod(call.world, instance))
end

-- What the pod has said so far: rows { ts, source, line }, in order.
local function log_lines(call, instance)
  local list, state = { { at = instance.created_at, source = "system", line = "create container "
    .. instance.image } }, call.state
  if instance.started_at then
    list[2] = { at = instance.started_at, source = "system", line = "start container" }
    for line in ((call.world:hook("log", instance) or "") .. "\n"):gmatch("([^\n]*)\n") do
      list[#list + 1] = line ~= "" and { at = instance.started_at, source = "container", line = line } or nil
    end
  end
  for i, row in ipairs(list) do -- the number of the line makes its time its own
    row.ts = state:iso(row.at):gsub("Z$", (".%06dZ"):format(i))
  end
  return list
end

-- The rows that are asked for.
local function wanted(call, list)
  local query, found = call.query, {}
  local since = call.request.headers["last-event-id"] or query.since
  for _, row in ipairs(list) do
    if (query.source == nil or query.source == row.source) and (since == nil or row.ts > since) then
      found[#found + 1] = row
    end
  end
  local tail = not since and (math.tointeger(tonumber(query.tail)) or 100) or #found
  return table.move(found, math.max(1, #found - tail + 1), #found, 1, {})
end

function pods.logs(call)
  local instance, query = find(call, call.args[1]), call.query
  local tail = math.tointeger(tonumber(query.tail or 100))
  if not instance then
    return missing()
  elseif not tail or tail < 0 or tail > 5000 then
    return answers.invalid { "tail: must be an integer from 0 to 5000" }
  elseif query.source and query.source ~= "container" and query.source ~= "system" then
    return answers.invalid { "source: value must be one of 'container', 'system'" }
  end
  local rows = wanted(call, log_lines(call, instance))
  return { status = 200, headers = { ["Content-Type"] = "text/event-stream", ["Cache-Control"] = "no-cache",
    ["X-Accel-Buffering"] = "no" }, stream = function(write)
    for _, row in ipairs(rows) do
      write(("id: %s\ndata: %s\n\n"):format(row.ts, json.encode { ts = row.ts, source = row.source,
        line = row.line }))
    end
    write(": the end of what was said so far\n\n")
  end }
end

return pods
