-- SPDX-License-Identifier: MIT
-- The tunnel of the replaced world: what is offered on this computer leads to a machine as long as its guest
-- runs and what carries the tunnel passes, UDP or TCP.
local guests = require "dst.guest"
local json = require "base.json"

local roads = {}

-- What the user's own network takes away stands in `eaten`: { udp=, tcp= }; what it forgot are the flows of
-- sockets that were opened up to `forgot`.
local function far_end(self, port, carrier)
  if self.no_way or self.eaten and self.eaten[carrier] then return nil end
  for _, guest in ipairs(self.guest_order) do
    if guest:reachable(port, carrier) then return guest end
  end
end

--- Does a machine take a connection at this TCP port, whatever becomes of it? nil: no guest had this port
function roads.takes(self, port)
  local known
  for _, guest in ipairs(self.guest_order) do
    local config = guest.config
    if config and guest:reachable(port, "tcp", true) then return true end
    if config and (config["listen-tcp"] == tostring(port) or guest.way.open(guest, port, "tcp")) then
      known = false
    end
  end
  return known
end

-- A unix socket that the tunnel offers: HTTP to the machine.
local function road_unix(self, road, handle)
  return guests.listen(self.sim, road.unix, function(text, socket)
    local method, path, rest = text:match("^(%u+) (%S+) HTTP/1.1\r\n(.*)$")
    local body = rest and rest:match("\r\n\r\n(.*)$")
    local length = tonumber(text:match("[Cc]ontent%-[Ll]ength: (%d+)") or 0)
    if not body or #body < length then return end
    local guest = handle.guest()
    local request = { method = method, path = path, body = body }
    local inner = guest and guest:inner(road.remote_port)
    local answer = inner and (inner == "control" and guest:control(request)
      or inner ~= "control" and guest:engine(request, inner == "counted"))
    if not answer then return end -- nothing comes back through a dead tunnel
    self.sim:at(self.sim.latency + (answer.delay or 0), function()
      if socket.closed or not socket.other or socket.other.closed then
        return
      end
      local text_of = answer.json and json.encode(answer.json) or ""
      socket:write(("HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"):format(answer.status
        or 200, #text_of, text_of))
      socket:shutdown()
      socket:close()
    end)
  end)
end

--- What host.tunnel.open gives. play: the history, whose `carried` has every tunnel that was opened: { by=,
--- opened=, shaken= }; options: those of docs/host.md
function roads.open(self, options, process)
  local sim, handle, open, last = self.sim, {}, true, nil
  local listeners, stamp, heard = {}, options.stamp_after, 0
  self.carried[#self.carried + 1] = { by = options.carrier, opened = sim.now }
  local carried = self.carried[#self.carried]
  -- A machine answers only what is stamped later than all that it saw; a tunnel's own stamps never go back.
  function handle.guest()
    local forgotten = options.carrier == "udp" and self.forgot and carried.opened <= self.forgot
    local guest = open and not forgotten and far_end(self, options.endpoint_port, options.carrier) or nil
    if not guest then return nil end
    stamp = math.max(stamp + 0.016, sim.now + sim.skew)
    if guest.shaken_by ~= handle and guest.stamp and stamp <= guest.stamp then
      return nil
    end
    guest.shaken_by, guest.stamp, heard = handle, stamp, heard + 1
    carried.shaken = carried.shaken or sim.now
    return guest
  end
  function handle.forward(_, road)
    local listener
    if road.unix then
      listener = road_unix(self, road, handle)
    else
      listener = guests.listen(sim, ("%s:%d"):format(road.host, road.port), function() end)
      if listener then self.roads[road.port] = { handle = handle, remote_port = road.remote_port } end
    end
    if not listener then return nil, "Address already in use", "busy" end
    listeners[#listeners + 1] = listener
    return true
  end
  function handle.status()
    if handle.guest() then last = sim.now end
    return { handshake_age = last and sim.now - last + 0.1 or nil,
      unsent = self.no_way and "Network is unreachable" or nil,
      stamp = math.ceil(stamp), rx = heard, tx = 0, connections = 0, carrier = options.carrier }
  end
  function handle.endpoint(_, _, port) options.endpoint_port = port end
  function handle.close()
    open = false
    for _, listener in ipairs(listeners) do listener:close() end
    for port, other in pairs(self.roads) do -- order: free
      if other.handle == handle then self.roads[port] = nil end
    end
  end
  table.insert(process.at_end, handle.close)
  return handle
end

return roads
