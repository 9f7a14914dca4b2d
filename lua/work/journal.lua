-- SPDX-License-Identifier: MIT
-- The journal: an append-only file of checksummed, hash-chained records. It is the truth about what was rented; everything else is
-- derived from it. One record a line: 32 hex digits, a blank, sorted JSON. The digits hash the digits of the line before and the JSON.
local clock = lazy "base.clock"
local files = lazy "base.files"
local json = lazy "base.json"
local keys = lazy "base.keys"
local fail = require "base.fail"
local log = lazy "base.log"
local rest = lazy "work.rest"
local ticket = lazy "base.ticket"
local sessions = lazy "work.sessions"
local statefile = lazy "work.statefile"

local VERSION = 1
local ROOT = "continueplz journal"

local journal = {}
local methods = {}
local meta = { __index = methods, __name = "journal" }

local function digest(previous, text)
  return keys.sha256_hex(previous .. "\n" .. text):sub(1, 32)
end

-- A line whose digits match the line before is whole. A damaged line costs itself, not those after it.
local function read_line(line, previous)
  local sum, text = line:match("^(%x+) (.*)$")
  if not sum or #sum ~= 32 then return nil, nil end
  if digest(previous, text) ~= sum then return nil, sum end
  local record = json.decode(text)
  if type(record) ~= "table" then return nil, sum end
  return record, sum
end

local function newer(path, what, version)
  fail.raise("config", ("%s is of version %s, written by a newer continueplz than this one (which knows version %d); "
    .. "use that one. Nothing was changed."):format(path, tostring(version), what))
end

local function parse(self, data)
  local previous, number = ROOT, 0
  for line, ending in data:gmatch("([^\n]*)(\n?)") do
    if line ~= "" then
      number = number + 1
      local record, sum = read_line(line, previous)
      if record and ending == "\n" then
        if record.kind == "journal" and record.version > VERSION then newer(self.path, VERSION, record.version) end
        self.records[#self.records + 1] = record
      elseif ending == "" then
        self.torn = line
        return
      else
        self.damaged[#self.damaged + 1] = number
      end
      previous = sum or previous
      self.last = previous
    end
  end
end

-- What was parsed last: one command looks at an unchanged journal several times.
local known = {}

local function take_over(to, from)
  to.records, to.damaged = table.move(from.records, 1, #from.records, 1, {}), table.move(from.damaged, 1, #from.damaged, 1, {})
  to.torn, to.last = from.torn, from.last
  return to
end

--- Opens the journal of a home directory (read only until `append`).
-- Raises kind `config` when the file is of a newer version or unreadable. `damaged` lists line numbers whose checksum fails;
-- `torn` holds half a record at the end, as a crash leaves it.
function journal.open(home)
  local self = setmetatable({ home = home, path = files.join(home, "journal"), records = {}, damaged = {}, last = ROOT }, meta)
  statefile.check(home)
  local data, message, code = files.read(self.path)
  if data and data == known.data then
    take_over(self, known)
  elseif data then
    parse(self, data)
    known = take_over({ data = data }, self)
  elseif code ~= "missing" then
    fail.raise("config", "the journal cannot be read: " .. message)
  end
  return self
end

-- Half a record is kept in a file of its own before the journal goes on in front of it.
local function set_torn_aside(self)
  if not self.torn then return end
  local aside = self.path .. ".torn"
  assert(files.append(aside, self.torn .. "\n"))
  local data = assert(files.read(self.path))
  assert(files.write(self.path, data:sub(1, #data - #self.torn)))
  log.warn("the journal ended in half a record, as after a crash; it was set aside", { file = aside })
  self.torn = nil
end

local function write_line(self, record)
  local text = json.encode(record)
  local sum = digest(self.last, text)
  local ok, message, code = files.append(self.path, sum .. " " .. text .. "\n")
  if not ok then
    fail.raise(code == "full" and "config" or "internal", "the journal cannot be written, so nothing was sent: " .. message, { code = code })
  end
  self.last = sum
  self.records[#self.records + 1] = record
end

-- What the state file says when everything is closed and nothing is left to tell of (work.rest).
local function seal_of(self)
  if #self.damaged > 0 or not sessions.at_rest(self:sessions()) then return nil end
  local data = files.read(self.path)
  return data and rest.seal(data)
end

--- Appends one record durably (file and directory fsynced) and brings the state file up to date. The caller holds home.lock.
-- @param kind one of the kinds of work.sessions
-- @param token the session it belongs to
-- @param fields table of plain values without secrets
function methods:append(kind, token, fields)
  if not self.lock then error("journal:append needs home.lock") end
  set_torn_aside(self)
  if #self.records == 0 and self.last == ROOT then
    write_line(self, { kind = "journal", version = VERSION, t = clock.wall() })
  end
  local record = { kind = kind, token = token, t = clock.wall() }
  for _, name in ipairs(require("base.sorted").keys(fields or {})) do record[name] = fields[name] end
  write_line(self, record)
  statefile.write(self.home, self:current(), nil, seal_of(self))
  return record
end

--- Like append, for a machine that must be ended whatever happens: a record that cannot be written (a full disk) is only logged.
-- @return true, or false when the record is missing from the file
function methods:note(kind, token, fields)
  local ok, problem = fail.try(self.append, self, kind, token, fields)
  if not ok then log.error("a record is missing from the journal", { kind = kind, token = token, error = fail.message(problem) }) end
  return ok
end

--- Reads again what other processes appended since.
function methods:refresh()
  local fresh = journal.open(self.home)
  self.records, self.damaged, self.torn, self.last = fresh.records, fresh.damaged, fresh.torn, fresh.last
  return self
end

--- Every session, oldest first (see work.sessions for their fields).
function methods:sessions()
  return #self.records > 0 and sessions.fold(self.records) or {}
end

local function where(self, test)
  local list = {}
  for _, session in ipairs(self:sessions()) do
    if test(session) then list[#list + 1] = session end
  end
  return list
end

--- The sessions that are not closed: something of them may bill.
function methods:open_sessions() return where(self, function(session) return not session.closed end) end

--- The sessions that are closed and left something around their machine (work.tidy).
function methods:untidy() return where(self, function(session) return session.closed and session.untidy end) end

--- The sessions a user should still hear of: open ones, and ended ones that no cloud proved and nobody acknowledged.
function methods:shown() return where(self, sessions.is_shown) end

--- The session with a machine of its own (the newest that is bound), else nil.
function methods:current()
  local open = self:open_sessions()
  for i = #open, 1, -1 do
    if open[i].id then return open[i] end
  end
end

--- One session by token, or nil.
function methods:session(token)
  for _, session in ipairs(self:sessions()) do
    if session.token == token then return session end
  end
end

local function home_id(self)
  local path = files.join(self.home, "home.id")
  local id = files.read(path)
  if id and id:match("^%x+%s*$") then return (id:gsub("%s", "")) end
  id = keys.random_hex(4)
  local ok, message, code = files.write(path, id .. "\n")
  if not ok then
    fail.raise(code == "full" and "config" or "internal", "the folder's id cannot be written, so nothing was sent: " .. message, { code = code })
  end
  return id
end

--- The prefix of every token of this home: what unattended runs may touch.
function methods:prefix()
  return "cplz-" .. home_id(self) .. "-"
end

--- Writes the intent to rent and returns its token and the ticket that the provider's create must hand on.
-- The ticket writes `sent` before the request leaves and works once.
-- @param plan what is about to be rented, as plain values: provider, account, gpu, region, spot, hourly, …
function methods:intend(plan)
  local token = self:prefix() .. keys.random_hex(6)
  self:append("intent", token, plan)
  return token, ticket.new(function() self:append("sent", token) end)
end

--- Takes home.lock.
-- @param word what the holder is at, for others to see: "up", "stop", "agent", …
-- @return true; or nil, sentence, "busy" with the holder's pid in the sentence
function methods:acquire(word)
  local path = files.join(self.home, "home.lock")
  local lock, message, code = files.lock(path, word)
  if not lock then
    local pid = code == "busy" and files.owner(path)
    return nil, pid and ("another continueplz (process %d) is at work in %s"):format(pid, self.home) or message, code
  end
  self.lock = lock
  self:refresh()
  return true
end

function methods:release()
  if self.lock then self.lock:release() end
  self.lock = nil
end

return journal
