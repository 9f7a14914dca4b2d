-- SPDX-License-Identifier: MIT
--- What changes an existing machine: state, label, destroy, bid, reboot, logs, command, its SSH keys
--- (facts/vast.md §1.9).
local instances = require "cloudsim.vast.instances"
local life = require "cloudsim.vast.life"
local kinds = require "cloudsim.kinds"
local reply = require "cloudsim.reply"
local json = require "base.json"
local sorted = require "base.sorted"

local manage = {}
local faults = kinds.of "vast"

local OK = { success = true }
local COMMANDS = { ls = true, du = true, rm = true }

function manage.update(call)
  local instance, refusal = instances.find(call)
  local body = call.body
  if not instance then
    return refusal
  elseif type(body) ~= "table" or (body.state == nil and body.label == nil) then
    return reply.fail(400, "invalid_args", "Invalid args: state or label")
  elseif body.label ~= nil and (type(body.label) ~= "string" or #body.label > 1024) then
    return reply.fail(400, "label_too_long", "label is longer than 1024")
  elseif body.state ~= nil and body.state ~= "running" and body.state ~= "stopped" then
    return reply.fail(400, "invalid_args", "Invalid args: state")
  end
  instance.label = body.label or instance.label
  if body.state == "stopped" then
    life.stop(call.world, instance)
  elseif body.state == "running" then
    if call.world:credit(call.account) <= call.world.settings.min_credit then
      return reply.fail(400, "missing_billing", "Your account has no credit.")
    end
    life.start(call.world, instance)
  end
  return reply.json(200, OK)
end

-- A destroy that fails, done or not.
local function failing(response)
  return function(order, world, instance)
    if order.done then
      life.destroy(world, instance)
    end
    return response()
  end
end

local wrong_destroy = faults:first {
  { "destroy.500", "fails (`done:true`: destroyed all the same)",
    failing(function() return reply.text(500, "Internal Server Error") end) },
  { "destroy.hang", "fails (`done:true`: destroyed all the same)",
    failing(function() return { hang = true } end) },
  { "destroy.429", "too frequent", function()
    return reply.text(429, "API requests too frequent: endpoint threshold=3.0")
  end },
  { "destroy.accepted_not_done",
    "success, but it lives and bills on for `polls` looks, or for ever; `released:true`: the record stays",
    function(order, world, instance)
      instance.zombie_polls = order.polls or math.huge
      if order.released then
        life.release(world, instance)
      end
      return reply.json(200, { success = true, msg = "destroyed." })
    end },
}

function manage.destroy(call)
  local instance = instances.find(call)
  if not instance then
    return reply.fail(404, "no_such_instance", "Instance not found")
  end
  local wrong = wrong_destroy(call.world, life.context(instance), instance)
  if wrong then return wrong end
  life.destroy(call.world, instance)
  return reply.json(200, { success = true, msg = "instance " .. instance.id .. " destroyed." })
end

function manage.destroy_many(call)
  local ids = call.body and call.body.instance_ids
  if type(ids) ~= "table" then
    return reply.fail(400, "invalid_args", "Invalid args: instance_ids")
  end
  local count = 0
  for _, id in ipairs(ids) do
    local instance = call.world.vast.instances[math.tointeger(id) or 0]
    if instance and instance.account == call.account.id then
      life.destroy(call.world, instance)
      count = count + 1
    end
  end
  return reply.json(200, { success = true, num_deleted = count })
end

function manage.bid(call)
  local instance, refusal = instances.find(call)
  local price = call.body and call.body.price
  if not instance then
    return refusal
  elseif type(price) ~= "number" or price < 0.001 or price > 32 then
    return reply.fail(400, "invalid_price", "Invalid price")
  elseif not instance.is_bid then
    return reply.fail(400, "invalid_args", "Invalid args: this instance is not interruptible")
  end
  life.rebid(call.world, instance, price)
  return reply.json(200, OK)
end

function manage.reboot(call)
  local instance, refusal = instances.find(call)
  if not instance then
    return refusal
  elseif instance.actual ~= "running" then
    return reply.fail(400, "invalid_args", "Instance is not running")
  end
  life.reboot(call.world, instance)
  return reply.json(200, OK)
end

-- Puts a text where anybody with the address can read it, as a presigned address does.
local function publish(call, text)
  local name = call.world.random:hex(40)
  call.world.vast.logs[name] = text
  return "http://" .. (call.request.headers.host or "127.0.0.1") .. "/presigned/" .. name
end

local function tail_of(text, lines)
  local list = {}
  for line in text:gmatch("[^\n]*\n?") do
    list[#list + 1] = line ~= "" and line or nil
  end
  return table.concat(list, "", math.max(1, #list - lines + 1))
end

function manage.request_logs(call)
  local instance, refusal = instances.find(call)
  if not instance then return refusal end
  local text = call.world:hook("log", instance) or ""
  local lines = tonumber(call.body and call.body.tail) or 1000
  return reply.json(200, { success = true, msg = "logs requested", result_url = publish(call,
    tail_of(text, lines)) })
end

function manage.command(call)
  local instance, refusal = instances.find(call)
  local text = call.body and call.body.command
  if not instance then
    return refusal
  elseif type(text) ~= "string" or #text > 512 or not COMMANDS[text:match("^%S+") or ""] then
    return reply.fail(400, "invalid_args", "Invalid args: command")
  end
  local output = call.world:hook("command", instance, text) or ""
  return reply.json(200, { success = true, writeable_path = "/var/lib/docker/", result_url = publish(call,
    output) })
end

--- The unauthenticated side of `result_url`.
function manage.presigned(call)
  local text = call.world.vast.logs[call.args[1]]
  if not text then
    return reply.text(404, "<Error><Code>NoSuchKey</Code></Error>", "application/xml")
  end
  return reply.text(200, text)
end

function manage.list_ssh(call)
  local instance, refusal = instances.find(call)
  if not instance then return refusal end
  local list = {}
  for id, text in sorted(instance.ssh_keys) do
    list[#list + 1] = { id = id, public_key = text }
  end
  return reply.json(200, { success = true, ssh_keys = json.encode(json.array(list)) })
end

function manage.add_ssh(call)
  local instance, refusal = instances.find(call)
  local text = call.body and call.body.ssh_key
  if not instance then
    return refusal
  elseif type(text) ~= "string" or not text:match("^ss[hk]%-%S+ %S+") then
    return reply.fail(400, "invalid_args", "Invalid ssh key")
  end
  local id = call.account.next_ssh
  call.account.next_ssh = id + 1
  instance.ssh_keys[id] = text
  return reply.json(200, { success = true, msg = "SSH key added to instance." })
end

function manage.remove_ssh(call)
  local instance, refusal = instances.find(call)
  local id = tonumber(call.args[2])
  if not instance then
    return refusal
  elseif not instance.ssh_keys[id] then
    return reply.fail(404, "not_found", "SSH key not found")
  end
  instance.ssh_keys[id] = nil
  return reply.json(200, OK)
end

--- The volumes that the account rents (facts/vast.md §1.14); tests put some into
--- the world.
function manage.list_volumes(call)
  local list = {}
  for id, volume in sorted(call.world.vast.volumes) do
    list[#list + 1] = { id = id, label = volume.label, status = "active", start_date = volume.start,
      storage_total_cost = volume.rate, disk_space = 20, machine_id = 1, instances = json.array {} }
  end
  return reply.json(200, { volumes = json.array(list) })
end

function manage.delete_volume(call)
  local id = call.body and math.tointeger(call.body.id)
  if not call.world.vast.volumes[id] then
    return reply.fail(404, "not_found", "Volume not found")
  end
  call.world.vast.volumes[id] = nil
  return reply.json(200, OK)
end

return manage
