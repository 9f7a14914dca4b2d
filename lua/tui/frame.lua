-- SPDX-License-Identifier: MIT
-- From one frame to the next: only rows that changed are written, all of it in one piece. Pure.
-- A frame: { rows = array of texts of exactly `width` columns, cursor = { x=, y= } or nil: hidden }
local frame = {}

local BEGIN, END = "\27[?2026h", "\27[?2026l" -- synchronised output
local HIDE, SHOW = "\27[?25l", "\27[?25h"

local function cursor_of(cursor)
  return cursor and ("\27[%d;%dH"):format(cursor.y, cursor.x) .. SHOW or ""
end

local function same_cursor(a, b)
  if not a or not b then return a == b end
  return a.x == b.x and a.y == b.y
end

--- What has to be written. before: the frame that is shown, nil: nothing is known of it; sync: between marks
-- of synchronised output? → text, empty when nothing changed
function frame.change(before, after, sync)
  local out = {}
  if not before then out[1] = "\27[0m\27[2J" end
  for y, row in ipairs(after.rows) do
    if not before or before.rows[y] ~= row then
      out[#out + 1] = ("\27[%d;1H"):format(y) .. row
    end
  end
  local moved = not before or not same_cursor(before.cursor, after.cursor)
  if #out == 0 and not moved then return "" end
  local text = HIDE .. table.concat(out) .. cursor_of(after.cursor)
  return sync and BEGIN .. text .. END or text
end

return frame
