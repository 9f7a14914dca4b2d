-- SPDX-License-Identifier: MIT
-- Keeps what the user's scripts compute within bounds: a loop without an end, also one in a coroutine or
-- behind a pcall, is cut off.

local _, tools = ...

local bounds = {}

local STRIDE, MEMORY = 1000, 512 * 1024 -- instructions between two looks; KiB

local active -- the bound in force, while something runs in it

local function plain(problem)
  local fail = require "base.fail"
  return fail.is(problem) and problem or fail.message(problem)
end

-- Errors are made plain inside of the bound, as a table may have a __tostring that never ends.
local function protected(fn, ...)
  local results = table.pack(pcall(fn, ...))
  if not results[1] and type(results[2]) ~= "string" then results[2] = plain(results[2]) end
  return results
end

local function hook_of(bound, sentence)
  return function()
    bound.left = bound.left - STRIDE
    if bound.left < 0 then
      bound.over = bound.over or sentence
    elseif tools.collectgarbage("count") > bound.most then
      bound.over = bound.over or "it took too much memory"
    end
    if bound.over then error(bound.over, 0) end
  end
end

--- Runs fn(...) for at most about `count` instructions of Lua, then raises `sentence`. It must not wait.
-- Inside of another bound that one holds.
function bounds.run(count, sentence, fn, ...)
  if active then return fn(...) end
  local bound = { left = count, most = tools.collectgarbage("count") + MEMORY }
  bound.hook = hook_of(bound, sentence)
  active = bound
  local before = table.pack(tools.gethook())
  tools.sethook(bound.hook, "", STRIDE)
  local ok, results = pcall(protected, fn, ...)
  tools.sethook(table.unpack(before, 1, before.n))
  active = nil
  if bound.over then error(bound.over, 0) end
  if not ok then error(results, 0) end
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

-- What is over stays over, whoever catches the error.
local function relay(...)
  if active and active.over then error(active.over, 0) end
  return ...
end

local function limited_pcall(...) return relay(pcall(...)) end

-- The handler runs afterwards: during an error of the hook nothing would count it.
local function limited_xpcall(fn, handler, ...)
  local results = table.pack(limited_pcall(fn, ...))
  if results[1] then return table.unpack(results, 1, results.n) end
  return false, handler(results[2])
end

local function limited_setmetatable(object, meta)
  if type(meta) == "table" and rawget(meta, "__gc") ~= nil then
    error("a script of the user's cannot have __gc", 2)
  end
  return setmetatable(object, meta)
end

local mine = setmetatable({}, { __mode = "k" }) -- coroutines of the user's scripts

local function create(fn)
  local co = coroutine.create(fn)
  mine[co] = true
  if active then tools.sethook(co, active.hook, "", STRIDE) end
  return co
end

local function resume(...) return relay(coroutine.resume(...)) end

local function results_of(ok, ...)
  if not ok then error((...), 0) end
  return ...
end

local function wrap(fn)
  local co = create(fn)
  return function(...) return results_of(resume(co, ...)) end
end

local function yield(...)
  if not mine[coroutine.running()] then
    error("coroutine.yield belongs into a coroutine of your own; to wait use base.task", 2)
  end
  return coroutine.yield(...)
end

--- Changes the globals of the user's scripts so that nothing in them escapes a bound, and their coroutines
-- stay apart from the tasks of the program.
function bounds.globals(env)
  env.pcall, env.xpcall, env.setmetatable = limited_pcall, limited_xpcall, limited_setmetatable
  env.coroutine.create, env.coroutine.wrap, env.coroutine.yield, env.coroutine.resume = create, wrap,
    yield, resume
  env.coroutine.close = function(co) return relay(coroutine.close(co)) end
end

return bounds
