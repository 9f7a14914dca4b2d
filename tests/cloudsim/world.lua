-- SPDX-License-Identifier: MIT
--- One simulated world: accounts, keys, offers, machines, money, ordered faults. It has no clock and does no I/O: `now` is
--- injected, and whoever runs real machines sets `hooks`. Everything that happens later is an event with its exact time;
--- `tick` makes due events happen in order, so the ledger does not depend on how often anybody looks.
local sorted = require "base.sorted"
local faults = require "cloudsim.faults"
local ledger = require "cloudsim.ledger"
local offers = require "cloudsim.offers"
local random = require "cloudsim.random"

local world = {}
world.__index = world

world.REQUESTS = 20000
world.DEFAULT_KEY = "5a1e0c57d3b84f6c9e2a7b10f4d86c3592e7ab41c0d95f38e6b27410a9cd83f2"

local SETTINGS = {
  time_scale = 1,            -- divides every simulated delay
  boot_seconds = 20,         -- from create to running
  resume_seconds = 8,        -- from start to running when the image is there
  stop_seconds = 2,
  rate_limits = true,
  gone = "null",             -- what GET of a destroyed machine answers: "null", "no_such_instance" or "not_found"
  scoped_status = 401,       -- what a machine's own key gets elsewhere
  low_bid_status = 400,
  funds_status = 400,
  min_credit = 0,
  charge_delay = 0,          -- seconds until a charge shows
  stopped_disk_factor = 1.25,
  exited_gpu = false,        -- true: the GPU bills on after the process ended
  pull_bytes_per_second = 250e6,
  tokens_per_second = 60,
}

--- options: now = function → unix seconds (required), seed, time_scale, keys (of account 48211), credit, settings,
--- offers (rows), extra_offers.
function world.new(options)
  local self = setmetatable({}, world)
  self.options = options
  self.clock = assert(options.now, "a world needs now")
  self.offset = 0
  self.hooks = {}
  self:reset()
  return self
end

--- Back to the beginning: everything that existed is forgotten. Machines must have been ended before.
function world:reset()
  local options = self.options
  self.random = random.new(options.seed or 7)
  self.settings = {}
  for name, value in sorted(SETTINGS) do
    self.settings[name] = value
  end
  for name, value in sorted(options.settings or {}) do
    assert(SETTINGS[name] ~= nil, "no setting is called " .. name)
    self.settings[name] = value
  end
  self.settings.time_scale = options.time_scale or self.settings.time_scale
  self.time = self.clock() + self.offset
  self.accounts, self.keys = {}, {}
  self.instances, self.gone, self.order = {}, {}, {}
  self.events, self.event_number = {}, 0
  self.requests, self.request_count, self.logs, self.last_call, self.recent = {}, 0, {}, {}, {}
  self.next_id, self.next_ask = 30119482, 21874410
  self.ledger, self.faults = ledger.new(), faults.new()
  self:account{id = 48211, username = "ada", email = "ada@example.org", credit = options.credit or 18.42,
    keys = options.keys or {world.DEFAULT_KEY}}
  self.offers = offers.build(self, options.offers, options.extra_offers)
end

--- Adds an account {id, username, email, credit, keys}. → account
function world:account(fields)
  local account = {id = fields.id, username = fields.username, email = fields.email, deposit = fields.credit or 0,
    ssh_keys = {}, next_ssh = 71001, next_key = 90231, since = self.time}
  self.accounts[account.id] = account
  for _, key in ipairs(fields.keys or {}) do
    self:add_key(account, key, {kind = "account"})
  end
  return account
end

function world:add_key(account, text, fields)
  local row = {id = account.next_key, text = text, account = account.id, kind = fields.kind, instance = fields.instance,
    permissions = fields.permissions, name = fields.name}
  account.next_key = account.next_key + 1
  self.keys[text] = row
  return row
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
  local event = {at = when, n = self.event_number, fn = fn, args = table.pack(...)}
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
  if fn then
    return fn(...)
  end
  return nil
end

--- Instances in order of creation; `account` limits.
function world:each(account)
  local found = {}
  for _, id in ipairs(self.order) do
    local instance = self.instances[id]
    if instance and (account == nil or instance.account == account) then
      found[#found + 1] = instance
    end
  end
  return found
end

function world:offer(id)
  for _, offer in ipairs(self.offers) do
    if offer.id == id then
      return offer
    end
  end
  return nil
end

function world:fresh_id()
  local id = self.next_id
  self.next_id = id + self.random:int(1, 40)
  return id
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
