-- SPDX-License-Identifier: MIT
-- Words of a command line and other texts as they may be shown: whatever bytes were typed, a sentence about them is text and stays short, and JSON
-- is JSON. Pure.
local fail = lazy "base.fail"
local json = lazy "base.json"
local sorted = require "base.sorted"

local M = {}

local LONGEST = 200 -- bytes of a word without a blank
local KEPT = 80

-- A byte that is no UTF-8, or a control character.
local function shown(byte)
  return ("\\x%02X"):format(byte:byte())
end

local function text_of(text)
  text = text:gsub("%c", function(byte) return (byte == "\n" or byte == "\t") and byte or shown(byte) end)
  local _, bad = utf8.len(text)
  while bad do
    text = text:sub(1, bad - 1) .. shown(text:sub(bad, bad)) .. text:sub(bad + 1)
    _, bad = utf8.len(text, bad)
  end
  return text
end

--- A value whose texts, of a folder's name for example, may hold bytes that are no UTF-8. → the same with \xNN for those
function M.cleaned(value)
  if type(value) == "string" then
    return text_of(value)
  elseif type(value) ~= "table" then
    return value
  end
  local copy = setmetatable({}, getmetatable(value))
  for key, each in sorted(value) do
    copy[M.cleaned(key)] = M.cleaned(each)
  end
  return copy
end

--- The JSON text of an object; what cannot be JSON for its bytes is shown as text.
function M.encoded(object)
  local ok, text = fail.try(json.encode, object)
  return ok and text or json.encode(M.cleaned(object))
end

--- A sentence that may hold words as they were typed. → text without control characters and bad bytes, very long words cut
function M.presentable(sentence)
  return (text_of(sentence):gsub("%S+", function(word)
    if #word > LONGEST then
      local cut = word:sub(1, (utf8.offset(word, 0, KEPT + 1) or KEPT + 1) - 1)
      return ("%s… (%d bytes)"):format(cut, #word)
    end
  end))
end

return M
