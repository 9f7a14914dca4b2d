-- SPDX-License-Identifier: MIT
-- What must not be overlooked: CRITICAL and manual checks. session: of home.journal; pure: → lines.
local format = require "ui.format"

local boxes = {}

--- Billing could not be proven ended. reason: a sentence; console: the cloud's page.
function boxes.critical(session, reason, console, log_path)
  return format.box({
    "CRITICAL: MONEY MAY STILL BE RUNNING", "",
    ("It could not be proven that billing has stopped for instance %s on %s."):format(session.id
      or session.token, session.provider),
    "Reason: " .. tostring(reason), "",
    "DO THIS NOW:",
    "  1. Open " .. (console or "the cloud's console"),
    ("  2. Look whether %s is still there"):format(session.id or ("a machine labelled " .. session.token)),
    "  3. If it is, destroy it there",
    "  4. Type continueplz --stop again, or continueplz ack once you have seen that it is gone", "",
    "The record is kept, and the agent and every later command try again.",
    "Details: " .. log_path,
  }, "alarm")
end

--- The cloud has no way to prove it.
function boxes.manual(session, title, console)
  return format.box({
    "MANUAL CHECK NEEDED", "",
    ("%s has no way to ask whether billing ended. The machine was ended and is not listed any more.")
      :format(title),
    "Please look yourself:", "",
    "  1. Open " .. console,
    ("  2. See that instance %s is gone"):format(session.id),
    "  3. See that no charges go on",
    "  4. Type continueplz ack",
  }, "yellow")
end

--- The last machine ended without anybody here asking for it. last: the `last` of ui.status's model.
function boxes.lost(last, cost_text, duration_text)
  local taken, unfinished = last.reason == "interrupted" and last.spot, last.reason == "unfinished start"
  return format.box({
    taken and "SPOT MACHINE TAKEN AWAY" or unfinished and "AN UNFINISHED START WAS UNDONE"
      or "THE MACHINE ENDED BY ITSELF", "",
    taken and ("%s took the spot machine %s back; that is normal for spot machines."):format(last.provider,
      last.id) or unfinished
      and ("Machine %s on %s was left by a start that was cut off; it was ended and is gone."):format(last.id,
        last.provider) or ("Machine %s on %s is gone: the guard ended it (silence, idleness or "
          .. "life), or the cloud did."):format(last.id, last.provider), "",
    "Session cost: " .. cost_text,
    "Duration:     " .. duration_text, "",
    taken and "Start another with: continueplz --cheapest, or with --on-demand for one that stays."
      or "Start another with: continueplz --cheapest",
  }, "yellow")
end

return boxes
