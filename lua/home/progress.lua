-- SPDX-License-Identifier: MIT
-- How far a start or a stop of this home is, in its file `progress`, for whoever looks on from another
-- process. The file is a picture, never the truth: that stands in the journal, and what cannot be written is
-- left out.
--
-- What the file holds: {
--   command = "up"|"stop", pid=, process = of base.process.mark, began = unix seconds,
--   step=|nil (none is under way), steps = how many, titles = {…}, since = unix seconds when the step began,
--   done = { {step=, seconds=, text=|nil}, … } of the steps that are over,
--   undoing = { step=, steps=, titles=, since=, done= }|nil: what a start rented is being ended at this
--     moment; the fields above stay where the start was,
--   moving = { text=, status=, detail=, fraction=, bytes=, total=, rate=, eta= }|nil,
--   notes = the last lines, each with its sign, expected = { seconds by step }|nil (docs/lua.md),
--   session = { token=, id=, provider= }|nil, hourly = dollars|nil: of the machine of this moment,
--   over = { {token=, id=, provider=, outcome=, cost=, at_most=, seconds=, doubt=}, … } that were ended,
--   ended = { code=, message=|nil, outcome=, cost=|nil, at_most=|nil, at = unix seconds }|nil }
-- outcome: "ready", "declined", "nothing" (rented, or to be ended), "kept", "unfinished" (given up while
-- it was undone), "unknown" (a stop that cannot say), else the worst of what was ended: "proven",
-- "unverifiable", "unresolved", "unproven".
local clean = require "base.clean"
local clock = require "base.clock"
local files = require "base.files"
local json = require "base.json"
local log = require "base.log"
local process = require "base.process"

local NAME = "progress"
local NOTES = 20        -- lines that are kept
local PAUSE = 0.5       -- seconds between two pictures of the same
local TEXT_PAUSE = 0.05 -- seconds between two that say something else
local LONGEST = 1000    -- bytes of a text
local MOST = 1 << 18    -- bytes of the file

local progress = {}

local Writer = {}
Writer.__index = Writer

local function path_of(home) return files.join(home, NAME) end

-- As in the log: without secrets, on one line.
local function shown(text) return text ~= nil and clean.line(log.redact(tostring(text)), LONGEST) or nil end

local function finite(value)
  return type(value) == "number" and value == value and math.abs(value) < math.huge and value or nil
end

local function rounded(value, steps)
  steps = steps or 1000
  return finite(value) and math.floor(value * steps + 0.5) / steps
end

local function dollars(amount) return rounded(amount, 1e5) end

--- What tells of a command. Nothing is written before its first step, which nobody takes who is refused;
-- early: its first line is enough.
-- options: home, command, early, titles (array: the steps that are planned), expected = function(session of
-- money.rent|nil) → seconds by step, or nil
function progress.writer(options)
  local self = setmetatable({ home = options.home, expects = options.expected or function() end,
    early = options.early, written = -math.huge, told = -math.huge }, Writer)
  local titles = json.array {}
  for index, title in ipairs(options.titles) do titles[index] = shown(title) end
  self.state = { command = options.command, pid = process.pid(), process = process.mark(process.pid()),
    began = rounded(clock.wall()), steps = #titles, titles = titles, done = json.array {},
    notes = json.array {}, over = json.array {} }
  return self
end

-- Is the file another's, who is still at work? Then it stays his.
local function is_anothers(self)
  local other = progress.read(self.home)
  return other ~= nil and other.process ~= self.state.process and not other.ended and not other.stale
end

--- Puts the picture of this moment into the file, unless another process is telling of its own work there.
function Writer:write()
  if not self.begun then return end
  self.written = clock.now()
  if is_anothers(self) then return end
  local ok, why = files.replace(path_of(self.home), json.encode(self.state) .. "\n")
  if not ok and not self.failed then log.debug("the progress cannot be told", { error = why }) end
  self.failed = not ok
end

-- The steps that are gone through: those of the command, or of the undoing of a start.
local function list_of(state) return state.undoing or state end

-- Closes the step that is under way.
local function close(self, list)
  if not list.step then return end
  table.insert(list.done, { step = list.step, text = self.said,
    seconds = rounded(clock.now() - self.step_began) })
end

-- Steps that are gone through once more, by another machine, are not over.
local function forget_from(list, number)
  for index = #list.done, 1, -1 do
    if list.done[index].step >= number then table.remove(list.done, index) end
  end
end

local function tell_session(self, session)
  local state, hourly = self.state, session and require("home.cost").hourly(session)
  state.session = session and { token = session.token, id = session.id and tostring(session.id) or nil,
    provider = session.provider } or nil
  state.hourly = session and hourly > 0 and dollars(hourly) or nil
  if session and session.token ~= self.expected_of then
    self.expected_of, state.expected = session.token, self.expects(session)
  end
end

-- The steps that a step belongs to. The four of an undoing are none of the start's.
local function list_for(state, total)
  if total == state.steps then
    state.undoing = nil
    return state
  end
  state.undoing = state.undoing or { steps = total, titles = json.array {}, done = json.array {} }
  return state.undoing
end

--- A step begins. session: the machine that it is about, or nil: there is none
function Writer:step(number, total, title, session)
  local state = self.state
  if not self.begun then self.begun, state.expected = true, self.expects() end
  local before, list = list_of(state), list_for(state, total)
  if list == before and list.step and number > list.step then close(self, list) end
  forget_from(list, number)
  for index = #list.titles + 1, number do list.titles[index] = "" end
  list.step, list.since, list.titles[number] = number, rounded(clock.wall()), shown(title)
  self.step_began, self.said, state.moving = clock.now(), nil, nil
  if session or list == state then tell_session(self, session) end
  self:write()
end

--- What moves: of ui.progress. With `between` no step is under way.
function Writer:progress(report)
  local state, now = self.state, clock.now()
  if report.note then self:line("-", report.note) end
  if report.between then state.step, state.since, state.undoing = nil, nil, nil end
  state.moving = { text = shown(report.text), status = shown(report.status), detail = shown(report.detail),
    fraction = rounded(report.fraction), bytes = finite(report.bytes), total = finite(report.total),
    rate = rounded(report.rate), eta = rounded(report.eta) }
  local words = tostring(report.text) .. "\0" .. tostring(report.status)
  local fresh = words ~= self.words and now - self.told >= TEXT_PAUSE
  if fresh then self.words, self.told = words, now end
  if fresh or now - self.written >= PAUSE then self:write() end
end

--- A line of the screen with its sign (✓ ⚠ ✗ -).
function Writer:line(sign, text)
  local notes = self.state.notes
  notes[#notes + 1] = sign .. " " .. (shown(text) or "")
  if #notes > NOTES then table.remove(notes, 1) end
  if sign ~= "-" then self.state.moving = nil end
  if sign == "✓" then self.said = shown(text) end
  self.begun = self.begun or self.early
  self:write()
end

local WORST = { "unproven", "unresolved", "unverifiable", "proven" }

--- A session is over: the result of money.stop, with its cost.
function Writer:session_over(result)
  local session, bill, state = result.session, result.cost or {}, self.state
  table.insert(state.over, { token = session.token, id = session.id and tostring(session.id) or nil,
    provider = session.provider, outcome = result.outcome, cost = dollars(bill.amount),
    at_most = bill.at_most or nil, seconds = rounded(result.duration), doubt = shown(result.doubt) })
  local gone = result.outcome ~= "unproven" and state.session and state.session.token == session.token
  if gone then tell_session(self, nil) end
  self:write()
end

-- What came of it all, where the command does not say so itself.
local function outcome_of(self, keeps)
  for _, outcome in ipairs(WORST) do
    for _, each in ipairs(self.state.over) do
      if each.outcome == outcome then return outcome end
    end
  end
  if not self.state.session then return "nothing" end
  return keeps and "kept" or "unfinished"
end

local function bill_of(over)
  local sum, at_most
  for _, each in ipairs(over) do
    if each.cost then sum = (sum or 0) + each.cost end
    at_most = at_most or each.at_most
  end
  return dollars(sum), at_most
end

--- The command is over. code: its exit code, message: its sentence or nil, outcome: what came of it, nil: as
-- what was ended says; keeps: a machine that failed is kept
function Writer:finish(code, message, outcome, keeps)
  local state = self.state
  if code == 0 then close(self, list_of(state)) end
  outcome = outcome or outcome_of(self, keeps)
  local sum, at_most = bill_of(state.over)
  state.moving, state.undoing = nil, nil
  state.ended = { code = code, message = shown(message), outcome = outcome, cost = sum, at_most = at_most,
    at = rounded(clock.wall()) }
  self:write()
end

local NUMBERS = { "pid", "began", "steps" }
local LISTS = { "titles", "done", "notes", "over" }

local MOVING = { text = "string", status = "string", detail = "string", fraction = "number",
  bytes = "number", total = "number", rate = "number", eta = "number" }

-- Are all fields of a table that it has of these types? A type: of all of them.
local function typed(fields, types)
  for name, value in pairs(fields or {}) do -- order: free
    if type(value) ~= (type(types) == "string" and types or types[name]) then return false end
  end
  return true
end

-- Is it what a writer wrote? Anybody may have put something there.
local function sound(state)
  if type(state) ~= "table" or type(state.command) ~= "string" then return false end
  for _, name in ipairs(NUMBERS) do
    if type(state[name]) ~= "number" then return false end
  end
  for _, name in ipairs(LISTS) do
    if type(state[name]) ~= "table" then return false end
  end
  for _, name in ipairs { "undoing", "moving", "session", "ended", "expected" } do
    if state[name] ~= nil and type(state[name]) ~= "table" then return false end
  end
  local list = list_of(state)
  return (list.step == nil or math.tointeger(list.step) ~= nil and type(list.since) == "number")
    and type(list.titles) == "table" and type(list.steps) == "number" and typed(state.moving, MOVING)
    and typed(list.titles, "string") and typed(state.notes, "string")
    and math.tointeger(state.pid) ~= nil and state.pid > 0 and state.pid < 1 << 31
end

local function is_gone(state)
  if state.process then return process.mark(state.pid) ~= state.process end
  return not process.alive(state.pid)
end

--- What the file of a home tells: the fields above, and `stale` when whoever wrote it is gone without an end
-- (killed): nothing of it need be so any more. → table, or nil: there is none
function progress.read(home)
  local text = files.read(path_of(home), MOST)
  local state = text and json.decode(text)
  if not sound(state) then return nil end
  state.stale = not state.ended and is_gone(state) or nil
  return state
end

-- The step of this moment in a few fields.
local function step_now(state)
  local list = list_of(state)
  return { command = state.command, undoing = state.undoing ~= nil, step = list.step, steps = list.steps,
    title = list.step and list.titles[list.step], moving = state.moving,
    seconds = list.step and math.max(0, clock.wall() - list.since),
    expected = list == state and state.expected and finite(state.expected[list.step]) or nil }
end

--- The start or the stop that a process which lives is at: { command, undoing = bool, steps, moving, and
-- where a step is under way: step, title, seconds = since when, expected = seconds|nil }; else nil
function progress.under_way(home)
  local state = progress.read(home)
  return state and not state.ended and not state.stale and step_now(state) or nil
end

return progress
