-- SPDX-License-Identifier: MIT
-- The end of a log: this program's own, or those of the machine. Followed while its end is shown.
local command = require "tui.command"
local json = lazy "base.json"
local list = require "tui.list"
local subprocess = lazy "base.subprocess"
local task = require "base.task"

local logs = {}

local PARTS = { "tool", "engine", "guard" }
local LINES = 2000
local LOOK_SECONDS = 3 -- between two looks

local function look(self)
  local result = subprocess.run(command.argv("logs", self.part, "-n", tostring(LINES), "--output=json"))
  local answer = result and json.decode(result.out)
  local at_end = self.at >= #self:items()
  if answer and answer.lines then
    self.lines, self.problem = answer.lines, nil
  else
    self.lines = {}
    self.problem = result and subprocess.complaint(result) or "the program cannot be started"
  end
  if at_end then self.at = math.max(1, #self:items()) end
  self.app:changed()
end

local function begin(self)
  if self.worker then task.cancel(self.worker) end
  self.worker = task.spawn(function()
    while true do
      look(self)
      task.sleep(LOOK_SECONDS)
    end
  end)
end

local function next_part(self)
  for index, part in ipairs(PARTS) do
    if part == self.part then
      self.part = PARTS[index % #PARTS + 1]
      break
    end
  end
  self.lines, self.at = {}, 1
  begin(self)
end

--- → a screen
function logs.new()
  local self = list.new { name = "logs", filter = "", part = "tool", lines = {} }
  function self.all() return self.lines end
  function self.text_of(line) return line end
  function self.open() begin(self) end
  function self.close() task.cancel(self.worker) end
  function self.keys()
    local own = { { key = "tab", words = "next log", act = function() next_part(self) end },
      { key = "end", words = "follow", act = function() self:move(1e9) end } }
    return table.move(self:moving(), 1, 8, 3, own)
  end
  function self.model()
    local base = list.model(self)
    base.part, base.problem, base.following = self.part, self.problem, self.at >= #base.items
    return base
  end
  function self.copy() return self:item(), "the line" end
  return self
end

return logs
