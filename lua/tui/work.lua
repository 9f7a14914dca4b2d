-- SPDX-License-Identifier: MIT
-- A start or a stop under way, as its own process tells it in the folder (home.progress): it goes on whether
-- anybody looks or not.
local clock = require "base.clock"
local command = require "tui.command"
local fail = require "base.fail"
local files = lazy "base.files"
local process = lazy "base.process"
local progress = require "home.progress"

local work = {}

local Work = { name = "work" }
Work.__index = Work

local ERRORS = "command.err" -- what the command says that leaves no progress behind

local function errors_path(home) return files.join(home, ERRORS) end

local function last_line(text)
  local found
  for line in (text or ""):gmatch "[^\n]+" do
    if not line:find "^Money:" then found = line end
  end
  return found
end

-- Waits for the end of the command that was begun here.
local function wait_for(self, child)
  local exit = child:wait()
  child:close()
  self.exit = exit
  self.said = last_line((files.read(errors_path(self.app.home))))
  self.app:later(function() self:look() end)
end

--- Begins a command of this program that goes on by itself, and shows it in the place of the screen on top.
function work.begin(app, words)
  local ok, child = fail.try(process.spawn, { argv = command.argv(table.unpack(words)), session = true,
    stdin = "null", stdout = "null", stderr = "file:" .. errors_path(app.home) })
  if not ok then return app:say("that cannot be started: " .. fail.message(child), "red bold") end
  local self = setmetatable({ kind = words[1], began = clock.wall(), pid = child.pid }, Work)
  app:replace(self)
  app:spawn(function() wait_for(self, child) end)
end

--- A screen for what another process is at, or nil: none is.
function work.of_others(home)
  local told = progress.read(home)
  if not told or told.ended or told.stale then return nil end
  return setmetatable({ kind = told.command, began = told.began, pid = told.pid }, Work)
end

--- Reads again how far it is.
function Work:look()
  local told = progress.read(self.app.home)
  if told and (self.pid and told.pid == self.pid or not self.pid and told.began >= self.began) then
    self.told = told
  end
  local ended = self.told and self.told.ended
  if self.kind == "up" and ended and ended.code == 0 and self.app:top() == self then
    self.app:replace(self.app.home_screen())
    self.app:say("READY", "green bold")
  end
end

function Work:open() self:look() end

Work.home_changed = Work.look
Work.tick = Work.look

-- Is it over, as far as can be seen?
function Work:over()
  return self.exit ~= nil or self.told ~= nil and (self.told.ended ~= nil or self.told.stale == true)
end

function Work:ticking() return not self:over() end

-- What comes after it.
local function go_on(self)
  if not self:over() then return end
  self.app:replace(self.app.home_screen())
end

local function undo(self)
  if self.undoing or not self.pid then return end
  self.undoing = true
  process.kill(self.pid, "INT")
  self.app:say("it is being undone: whatever was rented is ended, and that is proven", "yellow bold")
end

local WORDS = { up = "the start goes on; continueplz tells how far it is",
  stop = "the stop goes on, and the agent sees to its end; continueplz tells what came of it" }

local function leave(self)
  self.app.last_words = { WORDS[self.kind] or "it goes on" }
  self.app:pop()
end

function Work:keys()
  if self:over() then
    return { { key = "enter", words = "go on", act = function() go_on(self) end },
      { key = "q", words = "go on", hidden = true, act = function() go_on(self) end } }
  end
  local starting = self.kind == "up"
  return {
    { key = starting and "d" or "q", words = "leave it to go on", act = function() leave(self) end },
    { key = "ctrl-c", words = "undo it", act = function() undo(self) end, hidden = not starting,
      off = not starting and "a stop is not undone; q leaves it to go on" or self.undoing
        and "it is being undone" or nil },
    { key = "q", words = "leave it to go on", hidden = true, act = function() leave(self) end },
    { key = "l", words = "logs", act = function(app) app:push(require("tui.logs").new()) end },
  }
end

function Work:model()
  return { kind = self.kind, told = self.told, exit = self.exit, said = self.said, undoing = self.undoing,
    now = clock.wall(), began = self.began, over = self:over(), money = self.app.money }
end

return work
