-- SPDX-License-Identifier: MIT
-- The last line of every command: is money running? sentence(sessions, now) is pure;
-- the sessions are those of home.journal.
local format = lazy "ui.format"

local money = {}

local NONE = "none is running for this folder"

local function name(session)
  return ("%s on %s"):format(session.id or session.token, session.provider or "?")
end

local function one(session)
  local hourly = (session.hourly or 0) + (session.disk_hour or 0)
  if session.unproven or session.doubted then
    return ("MAY STILL BE RUNNING: %s could not be proven ended (%s)"):format(name(session),
      format.hourly(hourly))
  end
  if session.unverifiable then
    return ("not known: %s gives no proof that %s ended; look in its console, then type `continueplz ack`")
      :format(session.provider, session.id)
  end
  if session.stopping and session.destroyed then
    return ("not known yet: %s was told to end, and nobody has proven yet that it did (%s)")
      :format(name(session), format.hourly(hourly))
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
function money.sentence(sessions)
  local parts = {}
  for _, session in ipairs(sessions) do
    parts[#parts + 1] = one(session)
  end
  return #parts > 0 and table.concat(parts, "; ") or NONE
end

--- The sentence when it is not known; why: what stands in the way, and where to look.
function money.unknown(why)
  return "NOT KNOWN: " .. why
end

--- The sentence of a stop that knows more than the journal: it leaves a doubt, or could not record that it
-- proved the end. → text or nil
function money.after_stop(results, more)
  if more.doubt then return money.unknown(more.doubt) end
  if not more.unrecorded then return nil end
  local sessions = {}
  for _, result in ipairs(results) do
    if result.outcome ~= "proven" then
      sessions[#sessions + 1] = result.session
    end
  end
  if #sessions > 0 then
    return money.unknown(("%d of %d machines could not be proven ended, and this could not be recorded")
      :format(#sessions, #results))
  end
  return NONE .. "; that could not be recorded, so later commands ask the clouds again"
end

--- The sentence for a home directory, read from its journal. discreet: nil when nothing is running
function money.line(home, discreet)
  local shown = require("home.journal").open(home):shown()
  if #shown == 0 and not require("home.folder").intact(home) then
    return money.unknown(require("money.look").unasked(home))
  end
  return (#shown > 0 or not discreet) and money.sentence(shown) or nil
end

return money
