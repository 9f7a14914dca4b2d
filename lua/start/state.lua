-- SPDX-License-Identifier: MIT
-- What a start knows, each field declared here: nothing else can be read or written.
local clock = require "base.clock"

local state = {}

-- What was wanted and agreed to, and what was offered for it. Each field is written once.
local PLAN = {
  want = true,            -- of start.want
  consent = true,         -- of money.price_limit: what a yes covers
  dry_run = true,         -- does it end with the choice?
  rehearses = true,       -- is the choice, in a dry run, made as if it were to be rented?
  keep_on_failure = true, -- is a machine that fails kept?
  ready_within = true,    -- seconds from the first create until READY, or nil
  ask = true,             -- function(candidate, agreed total|nil, credit|nil) → bool: puts it to the person
  chosen = true,          -- function(candidate, credit|nil): told of the first choice
  ui = true,              -- screen (ui.progress)
  journal = true,         -- of this home, under home.lock unless it is a dry run
  engine = true,          -- script of the model server
  client_public = true,   -- this home's public key of the tunnel
  collected = true,       -- of start.offers.collect
  ordered = true,         -- candidates in the order in which they are tried
  rejected = true,        -- { {candidate=, reason=}, … }
}

-- One machine. A fresh one for each create that was bound; none while nothing of this start is rented.
local ATTEMPT = {
  candidate = true, -- what was rented
  provider = true,  -- of money.provider_of
  spec = true,      -- of start.machine.prepare: what it is made of, secrets too
  session = true,   -- of money.rent: token, id and prices
  endpoint = true,  -- where its tunnel is reached: { host, port, … }
  priced = true,    -- was its price compared with what was agreed?
  pulled = true,    -- seconds of the model's download
  guard = true,     -- the guard's own words, once it is armed
  health = true,    -- of start.model.verify
}

-- What was tried, and what was learnt of the clouds by that.
local COUNTERS = {
  next = true,         -- index in plan.ordered of the candidate that is tried next
  machines = true,     -- that were rented, this one counted
  took = true,         -- seconds of the last run of each step, without the time that a person took to answer
  began = true,        -- when the step of this moment began, by the monotonic clock
  answering = true,    -- seconds of it that a person took
  unreached = true,    -- machines in a row that could not be reached
  ready_by = true,     -- when plan.ready_within is over, by the monotonic clock
  rated = true,        -- creates in a row that came too fast
  odd = true,          -- creates refused for other reasons than capacity
  refusals = true,     -- { {candidate=, reason=, kind=}, … }
  dead = true,         -- clouds that take nothing more from us: name → true
  failed_hosts = true, -- "cloud host" → true
  accounts = true,     -- cloud → id of the account in use
  balances = true,     -- cloud → its credit in dollars, where the cloud tells
}

local START = { plan = true, attempt = true, counters = true }

-- A table of these fields only. once: what a field holds stays.
local function declared(what, fields, once)
  local values = {}
  local function check(name)
    if not fields[name] then
      error(("the %s of a start has no field %s"):format(what, tostring(name)), 3)
    end
  end
  return setmetatable({}, {
    __index = function(_, name)
      check(name)
      return values[name]
    end,
    __newindex = function(_, name, value)
      check(name)
      if once and values[name] ~= nil then
        error(("the %s of a start keeps its %s"):format(what, name), 2)
      end
      values[name] = value
    end,
  })
end

--- A start that has not begun yet. → { plan, counters, attempt = nil }
function state.new()
  local start, counters = declared("state", START), declared("counters", COUNTERS)
  start.plan, start.counters = declared("plan", PLAN, true), counters
  counters.next, counters.machines, counters.unreached, counters.rated, counters.odd = 1, 1, 0, 0, 0
  counters.took, counters.began, counters.answering = {}, 0, 0
  counters.refusals, counters.dead, counters.failed_hosts = {}, {}, {}
  counters.accounts, counters.balances = {}, {}
  return start
end

--- What the step of this moment took so far, in seconds, without the time that a person took to answer.
function state.passed(counters)
  return math.floor((clock.now() - counters.began - counters.answering) * 10 + 0.5) / 10
end

--- A machine that was just bound.
function state.attempt(candidate, provider, spec, session)
  local attempt = declared("attempt", ATTEMPT)
  attempt.candidate, attempt.provider, attempt.spec, attempt.session = candidate, provider, spec, session
  return attempt
end

return state
