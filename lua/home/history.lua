-- SPDX-License-Identifier: MIT
-- The file `history`: the records of closed sessions, moved there from the journal so that opening a home
-- does not cost all that it ever rented. Append-only and chained like the journal. Records are moved in
-- batches; a batch counts once its last record `moved` is there, which names the journal's digits at that
-- moment, so that a move that was cut off is neither lost nor done twice.
local chain = require "home.chain"
local clock = lazy "base.clock"
local files = require "base.files"
local log = lazy "base.log"
local sessions = lazy "home.sessions"

local VERSION = 1
local ROOT = "continueplz history"
local CHUNK = 1024 -- bytes that are read from the end at first

local history = {}

local function path_of(home) return files.join(home, "history") end

-- The last `size` bytes from the begin of a line, and whether that is all of it;
-- nil when there is no history.
local function tail(home, size)
  local data, why, code = files.read(path_of(home), nil, -size)
  if not data then return nil, why, code end
  if #data < size then return data, true end
  return data:match("^[^\n]*\n(.*)$") or "", false
end

-- The records of batches. closed_since: leave out batches moved before (unix seconds). → records, whether an
-- older batch was met, whether the last one lacks records: it begins before these
local function batches(records, closed_since)
  local list, pending, older, short = {}, {}, false, true
  for _, record in ipairs(records) do
    if record.kind == "moved" then
      local count = math.tointeger(record.records) or #pending
      local from = math.max(1, #pending - count + 1)
      short = #pending < count
      if closed_since and record.t < closed_since then
        list, older = {}, true
      else
        table.move(pending, from, #pending, #list + 1, list)
      end
      pending = {}
    elseif record.kind ~= "history" then
      pending[#pending + 1] = record
    end
  end
  return list, older, short
end

-- Reads backwards until `enough(parse, text, all)` answers what was looked for, or everything was read.
local function backwards(home, enough)
  local size = CHUNK
  while true do
    local data, all = tail(home, size)
    if not data then return nil end
    local found = enough(function() return chain.read(data, all and ROOT or nil) end, data, all)
    if found or all then return found end
    size = size * 4
  end
end

--- The sessions that were closed since `t` (unix seconds), oldest first; reads no more of the file than that.
function history.since(home, t)
  return backwards(home, function(parse, _, all)
    local records, older = batches(parse().records, t)
    return (older or all) and sessions.fold(records) or nil
  end) or {}
end

--- The session that was moved last, when that was since `t` (unix seconds), or nil;
-- reads no more of the file than that.
function history.newest(home, t)
  local found = backwards(home, function(parse, _, all)
    local records, older, short = batches(parse().records, t)
    local list = sessions.fold(records)
    return (all or not short or older and #list == 0) and { list[#list] } or nil
  end)
  return found and found[1]
end

--- The session of a token, or nil.
function history.session(home, token)
  return backwards(home, function(parse, data)
    if not data:find(token, 1, true) then return nil end
    for _, session in ipairs(sessions.fold((batches(parse().records)))) do
      if session.token == token and session.intended then return session end
    end
  end)
end

--- Everything, verified. → { sessions =, damaged = {numbers of lines}, sums = set of the digits of its
-- lines }; nil and a sentence when it cannot be read
function history.all(home)
  local data, why, code = files.read(path_of(home), 1 << 40)
  if not data and code ~= "missing" then return nil, why end
  local read = chain.read(data or "", ROOT)
  local sums = {}
  for _, sum in ipairs(read.sums) do sums[sum] = true end
  return { sessions = sessions.fold((batches(read.records))), damaged = read.damaged, sums = sums }
end

-- Half a line, as a crash leaves it, is kept in a file of its own before the history goes on.
local function set_torn_aside(home)
  local path = path_of(home)
  local data = assert(files.read(path, 1 << 40))
  local whole, torn = data:match("^(.*\n)(.*)$")
  if not whole then whole, torn = "", data end
  assert(files.append(path .. ".torn", torn .. "\n"))
  assert(files.write(path, whole))
  log.warn("the history ended in half a record, as after a crash; it was set aside",
    { file = path .. ".torn" })
end

-- How the file ends. → last digits (ROOT: it is empty or missing), the last `moved` record with the tokens
-- of its batch, or nil
local function ending(home)
  local last, moved = ROOT, nil
  backwards(home, function(parse, _, all)
    local read = parse()
    last = read.last or ROOT
    local final = read.records[#read.records]
    if not final then return all and true or nil end
    if final.kind ~= "moved" then return true end
    if #read.records <= final.records and not all then return nil end
    moved = { mark = final.journal, version = final.version, tokens = {} }
    for i = math.max(1, #read.records - final.records), #read.records - 1 do
      if read.records[i].token then moved.tokens[read.records[i].token] = true end
    end
    return true
  end)
  return last, moved
end

--- The digits of the last line, or nil without a history.
function history.last(home)
  local last = ending(home)
  return last ~= ROOT and last or nil
end

--- Appends records, unless an earlier move that was cut off did so already. The caller holds home.lock.
-- @param records of sessions that are over, in their order
-- @param at function(digits) → how many of `records` the journal had when its last line had these digits,
-- or nil
-- @param mark the digits of the journal's last line
-- @return true, or nil and a sentence: nothing was appended
function history.append(home, records, at, mark)
  local data = files.read(path_of(home), nil, -1)
  if data and data ~= "" and data ~= "\n" then set_torn_aside(home) end
  local last, moved = ending(home)
  if moved and (moved.version or VERSION) > VERSION then
    return nil, "the history is written by a newer continueplz than this one"
  end
  local known = moved and at(moved.mark)
  local lines, count = {}, 0
  local function add(record)
    lines[#lines + 1], last = chain.line(last, record)
  end
  if last == ROOT then add { kind = "history", version = VERSION, t = clock.wall() } end
  for i, record in ipairs(records) do
    if not (known and i <= known and moved.tokens[record.token]) then
      add(record)
      count = count + 1
    end
  end
  if count == 0 then return true end
  add { kind = "moved", records = count, journal = mark, version = VERSION, t = clock.wall() }
  local ok, why = files.append(path_of(home), table.concat(lines))
  if not ok then return nil, why end
  return true
end

return history
