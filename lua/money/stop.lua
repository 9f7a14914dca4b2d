-- SPDX-License-Identifier: MIT
-- Gives everything back and proves it. Repeatable at any time; works through built-in adapters when
-- an override is broken.
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local log = require "base.log"
local task = require "base.task"
local config = require "config.effective"
local alert = require "home.alert"
local cost = require "home.cost"
local look = require "money.look"
local agent_client = require "home.agent_client"
local guest_client = require "home.guest_client"
local timing = require "home.timing"
local proof = require "money.proof"
local rent = require "money.rent"
local sessions = require "home.sessions"
local things = require "money.things"
local takeover = require "money.takeover"
local resources = require "money.resources"
local provider_of = require "money.provider_of"

local PROVEN = "absent twice, complete lists, same account"

--- TITLES: the steps of a stop, before it is known of which machine.
local stop = { TITLES = { "Terminating instance", "Verifying billing stopped", "Removing WireGuard tunnel",
  "Cleaning state" } }

local function step(ui, number, session, title)
  ui:step(number, #stop.TITLES, title or stop.TITLES[number], session)
end

-- The other way to end a machine; what became of it is told.
local function tell_guard(ui, session, reason)
  local told, why = guest_client.end_machine(session.token, reason)
  ui:note(told and "the guard on the machine was told to end it"
    or "the guard on the machine could not be told to end it: " .. why)
end

local function hooks_for(ui, session)
  local hooks, told = {}, false
  function hooks.terminating()
    step(ui, 1, session, ("%s %s on %s"):format(stop.TITLES[1], session.id, session.provider))
  end
  function hooks.unwatched(known) return known.guarded_at ~= nil and not agent_client.heard() end
  function hooks.failed(attempt, reason)
    ui:note(("attempt %d failed: %s"):format(attempt, reason))
    if not told then
      told = true
      task.spawn(function() tell_guard(ui, session, "the cloud's API does not take our terminate") end)
    end
  end
  function hooks.terminated(acknowledged, why)
    if acknowledged then ui:done("Terminated") else ui:fail("not acknowledged: " .. tostring(why)) end
  end
  function hooks.verifying() step(ui, 2, session) end
  function hooks.waiting() ui:progress { text = "The cloud is ending the machine" } end
  function hooks.verified(outcome, doubt)
    if outcome == "proven" then
      ui:done("Confirmed: " .. PROVEN)
    elseif outcome == "unverifiable" then
      ui:warn("Billing verification not available for this provider")
    else
      ui:fail("billing may still be active: " .. tostring(doubt))
    end
  end
  return hooks
end

local function close(journal, provider, session, outcome, ui)
  local current = journal:session(session.token) or session
  local ended = proof.ended(current)
  local asked, bill = fail.settle(cost.final, current, ended, provider)
  if not asked then bill = cost.final(current, ended) end
  if outcome ~= "unproven" then
    if not journal:try_append("closed", session.token, { outcome = outcome, cost = bill.amount,
      at_most = bill.at_most, source = bill.source, ended = ended }) then
      ui:warn(("this end could not be recorded (%s); the next command looks at the cloud once more")
        :format(journal.unrecorded))
    end
    log.info("Session closed", { token = session.token, outcome = outcome, cost = bill.amount })
  end
  ui:ended { session = current, outcome = outcome, cost = bill, duration = ended - (current.started or ended),
    provider = provider }
end

-- With nothing of the home billing any more the tunnel has no far end.
local function tunnel_down(journal, ui)
  step(ui, 3)
  if #journal:open_sessions() > 0 or #journal:untidy() > 0 then
    agent_client.reload()
    ui:done("Tunnel down; the agent stays to watch what is still open")
    return
  end
  local ok, message = agent_client.quit()
  if ok then ui:done("Removed") else ui:fail(message) end
end

-- The agent takes its sockets with it; one that was killed left them lying.
local function clean(ui)
  if not agent_client.pid() then
    for _, name in ipairs { "agent", "guest", "engine" } do files.remove(agent_client.socket(name)) end
  end
  ui:done("Done")
end

--- Ends one bound session (the caller holds home.lock).
-- @param attempts how often destroy and proof are tried (default 5)
-- @return "proven", "unverifiable" or "unproven", and the reason when unproven
function stop.session(journal, provider, session, reason, ui, attempts)
  local outcome, doubt = proof.finish(journal, provider, session, reason, hooks_for(ui, session), attempts)
  close(journal, provider, session, outcome, ui)
  if outcome ~= "unproven" then
    local made = (journal:session(session.token) or session).untidy
    local tidied, left = resources.away(journal, provider, session.token)
    tunnel_down(journal, ui)
    step(ui, 4)
    if not tidied then
      ui:warn(left)
    elseif made then
      ui:done("Removed what was made for this run besides the machine")
    end
    clean(ui)
  else
    alert.critical("Could not verify billing stopped", { instance_id = session.id,
      provider = session.provider, action = "stop", reason = doubt }, "unproven " .. session.token)
    agent_client.reload()
  end
  return outcome, doubt
end

-- Nothing shows, which is no proof: a create may come true late.
local function remember_lost(journal, provider, session, ui)
  local doubt = ("the create of %s was never answered; no machine shows, and it is looked for again for 24 h")
    :format(session.token)
  ui:warn(doubt)
  if not session.lost then journal:try_append("lost", session.token, { reason = "the start was cut off" }) end
  resources.away(journal, provider, session.token)
  return { session = session, outcome = "unresolved", doubt = doubt }
end

-- Finds out what became of a create whose answer is missing. Returns the session bound,
-- or nil when nothing shows.
local function resolve(journal, provider, session, window)
  local found = rent.find(provider, session.token, window)
  if #found == 0 then return nil end
  journal:try_append("bound", session.token, { id = found[1].id, adopted = true })
  return journal:session(session.token)
end

--- How long a create without answer is looked for again (DESIGN §1.2), and how long it counts as something
-- that may still bill.
stop.LOST_SECONDS = 24 * 3600
local DOUBT_SECONDS = 3600

-- quick: one look, by somebody who comes again soon; only what is about to be given up is looked for
-- over the whole window.
local function resolve_unbound(journal, provider, session, ui, quick)
  if sessions.never_sent(session) then
    journal:try_append("closed", session.token, { outcome = "never", reason = "the create never left" })
    return nil
  end
  local age = clock.wall() - session.started
  local full = timing.of(provider, "consistency")
  local believable = age >= 0 and age <= stop.LOST_SECONDS -- else the wall clock may have been stepped
  local window = believable and math.max(0, full - age) or full
  if quick and age <= stop.LOST_SECONDS then window = 0 end
  local bound = resolve(journal, provider, session, window)
  if bound then return bound end
  if age > stop.LOST_SECONDS then
    journal:try_append("closed", session.token, { outcome = "never", reason = "not seen within 24 h" })
    return nil
  end
  local result = remember_lost(journal, provider, session, ui)
  return nil, (not believable or age < timing.seconds(DOUBT_SECONDS)) and result or nil
end

-- Without a script for its cloud only the guard on the machine can end it.
local function provider_for(session, ui)
  local ok, provider = fail.try(provider_of.provider, session.provider)
  if ok then return provider end
  if session.id then tell_guard(ui, session, "the script for its cloud cannot be used") end
  error(provider, 0)
end

-- What could not even be begun is kept as what it is: asked for, and not proven.
local function remember_failure(journal, session, reason, why)
  if not session or not session.id then return end
  if not session.stopping then journal:try_append("stopping", session.token, { reason = reason }) end
  journal:try_append("unproven", session.token, { reason = why })
end

--- Ends sessions of the journal (the caller holds home.lock).
-- @param list sessions, as from journal:open_sessions()
-- @return list of { session, outcome, doubt }; outcome as of stop.session, or "unresolved": a create without
-- answer that may come true yet
function stop.all(journal, list, reason, ui, attempts)
  local results = {}
  for _, session in ipairs(list) do
    local ok, problem = fail.try(function()
      local provider = provider_for(session, ui)
      if not session.id then
        local unresolved
        session, unresolved = resolve_unbound(journal, provider, session, ui, attempts == 1)
        results[#results + 1] = unresolved
      end
      if not session then return end
      local outcome, doubt = stop.session(journal, provider, session, reason, ui, attempts)
      results[#results + 1] = { session = session, outcome = outcome, doubt = doubt }
    end)
    if not ok then
      remember_failure(journal, session, reason, fail.message(problem))
      results[#results + 1] = { session = session, outcome = "unproven", doubt = fail.message(problem) }
      alert.critical("A machine could not be ended", { provider = session.provider, token = session.token,
        reason = fail.message(problem) }, "unproven " .. session.token)
    end
  end
  resources.rest(journal)
  return results
end

-- Sessions that somebody else (a start's undo, the agent, another stop) closed while this stop waited
-- for him, as results.
local function ended_meanwhile(journal, before, began)
  local list = {}
  for _, session in ipairs(journal:recent(clock.wall() - began + takeover.ENDING_SECONDS * 2)) do
    local ended = session.closed == "proven" or session.closed == "unverifiable"
    if ended and before[session.token] ~= "closed" then
      local found, provider = fail.try(provider_of.provider, session.provider)
      list[#list + 1] = { session = session, outcome = session.closed, provider = found and provider or nil,
        cost = { amount = session.cost, at_most = session.cost_at_most, currency = session.currency or "USD",
          source = session.cost_source or "reckoned" },
        duration = math.max(0, session.ended - (session.started or session.ended)) }
    end
  end
  return list
end

-- Everything that is open, then whatever else the clouds show of this home when its record cannot be relied
-- on. → results, doubt or nil
local function end_all(journal, ui)
  local results = stop.all(journal, journal:open_sessions(), "stop", ui)
  if not look.needed(journal) then return results end
  local before = {}
  for _, session in ipairs(journal:open_sessions()) do before[session.token] = session.provider ~= nil end
  local known, doubt = look.run(journal, ui)
  local found = {}
  for _, session in ipairs(journal:open_sessions()) do
    if not before[session.token] then found[#found + 1] = session end
  end
  local more = stop.all(journal, found, "stop", ui)
  table.move(more, 1, #more, #results + 1, results)
  return results, not known and doubt or nil
end

local function states(journal)
  local set = {}
  for _, session in ipairs(journal:recent(sessions.TELL_SECONDS)) do
    set[session.token] = session.closed and "closed" or "open"
  end
  return set
end

-- Is everything over, for certain, and nobody at work?
local function idle(journal)
  return #journal:open_sessions() == 0 and #journal:untidy() == 0 and #journal:things() == 0
    and not look.needed(journal)
    and not files.owner(files.join(journal.home, "home.lock"))
end

local function finish(journal, before, began, ui)
  local results, doubt = end_all(journal, ui)
  for _, result in ipairs(ended_meanwhile(journal, before, began)) do
    local told = false
    for _, other in ipairs(results) do told = told or other.session.token == result.session.token end
    if not told then
      results[#results + 1] = result
      ui:note(("%s on %s was ended meanwhile%s"):format(result.session.id, result.session.provider,
        result.outcome == "proven" and ": " .. PROVEN or ""))
    end
  end
  resources.rest(journal, began) -- nobody may come by later
  local around = things.rest(journal, ui)
  if #journal:open_sessions() == 0 and #journal:untidy() == 0 and #journal:things() == 0 then
    agent_client.quit()
  elseif journal.lock then
    fail.try(agent_client.ensure) -- it goes on with what is still open, also when it had died before
  end
  return results, doubt, around
end

--- `continueplz stop`. Ends what runs, whether or not this home can be written, or is locked by others.
-- @return list of results (empty: nothing was running); what else is to be told: { doubt = a sentence when it
-- is not known whether anything else runs, unrecorded = a sentence when the journal could not be written,
-- things = rows of money.things }
function stop.run(ui)
  local journal = require("home.journal").open(config.home(), true)
  if idle(journal) then
    agent_client.quit()
    return {}, { things = {} }
  end
  local began, before = clock.wall(), states(journal)
  agent_client.wake() -- an agent that was stopped holds up what waits for its answer
  local locked, why = takeover.of(journal, ui)
  why = why or journal.trouble
  if why then ui:warn(why .. "; what runs is ended all the same, without a record of it") end
  local ok, results, doubt, around = fail.settle(finish, journal, before, began, ui)
  local unrecorded = journal.unrecorded and (why or journal.unrecorded) or nil
  if locked then journal:release() end
  if not ok then error(results, 0) end
  return results, { doubt = doubt, unrecorded = unrecorded, things = around }
end

return stop
