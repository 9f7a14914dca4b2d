-- SPDX-License-Identifier: MIT
--- What belongs to the workspace: types, regions, images, SSH keys, file systems, audit events
--- (facts/lambda.md §2.3, §2.4, §2.8).
local clock = require "base.clock"
local json = require "base.json"
local keys = require "base.keys"
local answers = require "cloudsim.lambda.answers"
local kinds = require "cloudsim.kinds"
local paging = require "cloudsim.paging"
local reply = require "cloudsim.reply"

local account = {}
local faults = kinds.of "lambda"

--- The instance_type object of answers.
function account.type_view(world, row, cents)
  local specs = { vcpus = row.vcpus, memory_gib = row.memory, storage_gib = row.storage, gpus = row.gpus }
  if world.settings.lambda_architecture then
    specs.architecture = row.arch
  end
  return { name = row.name, description = row.description, gpu_description = row.gpu_description,
    price_cents_per_hour = cents or row.cents, specs = specs }
end

local HTML = faults:kind("offers.html", "a web page")
local EMPTY = faults:kind("offers.empty", "no region has any; `mode:\"data\"`: no types")
local NULLS = faults:kind("offers.nulls", "`fields` of every offer are null")

--- The map of types: an object keyed by name, with the regions that have some right now.
function account.instance_types(call)
  local world, state = call.world, call.state
  if HTML:take(world) then return reply.html(200) end
  local empty = EMPTY:take(world)
  local nulls = NULLS:take(world)
  local map = {}
  for _, row in ipairs(empty and empty.mode == "data" and {} or state.types) do
    local regions = {}
    for _, region in ipairs(state.regions) do
      if not empty and (row.capacity[region.name] or 0) > 0 then
        regions[#regions + 1] = region
      end
    end
    local shown = account.type_view(world, row)
    for _, name in ipairs(nulls and nulls.fields or {}) do
      shown[name] = json.null
    end
    map[row.name] = { instance_type = shown, regions_with_capacity_available = json.array(regions) }
  end
  return answers.ok(json.object(map))
end

function account.regions(call)
  return answers.ok(json.array(call.state.regions))
end

function account.images(call)
  return answers.ok(json.array(call.state.images))
end

local function key_view(call, row, private)
  return { id = row.id, name = row.name, public_key = row.public_key, private_key = private,
    workspace_id = call.world.settings.lambda_extra_fields and call.state.workspace or nil }
end

function account.list_ssh(call)
  local list = {}
  for i, row in ipairs(call.state.ssh_keys) do
    list[i] = key_view(call, row)
  end
  return answers.ok(json.array(list))
end

-- A key pair as the server makes one when it gets no public key; nothing signs with it here.
local function generated(state)
  local public = "ssh-rsa " .. keys.base64("\0\0\0\7ssh-rsa" .. state.random:hex(200))
  return public, "-----BEGIN RSA PRIVATE KEY-----\n" .. keys.base64(state.random:hex(300))
    .. "\n-----END RSA PRIVATE KEY-----\n"
end

local function is_public(text)
  local kind = text:match("^(%a+)%-%S+ AAAA[%w+/=]+")
  return kind == "ssh" or kind == "ecdsa" or kind == "sk"
end

function account.add_ssh(call)
  local state, body = call.state, call.body or {}
  local name, public = body.name, body.public_key
  if type(name) ~= "string" or name == "" or #name > 64 then
    return answers.invalid("name must have 1 to 64 characters")
  elseif public ~= nil and (type(public) ~= "string" or #public > 4096 or not is_public(public)) then
    return answers.invalid("public_key is not a public key of OpenSSH")
  elseif state.row_of(state.ssh_keys, "name", name) then
    return answers.fail(call.world.settings.lambda_duplicate_status, "global/duplicate",
      "SSH key name must be unique: " .. name)
  end
  local private
  if not public then
    public, private = generated(state)
  end
  local row = { id = state.random:hex(32), name = name, public_key = public }
  state.ssh_keys[#state.ssh_keys + 1] = row
  state:audit("ssh-key", "create", row.id)
  return answers.ok(key_view(call, row, private))
end

function account.remove_ssh(call)
  local state = call.state
  local row, place = state.row_of(state.ssh_keys, "id", call.args[1])
  if not row then
    return answers.fail(404, "global/object-does-not-exist", "Specified SSH key does not exist.")
  elseif state:uses_key(row.name) then -- facts/additions-2026-11.md
    return answers.invalid("The SSH key is in use by an instance.")
  end
  table.remove(state.ssh_keys, place)
  state:audit("ssh-key", "delete", row.id)
  return answers.ok(json.object({}))
end

function account.file_systems(call)
  local list = {}
  for i, row in ipairs(call.state.file_systems) do
    list[i] = { id = row.id, name = row.name, mount_point = "/lambda/nfs/" .. row.name, created = row.created,
      created_by = { id = call.state.workspace, email = "ada@example.org", status = "active" },
      is_in_use = false, region = row.region, bytes_used = row.bytes_used }
  end
  return answers.ok(json.array(list))
end

--- GET /audit-events?start&end&page_token: oldest first; the only answer with a key beside data.
function account.audit_events(call)
  local query, list = call.query, {}
  local first, last = 0, math.huge
  if query.start then
    first = clock.parse_iso(query.start)
  end
  if query["end"] then
    last = clock.parse_iso(query["end"])
  end
  if not first or not last then
    return answers.invalid("start and end must be times like 2026-08-01T00:00:00Z")
  end
  for _, event in ipairs(call.state.events) do
    if event.at >= first and event.at <= last then
      list[#list + 1] = { event_id = event.event_id, event_time = event.event_time,
        service_name = event.service_name, resource_name = event.resource_name, action = event.action,
        actor_lrn = event.actor_lrn, resource_lrns = event.resource_lrns }
    end
  end
  local page, more = paging.plain(list, call.world.settings.lambda_page, query.page_token)
  if not page then return answers.invalid("Invalid page_token.") end
  return answers.ok(json.array(page), { page_token = reply.maybe(more) })
end

return account
