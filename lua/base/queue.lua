-- SPDX-License-Identifier: MIT
-- The two queues of base.task: first in first out, and timers by deadline (equal ones in order of setting).

local queue = {}

local Fifo = {}
Fifo.__index = Fifo

function queue.fifo() return setmetatable({ head = 1, tail = 0 }, Fifo) end

function Fifo:push(item)
  self.tail = self.tail + 1
  self[self.tail] = item
end

function Fifo:size() return self.tail - self.head + 1 end

function Fifo:pop()
  local item = self[self.head]
  self[self.head] = nil
  self.head = self.head + 1
  if self.head > self.tail then self.head, self.tail = 1, 0 end
  return item
end

local Timers = {}
Timers.__index = Timers

function queue.timers() return setmetatable({ count = 0, dead = 0, sequence = 0 }, Timers) end

local function before(a, b)
  if a.deadline ~= b.deadline then return a.deadline < b.deadline end
  return a.sequence < b.sequence
end

local function rise(heap, i)
  local entry = heap[i]
  while i > 1 and before(entry, heap[i // 2]) do
    heap[i] = heap[i // 2]
    i = i // 2
  end
  heap[i] = entry
end

local function sink(heap, i)
  local entry, count = heap[i], heap.count
  while 2 * i <= count do
    local child = 2 * i
    if child < count and before(heap[child + 1], heap[child]) then child = child + 1 end
    if not before(heap[child], entry) then break end
    heap[i] = heap[child]
    i = child
  end
  heap[i] = entry
end

--- → the entry, to be dropped when it is no longer wanted
function Timers:add(deadline, item)
  self.sequence = self.sequence + 1
  local entry = { deadline = deadline, sequence = self.sequence, item = item }
  self.count = self.count + 1
  self[self.count] = entry
  rise(self, self.count)
  return entry
end

local function remove_first(self)
  local entry = self[1]
  self[1] = self[self.count]
  self[self.count] = nil
  self.count = self.count - 1
  if self.count > 0 then sink(self, 1) end
  return entry
end

--- Dropped entries go when they come up, or all at once when they are the majority.
function Timers:drop(entry)
  if entry.dead then return end
  entry.dead = true
  self.dead = self.dead + 1
  if self.dead < 64 or self.dead * 2 < self.count then return end
  local live = 0
  for i = 1, self.count do
    local kept = self[i]
    self[i] = nil
    if not kept.dead then
      live = live + 1
      self[live] = kept
    end
  end
  self.count, self.dead = live, 0
  for i = live // 2, 1, -1 do sink(self, i) end
end

--- The earliest deadline, or nil.
function Timers:first()
  while self.count > 0 and self[1].dead do
    remove_first(self)
    self.dead = self.dead - 1
  end
  return self.count > 0 and self[1].deadline or nil
end

--- Takes the first entry that is due. → its item, or nil
function Timers:due(now)
  local deadline = self:first()
  if not deadline or deadline > now then return nil end
  local entry = remove_first(self)
  entry.dead = true
  return entry.item
end

return queue
