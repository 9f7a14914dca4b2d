-- SPDX-License-Identifier: MIT
-- The line editor: keys in, edits and events out. Pure: it draws nothing (repl.layout)
-- and reads nothing (repl.prompt).
local buffer = require "repl.buffer"
local keys = require "repl.keys"

local editor = {}
editor.__index = editor

--- An editor. options: prompt, more (the prompt of further lines), history (array, oldest first; read, not
-- changed), complete(text before the cursor) → first byte of the word, candidates; unfinished(text) → whether
-- Enter begins a new line.
function editor.new(options)
  local self = setmetatable({ options = options, read = keys.reader(), queue = {}, killed = "" }, editor)
  self:clear()
  return self
end

--- Begins a new text.
function editor:clear()
  self.buffer, self.place, self.draft, self.find, self.tabs = buffer.new(), nil, nil, nil, 0
end

--- Takes bytes of the terminal; `next` works on them.
function editor:feed(bytes)
  for _, key in ipairs(self.read(bytes)) do
    self.queue[#self.queue + 1] = key
  end
end

local actions = {}

actions["left"] = function(self) self.buffer:move(-1) end
actions["right"] = function(self) self.buffer:move(1) end
actions["home"] = function(self) self.buffer.at = self.buffer:line_start() end
actions["end"] = function(self) self.buffer.at = self.buffer:line_end() end
actions["word-left"] = function(self) self.buffer.at = self.buffer:word_start() end
actions["word-right"] = function(self) self.buffer.at = self.buffer:word_end() end
actions["newline"] = function(self) self.buffer:insert("\n") end
actions["yank"] = function(self) self.buffer:insert(self.killed) end
actions["clear"] = function() return { kind = "clear" } end
actions["backspace"] = function(self)
  if self.buffer.at > 1 then
    self.buffer:cut(self.buffer.at - 1)
  end
end
actions["delete"] = function(self)
  if self.buffer.cells[self.buffer.at] then
    self.buffer:cut(self.buffer.at + 1)
  end
end
actions["delete-or-end"] = function(self)
  if self.buffer:is_empty() then return { kind = "eof" } end
  return actions.delete(self)
end

-- What is cut one after the other is yanked together.
local function kill(self, to)
  local forward = to > self.buffer.at
  local text = self.buffer:cut(to)
  if self.last == "kill" then
    text = forward and self.killed .. text or text .. self.killed
  end
  self.killed, self.now = text ~= "" and text or self.killed, "kill"
end

actions["kill-start"] = function(self) kill(self, self.buffer:line_start()) end
actions["kill-word"] = function(self) kill(self, self.buffer:word_start()) end
actions["kill-next-word"] = function(self) kill(self, self.buffer:word_end()) end
actions["kill-end"] = function(self)
  local stop = self.buffer:line_end()
  kill(self, stop == self.buffer.at and self.buffer.cells[stop] and stop + 1 or stop)
end

-- Shows the entry `by` places away; the line that was begun comes after the newest.
local function recall(self, by)
  local history = self.options.history
  local from = self.place or #history + 1
  local to = from + by
  if to < 1 or to > #history + 1 then return { kind = "bell" } end
  if from == #history + 1 then
    self.draft = self.buffer:text()
  end
  self.place = to
  self.buffer = buffer.new(history[to] or self.draft)
end

actions["up"] = function(self) return not self.buffer:line(-1) and recall(self, -1) or nil end
actions["down"] = function(self) return not self.buffer:line(1) and recall(self, 1) or nil end

actions["enter"] = function(self)
  local text = self.buffer:text()
  if self.options.unfinished(text) then
    self.buffer.at = #self.buffer.cells + 1
    self.buffer:insert("\n")
    return nil
  end
  return { kind = "submit", text = text }
end

local function common(list)
  local prefix = list[1]
  for _, word in ipairs(list) do
    while word:sub(1, #prefix) ~= prefix do
      prefix = prefix:sub(1, -2)
    end
  end
  return prefix
end

-- Completes what is certain; a second Tab lists what is not.
actions["tab"] = function(self)
  self.now = "tab"
  local before = self.buffer:before()
  local from, candidates = self.options.complete(before)
  if #candidates == 0 then return nil end
  local prefix = common(candidates)
  if #prefix > #before - from + 1 then
    self.buffer:insert(prefix:sub(#before - from + 2))
    self.now = #candidates > 1 and "tab" or nil
  elseif #candidates > 1 and self.last == "tab" then
    return { kind = "list", names = candidates }
  end
end

-- The newest entry below `place` that holds the words. → its number or nil
local function found(self, words, place)
  local history = self.options.history
  for index = math.min(place, #history), 1, -1 do
    if history[index]:find(words, 1, true) then return index end
  end
end

actions["search"] = function(self)
  self.find = { words = "", from = #self.options.history, before = self.buffer:text() }
end

local function look(self, from)
  local find = self.find
  local index = found(self, find.words, from)
  find.failed = index == nil
  if index then
    find.from, self.buffer, self.place = index, buffer.new(self.options.history[index]), index
    local at = self.options.history[index]:find(find.words, 1, true)
    self.buffer.at = utf8.len(self.options.history[index]:sub(1, at - 1)) + 1
    self.buffer.at = math.min(self.buffer.at, #self.buffer.cells + 1)
  end
end

-- A key during a search. → whether it was used up
local function searching(self, key)
  local find = self.find
  if key.text then
    find.words = find.words .. key.text
    look(self, find.from)
  elseif key.name == "search" then
    look(self, find.from - 1)
  elseif key.name == "backspace" then
    find.words = find.words:sub(1, (utf8.offset(find.words, -1) or 1) - 1)
    find.from = #self.options.history
    look(self, find.from)
  elseif key.name == "abort" then
    self.buffer, self.find, self.place = buffer.new(find.before), nil, nil
  else
    self.find = nil
    return false
  end
  return true
end

local function press(self, key)
  if self.find and searching(self, key) then return nil end
  self.now = nil
  local event
  if key.text then
    self.buffer:insert(key.text)
  elseif actions[key.name] then
    event = actions[key.name](self)
  end
  self.last = self.now
  return event
end

--- Works on the keys that have come, up to an event. → { kind = "submit", text= } |
-- { kind = "eof" | "clear" | "bell" } | { kind = "list", names= }, or nil when there are no more keys
function editor:next()
  while #self.queue > 0 do
    local event = press(self, table.remove(self.queue, 1))
    if event then return event end
  end
end

--- The prompt that holds now.
function editor:prompt()
  local find = self.find
  if not find then return self.options.prompt end
  return ("(%s '%s') "):format(find.failed and "not found:" or "search", find.words)
end

return editor
