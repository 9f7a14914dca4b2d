-- SPDX-License-Identifier: MIT
-- The last line of every command: is money running? sentence(sessions, now) is pure;
-- the sessions are those of home.journal.
local clouds = lazy "facts.clouds"
local format = lazy "ui.format"
local recorded = lazy "home.things"

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
  if session.forgotten then
    return ("not known: %s was forgotten at your word, and nobody proved that it ended (%s); look in its "
      .. "cloud's console, then type `continueplz ack`"):format(name(session), format.hourly(hourly))
  end
  if session.unverifiable then
    local cloud = clouds.find(session.provider)
    return ("not known: %s gives no proof that %s ended; look in its console%s, then type `continueplz ack`")
      :format(session.provider, session.id, cloud and cloud.console and (" (%s)"):format(cloud.console) or "")
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

-- A thing that was asked to go and is not proven gone.
local function one_thing(thing)
  local what = ("%s %s on %s"):format(thing.kind, thing.id, thing.provider)
  local hourly = thing.hourly and format.hourly(thing.hourly) or "at a rate that its cloud does not tell"
  if thing.doubt then
    return ("MAY STILL BE RUNNING: %s could not be proven removed (%s)"):format(what, hourly)
  end
  return ("not known yet: %s was told to go, and nobody has proven yet that it did (%s)"):format(what, hourly)
end

--- The sentence for the open sessions of a home and its things that are not proven gone (nil: none).
function money.sentence(sessions, things)
  local parts, waiting = {}, {}
  for _, session in ipairs(sessions) do
    local list = session.unverifiable and waiting or parts -- what runs comes first
    list[#list + 1] = one(session)
  end
  for _, thing in ipairs(things or {}) do
    parts[#parts + 1] = one_thing(thing)
  end
  table.move(waiting, 1, #waiting, #parts + 1, parts)
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
  for _, row in ipairs(more.things or {}) do
    if row.outcome ~= "proven" then
      return money.unknown(("%s %s on %s could not be proven removed, and this could not be recorded")
        :format(row.kind, row.id, row.cloud))
    end
  end
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

-- Does this home's record tell of a row?
local function told(row, known)
  if row.kind == "machine" then return known[row.token] end
  return known[recorded.key(row.cloud, row.kind, row.id)]
end

-- What other homes of the user's still have, as a list of all clouds showed it.
local function of_others(rows, known)
  local count, hourly = 0, 0
  for _, row in ipairs(rows) do
    if row.whose == "other" and row.bills and row.outcome ~= "proven" and not told(row, known) then
      count, hourly = count + 1, hourly + (row.hourly or 0)
    end
  end
  return count > 0 and ("; in other folders of yours %d more (%s)"):format(count, format.hourly(hourly)) or ""
end

-- What bears this home's name, bills, and is not told of by its record: things beside machines, and machines
-- that could not be written down.
local function untold(rows, known)
  local parts = {}
  for _, row in ipairs(rows) do
    if row.whose == "this" and row.bills and row.outcome ~= "proven" and not told(row, known)
      and not (row.kind == "machine" and row.outcome == "unverifiable") then
      local state = row.outcome and "MAY STILL BE RUNNING" or "running"
      parts[#parts + 1] = ("%s, %s for %s %s on %s"):format(state, format.hourly(row.hourly or 0), row.kind,
        row.id, row.cloud)
    end
  end
  return parts
end

--- The sentence after all clouds were asked. found: of money.inventory; shown, things: of the journal;
-- doubt: why a list is not complete, or nil
function money.after_sweep(found, shown, things, doubt)
  local known = {}
  for _, session in ipairs(shown) do known[session.token] = true end
  for _, thing in ipairs(things) do known[recorded.key(thing.provider, thing.kind, thing.id)] = true end
  local parts = untold(found.rows, known)
  if #shown + #things > 0 then table.insert(parts, 1, money.sentence(shown, things)) end
  local text = #parts > 0 and table.concat(parts, "; ") or not doubt and NONE or nil
  if doubt then text = money.unknown(doubt) .. (text and "; known: " .. text or "") end
  return text .. of_others(found.rows, known)
end

--- The sentence for a home directory, read from its journal. discreet: nil when nothing is running
function money.line(home, discreet)
  local journal = require("home.journal").open(home)
  local shown, things = journal:shown(), journal:things()
  if #shown + #things == 0 and not require("home.folder").intact(home) then
    return money.unknown(require("money.look").unasked(home))
  end
  return (#shown + #things > 0 or not discreet) and money.sentence(shown, things) or nil
end

return money
