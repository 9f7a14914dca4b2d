-- SPDX-License-Identifier: MIT
--- What the control address shows of Lambda and does to its machines.
local json = require "base.json"
local life = require "cloudsim.lambda.life"
local reply = require "cloudsim.reply"

local lambda_control = {}

--- A row of GET /machines: the fields that Vast's machines have too, and those of a virtual machine.
function lambda_control.machine(world, instance)
  local open = life.open_ports(world, instance)
  return { cloud = "lambda", id = instance.id, label = reply.maybe(instance.name),
    hostname = instance.hostname, actual_status = instance.status, is_bid = false, offer = instance.type.name,
    gpu_name = instance.type.name, region = instance.region.name, destroyed = instance.destroyed == true,
    process = instance.process == true, ports = json.object({}), pid = reply.maybe(instance.pid),
    home = reply.maybe(instance.home), root = reply.maybe(instance.root), exit = reply.maybe(instance.exit),
    cost = world.ledger:cost(instance.id, world.time), tags = json.array(instance.tags),
    ssh_key_names = json.array(instance.ssh_key_names), rulesets = json.array(instance.rulesets),
    udp_blocked = instance.udp_blocked == true, tcp_blocked = instance.tcp_blocked == true,
    open = { tcp = json.array(open.tcp), udp = json.array(open.udp) },
    firewall_enforced = reply.maybe(world:hook("enforced", instance)), user_data_bytes = instance.user_data
    and #instance.user_data or 0 }
end

--- GET /leftovers: SSH keys, rulesets and machines that exist and were not there at the beginning, and
--- whether the account-wide rules were changed.
function lambda_control.leftovers(call)
  local world, state = call.world, call.world.lambda
  local keys, rulesets, machines = {}, {}, {}
  for _, row in ipairs(state.ssh_keys) do
    keys[#keys + 1] = not row.initial and { cloud = "lambda", id = row.id, name = row.name } or nil
  end
  for i, row in ipairs(state.rulesets) do
    rulesets[i] = { cloud = "lambda", id = row.id, name = row.name, region = row.region.name,
      rules = json.array(row.rules), instance_ids = json.array(state:users_of(row)) }
  end
  for _, instance in ipairs(world:each()) do
    machines[#machines + 1] = { cloud = "vast", id = instance.id, label = reply.maybe(instance.label) }
  end
  for _, instance in ipairs(state:each()) do
    machines[#machines + 1] = { cloud = "lambda", id = instance.id, label = reply.maybe(instance.name) }
  end
  return reply.json(200, { ssh_keys = json.array(keys), rulesets = json.array(rulesets),
    machines = json.array(machines), rules_changed = state.rules_changed == true })
end

--- GET /user_data/ID: what the launch sent.
function lambda_control.user_data(call)
  local state, id = call.world.lambda, call.args[1]
  local instance = state.instances[id] or state.gone[id]
  return reply.text(instance and 200 or 404, instance and instance.user_data or "")
end

--- What can be done to one machine; each gets world, instance, body. What every cloud has alike is in
--- control.lua.
lambda_control.actions = {
  outbid = life.preempted, preempted = life.preempted, resume = life.restart, offline = life.offline,
  online = life.restart, stuck = life.stuck, unhealthy = life.unhealthy, stop = life.shut_down,
  destroy = life.destroy, freeze = life.freeze,
  exit = function(world, instance, body) life.shut_down(world, instance,
  body.message or "process exited") end,
  label = function(_, instance, body) instance.name = body.value end,
}

return lambda_control
