-- SPDX-License-Identifier: MIT
-- From the order of the policy to one machine that is bound: each candidate is asked about, rented and, where
-- its cloud refuses it, followed by the next.
local clock = require "base.clock"
local fail = require "base.fail"
local log = require "base.log"
local task = require "base.task"
local config = require "config.effective"
local gpus = require "facts.gpus"
local identity = require "home.identity"
local timing = require "home.timing"
local guard_policy = require "money.guard_policy"
local price_limit = require "money.price_limit"
local provider_of = require "money.provider_of"
local rent = require "money.rent"
local resources = require "money.resources"
local machine = require "start.machine"
local state = require "start.state"
local undo = require "start.undo"

local RATE_TRIES, RATE_PAUSE = 5, 15 -- creates that came too fast; seconds
local ODD_REFUSALS = 3               -- creates refused for other reasons than capacity

local create = {}

--- A candidate in one line.
function create.name_of(candidate)
  local offer = candidate.offer
  local gpu, count = gpus.find(offer.gpu), offer.gpus or 1
  local cards = (count > 1 and count .. " × " or "") .. (gpu and gpu.title or offer.gpu)
  return ("%s %s%s @ $%.3f/h %s"):format(offer.provider,
    offer.nodes and ("%d × (%s) on %d node%s"):format(offer.replicas, cards, offer.nodes,
      offer.nodes == 1 and "" or "s") or cards,
    offer.region and " " .. offer.region or "", candidate.hourly, candidate.spot and "spot" or "on-demand")
end

local name_of = create.name_of

-- What the journal keeps of a machine before it is rented: nothing secret.
local function record_of(plan, account, candidate, spec)
  local offer, want = candidate.offer, plan.want
  return {
    provider = offer.provider, account = account, offer = tostring(offer.id),
    gpu = offer.gpu, gpus = offer.gpus, region = offer.region, spot = candidate.spot,
    replicas = offer.replicas, nodes = offer.nodes, pods = offer.pods, host = offer.host,
    hourly = candidate.hourly - (offer.disk_hour or 0), disk_hour = offer.disk_hour,
    currency = offer.currency, minimum_seconds = offer.minimum_seconds, from_create = offer.from_create,
    estimate = offer.estimate or nil,
    bid = candidate.bid, download = candidate.parts.download,
    model = want.model.name, engine = want.engine, context = want.context, disk_gb = want.disk_gb,
    download_gb = want.download_gb, hours = want.hours,
    server_public = spec.server_public, ports = { listen = spec.ports.listen, push = spec.ports.push },
    guard = spec.guard, silence = spec.limits.silence, idle = spec.limits.idle, life = spec.limits.life,
    max_price = config.get("MAX_PRICE"), keep = plan.keep_on_failure or nil, local_port = identity.port(),
  }
end

-- The account in use at a cloud is looked at once; its credit is compared with what each candidate costs.
local function check_account(start, provider, candidate)
  local counters, name = start.counters, candidate.offer.provider
  if not counters.accounts[name] then
    local account = provider.account()
    counters.accounts[name], counters.balances[name] = tostring(account.id), account.balance
  end
  price_limit.need_credit(provider, counters.balances[name], candidate, start.plan.want.hours)
end

-- What renting at a cloud takes besides an offer: an account with credit, and a guard. → how machines there
-- are guarded
local function ready_to_rent(start, provider, candidate)
  local guard = guard_policy.demand(provider, start.plan.want.accept_no_guard)
  check_account(start, provider, candidate)
  return guard
end

-- A cloud that takes nothing more from us costs only itself: its offers are left out while another cloud has
-- some.
local function give_up_on(start, name, problem)
  local plan, counters = start.plan, start.counters
  counters.dead[name] = true
  for index = counters.next, #plan.ordered do
    if not counters.dead[plan.ordered[index].offer.provider] then
      plan.ui:warn(("%s: %s; going on with the other clouds"):format(name, fail.message(problem)))
      return
    end
  end
  error(problem, 0)
end

local function left_out(counters, offer)
  return counters.dead[offer.provider] or counters.failed_hosts[offer.provider .. " " .. tostring(offer.host)]
end

--- The next candidate of a cloud that is not given up. → candidate, provider, how it will be guarded; nil
-- after the last
function create.next_candidate(start)
  local counters, ordered = start.counters, start.plan.ordered
  while counters.next <= #ordered do
    local candidate = ordered[counters.next]
    counters.next = counters.next + 1
    if not left_out(counters, candidate.offer) then
      local provider = provider_of.provider(candidate.offer.provider)
      local ok, guard = fail.try(ready_to_rent, start, provider, candidate)
      if ok then return candidate, provider, guard end
      give_up_on(start, candidate.offer.provider, guard)
    end
  end
end

--- Does the yes cover a candidate? A person is told the credit that is there as well.
function create.consented(start, candidate)
  local counters = start.counters
  return price_limit.given(start.plan.consent, candidate, function(each, before)
    local began = clock.now()
    local answer = start.plan.ask(each, before, counters.balances[each.offer.provider])
    counters.answering = counters.answering + clock.now() - began
    return answer
  end)
end

-- What is sent for an intent; what its cloud wants around the machine is there then.
local function order_for(plan, intent, candidate, spec)
  local order = machine.order(spec, candidate, plan.want, intent.token)
  resources.prepare(plan.journal, intent.provider, order)
  return order
end

-- One create, straight on: intent, what the machine needs, sent, bound. → session
local function rent_one(start, candidate, provider, spec)
  local plan = start.plan
  local record = record_of(plan, start.counters.accounts[candidate.offer.provider], candidate, spec)
  local intent = rent.intend(plan.journal, provider, record)
  local ready, order = fail.settle(order_for, plan, intent, candidate, spec)
  if not ready then return rent.never(intent, order) end
  local answered, answer = rent.send(intent, order)
  return rent.bound(intent, answered, answer, plan.ui)
end

-- Too fast: the same offer is tried again after a pause. → is that what is done?
local function again_later(start, problem)
  local counters = start.counters
  if not fail.is(problem, "rate") or counters.rated >= RATE_TRIES then
    return false
  end
  counters.rated, counters.next = counters.rated + 1, counters.next - 1
  start.plan.ui:note(("%s; waiting before the same offer is tried again"):format(fail.message(problem)))
  task.sleep(timing.seconds(RATE_PAUSE))
  return true
end

-- Does a refusal mean this offer alone? Else it ends the start.
local function of_this_offer(counters, problem)
  if problem.blind then return false end
  if fail.is(problem, "capacity") then return true end
  if not fail.is(problem, "refused") and not fail.is(problem, "transient") then
    return false
  end
  counters.odd = counters.odd + 1
  return counters.odd < ODD_REFUSALS
end

-- What a refusal of `candidate` means for the next try: too fast → the same offer after a pause; gone or too
-- dear → the next one, with the reason shown; anything else ends the start.
local function after_refusal(start, candidate, problem)
  if again_later(start, problem) then return end
  local ui, refusals = start.plan.ui, start.counters.refusals
  if not of_this_offer(start.counters, problem) then error(problem, 0) end
  start.counters.rated = 0
  refusals[#refusals + 1] = { candidate = candidate, reason = fail.message(problem), kind = problem.kind }
  log.info("An offer was refused", { offer = name_of(candidate), reason = fail.message(problem) })
  if fail.is(problem, "capacity") then
    ui:progress { text = "Asking for the next offer, as this one is gone", detail = name_of(candidate) }
  else
    ui:note(("%s: %s; trying the next offer"):format(name_of(candidate), fail.message(problem)))
  end
end

--- "18 offers were tried in vain: 17 gone, 1 refused"
function create.refusals_of(counters)
  local refusals, gone = counters.refusals, 0
  for _, each in ipairs(refusals) do gone = gone + (each.kind == "capacity" and 1 or 0) end
  local other = #refusals - gone
  return ("%d offer%s tried in vain: %d gone%s"):format(#refusals, #refusals == 1 and " was" or "s were",
    gone, other > 0 and (", %d refused"):format(other) or "")
end

local HOPELESS = { auth = true, funds = true, quota = true }

-- A create that rented nothing that is to be kept.
local function failed(start, candidate, provider, problem)
  if problem.created then
    local sentence = "the cloud refused the create, but made %s all the same; it is ended"
    start.plan.ui:note(sentence:format(problem.created.id))
    undo.session(start, problem.created, provider, "create refused: " .. fail.message(problem))
  end
  if HOPELESS[problem.kind] and not problem.created then
    return give_up_on(start, provider.name, problem)
  end
  return after_refusal(start, candidate, problem)
end

--- Rents the first of the candidates that is to be had: start.attempt is its machine then.
-- @return nil; "declined" when a person does not agree to the sum of what is left
-- @raise `capacity` when none is left, and what ends the start
function create.run(start)
  local plan = start.plan
  for candidate, provider, guard in create.next_candidate, start do
    if not create.consented(start, candidate) then return "declined" end
    plan.ui:progress { text = "Asking for " .. name_of(candidate), passing = true }
    local spec = machine.prepare(provider, plan.engine, plan.client_public, guard)
    local ok, result = fail.settle(task.shield, rent_one, start, candidate, provider, spec)
    if ok then
      start.attempt = state.attempt(candidate, provider, spec, result)
      return nil
    end
    failed(start, candidate, provider, result)
  end
  local refusals = start.counters.refusals
  local last = refusals[#refusals]
  return fail.raise("capacity", ("no offer could be had: %s; the last refusal was: %s; try again soon, or "
    .. "with another --model, --gpu or --region"):format(create.refusals_of(start.counters),
    last and last.reason or "none"))
end

return create
