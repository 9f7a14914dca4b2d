-- SPDX-License-Identifier: MIT
-- Words of a command line and other texts as they may be shown: whatever bytes were typed, a sentence about
-- them is text and stays short, and JSON is JSON. Pure.
local clean = lazy "base.clean"
local fail = lazy "base.fail"
local json = lazy "base.json"
local sorted = require "base.sorted"

local words = {}

local LONGEST = 200 -- bytes of a word without a blank
local KEPT = 80
local DEEPEST = 50

--- A value as JSON can hold it: numbers that are none become null, functions and the like their name, mixed
-- keys texts, and what lies too deep (or in a circle) a word.
function words.cleaned(value, depth)
  depth = depth or 0
  local kind = type(value)
  if kind == "number" then
    return value == value and math.abs(value) ~= math.huge and value or json.null
  elseif kind == "string" or kind == "boolean" or value == json.null then
    return value
  elseif kind ~= "table" or depth > DEEPEST then
    return "<" .. kind .. ">"
  end
  local copy, count = {}, #value
  local list = count > 0
  for key in sorted(value) do
    list = list and math.type(key) == "integer" and key >= 1 and key <= count
  end
  if list then
    for index = 1, count do
      copy[index] = value[index] == nil and json.null or words.cleaned(value[index], depth + 1)
    end
    return json.array(copy)
  end
  for key, each in sorted(value) do
    copy[tostring(key)] = words.cleaned(each, depth + 1)
  end
  return setmetatable(copy, next(value) == nil and getmetatable(value) or nil)
end

--- The JSON text of an object, whatever it holds: after money was spent an answer never fails.
function words.encoded(object)
  local ok, text = fail.try(json.encode, object)
  return ok and text or json.encode(words.cleaned(object))
end

--- A sentence that may hold words as they were typed. → text without control characters and bad bytes, very
-- long words cut
function words.presentable(sentence)
  return (clean.text(sentence):gsub("%S+", function(word)
    if #word > LONGEST then
      local cut = word:sub(1, (utf8.offset(word, 0, KEPT + 1) or KEPT + 1) - 1)
      return ("%s… (%d bytes)"):format(cut, #word)
    end
  end))
end

return words
