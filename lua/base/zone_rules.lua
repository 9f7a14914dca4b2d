-- SPDX-License-Identifier: MIT
-- Rules of a time zone as POSIX writes them, like CET-1CEST,M3.5.0,M10.5.0/3 or <+03>-3: what TZ may hold,
-- and what stands at the end of a TZif file for all time after its last transition (RFC 8536 §3.3). Pure.

local clock = lazy "base.clock"

local DAY = 86400
local USUAL = ",M3.2.0,M11.1.0" -- what the C library takes when summer time has a name and no rule

local zone_rules = {}

local function name_at(text, at)
  return text:match("^<[%w+-]+>()", at) or text:match("^%a%a%a+()", at)
end

-- "[+-]hh[:mm[:ss]]" → seconds, position after it; hours: the most that there may be
local function time_at(text, at, hours)
  local sign, hour, after = text:match("^([+-]?)(%d%d?%d?)()", at)
  if not hour or tonumber(hour) > hours then return nil end
  local sum = tonumber(hour) * 3600
  for _, unit in ipairs { 60, 1 } do
    local digits, next_at = text:match("^:(%d%d)()", after)
    if not digits then break end
    if tonumber(digits) > 59 then return nil end
    sum, after = sum + tonumber(digits) * unit, next_at
  end
  return math.tointeger(sign == "-" and -sum or sum), after
end

local function within(text, low, high)
  local number = math.tointeger(tonumber(text))
  return number and number >= low and number <= high and number or nil
end

-- "M3.5.0/2", "J60" or "59" → rule, position after it
local function date_at(text, at)
  local rule = {}
  local after
  local month, week, day, stop = text:match("^M(%d%d?)%.(%d)%.(%d)()", at)
  if month then
    rule.month, rule.week, rule.day, after = within(month, 1, 12), within(week, 1, 5), within(day, 0, 6), stop
    if not (rule.month and rule.week and rule.day) then return nil end
  else
    local letter, number
    letter, number, after = text:match("^(J?)(%d%d?%d?)()", at)
    rule.julian = letter == "J" and within(number, 1, 365) or nil
    rule.zero = letter == "" and within(number, 0, 365) or nil
    if not (rule.julian or rule.zero) then return nil end
  end
  rule.time = 7200
  if text:sub(after, after) == "/" then
    rule.time, after = time_at(text, after + 1, 167)
    if not rule.time then return nil end
  end
  return rule, after
end

--- Reads such a text. → rules { std=, dst=|nil: seconds east of UTC, from=, to= }, or nil when it is none
function zone_rules.parse(text)
  local at = name_at(text, 1)
  local west
  if at then west, at = time_at(text, at, 24) end
  if not west then return nil end
  local made = { std = -west }
  if at > #text then return made end
  at = name_at(text, at)
  if not at then return nil end
  made.dst = made.std + 3600
  if text:find("^[%d+-]", at) then
    west, at = time_at(text, at, 24)
    if not west then return nil end
    made.dst = -west
  end
  if at > #text then
    text = text .. USUAL
  end
  if text:sub(at, at) ~= "," then return nil end
  made.from, at = date_at(text, at + 1)
  if not made.from or text:sub(at, at) ~= "," then return nil end
  made.to, at = date_at(text, at + 1)
  return made.to and at > #text and made or nil
end

-- Days since 1970 on which a rule's date falls in a year.
local function day_of(rule, year)
  local first = clock.days(year, 1, 1)
  if rule.zero then return first + rule.zero end
  if rule.julian then
    local leap = clock.days(year, 3, 1) - first == 60
    return first + rule.julian - 1 + (leap and rule.julian >= 60 and 1 or 0)
  end
  local start = clock.days(year, rule.month, 1)
  local stop = rule.month == 12 and clock.days(year + 1, 1, 1) or clock.days(year, rule.month + 1, 1)
  local day = start + (rule.day - (start + 4)) % 7 + (rule.week - 1) * 7 -- 1970-01-01 was a Thursday
  return day < stop and day or day - 7
end

--- Seconds east of UTC at unix seconds t.
function zone_rules.offset(made, t)
  if not made.dst then return made.std end
  local year = tonumber(clock.iso(t + made.std):match("^%-?%d+"))
  local from = day_of(made.from, year) * DAY + made.from.time - made.std
  local to = day_of(made.to, year) * DAY + made.to.time - made.dst
  local summer
  if from < to then
    summer = t >= from and t < to
  else
    summer = t >= from or t < to
  end
  return summer and made.dst or made.std
end

return zone_rules
