-- SPDX-License-Identifier: MIT
-- What a machine costs: before (offers), while it runs, at the end. Amounts are in the offer's currency.
local numbers = require "base.numbers"

local cost = {}

-- A machine that began to run within so many seconds is one of which that is known.
local LOOKED_SECONDS = 60

-- The image that a machine fetches besides the model, in GB.
local IMAGE_GB = 3.5

--- The bid for a spot machine: the lowest winning bid plus a margin (a fraction), rounded up to a hundredth
-- of a cent, never above on-demand.
function cost.bid(min_bid, margin, on_demand)
  local bid = math.ceil(min_bid * (1 + margin) * 10000 - 1e-6) / 10000
  if on_demand and bid > on_demand then return on_demand end
  return bid
end

--- What a million generated tokens cost on a machine that generates all the time. hourly: per hour;
-- speed: tokens per second.
function cost.per_million(hourly, speed)
  return hourly / (speed * 3600) * 1e6
end

-- compute, disk, download, minimum period
local function sums(offer, want, gpu_hour)
  local hours, disk_hour = want.hours, offer.disk_hour or 0
  local least = offer.minimum_seconds and math.max(0, offer.minimum_seconds / 3600 - hours) or 0
  return gpu_hour * hours, disk_hour * hours, (offer.down_gb or 0) * (want.download_gb + IMAGE_GB),
    least * (gpu_hour + disk_hour)
end

-- What of a candidate is reckoned when it is asked for: of thousands only some are shown.
local later = {}

function later.parts(candidate, want)
  local parts = {}
  parts.compute, parts.disk, parts.download, parts.minimum = sums(candidate.offer, want,
    candidate.bid or candidate.offer.on_demand)
  return parts
end

function later.measured(candidate, want)
  return want.measured and want.measured.of(candidate.offer) or nil
end

function later.good(candidate, want)
  return want.measured and want.measured.good(candidate.offer) or nil
end

function later.ready(candidate, want)
  local own, offer = candidate.measured, candidate.offer
  local before = own and own.ready_seconds
  local ready = before or want.ready and want.ready(offer)
  return ready and { seconds = ready, measured = before ~= nil } or nil
end

function later.tokens_per_second(candidate, want)
  local own = candidate.measured
  return own and own.tokens_per_second or want.speed and want.speed(candidate.offer) or nil
end

function later.usd_per_million_tokens(candidate)
  local speed = candidate.tokens_per_second
  return speed and cost.per_million(candidate.hourly, speed * (candidate.offer.replicas or 1)) or nil
end

-- want → metatable of its candidates
local kinds = setmetatable({}, { __mode = "k" })

local function kind_of(want)
  kinds[want] = kinds[want] or { __index = function(candidate, name)
    local reckoned = later[name] and later[name](candidate, want)
    rawset(candidate, name, reckoned)
    return reckoned
  end }
  return kinds[want]
end

--- Reckons all of a candidate, for who walks through its fields. → candidate
function cost.whole(candidate)
  for name in pairs(later) do candidate[name] = candidate[name] end -- order: free
  return candidate
end

local function candidate(offer, want, kind, gpu_hour, bid)
  local compute, disk, download, minimum = sums(offer, want, gpu_hour)
  return setmetatable({ offer = offer, spot = bid ~= nil, bid = bid,
    hourly = gpu_hour + (offer.disk_hour or 0), total = compute + disk + download + minimum }, kind)
end

--- The ways to rent one offer: on-demand and, when wanted and cheaper, spot; nobody bids where no `min_bid`
-- is told. list: they are added to it. → array of candidates.
function cost.candidates(offer, want, list)
  list = list or {}
  local on_demand, min_bid = numbers.price(offer.on_demand), numbers.price(offer.min_bid)
  local spot, kind = min_bid or numbers.price(offer.spot), kind_of(want)
  if on_demand then
    list[#list + 1] = candidate(offer, want, kind, on_demand)
  end
  if want.spot and spot and (not on_demand or spot < on_demand) then
    local bid = min_bid and cost.bid(min_bid, want.bid_margin or 0, on_demand) or spot
    list[#list + 1] = candidate(offer, want, kind, bid, bid)
  end
  return list
end

-- Seconds of a session that are charged, up to `now`.
local function seconds(session, now)
  if not session.started then return 0 end
  return math.max(0, (session.ended or now) - session.started)
end

--- What a session of the journal costs by the hour (GPU and disk), or 0 when the journal does not know.
function cost.hourly(session)
  return (session.hourly or 0) + (session.disk_hour or 0)
end

--- What a candidate costs should it be ended at once, and should nobody end it for `longest` seconds (nil:
-- without end). → least, most (nil: there is no limit)
function cost.range(rented, longest)
  local step = rented.offer.minimum_seconds or 0
  local least = rented.hourly * step / 3600
  if not longest then return least, nil end
  local billed = step > 0 and math.max(1, math.ceil(longest / step)) * step or longest
  return least, rented.hourly * billed / 3600 + rented.parts.download
end

-- Traffic of the model's download, once it was begun (`loading` is on disk before the machine is told to);
-- until it is over, all of it.
local function download(session)
  local plan = session.plan or {}
  return session.id and session.loading_at and plan.download or 0
end

-- Seconds of the GPU as the cloud counts them. It is charged from when the machine runs (facts/vast.md §1.10,
-- facts/lambda.md §2.8); as long as nobody knows that, or where no cloud says so, it is reckoned from the
-- create, which is the most that it can be. Where the cloud has a least time (a minute, say), each begun one
-- is charged.
local function counted(session, now)
  local plan = session.plan or {}
  local step = session.id and plan.minimum_seconds or 0
  local passed = seconds(session, now)
  if session.running_at and not plan.from_create then
    passed = math.max(0, math.min(passed, (session.ended or now) - session.running_at))
  end
  return step > 0 and math.max(1, math.ceil(passed / step)) * step or passed
end

--- What a session has cost so far by our own reckoning: agreed prices × time as the cloud counts it, plus the
-- download, and what second machines of its create ran for.
function cost.so_far(session, now)
  local compute, disk = (session.hourly or 0) * counted(session, now),
    (session.disk_hour or 0) * seconds(session, now)
  return (compute + disk + cost.hourly(session) * (session.twin_seconds or 0)) / 3600 + download(session)
end

-- Did its create make other machines too? Of none is it known when it began to run, so that what is said of
-- them is the most.
local function had_twin(session) return (session.twin_seconds or 0) > 0 end

--- Is what is reckoned of a session only the most that it can have cost? So it is when nobody saw the machine
-- run or its download come to its end, when it was found gone or not running any more, when nobody had heard
-- of it any more, when it is not known whether it is, when its end takes long (its guard may have ended it
-- before), and at a cloud of which it is not known by which steps it bills (`estimate` of an offer).
function cost.at_most(session)
  local pulling = session.loading_at and not session.ready_at and download(session) > 0
  local unseen = not session.running_at
    or math.abs(session.running_seen - session.running_at) > LOOKED_SECONDS
  local lost = session.paused ~= nil or session.stopping == "interrupted" or session.stopping == "gone"
  local late = session.stop_began and (session.ended or session.last) - session.stop_began > LOOKED_SECONDS
  local unsure = session.plan ~= nil and session.plan.estimate == true
  return unseen or pulling or lost or late or unsure or had_twin(session) or session.found_gone == true
    or session.unwatched == true or session.unproven ~= nil
end

--- What it will have cost when it ran for `hours` from its start.
function cost.projected(session, hours)
  return cost.hourly(session) * hours + download(session)
end

--- Is enough known of a session to reckon its bill? Not when only a cloud told of it: the traffic of its
-- download is forgotten. Nor when something of its record was cut or damaged.
function cost.reckonable(session) return not session.found and not session.doubtful end

-- What second machines of its create ran for; a cloud's charges are those of the session's own one.
local function twins(session) return cost.hourly(session) * (session.twin_seconds or 0) / 3600 end

-- What the cloud says it charged, if that already covers the session's end.
local function charged(session, ended, provider)
  local charges = provider and provider.charges and session.id and provider.charges(session)
  if charges and charges.amount > 0 and charges.upto >= ended - 60 then
    return charges.amount + twins(session)
  end
  return nil
end

--- The bill of a session that ended at `ended`. → { amount= (nil: not known), currency=, seconds=, source =
-- "charges"|"reckoned" ("charges": besides second machines), at_most = true|nil }
function cost.final(session, ended, provider)
  local copy = setmetatable({ ended = ended }, { __index = session })
  local amount = charged(session, ended, provider)
  return {
    amount = amount or cost.reckonable(session) and cost.so_far(copy, ended) or nil,
    currency = session.currency or "USD", seconds = seconds(copy, ended),
    source = amount and "charges" or "reckoned",
    at_most = had_twin(session) or not amount and cost.at_most(session) or nil,
  }
end

return cost
