-- SPDX-License-Identifier: MIT
-- What a start would do now, without doing it: the machine that would be taken, its cost, what would
-- be sent to its cloud, and what stands in the way. Nothing is written down that counts as money, and no
-- request leaves that could change anything (http.rehearse).
local conceal = require "base.conceal"
local fail = require "base.fail"
local http = require "base.http"
local json = require "base.json"
local log = require "base.log"
local url = require "base.url"
local exitcodes = require "facts.exitcodes"
local cost = require "home.cost"
local timing = require "home.timing"
local create_limit = require "money.create_limit"
local guard_policy = require "money.guard_policy"
local price_limit = require "money.price_limit"
local provider_of = require "money.provider_of"
local recover = require "money.recover"
local world = require "sandbox.world"
local machine = require "start.machine"
local named = require "start.named"

local LONGEST = 120  -- bytes of a text of a body that is shown whole
local HEAD = 40      -- of the first line of a longer one, where it is shown
-- No token of a machine: those are made with the record of an intent, the first also makes the folder's id.
local NO_HOME, NO_TOKEN = "cplz-00000000-", "000000000000"

local preview = {}

-- A text of a body: scripts by their first line and length, as what they are made of is secret.
local function shown_text(text)
  if #text <= LONGEST then return conceal.text(text) end
  local line = conceal.text(text):match("^([\32-\126]*)\n")
  local head = line and #line <= HEAD and line .. "… " or ""
  return ("%s(%d bytes)"):format(head, #text)
end

local function shown_value(name, value)
  if conceal.hides(name, value) then return conceal.HIDDEN end
  if type(value) == "string" then return shown_text(value) end
  if type(value) ~= "table" or value == json.null then return value end
  local copy = setmetatable({}, getmetatable(value))
  for key, each in pairs(value) do copy[key] = shown_value(key, each) end -- order: free
  return copy
end

--- A body of a request without secrets: a value, or a text where it is no JSON. → nil: it has none
function preview.shown_body(body)
  if not body or body == "" then return nil end
  local value = json.decode(body, true)
  return shown_value(nil, type(value) == "table" and value or body)
end

-- The row of a card's `around` for a request, or nil.
local function around_of(provider, request)
  local parts = url.parse(request.url)
  for _, row in ipairs(provider.around or {}) do
    if row[1] == request.method and parts and parts.path:find(row[2]) then return row end
  end
end

local function shown_request(provider, request, rents)
  local row = around_of(provider, request)
  return { method = request.method, url = conceal.text((request.url:gsub("//[^/@]*@", "//"))),
    body = preview.shown_body(request.body), makes = rents and "machine" or row and row[3] or nil }
end

-- What the start would send, in order; what its cloud answers to the first of it is made up by the card.
-- → requests, why the rest cannot be told (nil: it is all there)
local function rehearsed(provider, order)
  local rents, before = false, nil
  local ok, list = fail.try(http.rehearse, function()
    if provider.prepare then order.extras = provider.prepare(order) end
    rents = true
    provider.create(order)
  end, function(request)
    local row = around_of(provider, request)
    before = rents and before or request
    return not rents and row and row[4] or nil
  end)
  if not ok then return {}, fail.message(list) end
  local requests = {}
  for index, request in ipairs(list) do
    requests[index] = shown_request(provider, request, rents and index == #list)
  end
  return requests, not rents and before and ("what follows %s %s depends on its answer"):format(before.method,
    conceal.text(url.shown(before.url))) or nil
end

local function order_of(plan, candidate, provider, guard)
  local spec = machine.prepare(provider, plan.engine, plan.client_public, guard)
  log.hide(spec.key:secret())
  local token = (plan.journal:known_prefix() or NO_HOME) .. NO_TOKEN
  return machine.order(spec, candidate, plan.want, token), spec
end

-- What would end a start before it rents, in the order in which it looks.
-- → array of { kind, message, code = exit code }
local function hindrances(plan, candidate, person)
  local list = {}
  local function try(fn, ...)
    local ok, problem = fail.try(fn, ...)
    if not ok then
      list[#list + 1] = { kind = problem.kind, message = fail.message(problem),
        code = exitcodes.of(problem) }
    end
  end
  try(recover.refuse_second, plan.journal)
  try(recover.refuse_damaged, plan.journal)
  if not person then try(price_limit.given, plan.consent, candidate) end
  try(create_limit.check, plan.journal)
  return list
end

-- The next choice that is another machine, or nil.
local function next_of(ordered, at)
  for index = at + 1, #ordered do
    if ordered[index].offer ~= ordered[at].offer then return ordered[index] end
  end
end

-- Why this one: how many there were, and what comes next.
local function reasons_of(plan, at)
  local clouds = 0
  for _, result in ipairs(plan.collected.results) do clouds = clouds + (result.ok and 1 or 0) end
  return { offered = #plan.collected.candidates, clouds = clouds, fit = #plan.ordered,
    passed_over = at - 1, next = next_of(plan.ordered, at),
    named = named.is(plan.ordered[at], plan.want.offer) or nil,
    policy = world.source("policies.user") ~= world.source("policies.cheapest")
      and world.source("policies.user") or nil }
end

local function cost_of(candidate, provider, life)
  local boot = timing.of(provider, "boot")
  local least, most = cost.range(candidate, life > 0 and life + boot or nil)
  return { least = least, total = candidate.total, most = most, life = life, boot = boot }
end

--- Of a start that has made its choice (start.deploy with `rehearses`) and stopped there.
-- @param person could somebody be asked for a yes?
-- → { want, candidate, why, cost, guard = { kind, silence, idle, life }, requests = { { method, url, body,
-- makes } }, untold = why not all of them are known, hindrances, unfinished = starts that were cut off and
-- would be ended first, results, asks = bool, balance }
function preview.of(start, person)
  local plan, counters = start.plan, start.counters
  local candidate = plan.ordered[counters.next]
  local provider = provider_of.provider(candidate.offer.provider)
  local guard = guard_policy.demand(provider, plan.want.accept_no_guard)
  local order, spec = order_of(plan, candidate, provider, guard)
  local requests, untold = rehearsed(provider, order)
  local limits = spec.limits
  return {
    want = plan.want, candidate = candidate, title = provider.title or provider.name,
    why = reasons_of(plan, counters.next), cost = cost_of(candidate, provider, limits.life),
    guard = { kind = guard, switches_off = guard == "none" and provider.capabilities.switches_off or nil,
      silence = limits.silence, idle = limits.idle, life = limits.life },
    carrier = spec.carrier or "udp", requests = requests, untold = untold,
    hindrances = hindrances(plan, candidate, person), unfinished = recover.unfinished(plan.journal),
    results = plan.collected.results, asks = person,
    balance = counters.balances[candidate.offer.provider],
  }
end

return preview
