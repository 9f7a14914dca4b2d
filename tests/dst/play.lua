-- SPDX-License-Identifier: MIT
-- One history: the product's own Lua in a replaced world (tests/lua/fakehost.lua) with a simulated cloud
-- (tests/cloudsim), machines (dst/guest.lua) and a judge (dst/judge.lua). One seed, one history.
local clock = require "base.clock"
local clouds = require "dst.clouds"
local fail = require "base.fail"
local files = require "base.files"
local guests = require "dst.guest"
local inprocess = require "cloudsim.inprocess"
local judges = require "dst.judge"
local loader = require "sandbox.world"
local roads = require "dst.roads"
local sink = require "dst.sink"
local sorted = require "base.sorted"
local worlds = require "cloudsim.world"

local HOME = "/home/user/.continueplz"
local PORTS = { [7002] = "registry" }
for _, name in ipairs(clouds.list) do PORTS[clouds[name].port] = name end
local KEY = "canary-account-key-5f1c2a9e7b"
local OTHER_KEY = "canary-account-key-of-somebody-else"

local root = files.dirname(files.dirname(files.absolute(loader.script)))
local loaded = {}
local function load(name)
  if loaded[name] == nil then
    loaded[name] = loader.run_file(files.join(root, "lua", name .. ".lua"), { load })
  end
  return loaded[name]
end
local fake = load "fakehost"

-- total: counts what is ordered in every history (dst/tally.lua)
local play = { HOME = HOME, KEY = KEY, total = nil, NOT_HERE = "this cloud has no such fault" }
local methods = {}
play.__index = methods
methods.KEY = KEY

-- What a crash can cut in two: primitives that change something outside of the process.
local ACTS = {}
for name in ([[state.append state.write state.remove state.rename state.mkdir http.start net.connect
  net.listen process.spawn process.kill tunnel.open]]):gmatch("%S+") do
  ACTS[name] = true
end
play.ACTS = ACTS

local function pump(self)
  local wait = self.world:next_event()
  if not wait then return end
  local at = self.sim.now + wait
  if self.pumped and self.pumped <= at and self.pumped > self.sim.now then
    return
  end
  self.pumped = at
  self.sim:at(wait, function()
    self.pumped = nil
    self.world:tick()
    for _, each in sorted(self.family) do each.judge:billing() end
    pump(self)
  end)
end

-- A machine asks its cloud. → the answer, or nil when none comes
local function by_machine(self, instance, request)
  self:trace(("machine %s %s %s:%s%s"):format(instance.id, request.method, request.host,
    tostring(request.port), request.path))
  local face = PORTS[request.port]
  if not face then return nil end
  self.judge:by_machine(instance, request)
  local answer = inprocess.answer(face, request, self.world)
  for _, each in sorted(self.family) do each.judge:billing() end
  pump(self)
  return answer.status and answer or nil
end

local function machine(self, instance)
  local made = self.guests[instance.id]
  if not made then
    made = guests.new({ sim = self.sim, world = self.world,
      send = function(...) return by_machine(self, ...) end, killed = function() self:met "guard killed" end,
      guarded = function() self:trace("guard ends " .. instance.id) end, asked = function(request, taken)
        for _, each in sorted(self.family) do each.judge:control(instance, request, taken) end
      end,
      says = function(state)
        for name, value in sorted(self.guard_says or {}) do state[name] = value end
        return state
      end }, instance)
    self.guests[instance.id] = made
    self.guest_order[#self.guest_order + 1] = made
  end
  return made
end

-- Headers with the true time, whatever this computer's clock says.
-- The replaced world begins in November of 2026.
local function dated(sim, headers)
  local copy, iso = {}, clock.iso(math.floor(sim.now + fake.EPOCH - fake.START))
  for name, value in sorted(headers or {}) do copy[name] = value end
  copy.Date = iso:find("^2026%-11") and ("Fri, %s Nov 2026 %s GMT"):format(iso:sub(9, 10),
    iso:sub(12, 19)) or nil
  return copy
end

local function http(self, request, process)
  self:trace(("%s %s %s:%d%s"):format(process.name or "?", request.method, request.host, request.port,
    request.path))
  local face = PORTS[request.port]
  if face then
    if self.offline then
      return { error = "Could not connect", code = "connect", sent = false }
    end
    self.judge:request(face, request)
    local answer = self.says and face == self.name and self.says(request)
      or inprocess.answer(face, request, self.world)
    answer.headers = dated(self.sim, answer.headers)
    self.judge:billing()
    pump(self)
    return answer
  end
  self.judge:foreign(request)
  if request.port == sink.PORT and not self.offline then
    local answer = sink.answer(self)
    sink.posted(self.judge, request, answer)
    self.hook_failed = self.hook_failed or answer.status ~= 204
    return answer
  end
  local road = self.roads[request.port]
  if not road then
    return { error = "connection refused", code = "connect", sent = false }
  end
  local guest = road.handle.guest()
  local inner = guest and guest:inner(road.remote_port)
  if not inner or inner == "control" then return { hang = true } end
  return guest:engine(request, inner == "counted") or { hang = true }
end

-- A call's arguments in one line that is the same in every run.
local function told(first, second)
  if type(first) ~= "table" then
    return tostring(first) .. (type(second) == "string" and " " .. second or "")
  end
  return tostring(first.url or first.unix or first.port or first.argv and table.concat(first.argv, " ")
    or first.endpoint_port)
end

-- What a disk refuses that cannot be written any more.
local WRITES = { ["state.append"] = true, ["state.write"] = true, ["state.lock"] = true,
  ["state.replace"] = true, ["state.remove"] = true, ["state.mkdir"] = true }

local function hook(self, name, process, ...)
  if self.read_only and WRITES[name] then
    self.judge.was_unwritable, self.was_read_only = true, true
    return { code = "permissions", error = tostring((...)) .. ": Read-only file system" }
  end
  if not ACTS[name] then return end
  self:trace(("%s %s %s"):format(process.name, name, told(...)))
  self.judge:primitive(name, process, ...)
  local full = self.full
  if full and full > 0 and (name == "state.append" or name == "state.write") then
    self.full, self.judge.was_unwritable = full - 1, true
    return { code = "full", error = tostring((...)) .. ": No space left on device" }
  end
  local aim = self.aim
  if not aim or (aim.name and aim.name ~= process.name) or (aim.process and aim.process ~= process) then
    return
  end
  aim.count = (aim.count or 0) + 1
  if aim.names then aim.names[aim.count], aim.targets[aim.count] = name, name .. " " .. told(...) end
  if aim.count ~= aim.at then return end
  aim.hit = name
  self:trace("killed " .. aim.how .. " " .. name)
  if aim.all then
    for _, other in ipairs(self.sim.processes) do
      if other ~= process then other:kill() end
    end
  end
  if aim.how == "torn" then
    return { kill = "torn", bytes = (aim.at * 37) % #select(2, ...) }
  end
  return { kill = aim.how }
end

-- Writes .env with this key, or with none when the key is lent by the commands' own environment.
local function settings(self, key)
  local lines = self.cloud.environment(key)
  if self.lent then table.remove(lines, 1) end
  for _, line in ipairs(self.more) do
    for i = #lines, 1, -1 do
      if lines[i]:match("^[^=]+") == line:match("^[^=]+") then table.remove(lines, i) end
    end
    lines[#lines + 1] = line
  end
  table.move({ "REGISTRY_URL=http://127.0.0.1:7002", "ALERT_WEBHOOK_URL=" .. sink.URL, "" }, 1, 3,
    #lines + 1, lines)
  self.sim.disk[self.HOME .. "/.env"] = { data = table.concat(lines, "\n"), mode = 384, mtime = 0 }
end

local function child(options)
  local home, words = options.argv[3], { table.unpack(options.argv, 4) } -- exe -C HOME agent
  local env = {}
  for _, line in ipairs(options.env) do
    local name, value = line:match("^([^=]*)=(.*)$")
    env[name] = value
  end
  return function(require) return require("cli").main(words) end,
    { name = words[1], bare = true, daemon = true, home = home, env = env }
end

local function foreign_machines(self, labels)
  local world = self.world
  for _, label in ipairs(labels) do
    self.foreign[#self.foreign + 1] = self.cloud.rent(world, KEY, label, #self.foreign)
    self.sim.now = self.sim.now + 20
  end
end

-- Which home's play a process of the world belongs to.
local function owner(self, process) return self.family[process and process.home] or self end

-- The world: its computer, its clouds, and what machines do.
local function open_world(self, options)
  self.sim = fake.new { seed = "dst" .. options.seed, assets = { ["asset/guest.gz"] = "guest program\n" },
    http = function(request, process) return http(owner(self, process), request, process) end,
    hook = function(name, process, ...) return hook(owner(self, process), name, process, ...) end,
    spawn = function(spawned) return child(spawned) end,
    tunnel = function(wanted, process) return roads.open(self, wanted, process) end }
  local sim = self.sim
  function sim.answering(wanted) return roads.takes(self, wanted.port) end
  self.world = worlds.new { now = function() return sim.now + fake.EPOCH end, seed = options.seed,
    keys = { KEY }, credit = options.credit or 500 }
  local hooks, world = self.world.hooks, self.world
  hooks.start = function(instance)
    if instance.on_node then return {} end -- one of several servers: nothing runs in it
    local words = instance.command and #instance.command > 0 and instance.command or instance.args
    if words and words[#words - 1] ~= "-c" then return {} end -- somebody else's
    return machine(self, instance):start(world.random)
  end
  hooks.forward = function(instance, forward)
    if self.guests[instance.id] then self.guests[instance.id]:forward(forward) end
  end
  hooks.remap = function(instance)
    self:met "ports moved"
    return machine(self, instance):remap(world.random)
  end
  hooks.freeze = function(instance) -- its programs do nothing any more, and nobody is told
    self:met "machine dead"
    if self.guests[instance.id] then self.guests[instance.id]:stop() end
  end
  hooks.stop = function(instance)
    if instance.on_node then return end
    if not instance.destroyed then self:met "machine dead" end
    if self.guests[instance.id] then self.guests[instance.id]:stop() end
  end
end

local SHARED = { "sim", "world", "lines", "guests", "guest_order", "roads", "orders", "foreign", "family",
  "seed", "name", "cloud" }

--- A fresh world. options: seed, cloud (or the first), foreign (other people's machines in the account), lent
-- (the key is in the environment of the commands and not in .env), settings (lines of .env, instead of those
-- of the same names), credit (dollars), webhook (how it is until everything works again: "down",
-- "refuses" or "hangs"). Its field `says`: function(request) → what the cloud answers instead, or nil
function play.new(options)
  local self = setmetatable({ seed = options.seed, lines = {}, guests = {}, guest_order = {}, roads = {},
    orders = {}, foreign = {}, carried = {}, slept = 0, family = {}, same = { [HOME] = true }, key = KEY,
    lent = options.lent, more = options.settings or {}, HOME = HOME, webhook = options.webhook,
    name = options.cloud or clouds.list[1], cloud = clouds[options.cloud or clouds.list[1]] }, play)
  open_world(self, options)
  self.judge = judges.new(self)
  self.family[HOME] = self
  self.sim.disk[HOME] = { dir = true }
  settings(self, KEY)
  self.poor = options.credit
  if play.total then play.total:next(self) end
  if options.foreign ~= false then
    foreign_machines(self, { "somebody else's", "cplz-00000000-0123456789ab" })
  end
  pump(self)
  return self
end

--- Another home of the same user, on the same computer and account. Its judge is its own: what the other
-- homes own is foreign to it.
function play.beside(first, home)
  local self = setmetatable({ slept = 0, key = KEY, more = first.more, HOME = home, carried = {},
    same = { [home] = true } }, play)
  for _, name in ipairs(SHARED) do self[name] = first[name] end
  self.judge = judges.new(self)
  self.family[home] = self
  self.sim.disk[home] = { dir = true }
  settings(self, KEY)
  return self
end

function methods:trace(line)
  self.lines[#self.lines + 1] = ("%.2f %s"):format(self.sim.now, line)
end

--- The hash of everything that happened.
function methods:hash()
  return require("base.keys").sha256_hex(table.concat(self.lines, "\n"))
end

--- Is it a fault that the cloud cannot have?
function methods:never(name) return self.cloud.never ~= nil and self.cloud.never[name] == true end

--- Orders a fault of the simulated cloud. @raise play.NOT_HERE where it cannot have it
function methods:fault(order)
  if self:never(order.name) then fail.raise("usage", play.NOT_HERE) end
  self.orders[#self.orders + 1] = assert(self.world.faults:add(order))
  self:trace("fault " .. order.name)
end

--- Counts what just happens, and what is to happen to a command besides the cloud's faults, and that it did.
function methods:met(name) self.orders[#self.orders + 1] = { name = name, happened = true } end
function methods:ordered(name) self.orders[#self.orders + 1] = { name = name } end

function methods:happened(name)
  for i = #self.orders, 1, -1 do
    if self.orders[i].name == name then
      self.orders[i].happened = true
      return
    end
  end
end

--- More machines of other people than a page of a list holds.
function methods:crowd()
  local labels = {}
  for i = 1, 30 do labels[i] = "somebody else's, number " .. i end
  foreign_machines(self, labels)
end

--- From now on .env has the key of another account.
function methods:other_account()
  self:met "another account"
  self.world:account { id = 777, username = "eve", email = "eve@example.org", credit = 500,
    keys = { OTHER_KEY } }
  settings(self, OTHER_KEY)
end

--- The account gets another key; the old one is refused from now on, also when a machine holds it.
function methods:rotate()
  self:met "key changed"
  local world = self.world
  self.key = KEY .. "-rotated"
  world:add_key(world.accounts[48211], self.key, { kind = "account" })
  world.keys[KEY] = nil
  settings(self, self.key)
end

--- .env still holds the key that the account no longer knows.
function methods:old_key() settings(self, KEY) end

--- This computer is in another network, which keeps tunnels away: carriers = { udp=, tcp= }
function methods:eats(carriers)
  self.eaten, self.was_eaten = carriers, true
end

--- Everything works again.
function methods:heal()
  settings(self, self.key)
  self.world.faults:clear()
  if self.cloud.restock then self.cloud.restock(self.world) end
  self.full, self.aim, self.offline, self.read_only, self.webhook = nil, nil, nil, nil, nil
  self.eaten = nil
end

require "dst.processes"(methods)

return play
