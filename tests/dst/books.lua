-- SPDX-License-Identifier: MIT
-- The product's record as the judge reads it: the lines of journal and history, and whether anything
-- of them was lost.
local json = require "base.json"
local keys = require "base.keys"

local books = {}

--- The records of a text, each line by itself.
function books.records(text)
  local list = {}
  for line in text:gmatch("([^\n]*)\n") do
    local sum, body = line:match("^(%x+) (.*)$")
    local record = body and json.decode(body)
    list[#list + 1] = type(record) == "table" and record or { kind = "damaged", sum = sum }
  end
  return list
end

--- The chain of sums, reckoned anew. → a sentence when it is broken
function books.unchained(text, name)
  local previous, number = "continueplz " .. name, 0
  for line in text:gmatch("([^\n]*)\n") do
    number = number + 1
    local sum, body = line:match("^(%x+) (.*)$")
    if not sum or keys.sha256_hex(previous .. "\n" .. body):sub(1, 32) ~= sum then
      return ("line %d of the %s does not fit the one before"):format(number, name)
    end
    previous = sum
  end
end

--- What `lost` remembers.
function books.new() return { history = "", journal = "" } end

-- Whole records of one file, as a set.
local function bodies(text, set)
  for line in text:gmatch("([^\n]*)\n") do
    local body = line:match("^%x+ (.*)$")
    if body and not body:find('"kind":"journal"', 1, true) then set[body] = true end
  end
  return set
end

--- No record that stood in one of the files may be gone: the history only grows, the journal gives
-- records to the history.
-- @return a sentence when one is
function books.lost(before, history, journal)
  history, journal = history:match("^(.*\n)") or "", journal:match("^(.*\n)") or ""
  local wrong = nil
  if history:sub(1, #before.history) ~= before.history then
    wrong = "a record of the history was lost or changed"
  end
  if journal:sub(1, #before.journal) ~= before.journal then
    local now = bodies(journal, bodies(history, {}))
    for body in pairs(bodies(before.journal, {})) do -- order: free
      if not now[body] then wrong = "a record of the journal was lost or changed" end
    end
  end
  before.history, before.journal = history, journal
  return wrong
end

return books
