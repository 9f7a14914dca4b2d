-- SPDX-License-Identifier: MIT
-- A small terminal: takes what a full-screen program writes and tells what a person would see. What it does
-- not know is a mistake of the program's, kept in `strange`.
local term = require "base.term"

local vt = {}
vt.__index = vt

--- A terminal of that size.
function vt.new(width, height)
  local self = setmetatable({ width = width, height = height, modes = {}, strange = {}, bytes = 0, rest = "",
    copied = {}, bells = 0, printed = {} }, vt)
  self:clear()
  return self
end

function vt:clear()
  self.cells, self.x, self.y = {}, 1, 1
  for y = 1, self.height do
    self.cells[y] = {}
    for x = 1, self.width do self.cells[y][x] = " " end
  end
end

function vt:resize(width, height)
  self.width, self.height = width, height
  self:clear()
end

local function odd(self, text) self.strange[#self.strange + 1] = ("%q"):format(text) end

local KNOWN = { ["1049"] = "alternate", ["25"] = "cursor", ["2004"] = "paste", ["1000"] = "mouse",
  ["1006"] = "mouse_text", ["2026"] = "synchronised" }

local function mode(self, parameters, final)
  local name = KNOWN[parameters:match "^%?(%d+)$"]
  if not name then return odd(self, parameters .. final) end
  if name == "synchronised" and self.modes[name] == (final == "h") then odd(self, "marks of frames twice") end
  self.modes[name] = final == "h"
  if name == "alternate" then self:clear() end
end

local function control(self, parameters, final)
  if final == "m" then
    if not parameters:find "^[%d;]*$" then odd(self, parameters .. final) end
  elseif final == "h" or final == "l" then
    mode(self, parameters, final)
  elseif final == "H" then
    local y, x = parameters:match "^(%d+);(%d+)$"
    self.y, self.x = math.tointeger(tonumber(y or 1)), math.tointeger(tonumber(x or 1))
    if self.y > self.height and not self.lenient then odd(self, "below the screen") end
  elseif final == "J" and parameters == "2" then
    local x, y = self.x, self.y
    self:clear()
    self.x, self.y = x, y
  elseif final == "K" or final == "C" then
    return -- lines of the plain program
  else
    odd(self, parameters .. final)
  end
end

local function put(self, character)
  local wide = term.width(character)
  if not self.modes.alternate then
    self.printed[#self.printed + 1] = character
    return
  end
  local row = self.cells[self.y]
  if wide == 0 and row and row[self.x - 1] then
    row[self.x - 1] = row[self.x - 1] .. character
    return
  end
  if self.x + wide - 1 > self.width and not self.lenient then odd(self, "beyond the right edge") end
  if row and self.x <= self.width then
    row[self.x] = character
    if wide == 2 then row[self.x + 1] = "" end
  end
  self.x = self.x + wide
end

-- One sequence or character at a place. → where the next one begins; nil when it is cut off
local function step(self, text, at)
  local byte = text:byte(at)
  if byte == 27 then
    local parameters, final, after = text:match("^\27%[([0-?]*)([@-~])()", at)
    if final then
      control(self, parameters, final)
      return after
    end
    local coded, stop = text:match("^\27%]52;c;([%w+/=]*)\7()", at)
    if coded then
      self.copied[#self.copied + 1] = coded
      return stop
    end
    if #text - at < 64 and not text:find("[@-Z\\^-~]", at + 1) then return nil end
    odd(self, text:sub(at, at + 10))
    return at + 1
  elseif byte < 32 or byte == 127 then
    if byte == 7 then self.bells = self.bells + 1 end
    if self.modes.alternate and byte ~= 7 then odd(self, text:sub(at, at)) end
    if not self.modes.alternate then self.printed[#self.printed + 1] = text:sub(at, at) end
    return at + 1
  end
  local length = byte < 0x80 and 1 or byte < 0xe0 and 2 or byte < 0xf0 and 3 or 4
  if at + length - 1 > #text then return nil end
  local character = text:sub(at, at + length - 1)
  if not utf8.len(character) then odd(self, character) end
  put(self, character)
  return at + length
end

--- Takes bytes as they come.
function vt:feed(bytes)
  self.bytes = self.bytes + #bytes
  local text, at = self.rest .. bytes, 1
  while at <= #text do
    local after = step(self, text, at)
    if not after then break end
    at = after
  end
  self.rest = text:sub(at)
end

--- The row y as a text without blanks at its end.
function vt:row(y) return (table.concat(self.cells[y] or {}):gsub("%s+$", "")) end

--- Everything that is seen, a line for each row.
function vt:text()
  local lines = {}
  for y = 1, self.height do lines[y] = self:row(y) end
  return table.concat(lines, "\n")
end

--- What was printed outside of the full screen.
function vt:outside() return table.concat(self.printed) end

return vt
