-- SPDX-License-Identifier: MIT
-- How long a machine takes until READY: by what earlier rents of this home measured (home.measured), else by
-- what is stated, which is its cloud's usual time until it runs (`usual` of the card's timing), the model's
-- download at the speed of the offer, and its way into memory. What --ready-within decides by.
local clock = require "base.clock"
local fail = require "base.fail"
local timing = require "home.timing"
local provider_of = require "money.provider_of"

local USUAL = 300    -- seconds until a machine runs at a cloud that states nothing
local DOWN = 100     -- MB/s of a download where the offer states nothing
local MOST_DOWN = 500 -- MB/s that one gets at most, whatever is stated: the registry's side is the limit
local LOAD = 1000    -- MB/s into the card's memory

local until_ready = {}

local function usual(name)
  local ok, provider = fail.try(provider_of.provider, name)
  local seconds = ok and type(provider.timing) == "table" and provider.timing.usual
  return type(seconds) == "number" and seconds or USUAL
end

--- What estimates it for a model of so many GB: function(offer) → seconds. bandwidth_down of an offer:
-- Mbit/s.
function until_ready.estimator(gb)
  local fixed, scale = {}, timing.seconds(1) -- seconds of each cloud that do not depend on the offer
  return function(offer)
    local name = offer.provider
    fixed[name] = fixed[name] or usual(name) + gb * 1000 / LOAD
    local stated = offer.bandwidth_down
    local down = math.min(stated and stated > 0 and stated / 8 or DOWN, MOST_DOWN)
    return scale * (fixed[name] + gb * 1000 / down)
  end
end

--- Is a candidate expected to need longer than `seconds`?
function until_ready.late(candidate, seconds)
  return candidate.ready ~= nil and candidate.ready.seconds > seconds
end

--- "READY after about 6m 10s by estimate", "READY after 6m 10s as measured here"
function until_ready.text(ready)
  return ("READY after %s%s"):format(ready.measured and "" or "about ", clock.duration(ready.seconds))
    .. (ready.measured and " as measured here" or " by estimate")
end

local function reason(candidate, want)
  return ("%s: %s was asked for"):format(until_ready.text(candidate.ready), clock.duration(want.ready_within))
end

--- Leaves out what will not be READY in time. A measured time stands; by an estimate one is left out only
-- where another is expected in time: an estimate alone keeps nobody from trying.
-- @param want ready_within: seconds, or nil: nothing is left out
-- → kept, refused = {{candidate=, reason=}, …}
function until_ready.in_time(ordered, want)
  if not want.ready_within then return ordered, {} end
  local any, kept, refused = false, {}, {}
  for _, candidate in ipairs(ordered) do
    any = any or not until_ready.late(candidate, want.ready_within)
  end
  for _, candidate in ipairs(ordered) do
    local late = until_ready.late(candidate, want.ready_within)
    if late and (any or candidate.ready.measured) then
      refused[#refused + 1] = { candidate = candidate, reason = reason(candidate, want) }
    else
      kept[#kept + 1] = candidate
    end
  end
  return kept, refused
end

return until_ready
