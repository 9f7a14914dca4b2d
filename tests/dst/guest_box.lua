-- SPDX-License-Identifier: MIT
-- A container's way to its guest: the start script that takes it, as it was rendered
-- (lua/templates/start.sh). The rest is dst/guest.lua.
local faces = require "cloudsim.faces"
local keys = require "base.keys"
local sorted = require "base.sorted"

local START, PUSHED = 1.0, 0.2 -- seconds until the push port listens, until the guest runs

local box = {}

local function unquoted(text) return (text:gsub("'\\''", "'")) end

local function request_of(text, head, body)
  head = unquoted(head)
  local method, path = head:match("^(%u+) (%S+) HTTP/1.1\n")
  local port, lines = text:match('IO::Socket::INET%->new%("127.0.0.1:(%d+)"%)'), {}
  for line in head:gmatch("\n([^\n]+)") do lines[#lines + 1] = line end
  return { method = method, url = ("http://127.0.0.1:%s%s"):format(port, path), headers = lines,
    body = unquoted(body) }
end

-- What the script's own request asks, or nil when it can only end itself; and what it asks after that.
local function own_request(text)
  local head, body = text:match("export Q='(.-)' B='(.-)'\nask%(%)")
  local fire = text:match("\nfire%(%) { (ask .-); }\n")
  if not head or not fire then return nil end
  local other, more = fire:match(" %(sleep 5; Q='(.-)' B='(.-)'; ask ")
  return request_of(text, head, body), other and request_of(text, other, more)
end

-- The start script: an argument of the container, or, where only a line of words can be given, a variable.
local function script_of(instance)
  for _, pair in ipairs(instance.env or {}) do
    if pair[1] == "CPLZ_BOOT" then return keys.unbase64(pair[2]) end
  end
  return instance.args[2] or (instance.command or {})[3]
end

--- What a start script says, as it was rendered.
function box.read(text)
  local request, otherwise = own_request(text)
  local at, length = text:match("tail %-c %+(%d+) blob | head %-c (%d+) >config")
  return { sha256 = text:match(("%x"):rep(64)), total = tonumber(text:match("length %$b < (%d+)")),
    at = tonumber(at), length = tonumber(length),
    last_resort = tonumber(text:match('%[ "%$t" %-lt (%d+) %]')), retry = tonumber(text:match("\ns=(%d+)\n")),
    push = tonumber(text:match("LocalPort => (%d+)")), request = request, otherwise = otherwise,
    leaves = text:find("\nfire() { exit 1; }\n", 1, true) ~= nil }
end

local function accept(self, text, socket)
  local script = self.script
  if #text < script.total or self.config then return end
  local good = keys.sha256_hex(text) == script.sha256
  self.sim:at(PUSHED, function()
    if socket.closed then return end
    socket:write(good and "ok\n" or "no\n")
    socket:close()
    if good and self.instance.process then self:born(text:sub(script.at, script.at + script.length - 1)) end
  end)
end

--- The start script takes its program at an address, `after` so many seconds.
function box.take(self, address, after)
  self.sim:at(after, function()
    if self.instance.process and not self.config then
      self.door = self.listen(self.sim, address, function(text, socket) accept(self, text, socket) end)
    end
  end)
end

--- The variables of the container: what was ordered, and what its host adds.
function box.environment(self)
  local values = faces.of(self.instance).machine.environment(self.instance)
  for _, pair in ipairs(self.instance.env or {}) do values[pair[1]] = pair[2] end
  return values
end

--- The script starts, for the first time or again. → ports
function box.start(self, random)
  local instance, ports = self.instance, {}
  for _, forward in ipairs(instance.forwards) do
    ports[forward.port .. "/" .. forward.protocol] = random:int(40000, 65000)
  end
  self.ports = ports
  local sent = script_of(instance)
  self.script = self.script or box.read(sent)
  local script = self.script
  self.restarts = sent:find("while :; do\n    ./guest config & ", 1, true) ~= nil
  self:watch_over { seconds = script.last_resort, retry = script.retry, terminate = script.request,
    otherwise = script.otherwise, leaves = script.leaves }
  if self.config then
    self:again()
    return ports
  end
  for name, port in sorted(ports) do
    if name:find("/tcp") and not instance.tcp_blocked then
      box.take(self, "127.0.0.1:" .. port, START)
    end
  end
  return ports
end

--- The cloud leads one more port to the machine: { inside, outside, protocol }.
function box.forward(self, forward)
  self.ports[forward.inside .. "/" .. forward.protocol] = forward.outside
  if forward.protocol == "tcp" and not self.config and not self.instance.tcp_blocked then
    box.take(self, "127.0.0.1:" .. forward.outside, START)
  end
end

--- Does the host lead this outer port to the one where the guest listens?
function box.open(self, port, carrier)
  local inner = self.config[carrier == "tcp" and "listen-tcp" or "listen-port"]
  return self.ports ~= nil and inner ~= nil and self.ports[inner .. "/" .. carrier] == port
end

return box
