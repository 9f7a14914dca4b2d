-- SPDX-License-Identifier: MIT
-- The limits of time that are in force, and another one for the machine in use: its guard gets it first, the
-- record after that. What is cut off in between leaves the stricter one in force: a guard with less ends the
-- machine by itself, and by a record with less it is ended from here (agent.watch).
local clock = require "base.clock"
local fail = require "base.fail"
local http = require "base.http"
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

--- The guard's own words, of the machine in use; an agent that is dead is brought back for them.
-- @raise `transient` when it cannot be reached
function limits.guard()
  agent_client.ensure()
  return http.retry(guest_client.guard) -- an agent that was just started has no tunnel yet
end

-- Does the guard keep to it? Asked anew: an answer may be lost on its way, and what is not on its disk would
-- be forgotten with a restart.
local function check_taken(field, seconds, most)
  local guard = limits.guard()
  local kept = type(guard.guard) ~= "table" or guard.guard.persisted ~= false
  local bound = not most or (tonumber(guard.life_max) or 0) >= most
  if guard.state == "armed" and tonumber(guard[field]) == seconds and bound and kept then return end
  fail.raise("broken", guard.state ~= "armed" and "it is ending"
    or not kept and "its guard could not write it to its disk, so it may be forgotten there"
    or ("its guard says %s of %s"):format(clock.duration(tonumber(guard[field]) or 0), field),
    { exit = "failed" })
end

-- agreed: somebody said yes to a longer life than the machine was rented for
-- @raise why the guard does not take it
local function lease(session, field, seconds, agreed)
  local guard = limits.guard()
  if guard.state ~= "armed" then fail.raise("busy", "it is ending") end
  local used = spent(guard, field)
  if seconds > 0 and used + SOON > seconds then
    fail.raise("limit", ("%s of %s have passed, so it would end at once; continueplz stop ends it")
      :format(clock.duration(used), field))
  end
  local most = field == "life" and guard.life_max or 0
  local longer = most > 0 and (seconds == 0 or seconds > most)
  if longer and not agreed then
    fail.raise("limit", ("no machine lives longer than it was rented for, %s, unless continueplz extend "
      .. "agrees to the price"):format(clock.duration(most)))
  end
  local bound = longer and seconds or nil
  local told, problem = fail.try(guest_client.tell, session.token, "/lease",
    { [field] = seconds, life_max = bound })
  if not told and not fail.is(problem, "transient") then error(problem, 0) end
  check_taken(field, seconds, bound)
end

local function change(journal, token, field, seconds, agreed)
  local session = journal:current()
  if not session or session.token ~= token or not session.ready_at or session.stopping then
    fail.raise("busy", "it is starting or ending")
  end
  lease(session, field, seconds, agreed)
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
-- @param agreed true: a yes was given to a life beyond the one it was rented for (money.extension)
-- @return true and nil, or true and what to warn of; or nil, why the machine keeps what it has, and a failure
function limits.change(home, token, field, seconds, agreed)
  local journal = require("home.journal").open(home)
  local held, why, code = journal:acquire("config")
  if not held then
    return nil, why, fail.new { kind = code == "busy" and "busy" or "config", message = why }
  end
  local ok, result = fail.settle(change, journal, token, field, seconds, agreed)
  journal:release()
  if not ok then return nil, fail.message(result), result end
  return true, result
end

return limits
