-- SPDX-License-Identifier: MIT
--- Cursors: opaque text that only we can read back.
local json = require "base.json"

local paging = {}

--- Reads a query parameter that holds a JSON object. → table, or nil when it is absent or malformed.
function paging.object(text)
  local value = type(text) == "string" and json.decode(text)
  return type(value) == "table" and value or nil
end

function paging.token(value)
  return "c1" .. json.encode(value):gsub(".", function(byte)
    return string.format("%02x", byte:byte())
  end)
end

--- → the value inside a cursor, or nil when it is none of ours.
function paging.open(text)
  local digits = text:match("^c1(%x+)$")
  if not digits or #digits % 2 ~= 0 then return nil end
  local plain = digits:gsub("%x%x", function(pair)
    return string.char(tonumber(pair, 16))
  end)
  return paging.object(plain)
end

--- A page by position: → rows, cursor of the next page or nil; nil when the cursor is bad.
function paging.plain(list, limit, cursor)
  local start = 0
  if cursor and cursor ~= "" then
    local value = paging.open(cursor)
    if not value or type(value.from) ~= "number" then return nil end
    start = value.from
  end
  limit = math.max(1, limit // 1)
  local page = {}
  for i = start + 1, math.min(#list, start + limit) do
    page[#page + 1] = list[i]
  end
  local last = start + #page
  return page, last < #list and paging.token({ from = last }) or nil
end

return paging
