-- SPDX-License-Identifier: MIT
-- A line that is typed at the bottom: a filter, a command, an answer.
local buffer = lazy "repl.buffer"

local prompt = {}

local Prompt = {}
Prompt.__index = Prompt

--- options: { sign = ":" or a question, text = to begin with, typed = function(text) at each change, done =
-- function(text) at Enter, given_up = function() at Escape, complete = function(text) → text or nil at Tab,
-- history = array of earlier lines, oldest first, letters = true: the first letter is the answer }
function prompt.new(options)
  return setmetatable({ options = options, buffer = buffer.new(options.text or ""),
    place = #(options.history or {}) + 1 }, Prompt)
end

--- What the bottom line shows.
function Prompt:shown()
  local before = self.buffer:before()
  return { sign = self.options.sign, before = before, after = self.buffer:text():sub(#before + 1) }
end

local function recall(self, by)
  local history = self.options.history or {}
  local to = self.place + by
  if to < 1 or to > #history + 1 then return end
  self.place = to
  self.buffer = buffer.new(history[to] or "")
end

local ACTIONS = {
  left = function(self) self.buffer:move(-1) end,
  right = function(self) self.buffer:move(1) end,
  home = function(self) self.buffer.at = self.buffer:line_start() end,
  ["end"] = function(self) self.buffer.at = self.buffer:line_end() end,
  backspace = function(self)
    if self.buffer.at > 1 then self.buffer:cut(self.buffer.at - 1) end
  end,
  delete = function(self)
    if self.buffer.cells[self.buffer.at] then self.buffer:cut(self.buffer.at + 1) end
  end,
  ["ctrl-u"] = function(self) self.buffer:cut(1) end,
  ["ctrl-w"] = function(self) self.buffer:cut(self.buffer:word_start()) end,
  up = function(self) recall(self, -1) end,
  down = function(self) recall(self, 1) end,
  tab = function(self)
    local whole = self.options.complete and self.options.complete(self.buffer:text())
    if whole then self.buffer = buffer.new(whole) end
  end,
}
ACTIONS["ctrl-a"], ACTIONS["ctrl-e"] = ACTIONS.home, ACTIONS["end"]

--- A key. → "done", "given up" or nil: it goes on
function Prompt:press(key)
  local options = self.options
  if key.name == "escape" or key.name == "ctrl-c" then return "given up" end
  if key.name == "enter" then return "done" end
  local before = self.buffer:text()
  if key.text then
    self.buffer:insert((key.text:gsub("\n", " ")))
    if options.letters then return "done" end
  elseif ACTIONS[key.name] then
    ACTIONS[key.name](self)
  end
  local now = self.buffer:text()
  if now ~= before and options.typed then options.typed(now) end
end

--- What was typed.
function Prompt:text() return self.buffer:text() end

return prompt
