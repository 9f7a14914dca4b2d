-- SPDX-License-Identifier: MIT
--- What is around machines: private networks, claimed addresses, snapshots (facts/paperspace.md §4.6, §4.8).
--- Addresses and snapshots bill until they are let go, whatever became of their machine.
local answers = require "cloudsim.paperspace.answers"
local data = require "cloudsim.paperspace.data"
local reply = require "cloudsim.reply"
local storage = require "cloudsim.paperspace.storage"

local around = {}

local function is_region(name)
  for _, each in ipairs(data.regions) do
    if each == name then return true end
  end
  return false
end

local function of_team(call, list, fields)
  local rows = {}
  for _, row in ipairs(list) do
    rows[#rows + 1] = row.account == call.key.account and answers.passes(call, row, fields) and row or nil
  end
  return rows
end

-- The team's row with this value, and its place.
local function find(call, list, field)
  local row, place = call.state.row_of(list, field, call.args[1])
  if row and row.account == call.key.account then return row, place end
  return nil
end

local function network_view(row)
  return { id = row.id, name = row.name, region = row.region, network = row.network,
    netmask = "255.255.255.0", dtCreated = row.dtCreated, dtDeleted = reply.null }
end

function around.networks(call)
  return answers.page(call, of_team(call, call.state.networks, { "name", "region" }),
    { "dtCreated", "name" }, network_view)
end

function around.make_network(call)
  local state, body = call.state, call.body or {}
  if type(body.name) ~= "string" or body.name == "" then
    return answers.invalid("name is required")
  elseif not is_region(body.region) then
    return answers.invalid("region is none of the allowed values")
  end
  local row = { id = state:id("n"), account = call.key.account, name = body.name, region = body.region,
    network = ("10.%d.%d.0"):format(state.random:int(30, 99), state.random:int(1, 250)),
    dtCreated = state:iso() }
  state.networks[#state.networks + 1] = row
  return answers.ok(network_view(row))
end

--- One that is not there is null (the schema says so), not an error.
function around.network(call)
  local row = find(call, call.state.networks, "id")
  return row and answers.ok(network_view(row)) or reply.text(200, "null", "application/json")
end

function around.rename_network(call)
  local row = find(call, call.state.networks, "id")
  if not row then return answers.fail("NOT_FOUND", "Private network not found") end
  row.name = call.body and type(call.body.name) == "string" and call.body.name or row.name
  return answers.ok(network_view(row))
end

function around.remove_network(call)
  local row, place = find(call, call.state.networks, "id")
  if not row then return answers.fail("NOT_FOUND", "Private network not found") end
  for _, instance in ipairs(call.state:each()) do
    if instance.network == row then
      return answers.fail("PRECONDITION_FAILED", "The private network has machines")
    end
  end
  if storage.in_network(call.state, row) then
    return answers.fail("PRECONDITION_FAILED", "The private network has shared drives")
  end
  table.remove(call.state.networks, place)
  return answers.ok({ id = row.id })
end

local function address_view(row)
  return { ip = row.ip, region = row.region, assignedMachineId = row.machine and row.machine.id or nil,
    dtCreated = row.dtCreated }
end

--- Claims an address, which bills by the month from now on. token: of the machine that wanted it, or nil
function around.claim(world, account, region, token)
  local state = world.paperspace
  state.claims = (state.claims or 0) + 1
  local row = { ip = data.ADDRESSES .. state.claims % 250 + 1, account = account, region = region,
    dtCreated = state:iso() }
  state.addresses[#state.addresses + 1] = row
  world.ledger:start({ provider = "paperspace", account = "paperspace " .. account, id = row.ip, kind = "ip",
    rate = data.ADDRESS_MONTH / data.HOURS, token = token }, world.time)
  return row
end

function around.addresses(call)
  return answers.page(call, of_team(call, call.state.addresses, { "region" }), { "dtCreated" }, address_view)
end

function around.claim_address(call)
  local region = call.body and call.body.region
  if not is_region(region) then
    return answers.invalid("region is none of the allowed values")
  end
  return answers.ok(address_view(around.claim(call.world, call.key.account, region)))
end

--- Assigns an address to a machine of its region; null takes it away.
function around.assign_address(call)
  local state, row, id = call.state, find(call, call.state.addresses, "ip"), call.body and call.body.machineId
  local instance = type(id) == "string" and state.instances[id]
  if not row then
    return answers.fail("NOT_FOUND", "Public IP not found")
  elseif type(id) == "string" and (not instance or instance.account ~= call.key.account) then
    return answers.fail("NOT_FOUND", "Machine not found")
  elseif instance and instance.region ~= row.region then
    return answers.invalid("The machine is in another region")
  end
  local before = row.machine
  if before then
    before.address, before.ip_kind = nil, "dynamic"
  end
  row.machine = instance or nil
  if instance then
    instance.address, instance.ip_kind = row, "static"
  end
  return answers.ok(address_view(row))
end

function around.release_address(call)
  local row, place = find(call, call.state.addresses, "ip")
  if not row then return answers.fail("NOT_FOUND", "Public IP not found") end
  if row.machine then
    row.machine.address, row.machine.ip_kind = nil, "dynamic"
  end
  table.remove(call.state.addresses, place)
  call.world.ledger:finish(row.ip, "ip", call.world.time)
  return answers.ok({ ip = row.ip })
end

local function snapshot_view(row)
  return { id = row.id, name = row.name, machineId = row.machine.id, storageTotal = row.gigabytes << 30,
    dtCreated = row.dtCreated, dtDeleted = reply.null }
end

--- A snapshot of a machine, which bills by its size until it is deleted.
function around.snapshot(world, instance, name)
  local state = world.paperspace
  local row = { id = state:id("z"), account = instance.account, name = name, machine = instance,
    gigabytes = instance.disk, dtCreated = state:iso() }
  state.snapshots[#state.snapshots + 1] = row
  world.ledger:start({ provider = "paperspace", account = "paperspace " .. instance.account, id = row.id,
    kind = "disk", rate = data.SNAPSHOT_MONTH * row.gigabytes / data.HOURS, token = instance.name },
    world.time)
  return row
end

function around.snapshots(call)
  local rows = {}
  for _, row in ipairs(of_team(call, call.state.snapshots, {})) do
    rows[#rows + 1] = (call.query.machineId or row.machine.id) == row.machine.id and row or nil
  end
  return answers.page(call, rows, { "dtCreated", "name" }, snapshot_view)
end

function around.make_snapshot(call)
  local id = call.body and call.body.machineId
  local instance = type(id) == "string" and call.state.instances[id]
  if not instance or instance.account ~= call.key.account then
    return answers.fail("NOT_FOUND", "Machine not found")
  end
  local row = around.snapshot(call.world, instance, call.body.name or "snapshot")
  return answers.ok({ data = snapshot_view(row), event = call.event_view(call.state:event("snapshot-create",
    instance)) })
end

function around.remove_snapshot(call)
  local row, place = find(call, call.state.snapshots, "id")
  if not row then return answers.fail("NOT_FOUND", "Snapshot not found") end
  table.remove(call.state.snapshots, place)
  call.world.ledger:finish(row.id, "disk", call.world.time)
  return answers.ok({ data = snapshot_view(row) })
end

return around
