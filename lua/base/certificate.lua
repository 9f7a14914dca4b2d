-- SPDX-License-Identifier: MIT
-- When an X.509 certificate is good (RFC 5280 §4.1.2.5), of what it says itself; nothing is verified.
local clock = require "base.clock"
local keys = require "base.keys"

local certificate = {}

local SEQUENCE, VERSION, UTC, GENERALIZED = 0x30, 0xA0, 0x17, 0x18

-- The element of DER that begins at a byte. → its tag, where its content begins, where it ends; nil: none
local function element(der, at)
  local tag, length = der:byte(at, at + 1)
  local first = at + 2
  if not length or length == 128 or length > 132 then return nil end
  if length > 128 then
    local size = length - 128
    if #der < first + size then return nil end
    length, first = (">I" .. size):unpack(der, first), first + size
  end
  if first + length - 1 > #der then return nil end
  return tag, first, first + length
end

local function time_of(tag, text)
  local year, rest = text:match(tag == UTC and "^(%d%d)(%d%d%d%d%d%d%d%d%d%d)Z$" or "^(%d%d%d%d)(%d+)Z$")
  if not year or tag ~= UTC and tag ~= GENERALIZED then return nil end
  if tag == UTC then year = (tonumber(year) >= 50 and "19" or "20") .. year end
  local parts = { rest:match "^(%d%d)(%d%d)(%d%d)(%d%d)(%d%d)$" }
  return parts[1] and clock.parse_iso(("%s-%s-%sT%s:%s:%sZ"):format(year, table.unpack(parts))) or nil
end

-- Where the times lie: behind version, serial number, algorithm and issuer.
local function times_at(der)
  local tag, at = element(der, 1)
  if tag ~= SEQUENCE then return nil end
  tag, at = element(der, at)
  if tag ~= SEQUENCE then return nil end
  local first, _, after = element(der, at)
  for _ = first == VERSION and 1 or 2, 4 do
    if not after then return nil end
    at = after
    _, _, after = element(der, at)
  end
  tag, at = element(der, at)
  return tag == SEQUENCE and at or nil
end

--- The times of the first certificate of a PEM text. → from, until in unix seconds; nil: there is none
function certificate.validity(pem)
  local text = pem:match "%-%-%-%-%-BEGIN CERTIFICATE%-%-%-%-%-(.-)%-%-%-%-%-END CERTIFICATE%-%-%-%-%-"
  local der = text and keys.unbase64((text:gsub("%s", "")))
  local at = der and times_at(der)
  if not at then return nil end
  local found = {}
  for i = 1, 2 do
    local tag, first, after = element(der, at)
    found[i] = tag and time_of(tag, der:sub(first, after - 1))
    if not found[i] then return nil end
    at = after
  end
  return found[1], found[2]
end

return certificate
