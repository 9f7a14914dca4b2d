-- SPDX-License-Identifier: MIT
-- The limits of time that are in force, and another one for the machine in use: its guard gets it first, the
-- record after that. What is cut off in between leaves the stricter one in force: a guard with less ends the
-- machine by itself, and by a record with less it is ended from here (agent.watch).
local clock = require "base.clock"
local fail = require "base.fail"
local config = require "config.effective"
local agent_client = require "home.agent_client"
local guest_client = require "home.guest_client"

local limits = {}

--- The settings that are limits of time → what the plan of a session and its guard call them.
limits.FIELDS = { DEADMAN_TIMEOUT_HOURS = "silence", IDLE_MINUTES = "idle", MAX_HOURS = "life" }

--- A limit that is in force, in seconds (0: off), from the settings and flags. setting: its name
function limits.seconds(setting)
  return math.floor((config.limit(setting) or 0) + 0.5)
end

--- All of them, for the next machine.
function limits.in_force()
  local seconds = limits.seconds
  return { silence = seconds("DEADMAN_TIMEOUT_HOURS"), idle = seconds("IDLE_MINUTES"),
    life = seconds("MAX_HOURS") }
end

local COUNTED = { silence = "contact_age", idle = "traffic_age", life = "age" } -- where a limit is off
local SOON = 10 -- seconds

-- Seconds that count against a limit already, by the guard's own words.
local function spent(guard, field)
  local left = tonumber(guard[field .. "_left"])
  if left and guard[field] > 0 then return guard[field] - left end
  return tonumber(guard[COUNTED[field]]) or tonumber(guard.age) or 0
end

-- @raise why the guard does not take it
local function lease(session, field, seconds)
  agent_client.ensure()
  local guard = guest_client.guard()
  if guard.state ~= "armed" then fail.raise("busy", "it is ending") end
  local used = spent(guard, field)
  if seconds > 0 and used + SOON > seconds then
    fail.raise("limit", ("%s of %s have passed, so it would end at once; continueplz stop ends it")
      :format(clock.duration(used), field))
  end
  local most = field == "life" and guard.life_max or 0
  if most > 0 and (seconds == 0 or seconds > most) then
    fail.raise("limit", ("no machine lives longer than it was rented for, %s"):format(clock.duration(most)))
  end
  guest_client.tell(session.token, "/lease", { [field] = seconds })
end

local function change(journal, token, field, seconds)
  local session = journal:current()
  if not session or session.token ~= token or not session.ready_at or session.stopping then
    fail.raise("busy", "it is starting or ending")
  end
  lease(session, field, seconds)
  if not journal:try_append("limited", token, { [field] = seconds }) then
    return "its guard keeps to it, but it could not be recorded: " .. tostring(journal.unrecorded)
  end
  agent_client.reload()
  return nil
end

--- Gives the machine of a session another limit.
-- @param home directory
-- @param token of the session in use
-- @param field "silence", "idle" or "life"
-- @param seconds 0: off
-- @return true and nil, or true and what to warn of; or nil and why the machine keeps what it has
function limits.change(home, token, field, seconds)
  local journal = require("home.journal").open(home)
  local held, why = journal:acquire("config")
  if not held then return nil, why end
  local ok, result = fail.settle(change, journal, token, field, seconds)
  journal:release()
  if not ok then return nil, fail.message(result) end
  return true, result
end

return limits
