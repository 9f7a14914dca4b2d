-- SPDX-License-Identifier: MIT
-- The text that is being edited: cells (a character with what combines with it) and a cursor between them.
-- Pure.
local term = require "base.term"

local buffer = {}
buffer.__index = buffer

--- An empty text, or one with the cursor at its end.
function buffer.new(text)
  local self = setmetatable({ cells = {}, at = 1 }, buffer)
  self:insert(text or "")
  return self
end

--- Puts text before the cursor.
function buffer:insert(text)
  local cells, at = self.cells, self.at
  for _, code in utf8.codes(text) do
    local character = utf8.char(code)
    local before = cells[at - 1]
    if before and before ~= "\n" and code ~= 10 and term.width(character) == 0 then
      cells[at - 1] = before .. character
    else
      table.insert(cells, at, character)
      at = at + 1
    end
  end
  self.at = at
end

--- The text of the cells first … last (all of them).
function buffer:text(first, last) return table.concat(self.cells, "", first or 1, last or #self.cells) end

--- What stands before the cursor.
function buffer:before() return self:text(1, self.at - 1) end

function buffer:is_empty() return #self.cells == 0 end

--- Moves by cells, within the text. → whether it moved
function buffer:move(by)
  local before = self.at
  self.at = math.max(1, math.min(#self.cells + 1, self.at + by))
  return self.at ~= before
end

--- Takes the cells between the cursor and `to` (a place before a cell) away. → their text
function buffer:cut(to)
  local first, last = math.min(self.at, to), math.max(self.at, to) - 1
  local text = self:text(first, last)
  for _ = first, last do
    table.remove(self.cells, first)
  end
  self.at = first
  return text
end

--- The place where the cursor's line begins.
function buffer:line_start()
  local at = self.at
  while at > 1 and self.cells[at - 1] ~= "\n" do
    at = at - 1
  end
  return at
end

--- The place where it ends.
function buffer:line_end()
  local at = self.at
  while self.cells[at] and self.cells[at] ~= "\n" do
    at = at + 1
  end
  return at
end

local function in_word(cell) return cell ~= nil and (cell:find("^[%w_]") or cell:byte() >= 0x80) end

--- The place where the word before the cursor begins.
function buffer:word_start()
  local at = self.at
  while at > 1 and not in_word(self.cells[at - 1]) do
    at = at - 1
  end
  while in_word(self.cells[at - 1]) do
    at = at - 1
  end
  return at
end

--- The place where the word after the cursor ends.
function buffer:word_end()
  local at = self.at
  while self.cells[at] and not in_word(self.cells[at]) do
    at = at + 1
  end
  while in_word(self.cells[at]) do
    at = at + 1
  end
  return at
end

--- One line up (-1) or down (1), in the same column where there is one. → whether there is such a line
function buffer:line(by)
  local start = self:line_start()
  local column, before = self.at - start, self.at
  if by < 0 then
    if start == 1 then return false end
    self.at = start - 1
  else
    local stop = self:line_end()
    if not self.cells[stop] then return false end
    self.at = stop + 1
  end
  local first = self:line_start()
  self.at = math.min(first + column, self:line_end())
  return self.at ~= before
end

return buffer
