-- SPDX-License-Identifier: MIT
-- What the agent once read of an open session it does not forget: records that the journal no longer holds
-- (deleted, rolled back to an earlier day, replaced) are put back. kept: table of token
-- → its records, which the agent keeps.
local log = require "base.log"
local sorted = require "base.sorted"
local alert = require "home.alert"
local history = require "home.history"

local memory = {}

-- The journal's records of a session, in their order.
local function of(journal, token)
  local list = {}
  for _, record in ipairs(journal.records) do
    if record.token == token then list[#list + 1] = record end
  end
  return list
end

-- Which of `records` are missing behind what the journal has of them? Where it has something else,
-- all of them.
local function missing(records, present)
  for index, record in ipairs(present) do
    local known = records[index]
    if not known then return {} end
    if known.kind ~= record.kind or known.t ~= record.t then return records end
  end
  return table.move(records, #present + 1, #records, 1, {})
end

-- → array of records that were there and are not any more
local function lost(kept, journal)
  local list = {}
  for token, records in sorted(kept) do
    local before = #list
    if not history.session(journal.home, token) then
      local gone = missing(records, of(journal, token))
      table.move(gone, 1, #gone, before + 1, list)
    end
  end
  return list
end

-- Puts them back; where nothing can be written, only into what this process knows until it
-- reads the journal again.
local function restore(journal, list)
  local locked, why, code = journal:acquire("agent")
  if not locked and code == "busy" then return end -- whoever is at work may be about to; looked at again soon
  log.error("records of a machine in use were missing from the journal; they are put back",
    { token = list[1].token, count = #list })
  if not locked then
    alert.critical("The record of a machine in use is lost and cannot be written again",
      { token = list[1].token, reason = why }, "record " .. list[1].token)
  end
  if locked then journal:mended() end
  for _, record in ipairs(list) do journal:try_append(record.kind, record.token, record) end
  if locked then journal:release() end
end

--- Called after every reading of the journal: puts back what is missing, and remembers what is open.
function memory.keep(kept, journal)
  local list = lost(kept, journal)
  if #list > 0 then restore(journal, list) end
  local open = {}
  for _, session in ipairs(journal:open_sessions()) do open[session.token] = of(journal, session.token) end
  for token in sorted(kept) do
    local session = not open[token] and journal:session(token)
    if session and session.closed then kept[token] = nil end
  end
  for token, records in sorted(open) do kept[token] = records end
end

return memory
