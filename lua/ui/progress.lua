-- SPDX-License-Identifier: MIT
-- The screen of long work: steps, their outcome, percentages. On a terminal one line is rewritten; without
-- one (or on a dumb one) plain lines and a progress line at most every 10 %. In JSON mode nothing is shown
-- until the one object at the end.
--
-- progress.new(ctx) → screen with
--   title(text)                         what begins
--   step(number, total, title, session) "[1/8] title..."; session: the machine that it is about, or nil
--   progress{ text= | status=, detail=, fraction=, bytes=, total=, rate=, eta=, note=, passing=, between= }
--     passing: for the moving line only; between: no step is under way
--   done(text) warn(text) fail(text) note(text)
--   offers_line(name, result)           a cloud answered: { ok=, count=, message= }
--   ended{ session=, outcome=, cost={amount=, source=}, duration=, provider=, doubt= }   a session is over
--   ask(lines, question)                what stands above a question, the question → the answer
--   finish(lines)                       lines of a panel;  close()  nothing moves any more
local clean = require "base.clean"
local clock = require "base.clock"
local fail = require "base.fail"
local process = require "base.process"
local task = require "base.task"
local term = require "base.term"
local format = require "ui.format"
local words_of = require "ui.moving"

local progress = {}

local Screen = {}
Screen.__index = Screen

local SPINNER = { "⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏" }
local INDENT = "      "
local WAITING = { text = "Waiting" } -- until the step says for what
local LONGEST = 1000 -- bytes of the moving line before it is cut to the terminal

--- A screen for a command; registered in ctx so that it is closed before anything else is said.
function progress.new(ctx)
  local screen = setmetatable({
    json = ctx.json, frame = 0,
    live = not ctx.json and not ctx.plain and term.is("out") and process.getenv("TERM") ~= "dumb",
    ended_sessions = {}, told = {},
  }, Screen)
  ctx.screen = screen
  return screen
end

--- Takes the moving line away.
function Screen:clear()
  if self.shown then
    term.draw("out", "\r\27[K")
    self.shown = nil
  end
end

function Screen:line(text)
  if self.json then return end
  self:clear()
  term.out(text .. "\n")
end

--- A line that is broken at blanks on a narrow terminal; elsewhere long lines are easier to search.
function Screen:broken(line, hang)
  self:line(self.live and table.concat(format.wrap(line, format.width(), hang), "\n") or line)
end

function Screen:title(text)
  self:broken(("continueplz v%s - %s"):format(require "base.version", text), "  ")
end

function Screen:step(number, total, title)
  self.moving, self.told = nil, {}
  self:line("")
  self:broken(("[%d/%d] %s..."):format(number, total, title), "      ")
  self.since = clock.now()
  if self.live then
    self.moving = WAITING
    self:spin()
  end
end

--- The words of a progress report (ui.moving).
progress.words = words_of.words

local LEAST = words_of.LEAST

--- The words of the moving line with the time since the step began, in `columns`: the rate goes first, then
-- that time, then everything but how far it is; the time that is left stays. Pure.
function progress.fit(state, since, columns)
  for brevity = 0, LEAST do
    local words = progress.words(state, brevity)
    local timed = ("%s (%s)"):format(words, since)
    if term.width(timed) <= columns then
      return timed
    elseif brevity > 0 and term.width(words) <= columns then
      return words
    end
  end
  return progress.words(state, LEAST)
end

-- Cuts a text to the terminal's width.
local function fitted(text)
  local columns = term.size() or 80
  if term.width(text) < columns then return text end
  return term.start(text, columns - 2) .. "…"
end

--- Where only the spinner moves, only the spinner is written.
function Screen:draw()
  if not self.moving then return end
  self.frame = self.frame % #SPINNER + 1
  local since = clock.duration(clock.now() - (self.since or clock.now()))
  local words = progress.fit(self.moving, since, (term.size() or 80) - #INDENT - 3)
  local text = INDENT .. SPINNER[self.frame]
  if words == self.shown then -- the place behind the words is where a terminal echoes what is typed
    return term.draw("out", ("\r%s\27[%dC"):format(text, term.width(words) + 1))
  end
  term.draw("out", "\r" .. fitted(text .. " " .. clean.line(words, LONGEST)) .. "\27[K")
  self.shown = words
end

--- The task that keeps the moving line moving.
function Screen:spin()
  if self.spinner then return end
  self.spinner = task.spawn(function()
    while true do
      task.sleep(0.1)
      self:draw()
    end
  end)
end

function Screen:progress(state)
  if self.json then return end
  if state.note then
    self:note(state.note)
  end
  if self.live then
    local first = not self.moving or self.moving == WAITING
    self.moving = state
    if first then
      self:draw()
    end
    self:spin()
    return
  end
  if not state.passing then
    self:plain_progress(state)
  end
end

--- Without a terminal: each text once, and a line at every new 10 %.
function Screen:plain_progress(state)
  local text = state.text or state.status or ""
  local tenth = state.fraction and math.floor(state.fraction * 10) or 0
  if tenth > (self.told[text] or -1) then
    self.told[text] = tenth
    self:line(INDENT .. progress.words(state))
  end
end

function Screen:item(sign, text)
  self:broken(INDENT .. sign .. " " .. text, INDENT .. "  ")
end

function Screen:mark(style, sign, text)
  self.moving = nil
  self:item(term.style(style, sign), text)
end

function Screen:done(text)
  self:mark("green", "✓", text)
end

function Screen:warn(text)
  self:mark("yellow", "⚠", text)
end

function Screen:fail(text)
  self.failed = text
  self:mark("red", "✗", text)
end

function Screen:note(text)
  local moving = self.moving
  self:item("-", text)
  self.moving = moving
end

function Screen:offers_line(name, result)
  local good, text = require("ui.offers").result_line(name, result)
  if result.skipped then
    self:warn(text)
  elseif good then
    self:done(text)
  else
    self:fail(text)
  end
end

function Screen:ended(result)
  self.ended_sessions[#self.ended_sessions + 1] = result
end

--- Shows lines and asks a question below them, at the controlling terminal whatever stdin and stdout are. →
-- the answer, nil at the end of the input. Whatever comes next begins on a line of its own.
-- @raise `limit` when there is no terminal
function Screen:ask(lines, question)
  self:close()
  local person, why = term.person()
  if not person then fail.raise("limit", why) end
  local answered
  local _ <close> = setmetatable({}, { __close = function()
    if not answered then
      fail.settle(person.write, person, "\n")
    end
    person:close()
  end })
  person:write(clean.text("\n" .. INDENT .. table.concat(lines, "\n" .. INDENT) .. "\n" .. INDENT
    .. question, true))
  answered = person:read_line()
  return answered
end

function Screen:finish(lines)
  self:close()
  if not self.json then
    term.out("\n" .. table.concat(lines, "\n") .. "\n")
  end
end

function Screen:close()
  if self.spinner then
    task.cancel(self.spinner)
    self.spinner = nil
  end
  self.moving = nil
  self:clear()
end

return progress
