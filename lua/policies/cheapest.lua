-- SPDX-License-Identifier: MIT
-- The selection policy: cheapest by total cost for the hours wanted, ties by reliability, then by id. Pure.
-- (candidates, want, builtin) → candidates in the order in which they are tried,
-- rejected = {{candidate=, reason=}, …}
local gpus = require "facts.gpus"
local regions = require "facts.regions"

local reasons = {}

function reasons.spot(candidate, want)
  return candidate.spot and not want.spot and "spot, and on-demand was asked for"
end

function reasons.price(candidate, want)
  return want.max_price and candidate.hourly > want.max_price
    and ("too dear: $%.3f/h, and the limit is $%.3f/h"):format(candidate.hourly, want.max_price)
end

function reasons.gpu(candidate, want)
  return want.gpu and not gpus.is(want.gpu, candidate.offer.gpu)
    and ("card %s, and %s was asked for"):format(candidate.offer.gpu, want.gpu)
end

function reasons.gpus(candidate, want)
  return want.gpus and candidate.offer.gpus ~= want.gpus
    and ("%d cards, and %d were asked for"):format(candidate.offer.gpus, want.gpus)
end

function reasons.size(candidate, want)
  local offer = candidate.offer
  return not gpus.fits(offer, want) and ("too small: %.1f GB of memory, and %.1f GB are needed")
    :format(offer.vram_gb * offer.gpus, want.vram_gb)
end

function reasons.reliability(candidate, want)
  local reliability = candidate.offer.reliability
  return want.min_reliability and reliability and reliability < want.min_reliability
    and ("reliability %.3f, and %.3f was asked for"):format(reliability, want.min_reliability)
end

function reasons.region(candidate, want)
  return not regions.match(want.region, candidate.offer.region)
    and ("region %s, and %s was asked for"):format(candidate.offer.region or "unknown", want.region)
end

local order = { "gpu", "gpus", "region", "spot", "size", "price", "reliability" } -- first what was asked for

local function reason_for(candidate, want)
  for _, name in ipairs(order) do
    local reason = reasons[name](candidate, want)
    if reason then return reason end
  end
  return nil
end

-- Of sums that are the same to the cent a host that served here before is taken.
local function better(a, b)
  if a.good ~= b.good and math.floor(a.total * 100 + 0.5) == math.floor(b.total * 100 + 0.5) then
    return a.good or false
  end
  if a.total ~= b.total then return a.total < b.total end
  local left, right = a.offer.reliability or 0, b.offer.reliability or 0
  if left ~= right then return left > right end
  if a.offer.id ~= b.offer.id then
    return tostring(a.offer.id) < tostring(b.offer.id)
  end
  return not a.spot and b.spot
end

return function(candidates, want)
  local ordered, rejected = {}, {}
  for _, candidate in ipairs(candidates) do
    local reason = reason_for(candidate, want)
    if reason then
      rejected[#rejected + 1] = { candidate = candidate, reason = reason }
    else
      ordered[#ordered + 1] = candidate
    end
  end
  table.sort(ordered, better)
  return ordered, rejected
end
