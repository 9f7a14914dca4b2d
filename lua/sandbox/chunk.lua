-- SPDX-License-Identifier: MIT
-- Lua that is typed: compiled in an environment of its own, run so that a signal reaches it
-- also while it computes.

local host = ...

local task = require "base.task"
local world = require "sandbox.world"

local chunk = {}

-- The type of a text's metatable is everybody's: who changed it would change the methods of all texts.
local function metatable(value)
  if type(value) == "string" then return nil end
  return getmetatable(value)
end

--- A fresh table of the globals that scripts have, without `require` and `lazy`;
-- what is put into a library stays there.
function chunk.globals()
  local env = {}
  for name, value in next, world.globals() do -- order: free
    env[name] = type(value) == "table" and setmetatable({}, { __index = value }) or value
  end
  env.require, env.lazy, env.getmetatable = nil, nil, metatable
  return env
end

--- The function of a text, or nil, message, "syntax". `name` as Lua has it: "@FILE" or "=WORD".
function chunk.compile(text, name, env) return host.script.compile(text, name, env) end

--- Calls fn(...) in the current task, which can be cancelled also while it does not wait. → its results;
-- raises its failure
function chunk.run(fn, ...)
  if not world.attended then return fn(...) end
  return world.attended(task.attend, fn, ...)
end

return chunk
