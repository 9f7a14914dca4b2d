-- SPDX-License-Identifier: MIT
-- Words of a command line as they may be shown: whatever bytes were typed, a sentence about them is text and stays short. Pure.
local M = {}

local LONGEST = 200 -- bytes of a word without a blank
local KEPT = 80

-- A byte that is no UTF-8, or a control character.
local function shown(byte)
  return ("\\x%02X"):format(byte:byte())
end

local function text_of(text)
  text = text:gsub("%c", function(byte) return byte == "\n" and byte or shown(byte) end)
  local _, bad = utf8.len(text)
  while bad do
    text = text:sub(1, bad - 1) .. shown(text:sub(bad, bad)) .. text:sub(bad + 1)
    _, bad = utf8.len(text, bad)
  end
  return text
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
