-- SPDX-License-Identifier: MIT
-- Asks every configured cloud at once, makes candidates of what they offer, and has the policy
-- put them in order.
local clock = require "base.clock"
local fail = require "base.fail"
local log = require "base.log"
local task = require "base.task"
local world = require "sandbox.world"
local gpus = require "facts.gpus"
local regions = require "facts.regions"
local clouds = require "money.clouds"
local choice = require "start.choice"
local cost = require "home.cost"
local euro = require "home.euro"
local hosts = require "start.hosts"
local named = require "start.named"
local price_limit = require "money.price_limit"
local provider_of = require "money.provider_of"
local until_ready = require "start.until_ready"

local PROVIDER_SECONDS = 60
local PATIENCE = 20 -- seconds for the others, once a cloud has offers

local offers = { configured = clouds.configured }

-- fn's result; given up after PROVIDER_SECONDS, or PATIENCE after state.first. Raises kind `transient`,
-- code `deadline` then.
local function patiently(state, name, fn)
  local began, worker = clock.now(), task.spawn(fn)
  local watch = task.spawn(function()
    while clock.now() < math.min(began + PROVIDER_SECONDS, (state.first or math.huge) + PATIENCE) do
      task.sleep(0.25)
    end
    task.cancel(worker, fail.new { kind = "transient", code = "deadline",
      message = ("%s did not answer within %.0f s"):format(name, clock.now() - began) })
  end)
  local ok, result = fail.settle(task.await, worker)
  task.cancel(watch, fail.new { kind = "interrupted", message = "it has answered" })
  if not ok then
    task.cancel(worker, result) -- an interrupted wait leaves it running
    error(result, 0)
  end
  return result
end

-- Offers that can be reckoned with; what else a script calls an offer is left out.
local function sound(name, list)
  if type(list) ~= "table" then
    fail.raise("config",
      ("%s: offers must return a list, not a %s"):format(world.source("providers." .. name), type(list)))
  end
  local kept = {}
  for _, offer in ipairs(list) do
    if type(offer) == "table" and offer.id ~= nil and type(offer.gpu) == "string"
      and math.type(offer.gpus) == "integer" and offer.gpus > 0 and type(offer.vram_gb) == "number"
      and (offer.disk_hour == nil or type(offer.disk_hour) == "number" and offer.disk_hour >= 0) then
      offer.provider = name
      kept[#kept + 1] = offer
    else
      log.warn("An offer that lacks its id, gpu, gpus, vram_gb or disk_hour was left out",
        { provider = name })
    end
  end
  return kept
end

-- What a cloud's script says that it left out by itself: { {id=, gpu=, reason=}, … }
local function left_out(list)
  local kept = {}
  for _, each in ipairs(type(list) == "table" and list or {}) do
    if type(each) == "table" and type(each.reason) == "string" then
      kept[#kept + 1] = { id = tostring(each.id), gpu = type(each.gpu) == "string" and each.gpu or nil,
        reason = each.reason }
    end
  end
  return kept
end

-- The day of a cloud's prices that are of a table (DESIGN §1.9), or nil: it told them itself.
local function dated(list)
  for _, offer in ipairs(list) do
    if offer.source == "table" and offer.at then return clock.iso(offer.at):sub(1, 10) end
  end
  return nil
end

-- Why no offer of a cloud is what was asked for, or nil.
local function single(provider, want)
  if (want.replicas or 1) == 1 or provider.capabilities.replicas then return nil end
  return ("one machine: %s has no replicas, and %d were asked for"):format(provider.title or provider.name,
    want.replicas)
end

local function ask(name, want, on, state)
  local left
  local ok, result = fail.try(function()
    local provider = provider_of.strict(name)
    local list = patiently(state, name, function()
      local found, without = provider.offers(want)
      left = without
      return found
    end)
    local kept, why = sound(name, list), single(provider, want)
    for _, offer in ipairs(kept) do offer.unfit = why or offer.unfit end
    return kept
  end)
  local answer = ok and { ok = true, offers = result, count = #result, left = left_out(left),
    dated = dated(result) }
    or { ok = false, error = result, message = fail.message(result), count = 0 }
  if answer.count > 0 then
    state.first = state.first or clock.now()
  end
  if not ok then
    log.warn("A cloud gave no offers", { provider = name, error = answer.message })
  end
  on(name, answer)
  return answer
end

--- Asks the clouds, and the feed of rates beside them. on(name, result) is told of each as it answers:
-- { ok=, count=, message= when not ok, dated= day of a table's prices }. A dead or slow cloud costs only
-- itself.
-- → { candidates=, results = { {name=, ok=, count=, message=}, … }, rejected = {}, shunned = of start.hosts,
-- note = of home.euro }
-- @raise as offers.configured
function offers.collect(want, on)
  local names, skipped = offers.configured(want.provider, want.accept_no_guard)
  local state, rate = {}, task.spawn(euro.refresh)
  local answers = task.map(names, function(name)
    return ask(name, want, on, state)
  end)
  local collected = { candidates = {}, results = {}, rejected = {}, shunned = hosts.shunned(),
    note = task.await(rate) }
  for index, name in ipairs(names) do
    local answer = answers[index].ok and answers[index].value
    if not answer then error(answers[index].error, 0) end
    collected.results[#collected.results + 1] = {
      name = name, ok = answer.ok, count = answer.count, message = answer.message, error = answer.error,
      left = answer.left,
    }
    for _, offer in ipairs(answer.offers or {}) do
      cost.candidates(offer, want, collected.candidates)
    end
  end
  for _, each in ipairs(skipped) do
    local result = { name = each.name, ok = false, skipped = true, count = 0, message = each.message }
    collected.results[#collected.results + 1] = result
    on(each.name, result)
  end
  return collected
end

-- What no policy may decide: only what was offered, only what fits, never above the wall,
-- no host that failed a moment ago.
local function wall_reason(candidate, want, shunned)
  if not gpus.fits(candidate.offer, want) then
    return ("too small: %.1f GB of memory, and %.1f GB are needed")
      :format(candidate.offer.vram_gb * candidate.offer.gpus, want.vram_gb)
  end
  return price_limit.beyond_wall(candidate, want) or shunned(candidate.offer)
end

local function enforce(chosen, want, rejected, shunned)
  local ordered = {}
  for index = 1, #chosen do
    local candidate = chosen[index]
    local reason = wall_reason(candidate, want, shunned)
    if reason then
      rejected[#rejected + 1] = { candidate = candidate, reason = reason }
    else
      ordered[#ordered + 1] = candidate
    end
  end
  return ordered
end

--- Puts what was collected in the policy's order, the offer that was named first. → candidates to try,
-- rejected = {{candidate=, reason=}, …}
-- @raise `config` when the user's policy is broken or returns what it was not given; as named.first
function offers.rank(collected, want)
  local able, unfit = {}, {}
  for _, candidate in ipairs(collected.candidates) do
    local why = candidate.offer.unfit
    local list = why and unfit or able
    list[#list + 1] = why and { candidate = candidate, reason = why } or candidate
  end
  local chosen, rejected = choice.run(able, want)
  table.move(unfit, 1, #unfit, #rejected + 1, rejected)
  local fit, late = until_ready.in_time(enforce(chosen, want, rejected, collected.shunned or function() end),
    want)
  table.move(late, 1, #late, #rejected + 1, rejected)
  local first = named.first(fit, rejected, want, collected.results)
  local ordered, beyond = price_limit.within_question(first, want)
  table.move(beyond, 1, #beyond, #rejected + 1, rejected)
  return ordered, rejected
end

--- How often each reason was given, most frequent first. → array of { text, count }
function offers.reasons(rejected)
  local count, order = {}, {}
  for _, each in ipairs(rejected) do
    local text = tostring(each.reason):gsub("[:,].*$", "")
    if not count[text] then
      count[text] = 0
      order[#order + 1] = text
    end
    count[text] = count[text] + 1
  end
  table.sort(order, function(a, b)
    if count[a] ~= count[b] then return count[a] > count[b] end
    return a < b
  end)
  local list = {}
  for index, text in ipairs(order) do
    list[index] = { text = text, count = count[text] }
  end
  return list
end

-- What the user himself narrowed the choice to, as options.
local function filters(want)
  local list = {}
  for _, each in ipairs { { want.gpu, "--gpu=%s" }, { want.gpus, "--gpus=%d" },
    { (want.replicas or 1) > 1 and want.replicas, "--replicas=%d" }, { want.region, "--region=%s" },
    { want.provider, "--provider=%s" }, { want.spot == false, "--on-demand" } } do
    if each[1] then
      list[#list + 1] = each[2]:format(each[1])
    end
  end
  return list
end

-- Is this candidate left out by what was asked for, whatever else is wrong with it? Then it is not the
-- reason why nothing fits.
local function outside(candidate, want)
  local offer = candidate and candidate.offer
  return offer and (want.gpu and not gpus.is(want.gpu, offer.gpu) or want.gpus and offer.gpus ~= want.gpus
    or want.spot == false and candidate.spot or not regions.match(want.region, offer.region)) or false
end

-- → the rejected that are what was asked for, how many are not
local function asked_for(rejected, want)
  local within = {}
  for _, each in ipairs(rejected) do
    within[#within + 1] = not outside(each.candidate, want) and each or nil
  end
  return within, #rejected - #within
end

-- The sentence about the largest of those that a cloud itself said not to fit, or nil.
local function said(rejected)
  local largest, memory = nil, 0
  for _, each in ipairs(rejected) do
    local offer = each.candidate and each.candidate.offer
    if offer and offer.unfit and offer.vram_gb * offer.gpus > memory then
      largest, memory = each.reason, offer.vram_gb * offer.gpus
    end
  end
  return largest
end

local function counted(rejected)
  local parts = {}
  for index, reason in ipairs(offers.reasons(rejected)) do
    parts[index] = ("%d × %s"):format(reason.count, reason.text)
  end
  return table.concat(parts, ", ")
end

-- What could be changed: the size where offers were too small (a cloud is only asked for what is large
-- enough, so none may mean just that), each filter that is in force.
local function ways_out(within, without, want)
  local ways = { (#within > 0 or without == 0) and "another model or --context" or nil }
  for _, filter in ipairs(filters(want)) do
    ways[#ways + 1] = "without " .. filter
  end
  if want.max_price and #within > 0 then
    ways[#ways + 1] = "a higher --max-price"
  end
  if want.ready_within and #within > 0 then
    ways[#ways + 1] = "a longer --ready-within"
  end
  if #within + without == 0 then
    ways[#ways + 1] = "again later"
  end
  return "try " .. table.concat(ways, ", or ")
end

--- Raises why there is nothing to rent: a dead cloud's own failure, or `capacity` with the reasons and a way
-- out. Every cloud that gave no answer is named.
function offers.explain_nothing(collected, rejected, want)
  local answered, first, silent = false, nil, {}
  for _, result in ipairs(collected.results) do
    answered = answered or result.ok
    first = first or result.error
    silent[#silent + 1] = not result.ok and ("%s: %s"):format(result.name, result.message) or nil
  end
  if not answered and first then
    if #silent == 1 then error(first, 0) end
    fail.raise(first.kind, "no cloud gave prices. " .. table.concat(silent, ". "),
      { status = first.status, code = first.code })
  end
  local within, without = asked_for(rejected, want)
  local why
  if #within > 0 then
    why = said(within) or counted(within)
  elseif without > 0 then
    why = ("none of the %d offers is what was asked for (%s)"):format(without,
      table.concat(filters(want), ", "))
  else
    why = "nothing was offered"
  end
  fail.raise("capacity",
    ("no offer fits %s (needs %.1f GB of GPU memory for %d tokens of context, %d GB disk): %s; %s%s"):format(
      want.model.name, want.vram_gb, want.context, want.disk_gb, why, ways_out(within, without, want),
      #silent > 0 and ". Not in this: " .. table.concat(silent, ". ") or ""))
end

return offers
