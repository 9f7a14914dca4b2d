-- SPDX-License-Identifier: MIT
-- Files of checksummed, hash-chained records (the journal, the history). One record a line: 32 hex digits, a
-- blank, sorted JSON. The digits hash the digits of the line before and the JSON. Pure.
local json = lazy "base.json"
local keys = lazy "base.keys"

local chain = {}

local function digest(previous, text)
  return keys.sha256_hex(previous .. "\n" .. text):sub(1, 32)
end

-- A line whose digits match the line before is whole. A damaged line costs itself, not those after it.
local function read_line(line, previous)
  local sum, text = line:match("^(%x+) (.*)$")
  if not sum or #sum ~= 32 then return nil, nil end
  if previous and digest(previous, text) ~= sum then return nil, sum end
  local record = json.decode(text)
  if type(record) ~= "table" then return nil, sum end
  return record, sum
end

--- One line behind the digits `previous` (nil: they are not known). → its record, or nil when it is damaged
function chain.line_record(line, previous) return (read_line(line, previous)) end

--- Reads records. previous: the digits before the first line; nil: they are not known,
-- and the first line is believed.
-- @return { records = {…}, sums = {digits of each record}, damaged = {numbers of lines}, torn = half a line
-- at the end or nil, last = digits }
function chain.read(data, previous)
  local found = { records = {}, sums = {}, damaged = {}, last = previous }
  local number = 0
  for line, ending in data:gmatch("([^\n]*)(\n?)") do
    if line ~= "" then
      number = number + 1
      local record, sum = read_line(line, found.last)
      if ending == "" then
        found.torn = line
        return found
      elseif record then
        found.records[#found.records + 1], found.sums[#found.sums + 1] = record, sum
      else
        found.damaged[#found.damaged + 1] = number
      end
      found.last = sum or found.last
    end
  end
  return found
end

--- The line of a record behind the digits `previous`. → text with its line end, its digits
function chain.line(previous, record)
  local text = json.encode(record)
  local sum = digest(previous, text)
  return sum .. " " .. text .. "\n", sum
end

return chain
