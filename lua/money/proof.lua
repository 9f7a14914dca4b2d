-- SPDX-License-Identifier: MIT
-- Ends what was rented and proves it: destroy until acknowledged, then positive, complete, account-checked
-- absence, twice. Three outcomes (DESIGN §1.4): "proven", "unverifiable" (the cloud has no way to tell),
-- "unproven" (it may still bill).
local clock = require "base.clock"
local fail = require "base.fail"
local log = require "base.log"
local task = require "base.task"
local agent_client = require "home.agent_client"
local timing = require "home.timing"

local ATTEMPTS, FIRST_PAUSE = 5, 2
local ABSENCES = 2

local proof = {}

-- Runs `attempt` until it returns true; pauses of 2, 4, 8, 16 s between (PRD §5.2). Returns true, or false
-- and the last reason.
local function persist(attempts, attempt, on_failure)
  local reason
  for i = 1, attempts do
    local ok, result = fail.try(attempt)
    if ok and result then return true end
    reason = ok and "the cloud's answer was not conclusive" or fail.message(result)
    on_failure(i, reason, ok and nil or result)
    if i < attempts then task.sleep(timing.seconds(FIRST_PAUSE * 2 ^ (i - 1))) end
  end
  return false, reason
end

--- Asks the cloud to destroy until it acknowledges.
-- @param attempts how often at most
-- A machine that cannot be ended at this moment (code "busy") is asked again for as long as `timing.ending`
-- says.
-- @param failed function(attempt, reason) is told of every failure
-- @param waiting called while the machine is busy
-- @return true, or false and the last reason; third: whether it was gone before it was asked
function proof.destroy(provider, session, attempts, failed, waiting)
  local until_ = clock.now() + (provider.timing.ending and timing.of(provider, "ending") or 0)
  local already
  local function destroy()
    while true do
      local ok, result = fail.try(provider.destroy, session.id)
      already = ok and result == "gone"
      if ok then return result end
      if result.code ~= "busy" or clock.now() >= until_ then
        error(result, 0)
      end
      waiting()
      task.sleep(timing.seconds(5))
    end
  end
  local done, reason = persist(attempts, destroy, function(attempt, why)
    log.error("Terminate failed, retrying",
      { attempt = attempt, error = why, instance_id = session.id, provider = provider.name })
    failed(attempt, why)
  end)
  return done, reason, already
end

local function same_account(provider, session)
  if not session.account then return end
  local account = provider.account()
  if tostring(account.id) ~= tostring(session.account) then
    fail.raise("auth", ("the key in use belongs to account %s, but %s was rented by account %s; absence seen "
      .. "from there proves nothing"):format(tostring(account.id), session.id, tostring(session.account)))
  end
end

--- Where a key stands for its account (facts/lambda.md §2.1): is the key in use another one than that which
-- rented?
function proof.is_strange(provider, session)
  return provider.account_of_key ~= nil and session.account ~= nil
    and provider.account_of_key() ~= tostring(session.account)
end

--- A key that shows the session's machine with the session's token is one of the same account, though it was
-- changed; that is recorded.
-- @param instance what the cloud shows with the key in use
function proof.recognise(journal, provider, session, instance)
  if instance.status == "gone" or instance.token ~= session.token then
    return
  end
  local account = provider.account_of_key()
  log.info("Another key shows the machine, so it is one of the same account",
    { instance_id = session.id, account = account })
  journal:try_append("recognised", session.token, { account = account })
end

-- Before a machine is destroyed with a key that did not rent it, the machine is looked at: afterwards nothing
-- could tell whose key it is.
-- → the session as it is then
local function recognised(journal, provider, session)
  local ok, strange = fail.try(proof.is_strange, provider, session)
  if not ok or not strange then return session end
  local shown, instance = fail.try(provider.get, session.id)
  if not shown then return session end
  proof.recognise(journal, provider, session, instance)
  return journal:session(session.token) or session
end

--- Machines of a list that carry the token of a session although they are not its own (a create that worked
-- twice): ours to end.
function proof.others(list, session)
  local found = {}
  for _, instance in ipairs(list) do
    if instance.token == session.token and tostring(instance.id) ~= tostring(session.id) then
      found[#found + 1] = instance
    end
  end
  return found
end

-- twin: nil, or function(id) told of each → how many there were
local function end_twins(provider, session, list, twin)
  local twins = proof.others(list, session)
  for _, instance in ipairs(twins) do
    log.error("a second machine carries the token of this session; destroying it",
      { instance_id = instance.id, token = session.token })
    if twin then twin(tostring(instance.id)) end
    provider.destroy(instance.id)
  end
  return #twins
end

-- One complete list for both questions: is there another machine of the token, and is the session's own gone
-- (by its id and its token, and by what the cloud says of it alone)? → true and the evidence; or false, nil
-- and whether the cloud says that it is ending the machine
local function absent_once(provider, session, twin)
  local list = provider.list()
  if end_twins(provider, session, list, twin) > 0 then return false end
  local verdict = provider.proof(session, list)
  if verdict.state ~= "stopped" then
    return false, nil, verdict.state == "ending"
  end
  return true, verdict.evidence
end

-- A cloud that says it is ending the machine is given the time that its `timing.ending` states; nothing is
-- asked of it again meanwhile.
local function absent_or_given_up(provider, session, waiting, twin)
  local until_ = clock.now() + (provider.timing.ending and timing.of(provider, "ending") or 0)
  while true do
    local absent, evidence, ending = absent_once(provider, session, twin)
    if not ending or clock.now() >= until_ then return absent, evidence end
    waiting()
    task.sleep(math.min(timing.of(provider, "poll"), timing.seconds(5)))
  end
end

--- Looks for absence: twice, `gap` seconds apart, from the right account.
-- @param attempts how often at most
-- @param gap seconds between the two absences
-- @param seen called with the count and the evidence after each absence
-- @param waiting called while the cloud is ending the machine
-- @param twin nil, or function(id) told of each other machine of the token, before it is destroyed
-- @return true, or false and a reason
function proof.verify(provider, session, attempts, gap, seen, waiting, twin)
  local count, first = 0, true
  return persist(attempts, function()
    if first then same_account(provider, session) end
    first = false
    while count < ABSENCES do
      local absent, evidence = absent_or_given_up(provider, session, waiting, twin)
      if not absent then
        if count == 0 then
          -- It is still there: the request may have been swallowed, so it is sent again before the next look.
          fail.try(provider.destroy, session.id)
        end
        count = 0
        return false
      end
      count = count + 1
      seen(count, evidence)
      if count < ABSENCES then task.sleep(gap) end
    end
    return true
  end, function(attempt, why)
    first = true
    log.warn("Billing not yet proven ended",
      { attempt = attempt, reason = why, instance_id = session.id, provider = provider.name })
  end)
end

--- Ends one session of the journal. The caller holds home.lock. Everything is recorded as it happens.
-- @param hooks { unwatched(session) → had nobody heard of the machine any more?, terminating(),
-- failed(attempt, reason), terminated(acknowledged),   verifying(), waiting(), verified(outcome, reason) }
-- @param attempts how often destroy and proof are tried (default 5)
-- @return "proven", "unverifiable" or "unproven", and the reason when unproven
function proof.finish(journal, provider, session, reason, hooks, attempts)
  attempts = attempts or ATTEMPTS
  return task.shield(function()
    hooks.terminating()
    session = recognised(journal, provider, session)
    -- a stop that was cut off stays one
    journal:try_append("stopping", session.token, { reason = session.stopping or reason })
    -- What the agent was asked for while this command was still starting (agent.early_stop) need not be asked
    -- again.
    local acknowledged, why, already = agent_client.terminated(session.token), nil, nil
    if not acknowledged then
      acknowledged, why, already = proof.destroy(provider, session, attempts, hooks.failed, hooks.waiting)
    end
    if acknowledged then
      local unwatched = hooks.unwatched(journal:session(session.token) or session)
      journal:try_append("destroyed", session.token,
        { already = already or nil, unwatched = unwatched or nil })
    end
    hooks.terminated(acknowledged, why)
    hooks.verifying()
    -- Without an acknowledged destroy, absence may only mean that the machine does not show yet.
    local gap = timing.of(provider, acknowledged and "proof_gap" or "consistency")
    -- Nor does one that was never seen have to show at once (DESIGN §1.2).
    local known = journal:session(session.token) or session
    local age = clock.wall() - (known.started or 0)
    if not known.seen then
      gap = math.max(gap, timing.of(provider, "consistency") - (age >= 0 and age or 0))
    end
    local twin_id
    local function twin(id)
      if id ~= twin_id then journal:try_append("twin", session.token, { id = id }) end
      twin_id = id
    end
    local absent, doubt = proof.verify(provider, session, attempts, gap, function(count, evidence)
      journal:try_append("absent", session.token, { evidence = evidence, n = count })
    end, hooks.waiting, twin)
    if absent and twin_id then journal:try_append("twin_gone", session.token, { id = twin_id }) end
    if absent and provider.capabilities.billing == "none" then
      if acknowledged then
        hooks.verified("unverifiable")
        return "unverifiable"
      end
      absent, doubt = false, why
    end
    if absent then
      hooks.verified("proven")
      return "proven"
    end
    doubt = not acknowledged and why or doubt
    journal:try_append("unproven", session.token, { reason = doubt })
    hooks.verified("unproven", doubt)
    return "unproven", doubt
  end)
end

--- When the session's machine ended, for the bill: the first absence, else now.
function proof.ended(session)
  return session.ended or clock.wall()
end

return proof
