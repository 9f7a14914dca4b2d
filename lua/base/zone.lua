-- SPDX-License-Identifier: MIT
-- Time zones: the user's (TZ), and the system's, from TZif files (RFC 8536) with the rule at their end,
-- or from TZ itself.

local host = ...

local zone_rules = lazy "base.zone_rules"

local zone = {}

local SYSTEM = "/etc/localtime"

local loaded = {} -- what TZ says (SYSTEM: nothing) → transitions and rule, or false for UTC

-- The file that a name of a zone means; nil: none can.
local function zone_file(name)
  if name:sub(1, 1) == "/" then return name end
  if name:find("..", 1, true) then return nil end
  local dir = host.process.getenv("TZDIR")
  return (dir and dir ~= "" and dir or "/usr/share/zoneinfo") .. "/" .. name
end

-- Position after the block whose header starts at `at`, and the header's counts.
local function header(data, at, width)
  local isut, isstd, leap, time, types, chars = (">I4I4I4I4I4I4"):unpack(data, at + 20)
  local size = time * width + time + types * 6 + chars + leap * (width + 4) + isstd + isut
  return at + 44 + size, time, types
end

local function parse(data)
  if #data < 44 or data:sub(1, 4) ~= "TZif" then return nil end
  local at, width, format = 1, 4, ">i4"
  local after, count, types = header(data, at, width)
  if data:byte(5) >= 0x32 then
    at, width, format = after, 8, ">i8"
    after, count, types = header(data, at, width)
  end
  if after > #data + 1 or types == 0 then return nil end
  local times, indexes, offsets = at + 44, at + 44 + count * width, at + 44 + count * (width + 1)
  local result = { count = count, times = {}, offsets = {} }
  for i = 0, count - 1 do
    result.times[i + 1] = format:unpack(data, times + i * width)
    local index = data:byte(indexes + i)
    if index >= types then return nil end
    result.offsets[i + 1] = (">i4"):unpack(data, offsets + index * 6)
  end
  result.first = (">i4"):unpack(data, offsets)
  local footer = width == 8 and data:match("^\n([^\n]*)\n", after)
  result.rule = footer and zone_rules.parse(footer) or nil
  return result
end

-- As the C library does it: a file of that name, else a rule, else UTC.
local function load(name)
  if name == "" then return false end
  name = name:gsub("^:", "")
  local path = zone_file(name)
  local data = path and host.state.read(path, 65536, nil, true)
  local ok, made = pcall(parse, data or "")
  if ok and made then return made end
  local rule = zone_rules.parse(name)
  return rule and { count = 0, rule = rule } or false
end

local function offset_in(name, t)
  if loaded[name] == nil then loaded[name] = load(name) end
  local made = loaded[name]
  if not made then return 0 end
  if made.rule and (made.count == 0 or t >= made.times[made.count]) then
    return zone_rules.offset(made.rule, t)
  end
  local low, high = 0, made.count
  while low < high do
    local middle = (low + high + 1) // 2
    if made.times[middle] <= t then low = middle else high = middle - 1 end
  end
  return low == 0 and made.first or made.offsets[low]
end

--- Seconds east of UTC at unix seconds t; 0 when the system does not say.
function zone.offset(t) return offset_in(host.process.getenv("TZ") or SYSTEM, t) end

--- The same in the zone of the system, by which cron and timers go whatever TZ says.
function zone.system_offset(t) return offset_in(SYSTEM, t) end

return zone
