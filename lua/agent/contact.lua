-- SPDX-License-Identifier: MIT
-- What the agent knows of the machine in use by having heard of it: since when it is silent, how old it is,
-- how long its guard has been ending it. Reckoned by the monotonic clock while the agent lives, which no step
-- of the wall clock moves; over its restarts by the wall clock, from the file `contact` of the home and the
-- journal's times. The file is written at most every SAVE seconds, and at once when the guard begins to end
-- the machine or thinks better of it. It also keeps a time that no handshake with the machine was stamped
-- beyond: the machine answers only what is stamped later than all that it saw, so that a fresh agent whose
-- clock was set back must begin beyond it.
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local json = require "base.json"
local log = require "base.log"
local timing = require "home.timing"

local SAVE = 300 -- seconds between two writes of what changes every minute
local AHEAD, SPARE = 600, 60 -- seconds that the kept stamp is ahead: of the clock, of the last stamp at least

local contact = {}
local methods = {}
local meta = { __index = methods }

local function path_of(home) return files.join(home, "contact") end

-- What an earlier agent of this home wrote about the session, or nothing.
local function stored(home, token)
  local text = files.read(path_of(home), 4096)
  local found = text and json.decode(text)
  return type(found) == "table" and found.token == token and found or {}
end

-- Seconds since a moment of the wall clock; one that is to come yet was stepped over.
local function since(wall)
  return type(wall) == "number" and math.max(0, clock.wall() - wall) or nil
end

--- What is known of a session's machine: from the file and the journal, until something is heard of it.
-- @param home directory
-- @param session of home.sessions
function contact.of(home, session)
  local known, now = stored(home, session.token), clock.now()
  local born = session.taken or session.guarded_at or session.unguarded_at or session.running_seen
    or session.started or session.bound_at
  local heard = since(session.taken) or since(known.heard)
    or since(session.ready_at or session.guarded_at or session.started or session.bound_at) or 0
  return setmetatable({ home = home, token = session.token, began = now, heard_at = now - heard,
    born_at = now - (since(born) or 0), ending_at = known.ending and now - since(known.ending) or nil,
    stamp = math.tointeger(known.stamp), last_stamp = math.tointeger(known.stamp) or 0 }, meta)
end

-- Moments are kept by the wall clock as it goes at this moment.
local function save(self)
  local function wall(at) return at and clock.wall() - (clock.now() - at) end
  local ok, message = files.write(path_of(self.home), json.encode { token = self.token,
    heard = wall(self.heard_at), ending = wall(self.ending_at), stamp = self.stamp } .. "\n")
  if not ok then log.warn("when the machine was heard of cannot be written", { error = message }) end
end

--- Its guard answered.
-- @param guest what it said (GET /status), or nil when only a sign of life came
function methods:heard(guest)
  local now, ended = clock.now(), self.ending_at ~= nil
  self.heard_at = now
  if guest then
    if tonumber(guest.age) then self.born_at, self.tells_age = now - guest.age, true end
    local ending = guest.state == "ending"
    self.ending_at = ending
      and (tonumber(guest.ending_age) and now - guest.ending_age or self.ending_at or now) or nil
  end
  local due = not self.saved_at or now - self.saved_at >= timing.seconds(SAVE)
  if not due and ended == (self.ending_at ~= nil) then return end
  self.saved_at = now
  fail.try(save, self)
end

-- Keeps a stamp that the next ones will not be beyond.
local function keep_ahead(self)
  if self.stamp and self.stamp >= math.max(self.last_stamp, clock.wall()) + SPARE // 2 then
    return
  end
  self.stamp = math.floor(math.max(clock.wall() + AHEAD, self.last_stamp + SPARE))
  fail.try(save, self)
end

--- A tunnel is opened. → the unix seconds that its handshakes must be stamped beyond
function methods:stamp_after()
  keep_ahead(self)
  return self.last_stamp
end

--- Handshakes were stamped up to this moment (unix seconds).
function methods:stamped(stamp)
  self.last_stamp = math.max(self.last_stamp, stamp or 0)
  keep_ahead(self)
end

--- Seconds since it was heard of.
function methods:silence() return clock.now() - self.heard_at end

--- Seconds that this agent itself has been without an answer of it: what an earlier one heard does not count.
function methods:deaf() return clock.now() - math.max(self.heard_at, self.began) end

--- Seconds since its guard was born; second: did the guard say so to this agent? Else it is reckoned from the
-- journal by the wall clock.
function methods:age() return clock.now() - self.born_at, self.tells_age == true end

--- Seconds that its guard has said to be ending it, or nil.
function methods:ending() return self.ending_at and clock.now() - self.ending_at end

return contact
