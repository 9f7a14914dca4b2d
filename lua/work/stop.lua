-- SPDX-License-Identifier: MIT
-- Gives everything back and proves it. Repeatable at any time; works through built-in adapters when an override is broken.
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local log = require "base.log"
local task = require "base.task"
local config = require "facts.config"
local alert = require "work.alert"
local cost = require "work.cost"
local journal = require "work.journal"
local link = require "work.link"
local pace = require "work.pace"
local proof = require "work.proof"
local rent = require "work.rent"
local sessions = require "work.sessions"
local tidy = require "work.tidy"
local trusted = require "work.trusted"

local STEPS = 4
local UNDO_SECONDS, ENDING_SECONDS = 60, 300 -- that a start gets for its undo, and an agent or another stop to end a machine
local LEAST_SECONDS, KILLED_SECONDS = 20, 5  -- the same for simulators; and until a killed process is gone

local stop = {}

-- The agent, which has everything loaded, was asked to terminate while this command was still starting; only what it did not achieve is sent from here.
local function after_agent(provider, session)
  local asked = false
  return setmetatable({
    destroy = function(id)
      local first = not asked
      asked = true
      return first and id == session.id and link.terminated(session.token) or provider.destroy(id)
    end,
  }, { __index = provider })
end

local function hooks_for(ui, session)
  local hooks, told = {}, false
  function hooks.terminating() ui:step(1, STEPS, ("Terminating instance %s on %s"):format(session.id, session.provider)) end
  function hooks.failed(attempt, reason)
    ui:note(("attempt %d failed: %s"):format(attempt, reason))
    if not told then
      told = true
      task.spawn(function()
        if link.end_machine(session.token, "the cloud's API does not take our terminate") then ui:note("the guard on the machine was told to end it") end
      end)
    end
  end
  function hooks.terminated(acknowledged, why)
    if acknowledged then ui:done("Terminated") else ui:fail("not acknowledged: " .. tostring(why)) end
  end
  function hooks.verifying() ui:step(2, STEPS, "Verifying billing stopped") end
  function hooks.waiting() ui:progress { text = "The cloud is ending the machine" } end
  function hooks.verified(outcome, doubt)
    if outcome == "proven" then
      ui:done("Confirmed: absent twice, complete lists, same account")
    elseif outcome == "unverifiable" then
      ui:warn("Billing verification not available for this provider")
    else
      ui:fail("billing may still be active: " .. tostring(doubt))
    end
  end
  return hooks
end

local function close(book, provider, session, outcome, ui)
  local current = book:session(session.token) or session
  local ended = proof.ended(current)
  local asked, bill = fail.try(cost.final, current, ended, provider)
  if not asked then bill = cost.final(current, ended) end
  if outcome ~= "unproven" then
    if not book:note("closed", session.token, { outcome = outcome, cost = bill.amount, at_most = bill.at_most, ended = ended }) then
      ui:warn("the record could not be closed (is the disk full?); the next command looks at the cloud once more")
    end
    log.info("Session closed", { token = session.token, outcome = outcome, cost = bill.amount })
  end
  ui:ended { session = current, outcome = outcome, cost = bill, duration = ended - (current.started or ended), provider = provider }
end

-- With nothing of the home billing any more the tunnel has no far end.
local function tunnel_down(book, ui)
  ui:step(3, STEPS, "Removing WireGuard tunnel")
  if #book:open_sessions() > 0 or #book:untidy() > 0 then
    link.reload()
    ui:done("Tunnel down; the agent stays to watch what is still open")
    return
  end
  local ok, message = link.quit()
  if ok then ui:done("Removed") else ui:fail(message) end
end

-- The agent takes its sockets with it; one that was killed left them lying.
local function clean(ui)
  if not link.pid() then
    for _, name in ipairs { "agent", "guest", "engine" } do files.remove(link.socket(name)) end
  end
  ui:done("Done")
end

--- Ends one bound session (the caller holds home.lock).
-- @param attempts how often destroy and proof are tried (default 5)
-- @return "proven", "unverifiable" or "unproven", and the reason when unproven
function stop.session(book, provider, session, reason, ui, attempts)
  local outcome, doubt = proof.finish(book, after_agent(provider, session), session, reason, hooks_for(ui, session), attempts)
  close(book, provider, session, outcome, ui)
  if outcome ~= "unproven" then
    local made = (book:session(session.token) or session).untidy
    local tidied, left = tidy.away(book, provider, session.token)
    tunnel_down(book, ui)
    ui:step(4, STEPS, "Cleaning state")
    if not tidied then
      ui:warn(left)
    elseif made then
      ui:done("Removed what was made for this run besides the machine")
    end
    clean(ui)
  else
    alert.critical("Could not verify billing stopped", { instance_id = session.id, provider = session.provider, action = "stop", reason = doubt })
    link.reload()
  end
  return outcome, doubt
end

-- Nothing shows, which is no proof: a create may come true late.
local function remember_lost(book, provider, session, ui)
  local doubt = ("the create of %s was never answered; no machine shows, and it is looked for again for 24 h"):format(session.token)
  ui:warn(doubt)
  if not session.lost then book:append("lost", session.token, { reason = "the start was cut off" }) end
  tidy.away(book, provider, session.token)
  return { session = session, outcome = "unresolved", doubt = doubt }
end

-- Finds out what became of a create whose answer is missing. Returns the session bound, or nil when nothing shows.
local function resolve(book, provider, session, window)
  local found = rent.find(provider, session.token, window)
  if #found == 0 then return nil end
  book:append("bound", session.token, { id = found[1].id, adopted = true })
  return book:session(session.token)
end

--- How long a create without answer is looked for again (DESIGN §1.2), and how long it counts as something that may still bill.
stop.LOST_SECONDS = 24 * 3600
local DOUBT_SECONDS = 3600

-- quick: one look, by somebody who comes again soon; only what is about to be given up is looked for over the whole window.
local function resolve_unbound(book, provider, session, ui, quick)
  if sessions.never_sent(session) then
    book:append("closed", session.token, { outcome = "never", reason = "the create never left" })
    return nil
  end
  local age = clock.wall() - session.started
  local full = pace.of(provider, "consistency")
  local believable = age >= 0 and age <= stop.LOST_SECONDS -- else the wall clock may have been stepped
  local window = believable and math.max(0, full - age) or full
  if quick and age <= stop.LOST_SECONDS then window = 0 end
  local bound = resolve(book, provider, session, window)
  if bound then return bound end
  if age > stop.LOST_SECONDS then
    book:append("closed", session.token, { outcome = "never", reason = "not seen within 24 h" })
    return nil
  end
  local result = remember_lost(book, provider, session, ui)
  return nil, (not believable or age < pace.seconds(DOUBT_SECONDS)) and result or nil
end

-- Without a script for its cloud only the guard on the machine can end it.
local function provider_of(session, ui)
  local ok, provider = fail.try(trusted.provider, session.provider)
  if ok then return provider end
  if session.id and link.end_machine(session.token, "the script for its cloud cannot be used") then ui:note("the guard on the machine was told to end it") end
  error(provider, 0)
end

-- What could not even be begun is kept as what it is: asked for, and not proven.
local function remember_failure(book, session, reason, why)
  if not session or not session.id then return end
  if not session.stopping then book:note("stopping", session.token, { reason = reason }) end
  book:note("unproven", session.token, { reason = why })
end

--- Ends sessions of the journal (the caller holds home.lock).
-- @param list sessions, as from book:open_sessions()
-- @return list of { session, outcome, doubt }; outcome as of stop.session, or "unresolved": a create without answer that may come true yet
function stop.all(book, list, reason, ui, attempts)
  local results = {}
  for _, session in ipairs(list) do
    local ok, problem = fail.try(function()
      local provider = provider_of(session, ui)
      if not session.id then
        local unresolved
        session, unresolved = resolve_unbound(book, provider, session, ui, attempts == 1)
        results[#results + 1] = unresolved
      end
      if not session then return end
      local outcome, doubt = stop.session(book, provider, session, reason, ui, attempts)
      results[#results + 1] = { session = session, outcome = outcome, doubt = doubt }
    end)
    if not ok then
      if fail.is(problem, "interrupted") then error(problem, 0) end
      remember_failure(book, session, reason, fail.message(problem))
      results[#results + 1] = { session = session, outcome = "unproven", doubt = fail.message(problem) }
      alert.critical("A machine could not be ended", { provider = session.provider, token = session.token, reason = fail.message(problem) })
    end
  end
  tidy.rest(book)
  return results
end

-- Waits for the lock. → true when it is ours
local function wait_for_lock(book, seconds)
  local until_ = clock.now() + seconds
  repeat
    task.sleep(0.05)
    if book:acquire("stop") then return true end
  until clock.now() > until_
  return false
end

local ENDING = { agent = "the agent is ending a machine at this moment; waiting for it",
  recovery = "another command is finishing what was left at this moment; waiting for it",
  stop = "another stop is at work at this moment; waiting for it" }

-- What is at work in this home is asked to end, and its own undo goes first; who is ending a machine is waited for. A process that was
-- stopped (Ctrl-Z) goes on for that. One that does not end in time is killed: what it left is ended here.
local function take_over(book, ui)
  local ok, message, code = book:acquire("stop")
  if ok then return end
  if code ~= "busy" then fail.raise("config", message) end
  local path = files.join(book.home, "home.lock")
  local pid, word = files.owner(path)
  local patience = ENDING[word] and ENDING_SECONDS or UNDO_SECONDS
  ui:note(ENDING[word] or ("process %s is at work in this home; asking it to end"):format(tostring(pid)))
  local asked, why = true, nil
  if not ENDING[word] then asked, why = files.signal(path, "TERM") end
  if asked then files.signal(path, "CONT") end
  if wait_for_lock(book, math.max(pace.seconds(patience), LEAST_SECONDS)) then return end
  local killed, problem = files.signal(path, "KILL")
  if killed then ui:note(("process %s did not end and was killed; what it left is ended here"):format(tostring(pid))) end
  if wait_for_lock(book, KILLED_SECONDS) then return end
  fail.raise("busy", ("the folder is held by process %s, which did not end: %s"):format(tostring(pid), why or problem or "it cannot be killed"))
end

--- `continueplz stop`. Returns the list of results; empty: nothing was running.
function stop.run(ui)
  local book = journal.open(config.home())
  if #book:open_sessions() == 0 and #book:untidy() == 0 and not files.owner(files.join(book.home, "home.lock")) then
    link.quit()
    return {}, book
  end
  local began = clock.wall()
  link.wake() -- an agent that was stopped holds up what waits for its answer
  take_over(book, ui)
  local ok, results = fail.try(stop.all, book, book:open_sessions(), "stop", ui)
  if ok then tidy.rest(book, began) end -- nobody may come by later
  if ok and #book:open_sessions() == 0 and #book:untidy() == 0 then link.quit() end
  book:release()
  if not ok then error(results, 0) end
  return results, book
end

return stop
