-- SPDX-License-Identifier: MIT
-- The last line of every command: is money running? sentence(sessions, now) is pure; the sessions are those of work.journal.
local format = lazy "ui.format"
local idle = require "ui.idle"

local M = {}

local function name(session)
  return ("%s on %s"):format(session.id or session.token, session.provider or "?")
end

local function one(session)
  local hourly = (session.hourly or 0) + (session.disk_hour or 0)
  if session.unproven then
    return ("MAY STILL BE RUNNING: %s could not be proven ended (%s)"):format(name(session), format.hourly(hourly))
  end
  if session.unverifiable then
    return ("not known: %s gives no proof that %s ended; look in its console, then type `continueplz ack`"):format(
      session.provider, session.id)
  end
  if session.id then
    return ("running, %s for %s%s"):format(format.hourly(hourly), name(session),
      session.twin and (", and a second machine of the same create, %s"):format(session.twin) or "")
  end
  if session.started and not session.lost then
    return ("may be running: the create of %s was sent and is not answered yet"):format(session.token)
  end
  if session.started then
    return ("may be running: the answer to the create of %s was lost; it is looked for"):format(session.token)
  end
  return nil
end

--- The sentence for the open sessions of a home.
function M.sentence(sessions)
  local parts = {}
  for _, session in ipairs(sessions) do
    parts[#parts + 1] = one(session)
  end
  return #parts > 0 and table.concat(parts, "; ") or idle.MONEY
end

--- The sentence for a home directory, read from its journal. discreet: nil when nothing is running
function M.line(home, discreet)
  local shown = require("work.journal").open(home):shown()
  return (#shown > 0 or not discreet) and M.sentence(shown) or nil
end

return M
