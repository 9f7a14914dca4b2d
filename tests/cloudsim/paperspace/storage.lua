-- SPDX-License-Identifier: MIT
--- What a team stores beside machines (facts/paperspace.md §4.6): shared drives, which are in a private
--- network, and templates made of machines. Both bill by their size until they are deleted.
local answers = require "cloudsim.paperspace.answers"
local data = require "cloudsim.paperspace.data"
local json = require "base.json"
local reply = require "cloudsim.reply"

local storage = {}

local function mine(call, row) return row ~= nil and row.account == call.key.account end

local function of_team(call, list, fields)
  local rows = {}
  for _, row in ipairs(list) do
    rows[#rows + 1] = mine(call, row) and answers.passes(call, row, fields) and row or nil
  end
  return rows
end

-- The team's row of that id, and its place.
local function find(call, list)
  local row, place = call.state.row_of(list, "id", call.args[1])
  if mine(call, row) then return row, place end
end

-- It bills from now on. month: dollars
local function begin(call, row, month)
  call.world.ledger:start({ provider = "paperspace", account = "paperspace " .. row.account, id = row.id,
    kind = "disk", rate = month / data.HOURS, token = row.name }, call.world.time)
end

-- The row is no more. → it, or nil: there is none
local function drop(call, list)
  local row, place = find(call, list)
  if not row then return nil end
  table.remove(list, place)
  call.world.ledger:finish(row.id, "disk", call.world.time)
  return row
end

local function drive_view(row)
  return { id = row.id, name = row.name, region = row.network.region, networkId = row.network.id,
    size = row.gigabytes << 30, mountPoint = "//10.1.0.2/" .. row.id, username = "u" .. row.id,
    password = row.password, dtCreated = row.dtCreated, dtDeleted = reply.null }
end

function storage.drives(call)
  return answers.page(call, of_team(call, call.state.drives, { "name" }), { "dtCreated", "name" }, drive_view)
end

function storage.make_drive(call)
  local state, body = call.state, call.body or {}
  local network = state.row_of(state.networks, "id", body.networkId)
  if type(body.name) ~= "string" or body.name == "" then
    return answers.invalid "name is required"
  elseif math.type(body.size) ~= "integer" or body.size < 1 then
    return answers.invalid "size must be a number of gigabytes"
  elseif not mine(call, network) then
    return answers.fail("NOT_FOUND", "Private network not found")
  elseif body.region ~= network.region then
    return answers.invalid "region is not that of the network"
  end
  local row = { id = state:id "d", account = call.key.account, name = body.name, network = network,
    gigabytes = body.size, password = state.random:hex(16), dtCreated = state:iso() }
  state.drives[#state.drives + 1] = row
  begin(call, row, data.DRIVE_MONTH * row.gigabytes)
  return answers.ok(drive_view(row))
end

function storage.drive(call)
  local row = find(call, call.state.drives)
  return row and answers.ok(drive_view(row)) or answers.fail("NOT_FOUND", "Shared drive not found")
end

function storage.remove_drive(call)
  local row = drop(call, call.state.drives)
  return row and answers.ok { id = row.id } or answers.fail("NOT_FOUND", "Shared drive not found")
end

--- Does a drive lie in that network?
function storage.in_network(state, network)
  for _, row in ipairs(state.drives) do
    if row.network == network then return true end
  end
  return false
end

local function template_view(row)
  return { id = row.id, name = row.name, region = row.region, parentMachineId = row.machine,
    agentType = "LinuxHeadless", operatingSystemLabel = "Ubuntu 22.04", defaultSizeGb = row.gigabytes,
    availableMachineTypes = json.array {}, dtCreated = row.dtCreated, dtDeleted = reply.null }
end

function storage.templates(call)
  local rows = {}
  for _, row in ipairs(of_team(call, call.state.made_templates, { "name" })) do
    rows[#rows + 1] = (call.query.machineId or row.machine) == row.machine and row or nil
  end
  return answers.page(call, rows, { "dtCreated", "name" }, template_view)
end

function storage.make_template(call)
  local state, body = call.state, call.body or {}
  local instance = type(body.machineId) == "string" and state.instances[body.machineId]
  if type(body.name) ~= "string" or body.name == "" then
    return answers.invalid "name is required"
  elseif not instance or instance.account ~= call.key.account then
    return answers.fail("NOT_FOUND", "Machine not found")
  end
  local row = { id = state:id "t", account = call.key.account, name = body.name, machine = instance.id,
    region = instance.region, gigabytes = instance.disk, dtCreated = state:iso() }
  state.made_templates[#state.made_templates + 1] = row
  begin(call, row, data.SNAPSHOT_MONTH * row.gigabytes)
  return answers.ok { data = template_view(row), event = call.event_view(state:event("template-create",
    instance)) }
end

function storage.template(call)
  local row = find(call, call.state.made_templates)
  return row and answers.ok(template_view(row)) or answers.fail("NOT_FOUND", "Template not found")
end

function storage.remove_template(call)
  local row = drop(call, call.state.made_templates)
  return row and answers.ok(template_view(row)) or answers.fail("NOT_FOUND", "Template not found")
end

return storage
