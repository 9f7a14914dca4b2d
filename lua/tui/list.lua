-- SPDX-License-Identifier: MIT
-- What screens with a list have in common: a place in it, keys that move it, a filter while typing.
local list = {}

local List = {}
List.__index = List

--- fields: of the screen. It has to have all(self) → array of items, text_of(item) → what is filtered by.
function list.new(fields)
  fields.at = fields.at or 1
  return setmetatable(fields, List)
end

-- Does a text hold every one of these words?
local function matches(text, words)
  for _, word in ipairs(words) do
    if not text:find(word, 1, true) then return false end
  end
  return true
end

-- The texts of all items, as they are searched.
local function texts_of(self, all)
  local texts = self.texts
  if self.texts_of ~= all then
    texts = {}
    for index, item in ipairs(all) do texts[index] = self.text_of(item):lower() end
    self.texts, self.texts_of = texts, all
  end
  return texts
end

--- The items that pass the filter: those that hold every word of it, in any order. Letters of both cases are
-- the same.
function List:items()
  local all = self:all()
  if not self.filter or self.filter == "" then return all end
  if self.passed and self.passed_of == all and self.passed_by == self.filter then return self.passed end
  local passed, words, texts = {}, {}, texts_of(self, all)
  for word in self.filter:lower():gmatch "%S+" do words[#words + 1] = word end
  for index, item in ipairs(all) do
    if matches(texts[index], words) then passed[#passed + 1] = item end
  end
  self.passed, self.passed_of, self.passed_by = passed, all, self.filter
  return passed
end

--- The item at the place, or nil.
function List:item()
  local items = self:items()
  self.at = math.max(1, math.min(self.at, #items))
  return items[self.at]
end

function List:move(by)
  self.at = math.max(1, math.min(self.at + by, #self:items()))
end

--- The keys that move.
function List:moving()
  local function by(count) return function() self:move(count) end end
  local page = self.page or 10
  return {
    { key = "up", words = "up", act = by(-1), hidden = true },
    { key = "down", words = "down", act = by(1), hidden = true },
    { key = "k", words = "up", act = by(-1), hidden = true },
    { key = "j", words = "down", act = by(1), hidden = true },
    { key = "page-up", words = "a page up", act = by(-page), hidden = true },
    { key = "page-down", words = "a page down", act = by(page), hidden = true },
    { key = "home", words = "first", act = by(-1e9), hidden = true },
    { key = "end", words = "last", act = by(1e9), hidden = true },
  }
end

function List:keys() return self:moving() end

function List:wheel(by) self:move(by) end

function List:click(what)
  if what.item then self.at = what.item end
end

function List:model()
  local item = self:item()
  return { title = self.title, items = self:items(), at = self.at, from = self.from, item = item,
    filter = self.filter, told = function(from, page) self.from, self.page = from, page end }
end

list.model = List.model

return list
