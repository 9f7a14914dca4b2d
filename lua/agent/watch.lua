-- SPDX-License-Identifier: MIT
-- What a look at the cloud and what was heard of a machine in use mean: is it to be ended from here? (DESIGN
-- §1.13) Nothing is ended for one reading of a cloud, nor for what a stepped clock says about
-- a machine that answers.
local clock = require "base.clock"
local log = require "base.log"
local timing = require "home.timing"

local AGREE = 60          -- seconds between two readings of a cloud that agree
local RESTART = 300       -- the same when the cloud says that it starts the machine again
local OVERDUE = 900       -- seconds beyond a limit that a guard gets to end its machine
local ENDING = 300        -- seconds that a guard which says `ending` gets
local DEAF, LEAST_DEAF = 180, 10 -- seconds without an answer after which the tunnel counts as silent

local watch = {}

local LOST = {
  stopped = "the machine was stopped by the cloud (a spot machine that was outbid, or an empty account)",
  exited = "the machine ended",
  lost = "the machine's host is gone",
}

-- Two readings that agree, and silence in the tunnel. memory: { token, class, at, told }, kept by the caller
local function believed(memory, session, instance, answers)
  local class = instance.status == "gone" and "gone"
    or session.ready_at and LOST[instance.status] and "down" or nil
  if memory.token ~= session.token or memory.class ~= class then
    memory.token, memory.class, memory.at, memory.told = session.token, class, clock.now(), nil
    if class then
      log.warn("the cloud says that the machine does not run; it is asked again before anything is done",
        { status = instance.status, native = instance.native, instance_id = session.id })
    end
    return nil
  end
  local patience = instance.restarting and RESTART or AGREE
  if not class or clock.now() - memory.at < timing.seconds(patience) then
    return nil
  end
  if not answers() then return class end
  if not memory.told then
    log.warn("the cloud says that the machine does not run, but it answers through the tunnel, so it is left "
      .. "in use", { status = instance.status, native = instance.native, instance_id = session.id })
  end
  memory.told = true
end

-- A guard that says that it ends the machine and does not is of no use; one without a key never could.
local function stuck(session, contact)
  local ending = contact:ending()
  if not ending then return nil end
  if session.plan.guard == "none" then
    return "a limit of the machine is over, and it has no key to end itself"
  end
  if ending > timing.seconds(ENDING) then
    return ("the guard has been trying to end the machine for %s and cannot; it is ended from here")
      :format(clock.duration(ending))
  end
end

-- A machine whose guard is dead, or whose time is over by the guard's own clock or, when it is silent,
-- by ours.
local function overdue(session, contact)
  local plan, grace = session.plan or {}, timing.seconds(OVERDUE)
  local silence, life = plan.silence or 0, plan.life or 0
  local silent = contact:deaf() > math.max(timing.seconds(DEAF), LEAST_DEAF)
  if silent and silence > 0 and contact:silence() > silence + grace then
    return "the machine is silent, and its guard should have ended it by now"
  end
  local age, told = contact:age()
  if life > 0 and age > life + grace and (silent or told) then
    return "the life of the machine is over, and its guard should have ended it by now"
  end
end

--- Did the cloud say at the last look that the machine does not run? What it is charged
-- for is not known then.
function watch.doubted(memory, session) return memory.token == session.token and memory.class == "down" end

--- What is to be done about a machine after a look.
-- @param memory table that the caller keeps between looks
-- @param session of home.sessions, in use
-- @param contact of agent.contact
-- @param instance what the cloud says of it
-- @param answers function() → does it answer through the tunnel at this moment?
-- @return nil: it is left in use; or { reason =, message =, lost = status|nil }
function watch.verdict(memory, session, contact, instance, answers)
  local class = believed(memory, session, instance, answers)
  if class == "gone" then
    return { reason = "gone", message = "the machine is gone at the cloud; nobody here ended it" }
  end
  if class then
    return { reason = "interrupted", message = LOST[instance.status], lost = instance.status }
  end
  if instance.status == "gone" then return nil end
  local over = stuck(session, contact) or overdue(session, contact)
  return over and { reason = "limit", message = over } or nil
end

return watch
