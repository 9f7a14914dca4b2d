-- SPDX-License-Identifier: MIT
-- Times of day and days of the week as people write them, and the moments they mean in the user's own zone.
local clock = require "base.clock"
local suggest = lazy "facts.suggest"

local calendar = {}

local DAY = 86400

--- The days in the order of a week.
calendar.days = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" }
local LONG = { "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday" }
local GROUPS = { daily = "mon-sun", weekdays = "mon-fri", weekend = "sat-sun" }

local number = {}
for index, name in ipairs(calendar.days) do
  number[name], number[LONG[index]] = index, index
end

--- Reads "08:30" or "08:30:15". → seconds since midnight, or nil and a sentence
function calendar.parse_time(text)
  local hour, minute, second = tostring(text):match("^(%d%d?):(%d%d)$")
  if not hour then
    hour, minute, second = tostring(text):match("^(%d%d?):(%d%d):(%d%d)$")
  end
  hour, minute, second = math.tointeger(tonumber(hour)), math.tointeger(tonumber(minute)),
    math.tointeger(tonumber(second or 0))
  if not hour or hour > 23 or minute > 59 or second > 59 then
    return nil, ("'%s' is no time of day; write it like 08:30 or 17:00"):format(tostring(text))
  end
  return hour * 3600 + minute * 60 + second
end

--- "08:30", or "08:30:15" when there are seconds, of seconds since midnight.
function calendar.time_text(seconds)
  local text = ("%02d:%02d"):format(seconds // 3600, seconds % 3600 // 60)
  return seconds % 60 == 0 and text or text .. (":%02d"):format(seconds % 60)
end

local function day_number(word)
  if number[word] then return number[word] end
  local known = { "mon-fri", "daily", "weekdays", "weekend" }
  table.move(calendar.days, 1, #calendar.days, #known + 1, known)
  return nil, ("'%s' is no day of the week; write days like mon-fri or mon,wed,fri%s"):format(word,
    suggest.hint(word, known))
end

--- Reads "mon-fri", "mon,wed,fri", "sat-mon", "daily", "weekdays" or "weekend". → array of seven booleans,
-- Monday first, or nil and a sentence
function calendar.parse_days(text)
  local lower = tostring(text):lower():gsub("%s+", "")
  local set = { false, false, false, false, false, false, false }
  for part in ((GROUPS[lower] or lower) .. ","):gmatch("([^,]*),") do
    part = GROUPS[part] or part
    local from, to = part:match("^(%a+)%-(%a+)$")
    local first, why = day_number(from or part)
    local last, wrong = first, nil
    if from then
      last, wrong = day_number(to)
    end
    if not first or not last then return nil, why or wrong end
    set[last] = true
    while first ~= last do
      set[first] = true
      first = first % 7 + 1
    end
  end
  return set
end

--- "mon-fri" or "mon,wed" of a set of days: runs of three and more become ranges.
function calendar.days_text(set)
  local parts, index = {}, 1
  while index <= 7 do
    local last = index
    while set[index] and set[last + 1] do
      last = last + 1
    end
    if set[index] and last - index >= 2 then
      parts[#parts + 1] = calendar.days[index] .. "-" .. calendar.days[last]
    elseif set[index] then
      for day = index, last do
        parts[#parts + 1] = calendar.days[day]
      end
    end
    index = last + 1
  end
  return table.concat(parts, ",")
end

-- The local clock at unix seconds t, as if it were UTC.
local function shown(t)
  local _, offset = clock.local_time(t)
  return t + offset
end

--- The day of the week at unix seconds t in the user's zone: 1 (Monday) to 7.
function calendar.weekday(t)
  return math.tointeger((shown(t) // DAY + 3) % 7) + 1
end

--- Unix seconds of a time of day (seconds since midnight) on the day of t, or `ahead` days later. A time that
-- is skipped when the clock goes forward is the moment of the jump;
-- of one that comes twice the first is meant.
function calendar.at(seconds, t, ahead)
  local wanted = (shown(t) // DAY + (ahead or 0)) * DAY + seconds
  local low, high = wanted - 2 * DAY, wanted + 2 * DAY
  local early, late = shown(low) - low, shown(high) - high -- the offsets around
  local found
  for _, offset in ipairs { math.max(early, late), math.min(early, late) } do
    if not found and shown(wanted - offset) == wanted then
      found = wanted - offset
    end
  end
  if found then return math.tointeger(found) or found end
  low, high = wanted - math.max(early, late), wanted - math.min(early, late)
  while high - low > 1 do -- the jump lies between
    local middle = (low + high) // 2
    if shown(middle) >= wanted then high = middle else low = middle end
  end
  return math.tointeger(high) or high
end

--- Unix seconds of the next moment after t at which the local clock shows this time of day,
-- on one of these days (nil: any).
function calendar.next(seconds, t, days)
  for ahead = 0, 8 do
    local at = calendar.at(seconds, t, ahead)
    if at > t and (not days or days[calendar.weekday(at)]) then return at end
  end
  error("no day of the week is allowed", 2)
end

--- The days within the next `count` on which the clock skips this time of day, as unix seconds of the jump;
-- set: of these days of the week alone.
function calendar.skipped(seconds, t, count, set)
  local list, before = {}, nil
  for ahead = 0, count do
    local _, offset = clock.local_time(t + ahead * DAY)
    for day = ahead - 1, before and offset > before and ahead or ahead - 2 do
      local at = calendar.at(seconds, t, day)
      if at > t and shown(at) % DAY ~= seconds and at ~= list[#list]
        and (not set or set[calendar.weekday(at)]) then
        list[#list + 1] = at
      end
    end
    before = offset
  end
  return list
end

return calendar
