-- SPDX-License-Identifier: MIT
-- What carries the agent's tunnel: what the record names, and TCP where nothing comes back over UDP although
-- the machine's TCP port takes a connection. Then it is the network of this computer that eats UDP, from the
-- beginning or since this computer is elsewhere; what a cloud says of the machine is not needed to know it.
-- One tunnel at a time: UDP gets its time, once more from a fresh socket when the machine was seen to be up,
-- then TCP, then UDP again. A handshake over TCP is kept in the record, and every agent to come goes there;
-- nothing goes back from there.
--
-- self.quiet, while nothing comes back: { token, since, rx, ask_at, pause, phase = nil (UDP) | "last" (UDP
-- once more) | "tcp", until_ }
local clock = require "base.clock"
local fail = require "base.fail"
local log = require "base.log"
local net = require "base.net"
local timing = require "home.timing"
local provider_of = require "money.provider_of"
local bootstrap = require "start.bootstrap"
local tunnel = require "agent.tunnel"

-- Seconds, and the least of them where a simulator lives faster: the tunnel's own timers do not.
local SILENT, LEAST_SILENT = 10, 2 -- without an answer over UDP, before the machine's TCP port is tried
local LAST, LEAST_LAST = 5, 3      -- that UDP gets when that port took a connection
local TRIAL, LEAST_TRIAL = 15, 4   -- that TCP gets for its handshake
local PAUSE, LEAST_PAUSE, MOST_PAUSE = 5, 0.5, 300 -- until the port is tried again
local KNOCK = 2 -- for one connection, whatever the clock of a simulator

local carrier = {}

local function seconds(wanted, least) return math.max(timing.seconds(wanted), least) end

-- The machine of the tunnel over TCP, or nil: it is reached so already, or offers no such port.
local function other_way(session)
  local endpoint = session.endpoint
  if not endpoint or endpoint.carrier == "tcp" then return nil end
  local ok, way = fail.try(function()
    return bootstrap.of(provider_of.provider(session.provider)).over_tcp(endpoint)
  end)
  return ok and way and way.port and way or nil
end

local function answers(way)
  local ok, conn = fail.try(net.connect, { host = way.host, port = way.port, timeout = KNOCK })
  if ok then conn:close() end
  return ok
end

-- Nothing has come back since when? status: of the tunnel → self.quiet
local function quiet(self, status)
  local known, now = self.quiet, clock.now()
  if not known or known.token ~= self.tunnel_for then
    known = { token = self.tunnel_for, since = now, rx = status.rx, ask_at = now,
      pause = seconds(PAUSE, LEAST_PAUSE) }
    self.quiet = known
  elseif status.rx > known.rx or status.unsent then -- it is heard, or this computer is not connected
    known.since, known.rx, known.phase = now, status.rx, known.phase == "tcp" and "tcp" or nil
  end
  return known
end

local function turn(self, known, phase, length, endpoint)
  tunnel.reopen(self, endpoint)
  known.phase, known.until_, known.rx = phase, clock.now() + length, 0
end

local phases = {}

-- UDP has its time, and more of it while the machine takes no connection.
function phases.udp(self, known, way)
  local now = clock.now()
  if now - known.since < seconds(SILENT, LEAST_SILENT) or now < known.ask_at then return end
  local up = answers(way)
  if self.quiet ~= known or self.tunnel_for ~= known.token then return end -- it was another one's meanwhile
  if up then return turn(self, known, "last", seconds(LAST, LEAST_LAST)) end
  known.ask_at = clock.now() + seconds(PAUSE, LEAST_PAUSE)
end

function phases.last(self, known, way)
  if clock.now() >= known.until_ then turn(self, known, "tcp", seconds(TRIAL, LEAST_TRIAL), way) end
end

function phases.tcp(self, known)
  if clock.now() < known.until_ then return end
  turn(self, known, nil, 0)
  known.ask_at = clock.now() + known.pause
  known.pause = math.min(known.pause * 2, MOST_PAUSE)
end

--- Nothing came back through the tunnel just now: it may be tried another way.
function carrier.silent(self)
  local session, status = self.session, self.tunnel:status()
  if session and session.token == self.tunnel_for then
    local known, way = quiet(self, status), other_way(session)
    if way then phases[known.phase or "udp"](self, known, way) end
    if known.phase == "tcp" then return end
  end
  if self.tunnel and not self.tunnel:status().handshake_age then tunnel.hurry(self) end
end

--- The tunnel had a handshake; one over TCP that the record does not know is kept in it and told of.
-- → true when the record has changed. `up` writes it itself, and holds the lock
function carrier.shaken(self)
  local session = self.session
  if self.by ~= "tcp" or self.carrier == "tcp" or not session or session.token ~= self.tunnel_for then
    return false
  end
  local way = other_way(session)
  if not way then return false end
  if self.told_tcp ~= session.token then
    log.warn("nothing came back over UDP; the machine is reached over TCP from now on",
      { endpoint = way.host .. ":" .. way.port, instance_id = session.id })
  end
  self.told_tcp = session.token
  if not self.journal:acquire("agent") then return false end
  local kept = self.journal:try_append("moved", session.token, { endpoint = way })
  self.journal:release()
  return kept and true or false
end

--- It was heard of.
function carrier.heard(self) self.quiet = nil end

return carrier
