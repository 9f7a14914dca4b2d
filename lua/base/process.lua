-- SPDX-License-Identifier: MIT
-- Child processes and what the system says about us.

local host = ...

local fail = require "base.fail"

local process = { exe = host.exe, platform = host.platform }

local Child = {}
Child.__index = Child

--- The exit event ({status=} or {signal=}), or nil after `timeout` seconds. May be asked again.
function Child:wait(timeout)
  self.exit = self.exit or require("base.task").park(self.id, timeout)
  return self.exit
end

--- Sends a signal ("TERM" unless named) to the child, or to its group. → true, or nil, sentence, code
function Child:kill(signal, group)
  if self.exit then
    return nil, ("process %d is over"):format(self.pid), "missing"
  end
  return host.process.kill(self.pid, signal or "TERM", group)
end

--- Closes our ends of its pipes.
function Child:close()
  for _, name in ipairs { "stdin", "stdout", "stderr" } do
    if self[name] then self[name]:close() end
  end
end

--- Starts a program: {argv=, env= {"NAME=value"} or nil for ours, cwd=, stdin= stdout= stderr=, session=}.
-- ! → child
function process.spawn(options)
  local wanted = {}
  for key, value in pairs(options) do wanted[key] = value end -- order: free
  wanted.env = wanted.env or host.process.environ()
  local child, sentence, code = host.process.spawn(wanted)
  if not child then fail.raise("refused", sentence, { code = code }) end
  for _, name in ipairs { "stdin", "stdout", "stderr" } do
    if child[name] then child[name] = require("base.net").wrap(child[name]) end
  end
  return setmetatable(child, Child)
end

function process.getenv(name) return host.process.getenv(name) end
function process.cwd() return host.process.cwd() end
function process.pid() return host.process.pid() end
function process.uid() return host.process.uid() end

--- → true, or nil, sentence, code
function process.kill(pid, signal, group) return host.process.kill(pid, signal or "TERM", group) end

--- Whether a process with this number exists.
function process.alive(pid)
  local ok, _, code = host.process.kill(pid, 0)
  return ok ~= nil or code == "permissions"
end

--- What tells a process from all others that ever have its number; nil: there is none, or it is over.
function process.mark(pid)
  local boot, space, began = host.process.identity(pid)
  return began ~= 0 and ("%s %d %d"):format(boot, space, began) or nil
end

return process
