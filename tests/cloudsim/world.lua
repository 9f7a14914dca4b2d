-- SPDX-License-Identifier: MIT
--- One simulated world: accounts, keys, offers, machines, money, ordered faults. It has no clock and does no
--- I/O: `now` is injected, and whoever runs real machines sets `hooks`. Everything that happens later is an
--- event with its exact time; `tick` makes due events happen in order, so the ledger does not depend on how
--- often anybody looks.
local sorted = require "base.sorted"
local faults = require "cloudsim.faults"
local lambda_state = require "cloudsim.lambda.state"
local ledger = require "cloudsim.ledger"
local offers = require "cloudsim.vast.offers"
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
  public_ip = false,         -- or the address that every machine is said to have
  -- what GET of a destroyed machine answers: "null", "no_such_instance" or "not_found"
  gone = "null",
  scoped_status = 401,       -- what a machine's own key gets elsewhere
  low_bid_status = 400,
  funds_status = 400,
  min_credit = 0,
  charge_delay = 0,          -- seconds until a charge shows
  stopped_disk_factor = 1.25,
  exited_gpu = false,        -- true: the GPU bills on after the process ended
  pull_bytes_per_second = 250e6,
  tokens_per_second = 60,
  -- Lambda: what facts/lambda.md §2.12 does not know can be had either way
  lambda_429 = "json",                    -- the body: "json", "empty" or "html"
  lambda_retry_after = false,             -- or seconds
  -- calls that may come at once; one more each second. Unmodified clients make 4 (dstack)
  lambda_burst = 5,
  lambda_extra_fields = true,             -- workspace_id, is_reserved
  lambda_architecture = true,             -- specs.architecture, on every recorded type
  lambda_missing_status = 404,            -- launch with an unknown key, type, image, ruleset: 404 or 400
  lambda_duplicate_status = 400,
  lambda_early_terminate = "refuse",      -- of a machine that has not launched, or "accept"
  lambda_second_terminate = "not_found",  -- "unknown" (500 global/unknown) or "ok"
  lambda_multi_terminate = "all",         -- one bad id fails the call; "partial": the good ones end
  lambda_terminating_polls = 2,           -- looks that show "terminating",
  lambda_terminating_seconds = 60,        -- or its end without any
  lambda_terminated = "gone",             -- then 404 and not listed; "get" still answers; "listed" as well
  lambda_bill_until = "request",          -- or "terminated"
  lambda_shutdown = "active",             -- status after a shutdown inside: "active", "unhealthy", …
  lambda_firewall = "additive",           -- global rules beside attached rulesets; "replace": instead
  lambda_us_south_1 = "open",             -- or "closed": rules do not apply there
  lambda_instance_quota = 100,
  lambda_ruleset_quota = 50,
  lambda_page = 50,                       -- audit events per page
}

--- options: now = function → unix seconds (required), seed, time_scale, keys (of account 48211, good at every
--- cloud), lambda_keys (then `keys` are Vast's alone), credit, settings, offers (rows), extra_offers,
--- lambda_types (rows), lambda_file_systems (rows).
function world.new(options)
  local self = setmetatable({}, world)
  self.options = options
  self.clock = assert(options.now, "a world needs now")
  self.offset = 0
  self.hooks = {}
  self:reset()
  return self
end

--- Back to the beginning: everything that existed is forgotten, but no id of a machine comes back. Machines
--- must have been ended before.
function world:reset()
  local options = self.options
  self.resets = (self.resets or -1) + 1
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
  self.next_id, self.next_ask = self.next_id or 30119482, 21874410
  self.ledger, self.faults = ledger.new(), faults.new()
  self:account { id = 48211, username = "ada", email = "ada@example.org", credit = options.credit or 18.42,
    keys = options.keys or { world.DEFAULT_KEY }, cloud = options.lambda_keys and "vast" }
  for _, key in ipairs(options.lambda_keys or {}) do
    self:add_key(self.accounts[48211], key, { kind = "account", cloud = "lambda" })
  end
  self.offers = offers.build(self, options.offers, options.extra_offers)
  self.lambda = lambda_state.new(self)
  if self.resets > 0 then -- the stock is as before; what is made is not
    self.random = random.new((options.seed or 7) + self.resets * 1000003)
    self.lambda.random = random.new((options.seed or 7) + self.resets * 1000003 + 1)
  end
end

--- Adds an account {id, username, email, credit, keys, cloud (the only one where the keys are good)}. →
--- account
function world:account(fields)
  local account = { id = fields.id, username = fields.username, email = fields.email, deposit = fields.credit
    or 0, ssh_keys = {}, next_ssh = 71001, next_key = 90231, since = self.time }
  self.accounts[account.id] = account
  for _, key in ipairs(fields.keys or {}) do
    self:add_key(account, key, { kind = "account", cloud = fields.cloud or nil })
  end
  return account
end

function world:add_key(account, text, fields)
  local row = { id = account.next_key, text = text, account = account.id, kind = fields.kind,
    instance = fields.instance, permissions = fields.permissions, name = fields.name, cloud = fields.cloud }
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
