-- SPDX-License-Identifier: MIT
-- Time: monotonic for waiting, wall for showing, and durations as people write them.

local host = ...

local clock = {}

--- Monotonic seconds; counts the sleep of the machine.
function clock.now() return host.loop.monotonic() end

--- Unix seconds.
function clock.wall() return host.loop.wall() end

-- Days since 1970-01-01 → year, month, day (proleptic Gregorian).
local function civil(days)
  local z = days + 719468
  local era = z // 146097
  local doe = z - era * 146097
  local yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
  local doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
  local mp = (5 * doy + 2) // 153
  local month = mp < 10 and mp + 3 or mp - 9
  return yoe + era * 400 + (month <= 2 and 1 or 0), month, doy - (153 * mp + 2) // 5 + 1
end

--- Days from 1970-01-01 to a date.
function clock.days(year, month, day)
  local y = month <= 2 and year - 1 or year
  local era = y // 400
  local yoe = y - era * 400
  local doy = (153 * (month > 2 and month - 3 or month + 9) + 2) // 5 + day - 1
  return era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468
end

local function parts(t)
  local seconds = math.floor(t)
  local year, month, day = civil(seconds // 86400)
  local rest = seconds % 86400
  return year, month, day, rest // 3600, rest % 3600 // 60, rest % 60
end

--- "2026-11-20T08:00:00Z" of unix seconds (default now).
function clock.iso(t)
  return ("%04d-%02d-%02dT%02d:%02d:%02dZ"):format(parts(t or clock.wall()))
end

--- Unix seconds of "2026-11-20T08:00:00[.5](Z|+01:00)", or nil, sentence.
function clock.parse_iso(text)
  local y, mo, d, h, mi, s, fraction, tail =
    text:match("^(%d%d%d%d)-(%d%d)-(%d%d)[T ](%d%d):(%d%d):(%d%d)(%.?%d*)(.*)$")
  if not y then
    return nil, ("%q is no time like 2026-11-20T08:00:00Z"):format(text)
  end
  local offset = 0
  if tail ~= "Z" and tail ~= "" then
    local sign, oh, om = tail:match("^([+-])(%d%d):?(%d%d)$")
    if not sign then
      return nil, ("%q has a zone that is not Z or like +01:00"):format(text)
    end
    offset = (oh * 3600 + om * 60) * (sign == "-" and -1 or 1)
  end
  local seconds = clock.days(y // 1 | 0, mo // 1 | 0, d // 1 | 0) * 86400 + h * 3600 + mi * 60 + s - offset
  local extra = tonumber("0" .. fraction)
  return extra and extra > 0 and seconds + extra or math.tointeger(seconds) or seconds
end

local MONTHS = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10,
  Nov = 11, Dec = 12 }

--- Unix seconds of a Date header (RFC 9110 §5.6.7), or nil.
function clock.parse_http(text)
  local day, month, year, time = (text or ""):match("^%a+, (%d%d) (%a%a%a) (%d%d%d%d) (%d%d:%d%d:%d%d) GMT$")
  return day and MONTHS[month]
    and clock.parse_iso(("%s-%02d-%sT%sZ"):format(year, MONTHS[month], day, time)) or nil
end

--- "2026-11-20 09:00:00" in the user's zone, and the zone's seconds east of UTC.
function clock.local_time(t)
  t = t or clock.wall()
  local offset = require("base.zone").offset(t)
  return ("%04d-%02d-%02d %02d:%02d:%02d"):format(parts(t + offset)), offset
end

--- "4h 28m": the two largest units that matter.
function clock.duration(seconds)
  local s = math.floor(seconds + 0.5)
  if s < 0 then return "-" .. clock.duration(-seconds) end
  if s < 60 then return s .. "s" end
  if s < 3600 then return ("%dm %02ds"):format(s // 60, s % 60) end
  if s < 86400 then return ("%dh %02dm"):format(s // 3600, s % 3600 // 60) end
  return ("%dd %dh"):format(s // 86400, s % 86400 // 3600)
end

local UNITS = { d = 86400, h = 3600, m = 60, s = 1 }

--- Seconds of "1h30m", "30m", "1.5h", "45s", "2d", or nil, sentence.
function clock.parse_duration(text)
  if type(text) ~= "string" then
    error("parse_duration needs a text, got a " .. type(text), 2)
  end
  local compact = text:gsub("%s+", ""):lower()
  if compact:find("^%d+%.?%d*$") then
    return nil, ("%q has no unit: say %ss, %sm or %sh"):format(text, compact, compact, compact)
  end
  local sum, last, rest = 0, math.huge, compact
  while rest ~= "" do
    local number, unit, after = rest:match("^(%d+%.?%d*)([dhms])(.*)$")
    if not number or UNITS[unit] >= last then sum = nil break end
    sum, last, rest = sum + tonumber(number) * UNITS[unit], UNITS[unit], after
  end
  if not sum or compact == "" then
    return nil, ("%q is no duration like 45s, 30m, 1h30m, 10h or 2d"):format(text)
  end
  return math.tointeger(sum) or sum
end

return clock
