-- SPDX-License-Identifier: MIT
-- The full screen: one loop that waits for keys, for what its tasks tell and for the next second while money
-- runs; draws when something changed, and only that. Screens lie on a stack.
--
-- A screen: { name = of its view in ui/screens, keys(self) → array of { key=, words=, act = function(),
--   off = nil or why it does nothing now, hidden = not in the bottom line }, model(self) → what the view
--   takes, and perhaps: open(self), close(self), filter = text (then / and Esc work on it), copy(self) →
--   text, click(self, what), wheel(self, by), tick(self), key(self, key) → true when it was used up }
local clock = require "base.clock"
local fail = require "base.fail"
local files = lazy "base.files"
local keyboard = require "base.keyboard"
local log = require "base.log"
local task = require "base.task"
local term = require "base.term"
local steady = require "cli.steady"
local config = require "config.effective"
local frame = require "tui.frame"
local purse = require "tui.purse"
local style = require "ui.screens.style"
local world = require "sandbox.world"
local terminal = require "tui.terminal"

local app = {}

local bottom = world.builtin "ui.screens.bottom" -- what is said of money is nobody's to replace

local App = {}
App.__index = App

local ESCAPE_SECONDS = 0.03  -- after which an Escape is a key of its own
local SETTLE_SECONDS = 0.05  -- after the last change of the size
local MESSAGE_SECONDS = 6
local GATHER_SECONDS = 0.02  -- for several changes of the home at once
local LOOK_SECONDS = 2       -- between two looks where changes cannot be waited for

--- → a program whose screens are pushed by `begin(app)`
function app.new(ctx)
  local self = setmetatable({ ctx = ctx, home = ctx.home, stack = {}, channel = task.channel(),
    reader = keyboard.reader(), dirty = true }, App)
  self.sync, self.mouse = config.get "SCREEN_SYNC", config.get "SCREEN_MOUSE"
  self.look = style.new { colour = term.coloured "out", unicode = term.unicode() }
  self.width, self.height = term.size()
  self.money = purse.of(self.home)
  return self
end

--- Something that is shown changed. May be called from any task.
function App:changed()
  if self.told then return end
  self.told = true
  self.channel.put { changed = true }
end

--- Calls fn() in the loop's own task. What begins tasks that outlive the one that asks (another screen does)
-- must be called so.
function App:later(fn) self.channel.put { call = fn } end

--- The screen on top.
function App:top() return self.stack[#self.stack] end

--- Shows another screen above this one.
function App:push(screen)
  self.stack[#self.stack + 1] = screen
  screen.app = self
  if screen.open then screen:open() end
  self.dirty = true
end

--- Takes the screen on top away; the last one ends the program.
function App:pop()
  local screen = table.remove(self.stack)
  if screen and screen.close then screen:close() end
  self.over = #self.stack == 0
  self.dirty = true
  local top = self:top()
  if top and top.home_changed then top:home_changed() end
end

--- Another screen in the place of this one.
function App:replace(screen)
  local before = table.remove(self.stack)
  if before and before.close then before:close() end
  self:push(screen)
end

--- Says something in the line of the keys for a while. names: of the style
function App:say(text, names)
  self.message = { names or "bold", text }
  self.message_until = clock.now() + MESSAGE_SECONDS
  self.dirty = true
end

--- Asks for a line of text. prompt: of tui.prompt
function App:ask(prompt)
  self.prompt, self.message = prompt, nil
  self.dirty = true
end

--- Starts a task of a screen's own; a failure of it is said.
function App:spawn(fn)
  return task.spawn(function()
    local ok, problem = fail.try(fn)
    if not ok then
      log.warn("A screen's work failed", { error = fail.message(problem) })
      self:say(fail.message(problem), "red bold")
      self:changed()
    end
  end)
end

-- The body of a frame by the view of the screen on top, the user's own where he has one that works.
local function body(self, height)
  local screen = self:top()
  local model = screen:model()
  return steady.call(self.quiet, "ui.screens." .. screen.name, function(view)
    local list, zones, cursor = view.draw(model, self.width, height, self.look)
    assert(type(list) == "table" and #list == height, "a view returns as many rows as there is room for")
    return { rows = list, zones = zones or {}, cursor = cursor }
  end)
end

local function shown_keys(screen)
  local list = {}
  for _, key in ipairs(screen:keys()) do
    if not key.hidden then list[#list + 1] = key end
  end
  list[#list + 1] = { key = "?", words = "all keys" }
  return list
end

-- A frame of this moment.
local function picture(self)
  local room = math.max(0, self.height - 2)
  local shown = body(self, room)
  local last, cursor = bottom.draw({ money = self.money, message = self.message,
    keys = shown_keys(self:top()), prompt = self.prompt and self.prompt:shown(),
    clock = clock.local_time(clock.wall()):sub(12, 16) }, self.width, self.look)
  for index = math.max(1, 3 - self.height), 2 do shown.rows[#shown.rows + 1] = last[index] end
  if cursor then shown.cursor = { x = cursor.x, y = math.max(1, self.height - 1) } end
  self.zones = shown.zones
  return shown
end

--- Draws what changed. A question counts as asked from here on.
function App:draw()
  self.dirty = false
  if self.prompt then self.prompt.asked = self.prompt.asked or clock.now() end
  local now = picture(self)
  local text = frame.change(self.shown, now, self.sync)
  self.shown = now
  if text ~= "" then term.draw("out", text) end
end

--- Everything is drawn anew at the next time.
function App:redraw()
  self.shown, self.dirty = nil, true
end

-- What money runs, read again. The bell rings once for what must not be overlooked.
local function look_at_money(self)
  local before = self.money.state
  self.money = purse.of(self.home)
  if self.money.state == "unproven" and before ~= "unproven" then term.draw("out", "\7") end
  self.dirty = true
end

local function resized(self)
  self.width, self.height = term.size()
  self:redraw()
end

-- Events other than keys.
local function happened(self, event)
  if event.changed then
    self.told, self.dirty = nil, true
  elseif event.call then
    self.dirty = true
    event.call()
  elseif event.home then
    look_at_money(self)
    for _, screen in ipairs(self.stack) do
      if screen.home_changed then screen:home_changed() end
    end
  elseif event.resize then
    self.settles = clock.now() + SETTLE_SECONDS
  elseif event.gone then
    self.over, self.gone = true, event.gone
  end
end

local function press(self, key)
  self.dirty = true
  local ok, problem = fail.try(require("tui.keys").press, self, key)
  if not ok then self:say(fail.message(problem), "red bold") end
end

local function take(self, event)
  if event.bytes then
    for _, key in ipairs(self.reader:feed(event.bytes)) do press(self, key) end
    self.escapes = self.reader:waiting() and clock.now() + ESCAPE_SECONDS or nil
  elseif event.key then
    press(self, event.key)
  else
    happened(self, event)
  end
end

-- What is due at this moment.
local function due(self)
  local now = clock.now()
  if self.escapes and now >= self.escapes then
    self.escapes = nil
    for _, key in ipairs(self.reader:flush()) do press(self, key) end
  end
  if self.settles and now >= self.settles then
    self.settles = nil
    resized(self)
  end
  if self.message and now >= self.message_until then
    self.message, self.dirty = nil, true
  end
  if self.ticks and now >= self.ticks then
    self.ticks = nil
    look_at_money(self)
    local top = self:top()
    if top and top.tick then top:tick() end
  end
end

-- Seconds until something is due, nil: nothing is. While money runs, or a screen wants it, the next second.
local function patience(self)
  local now, first = clock.now(), nil
  local top = self:top()
  if not self.ticks and (purse.ticks(self.money) or top and top.ticking and top:ticking()) then
    self.ticks = now + 1
  end
  for _, name in ipairs { "escapes", "settles", "ticks" } do
    if self[name] then first = math.min(first or math.huge, self[name]) end
  end
  if self.message then first = math.min(first or math.huge, self.message_until) end
  return first and math.max(0, first - now)
end

-- Keys, until the terminal is gone.
local function listen(self)
  self.listener = task.spawn(function()
    while true do
      local ok, bytes = fail.try(term.read, 4096)
      if not ok or not bytes then
        self.channel.put { gone = "the terminal is gone" }
        return
      end
      self.channel.put { bytes = bytes }
    end
  end)
end

--- Gives the terminal to fn(...) as it was, and takes it back.
function App:lend(fn, ...)
  task.cancel(self.listener)
  self.lent = true
  terminal.leave()
  local ok, problem = fail.settle(fn, ...)
  terminal.enter(self.mouse)
  self.lent = nil
  listen(self)
  resized(self)
  if not ok then error(problem, 0) end
end

local function stat_of(home)
  local text = {}
  for _, name in ipairs { "journal", "progress", ".continueplz.state" } do
    local stat = files.stat(files.join(home, name))
    text[#text + 1] = stat and ("%s %s"):format(stat.mtime, stat.size) or "-"
  end
  return table.concat(text, ";")
end

-- Changes of the home, by the system's word where it gives it.
local function watch(self)
  return task.spawn(function()
    local changes = files.changes(self.home)
    local before = not changes and stat_of(self.home)
    while true do
      if changes then
        changes:read(4096)
        task.sleep(GATHER_SECONDS)
      else
        task.sleep(LOOK_SECONDS)
      end
      local now = not changes and stat_of(self.home)
      if changes or now ~= before then
        before = now
        self.channel.put { home = true }
      end
    end
  end)
end

-- Ctrl-C is a key here; what ends a program ends this one, too.
local function attend_signals(self)
  local before
  before = task.on_signal(function(name)
    if name == "WINCH" then
      self.channel.put { resize = true }
    elseif name == "INT" then
      if not self.lent then self.channel.put { key = { name = "ctrl-c" } } end
    elseif before then
      before(name)
    end
  end)
  return before
end

local function loop(self)
  while not self.over do
    if self.dirty then self:draw() end
    local event = self.channel.take(patience(self))
    while event do
      take(self, event)
      event = not self.over and self.channel.take(0)
    end
    if not self.over then due(self) end
  end
end

--- Runs until its last screen is gone. begin(app): pushes the first one. → why it ended, nil: the user
-- @raise what keeps a terminal from being used
function App:run(begin)
  self.quiet = { problem = function(text) self:say(text, "red bold") end }
  local signals = attend_signals(self)
  terminal.enter(self.mouse)
  local ok, problem = fail.settle(function()
    begin(self)
    listen(self)
    local watcher = watch(self)
    loop(self)
    task.cancel(self.listener)
    task.cancel(watcher)
  end)
  while #self.stack > 0 do
    local screen = table.remove(self.stack)
    if screen.close then fail.settle(screen.close, screen) end
  end
  fail.settle(terminal.leave)
  task.on_signal(signals)
  if not ok then error(problem, 0) end
  return self.gone
end

return app
