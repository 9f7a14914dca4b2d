-- SPDX-License-Identifier: MIT
-- Addresses: percent-encoding, queries in sorted order, and the parts that may be shown.

local url = {}

--- Percent-encodes all but the unreserved characters (RFC 3986 §2.3).
function url.escape(text)
  return (tostring(text):gsub("[^%w%-._~]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

--- Undoes escape; with `plus`, "+" is a space.
function url.unescape(text, plus)
  if plus then text = text:gsub("%+", " ") end
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

--- "a=1&b=x%20y"; an array value repeats its name, false and nil are left out, true is "true".
function url.query(values)
  local parts = {}
  for name, value in require "base.sorted"(values) do
    local list = type(value) == "table" and value or { value }
    for _, item in ipairs(list) do
      if item ~= false then parts[#parts + 1] = url.escape(name) .. "=" .. url.escape(item) end
    end
  end
  return table.concat(parts, "&")
end

--- Name → value of a query string; the last of equal names wins.
function url.parse_query(text)
  local values = {}
  for part in (text or ""):gmatch("[^&]+") do
    local name, value = part:match("^([^=]*)=?(.*)$")
    values[url.unescape(name, true)] = url.unescape(value, true)
  end
  return values
end

--- The address with a query appended.
function url.with_query(address, values)
  local text = values and url.query(values) or ""
  if text == "" then return address end
  return address .. (address:find("?", 1, true) and "&" or "?") .. text
end

--- {scheme=, host=, port=|nil, path=} of an http(s) address, or nil, sentence.
function url.parse(address)
  local scheme, authority, path = address:match("^(https?)://([^/?#]+)([^?#]*)")
  if not scheme then
    return nil, ("%q is no http address"):format(url.shown(address))
  end
  if authority:find("@", 1, true) then
    return nil, "an address with a user name in it is not accepted"
  end
  local name, port = authority:match("^(%[[%x:.]+%]):?(%d*)$")
  if not name then name, port = authority:match("^([^:]+):?(%d*)$") end
  if not name then return nil, ("%q is no host and port"):format(authority) end
  return { scheme = scheme, host = name:lower(), port = math.tointeger(tonumber(port)),
    path = path == "" and "/" or path }
end

--- The address without query, fragment and user.
function url.shown(address)
  return (address:gsub("[?#].*$", ""):gsub("//[^/@]*@", "//"))
end

return url
