-- SPDX-License-Identifier: MIT
-- The journal: an append-only file of checksummed, hash-chained records. It is the truth about what is
-- rented; everything else is derived from it. The form of its lines is home.chain's. Sessions that are over
-- move to the history (home.history) whenever the home's lock is let go, so that opening costs what is open.
local chain = require "home.chain"
local clock = lazy "base.clock"
local files = require "base.files"
local fail = require "base.fail"
local folder = lazy "home.folder"
local keys = lazy "base.keys"
local log = lazy "base.log"
local history = lazy "home.history"
local ticket = lazy "base.ticket"
local sessions = lazy "home.sessions"
local statefile = lazy "home.statefile"
local names = lazy "home.tokens"
local things = lazy "home.things"

local VERSION = 1
local ROOT = "continueplz journal"

local journal = {}
local methods = {}
local meta = { __index = methods, __name = "journal" }

local function newer(path, version)
  return ("%s is of version %s, written by a newer continueplz than this one (which knows version %d); use "
    .. "that one. Nothing was changed."):format(path, tostring(version), VERSION)
end

local function take(self, data)
  local read = chain.read(data, ROOT)
  self.records, self.sums, self.damaged, self.torn, self.last = read.records, read.sums, read.damaged,
    read.torn, read.last
  for _, record in ipairs(read.records) do
    if record.kind == "journal" and record.version > VERSION then
      return newer(self.path, record.version)
    end
  end
end

-- Reads the file. → nil, or why it may not be relied on nor written
local function read(self)
  self.unrecorded = nil
  local ok, trouble = fail.try(statefile.check, self.home)
  local data, message, code = files.read(self.path)
  if not data and code ~= "missing" then
    return "the journal cannot be read: " .. message
  end
  local problem = take(self, data or "")
  self.cut = folder.is_cut(self.home, function()
    local first = self.records[1]
    return first ~= nil and first.after ~= nil and first.after == history.last(self.home)
  end)
  return not ok and fail.message(trouble) or problem
end

--- Opens the journal of a home directory (read only until `append`).
-- `damaged` lists line numbers whose checksum fails; `torn` holds half a record at the end,
-- as a crash leaves it.
-- @param lenient for whoever ends machines: what can be understood is taken, and `trouble` says why
-- nothing can be written
-- @raise kind `config` when the file is of a newer version or unreadable
function journal.open(home, lenient)
  local self = setmetatable({ home = home, path = files.join(home, "journal"), records = {}, sums = {},
    damaged = {}, last = ROOT, lenient = lenient }, meta)
  self.trouble = read(self)
  if self.trouble and not lenient then fail.raise("config", self.trouble) end
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
  local line, sum = chain.line(self.last, record)
  local ok, message, code = files.append(self.path, line)
  if not ok then
    local sending = record.kind == "intent" or record.kind == "sent" or record.kind == "preparing"
    fail.raise(code == "full" and "config" or "internal", ("the journal cannot be written%s: %s"):format(
      sending and ", so nothing was sent" or "", message), { code = code })
  end
  self.last = sum
  self.records[#self.records + 1], self.sums[#self.sums + 1] = record, sum
end

local function record_of(kind, token, fields)
  local record = { kind = kind, token = token, t = clock.wall() }
  for _, name in ipairs(require("base.sorted").keys(fields or {})) do record[name] = fields[name] end
  return record
end

--- Brings the state file up to date. Its fingerprint says that journal and history are as they were left,
-- unless something had been done to them before.
function methods:describe()
  statefile.write(self.home, self:current(),
    self.intact and folder.fingerprint(self.home) or self.cut and folder.CUT or nil)
end

--- Appends one record durably (file and directory fsynced) and brings the state file up to date.
-- The caller holds home.lock.
-- @param kind one of the kinds of home.sessions, home.things
-- @param token the session it belongs to; nil: it is of a thing
-- @param fields table of plain values without secrets
function methods:append(kind, token, fields)
  if not self.lock then error("journal:append needs home.lock") end
  if self.trouble then fail.raise("config", self.trouble) end
  set_torn_aside(self)
  if #self.records == 0 and self.last == ROOT then
    write_line(self, { kind = "journal", version = VERSION, t = clock.wall() })
  end
  local record = record_of(kind, token, fields)
  write_line(self, record)
  self:describe()
  return record
end

--- Like append, for a machine that must be ended whatever happens: a record that cannot be written (a full or
-- broken disk, a lock that is not ours) is only remembered by this process, and logged.
-- @return true, or false when the record is missing from the file; `unrecorded` says why
function methods:try_append(kind, token, fields)
  local ok, problem, count = false, nil, #self.records
  if self.lock then ok, problem = fail.try(self.append, self, kind, token, fields) end
  if ok then return true end
  self.unrecorded = problem and fail.message(problem) or self.unrecorded
    or "the folder is not locked by this process"
  if #self.records == count then self.records[count + 1] = record_of(kind, token, fields) end
  log.error("a record is missing from the journal", { kind = kind, token = token, error = self.unrecorded })
  return false
end

--- Reads again what other processes appended since.
-- @raise as journal.open
function methods:refresh()
  self.trouble = read(self)
  if self.trouble and not self.lenient then
    fail.raise("config", self.trouble)
  end
  return self
end

--- Was something of the record taken away (cut, rolled back, damaged)? Then what looks like a start that was
-- cut off may be in use.
function methods:doubtful() return #self.damaged > 0 or self.cut end

--- Somebody who had read what was taken away puts it back now: the sessions are known again,
-- though not whether that is all.
function methods:mended() self.cut = false end

--- Every session that is in the journal, oldest first (see home.sessions for their fields). Those that are
-- over are in the history.
function methods:sessions()
  local list = #self.records > 0 and sessions.fold(self.records) or {}
  for _, session in ipairs(self:doubtful() and list or {}) do session.doubtful = true end
  return list
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

--- The sessions that are closed and left something around their machine (money.resources).
function methods:untidy()
  return where(self, function(session) return session.closed and session.untidy end)
end

--- The sessions a user should still hear of: open ones, and ended ones that no cloud proved
-- and nobody acknowledged.
function methods:shown() return where(self, sessions.is_shown) end

--- The things beside machines that were asked to go and are not proven gone (home.things).
function methods:things()
  local list = {}
  for _, thing in ipairs(#self.records > 0 and things.fold(self.records) or {}) do
    if not thing.over then list[#list + 1] = thing end
  end
  return list
end

--- The session with a machine of its own (the newest that is bound), else nil.
function methods:current()
  local open = self:open_sessions()
  for i = #open, 1, -1 do
    if open[i].id then return open[i] end
  end
end

--- The sessions that are open or were closed in the last `seconds`, oldest first.
function methods:recent(seconds)
  local list, own, here = {}, {}, self:sessions()
  for _, session in ipairs(here) do own[session.token] = true end
  for _, session in ipairs(history.since(self.home, clock.wall() - seconds)) do
    if not own[session.token] then list[#list + 1] = session end
  end
  return table.move(here, 1, #here, #list + 1, list)
end

--- The newest session, when it is open or was closed in the last `seconds`, or nil.
function methods:newest(seconds)
  local list = self:sessions()
  return list[#list] or history.newest(self.home, clock.wall() - seconds)
end

--- One session by token, when the journal itself tells of it, or nil.
function methods:holds(token)
  for _, session in ipairs(self:sessions()) do
    if session.token == token then return session end
  end
end

--- One session by token, also one that is over, or nil.
function methods:session(token) return self:holds(token) or history.session(self.home, token) end

-- The id of this home: its file's, else the one in the tokens of what it rented.
local function known_id(self)
  local id = files.read(files.join(self.home, "home.id"))
  if id and id:match("^%x+%s*$") then return (id:gsub("%s", "")) end
  for _, list in ipairs { self:sessions(), (history.all(self.home) or { sessions = {} }).sessions } do
    for i = #list, 1, -1 do -- what was taken over from another home bears that one's name
      id = not list[i].from_home and names.home_of(list[i].token)
      if id then return id end
    end
  end
end

local function home_id(self)
  local path = files.join(self.home, "home.id")
  local id = known_id(self)
  if id and files.exists(path) then return id end
  id = id or keys.random_hex(4)
  local ok, message, code = files.write(path, id .. "\n")
  if not ok then
    fail.raise(code == "full" and "config" or "internal",
      "the folder's id cannot be written, so nothing was sent: " .. message, { code = code })
  end
  return id
end

--- The prefix of every token of this home: what unattended runs may touch.
function methods:prefix()
  return "cplz-" .. home_id(self) .. "-"
end

--- The same, or nil when the home has none (any more). Writes nothing.
function methods:known_prefix()
  local id = known_id(self)
  return id and "cplz-" .. id .. "-"
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
    return nil, pid and ("another continueplz (process %d) is at work in %s"):format(pid, self.home)
      or message, code
  end
  self.lock = lock
  local ok, problem = fail.settle(self.refresh, self)
  if not ok then
    self.lock = nil
    lock:release()
    error(problem, 0)
  end
  self.intact = folder.intact(self.home)
  return true
end

-- Tokens of sessions, and keys of things, that are over and of which nothing is left to do or to tell.
local function settled(self)
  local set, any = {}, false
  for _, session in ipairs(self:sessions()) do
    if session.closed and not session.unverifiable and not session.untidy then
      set[session.token], any = true, true
    end
  end
  for _, thing in ipairs(things.fold(self.records)) do
    if thing.over then set[things.key(thing.provider, thing.kind, thing.id)], any = true, true end
  end
  return any and set or nil
end

-- Writes the journal anew with these records. → as files.write
local function replace(self, records)
  local lines, last = {}, ROOT
  table.insert(records, 1,
    { kind = "journal", version = VERSION, t = clock.wall(), after = history.last(self.home) })
  for i, record in ipairs(records) do lines[i], last = chain.line(last, record) end
  return files.write(self.path, table.concat(lines))
end

-- Moves the records of these tokens and things to the history: first appended there, then the journal is
-- replaced by what stays.
local function move(self, over)
  set_torn_aside(self)
  local going, before, staying = {}, {}, {}
  for i, record in ipairs(self.records) do
    if over[record.token or things.of(record) or ""] then
      going[#going + 1] = record
    elseif record.kind ~= "journal" then
      staying[#staying + 1] = record
    end
    before[self.sums[i]] = #going
  end
  local ok, why = history.append(self.home, going, function(sum) return before[sum] end, self.last)
  if not ok then
    return log.warn("closed sessions stay in the journal", { error = why })
  end
  local written, message = replace(self, staying)
  if not written then log.warn("closed sessions stay in the journal", { error = message }) end
end

--- The clouds were asked, so the record need not be trusted for what runs: one that is damaged is set aside
-- as `journal.damaged`, what can be read of it goes on, and it counts as whole again.
-- The caller holds home.lock.
function methods:heal()
  if #self.damaged > 0 then
    local text, staying = files.read(self.path), {}
    if not text or not files.append(self.path .. ".damaged", text) then
      return
    end
    for _, record in ipairs(self.records) do
      if record.kind ~= "journal" then staying[#staying + 1] = record end
    end
    if not replace(self, staying) then return end
    log.warn("the journal was damaged; it was set aside, and what can be read of it goes on",
      { file = self.path .. ".damaged" })
    self:refresh()
  end
  self.intact, self.cut = true, false
  self:describe()
end

-- What is over goes to the history. Not from a record that cannot be written or relied on: what is
-- in doubt stays together.
local function settle(self)
  if self.trouble or self.unrecorded or self:doubtful() then return end
  local over = settled(self)
  if not over then return end
  move(self, over)
  self:describe()
end

--- Lets go of home.lock. What is over moves to the history first.
function methods:release()
  if self.lock then
    local ok, problem = fail.settle(settle, self)
    if not ok then log.warn("closed sessions stay in the journal", { error = fail.message(problem) }) end
    self.lock:release()
  end
  self.lock = nil
end

return journal
