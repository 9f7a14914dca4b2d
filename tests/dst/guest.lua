-- SPDX-License-Identifier: MIT
-- The rented machine of the replaced world: how its guest comes, its control, its engine, and a guard that
-- ends the machine by itself (docs/guest.md). It knows what was sent to it and nothing else (dst/brake.lua).
-- It lives on the cloud's clock; whatever happens to the client's clock does not reach it. Its guest may be
-- killed: it comes again and takes up what its record says.
local box = require "dst.guest_box"
local brake = require "dst.brake"
local engine = require "dst.guest_engine"
local faces = require "cloudsim.faces"
local json = require "base.json"
local pod = require "dst.guest_pod"
local script = require "dst.guest_script"
local sorted = require "base.sorted"
local vm = require "dst.guest_vm"

local NO_BIND = 1 << 20

local guest = {}
guest.__index = guest

-- Calls `served(text, socket)` with what arrived so far at each connection to `name`.
local function listen(sim, name, served)
  local listener = { backlog = {}, closed = false, port = NO_BIND }
  function listener:changed()
    local socket = table.remove(self.backlog, 1)
    if not socket then return end
    local text, watcher = "", {}
    function watcher.post()
      local piece = not socket.closed and socket:read(1 << 24)
      if not piece then return end
      text = text .. piece
      socket:watch(1, "read", watcher)
      served(text, socket)
    end
    socket:watch(1, "read", watcher)
  end
  function listener:close()
    self.closed = true
    if sim.listeners[name] == self then sim.listeners[name] = nil end
  end
  if sim.listeners[name] then return nil end
  sim.listeners[name] = listener
  return listener
end
guest.listen = listen

--- One machine. place = { sim=, world=, send=function(instance, request) → answer of the cloud or nil,
-- guarded=function() when the guard ends the machine, killed=function() when it is killed,
-- asked=function(request, taken) at its control, says=function(state) → what its guard says of itself }
function guest.new(place, instance)
  return setmetatable({ place = place, sim = place.sim, instance = instance, models = {}, listen = listen,
    way = instance.command and instance.mounts and pod or instance.forwards and box
      or instance.script and script or vm,
    epoch = 0, turn = 0, lone = 0, alone = 0, attempts = 0 }, guest)
end

local function now(self) return self.sim.now end

-- Does the machine itself run?
local function up(self) return self.instance.process == true and not self.instance.destroyed end

--- Does the guest run?
function guest:runs() return self.alive == true and up(self) end

-- What fills its requests: the environment, with the key that this attempt takes.
local function values_of(self, attempt)
  local values, name = self.way.environment(self), self.config["key-env"]
  local key = name and values[name]
  if key and self.spoiled then key = "rotated" end
  if self.key and (not key or attempt % 2 == 0) then key = self.key end
  values.KEY = key
  if name then values[name] = key end
  return values
end

local function usable(self)
  local values = setmetatable({ ID = "1" }, { __index = values_of(self, 1) })
  local request = self.orders.terminate
  for _, text in ipairs { request.url, request.body or "", table.concat(request.headers, "\n") } do
    if not brake.filled(text, values) then return false end
  end
  return true
end

-- The record on its disk; written at once when limits change or the end begins, else within five seconds.
local function keep(self, at_once)
  local function write()
    self.record = { birth = self.birth, contact = self.contact, traffic = self.traffic, ending = self.ending,
      limits = self.limits, key = self.key }
    self.kept_at = now(self)
  end
  if at_once or now(self) - self.kept_at >= 5 then return write() end
  local epoch = self.epoch
  self.sim:at(5, function()
    if self.epoch == epoch and self:runs() and now(self) - self.kept_at >= 5 then write() end
  end)
end

-- Seconds left until the guard ends the machine; nil: never.
local function left(self)
  local limits, least = self.limits, nil
  local function count(limit, from)
    if limit > 0 then least = math.min(least or math.huge, from + limit - now(self)) end
  end
  count(limits.silence, self.contact)
  count(limits.idle, self.traffic or self.birth + limits.idle)
  count(limits.life, self.birth)
  return least
end

-- Its programs end by themselves, at this moment whether its cloud is asked or not.
local function leave(self)
  self.place.world:tick()
  faces.of(self.instance).life.ended(self.place.world, self.instance)
end

local function keep_ending(self, pause, turn)
  if self.turn ~= turn or not self:runs() then return end
  self.attempts = self.attempts + 1
  self.place.guarded(self.instance)
  brake.attempt(self.place, self.instance, self.orders, values_of(self, self.attempts), function()
    return self.turn == turn and self:runs()
  end, self.attempts > 10)
  if self.orders.power_off and self.attempts > self.orders.power_off then
    self.sim:at(1, function() -- the attempt comes first
      if self.turn == turn and self:runs() then leave(self) end
    end)
  end
  self.sim:at(pause, function() keep_ending(self, math.min(pause * 2, math.max(60, self.retry)), turn) end)
end

--- Begins the end.
function guest:finish()
  self.ending = self.ending or now(self)
  keep(self, true)
  self.turn = self.turn + 1
  keep_ending(self, self.retry, self.turn)
end

function guest:watch()
  self.turn = self.turn + 1
  local turn = self.turn
  local function look()
    if self.turn ~= turn or not self:runs() then return end
    local rest = left(self)
    if not rest then return end
    if rest <= 0 then return self:finish() end
    self.sim:at(rest, look)
  end
  look()
end

-- The harmless half of the end, until it was answered. fresh: a new key was pushed
local function rehearse(self, pause, fresh)
  self.rehearsals = (self.rehearsals or 0) + 1
  local number = self.rehearsals
  if not self:runs() or not usable(self) then return end
  self.rehearsed = brake.rehearsed(self.place, self.instance, self.orders,
    values_of(self, fresh and 2 or number))
  if self.rehearsed ~= false then return end
  self.sim:at(pause, function()
    if self.rehearsals == number then rehearse(self, math.min(pause * 2, 60), false) end
  end)
end

-- The machine's own timer: counts while no guest runs, and ends the machine when that was too long.
local function lonely(self)
  self.lone = self.lone + 1
  local lone, epoch, resort = self.lone, self.epoch, self.resort
  if not resort or not (resort.terminate or resort.leaves) then return end
  local function fire(pause)
    if self.epoch ~= epoch or not up(self) then return end
    if resort.leaves then return leave(self) end
    brake.attempt(self.place, self.instance, resort, self.way.environment(self), function()
      return self.epoch == epoch and up(self)
    end, pause > 30)
    self.sim:at(pause, function() fire(self.way == box and pause <= 30 and pause * 2 or pause) end)
  end
  self.lone_since = now(self)
  self.sim:at(resort.seconds - self.alone, function()
    if self.lone == lone and self.epoch == epoch and up(self) then fire(resort.retry) end
  end)
end

--- What watches over the guest: { seconds, retry, find, terminate }, as it was sent.
function guest:watch_over(resort)
  self.epoch, self.resort = self.epoch + 1, resort
  self.turn = self.turn + 1
  lonely(self)
end

--- The guest runs for the first time, with this configuration.
function guest:born(text)
  local config = brake.read(text)
  if not config then return end -- it refuses what it does not know
  self.config, self.orders, self.token, self.retry = config, brake.orders(config), config.token,
    tonumber(config.retry) or 5
  self.limits = {}
  for _, name in ipairs { "silence", "idle", "life" } do self.limits[name] = tonumber(config[name]) or 0 end
  self.birth, self.contact = now(self), now(self)
  self.alive, self.lone, self.alone = true, self.lone + 1, 0
  keep(self, true)
  self:watch()
  rehearse(self, self.retry, false)
end

--- A guest that was killed, or whose machine was started again, takes up its record.
function guest:again()
  if self.broken or not up(self) then return end
  local record = self.record
  self.birth, self.contact, self.traffic, self.ending = record.birth, record.contact, record.traffic,
    record.ending
  self.limits, self.key = record.limits, record.key
  self.alive, self.lone, self.alone = true, self.lone + 1, 0
  if self.ending then return self:finish() end
  self:watch()
  if self.rehearsed ~= true then rehearse(self, self.retry, false) end
end

--- The guest is killed, and starts again a second later; for_ever: its program is gone.
function guest:kill(for_ever)
  if not self:runs() then return end
  self.place.killed()
  self.alive, self.turn, self.broken = false, self.turn + 1, for_ever
  local epoch = self.epoch
  lonely(self)
  self.sim:at(1, function()
    if self.epoch == epoch and self.restarts then self:again() end
  end)
end

--- No key that it has is good any more; another may be pushed.
function guest:spoil() self.spoiled, self.key = true, self.key and "rotated" end

--- The machine's processes start, for the first time or again. → ports
function guest:start(random) return self.way.start(self, random) end

--- Another port leads to it.
function guest:forward(...) return self.way.forward(self, ...) end

--- The host maps its ports anew. → ports
function guest:remap(random)
  for name in sorted(self.ports) do self.ports[name] = random:int(40000, 65000) end
  return self.ports
end

--- The machine's processes are dead.
function guest:stop()
  if not self.alive and self.lone_since then self.alone = self.alone + now(self) - self.lone_since end
  self.alive, self.lone_since = false, nil
  self.epoch, self.turn = self.epoch + 1, self.turn + 1
  if self.door then self.door:close() end
end

--- Does a handshake with this peer's address succeed now? carrier: "tcp" or "udp"; door: only a connection
function guest:reachable(port, carrier, door)
  local instance = self.instance
  if not self:runs() or instance[carrier .. "_blocked"] then return false end
  if instance.tunnel_blocked and not door then return false end
  if (self.way.environment(self)[self.config["private-key-env"]] or "") == "" then
    return false
  end
  return self.way.open(self, port, carrier)
end

--- Where an inner port of the tunnel leads: "control", "counted", "uncounted" or nil.
function guest:inner(port)
  if port == tonumber(self.config["control-port"] or 8571) then
    return "control"
  end
  for _, line in ipairs(self.config.expose) do
    local from, counted = line:match("^(%d+) %d+ (%l+)$")
    if tonumber(from) == port then return counted end
  end
end

local function guard_of(self)
  local ready, rehearsed = usable(self), self.rehearsed
  if not self.orders.rehearse then
    rehearsed = json.null
  elseif self.rehearsed == nil then
    rehearsed = false
  end
  return { persisted = self.record ~= nil, rehearsed = rehearsed, rehearsal = json.null, ready = ready,
    attempts = self.attempts }
end

local function state_of(self)
  local limits = self.limits
  local function rest(limit, from) return limit > 0 and math.max(0, from + limit - now(self)) or json.null end
  return { version = "0.1.0", token = self.token, state = self.ending and "ending" or "armed",
    key = values_of(self, 1).KEY ~= nil, silence = limits.silence, idle = limits.idle, life = limits.life,
    life_max = limits.most or tonumber(self.config["life-max"]) or 0,
    silence_left = rest(limits.silence, self.contact),
    idle_left = rest(limits.idle, self.traffic or self.birth + limits.idle),
    life_left = rest(limits.life, self.birth), age = now(self) - self.birth,
    ending_age = self.ending and now(self) - self.ending or json.null,
    engine = { running = not self.ending, restarts = 0 }, guard = self.place.says(guard_of(self)) }
end

local function lease(self, wanted)
  if self.ending then
    return { status = 409, json = { error = "it is ending" } }
  end
  local limits, most = {}, tonumber(self.config["life-max"]) or 0
  most = self.limits.most or most
  if most > 0 and wanted.life_max and wanted.life_max > most then most = wanted.life_max end
  for _, name in ipairs { "silence", "idle", "life" } do limits[name] = wanted[name] or self.limits[name] end
  if most > 0 and (limits.life == 0 or limits.life > most) then limits.life = most end
  limits.most = most
  self.limits, self.traffic = limits, self.traffic or now(self)
  keep(self, true)
  self:watch()
end

local DO = {
  ["/end"] = function(self) self:finish() end,
  ["/key"] = function(self, wanted)
    self.key = wanted.key
    keep(self, true)
    rehearse(self, self.retry, true)
  end,
  ["/lease"] = lease,
}

local function answered(self, request)
  local wanted = request.method ~= "GET" and (json.decode(request.body or "") or {}) or nil
  if wanted and type(wanted.token) ~= "string" then
    return { status = 400, json = { error = "the body must name the session's token" } }
  end
  if wanted and wanted.token ~= self.token then
    return { status = 409, json = { error = "this machine belongs to another session" } }
  end
  self.contact = now(self)
  keep(self, false)
  local refusal
  if DO[request.path] then
    refusal = DO[request.path](self, wanted)
  elseif request.path ~= "/status" and request.path ~= "/heartbeat" then
    refusal = { status = 404, json = { error = "unknown" } }
  end
  return refusal or { status = 200, json = state_of(self) }
end

--- The guest's control: → response of the replaced HTTP, or nil when the machine is silent.
function guest:control(request)
  if not self:runs() then return nil end
  local answer = answered(self, request)
  self.place.asked(request, answer.status == 200)
  return answer
end

--- The engine behind the tunnel. counted: over a port whose traffic counts
function guest:engine(request, counted)
  if not self:runs() or self.ending then return nil end
  if counted then
    self.traffic = now(self)
    keep(self, false)
  end
  return engine(self, request)
end

return guest
