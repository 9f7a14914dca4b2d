-- SPDX-License-Identifier: MIT
--- The Pod object of create, get, list, patch and action, all fields (facts/runpod.md §2.7, §2.8).
local json = require "base.json"
local life = require "cloudsim.runpod.life"
local reply = require "cloudsim.reply"
local sorted = require "base.sorted"

local view = {}

local ACTIONS = { RUNNING = { "stop", "restart", "terminate" }, EXITED = { "start", "terminate" },
  ERROR = { "start", "terminate" }, PROVISIONING = { "stop", "terminate" },
  STARTING = { "stop", "terminate" }, TERMINATED = {} }

--- What may be asked of a pod now. → list of words
function view.actions(instance) return ACTIONS[instance.status] end

--- Where its mapped TCP ports are reached. → rows { private, public, type, ip }
function view.ports(world, instance)
  local list = {}
  if not instance.ports or instance.unmapped then return list end
  for name, outside in sorted(instance.ports) do
    local number, protocol = name:match("^(%d+)/(%a+)$")
    local inside = math.tointeger(tonumber(number))
    list[#list + 1] = { private = inside >= 70000 and outside or inside, public = outside, type = protocol,
      ip = world.settings.public_ip or "127.0.0.1" }
  end
  for i, port in ipairs(instance.http_ports) do
    list[#list + 1] = { private = port, public = 60000 + i, type = "http", ip = "100.65.24.9" }
  end
  return list
end

local function runtime(world, instance)
  if instance.status ~= "RUNNING" or not instance.runtime then return json.null end
  local gpus = {}
  for i = 1, instance.count do
    gpus[i] = { util = 0, memoryUtil = 0 }
  end
  return { uptime = math.floor(world.time - instance.started_at), gpus = json.array(gpus),
    cpu = { util = 1 }, memory = { util = 2 }, ports = json.array(view.ports(world, instance)) }
end

local function endpoint(host, port, user)
  local at = port ~= 22 and " -p " .. port or ""
  return { host = host, port = port, username = user, command = ("ssh %s@%s%s"):format(user, host, at) }
end

local function ssh(world, instance)
  local placed = instance.status ~= "PROVISIONING"
  local direct
  for _, row in ipairs(view.ports(world, instance)) do
    if row.private == 22 and row.type == "tcp" then
      direct = endpoint(row.ip, row.public, "root")
    end
  end
  return { direct = reply.maybe(direct),
    proxy = placed and endpoint("ssh.runpod.io", 22, instance.id .. "-64411eb2") or json.null }
end

function view.pod(world, instance)
  local placed = instance.status ~= "PROVISIONING"
  local state = world.runpod
  return {
    id = instance.id, name = instance.name, status = instance.status,
    actions = json.array(ACTIONS[instance.status]), image = instance.image, args = instance.args_text,
    disk = instance.disk, ports = json.array(instance.port_texts), env = json.object(instance.variables),
    registry = reply.maybe(instance.registry), mounts = json.object(instance.mounts),
    gpu = { id = instance.type.id, count = instance.count }, cloud = instance.cloud_type,
    dataCenterId = reply.maybe(instance.centre), cudaVersion = placed and "12.8" or json.null,
    ssh = ssh(world, instance), template = reply.maybe(instance.template), cost = life.cost(instance),
    locked = instance.locked,
    globalNetworking = { enabled = instance.global }, runtime = runtime(world, instance),
    createdAt = state:iso(instance.created_at),
    startedAt = instance.started_at and state:iso(instance.started_at) or json.null,
  }
end

--- The pod when nothing of it is known but id, name and env.
function view.unknown(world, instance)
  local shown = view.pod(world, instance)
  for name in sorted(shown) do
    if name ~= "id" and name ~= "name" and name ~= "env" then
      shown[name] = json.null
    end
  end
  return shown
end

return view
