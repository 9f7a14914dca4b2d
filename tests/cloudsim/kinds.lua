-- SPDX-License-Identifier: MIT
--- Which faults there are: a face registers each where it plays it. `kinds.of(face)` is the face's list of
--- { name, face, sentence }; a sentence says what happens, for the table of README.md.
local kinds = {}

local books = {}

local kind = {}
kind.__index = kind

--- The order that happens now, or nil; uses one of its turns. context: what `match` of an order is held
--- against
function kind:take(world, context)
  return world.faults:take(self.name, context, self.face)
end

--- Whether an order waits, without using a turn. → order or nil
function kind:waits(world, context)
  return world.faults:waits(self.name, context, self.face)
end

local book = {}
book.__index = book

--- Registers a fault that the caller plays where he takes it. → kind
function book:kind(name, sentence)
  for _, each in ipairs(self) do
    assert(each.name ~= name, name .. " is registered twice for " .. self.face)
  end
  local made = setmetatable({ name = name, face = self.face, sentence = sentence }, kind)
  self[#self + 1] = made
  return made
end

--- Registers faults of one place, of which the first that is ordered happens: rows { name, sentence, play }.
--- → function(world, context, …) → play(order, world, …); nothing when none is ordered
function book:first(rows)
  local made = {}
  for i, row in ipairs(rows) do
    made[i] = self:kind(row[1], row[2])
  end
  return function(world, context, ...)
    for i, each in ipairs(made) do
      local order = each:take(world, context)
      if order then return rows[i][3](order, world, ...) end
    end
  end
end

--- The faults of a face.
function kinds.of(face)
  books[face] = books[face] or setmetatable({ face = face }, book)
  return books[face]
end

return kinds
