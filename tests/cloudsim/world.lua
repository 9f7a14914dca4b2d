-- SPDX-License-Identifier: MIT
--- One simulated world: accounts, keys, money, ordered faults, and what each face holds. It has no clock and
--- does no I/O: `now` is injected, and whoever runs real machines sets `hooks`. Everything that happens later
--- is an event with its exact time; `tick` makes due events happen in order, so the ledger does not depend on
--- how often anybody looks.
local faces = require "cloudsim.faces"
local faults = require "cloudsim.faults"
local ledger = require "cloudsim.ledger"
local random = require "cloudsim.random"
local sorted = require "base.sorted"

local world = {}
world.__index = world

world.REQUESTS = 20000
world.DEFAULT_KEY = "5a1e0c57d3b84f6c9e2a7b10f4d86c3592e7ab41c0d95f38e6b27410a9cd83f2"

-- What is alike everywhere; the faces have more.
local SETTINGS = {
  time_scale = 1,            -- divides every simulated delay
  boot_seconds = 20,         -- from create to running
  resume_seconds = 8,        -- from start to running when the image is there
  rate_limits = true,
  public_ip = false,         -- or the address that every machine is said to have
}
for _, face in ipairs(faces.list) do
  for name, value in sorted(face.settings or {}) do
    assert(SETTINGS[name] == nil, face.name .. " has a setting that was there: " .. name)
    SETTINGS[name] = value
  end
end

--- options: now = function → unix seconds (required), seed, time_scale, keys (good at every cloud), NAME_keys
--- (good at that cloud alone, and then no others are), credit, settings; and what the faces take.
function world.new(options)
  local self = setmetatable({}, world)
  self.options = options
  self.clock = assert(options.now, "a world needs now")
  self.offset = 0
  self.hooks = {}
  self:reset()
  return self
end

local function settings_of(options)
  local settings = {}
  for name, value in sorted(SETTINGS) do
    settings[name] = value
  end
  for name, value in sorted(options.settings or {}) do
    assert(SETTINGS[name] ~= nil, "no setting is called " .. name)
    settings[name] = value
  end
  settings.time_scale = options.time_scale or settings.time_scale
  return settings
end

-- The keys of the owner. A cloud that has keys of its own takes no others.
local function give_keys(self)
  local options, own = self.options, {}
  for _, face in ipairs(faces.clouds) do
    own[face.name] = options[face.name .. "_keys"] and true
  end
  for _, key in ipairs(options.keys or { world.DEFAULT_KEY }) do
    self:add_key(self.owner, key, { kind = "account", not_at = own })
  end
  for _, face in ipairs(faces.clouds) do
    for _, key in ipairs(options[face.name .. "_keys"] or {}) do
      self:add_key(self.owner, key, { kind = "account", cloud = face.name })
    end
  end
end

-- What each face holds is in the world under the face's name. After a reset the stock is as before; what is
-- made with it is not.
local function open_faces(self)
  for _, face in ipairs(faces.list) do
    if face.open then
      assert(self.resets > 0 or self[face.name] == nil, "a world has another thing called " .. face.name)
      self[face.name] = face.open(self, self[face.name])
    end
  end
  if self.resets > 0 then
    self.seed = self.seed + self.resets * 1000003
    self.random = random.new(self.seed)
    for _, face in ipairs(faces.list) do
      if face.sow then
        face.sow(self)
      end
    end
  end
end

--- Back to the beginning: everything that existed is forgotten, but no id of a machine comes back. Machines
--- must have been ended before.
function world:reset()
  local options = self.options
  self.resets = (self.resets or -1) + 1
  self.seed = options.seed or 7
  self.random = random.new(self.seed)
  self.settings = settings_of(options)
  self.time = self.clock() + self.offset
  self.accounts, self.keys, self.last_call = {}, {}, {}
  self.events, self.event_number, self.requests, self.request_count = {}, 0, {}, 0
  self.ledger, self.faults = ledger.new(), faults.new()
  self.owner = self:account { id = 48211, username = "ada", email = "ada@example.org",
    credit = options.credit or 18.42 }
  give_keys(self)
  open_faces(self)
end

--- Adds an account {id, username, email, credit, keys (good at every cloud)}. → account
function world:account(fields)
  local account = { id = fields.id, username = fields.username, email = fields.email,
    deposit = fields.credit or 0, ssh_keys = {}, next_ssh = 71001, next_key = 90231, since = self.time }
  self.accounts[account.id] = account
  for _, key in ipairs(fields.keys or {}) do
    self:add_key(account, key, { kind = "account" })
  end
  return account
end

--- Adds a key: fields kind ("account", or "instance" of that `instance`), permissions, name, cloud (the only
--- one where it is good), not_at (a set of those where it is not). → key
function world:add_key(account, text, fields)
  local row = { id = account.next_key, text = text, account = account.id, kind = fields.kind,
    instance = fields.instance, permissions = fields.permissions, name = fields.name, cloud = fields.cloud,
    not_at = fields.not_at or {} }
  account.next_key = account.next_key + 1
  self.keys[text] = row
  return row
end

--- The key that is good at this cloud, or nil.
function world:key_at(cloud, text)
  local key = self.keys[text]
  return key and (key.cloud == nil or key.cloud == cloud) and not key.not_at[cloud] and key or nil
end

--- Spendable dollars of an account, right now.
function world:credit(account)
  return account.deposit - self.ledger:spent(account.id, self.time)
end

--- Seconds of the simulated world divided by the scale.
function world:scaled(seconds)
  return seconds / self.settings.time_scale
end

--- Has `fn(world, ...)` called `seconds` (scaled) after the present moment of the world.
function world:after(seconds, fn, ...)
  self:at(self.time + self:scaled(seconds), fn, ...)
end

function world:at(when, fn, ...)
  self.event_number = self.event_number + 1
  local event = { at = when, n = self.event_number, fn = fn, args = table.pack(...) }
  local place = #self.events + 1
  while place > 1 and self.events[place - 1].at > when do
    place = place - 1
  end
  table.insert(self.events, place, event)
end

--- Lets everything happen that is due.
function world:tick()
  local now = self.clock() + self.offset
  while self.events[1] and self.events[1].at <= now do
    local event = table.remove(self.events, 1)
    self.time = math.max(self.time, event.at)
    event.fn(self, table.unpack(event.args, 1, event.args.n))
  end
  self.time = math.max(self.time, now)
end

--- Seconds until the next event, or nil.
function world:next_event()
  local event = self.events[1]
  return event and math.max(0, event.at - (self.clock() + self.offset))
end

--- Moves the world's clock forward, event by event.
function world:advance(seconds)
  self.offset = self.offset + seconds
  self:tick()
end

function world:hook(name, ...)
  local fn = self.hooks[name]
  if fn then return fn(...) end
  return nil
end

--- Keeps one line per request for the control address, the last 20000 of them; secrets never get here.
function world:note(entry)
  local number = self.request_count + 1
  entry.n, entry.at = number, self.time
  self.request_count, self.requests[number] = number, entry
  self.requests[number - world.REQUESTS] = nil
end

--- The kept lines from number `first` on.
function world:noted(first)
  local list = {}
  for number = math.max(first, self.request_count - world.REQUESTS + 1, 1), self.request_count do
    list[#list + 1] = self.requests[number]
  end
  return list
end

return world
