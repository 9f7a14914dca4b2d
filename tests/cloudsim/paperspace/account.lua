-- SPDX-License-Identifier: MIT
--- What belongs to the team: who asks, its standing, templates, what is to be had
--- (facts/paperspace.md §4.3, §4.6, §4.9).
local answers = require "cloudsim.paperspace.answers"
local json = require "base.json"
local kinds = require "cloudsim.kinds"
local reply = require "cloudsim.reply"

local account = {}
local faults = kinds.of "paperspace"

--- GET /auth/session: who the key is; null without one.
function account.session(call)
  local state, settings = call.state, call.world.settings
  if not call.key then
    return reply.text(200, "null", "application/json")
  end
  local owner = call.world.accounts[call.key.account]
  local private = settings.paperspace_team == "private"
  return answers.ok({
    team = { id = call.team, analyticsId = owner.id, isPrivate = private,
      maxMachines = settings.paperspace_max_machines,
      namespace = private and "t" .. call.team:sub(2, 7) or settings.paperspace_team },
    user = { id = state.user, analyticsId = owner.id, email = owner.email, firstName = "Ada",
      lastName = reply.null, isPasswordAuthEnabled = true, isPhoneVerified = true,
      isQrCodeBasedMfaEnabled = false, isQrCodeBasedMfaConfirmed = false, dtCreated = state:iso(owner.since),
      dtConfirmed = state:iso(owner.since), metadata = json.object {} },
  })
end

function account.health()
  return answers.ok({ status = "ok" })
end

--- GET /billing/account-standing: the one thing that is told of money.
function account.standing(call)
  local said = call.world.settings.paperspace_standing
  local good = said == "good"
  return answers.ok({ isInGoodStanding = good, hasPaymentMethod = said ~= "no payment method",
    isAdminLocked = said == "locked", messages = json.array(good and {} or { "Your account: " .. said }) })
end

local HTML = faults:kind("offers.html", "a web page")
local EMPTY = faults:kind("offers.empty", "no templates; `mode:\"data\"`: none that is available")
local NULLS = faults:kind("offers.nulls", "`fields` of every template are null")

--- GET /os-templates: the one place that tells the types' labels.
function account.templates(call)
  local world, rows = call.world, {}
  if HTML:take(world) then return reply.html(200) end
  local empty, nulls = EMPTY:take(world), NULLS:take(world)
  for _, row in ipairs(empty and empty.mode ~= "data" and {} or call.state.templates) do
    rows[#rows + 1] = answers.passes(call, row, { "name" }) and row or nil
  end
  return answers.page(call, rows, { "name" }, function(row)
    local types = {}
    for i, each in ipairs(row.types) do
      types[i] = { machineTypeLabel = each.machineTypeLabel, isAvailable = each.isAvailable and not empty }
    end
    local shown = { id = row.id, name = row.name, agentType = "LinuxHeadless", operatingSystemLabel = row.os,
      defaultSizeGb = row.least, availableMachineTypes = json.array(types),
      dtCreated = "2024-02-01T12:00:00.000Z" }
    for _, name in ipairs(nulls and nulls.fields or {}) do
      shown[name] = json.null
    end
    return shown
  end)
end

--- GET /machine-availability?machineType&region
function account.availability(call)
  local query = call.query
  local kind = call.state.row_of(call.state.types, "name", query.machineType)
  if not query.machineType or not query.region then
    return answers.invalid("machineType and region are required")
  elseif not kind then
    return answers.fail("NOT_FOUND", "Machine type not found")
  end
  return answers.ok({ available = (kind.capacity[query.region] or 0) > 0, machineType = kind.name,
    region = query.region })
end

-- An event as it is shown: dates that are not there yet are null.
function account.event_view(event)
  return { id = event.id, name = event.name, state = event.state, error = reply.maybe(event.error),
    machineId = event.machineId, dtCreated = event.dtCreated, dtStarted = reply.maybe(event.dtStarted),
    dtFinished = reply.maybe(event.dtFinished) }
end

function account.events(call)
  local rows = {}
  for _, event in ipairs(call.state.events) do
    rows[#rows + 1] = answers.passes(call, event, { "machineId" }) and event or nil
  end
  return answers.page(call, rows, { "dtCreated" }, account.event_view)
end

function account.event(call)
  local event = call.state.row_of(call.state.events, "id", call.args[1])
  return event and answers.ok(account.event_view(event)) or answers.fail("NOT_FOUND", "Event not found")
end

return account
