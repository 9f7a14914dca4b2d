-- SPDX-License-Identifier: MIT
-- The machine of this folder while there is one: what it is, what it costs, what ends it.
local clock = require "base.clock"
local command = require "tui.command"
local fail = require "base.fail"
local prompt = require "tui.prompt"
local report = lazy "start.report"
local subprocess = lazy "base.subprocess"
local task = require "base.task"

local instance = {}

local Instance = { name = "instance" }
Instance.__index = Instance

local LOOK_SECONDS = 5 -- between two looks at machine and guard
local TEST_SECONDS = 60

--- → a screen
function instance.new() return setmetatable({}, Instance) end

-- Looks again and again. The record itself is looked at with every change.
local function looks(self)
  while true do
    local ok, model = fail.try(report.status)
    self.problem = not ok and fail.message(model) or nil
    if ok then self.status, self.seen = model, clock.now() end
    self.app:changed()
    task.sleep(LOOK_SECONDS)
  end
end

function Instance:open()
  self.worker = task.spawn(function() looks(self) end)
end

function Instance:close() task.cancel(self.worker) end

--- A stop that goes on is followed; when nothing runs any more, what there is to rent comes back.
function Instance:home_changed()
  local app = self.app
  if app:top() ~= self or app.prompt then return end
  local other = app.money.state == "none" or require("tui.work").of_others(app.home)
  if other then app:replace(app.home_screen()) end
end

local function ask_stop(self)
  local what = self.status and self.status.instance or {}
  self.app:ask(prompt.new { sign = ("End %s on %s and prove that billing stopped? [y/N] "):format(what.id
    or "it", what.provider or "its cloud"), letters = true, done = function(answer)
    if answer:lower() ~= "y" then return self.app:say "nothing was ended" end
    require("tui.work").begin(self.app, { "stop" })
  end })
end

-- May something bill that only a person can see the end of?
local function doubt(self)
  local state = self.app.money.state
  return state == "unproven" or state == "unverifiable" or state == "unknown"
end

local function acknowledge(self)
  local money = self.app.money
  self.app:ask(prompt.new { sign = ("Did you see at %s that it is gone? [y/N] "):format(money.console
    or "the cloud"), letters = true, done = function(answer)
    if answer:lower() ~= "y" then return self.app:say "its record stays" end
    command.run(self.app, { "ack", money.id })
  end })
end

-- A sign of life of the model, beside everything else.
local function test(self)
  if self.testing then return end
  self.testing = true
  self.app:say "asking the model ..."
  self.app:spawn(function()
    local result = subprocess.run(command.argv "ping", nil, { seconds = TEST_SECONDS })
    self.testing = nil
    local good = result and result.code == 0
    self.app:say(result and (good and result.out:match "[^\n]+" or subprocess.complaint(result))
      or "the program cannot be started", good and "green" or "red bold")
    self.app:changed()
  end)
end

local function off(self)
  local state = self.status and self.status.state
  return state ~= "ready" and ("it is %s"):format(state or "being looked at") or nil
end

function Instance:keys()
  local function run(...)
    local words = { ... }
    return function(app) command.run(app, words) end
  end
  local function line(text)
    return function(app) command.ask_for(app, text) end
  end
  local not_ready = off(self)
  return {
    { key = "s", words = "stop", act = function() ask_stop(self) end,
      off = self.app.money.state == "none" and "nothing runs" or nil },
    { key = "t", words = "test", act = function() test(self) end, off = not_ready },
    { key = "l", words = "logs", act = function(app) app:push(require("tui.logs").new()) end },
    { key = "e", words = "more time", act = line "extend ", off = not_ready },
    { key = "m", words = "model", act = line "use ", off = not_ready },
    { key = "c", words = "editor", act = line "endpoint --write --for=", off = not_ready },
    { key = "a", words = "it is gone: close its record", hidden = not doubt(self),
      act = function() acknowledge(self) end, off = not doubt(self) and "nothing waits for that" or nil },
    { key = "w", words = "sweep all clouds", hidden = true, act = run "sweep" },
  }
end

function Instance:model()
  local money, alert = self.app.money, nil
  if money.state == "unproven" then
    alert = { id = money.id, console = money.console, reason = money.reason }
  end
  return { alert = alert, status = self.status, money = money, problem = self.problem, now = clock.wall(),
    age = self.seen and clock.now() - self.seen }
end

function Instance:copy()
  local endpoint = self.status and self.status.endpoint
  return endpoint and endpoint.url
end

function Instance.ticking() return true end

return instance
