-- SPDX-License-Identifier: MIT
-- How a stop comes by the home's lock: what is at work there is asked to end, and its own undo goes first;
-- who is ending a machine is waited for. A process that was stopped (Ctrl-Z) goes on for that. One that does
-- not end in time is killed: what it left the stop ends.
local clock = require "base.clock"
local files = require "base.files"
local task = require "base.task"
local timing = require "home.timing"

local UNDO_SECONDS = 60                     -- that a start gets for its undo
local LEAST_SECONDS, KILLED_SECONDS = 20, 5 -- the same for simulators; and until a killed process is gone

--- ENDING_SECONDS: that an agent or another stop gets to end a machine.
local takeover = { ENDING_SECONDS = 300 }

-- Waits for the lock. → true when it is ours
local function wait_for_lock(journal, seconds)
  local until_ = clock.now() + seconds
  repeat
    task.sleep(0.05)
    if journal:acquire("stop") then return true end
  until clock.now() > until_
  return false
end

local ENDING = { agent = "the agent is ending a machine at this moment; waiting for it",
  recovery = "another command is finishing what was left at this moment; waiting for it",
  stop = "another stop is at work at this moment; waiting for it" }

--- Takes home.lock for a stop. → true; or nil and a sentence: it is not to be had, which keeps nobody from
-- ending a machine (DESIGN §1.14)
function takeover.of(journal, ui)
  local ok, message, code = journal:acquire("stop")
  if ok then return true end
  if code ~= "busy" then
    return nil, "the folder cannot be locked: " .. message
  end
  local path = files.join(journal.home, "home.lock")
  local pid, word, stranger = files.owner(path)
  if stranger then
    return nil, ("process %d holds this folder and cannot be asked to end: %s"):format(pid, stranger)
  end
  local patience = ENDING[word] and takeover.ENDING_SECONDS or UNDO_SECONDS
  ui:note(ENDING[word] or ("process %s is at work in this home; asking it to end"):format(tostring(pid)))
  if not ENDING[word] then files.signal(path, "TERM") end
  files.signal(path, "CONT")
  if wait_for_lock(journal, math.max(timing.seconds(patience), LEAST_SECONDS)) then
    return true
  end
  local killed, problem = files.signal(path, "KILL")
  if killed then
    ui:note(("process %s did not end and was killed; what it left is ended here"):format(tostring(pid)))
  end
  if wait_for_lock(journal, KILLED_SECONDS) then return true end
  return nil, ("process %s holds this folder and does not end (%s)"):format(tostring(pid),
    problem or "it cannot be killed at this moment")
end

return takeover
