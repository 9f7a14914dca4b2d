-- SPDX-License-Identifier: MIT
-- The rented machine of the replaced world: the push port, the guest's control, the engine, and a guard that ends the machine by
-- itself (docs/guest.md). It lives on the cloud's clock; whatever happens to the client's clock does not reach it.
local json = require "base.json"
local keys = require "base.keys"
local models = require "cloudsim.models"
local sorted = require "base.sorted"
local vm = require "dst.guest_vm"

local START, PUSHED = 1.0, 0.2 -- seconds until the push port listens, until the guest runs
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

--- One machine. place = { sim=, world=, cloud= (of dst/clouds.lua), pump=function() after each call of the cloud,
-- guarded=function() when the guard ends the machine, asked=function(request, taken) at its control, says=function(state) → what its guard says of itself }
function guest.new(place, instance)
  return setmetatable({ place = place, sim = place.sim, instance = instance, models = {}, turn = 0, key = nil, uptime = 0 }, guest)
end

local function now(self) return self.sim.now end

--- Does the guard run?
function guest:runs() return self.birth ~= nil and self.instance.process == true and not self.instance.destroyed end

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

local function terminate(self, key)
  self.place.guarded(self.instance)
  self.place.cloud.terminate(self.place.world, self.instance, key)
  self.place.pump()
end

local function key_of(self) return self.instance.key or self.account_key or self.key end

-- Every other attempt takes the pushed key, when there is one.
local function keep_ending(self, pause, turn, spare)
  if self.turn ~= turn or not self:runs() then return end
  terminate(self, spare and self.key or key_of(self))
  self.sim:at(pause, function() keep_ending(self, math.min(pause * 2, 60), turn, not spare) end)
end

--- Begins the end.
function guest:finish()
  self.ending = self.ending or now(self)
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

--- The guest runs, with this configuration.
function guest:born(text)
  self.limits, self.retry, self.token = {}, tonumber(text:match("\nretry (%d+)")), text:match("\ntoken (%S+)")
  for _, name in ipairs { "silence", "idle", "life" } do self.limits[name] = tonumber(text:match("\n" .. name .. " (%d+)")) end
  self.life_max = tonumber(text:match("\nlife%-max (%d+)"))
  self.birth, self.contact = now(self), now(self)
  self:watch()
end

-- The start script's own timer, when no guest came (docs/guest.md, "How it gets there").
local function last_resort(self)
  local turn, pause = self.turn, self.retry or 5
  local function fire()
    if self.turn ~= turn or self.birth or not self.instance.process or self.instance.destroyed then return end
    terminate(self, self.instance.key)
    self.sim:at(pause, fire)
    if pause <= 30 then pause = pause * 2 end
  end
  self.sim:at(self.script.last_resort, fire)
end

local function accept_push(self, text, socket)
  local script = self.script
  if #text < script.total or self.birth then return end
  local good = keys.sha256_hex(text) == script.sha256
  self.sim:at(PUSHED, function()
    if socket.closed then return end
    socket:write(good and "ok\n" or "no\n")
    socket:close()
    if not good or not self.instance.process then return end
    self:born(text)
  end)
end

local function read_script(instance)
  local text = instance.args[2]
  return { sha256 = text:match(("%x"):rep(64)), total = tonumber(text:match("length %$b < (%d+)")), last_resort = 1800 }
end

--- The machine's processes start, for the first time or again. → ports
function guest:start(random)
  local instance, ports = self.instance, {}
  if not instance.forwards then return vm.start(self) end
  for _, forward in ipairs(instance.forwards) do ports[forward.port .. "/" .. forward.protocol] = random:int(40000, 65000) end
  self.ports = ports
  self.script = self.script or read_script(instance)
  if self.birth then
    self:watch()
    return ports
  end
  self.turn = self.turn + 1
  for name, port in pairs(ports) do -- order: free
    if name:find("/tcp") and not instance.tcp_blocked then
      self.sim:at(START, function()
        if instance.process then
          self.door = listen(self.sim, "127.0.0.1:" .. port, function(text, socket) accept_push(self, text, socket) end)
        end
      end)
    end
  end
  last_resort(self)
  return ports
end

--- The host maps its ports anew. → ports
function guest:remap(random)
  for name in sorted(self.ports) do self.ports[name] = random:int(40000, 65000) end
  return self.ports
end

--- The machine's processes are dead.
function guest:stop()
  self.turn = self.turn + 1
  if self.door then self.door:close() end
end

--- Does a handshake with this peer's address succeed now?
function guest:reachable(port)
  if not self:runs() or self.instance.udp_blocked then return false end
  if self.inner then return vm.open(self, port) end
  for name, number in pairs(self.ports or {}) do -- order: free
    if name:find("/udp") and number == port then return true end
  end
  return false
end

local function state_of(self)
  local limits = self.limits
  local function rest(limit, from) return limit > 0 and math.max(0, from + limit - now(self)) or json.null end
  return { version = "0.1.0", token = self.token, state = self.ending and "ending" or "armed", key = key_of(self) ~= nil, silence = limits.silence,
    idle = limits.idle, life = limits.life, life_max = self.life_max or limits.life, silence_left = rest(limits.silence, self.contact),
    idle_left = rest(limits.idle, self.traffic or self.birth + limits.idle), life_left = rest(limits.life, self.birth),
    age = now(self) - self.birth, ending_age = self.ending and now(self) - self.ending or json.null, engine = { running = not self.ending, restarts = 0 },
    guard = self.place.says { persisted = true, rehearsed = key_of(self) ~= nil, ready = key_of(self) ~= nil, attempts = 0 } }
end

local function answered(self, request)
  local wanted = request.method ~= "GET" and (json.decode(request.body or "") or {}) or nil
  if wanted and type(wanted.token) ~= "string" then return { status = 400, json = { error = "the body must name the session's token" } } end
  if wanted and wanted.token ~= self.token then return { status = 409, json = { error = "this machine belongs to another session" } } end
  self.contact = now(self)
  if request.path == "/end" then
    self:finish()
  elseif request.path == "/key" then
    self.key = wanted.key
  elseif request.path == "/lease" then
    if self.ending then return { status = 409, json = { error = "it is ending" } } end
    for _, name in ipairs { "silence", "idle", "life" } do self.limits[name] = wanted[name] or self.limits[name] end
    self.traffic = self.traffic or now(self)
    self:watch()
  elseif request.path ~= "/status" and request.path ~= "/heartbeat" then
    return { status = 404, json = { error = "unknown" } }
  end
  return { status = 200, json = state_of(self) }
end

--- The guest's control: → response of the replaced HTTP, or nil when the machine is silent.
function guest:control(request)
  if not self:runs() then return nil end
  local answer = answered(self, request)
  self.place.asked(request, answer.status == 200)
  return answer
end

-- The machine fetches something from the Internet.
local function fetched(self, bytes)
  if self:runs() then self.place.world.ledger:traffic(self.instance.id, "bwd", bytes) end
end

local function pull(self, name)
  local faults = self.place.world.faults
  local known = models.find(name)
  local digest, total, list, bytes = "sha256:" .. ("ab"):rep(32), 18e9, {}, known and known.bytes or 18e9
  local function add(value, after) list[#list + 1] = { data = json.encode(value) .. "\n", after = after or 0 } end
  add { status = "pulling manifest" }
  if faults:take("pull.error") then
    add({ error = "max retries exceeded: unexpected EOF" }, 2)
    return { status = 200, pieces = list }
  end
  if faults:take("pull.stall") then return { hang = true } end
  for part = 1, 4 do
    add({ status = "pulling ab", digest = digest, total = total, completed = total * part / 4 }, 5)
    self.sim:at(5 * part, function() fetched(self, bytes / 4) end)
  end
  add({ status = "success" }, 2)
  self.models[name] = true
  return { status = 200, pieces = list }
end

--- The engine behind the tunnel.
function guest:engine(request, counted)
  if not self:runs() or self.ending then return nil end
  if counted then self.traffic = now(self) end
  local body = request.body ~= "" and json.decode(request.body) or {}
  local path, names = request.path, {}
  for name in pairs(self.models) do -- order: free
    names[#names + 1] = { name = name, model = name, size = 1, size_vram = self.no_gpu and 0 or 1, context_length = 32768 }
  end
  if path == "/api/version" then return { json = { version = "0.33.0" } } end
  if path == "/api/tags" then return { json = { models = json.array(names) } } end
  if path == "/api/ps" then return { json = { models = json.array(self.loaded and names or {}) } } end
  if path == "/api/pull" then return pull(self, body.model) end
  if not self.models[body.model] then return { status = 404, json = { error = "model not found" } } end
  local unused = not self.loaded and not self.no_gpu and self.place.world.faults:take("gpu.unused")
  if unused then self.no_gpu, self.card_says = true, unused.message end
  if self.card_says then return { status = 500, json = { error = self.card_says } } end
  self.loaded = true
  if path == "/api/generate" then return { json = { model = body.model, done = true, done_reason = "load" }, delay = 3 } end
  return { json = { done = true, eval_count = 16, eval_duration = 3e8, message = { role = "assistant", content = "Hello" } }, delay = 1 }
end

return guest
