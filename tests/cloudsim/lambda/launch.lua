-- SPDX-License-Identifier: MIT
--- POST /instance-operations/launch: the rule of every field (facts/lambda.md §2.4) and what may go wrong
--- with the answer.
local data = require "cloudsim.lambda.data"
local answers = require "cloudsim.lambda.answers"
local kinds = require "cloudsim.kinds"
local life = require "cloudsim.lambda.life"
local reply = require "cloudsim.reply"

local launch = {}
local faults = kinds.of "lambda"

local MOST_USER_DATA = 1024 * 1024
local MOUNTS = { "^/home/[^/]", "^/lambda/nfs/[^/]", "^/data/?" }

local function is_text(value, least, most)
  return type(value) == "string" and #value >= least and #value <= most
end

local function is_array(value)
  return type(value) == "table" and (next(value) == nil or value[1] ~= nil)
end

local function broken_tags(tags)
  if not is_array(tags) then return "tags must be an array" end
  for _, tag in ipairs(tags) do
    if type(tag) ~= "table" or not is_text(tag.key, 2, 55) or not tag.key:find("^[a-z][a-z0-9:-]+$") then
      return "a tag's key must match ^[a-z][a-z0-9-:]+$ and have at most 55 characters"
    elseif not is_text(tag.value, 0, 128) then
      return "a tag's value must have at most 128 characters"
    end
  end
  return nil
end

local function broken_mounts(mounts)
  if not is_array(mounts) then return "file_system_mounts must be an array" end
  for _, mount in ipairs(mounts) do
    local place = type(mount) == "table" and type(mount.file_system_id) == "string" and mount.mount_point
    local good = false
    for _, pattern in ipairs(MOUNTS) do
      good = good or type(place) == "string" and place:find(pattern) ~= nil
    end
    if not good then
      return "a mount_point must be under /home, /lambda/nfs or /data"
    end
  end
  return nil
end

local function broken_image(image)
  if type(image) ~= "table" or (image.id == nil) == (image.family == nil) then
    return "image must have either id or family"
  end
  return type(image.id or image.family) ~= "string" and "image must name an id or a family" or nil
end

-- The first rule of form that the body breaks: → sentence or nil.
local function broken_form(body)
  local names = body.ssh_key_names
  if not is_text(body.region_name, 1, 64) then
    return "region_name is required"
  elseif not is_text(body.instance_type_name, 1, 128) then
    return "instance_type_name is required"
  elseif not is_array(names) or #names ~= 1 or type(names[1]) ~= "string" then
    return "ssh_key_names must name exactly one SSH key"
  elseif body.name ~= nil and not is_text(body.name, 0, 64) then
    return "name must have at most 64 characters"
  elseif body.hostname ~= nil and not (is_text(body.hostname, 1, 63)
    and body.hostname:find("^[a-z0-9][0-9a-z-]*$")) then
    return "hostname must match ^[a-z0-9][0-9a-z-]{0,62}$"
  elseif body.user_data ~= nil and not is_text(body.user_data, 0, MOST_USER_DATA) then
    return "user_data must be text of at most 1 MB"
  elseif body.file_system_names ~= nil and not is_array(body.file_system_names) then
    return "file_system_names must be an array"
  elseif body.firewall_rulesets ~= nil and not is_array(body.firewall_rulesets) then
    return "firewall_rulesets must be an array"
  end
  return body.image ~= nil and broken_image(body.image) or body.tags ~= nil and broken_tags(body.tags)
    or body.file_system_mounts ~= nil and broken_mounts(body.file_system_mounts) or nil
end

-- → list of file systems, or nil and the answer.
local function file_systems(call, region)
  local state, list = call.state, {}
  local wanted = {}
  for _, name in ipairs(call.body.file_system_names or {}) do
    wanted[#wanted + 1] = { "name", name }
  end
  for _, mount in ipairs(call.body.file_system_mounts or {}) do
    wanted[#wanted + 1] = { "id", mount.file_system_id }
  end
  for _, pair in ipairs(wanted) do
    local row = state.row_of(state.file_systems, pair[1], pair[2])
    if not row then
      return nil, answers.fail(call.world.settings.lambda_missing_status, "global/object-does-not-exist",
        "Specified file system does not exist.")
    elseif row.region.name ~= region.name then
      return nil, answers.fail(400, "instance-operations/launch/file-system-in-wrong-region")
    end
    list[#list + 1] = row.name
  end
  return list
end

-- → list of ids, or nil and the answer.
local function rulesets(call, region)
  local state, ids = call.state, {}
  for i, one in ipairs(call.body.firewall_rulesets or {}) do
    local ruleset = type(one) == "table" and state.row_of(state.rulesets, "id", one.id)
    if not ruleset then
      return nil, answers.fail(call.world.settings.lambda_missing_status, "global/object-does-not-exist",
        "Specified firewall ruleset does not exist.")
    elseif ruleset.region.name ~= region.name then
      return nil, answers.invalid("The firewall ruleset is in another region.")
    end
    ids[i] = ruleset.id
  end
  return ids
end

-- What the body names, looked up. → {type, region, image, systems, rulesets}, or nil and the answer.
local function look_up(call)
  local state, body = call.state, call.body
  local function missing(what)
    return nil, answers.fail(call.world.settings.lambda_missing_status, "global/object-does-not-exist",
      "Specified " .. what .. " does not exist.")
  end
  local region = state:region(body.region_name)
  local kind = state.row_of(state.types, "name", body.instance_type_name)
  if not region then
    return nil, answers.invalid("Region " .. body.region_name .. " does not exist.")
  elseif not kind then
    return missing("instance type")
  elseif not state.row_of(state.ssh_keys, "name", body.ssh_key_names[1]) then
    return missing("SSH key")
  end
  local image = state:image(body.image or { family = data.DEFAULT_FAMILY }, region.name, kind.arch)
  if not image then return missing("image") end
  local systems, refusal = file_systems(call, region)
  local attached
  if systems then
    attached, refusal = rulesets(call, region)
  end
  if refusal then return nil, refusal end
  return { type = kind, region = region, image = image, systems = systems, rulesets = attached }
end

-- Everything by which a machine may be found again, for the ledger.
local function marks_of(body)
  local marks = {}
  for _, name in ipairs({ "name", "hostname" }) do
    if body[name] then
      marks[body[name]] = true
    end
  end
  marks[body.ssh_key_names[1]] = true
  for _, tag in ipairs(body.tags or {}) do
    marks[tag.value] = true
  end
  return marks
end

local DEARER = faults:kind("create.price_changed", "the agreed price is `factor` (1.5) times what was shown")
local SLOW = faults:kind("create.slow_appear",
  "in lists only after `seconds` (30); `get:true`: in get as well")

local function make(call, found, context)
  local world, state, body = call.world, call.state, call.body
  local changed = DEARER:take(world, context)
  local slow = SLOW:take(world, context)
  local id = state.random:hex(32)
  local instance = {
    cloud = "lambda", id = id, name = body.name, hostname = body.hostname or "lambda-" .. id:sub(1, 10),
    type = found.type, region = found.region, image = found.image, ssh_key_names = body.ssh_key_names,
    file_system_names = found.systems, mounts = body.file_system_mounts, tags = body.tags or {},
    rulesets = found.rulesets, user_data = body.user_data,
    cents = changed and (found.type.cents * (changed.factor or 1.5)) // 1 | 0 or found.type.cents,
    marks = marks_of(body), private_ip = "10.19.60." .. state.random:int(2, 250),
    jupyter_token = state.random:hex(32), hidden_get = slow and slow.get,
    visible_at = world.time + (slow and world:scaled(slow.seconds or 30) or 0),
  }
  state:add(instance)
  local region = found.region.name
  found.type.capacity[region] = found.type.capacity[region] - 1
  state:audit("instance", "launch", id)
  life.begin(world, instance)
  return instance
end

local LOST_BEFORE = faults:kind("create.lost_before", "nothing created, no answer (`mode`)")
local TWICE = faults:kind("create.twice", "two machines instead of one")

-- What is said by `mode` of create.error_but_created.
local ERRORS = {
  html = function() return reply.html(200) end,
  refused = function() return answers.invalid() end,
  gone = function() return answers.fail(400, "instance-operations/launch/insufficient-capacity") end,
  provider = function() return answers.fail(503, "provider/internal-unavailable") end,
}

local wrong_answer = faults:first {
  { "create.answer_lost", "created, but no answer (`mode`)",
    function(order) return reply.lost(order.mode) end },
  { "create.error_but_created",
    "500, or 503 with `mode:\"provider\"`, without an id; `html` (a web page with status 200), `refused` "
      .. "(400, invalid), `gone` (no capacity)",
    function(order)
      return ERRORS[order.mode] and ERRORS[order.mode]() or answers.fail(500, "global/internal-error")
    end },
}

local function answer(call, found, context)
  local world = call.world
  local before = LOST_BEFORE:take(world, context)
  if before then return reply.lost(before.mode) end
  local instance = make(call, found, context)
  if TWICE:take(world, context) then
    make(call, found, context)
  end
  return wrong_answer(world, context) or answers.ok({ instance_ids = { instance.id } })
end

local NO_CAPACITY = faults:kind("create.no_capacity", "400 insufficient-capacity, the region is empty")
local FORBIDDEN = faults:kind("create.forbidden", "403 (`mode` `inactive`, `address`)")
local FORBIDS = { inactive = "global/account-inactive", address = "global/invalid-address" }

function launch.handler(call)
  local world, body = call.world, call.body
  if type(body) ~= "table" then return answers.invalid() end
  local sentence = broken_form(body)
  if sentence then return answers.invalid(sentence) end
  local found, refusal = look_up(call)
  if not found then return refusal end
  local region = found.region.name
  local context = { label = body.name, offer = found.type.name, gpu_name = found.type.name, region = region,
    is_bid = false }
  local order = FORBIDDEN:take(world, context)
  if order then
    return answers.fail(403, FORBIDS[order.mode] or "global/forbidden")
  elseif #call.state:each() >= world.settings.lambda_instance_quota then
    return answers.fail(400, "global/quota-exceeded")
  elseif NO_CAPACITY:take(world, context) then
    found.type.capacity[region] = 0 -- somebody else was faster
  end
  if (found.type.capacity[region] or 0) <= 0 then
    return answers.fail(400, "instance-operations/launch/insufficient-capacity")
  end
  return answer(call, found, context)
end

return launch
