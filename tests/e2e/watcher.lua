-- SPDX-License-Identifier: MIT
-- A person before a full screen: the program on a pseudo-terminal of a given size (util-linux' script), what
-- that terminal shows, and keys that are typed.
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local process = require "base.process"
local subprocess = require "base.subprocess"
local task = require "base.task"
local vt = require "vt"

local watcher = {}
watcher.__index = watcher

local SECONDS = 60
local NOT_READ = 0.02

--- Starts the program of a rig's home. options: { width=, height= (80×24), words = { … }, env = { "N=V" } }
function watcher.start(r, options)
  options = options or {}
  local words = { process.exe, "-C", r.home }
  for _, word in ipairs(options.words or {}) do words[#words + 1] = "'" .. word .. "'" end
  local width, height = options.width or 80, options.height or 24
  local line = ("stty cols %d rows %d; tty; exec %s"):format(width, height, table.concat(words, " "))
  local env = { "PATH=" .. process.getenv "PATH", "TERM=xterm-256color", "LANG=C.UTF-8", "HOME=" .. r.dir }
  local planted = process.getenv "CONTINUEPLZ_PLANTED" -- mistakes of dst/mutants.lua
  env[#env + 1] = planted and "CONTINUEPLZ_SCRIPTS=" .. planted or nil
  for _, each in ipairs(options.env or {}) do env[#env + 1] = each end
  local self = setmetatable({ vt = vt.new(width, height), home = r.home }, watcher)
  self.child = process.spawn { argv = { "script", "-qec", line, "/dev/null" }, stdin = "pipe",
    stdout = "pipe", stderr = "null", cwd = "/", env = env }
  self.reader = task.spawn(function()
    while true do
      local ok, piece = fail.try(self.child.stdout.read, self.child.stdout)
      if not ok or not piece then break end
      self.vt:feed(piece)
    end
    self.ended = true
  end)
  return self
end

--- Waits until something is so. → its result
function watcher:until_(what, test, seconds)
  local last = clock.now() + (seconds or SECONDS)
  repeat
    local result = test()
    if result then return result end
    task.sleep(NOT_READ)
  until clock.now() > last or self.ended
  local result = test()
  if result then return result end
  return error(("%s did not come; the screen is:\n%s\n%s"):format(what, self.vt:text(), self.vt:outside()), 0)
end

--- Waits until the screen shows a text (plain).
function watcher:sees(text, seconds)
  return self:until_(("%q"):format(text), function() return self.vt:text():find(text, 1, true) end, seconds)
end

--- Waits until the screen shows it no more.
function watcher:no_more(text, seconds)
  return self:until_(("the end of %q"):format(text), function()
    return not self.vt:text():find(text, 1, true)
  end, seconds)
end

--- Types.
function watcher:type(keys) self.child.stdin:write(keys) end

--- The path of the terminal.
function watcher:tty()
  return self:until_("the terminal's name", function()
    return self.vt:outside():match "/dev/[%w/]+"
  end)
end

--- Is a process at work? One that is over and that nobody waits for is not.
function watcher.works(pid)
  local words = files.read_system(("/proc/%d/cmdline"):format(pid), 4096)
  return words ~= nil and words ~= ""
end

--- Gives the terminal another size.
function watcher:resize(width, height)
  self.vt.lenient = true -- what was on its way is for the size before
  local result = subprocess.run { "stty", "-F", self:tty(), "cols", ("%d"):format(width), "rows",
    ("%d"):format(height) }
  assert(result and result.code == 0, "stty")
  self.vt:resize(width, height)
end

--- The number of the program's process.
function watcher:pid()
  local words = process.exe .. "\0-C\0" .. self.home .. "\0"
  return self:until_("the program's process", function()
    for _, name in ipairs(assert(files.list "/proc")) do
      local own = name:find "^%d+$" and files.read_system("/proc/" .. name .. "/cmdline", 4096)
      if own and own:sub(1, #words) == words and not own:find("\0agent\0", 1, true) then
        return math.tointeger(tonumber(name))
      end
    end
  end)
end

--- Waits for the end. → exit code; what is wrong with the bytes that came is raised
function watcher:finish()
  local exit = self.child:wait(SECONDS)
  if not exit then
    self.child:kill "KILL"
    self.child:wait()
  end
  task.await(self.reader)
  self.child:close()
  if not exit then error("the program did not end; the screen is:\n" .. self.vt:text(), 0) end
  if #self.vt.strange > 0 then error("strange bytes: " .. table.concat(self.vt.strange, ", "), 0) end
  for name, on in next, self.vt.modes do -- order: free
    local fine = name == "cursor" and on or name ~= "cursor" and not on
    if not fine then error("the terminal is left with " .. name .. (on and " on" or " off"), 0) end
  end
  return exit.status, exit.signal
end

return watcher
