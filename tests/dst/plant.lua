-- SPDX-License-Identifier: MIT
-- Plants one mistake of dst/mistakes.lua in a text.
local chunk = require "sandbox.chunk"
local fail = require "base.fail"

--- Replaces what must stand in `text` exactly once.
-- @param change { file=, find=, replace= } (file: only for the message)
-- @return the changed text
-- @raise `usage` when the text is not there, or twice, or when nothing but a broken file would come of it
return function(text, change)
  local from, to = text:find(change.find, 1, true)
  if not from then
    fail.raise("usage", ("%s does not hold the text that is to be changed"):format(change.file))
  end
  if text:find(change.find, to + 1, true) then
    fail.raise("usage", ("%s holds the text that is to be changed twice"):format(change.file))
  end
  local changed = text:sub(1, from - 1) .. change.replace .. text:sub(to + 1)
  local fine, why = change.file:sub(-4) ~= ".lua" or nil, nil
  if not fine then fine, why = chunk.compile(changed, "=" .. change.file, {}) end
  if not fine then fail.raise("usage", "this is no mistake but a broken file: " .. why) end
  return changed
end
