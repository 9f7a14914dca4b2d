-- SPDX-License-Identifier: MIT
-- Sends one create, and never leaves its outcome unknown without a record (DESIGN §1.1, §1.2).
local clock = require "base.clock"
local fail = require "base.fail"
local log = require "base.log"
local task = require "base.task"
local timing = require "home.timing"
local create_limit = require "money.create_limit"
local resources = require "money.resources"

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

--- Writes down what will be rented, before anything of it leaves (DESIGN §1.1). All from here to rent.bound
-- belongs into one task.shield, under home.lock.
-- @param record the journal's plain description
-- → intent { token, provider, … }
-- @raise `limit` when too many machines were made within an hour
function rent.intend(journal, provider, record)
  create_limit.check(journal)
  local token, ticket = journal:intend(record)
  return { token = token, ticket = ticket, journal = journal, provider = provider, session = {
    token = token, provider = provider.name, account = record.account, plan = record, absences = 0,
    hourly = record.hourly, disk_hour = record.disk_hour, started = clock.wall(),
  } }
end

--- Nothing was rented, and nothing will be: the intent is closed. @raise problem
function rent.never(intent, problem)
  intent.journal:append("closed", intent.token, { outcome = "never", reason = fail.message(problem) })
  resources.away(intent.journal, intent.provider, intent.token)
  error(problem, 0)
end

--- Sends the one create of an intent; the ticket writes `sent` before it leaves. → answered, answer: for
-- rent.bound
function rent.send(intent, order)
  return fail.settle(intent.provider.create, order, intent.ticket)
end

-- From here on there is a machine: a journal that cannot be written must not lose it. → session
local function bind(intent, id, adopted)
  local session = intent.session
  session.id = id
  intent.journal:try_append("bound", intent.token, { id = id, adopted = adopted })
  log.info("Instance created", { instance_id = id, token = intent.token, adopted = adopted })
  return session
end

-- The answer of a create was lost or not understood, or it was a refusal and nobody could look.
local function resolve_unknown(intent, problem, ui)
  local journal, provider, token = intent.journal, intent.provider, intent.token
  journal:append("lost", token, { reason = fail.message(problem) })
  local window = timing.of(provider, "consistency")
  ui:note(("what became of the create is not known (%s); looking for %s for %s"):format(fail.message(problem),
    token, clock.duration(window)))
  local ok, found = fail.settle(rent.find, provider, token, window)
  if ok and #found > 0 then return bind(intent, found[1].id, true) end
  resources.away(journal, provider, token) -- what shows later is ended, not used
  return fail.raise("capacity", ok
    and "the create's answer was lost and no machine appeared; it will be looked for again for 24 h"
    or "the create's answer was lost and the cloud cannot be asked: " .. fail.message(found),
    { unresolved = true, blind = not ok })
end

-- A refusal may have made something all the same (DESIGN §1.2): one look at a complete list, which is all
-- that a clear answer is worth.
-- → whether it made nothing; false: no such list could be had
local function made_nothing(intent, problem)
  if fail.is(problem, "auth") then return true end -- nothing would be shown either
  local ok, found = fail.settle(rent.find, intent.provider, intent.token, 0)
  if not ok then return false end
  if #found == 0 then return true end
  log.error("the cloud refused a create and made a machine all the same",
    { instance_id = found[1].id, token = intent.token })
  return fail.raise(problem.kind, fail.message(problem), { created = bind(intent, found[1].id, true) })
end

-- Did nothing leave, or did the cloud refuse and make nothing?
local function rented_nothing(intent, problem)
  if not intent.journal:session(intent.token).started then return true end
  if fail.is(problem) and problem.sent == false then return true end
  return fail.is(problem) and CERTAIN[problem.kind] and made_nothing(intent, problem)
end

--- What became of a create: its machine is bound in the journal.
-- @param answered, answer what rent.send returned
-- @return session { token, id, … }
-- @raise kind `capacity` (try the next offer) and others; `created` holds a session that must be undone
function rent.bound(intent, answered, answer, ui)
  if answered then
    intent.session.guard_key = answer.guard_key
    return bind(intent, answer.id)
  end
  if answer.created_id then
    local created = bind(intent, answer.created_id)
    fail.raise(fail.is(answer) and answer.kind or "internal", fail.message(answer), { created = created })
  end
  if rented_nothing(intent, answer) then return rent.never(intent, answer) end
  return resolve_unknown(intent, answer, ui)
end

return rent
