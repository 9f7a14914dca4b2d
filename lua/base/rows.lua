-- SPDX-License-Identifier: MIT
-- A JSON object that comes in pieces, with one long list in it, of whose rows some fields are wanted: neither
-- the text nor the rows are ever in memory as a whole. What is JSON, and what its values become, is as in
-- base.json.
local host = ...

local clean = require "base.clean"
local json = require "base.json"

local rows = {}

local COMMA, COLON, QUOTE, OPEN, CLOSE = (",:\"[]"):byte(1, -1)
local SEAM = 4096 -- bytes of a piece in which a row that began before it mostly ends
local OBJECT, OBJECT_END = ("{}"):byte(1, -1)

-- A value that is not plain, its texts being text.
local function decode(text) return clean.deep((json.decode(text))) end

-- Where something else was wanted: false, it is no JSON; nil, it is cut off.
local function missing(self, at)
  if at <= #self.text then return false end
  return nil
end

local function unblank(text, at) return text:find("[^ \n\r\t]", at) or #text + 1 end

-- Takes what was read up to the byte at `at`, and the blanks behind it. It is kept for json.decode.
local function keep(self, at)
  local behind = unblank(self.text, at + 1)
  self.kept[#self.kept + 1] = self.text:sub(self.at, behind - 1)
  self.at = behind
end

-- What can come, each from the first byte that is no blank. step(self) → true, self.step being what follows
-- (false: nothing that matters); or as `missing` has it
local steps = {}

function steps.object(self)
  local at = unblank(self.text, self.at)
  if self.text:byte(at) ~= OBJECT then return missing(self, at) end
  keep(self, at)
  self.step = steps.member
  return true
end

-- What stands behind a member of the object.
local function separated(self, at)
  local byte = self.text:byte(at)
  if byte ~= COMMA and byte ~= OBJECT_END then return missing(self, at) end
  keep(self, at)
  self.step = byte == COMMA and steps.member
  return true
end

function steps.member(self)
  local text, from = self.text, self.at
  if text:byte(from) ~= QUOTE then return missing(self, from) end
  local colon = host.rows.skip(text, from)
  if not colon then return colon end
  if text:byte(colon) ~= COLON then return missing(self, colon) end
  local at, named = unblank(text, colon + 1), decode(text:sub(from, colon - 1)) == self.name
  if not named or text:byte(at) ~= OPEN then
    local behind = host.rows.skip(text, at)
    if behind and named then self.on.begin() end
    return behind and separated(self, behind)
  end
  keep(self, at)
  self.step = steps.first
  self.on.begin()
  return true
end

function steps.first(self)
  if self.text:byte(self.at) ~= CLOSE then return steps.row(self) end
  keep(self, self.at)
  self.step = steps.behind
  return true
end

function steps.row(self)
  local at, holds, last = self.fields:read(self.text, self.at, self.row)
  if not at then return at end
  self.at, self.step = at, last and steps.first or steps.row
  self.on.row(holds and self.row)
  return true
end

function steps.behind(self) return separated(self, self.at) end

local function read(self, ended)
  self.need = 0
  if self.step and self.step ~= steps.object then self.at = unblank(self.text, self.at) end
  while self.step do
    local good = self.step(self)
    if good == nil and not ended then
      self.need = 2 * (#self.text + 1 - self.at) -- or a long row would be read again for every piece of it
      return
    elseif not good then
      -- the comma before it is not kept
      if self.step == steps.row then self.kept[#self.kept + 1] = "null," end
      self.step = false
    end
  end
  self.kept[#self.kept + 1] = self.text:sub(self.at)
  self.at = #self.text + 1
end

local Reader = {}
Reader.__index = Reader

--- Takes the next piece of the text. It must not wait, nor may what it calls.
function Reader:feed(piece)
  local before = self.text:sub(self.at)
  self.text, self.at = before .. piece:sub(1, SEAM), 1
  if #self.text >= self.need then read(self, false) end
  if self.at > #before then -- what is left lies in the piece, which is not copied
    self.text, self.at = piece, self.at - #before
  else
    self.text = self.text .. piece:sub(SEAM + 1)
  end
  if #self.text + 1 - self.at >= self.need then read(self, false) end
end

--- After the last piece. → the text with an empty list, which json.decode takes if and only if it takes the
-- whole; if it does not, more than the list may be missing from it
function Reader:finish()
  read(self, true)
  return table.concat(self.kept)
end

--- A reader of an object's member `name`, where that is an array. fields: names, of the rows' members.
-- @param on begin() is called at each member of that name, of which the last one counts; row(fields) for each
-- value in an array, with a table that is filled anew for the next one, or false where it is neither object
-- nor array
function rows.reader(name, fields, on)
  return setmetatable({ name = name, fields = host.rows.fields(fields, decode), on = on, row = {}, kept = {},
    text = "", at = 1, need = 0, step = steps.object }, Reader)
end

return rows
