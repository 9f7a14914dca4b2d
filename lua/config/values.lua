-- SPDX-License-Identifier: MIT
-- Reads the texts of settings: one reader per type, reader(row, text) → value, or nil and what is wrong.
local clock = lazy "base.clock"
local log = lazy "base.log"
local url = lazy "base.url"
local currencies = lazy "facts.currencies"
local pasted = lazy "config.pasted"
local shapes = lazy "config.shapes"

local words = { ["true"] = true, yes = true, on = true, ["1"] = true, ["false"] = false, no = false,
  off = false, ["0"] = false }

-- unit: how many seconds one is, for durations
local function in_range(row, number, text, unit)
  if number ~= number or (row.min and number < row.min) or (row.max and number > row.max) then
    local function shown(limit)
      return unit and clock.duration(math.max(1, limit * unit)) or tostring(limit)
    end
    return nil, ("'%s' is outside %s to %s"):format(text, shown(row.min), shown(row.max))
  end
  return number
end

local function decimal(text)
  return text:match("^[+-]?%d*%.?%d+$") and tonumber(text) or text:match("^%d+%.$") and tonumber(text) or nil
end

local values = {}

function values.number(row, text)
  local number = decimal(text)
  if not number then return nil, "'" .. text .. "' is not a number" end
  return in_range(row, number, text)
end

function values.integer(row, text)
  local digits, unit = text:match("^(%d+)([kK]?)$")
  local number = digits and math.tointeger(tonumber(digits))
  if not number or (unit ~= "" and row.scale ~= "k") then
    return nil, "'" .. text .. "' is not a whole number"
  end
  return in_range(row, unit ~= "" and number * 1024 or number, text)
end

-- A bare number in the setting's own unit, or a duration like 1h30m.
local function span(row, text, unit)
  local number = decimal(text)
  if not number then
    local seconds, why = clock.parse_duration(text)
    if not seconds then return nil, why end
    number = seconds / unit
  end
  return in_range(row, number, text, unit)
end

function values.hours(row, text)
  return span(row, text, 3600)
end

function values.minutes(row, text)
  return span(row, text, 60)
end

function values.bool(_, text)
  local value = words[text:lower()]
  if value == nil then return nil, "'" .. text .. "' is neither yes nor no" end
  return value
end

function values.choice(row, text)
  for _, value in ipairs(row.values) do
    if value == text:lower() then return value end
  end
  return nil, "'" .. text .. "' is none of " .. table.concat(row.values, ", ")
end

function values.rate(_, text)
  return currencies.parse(text)
end

--- Does an address lead to this computer?
function values.loopback(address)
  local parts = url.parse(address)
  local host = parts and parts.host or ""
  return host == "localhost" or host == "[::1]" or host:find("^127%.%d+%.%d+%.%d+$") ~= nil
end

function values.url(row, text)
  local parts = not text:find("[%s%c]") and url.parse(text)
  if not parts then
    return nil, (row.secret_url and "the address" or "'" .. text .. "'") .. " is not of the form https://host"
  end
  if parts.scheme == "http" and not values.loopback(text) then
    return nil, "plain http is accepted only for this computer; write https://"
  end
  if row.secret_url then
    log.hide(text)
    return text
  end
  return (text:gsub("/+$", ""))
end

function values.secret(row, text)
  local key, why = text, nil
  if not text:find("^[%w+/._:-]+=?=?$") or text:find("^[%u%d_]+=") then
    key, why = pasted.key(text, row.name)
  end
  if not key then return nil, why end
  if row.shape == "key" and not key:match("^[%w+/]+=$") then
    return nil, "the key is not 32 bytes in base64"
  end
  log.hide(key)
  return key
end

function values.string(row, text)
  if row.shape then
    local fine, why, meant = shapes[row.shape](text)
    if not fine then return nil, "'" .. text .. "' " .. why end
    return meant or text
  end
  return text
end

return values
