-- SPDX-License-Identifier: MIT
-- The Lua tests, through the real binary: CONTINUEPLZ_SCRIPTS=tests continueplz tests/run.lua
-- [--only=PATTERN] [FILE.lua …] A test file returns function(t). After each case no task, connection or
-- expected call may be left.

local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local keys = require "base.keys"
local net = require "base.net"
local process = require "base.process"
local sorted = require "base.sorted"
local task = require "base.task"
local term = require "base.term"
local world = require "sandbox.world"

local HANG = 120 -- seconds after which a case counts as hanging

local root = files.dirname(files.absolute(world.script))
local counts = { ok = 0, failed = 0, skipped = 0 }
local only
local loaded = {}

local function show(value, depth)
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) ~= "table" or (getmetatable(value) or {}).__tostring then
    return tostring(value)
  end
  if (depth or 0) > 6 then return "{…}" end
  local parts = {}
  for key, item in sorted(value) do
    parts[#parts + 1] = (type(key) == "string" and key .. "=" or "[" .. tostring(key) .. "]=") .. show(item,
      (depth or 0) + 1)
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

local function same(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  for key, item in pairs(a) do -- order: free
    if not same(item, b[key]) then return false end
  end
  for key in pairs(b) do -- order: free
    if a[key] == nil then return false end
  end
  return true
end

local function report(name, ok, problem)
  if ok then
    counts.ok = counts.ok + 1
    term.out("ok - " .. name .. "\n")
  elseif type(problem) == "table" and problem.skipped then
    counts.skipped = counts.skipped + 1
    term.out(("skip - %s: %s\n"):format(name, problem.message))
  else
    counts.failed = counts.failed + 1
    local text = fail.message(problem)
    if type(problem) == "table" and problem.trace then text = text .. "\n" .. problem.trace end
    term.out(("not ok - %s: %s\n"):format(name, (text:gsub("\n", "\n  "))))
  end
end

local Tests = {}
Tests.__index = Tests

-- Runs one case: fn() as a task.
function Tests:case(name, fn)
  local title = self.file .. ": " .. name
  if only and not title:find(only) then return end
  self.expected, self.cleanup = {}, {}
  local handles = net.count()
  local ok, problem = fail.try(task.deadline, HANG, function()
    fn()
    local tasks = task.leftovers()
    if tasks > 0 then error(("%d tasks are left running"):format(tasks), 0) end
  end, "the case hangs")
  for _, clean in ipairs(self.cleanup) do clean() end
  for _, expectation in ipairs(self.expected) do
    if ok and expectation.calls ~= expectation.wanted then
      ok, problem = false,
        ("a function was called %d times instead of %d"):format(expectation.calls, expectation.wanted)
    end
  end
  local left = net.count() - handles
  if ok and left ~= 0 then ok, problem = false, ("%d connections are left open"):format(left) end
  report(title, ok, problem)
end

function Tests.equal(_, got, wanted, what)
  if not same(got, wanted) then
    error(("%sgot %s instead of %s"):format(what and what .. ": " or "", show(got), show(wanted)), 2)
  end
end

function Tests.ok(_, value, what)
  if not value then
    error((what or "the value") .. " is " .. tostring(value), 2)
  end
  return value
end

-- fn(...) must raise: a failure of the kind `wanted`, or something whose message holds the pattern.
-- → the error
function Tests.raises(_, wanted, fn, ...)
  local results = table.pack(pcall(fn, ...))
  if results[1] then
    error("nothing was raised; it returned " .. show({ table.unpack(results, 2, results.n) }), 2)
  end
  local problem = results[2]
  if not fail.is(problem, wanted) and not fail.message(problem):find(wanted) then
    error(("raised %q instead of %s"):format(fail.message(problem), wanted), 2)
  end
  return problem
end

-- fn wrapped: it must be called `count` times (1) before the case ends.
function Tests:expect(fn, count)
  local expectation = { calls = 0, wanted = count or 1 }
  table.insert(self.expected, expectation)
  return function(...)
    expectation.calls = expectation.calls + 1
    return fn(...)
  end
end

-- Ends the case as skipped. A failure: only such a one passes through tasks and fail.try as it is.
function Tests.skip(_, reason) fail.raise("nothing", reason, { skipped = true }) end

-- A private directory that is gone after the case.
function Tests:directory()
  local path = files.join(process.getenv("TMPDIR") or "/tmp", "continueplz-test-" .. keys.random_hex(6))
  assert(files.mkdir(path))
  table.insert(self.cleanup, function() assert(files.remove_tree(path)) end)
  return path
end

-- Loads tests/lua/NAME.lua once; it gets this function as its argument. → what it returns
function Tests.load(_, name)
  if loaded[name] == nil then
    loaded[name] = world.run_file(files.join(root, "lua", name .. ".lua"), { function(other)
      return Tests.load(nil, other)
    end })
  end
  return loaded[name]
end

local function run_file(path)
  local t = setmetatable({ file = files.basename(path):gsub("%.lua$", ""), root = root, expected = {},
    cleanup = {} }, Tests)
  t.file = t.file:gsub("^test_", "")
  local ok, problem = fail.try(function() world.run_file(path)(t) end)
  if not ok then report(t.file, false, problem) end
end

local function main(...)
  local paths, started = {}, clock.now()
  for _, word in ipairs { ... } do
    if word:find("^%-%-only=") then
      only = word:sub(8)
    else
      paths[#paths + 1] = files.absolute(word)
    end
  end
  if #paths == 0 then
    for _, name in ipairs(assert(files.list(files.join(root, "lua")))) do
      if name:find("^test_.*%.lua$") then paths[#paths + 1] = files.join(root, "lua", name) end
    end
  end
  for _, path in ipairs(paths) do run_file(path) end
  term.err(("%d passed, %d failed, %d skipped in %s\n"):format(counts.ok, counts.failed, counts.skipped,
    clock.duration(clock.now() - started)))
  return counts.failed == 0 and counts.ok + counts.skipped > 0 and 0 or 1
end

return main(...)
