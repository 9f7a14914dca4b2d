-- SPDX-License-Identifier: MIT
-- A block of lines at the foot of a terminal that is drawn again and again: only lines that changed are
-- written, a whole block at once, and what was there before the command stays above it.
local clean = require "base.clean"
local term = require "base.term"

local redraw = {}
local methods = {}
local meta = { __index = methods }

--- A block that nothing was drawn of yet.
function redraw.new() return setmetatable({ shown = {} }, meta) end

-- A line as it may be written: cut to the width, so that it takes one row.
local function cut(line, width)
  if term.width(line) <= width then return line end
  return term.start(line:gsub("\27%[[%d;]*m", ""), width - 1) .. ">"
end

--- Draws lines; those beyond the terminal's height are left out. → whether anything was written
function methods:draw(lines)
  local width, height = term.size()
  local rows, parts = {}, {}
  for index = 1, math.min(#lines, math.max(1, height - 1)) do
    rows[index] = cut(clean.text(lines[index], true), width)
  end
  local whole = self.width ~= width or self.height ~= height or #rows < #self.shown
  if #self.shown > 0 then parts[1] = ("\27[%dA\r"):format(#self.shown) end
  if whole and #self.shown > 0 then parts[#parts + 1] = "\27[J" end
  local changed = whole or #rows > #self.shown
  for index, row in ipairs(rows) do
    local same = not whole and self.shown[index] == row
    changed = changed or not same
    parts[#parts + 1] = same and "\n" or row .. "\27[K\n"
  end
  if not changed then return false end
  self.shown, self.width, self.height = rows, width, height
  term.draw("out", table.concat(parts))
  return true
end

return redraw
