-- SPDX-License-Identifier: MIT
--- Port mapping of one machine: a random port outside, the machine's own port on loopback inside. What passes
--- is counted, and can be blocked: a blocked stream stands still, a blocked datagram is lost.
local fail = require "base.fail"
local keys = require "base.keys"
local net = require "base.net"
local task = require "base.task"

local relay = {}
relay.__index = relay

local SESSIONS = 64
local BURST = 64
-- of free_port; homes and their machines take theirs from 16000 to 31999
local LOWEST, PORTS, TRIES = 10000, 6000, 100

-- Calls fn; a closed or broken connection is an ordinary end (nil), anything else is raised.
local function attempt(fn, ...)
  local ok, a, b, c = fail.try(fn, ...)
  if not ok and fail.is(a, "internal") then error(a, 0) end
  return ok and a or nil, b, c
end

-- Does a stream begin as a tunnel does: a frame with WireGuard's first message (docs/guest.md, `listen-tcp`)?
local function is_tunnel(data) return data:sub(1, 6) == "\0\x94\1\0\0\0" end

local function pause_while(blocked)
  while blocked() do
    task.sleep(0.05)
  end
end

local function pump(self, from, to, kind)
  local tunnel
  while true do
    local data = from:read(65536)
    if not data then break end
    pause_while(self.blocked)
    if tunnel == nil then tunnel = is_tunnel(data) end
    if tunnel then pause_while(self.held) end
    self.count(kind, #data)
    to:write(data)
  end
  to:shutdown()
  return true
end

local function stream(self, outer)
  pause_while(self.blocked)
  local host, port = self.target()
  local inner = host and attempt(net.connect, { host = host, port = port, timeout = 5 })
  if inner then
    self.handles[inner] = true
    local both = { function() pump(self, outer, inner, "bwd") end, function() pump(self, inner, outer,
      "bwu") end }
    task.map(both, function(fn)
      if not attempt(fn) then
        outer:close()
        inner:close()
      end
    end)
    inner:close()
    self.handles[inner] = nil
  end
  outer:close()
  self.handles[outer] = nil
end

local function accept(self)
  while not self.closed do
    local conn = attempt(self.listener.accept, self.listener)
    if not conn then return end
    self.handles[conn] = true
    self.spawn(function() stream(self, conn) end)
  end
end

local function answers(self, session)
  local number = 0
  while true do
    local data = attempt(session.socket.recv, session.socket)
    if not data then return end
    if not self.blocked() then
      self.count("bwu", #data)
      self.listener:send(data, session.host, session.port)
    end
    number = number + 1
    if number % BURST == 0 then
      task.sleep(0)
    end
  end
end

local function session_of(self, host, port)
  local name = host .. ":" .. port
  local session = self.sessions[name]
  if session then return session end
  if #self.names >= SESSIONS then
    local oldest = table.remove(self.names, 1)
    self.sessions[oldest].socket:close()
    self.handles[self.sessions[oldest].socket] = nil
    self.sessions[oldest] = nil
  end
  session = { host = host, port = port, socket = net.udp { host = "127.0.0.1", port = 0 } }
  self.sessions[name] = session
  self.names[#self.names + 1] = name
  self.handles[session.socket] = true
  self.spawn(function() answers(self, session) end)
  return session
end

local function datagrams(self)
  local number = 0
  while not self.closed do
    local data, host, port = attempt(self.listener.recv, self.listener)
    if not data then return end
    if not self.blocked() then
      self.count("bwd", #data)
      session_of(self, host, port).socket:send(data, "127.0.0.1", self.inside)
    end
    number = number + 1
    if number % BURST == 0 then
      task.sleep(0)
    end
  end
end

--- Opens a mapping {protocol="tcp"|"udp", inside=port, outside=port or nil (any), host = where it listens
--- (nil: 127.0.0.1), target=function → host and port of a stream (nil: `inside`), blocked=function → bool,
--- held=function → bool: streams that carry a tunnel stand still, count=function(kind, bytes),
--- spawn=function(fn)}. → relay with `port` (outside). Does not wait.
function relay.open(options)
  local self = setmetatable({ inside = options.inside, blocked = options.blocked, held = options.held,
    target = options.target or function() return "127.0.0.1", options.inside end,
    count = options.count, spawn = options.spawn, handles = {}, sessions = {}, names = {} }, relay)
  local open = options.protocol == "udp" and net.udp or net.listen
  self.listener = open { host = options.host or "127.0.0.1", port = options.outside or 0 }
  local _, port = self.listener:name()
  self.port = port
  self.spawn(function() (options.protocol == "udp" and datagrams or accept)(self) end)
  return self
end

--- Ends the mapping and everything that runs through it.
function relay:close()
  self.closed = true
  self.listener:close()
  for handle in pairs(self.handles) do -- order: free
    handle:close()
  end
  self.handles = {}
end

--- A port that is free now and that nobody gets by chance, for mappings where inside and outside are the same
--- number and something listens there a while later: it lies below those that the system gives to whoever
--- connects.
function relay.free_port(protocol)
  for _ = 1, TRIES do
    local port = LOWEST + tonumber(keys.random_hex(4), 16) % PORTS
    local ok, socket = fail.try(protocol == "udp" and net.udp or net.listen, { host = "127.0.0.1",
      port = port })
    if ok then
      socket:close()
      return port
    end
  end
  error("no port is free")
end

return relay
