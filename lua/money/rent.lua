-- SPDX-License-Identifier: MIT
-- Sends one create, and never leaves its outcome unknown without a record (DESIGN §1.1, §1.2).
local clock = require "base.clock"
local fail = require "base.fail"
local log = require "base.log"
local task = require "base.task"
local timing = require "home.timing"
local tidy = require "money.resources"

local LIST_TRIES = 4 -- lists that fail before nobody can say whether a machine is there

local rent = {}

-- Refusals that the cloud states in so many words: nothing was made.
local CERTAIN = { capacity = true, quota = true, funds = true, auth = true, rate = true }

--- One look at the cloud's complete list. → array of instances that carry `token`
-- @raise the list's failure
function rent.look(provider, token)
  local found = {}
  for _, instance in ipairs(provider.list()) do
    if instance.token == token then found[#found + 1] = instance end
  end
  return found
end

--- Looks for machines that carry `token` over the cloud's consistency window.
-- @param window seconds to go on looking when nothing is there (0: one look)
-- @return array of instances (empty: complete lists lacked it all the while)
-- @raise the last failure when no complete list could be had
function rent.find(provider, token, window)
  local until_ = clock.now() + window
  local complete, problem
  local failures = 0
  while true do
    local ok, found = fail.try(rent.look, provider, token)
    if ok then
      complete = true
      if #found > 0 then return found end
    else
      problem, failures = found, failures + 1
    end
    local left = until_ - clock.now()
    if left <= 0 and complete then return {} end
    if left <= 0 and failures >= LIST_TRIES then error(problem, 0) end
    task.sleep(left > 0 and math.min(left, timing.of(provider, "poll")) or timing.of(provider, "poll"))
  end
end

-- From here on there is a machine: a journal that cannot be written must not lose it.
local function bind(journal, session, id, adopted)
  session.id = id
  journal:try_append("bound", session.token, { id = id, adopted = adopted })
  log.info("Instance created", { instance_id = id, token = session.token, adopted = adopted })
end

-- Nothing was rented.
local function never(journal, provider, token, problem)
  journal:append("closed", token, { outcome = "never", reason = fail.message(problem) })
  tidy.away(journal, provider, token)
  error(problem, 0)
end

-- The answer of a create was lost or not understood, or it was a refusal and nobody could look.
local function resolve_unknown(journal, provider, session, problem, note)
  journal:append("lost", session.token, { reason = fail.message(problem) })
  local window = timing.of(provider, "consistency")
  note(("what became of the create is not known (%s); looking for %s for %s"):format(fail.message(problem), session.token, clock.duration(window)))
  local ok, found = fail.settle(rent.find, provider, session.token, window)
  if ok and #found > 0 then
    bind(journal, session, found[1].id, true)
    return session
  end
  tidy.away(journal, provider, session.token) -- what shows later is ended, not used
  fail.raise("capacity", ok and "the create's answer was lost and no machine appeared; it will be looked for again for 24 h"
    or "the create's answer was lost and the cloud cannot be asked: " .. fail.message(found), { unresolved = true, blind = not ok })
end

-- A refusal may have made something all the same (DESIGN §1.2): one look at a complete list, which is all that a clear answer is worth.
-- → whether it made nothing; false: no such list could be had
local function made_nothing(journal, provider, session, problem)
  if fail.is(problem, "auth") then return true end -- nothing would be shown either
  local ok, found = fail.settle(rent.find, provider, session.token, 0)
  if not ok then return false end
  if #found == 0 then return true end
  log.error("the cloud refused a create and made a machine all the same", { instance_id = found[1].id, token = session.token })
  bind(journal, session, found[1].id, true)
  fail.raise(problem.kind, fail.message(problem), { created = session })
end

--- Rents `plan.candidate`.
-- @param plan the journal's plain description
-- @param build function(token) → order for provider.create
-- @param note function(text) for the screen
-- @return session { token, id, … } bound in the journal
-- @raise kind `capacity` (try the next offer) and others; `created` holds a session that must be undone
function rent.create(journal, provider, plan, build, note)
  return task.shield(function()
    local token, ticket = journal:intend(plan)
    local session = { token = token, provider = provider.name, account = plan.account, plan = plan, absences = 0,
      hourly = plan.hourly, disk_hour = plan.disk_hour, started = clock.wall() }
    local built, order = fail.settle(function()
      local made = build(token)
      tidy.prepare(journal, provider, made)
      return made
    end)
    if not built then never(journal, provider, token, order) end
    local ok, result = fail.settle(provider.create, order, ticket)
    if ok then
      bind(journal, session, result.id)
      session.guard_key = result.guard_key
      return session
    end
    if result.created_id then
      bind(journal, session, result.created_id)
      fail.raise(fail.is(result) and result.kind or "internal", fail.message(result), { created = session })
    end
    local never_left = not journal:session(token).started
    if never_left or fail.is(result) and result.sent == false then never(journal, provider, token, result) end
    if fail.is(result) and CERTAIN[result.kind] and made_nothing(journal, provider, session, result) then
      never(journal, provider, token, result)
    end
    return resolve_unknown(journal, provider, session, result, note)
  end)
end

return rent
