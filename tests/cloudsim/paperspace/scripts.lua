-- SPDX-License-Identifier: MIT
--- Startup scripts (facts/paperspace.md §4.7): of the team, run as root at boot of the machines that they are
--- assigned to. What a script says is in no answer.
local answers = require "cloudsim.paperspace.answers"
local json = require "base.json"
local reply = require "cloudsim.reply"

local scripts = {}

local function view(row)
  return { id = row.id, name = row.name, description = reply.null, isEnabled = row.isEnabled,
    isRunOnce = row.isRunOnce, assignedMachineIds = json.array(row.machines), dtCreated = row.dtCreated,
    dtDeleted = reply.null }
end

--- The team's script of an id. → row, its place; or nil
function scripts.find(call, id)
  local row, place = call.state.row_of(call.state.scripts, "id", id)
  if row and row.account == call.key.account then return row, place end
  return nil
end

local function missing()
  return answers.fail("NOT_FOUND", "Startup script not found")
end

-- → sentence, or nil when the fields are good
local function broken(call, body)
  local most = call.world.settings.paperspace_script_bytes
  for _, name in ipairs { "isRunOnce", "isEnabled" } do
    if body[name] ~= nil and type(body[name]) ~= "boolean" then
      return name .. " must be a boolean"
    end
  end
  if body.name ~= nil and (type(body.name) ~= "string" or body.name == "") then
    return "name is required"
  elseif body.script ~= nil and (type(body.script) ~= "string" or body.script == "") then
    return "script is required"
  elseif body.script and most and #body.script > most then
    return ("script must have at most %d characters"):format(most)
  end
  return nil
end

function scripts.list(call)
  local rows = {}
  for _, row in ipairs(call.state.scripts) do
    rows[#rows + 1] = row.account == call.key.account and answers.passes(call, row, { "name" }) and row or nil
  end
  return answers.page(call, rows, { "dtCreated", "name" }, view)
end

function scripts.create(call)
  local body, state = call.body or {}, call.state
  local sentence = body.name == nil and "name is required" or body.script == nil and "script is required"
    or broken(call, body)
  if sentence then return answers.invalid(sentence) end
  local row = { id = state:id("s"), account = call.key.account, name = body.name, script = body.script,
    isEnabled = body.isEnabled ~= false, isRunOnce = body.isRunOnce == true, machines = {},
    dtCreated = state:iso() }
  state.scripts[#state.scripts + 1] = row
  return answers.ok(view(row))
end

function scripts.get(call)
  local row = scripts.find(call, call.args[1])
  return row and answers.ok(view(row)) or missing()
end

function scripts.update(call)
  local row, body = scripts.find(call, call.args[1]), call.body or {}
  local sentence = broken(call, body)
  if not row then
    return missing()
  elseif sentence then
    return answers.invalid(sentence)
  end
  for _, name in ipairs { "name", "script", "isRunOnce", "isEnabled" } do
    if body[name] ~= nil then
      row[name] = body[name]
    end
  end
  return answers.ok(view(row))
end

function scripts.delete(call)
  local row, place = scripts.find(call, call.args[1])
  if not row then return missing() end
  table.remove(call.state.scripts, place)
  return answers.ok(view(row))
end

-- The machine that a body names. → instance, or nil and the answer
local function machine_of(call)
  local id = type(call.body) == "table" and call.body.machineId
  local instance = type(id) == "string" and call.state.instances[id]
  if type(id) ~= "string" then return nil, answers.invalid("machineId is required") end
  if not instance or instance.account ~= call.key.account then
    return nil, answers.fail("NOT_FOUND", "Machine not found")
  end
  return instance
end

local function without(list, id)
  local kept = {}
  for _, each in ipairs(list) do
    kept[#kept + 1] = each ~= id and each or nil
  end
  return kept
end

--- A machine has one script: that of before is taken from it.
function scripts.give(state, row, instance)
  for _, each in ipairs(state.scripts) do
    each.machines = without(each.machines, instance.id)
  end
  instance.script = row
  if row then
    row.machines[#row.machines + 1] = instance.id
  end
end

function scripts.assign(call)
  local row = scripts.find(call, call.args[1])
  if not row then return missing() end
  local instance, refusal = machine_of(call)
  if not instance then return refusal end
  scripts.give(call.state, row, instance)
  return answers.ok(view(row))
end

function scripts.unassign(call)
  local row = scripts.find(call, call.args[1])
  if not row then return missing() end
  local instance, refusal = machine_of(call)
  if not instance then return refusal end
  if instance.script == row then
    scripts.give(call.state, nil, instance)
  end
  return answers.ok(view(row))
end

return scripts
