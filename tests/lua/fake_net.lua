-- SPDX-License-Identifier: MIT
-- Streams between processes of the replaced world, in memory and without delay. No datagrams.

local Socket = {}
Socket.__index = Socket

local function new_socket(p)
  local socket = setmetatable({ watchers = {}, incoming = "", closed = false, backlog = {} }, Socket)
  if p then table.insert(p.at_end, function() socket:close() end) end
  return socket
end

local function check(socket)
  if socket.closed then error("this socket is closed", 3) end
end

function Socket:is_ready(interest)
  if self.closed then return true end
  if interest == "write" then return true end
  return self.incoming ~= "" or self.ended or #self.backlog > 0
end

function Socket:changed()
  local ids = {}
  for id, watcher in pairs(self.watchers) do -- order: free
    if self:is_ready(watcher.interest) then ids[#ids + 1] = id end
  end
  table.sort(ids)
  for _, id in ipairs(ids) do
    local p = self.watchers[id].process
    self.watchers[id] = nil
    p:post { id = id, kind = "io" }
  end
end

function Socket:watch(id, interest, p)
  self.watchers[id] = { interest = interest, process = p }
  self:changed()
end

function Socket:forget(id) self.watchers[id] = nil end

function Socket:read(max)
  check(self)
  if self.incoming == "" then
    if self.broken then
      return nil, "read: Connection reset by peer", "reset"
    end
    if self.ended then return nil, "read: the other side has closed", "eof" end
    return nil, "read: again", "again"
  end
  local data = self.incoming:sub(1, max)
  self.incoming = self.incoming:sub(max + 1)
  return data
end

function Socket:write(data)
  check(self)
  if not self.other or self.other.closed then
    return nil, "write: Broken pipe", "closed"
  end
  self.other.incoming = self.other.incoming .. data
  self.other:changed()
  return #data
end

function Socket:shutdown()
  check(self)
  if self.other then
    self.other.ended = true
    self.other:changed()
  end
  return true
end

function Socket:close()
  if self.closed then return end
  self.closed = true
  if self.where and self.where.sim.listeners[self.where.name] == self then
    self.where.sim.listeners[self.where.name] = nil
  end
  if self.other then
    self.other.ended = true
    self.other:changed()
  end
  self:changed()
end

function Socket:accept()
  check(self)
  local socket = table.remove(self.backlog, 1)
  if not socket then return nil, "accept: again", "again" end
  return socket
end

function Socket:connected()
  check(self)
  return true
end

function Socket:name() return "127.0.0.1", self.port end
function Socket:peer() return "127.0.0.1", self.other and self.other.port or 0 end

local function name_of(options) return options.unix or ("%s:%d"):format(options.host, options.port) end

local function listen(p, options)
  local sim = p.sim
  local socket = new_socket(p)
  if options.port == 0 then options = { host = options.host, port = 40000 + sim:id() } end
  local name = name_of(options)
  if sim.listeners[name] then
    return nil, name .. ": Address already in use", "busy"
  end
  socket.port, socket.where, socket.process = options.port, { sim = sim, name = name }, p
  sim.listeners[name] = socket
  return socket
end

-- A pair of connected sockets, the second waiting at the listener.
local function connect(p, options)
  local name = name_of(options)
  -- { socket } or { nil, sentence, code }
  local other = p.sim.connecting and not options.unix and p.sim.connecting(options)
  if other then return table.unpack(other, 1, 3) end
  local answers
  if p.sim.answering and not options.unix then answers = p.sim.answering(options) end
  if answers then return (p.sim.pair_of()) end
  local listener = answers ~= false and p.sim.listeners[name]
  if not listener then
    return nil, name .. (options.unix and ": No such file or directory" or ": Connection refused"),
      options.unix and "missing" or "refused"
  end
  local mine, theirs = new_socket(p), new_socket(listener.process)
  mine.other, theirs.other, mine.port, theirs.port = theirs, mine, 50000 + p.sim:id(), listener.port
  table.insert(listener.backlog, theirs)
  listener:changed()
  return mine
end

return function(host, p)
  host.net = {
    listen = function(options) return listen(p, options) end,
    connect = function(options) return connect(p, options) end,
    udp = function() return nil, "the replaced world has no datagrams", "refused" end,
  }
  p.sim.pipe_of = p.sim.pipe_of or function(_, text)
    local socket = new_socket(nil)
    socket.incoming, socket.ended = text, true
    return socket
  end
  p.sim.pair_of = p.sim.pair_of or function()
    local one, two = new_socket(nil), new_socket(nil)
    one.other, two.other = two, one
    return one, two
  end
end
