-- SPDX-License-Identifier: MIT
-- What a crash left is finished by the next command, whatever it is.
local fail = require "base.fail"
local config = require "config.effective"
local alert = lazy "home.alert"
local agent_client = lazy "home.agent_client"
local look = lazy "money.look"
local stop = lazy "money.stop"
local resources = lazy "money.resources"
local things = lazy "money.things"

local recover = {}

--- Is this session a start that nobody is bringing to its end? (Only to be asked while holding home.lock.)
function recover.is_broken(session)
  if session.closed then return false end
  if not session.id then return true end
  if session.found and not session.stopping then return false end
  return not (session.ready_at and not session.stopping) and not session.kept
end

--- May a session that looks like a start that was cut off be ended without being asked? Not when its record
-- was cut or damaged: it may be in use. One that a stop or a start began to end goes on being ended.
function recover.may_undo(journal, session)
  return recover.is_broken(session) and (session.stopping ~= nil or not journal:doubtful())
end

-- test: function(session): is it one of them?
local function finish(journal, ui, attempts, test)
  local left = {}
  for _, session in ipairs(journal:open_sessions()) do
    if test(session) then left[#left + 1] = session end
  end
  if #left == 0 then return {} end
  ui:note(("finishing what an earlier run left: %d unfinished"):format(#left))
  return stop.all(journal, left, "unfinished start", ui, attempts)
end

local function what_may_be_undone(journal)
  return function(session) return recover.may_undo(journal, session) end
end

local function unbound(session) return not session.id end

local function refuse_unproven(results)
  for _, result in ipairs(results) do
    if result.outcome == "unproven" then
      fail.raise("unproven", ("an earlier machine (%s) may still bill: %s"):format(tostring(result.session.id
        or result.session.token), result.doubt))
    end
  end
end

local function busy(journal, session)
  fail.raise("busy", ("%s on %s is already running in %s; stop it first, or use another home with -C DIR")
    :format(session.id, session.provider or "a cloud that the record does not name any more", journal.home))
end

--- Refuses a second machine beside one that serves or was kept, before anything is asked or looked up.
-- Needs no lock.
-- @raise kind `busy`
function recover.refuse_second(journal)
  local current = journal:current()
  if current and not recover.is_broken(current) then busy(journal, current) end
end

--- Refuses a start by a record that cannot be relied on.
-- @raise kind `config`
function recover.refuse_damaged(journal)
  if #journal.damaged == 0 then return end
  fail.raise("config", ("%s is damaged at line %d; run `continueplz stop`, which ends what "
    .. "is there and sets it aside"):format(journal.path, journal.damaged[1]))
end

--- How many starts were cut off, which the next one finishes first?
function recover.unfinished(journal)
  local count, test = 0, what_may_be_undone(journal)
  for _, session in ipairs(journal:open_sessions()) do count = count + (test(session) and 1 or 0) end
  return count
end

--- Before a start: finishes leftovers, then refuses when a machine is there, or when that cannot be known.
-- @raise kind `busy` when an instance is running, `unproven` when a leftover may bill
function recover.before_start(journal, ui)
  resources.rest(journal)
  refuse_unproven(finish(journal, ui, nil, what_may_be_undone(journal)))
  if look.needed(journal) then
    local known, doubt = look.run(journal, ui)
    if not known then
      fail.raise("unproven",
        "it is not known whether a machine of this folder runs, so no other one is rented: " .. doubt)
    end
    refuse_unproven(finish(journal, ui, nil, unbound)) -- no cloud shows them
  end
  local current = journal:current()
  if current then busy(journal, current) end
end

-- An agent whose key is refused and that got it from an environment gets the one that is in ours.
local function bring_agent()
  local agent = agent_client.ensure()
  if not agent.key_refused or config.lendable() == "" then return end
  agent_client.quit()
  agent_client.ensure()
end

--- For every other command: brings a dead agent back, finishes leftovers when nobody else is at work. Never
-- raises for a cloud's failure.
-- @return journal (fresh, without lock), what was finished: results of money.stop
function recover.any(ui)
  local journal = require("home.journal").open(config.home())
  local finished = {}
  alert.deliver()
  if #journal:open_sessions() == 0 and #journal:untidy() == 0 and #journal:things() == 0 then
    return journal, finished
  end
  if journal:acquire("recovery") then
    local ok, results = fail.settle(function()
      resources.rest(journal)
      things.rest(journal, ui, 2)
      return finish(journal, ui, 1, what_may_be_undone(journal))
    end)
    journal:release()
    if ok then
      finished = results
    else
      ui:note("an unfinished start could not be ended yet: " .. fail.message(results))
    end
    journal:refresh()
  end
  if #journal:open_sessions() > 0 or #journal:things() > 0 then fail.try(bring_agent) end
  return journal, finished
end

--- A home whose record cannot be relied on: the clouds are asked, and what they show is in the journal then.
-- @return nil; or a sentence: it is not known whether anything runs that the journal does not tell of
function recover.unknown(journal, ui)
  local told = false
  for _, session in ipairs(journal:open_sessions()) do told = told or session.provider ~= nil end
  if told or not look.needed(journal) then return nil end
  local ok, locked = fail.try(journal.acquire, journal, "recovery")
  if ok and locked and not look.needed(journal) then
    return journal:release()
  end -- somebody else's look was faster
  local done, known, doubt = fail.settle(look.run, journal, ui)
  if ok and locked then
    journal:release()
    fail.try(journal.refresh, journal)
  end
  if not done then error(known, 0) end
  return not known and doubt or nil
end

return recover
