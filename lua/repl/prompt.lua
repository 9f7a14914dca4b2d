-- SPDX-License-Identifier: MIT
-- The REPL at a terminal: draws the line, reads keys, runs lines. The terminal is as it was on every way out.
local clock = require "base.clock"
local fail = require "base.fail"
local task = require "base.task"
local term = require "base.term"
local exitcodes = require "facts.exitcodes"
local commands = require "repl.commands"
local complete = require "repl.complete"
local editor = require "repl.editor"
local history = require "repl.history"
local layout = require "repl.layout"
local format = require "ui.format"

local M = {}

local PASTE_ON, PASTE_OFF = "\27[?2004h", "\27[?2004l"

local function redraw(self)
  local columns, rows = term.size()
  local text, shown = layout.draw({
    prompt = self.editor:prompt(), more = "... ", cells = self.editor.buffer.cells,
    at = self.editor.buffer.at,
  }, columns, rows, self.shown)
  self.shown = shown
  self.write(text)
end

local function leave(self)
  if not self.shown then
    redraw(self)
  end
  self.write(layout.leave(self.shown))
  self.shown = nil
end

-- Waits for keys. → bytes; false at the end of the input; or nil, the name of a signal
local function bytes(self)
  self.reader = task.spawn(term.read, 4096)
  local ok, piece = fail.settle(task.await, self.reader)
  self.reader = nil
  if ok then return piece or false end
  if fail.is(piece) and piece.wakes then return nil, piece.wakes end
  error(piece, 0)
end

local function list(self, names)
  leave(self)
  local widest, columns = 0, term.size()
  for _, name in ipairs(names) do
    widest = math.max(widest, term.width(name))
  end
  local per_line, rows = math.max(1, (columns - 1) // (widest + 2)), {}
  for index, name in ipairs(names) do
    local row = (index - 1) // per_line + 1
    rows[row] = (rows[row] or "") .. format.pad(name, widest + 2)
  end
  self.write((table.concat(rows, "\n"):gsub(" +%f[\n\0]", "")) .. "\n")
end

-- What an event of the editor does on the screen. → the text of a line, or false at the end of the input;
-- nil: go on
local function react(self, event)
  if event.kind == "submit" then
    self.editor.buffer.at = #self.editor.buffer.cells + 1
    redraw(self)
    leave(self)
    return event.text
  elseif event.kind == "eof" then
    leave(self)
    return false
  elseif event.kind == "list" then
    list(self, event.names)
  elseif event.kind == "clear" then
    self.write("\27[H\27[2J")
    self.shown = nil
  elseif event.kind == "bell" then
    self.write("\7")
  end
end

local function signalled(self, name)
  if name ~= "INT" then return end
  self.write("^C")
  leave(self)
  self.editor:clear()
end

-- Keys as they come, also while a line runs: what is typed ahead is for the next prompt.
local function keys_on(self)
  self.write(PASTE_ON)
  return setmetatable({}, { __close = function()
    self.write((self.shown and layout.leave(self.shown) or "") .. PASTE_OFF)
    term.raw(false)
  end })
end

-- One line as it is typed. → text, or false at the end of the input
local function read_line(self)
  term.raw(true) -- each time: a shell that stopped us may have changed it
  self.editor:clear()
  while true do
    local event = self.editor:next()
    while event do
      local text = react(self, event)
      if text ~= nil then return text end
      event = self.editor:next()
    end
    redraw(self)
    local piece, signal = bytes(self)
    if piece then
      self.editor:feed(piece)
    elseif piece == false then
      leave(self)
      return false
    else
      signalled(self, signal)
    end
  end
end

-- Ctrl-C ends the running line or empties the one that is typed; other signals end the REPL.
local function on_signals(self, session)
  local before
  before = task.on_signal(function(name)
    if name ~= "INT" and name ~= "WINCH" then return before(name) end
    if self.reader then
      task.cancel(self.reader, fail.new { kind = "interrupted", message = "a key", wakes = name })
    elseif name == "INT" then
      session:interrupt()
    end
  end)
  return setmetatable({}, { __close = function() task.on_signal(before) end })
end

local function tell(session, started)
  if session.code ~= exitcodes.code "interrupted" and clock.now() - started >= 1 then
    session:note(("(%.1f s)"):format(clock.now() - started))
  end
end

--- Reads and runs lines until the end. home: where the history is kept. → exit code
function M.run(session, home)
  local past, why = history.open(home)
  if why then
    session:note("the history is not kept: " .. why)
  end
  local stream = term.is("out") and not session.json and "out" or "err"
  local self = { write = function(text) term.draw(stream, text) end }
  self.editor = editor.new {
    prompt = session.provider .. "> ", more = "... ", history = past.entries,
    unfinished = function(text) return session:unfinished(text) end,
    complete = function(text)
      return complete.candidates(text, function(name) return session.scope:peek(name) end,
        session.scope:names(), commands.table)
    end,
  }
  local _ <close> = on_signals(self, session)
  local _ <close> = keys_on(self)
  while not session.over do
    local text = read_line(self)
    if not text then break end
    if text:find("%S") then
      local problem = past:add(text)
      if problem then
        session:note("the history is not kept any more: " .. problem)
      end
      local started = clock.now()
      session.code = session:run(text, "=repl")
      tell(session, started)
    end
  end
  return 0
end

return M
