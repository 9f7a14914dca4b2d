-- SPDX-License-Identifier: MIT
--- Lambda's machines: list, get, rename, terminate, restart (facts/lambda.md §2.5, §2.6), and what may be
--- wrong with them.
local account = require "cloudsim.lambda.account"
local json = require "base.json"
local answers = require "cloudsim.lambda.answers"
local kinds = require "cloudsim.kinds"
local life = require "cloudsim.lambda.life"
local reply = require "cloudsim.reply"

local instances = {}
local faults = kinds.of "lambda"

local REASONS = {
  ["vm-has-not-launched"] = "The virtual machine has not launched yet.",
  ["vm-is-terminating"] = "The virtual machine is terminating.",
  ["vm-is-too-old"] = "The virtual machine is too old for this.",
}

local function action(reason)
  return { available = reason == nil, reason_code = reason, reason_description = REASONS[reason] }
end

local function actions(world, instance)
  local _, no_end = life.may_terminate(world, instance)
  local reason = no_end or instance.status == "booting" and "vm-has-not-launched" or nil
  return { migrate = action("vm-is-too-old"), rebuild = action(reason), restart = action(reason),
    cold_reboot = action(reason), terminate = action(no_end) }
end

--- The Instance object; what is not known yet is left out.
function instances.view(world, instance)
  local runs, rulesets, systems = instance.status == "active" or instance.status == "unhealthy", {}, {}
  for i, id in ipairs(instance.rulesets) do
    rulesets[i] = { id = id }
  end
  table.move(instance.file_system_names, 1, #instance.file_system_names, 1, systems)
  local url = "https://jupyter-" .. instance.id .. ".lambdaspaces.com/?token=" .. instance.jupyter_token
  local ip = instance.ip and (world.settings.public_ip or instance.ip)
  local out = { id = instance.id, name = instance.name, ip = ip, private_ip = instance.ip
    and instance.private_ip, status = instance.status, ssh_key_names = json.array(instance.ssh_key_names),
    file_system_names = json.array(systems), file_system_mounts = instance.mounts, region = instance.region,
    hostname = instance.hostname, instance_type = account.type_view(world, instance.type, instance.cents),
    actions = actions(world, instance), jupyter_token = runs and instance.jupyter_token or nil,
    jupyter_url = runs and url or nil, tags = json.array(instance.tags),
    firewall_rulesets = json.array(rulesets) }
  if world.settings.lambda_extra_fields then
    out.workspace_id, out.is_reserved = world.lambda.workspace, false
  end
  return out
end

local function missing()
  return answers.fail(404, "global/object-does-not-exist")
end

-- The machine of that id, as far as it is to be seen at all.
local function find(call, id)
  local state, world = call.state, call.world
  local instance = state.instances[id]
  if instance and instance.hidden_get and world.time < instance.visible_at then
    return nil
  end
  return instance
end

-- Terminated ones that a get or a list still shows, after the setting.
local function kept(world, instance, place)
  local style = world.settings.lambda_terminated
  return instance and (style == "listed" or style == place) and instance or nil
end

-- The machine as it is shown when nothing of it is known but id, name and tags.
local function unknown(world, instance)
  local shown = reply.nulls(instances.view(world, instance))
  shown.id, shown.name, shown.tags = instance.id, reply.maybe(instance.name), json.array(instance.tags)
  return shown
end

local wrong_get = faults:first {
  { "get.500", "as named", function() return answers.fail(500, "global/internal-error") end },
  { "get.html", "as named", function() return reply.html(200) end },
  { "get.hang", "as named", function() return { hang = true } end },
  { "get.false_null", "404 object-does-not-exist although it lives", missing },
  { "get.null_fields", "the id, name and tags, everything else null", function(_, world, instance)
    return answers.ok(unknown(world, instance))
  end },
}
local UNKNOWN = faults:kind("get.unknown_status", "a status nobody knows")
local STOPPED = faults:kind("get.stopped", "said to be preempted although it is not")

function instances.get(call)
  local world, id = call.world, call.args[1]
  local instance = find(call, id)
  if not instance or not life.looked(world, instance) then
    local old = kept(world, call.state.gone[id], "get")
    return old and answers.ok(instances.view(world, old)) or missing()
  end
  local context = life.context(instance)
  local wrong = wrong_get(world, context, instance)
  if wrong then return wrong end
  local shown = instances.view(world, instance)
  if UNKNOWN:take(world, context) then
    shown.status = "hibernating"
  end
  if STOPPED:take(world, context) then
    shown.status = "preempted"
  end
  return answers.ok(shown)
end

local STALE = faults:kind("list.stale", "the picture of `seconds` (60) ago")

-- The machines that a list shows.
local function visible(call)
  local world, list = call.world, {}
  local rows = call.state:picture(world, STALE:take(world), life.looked, function(instance)
    return kept(world, instance, "listed")
  end)
  for i, row in ipairs(rows) do
    list[i] = instances.view(world, row.instance)
    list[i].status = row.before and "active" or list[i].status
  end
  return list
end

local wrong_list = faults:first {
  { "list.html", "as named", function() return reply.html(200) end },
  { "list.500", "as named", function() return answers.fail(500, "global/internal-error") end },
  { "list.empty", "as named", function() return answers.ok(json.array({})) end },
}
local PARTIAL = faults:kind("list.partial", "the JSON breaks off: there are no pages")

function instances.list(call)
  local wrong = wrong_list(call.world)
  if wrong then return wrong end
  local response = answers.ok(json.array(call.query.cluster_id and {} or visible(call)))
  if PARTIAL:take(call.world) then
    response.body = response.body:sub(1, #response.body * 2 // 3)
  end
  return response
end

function instances.rename(call)
  local instance, name = find(call, call.args[1]), call.body and call.body.name
  if not instance then
    return missing()
  elseif type(name) ~= "string" or name == "" or #name > 64 then
    return answers.invalid("name must have 1 to 64 characters")
  end
  instance.name = name
  call.state:audit("instance", "update", instance.id)
  return answers.ok(instances.view(call.world, instance))
end

-- → list of ids, or nil and the answer.
local function ids_of(call)
  local ids = type(call.body) == "table" and call.body.instance_ids
  if type(ids) ~= "table" or #ids == 0 then
    return nil, answers.invalid("instance_ids must name at least one instance")
  end
  for _, id in ipairs(ids) do
    if type(id) ~= "string" then
      return nil, answers.invalid("instance_ids must be an array of strings")
    end
  end
  return ids
end

-- A terminate that fails, done or not.
local function failing(response)
  return function(order, world, list)
    for _, instance in ipairs(order.done and list or {}) do
      life.terminate(world, instance)
    end
    return response()
  end
end

local wrong_terminate = faults:first {
  { "destroy.500", "fails (`done:true`: destroyed all the same)",
    failing(function() return answers.fail(500, "global/internal-error") end) },
  { "destroy.hang", "fails (`done:true`: destroyed all the same)",
    failing(function() return { hang = true } end) },
  { "destroy.429", "too frequent (`shape`, `retry_after`)", function(order)
    return answers.too_many(order.shape, order.retry_after)
  end },
}
local NOT_DONE = faults:kind("destroy.accepted_not_done",
  "success, but it lives and bills on for `polls` looks, or for ever; `released:true`: the record stays")

local function terminate(call, instance)
  local accepted = NOT_DONE:take(call.world, life.context(instance))
  if not accepted then
    life.terminate(call.world, instance)
    call.state:audit("instance", "terminate", instance.id)
  elseif accepted.released then
    life.release(call.world, instance)
  else
    instance.zombie_polls = accepted.polls or math.huge
  end
  local shown = instances.view(call.world, instance)
  shown.status = "terminating"
  return shown
end

-- Why one machine cannot be terminated: → answer or nil.
local function refuses(call, instance)
  local ok, reason = life.may_terminate(call.world, instance)
  if ok then
    return nil
  elseif reason == "vm-has-not-launched" then
    return answers.fail(409, "global/conflict", REASONS[reason])
  end
  local style = call.world.settings.lambda_second_terminate
  if style == "ok" then return nil end
  return style == "unknown" and answers.fail(500, "global/unknown") or missing()
end

function instances.terminate(call)
  local ids, refusal = ids_of(call)
  if not ids then return refusal end
  local list, partial = {}, call.world.settings.lambda_multi_terminate == "partial"
  for _, id in ipairs(ids) do
    local instance = find(call, id)
    refusal = not instance and missing() or instance and refuses(call, instance)
    if not refusal then
      list[#list + 1] = instance
    elseif not partial or #ids == 1 then
      return refusal
    end
  end
  refusal = #list > 0 and wrong_terminate(call.world, life.context(list[1]), list)
  if refusal then return refusal end
  local shown = {}
  for i, instance in ipairs(list) do
    shown[i] = instance.status == "terminating" and instances.view(call.world, instance) or terminate(call,
      instance)
  end
  return answers.ok({ terminated_instances = json.array(shown) })
end

function instances.restart(call)
  local ids, refusal = ids_of(call)
  if not ids then return refusal end
  local list = {}
  for i, id in ipairs(ids) do
    list[i] = find(call, id)
    if not list[i] then
      return missing()
    elseif list[i].status ~= "active" and list[i].status ~= "unhealthy" then
      return answers.fail(409, "global/conflict")
    end
  end
  local shown = {}
  for i, instance in ipairs(list) do
    life.restart(call.world, instance)
    call.state:audit("instance", "restart", instance.id)
    shown[i] = instances.view(call.world, instance)
  end
  return answers.ok({ restarted_instances = json.array(shown) })
end

return instances
