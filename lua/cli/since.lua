-- SPDX-License-Identifier: MIT
-- When --since says: a date in local time, or so long ago.
local clock = require "base.clock"
local fail = require "base.fail"
local zone = require "base.zone"

-- The local midnight of a date, or nil.
local function midnight(text)
  local noon = text:find("^%d%d%d%d%-%d%d%-%d%d$") and clock.parse_iso(text .. "T12:00:00Z")
  return noon and require("facts.calendar").at(0, noon - zone.offset(noon))
end

--- → unix seconds, or nil without a text
-- @raise `usage`
return function(text)
  if not text then return nil end
  local date = midnight(text)
  local seconds = not date and clock.parse_duration(text)
  if not date and not seconds then
    fail.raise("usage", ("--since: '%s' is neither a date like 2026-11-01 nor a time like 7d or "
        .. "12h"):format(text))
  end
  if date and date > clock.wall() then
    fail.raise("usage", ("--since=%s is still to come"):format(text))
  end
  return date or clock.wall() - seconds
end
