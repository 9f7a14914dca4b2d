-- SPDX-License-Identifier: MIT
-- Connections that wait in tasks. Failures are raised: kind `transient` with the host's code; `refused` for
-- what is no use trying again. Addresses are numeric.

local host = ...

local clock = require "base.clock"
local fail = require "base.fail"
local task = require "base.task"

local net = {}

local CHUNK = 65536
local open_handles = 0

local function refuse(sentence, code)
  fail.raise(code == "resolve" and "refused" or "transient", sentence, { code = code })
end

local Handle = {}

-- Waits until the socket is ready for `interest`; raises code "timeout" when `deadline` passes.
local function ready(self, interest, deadline, what)
  local id = host.loop.watch(self.socket, interest)
  local _ <close> = setmetatable({}, { __close = function()
    host.loop.forget(id)
    task.discard(id)
  end })
  local left = deadline and math.max(0, deadline - clock.now())
  if not task.park(id, left) then
    fail.raise("transient", ("%s: nothing within %s"):format(what, clock.duration(self.patience or left)),
      { code = "timeout" })
  end
  if self.closed then
    fail.raise("transient", what .. ": closed here", { code = "closed" })
  end
end

-- Repeats a socket operation while it answers "again". → its results, or nil, sentence, code
local function attempt(self, interest, timeout, what, operation)
  if self.closed then
    fail.raise("transient", what .. ": closed here", { code = "closed" })
  end
  local deadline = timeout and clock.now() + timeout
  self.patience = timeout
  while true do
    local a, b, c = operation(self.socket)
    if a ~= nil or c ~= "again" then return a, b, c end
    ready(self, interest, deadline, what)
  end
end

function Handle:close()
  if self.closed then return end
  self.closed = true
  open_handles = open_handles - 1
  self.socket:close()
end

--- host, port of this end.
function Handle:name() return self.socket:name() end

local function handle(class, socket, fields)
  open_handles = open_handles + 1
  local made = fields or {}
  made.socket, made.closed = socket, false
  return setmetatable(made, class)
end

local function class(methods)
  methods.__index, methods.__close = methods, Handle.close
  methods.close, methods.name = Handle.close, Handle.name
  return methods
end

local Conn = class { __name = "connection" }

-- Fills the buffer. → false at the end of the stream
local function fill(self, timeout)
  if self.ended then return false end
  local data, sentence, code = attempt(self, "read", timeout, "read", function(s) return s:read(CHUNK) end)
  if not data then
    if code ~= "eof" then refuse(sentence, code) end
    self.ended = true
    return false
  end
  self.buffer = self.buffer == "" and data or self.buffer .. data
  return true
end

local function take(self, count)
  local data = self.buffer:sub(1, count)
  self.buffer = self.buffer:sub(count + 1)
  return data
end

--- Up to n bytes as soon as there are some, or nil at the end.
function Conn:read(n, timeout)
  if self.buffer == "" and not fill(self, timeout) then return nil end
  return take(self, n or CHUNK)
end

--- A line without its end (LF or CRLF), nil at the end; raises code "toolarge" beyond `max`
-- bytes (default 8192).
function Conn:read_line(max, timeout)
  max = max or 8192
  local from = 1
  while true do
    local at = self.buffer:find("\n", from, true)
    if (at or #self.buffer) > max + 2 then
      fail.raise("broken", ("a line longer than %d bytes"):format(max), { code = "toolarge" })
    end
    if at then return (take(self, at):gsub("\r?\n$", "")) end
    from = #self.buffer + 1
    if not fill(self, timeout) then
      if self.buffer == "" then return nil end
      return take(self, #self.buffer)
    end
  end
end

--- Exactly n bytes; raises code "eof" when the stream ends before.
function Conn:read_exact(n, timeout)
  local pieces, have = { self.buffer }, #self.buffer
  while have < n do
    self.buffer = ""
    if not fill(self, timeout) then
      fail.raise("transient", ("the stream ended after %d of %d bytes"):format(have, n), { code = "eof" })
    end
    pieces[#pieces + 1], have = self.buffer, have + #self.buffer
  end
  self.buffer = table.concat(pieces)
  return take(self, n)
end

--- Writes everything.
function Conn:write(data, timeout)
  while data ~= "" do
    local count, sentence, code = attempt(self, "write", timeout, "write", function(s)
      return s:write(data)
    end)
    if not count then refuse(sentence, code) end
    data = data:sub(count + 1)
  end
end

--- No more writing; the other side sees the end.
function Conn:shutdown() return self.socket:shutdown() end

--- host, port of the other end.
function Conn:peer() return self.socket:peer() end

--- A connection over a socket of the host (pipes of processes).
function net.wrap(socket) return handle(Conn, socket, { buffer = "", ended = false }) end

--- {host=, port=} or {unix=}, timeout= seconds (10). → connection
function net.connect(options)
  local what = options.unix or ("%s:%s"):format(options.host, options.port)
  local socket, sentence, code = host.net.connect { host = options.host, port = options.port,
    unix = options.unix }
  if not socket then refuse(sentence, code) end
  local conn = net.wrap(socket)
  local ok, problem = pcall(function()
    local connected, reason, why = attempt(conn, "write", options.timeout or 10, "connect to " .. what,
      function(s) return s:connected() end)
    if not connected then refuse(("connect to %s: %s"):format(what, reason), why) end
  end)
  if not ok then
    conn:close()
    error(problem, 0)
  end
  return conn
end

local Listener = class { __name = "listener" }

--- The next connection; raises code "closed" when the listener is closed meanwhile.
function Listener:accept(timeout)
  local socket, sentence, code = attempt(self, "read", timeout, "accept", function(s) return s:accept() end)
  if not socket then refuse(sentence, code) end
  return net.wrap(socket)
end

--- {host=, port= (0: any)} or {unix=path}. → listener
function net.listen(options)
  local socket, sentence, code = host.net.listen(options)
  if not socket then refuse(sentence, code) end
  return handle(Listener, socket)
end

local Udp = class { __name = "datagrams" }

--- data, host, port of the next datagram.
function Udp:recv(timeout)
  local data, from, port = attempt(self, "read", timeout, "receive", function(s) return s:recvfrom(65535) end)
  if not data then refuse(from, port) end
  return data, from, port
end

--- Sends one datagram; a full queue drops it, as the network may. → true, or nil, sentence, code
function Udp:send(data, to, port) return self.socket:sendto(data, to, port) end

--- {host=, port= (0: any)}. → datagram socket
function net.udp(options)
  local socket, sentence, code = host.net.udp(options)
  if not socket then refuse(sentence, code) end
  return handle(Udp, socket)
end

--- How many handles are open (leak checks).
function net.count() return open_handles end

return net
