-- SPDX-License-Identifier: MIT
-- Waiting for what cannot be had yet: a start that left nothing behind is tried again, under the same yes,
-- until a moment. What may bill, what nobody could look for, what is this computer's own fault and what no
-- waiting mends is not followed by another try. The creates of an hour are counted as ever
-- (money.create_limit).
local clock = require "base.clock"
local fail = require "base.fail"
local task = require "base.task"
local alert = require "home.alert"
local calendar = require "facts.calendar"
local timing = require "home.timing"

local PAUSE = 180        -- seconds between two tries: clouds count searches
local MOST = 12 * 3600   -- seconds; `--wait` alone ends then

local PASSING = { transient = true, rate = true, broken = true, machine = true }

local again = {}

--- What `--wait` and `--retry-until` ask for. clock_time: seconds since midnight, in local time, or nil
-- → { till = Unix seconds, patient = whatever passes is waited for, not capacity alone }; nil: one try
function again.plan(wait, clock_time)
  if not wait and not clock_time then return nil end
  local now = clock.wall()
  return { till = clock_time and calendar.next(clock_time, now) or now + timing.seconds(MOST),
    patient = clock_time ~= nil }
end

--- What `--ready-within` asks for. → seconds, or nil: nothing was said
-- @raise `usage`
function again.within(text)
  local seconds = text and clock.parse_duration(text)
  if text and (not seconds or seconds <= 0) then
    fail.raise("usage", ("--ready-within: '%s' is no time to wait; write it like 20m"):format(text))
  end
  return seconds
end

--- Is this what waiting may mend, with nothing left behind? patient: see plan
function again.passes(problem, patient)
  if problem.blind or problem.unresolved then return false end
  if fail.is(problem, "capacity") then return patient or not problem.machines end
  if problem.later then return true end -- what the yes covers cannot be had
  return patient and (PASSING[problem.kind] or problem.price or problem.pause) and true or false
end

local function hour(moment) return clock.local_time(moment):sub(12, 16) end

-- How long until the next try, in seconds. @raise problem, when there is none
local function pause_after(plan, problem, tries)
  if not again.passes(problem, plan.patient) then error(problem, 0) end
  local pause = math.max(timing.seconds(PAUSE), problem.pause or 0)
  if clock.wall() + pause < plan.till then return pause end
  local more = {}
  for key, value in pairs(problem) do more[key] = value end -- order: free
  return fail.raise(problem.kind, ("%s (tried %d time%s until %s)"):format(fail.message(problem), tries,
    tries == 1 and "" or "s", hour(clock.wall())), more)
end

--- Calls try(n), n = 1, 2, …, until it returns; the first of its results says what came of it.
-- @param plan of again.plan; nil: one try
-- @param ui screen
-- @raise the failure that is not waited for, or the last one
function again.run(plan, ui, try)
  if not plan then return try(1) end
  local began, tries = clock.now(), 0
  while true do
    tries = tries + 1
    local ok, result, more = fail.try(try, tries)
    if ok then
      if tries > 1 and result == "ready" then
        alert.warn(("READY at the %s try, after %s of waiting"):format(tries == 2 and "second"
          or tries .. "th", clock.duration(clock.now() - began)), { action = "up" })
      end
      return result, more
    end
    local pause = pause_after(plan, result, tries)
    ui:note(("nothing is rented; the next try is in %s, the last one before %s"):format(clock.duration(pause),
      hour(plan.till)))
    ui:progress { text = "Waiting for the next try", between = true, passing = true }
    task.sleep(pause)
  end
end

--- The function that puts a sum to a person, who may have gone away while the start waited.
function again.asking(ask, number)
  if number == 1 then return ask end
  return function(...)
    alert.warn("a machine can be had now; continueplz asks at its terminal whether to rent it",
      { action = "up" })
    return ask(...)
  end
end

return again
