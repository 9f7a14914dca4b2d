-- SPDX-License-Identifier: MIT
-- Where the text that is being edited stands on the screen, and what to send to show it. Pure.
local term = require "base.term"

local layout = {}

--- Breaks text into rows. The last column stays free, so that no terminal wraps by itself.
-- view: { prompt=, more=, cells=, at= }. → { rows = {text, …}, row=, column= } of the cursor (column from 0)
function layout.rows(view, columns)
  local width = math.max(4, columns - 1)
  local rows, row, used, made = {}, view.prompt, term.width(view.prompt), {}
  local function finish(start)
    rows[#rows + 1] = row
    row, used = start, term.width(start)
  end
  for index = 1, #view.cells + 1 do
    local cell = view.cells[index]
    local wide = cell and cell ~= "\n" and term.width(cell) or 0
    if used + math.max(wide, 1) > width then
      finish ""
    end
    if index == view.at then
      made.row, made.column = #rows + 1, used
    end
    if cell == "\n" then
      finish(view.more)
    elseif cell then
      row, used = row .. cell, used + wide
    end
  end
  finish ""
  made.rows = rows
  return made
end

-- Only the rows around the cursor when there are more than the screen has.
local function window(made, height)
  if #made.rows <= height then return made end
  local first = math.max(1, math.min(made.row - height // 2, #made.rows - height + 1))
  return { rows = table.move(made.rows, first, first + height - 1, 1, {}), row = made.row - first + 1,
    column = made.column }
end

local function up(count) return count > 0 and ("\27[%dA"):format(count) or "" end

--- What draws a view over what is there. shown: what `draw` returned before, nil on a fresh line.
-- → text, what is shown now
function layout.draw(view, columns, height, shown)
  local made = window(layout.rows(view, columns), math.max(1, height))
  local text = up(shown and shown.row - 1 or 0) .. "\r\27[J" .. table.concat(made.rows, "\r\n")
    .. up(#made.rows - made.row) .. "\r"
  if made.column > 0 then
    text = text .. ("\27[%dC"):format(made.column)
  end
  return text, made
end

--- What leaves the cursor on a fresh line below what is shown.
function layout.leave(shown)
  local below = #shown.rows - shown.row
  return (below > 0 and ("\27[%dB"):format(below) or "") .. "\r\n"
end

return layout
