-- SPDX-License-Identifier: MIT
-- The selection policy: cheapest by total cost for the hours wanted, ties by reliability, then by id. Pure.
-- (candidates, want, builtin) → candidates in the order in which they are tried,
-- rejected = {{candidate=, reason=}, …}
local gpus = require "facts.gpus"
local regions = require "facts.regions"

-- Why a candidate is not taken, first for what was asked for, or nil.
local function reason_for(candidate, want)
  local offer = candidate.offer
  local reliability = offer.reliability
  if want.gpu and not gpus.is(want.gpu, offer.gpu) then
    return ("card %s, and %s was asked for"):format(offer.gpu, want.gpu)
  elseif want.gpus and offer.gpus ~= want.gpus then
    return ("%d cards, and %d were asked for"):format(offer.gpus, want.gpus)
  elseif want.region and not regions.match(want.region, offer.region) then
    return ("region %s, and %s was asked for"):format(offer.region or "unknown", want.region)
  elseif candidate.spot and not want.spot then
    return "spot, and on-demand was asked for"
  elseif not gpus.fits(offer, want) then
    return ("too small: %.1f GB of memory, and %.1f GB are needed"):format(offer.vram_gb * offer.gpus,
      want.vram_gb)
  elseif want.max_price and candidate.hourly > want.max_price then
    return ("too dear: $%.3f/h, and the limit is $%.3f/h"):format(candidate.hourly, want.max_price)
  elseif want.min_reliability and reliability and reliability < want.min_reliability then
    return ("reliability %.3f, and %.3f was asked for"):format(reliability, want.min_reliability)
  end
  return nil
end

-- Of equal sums.
local function better(a, b)
  local left, right = a.offer.reliability or 0, b.offer.reliability or 0
  if left ~= right then return left > right end
  if a.offer.id ~= b.offer.id then
    return tostring(a.offer.id) < tostring(b.offer.id)
  end
  return not a.spot and b.spot
end

-- The candidates by their total. Numbers are sorted, as thousands are compared sooner than tables.
local function by_total(candidates)
  local totals, with, list = {}, {}, {}
  for index = 1, #candidates do
    local candidate = candidates[index]
    local total = candidate.total
    if total ~= total then total = math.huge end -- a script's offer may hold anything
    local same = with[total]
    if not same then
      totals[#totals + 1] = total
      with[total] = candidate
    elseif same.offer then
      with[total] = { same, candidate }
    else
      same[#same + 1] = candidate
    end
  end
  table.sort(totals)
  for index = 1, #totals do
    local same = with[totals[index]]
    if same.offer then
      list[#list + 1] = same
    else
      table.sort(same, better)
      table.move(same, 1, #same, #list + 1, list)
    end
  end
  return list
end

local function cents(candidate) return math.floor(candidate.total * 100 + 0.5) end

-- Of sums that are the same to the cent a host that served here before is taken. list: by total.
local function good_first(list)
  local ordered, others = {}, {}
  for index, candidate in ipairs(list) do
    local into = candidate.good and ordered or others
    into[#into + 1] = candidate
    local following = list[index + 1]
    if not following or cents(following) ~= cents(candidate) then
      table.move(others, 1, #others, #ordered + 1, ordered)
      others = {}
    end
  end
  return ordered
end

return function(candidates, want)
  local kept, rejected, good = {}, {}, false
  for index = 1, #candidates do
    local candidate = candidates[index]
    local reason = reason_for(candidate, want)
    if reason then
      rejected[#rejected + 1] = { candidate = candidate, reason = reason }
    else
      kept[#kept + 1] = candidate
      good = good or candidate.good
    end
  end
  local ordered = by_total(kept)
  return good and good_first(ordered) or ordered, rejected
end
