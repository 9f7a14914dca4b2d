-- SPDX-License-Identifier: MIT
--- What an account has besides pods: SSH keys (facts/runpod.md §2.11) and network volumes (§2.4), which bill
--- until they are deleted.
local answers = require "cloudsim.runpod.answers"
local json = require "base.json"
local shape = require "cloudsim.runpod.shape"

local account = {}

local HOURS = 720
local LARGE = 1000 -- GB; what is above costs less (§2.4)
local PREMIUM = 2  -- times as dear is the faster tier here; nobody tells how dear it is (§2.16)

function account.ssh_keys(call)
  return answers.ok { keys = json.array(call.state.ssh_keys) }
end

local KEYS = { "object", needs = { "keys" },
  fields = { keys = { "array", of = { "string", pattern = "^[se][%w]+%-%S+ %S+" } } } }

function account.put_ssh_keys(call)
  local errors = shape.errors(call.body == nil and json.null or call.body, KEYS)
  if #errors > 0 then return answers.invalid(errors) end
  call.state.ssh_keys = call.body.keys
  return account.ssh_keys(call)
end

local function volume_view(row)
  return { id = row.id, name = row.name, size = row.size, dataCenter = row.centre, type = row.tier }
end

function account.volumes(call)
  local list = {}
  for _, row in ipairs(call.state.volumes) do
    list[#list + 1] = row.account == call.account.id and volume_view(row) or nil
  end
  return answers.ok { networkVolumes = json.array(list) }
end

local SIZE = { "integer", least = 10, most = 4096 }
local MAKE = { "object", needs = { "name", "size", "dataCenter" }, fields = { name = { "string", least = 1 },
  size = SIZE, dataCenter = { "string", least = 1 },
  type = { "enum", of = { "STANDARD", "HIGH_PERFORMANCE" } } } }
local CHANGE = { "object", some = true, fields = { name = { "string", least = 1 }, size = SIZE } }

local function bill(call, row)
  local world = call.world
  world.ledger:finish(row.id, nil, world.time)
  local month = math.min(row.size, LARGE) * 0.07 + math.max(0, row.size - LARGE) * 0.05
  world.ledger:start({ provider = "runpod", account = call.account.id, id = row.id, kind = "disk",
    rate = month / HOURS * (row.tier == "HIGH_PERFORMANCE" and PREMIUM or 1), token = row.name, step = 3600 },
    world.time)
end

function account.add_volume(call)
  local errors, body = shape.errors(call.body == nil and json.null or call.body, MAKE), call.body
  if #errors > 0 then return answers.invalid(errors) end
  local centre = call.state:centre(body.dataCenter)
  local tier = centre and (body.type or centre.tiers[1])
  local has = false
  for _, each in ipairs(centre and centre.tiers or {}) do
    has = has or each == tier
  end
  if not has then
    return answers.problem(400, "the data center does not offer network volumes of this type")
  end
  local row = { id = call.state:fresh_id(8), account = call.account.id, name = body.name, size = body.size,
    centre = centre.id, tier = tier }
  table.insert(call.state.volumes, row)
  bill(call, row)
  return answers.ok(volume_view(row), 201)
end

local function with_volume(fn)
  return function(call)
    local row, at = call.state:volume(call.args[1], call.account.id)
    if not row then return answers.problem(404, "network volume not found") end
    return fn(call, row, at)
  end
end

account.volume = with_volume(function(_, row) return answers.ok(volume_view(row)) end)

account.change_volume = with_volume(function(call, row)
  local errors = shape.errors(call.body == nil and json.null or call.body, CHANGE)
  if #errors > 0 then
    return answers.invalid(errors)
  elseif (call.body.size or row.size) < row.size then
    return answers.problem(400, "a network volume cannot be made smaller")
  end
  row.name, row.size = call.body.name or row.name, call.body.size or row.size
  bill(call, row)
  return answers.ok(volume_view(row))
end)

account.remove_volume = with_volume(function(call, row, at)
  table.remove(call.state.volumes, at)
  call.world.ledger:finish(row.id, nil, call.world.time)
  return answers.nothing()
end)

return account
