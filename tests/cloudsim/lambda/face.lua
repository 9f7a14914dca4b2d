-- SPDX-License-Identifier: MIT
--- Lambda Cloud (facts/lambda.md §2): machines are virtual machines with ports of their own.
local json = require "base.json"
local kinds = require "cloudsim.kinds"
local life = require "cloudsim.lambda.life"
local reply = require "cloudsim.reply"
local state = require "cloudsim.lambda.state"

-- A row of GET /machines, as far as other machines do not have it.
local function view(world, instance)
  local open = life.open_ports(world, instance)
  return { label = reply.maybe(instance.name), hostname = instance.hostname, actual_status = instance.status,
    is_bid = false, offer = instance.type.name, gpu_name = instance.type.name, region = instance.region.name,
    ports = json.object({}), root = reply.maybe(instance.root), tags = json.array(instance.tags),
    ssh_key_names = json.array(instance.ssh_key_names), rulesets = json.array(instance.rulesets),
    open = { tcp = json.array(open.tcp), udp = json.array(open.udp) },
    firewall_enforced = reply.maybe(world:hook("enforced", instance)),
    user_data_bytes = instance.user_data and #instance.user_data or 0 }
end

-- Adds what is around machines and was not there at the beginning.
local function leftovers(world, found)
  local mine = world.lambda
  for _, row in ipairs(mine.ssh_keys) do
    found.ssh_keys[#found.ssh_keys + 1] = not row.initial
      and { cloud = "lambda", id = row.id, name = row.name } or nil
  end
  for _, row in ipairs(mine.rulesets) do
    found.rulesets[#found.rulesets + 1] = { cloud = "lambda", id = row.id, name = row.name,
      region = row.region.name, rules = json.array(row.rules),
      instance_ids = json.array(mine:users_of(row)) }
  end
  found.rules_changed = found.rules_changed or mine.rules_changed == true
end

-- GET /user_data/ID: what the launch sent.
local function user_data(call)
  local instance = call.world.lambda:find(call.args[1])
  return reply.text(instance and 200 or 404, instance and instance.user_data or "")
end

return {
  name = "lambda", order = 2,
  handler = require("cloudsim.lambda.handler").handler, open = state.new,
  sow = function(world) world.lambda:sow() end,
  -- what facts/lambda.md §2.12 does not know can be had either way
  settings = {
    lambda_429 = "json",                    -- the body: "json", "empty" or "html"
    lambda_retry_after = false,             -- or seconds
    -- calls that may come at once; one more each second (dstack makes 4)
    lambda_burst = 5,
    lambda_extra_fields = true,             -- workspace_id, is_reserved
    lambda_architecture = true,             -- specs.architecture, on every recorded type
    lambda_missing_status = 404,            -- launch with an unknown key, type, image, ruleset: 404 or 400
    lambda_duplicate_status = 400,
    lambda_early_terminate = "refuse",      -- of a machine that has not launched, or "accept"
    lambda_second_terminate = "not_found",  -- "unknown" (500 global/unknown) or "ok"
    lambda_multi_terminate = "all",         -- one bad id fails the call; "partial": the good ones end
    lambda_terminating_polls = 2,           -- looks that show "terminating",
    lambda_terminating_seconds = 60,        -- or its end without any
    lambda_terminated = "gone",             -- then 404 and not listed; "get" still answers; "listed" as well
    lambda_bill_until = "request",          -- or "terminated"
    lambda_shutdown = "active",             -- status after a shutdown inside: "active", "unhealthy", …
    lambda_firewall = "additive",           -- global rules beside attached rulesets; "replace": instead
    lambda_us_south_1 = "open",             -- or "closed": rules do not apply there
    lambda_instance_quota = 100,
    lambda_ruleset_quota = 50,
    lambda_page = 50,                       -- audit events per page
  },
  life = life, context = life.context, machine = require "cloudsim.lambda.machine",
  view = view, leftovers = leftovers, routes = { { "GET", "^/user_data/(%w+)$", user_data } },
  actions = {
    outbid = life.preempted, preempted = life.preempted, resume = life.restart, offline = life.offline,
    online = life.restart, stuck = life.stuck, unhealthy = life.unhealthy, stop = life.shut_down,
    destroy = life.destroy, freeze = life.freeze,
    exit = function(world, instance, body)
      life.shut_down(world, instance, body.message or "process exited")
    end,
    label = function(_, instance, body) instance.name = body.value end,
  },
  faults = kinds.of "lambda",
}
