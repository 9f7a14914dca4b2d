-- SPDX-License-Identifier: MIT
-- Tasks: coroutines that wait for events and timers, so that scripts read as straight lines. Structured: a
-- task ends only after the tasks it started; what it leaves running is cancelled. Cancelling raises the
-- reason inside the task, where it waits.

local clock = require "base.clock"
local fail = require "base.fail"
local scheduler = require "base.scheduler"
local sorted = lazy "base.sorted"

local task = {}

-- Runs fn(...) as the first task, with everything it starts. → its results; raises its failure
task.run = scheduler.run

-- Starts fn(...) beside the current task. → a task, for await and cancel
task.spawn = scheduler.spawn

-- Raises `reason` inside t at its next wait (after its shields). → false if t is over already
task.cancel = scheduler.cancel

-- Sets what a signal does: fn(name) in the main loop; it may cancel, not wait. nil: the first task is
-- cancelled. → the previous one
task.on_signal = scheduler.on_signal

-- Drops the kept events of an id that is of no interest any more.
task.discard = scheduler.discard

-- For what computes for long: takes signals and other events that have come;
-- raises the reason when the task is cancelled.
task.attend = scheduler.attend

local function results(t)
  if t.outcome[1] then return table.unpack(t.outcome, 2, t.outcome.n) end
  local parent = t.parent
  if parent and parent.unseen == t.outcome[2] then parent.unseen = nil end
  error(t.outcome[2], 0)
end

--- Waits for a task. → its results; raises its failure
function task.await(t)
  scheduler.join(t)
  return results(t)
end

--- Calls fn(...); a cancellation meanwhile is raised at the first wait after it.
function task.shield(fn, ...)
  local t = scheduler.current()
  if not t then
    error("task.shield needs a task around it: task.run(function() … end)", 2)
  end
  t.shields = t.shields + 1
  local outcome = table.pack(xpcall(fn, fail.bug, ...))
  t.shields = t.shields - 1
  if not outcome[1] then error(outcome[2], 0) end
  return table.unpack(outcome, 2, outcome.n)
end

--- Calls fn() with a deadline in seconds. → its results; raises `transient`, code "deadline",
-- when it is cancelled by it
function task.deadline(seconds, fn, message)
  message = message or ("this took longer than %s"):format(clock.duration(seconds))
  local t = task.spawn(fn)
  if not scheduler.join_all({ t }, clock.now() + seconds) then
    task.cancel(t, fail.new { kind = "transient", code = "deadline", message = message })
    scheduler.settle(t)
  end
  return results(t)
end

--- Calls fn(item, key) for all items at once, at most `limit` at a time and each for at most `timeout`
-- seconds. → {[key] = {ok = true, value =} or {ok = false, error = failure}}
function task.map(items, fn, options)
  local limit, timeout = options and options.limit, options and options.timeout
  local keys, at, found, workers = sorted.keys(items), 0, {}, {}
  local function one(key)
    if not timeout then return fn(items[key], key) end
    return task.deadline(timeout, function() return fn(items[key], key) end)
  end
  local function work()
    while at < #keys do
      at = at + 1
      local key = keys[at]
      local ok, value = fail.settle(one, key)
      found[key] = ok and { ok = true, value = value } or { ok = false, error = value }
      if scheduler.interrupted(scheduler.current()) then
        error(scheduler.current().cancelled, 0)
      end
    end
  end
  for i = 1, math.min(limit or #keys, #keys) do workers[i] = task.spawn(work) end
  scheduler.join_all(workers)
  return found
end

--- Waits.
function task.sleep(seconds) scheduler.wait(nil, clock.now() + math.max(0, seconds)) end

--- The next event of `id`, kept or still to come; nil after `timeout` seconds.
function task.park(id, timeout)
  local event = scheduler.wait(id, timeout and clock.now() + timeout)
  if event == scheduler.TIMEOUT then return nil end
  return event
end

--- A queue between tasks: put(value) never waits, take(timeout?) → value, or nil after the timeout.
-- One taker at a time.
function task.channel()
  local id = {}
  return {
    put = function(value) scheduler.deliver { id = id, value = value } end,
    take = function(timeout)
      local event = task.park(id, timeout)
      return event and event.value
    end,
  }
end

--- How many tasks the current one has started that are not over, and how many ids have kept events.
function task.leftovers()
  local t = scheduler.current()
  return t and #t.children or 0, scheduler.kept()
end

return task
