-- SPDX-License-Identifier: MIT
-- A selection policy of your own: copy this file to policy.lua in your folder (~/.continueplz/policy.lua). It
-- prefers western Europe, pays for that at most a quarter more than elsewhere, and never takes a machine
-- above 60 cents an hour.
--
-- candidates: what the clouds offer, each { offer = {...}, spot =, hourly =, total =, parts = {...},
-- tokens_per_second =, usd_per_million_tokens = }; the last two are estimates
-- want:       what you asked for on the command line
-- builtin:    the policy that would decide without this file
-- Return the candidates in the order in which they are to be tried, and the ones you refuse
-- with your reasons.

local REGION = "eu-west"
local MOST = 0.60    -- dollars per hour, disk included
local PREMIUM = 1.25 -- how much more the preferred region may cost

return function(candidates, want, builtin)
  local affordable, refused = {}, {}
  for _, candidate in ipairs(candidates) do
    if candidate.hourly > MOST then
      refused[#refused + 1] = { candidate = candidate, reason = ("above my limit of $%.2f/h"):format(MOST) }
    else
      affordable[#affordable + 1] = candidate
    end
  end

  local ordered, rejected = builtin(affordable, want)
  for _, each in ipairs(rejected) do
    refused[#refused + 1] = each
  end

  local cheapest = ordered[1] and ordered[1].total or 0
  local first, rest = {}, {}
  for _, candidate in ipairs(ordered) do
    local near = candidate.offer.region == REGION and candidate.total <= cheapest * PREMIUM
    local list = near and first or rest
    list[#list + 1] = candidate
  end
  table.move(rest, 1, #rest, #first + 1, first)
  return first, refused
end
