-- SPDX-License-Identifier: MIT
--- PUT /asks/{id}/: the rules of every field (facts/vast.md §1.7) and what may go wrong with the answer.
local kinds = require "cloudsim.kinds"
local life = require "cloudsim.vast.life"
local reply = require "cloudsim.reply"
local sorted = require "base.sorted"

local create = {}
local faults = kinds.of "vast"

local RUNTYPES = {}
for name in ([[
  ssh jupyter args ssh_proxy ssh_direct jupyter_proxy jupyter_direct ssh_direc jupyter_direc
]]):gmatch("%S+") do
  RUNTYPES[name] = true
end

local function valid_runtype(text)
  for word in text:gmatch("%S+") do
    if not RUNTYPES[word] then return false end
  end
  return text:find("%S") ~= nil
end

--- Reads a port flag: "-p 51820:51820/udp" → {port = container side, protocol}; nil when it is something
--- else.
function create.forward(key)
  local inside, protocol = key:match("^%-p%s+%d+:(%d+)(/?%a*)$")
  local outside = key:match("^%-p%s+(%d+):")
  if not inside then return nil end
  protocol = protocol == "" and "tcp" or protocol:sub(2)
  return { port = tonumber(inside), outside = tonumber(outside), protocol = protocol,
    inside = tonumber(inside) }
end

-- Splits env into variables and port mappings. → pairs, forwards or nil, sentence.
local function read_env(env)
  local pairs_list, forwards, size = {}, {}, 0
  if env == nil then
    return pairs_list, forwards
  elseif type(env) ~= "table" or env[1] ~= nil then
    return nil, "env must be an object"
  end
  for key, value in sorted(env) do
    if type(value) ~= "string" or #value > 256 then
      return nil, "env." .. key .. " must be a string of at most 256 characters"
    end
    size = size + #key + #value
    pairs_list[#pairs_list + 1] = { key, value }
    local forward = create.forward(key)
    if forward and (forward.protocol == "tcp" or forward.protocol == "udp") then
      forwards[#forwards + 1] = forward
    end
  end
  if size > 32768 then
    return nil, "env is too long"
  elseif #forwards > 64 then
    return nil, "more than 64 ports"
  end
  return pairs_list, forwards
end

local function script_size(body)
  local size = #(body.onstart or "") + #(body.args_str or "")
  for _, arg in ipairs(body.args or {}) do
    size = size + #arg
  end
  return size
end

local function wrong_type(body)
  for name, kind in sorted({ image = "string", disk = "number", label = "string", cancel_unavail = "boolean",
    target_state = "string", runtype = "string", onstart = "string", args = "table", args_str = "string",
    vm = "boolean" }) do
    if body[name] ~= nil and type(body[name]) ~= kind then return name end
  end
  for _, arg in ipairs(body.args or {}) do
    if type(arg) ~= "string" then return "args" end
  end
  return nil
end

-- The first rule the body breaks: → code, message; nil when all is well.
local function broken_rule(body, offer, account)
  local wrong = wrong_type(body)
  if wrong then
    return "invalid_args", "error 400/3467: Invalid args: " .. wrong
  elseif not (body.image and body.image ~= "") and not body.template_hash_id then
    return "invalid_args", "error 400/3467: Invalid args: image is required"
  elseif body.image and #body.image > 1024 then
    return "invalid_args", "error 400/3467: Invalid args: image"
  elseif body.disk and (body.disk < 8 or body.disk > offer.disk_space) then
    return "invalid_args", "error 400/3468: Invalid args: disk"
  elseif body.label and #body.label > 256 then
    return "invalid_args", "error 400/3469: Invalid args: label"
  elseif body.price ~= nil and (type(body.price) ~= "number" or body.price < 0.001 or body.price > 128) then
    return "invalid_price", "error 400/3470: Invalid price"
  elseif body.runtype and not valid_runtype(body.runtype) then
    return "invalid_args", "error 400/3471: Invalid args: runtype"
  elseif script_size(body) > 4096 then
    return "invalid_args", "error 400/3472: Invalid args: args and onstart are longer than 4096"
  elseif body.target_state and body.target_state ~= "running" and body.target_state ~= "stopped" then
    return "invalid_args", "error 400/3473: Invalid args: target_state"
  elseif body.vm and next(account.ssh_keys) == nil then
    return "no_ssh_key_for_vm", "error 400/3474: a VM needs an SSH key in the account"
  elseif body.vm and not offer.vms_enabled then
    return "invalid_args", "error 400/3475: Invalid args: this machine has no VMs"
  end
  return nil
end

local function runtype_of(body)
  return body.runtype or ((body.args or body.args_str) and "args" or "ssh")
end

local function words(text)
  local list = {}
  for word in (text or ""):gmatch("%S+") do
    list[#list + 1] = word
  end
  return list
end

local DEARER = faults:kind("create.price_changed", "the agreed price is `factor` (1.5) times what was shown")
local SLOW = faults:kind("create.slow_appear",
  "in lists only after `seconds` (30); `get:true`: in get as well")
local NO_KEY = faults:kind("create.no_key", "no `instance_api_key`, none in the environment")

-- Makes the machine and starts its money. `stopped`: created without running.
local function make(call, offer, parts, stopped)
  local world, body = call.world, call.body
  local changed = DEARER:take(world, parts.context)
  local rate = (body.price or offer.on_demand) * (changed and (changed.factor or 1.5) or 1)
  local slow = SLOW:take(world, parts.context)
  local instance = {
    id = world.vast:fresh_id(), cloud = "vast", account = call.account.id, offer = offer, ask = offer.id,
    label = body.label, token = body.label, image = body.image or "vastai/base-image:latest",
    runtype = runtype_of(body), args = body.args or words(body.args_str), onstart = body.onstart,
    env = parts.env, forwards = parts.forwards, disk = body.disk or 8, is_bid = body.price ~= nil,
    bid = body.price, gpu_rate = rate, vm = body.vm, user = body.user,
    template_hash_id = body.template_hash_id, hidden_get = slow and slow.get,
    visible_at = world.time + (slow and world:scaled(slow.seconds or 30) or 0),
    local_ip = "10.4.0." .. world.random:int(2, 250), jupyter_token = world.random:hex(32),
    low_bid = parts.low_bid, machine_dir_port = world.random:int(40000, 65000), turn = 0, message = "",
    ssh_keys = {},
  }
  for i = #instance.forwards, offer.direct_port_count + 1, -1 do
    instance.forwards[i] = nil -- the host has no more ports to give
  end
  if not NO_KEY:take(world, parts.context) then
    instance.key = world.random:hex(64)
    world:add_key(call.account, instance.key, { kind = "instance", instance = instance.id })
  end
  offer.rented_by = instance.id
  world.vast:add(instance)
  life.begin(world, instance, stopped)
  return instance
end

local function created(instance)
  return { success = true, new_contract = instance.id, instance_api_key = reply.maybe(instance.key) }
end

-- A bid under the market: an error, and unless cancel_unavail a stopped machine whose disk is billed.
local function low_bid(call, offer, parts)
  if call.body.cancel_unavail then
    return reply.fail(410, "no_such_ask", "error 410/3907: no_such_ask Instance type " .. offer.id
      .. " is no longer available.", { ask_id = offer.id })
  end
  parts.low_bid = true
  local instance = make(call, offer, parts, true)
  return reply.fail(call.world.settings.low_bid_status, "invalid_price",
    "bid is below the minimum of this machine", { ask_id = offer.id, new_contract = instance.id })
end

local function no_such_ask(id)
  return reply.fail(404, "invalid_args", "error 404/3603: no_such_ask Instance type by id " .. id
    .. " is not available.", { ask_id = id })
end

local LOST_BEFORE = faults:kind("create.lost_before", "nothing created, no answer (`mode`)")
local STOPPED = faults:kind("create.stopped", "created stopped: the disk bills")
local TWICE = faults:kind("create.twice", "two machines instead of one")

-- What is said by `mode` of create.error_but_created: function(id of the offer) → response
local ERRORS = {
  html = function() return reply.html(200) end,
  refused = function(id)
    return reply.fail(400, "invalid_args", "error 400/3467: Invalid args: something", { ask_id = id })
  end,
  gone = no_such_ask,
}

local wrong_answer = faults:first {
  { "create.answer_lost", "created, but no answer (`mode`)",
    function(order) return reply.lost(order.mode) end },
  { "create.error_but_created",
    "500, or 200 with `success:false` (`mode:\"success_false\"`), with `new_contract`; without an id: `html` "
      .. "(a web page with status 200), `refused` (400, invalid), `gone` (no_such_ask)",
    function(order, _, instance)
      if ERRORS[order.mode] then return ERRORS[order.mode](instance.ask) end
      return reply.json(order.mode == "success_false" and 200 or 500, { success = false,
        error = "server_error", msg = "something went wrong", ask_id = instance.ask,
        new_contract = instance.id })
    end },
}

local function answer(call, offer, parts)
  local world, context = call.world, parts.context
  local before = LOST_BEFORE:take(world, context)
  if before then return reply.lost(before.mode) end
  local market = offer.min_bid or offer.on_demand
  if call.body.price and call.body.price < market then
    return low_bid(call, offer, parts)
  end
  local stopped = call.body.target_state == "stopped" or STOPPED:take(world, context) ~= nil
  local instance = make(call, offer, parts, stopped)
  if TWICE:take(world, context) then
    make(call, offer, parts, stopped)
  end
  return wrong_answer(world, context, instance) or reply.json(200, created(instance))
end

local refused = faults:first {
  { "create.forbidden", "403", function(_, _, offer)
    return reply.fail(403, "invalid_args", "error 403/3586: Invalid args: you cannot rent this machine",
      { ask_id = offer.id })
  end },
  { "create.no_capacity", "404 no_such_ask, the offer is gone", function(_, _, offer)
    offer.rented_by = 0 -- somebody else was faster
    return no_such_ask(offer.id)
  end },
}

function create.handler(call)
  local world, body, id = call.world, call.body, tonumber(call.args[1])
  local offer = world.vast:offer(id)
  if type(body) ~= "table" then
    return reply.fail(400, "invalid_args", "error 400/3467: Invalid args: no json object", { ask_id = id })
  end
  if not offer or offer.rented_by or offer.end_date <= world.time then
    return no_such_ask(id)
  end
  local context = { label = body.label, offer = id, is_bid = body.price ~= nil, gpu_name = offer.gpu_name }
  local refusal = refused(world, context, offer)
  if refusal then return refusal end
  local code, message = broken_rule(body, offer, call.account)
  if code then return reply.fail(400, code, message, { ask_id = id }) end
  local env, forwards = read_env(body.env)
  if not env then
    return reply.fail(400, "invalid_args", "error 400/3467: Invalid args: " .. forwards, { ask_id = id })
  elseif world:credit(call.account) <= world.settings.min_credit then
    return reply.fail(world.settings.funds_status, "insufficient_credit", "Your account has no credit.",
      { ask_id = id })
  end
  return answer(call, offer, { env = env, forwards = forwards, context = context })
end

return create
