-- SPDX-License-Identifier: MIT
-- The processes of a history (dst/play.lua): commands are started, waited for, suspended and killed
-- while its time passes.
local sorted = require "base.sorted"

local CAP = 6 * 3600 -- seconds after which a command counts as hanging

-- Judged at the very moment, for others go on.
local function ended(self, process)
  local done = process.state == "done"
  process.code = done and process.outcome[1] and process.outcome[2] or nil
  self:trace(("%s ended: %s\n%s\n%s"):format(process.name, tostring(process.code), process.out, process.err))
  if done and not process.outcome[1] then
    self.judge:broken("bug", ("`%s` raised %s"):format(process.name, tostring(process.outcome[2])))
  end
  self.last = process
  self.judge:ended(process, process.code)
end

--- Gives the methods of a history those that start and end processes.
return function(methods)
  --- Starts a command. words: array; → process
  function methods:start(words)
    local env = self.lent and { HOME = self.sim.env.HOME,
      [self.cloud.environment(self.KEY)[1]:match("^[^=]+")] = self.KEY } or nil
    local process = self.sim:start(function(require) return require("cli").main(words) end,
      { name = words[1], bare = true, daemon = false, home = self.HOME, argv = words, env = env })
    self:trace("$ " .. table.concat(words, " "))
    local slept = self.slept
    local function judge_time()
      if process.state == "done" or process.state == "killed" then return end
      if self.slept > slept then
        self.sim:at(self.slept - slept, judge_time)
        slept = self.slept
      else
        self.judge:broken("E", ("`%s` does not end within %d s"):format(table.concat(words, " "), CAP))
        process:kill()
      end
    end
    self.sim:at(CAP, judge_time)
    process.slept = self.slept
    process.about = self.judge.token_list[#self.judge.token_list]
    table.insert(process.at_end, function() ended(self, process) end)
    return process
  end

  --- Waits for the process to end. → exit code, or nil when it was killed
  function methods:wait(process)
    while process.state ~= "done" and process.state ~= "killed" do
      if process.state == "suspended" then self:pass(60) else self.sim:run() end
    end
    return process.code
  end

  function methods:run(...) return self:wait(self:start { ... }) end

  --- Lets time pass.
  function methods:pass(seconds) self.sim:run(seconds) end

  --- The computer sleeps: nothing of us runs, the world goes on.
  function methods:suspend(seconds)
    local asleep = {}
    for _, each in sorted(self.family) do each.slept = each.slept + seconds end
    for _, process in ipairs(self.sim.processes) do
      if process.state == "waiting" then process.state, asleep[#asleep + 1] = "suspended", process end
    end
    self.sim:at(seconds, function()
      for _, process in ipairs(asleep) do
        if process.state == "suspended" then process.state = "waiting" end
      end
    end)
  end

  --- Lets time pass until nothing is asleep.
  function methods:wake()
    for _, process in ipairs(self.sim.processes) do
      while process.state == "suspended" do self:pass(60) end
    end
  end

  --- The agent that lives, or nil.
  function methods:agent()
    for _, process in ipairs(self.sim.processes) do
      local lives = process.state ~= "done" and process.state ~= "killed"
      if process.name == "agent" and process.home == self.HOME and lives then
        return process
      end
    end
  end

  --- Kills every process of ours.
  function methods:kill_all()
    self:met "computer dead"
    for _, process in ipairs(self.sim.processes) do process:kill() end
  end
end
