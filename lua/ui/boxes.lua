-- SPDX-License-Identifier: MIT
-- What must not be overlooked: CRITICAL and manual checks. session: of work.journal; pure: → lines.
local format = require "ui.format"

local M = {}

--- Billing could not be proven ended. reason: a sentence; console: the cloud's page.
function M.critical(session, reason, console, log_path)
  return format.box({
    "CRITICAL: MONEY MAY STILL BE RUNNING", "",
    ("It could not be proven that billing has stopped for instance %s on %s."):format(session.id or session.token,
      session.provider),
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
function M.manual(session, title, console)
  return format.box({
    "MANUAL CHECK NEEDED", "",
    ("%s has no way to ask whether billing ended. The machine was ended and is not listed any more."):format(title),
    "Please look yourself:", "",
    "  1. Open " .. console,
    ("  2. See that instance %s is gone"):format(session.id),
    "  3. See that no charges go on",
    "  4. Type continueplz ack",
  }, "yellow")
end

--- A spot machine was taken away.
function M.interrupted(session, cost_text, duration_text)
  return format.box({
    "SPOT MACHINE TAKEN AWAY", "",
    ("%s took the spot machine %s back; that is normal for spot machines."):format(session.provider, session.id), "",
    "Session cost: " .. cost_text,
    "Duration:     " .. duration_text, "",
    "Start another with: continueplz --cheapest, or with --on-demand for one that stays.",
  }, "yellow")
end

return M
