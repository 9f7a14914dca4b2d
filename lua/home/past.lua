-- SPDX-License-Identifier: MIT
-- The sessions of a home, the newest first, as many as somebody wants to see: what is open by the journal,
-- then backwards through the history by pieces, so that the last ones of 10⁵ cost what the last ones are.
-- A line that says what is counted has its digits compared with the line before; one that is damaged is
-- counted and left out.
local chain = require "home.chain"
local files = require "base.files"
local sessions = require "home.sessions"

local ROOT = "continueplz history"
local FIRST, PIECE = 4 << 10, 64 << 10 -- bytes that are read at once
-- Of these kinds nothing is shown once a session is over, so they are not decoded; of the others only when
-- what it cost is not said at its end.
local SKIPPED = { preparing = true, tidied = true, untidied = true, repriced = true, tunnelled = true,
  guarded = true, unguarded = true, destroyed = true, absent = true, recognised = true }
local RECKONED = { booting = true, loading = true, paused = true, moved = true, limited = true, kept = true }
local VERIFIED = { intent = true, closed = true, moved = true, found = true }

local past = {}

-- The lines of a file from its end, each with the line before it (nil: there is none). → iterator
local function backwards(path)
  local stat = files.stat(path)
  local at, rest, lines, piece = stat and stat.size or 0, "", {}, FIRST
  local function fill()
    while #lines < 2 and at > 0 do
      local size = math.min(piece, at)
      at, piece = at - size, PIECE
      local text = (files.piece(path, at, size) or "") .. rest
      local first = at > 0 and text:find("\n", 1, true) or 0
      if not first then
        rest = text
      else
        rest = text:sub(1, first)
        local more = {}
        for line in text:sub(first + 1):gmatch "[^\n]+" do more[#more + 1] = line end
        table.move(lines, 1, #lines, #more + 1, more)
        lines = more
      end
    end
  end
  return function()
    if #lines < 2 then fill() end
    return table.remove(lines), lines[#lines]
  end
end

-- The record of a line; "skipped", or nil when it is damaged. settled: tokens whose sum is known, as far as
-- they are known from the lines behind it
local function record_of(line, before, settled)
  local kind = line:match '"kind":"([%l_]+)"'
  local token = RECKONED[kind] and line:match '"token":"([^"]+)"'
  if SKIPPED[kind] or token and settled[token] then return "skipped" end
  local previous = VERIFIED[kind] and (before and before:sub(1, 32) or ROOT) or nil
  local record = chain.line_record(line, previous)
  if record and record.kind == "closed" and record.cost and record.token then
    settled[record.token] = true
  end
  return record
end

-- Does a session begin with this record? A machine that a person took over was never intended here.
local function begins(record)
  return record.kind == "intent" or record.kind == "found" and record.provider ~= nil and not record.known
end

-- Sessions of one batch, with the later records of those whose beginning lies in it. late: token → records
local function folded(records, late)
  local own = {}
  for _, record in ipairs(records) do own[record.token] = own[record.token] or begins(record) or nil end
  local all = table.move(records, 1, #records, 1, {})
  for token in require("base.sorted")(own) do
    table.move(late[token] or {}, 1, #(late[token] or {}), #all + 1, all)
    late[token] = nil
  end
  local list = {}
  for _, session in ipairs(sessions.fold(all)) do
    if own[session.token] then
      list[#list + 1] = session
    else
      local before = {}
      for _, record in ipairs(records) do
        if record.token == session.token then before[#before + 1] = record end
      end
      local known = late[session.token] or {}
      late[session.token] = table.move(known, 1, #known, #before + 1, before)
    end
  end
  return list
end

-- The batches of the history from the newest on: their records in order, and when they were moved.
-- damaged: { n = count of damaged lines }. → iterator
local function batches(home, damaged)
  local next_line = backwards(files.join(home, "history"))
  local wanted, moved_at
  return function()
    local records, settled = {}, {}
    while true do
      local line, before = next_line()
      if not line then break end
      local record = record_of(line, before, settled)
      if record and record ~= "skipped" and record.kind == "moved" and not record.token then
        local whole, at = wanted and records, moved_at
        wanted, moved_at = math.tointeger(record.records) or math.huge, record.t
        if whole and #whole > 0 then return whole, at end
        records = {}
      elseif wanted and wanted > 0 then
        wanted = wanted - 1
        if not record then
          damaged.n = damaged.n + 1
        elseif record ~= "skipped" and record.token then
          table.insert(records, record)
        end
      end
    end
    local at = moved_at
    moved_at = nil
    return #records > 0 and records or nil, at
  end
end

local function reversed(list)
  local copy = {}
  for index = #list, 1, -1 do copy[#copy + 1] = list[index] end
  return copy
end

--- Calls visit(session) for the sessions of a home, the newest first, until it returns true or what is left
-- was over before `since` (unix seconds; nil: all). journal: of the home when it is open already, or nil.
-- → number of damaged lines that were met
function past.each(home, since, visit, journal)
  local own, late, damaged = {}, {}, { n = 0 }
  for _, session in ipairs(reversed((journal or require("home.journal").open(home)):sessions())) do
    own[session.token] = true
    if visit(session) then return 0 end
  end
  for records, at in batches(home, damaged) do
    if since and at and at < since then break end
    for _, session in ipairs(reversed(folded(reversed(records), late))) do
      if not own[session.token] and visit(session) then return damaged.n end
      own[session.token] = session.seen and true or own[session.token] -- may have been begun twice
    end
  end
  return damaged.n
end

return past
