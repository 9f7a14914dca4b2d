-- SPDX-License-Identifier: MIT
-- The user's time zone, from the system's TZif file (RFC 8536).

local host = ...

local zone = {}

local loaded

local function zone_file()
  local name = host.process.getenv("TZ")
  if not name or name == "" then return "/etc/localtime" end
  name = name:gsub("^:", "")
  if name:sub(1, 1) == "/" then return name end
  if name:find("..", 1, true) then return nil end
  return "/usr/share/zoneinfo/" .. name
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
  return result
end

-- Seconds east of UTC at unix seconds t; 0 when the system does not say.
function zone.offset(t)
  if loaded == nil then
    local path = zone_file()
    local data = path and host.state.read(path, 65536)
    local ok, rules = pcall(parse, data or "")
    loaded = ok and rules or false
  end
  if not loaded then return 0 end
  local low, high = 0, loaded.count
  while low < high do
    local middle = (low + high + 1) // 2
    if loaded.times[middle] <= t then low = middle else high = middle - 1 end
  end
  return low == 0 and loaded.first or loaded.offsets[low]
end

return zone
