-- SPDX-License-Identifier: MIT
-- What is under base.task: coroutines that wait for events, timers and each other,
-- and the loop that resumes them.

local host, tools = ...

local clock = require "base.clock"
local fail = require "base.fail"
local queue = require "base.queue"

local scheduler = {}

local WAIT, WOKEN, TIMEOUT = {}, {}, {} -- what a waiting task yields; what wakes it besides an event
scheduler.TIMEOUT = TIMEOUT

local root, current    -- the task given to run; the one that runs now
local ready            -- tasks to go on with, in order
local timers           -- deadlines of waits
local parked = {}      -- id → task
local kept = {}        -- id → events that nobody waited for yet

local function interrupt(name)
  if name == "WINCH" then return end
  scheduler.cancel(root,
    fail.new { kind = "interrupted", message = "interrupted by SIG" .. name, signal = name })
end
local signal_handler = interrupt

local function wake(t, result)
  if t.state ~= "waiting" then return end
  if t.parked ~= nil then parked[t.parked] = nil end
  if t.timer then timers:drop(t.timer) end
  t.state, t.parked, t.timer, t.result = "ready", nil, nil, result
  ready:push(t)
end

local function check_place()
  if not current then
    error("this waits, and waiting needs a task around it: task.run(function() … end)", 0)
  end
  local script = tools.loading()
  if script then
    error(script .. " waits while it is being loaded; move that into a function", 0)
  end
  if coroutine.running() ~= current.co then
    error("a coroutine inside a task cannot wait; use task.spawn", 0)
  end
  if not coroutine.isyieldable() then
    error("nothing can wait here: inside a table.sort comparison, a string.gsub function or __tostring", 0)
  end
end

function scheduler.interrupted(t) return t.cancelled and t.shields == 0 end

local function take(id)
  local events = kept[id]
  if not events then return nil end
  local event = table.remove(events, 1)
  if #events == 0 then kept[id] = nil end
  return event
end

--- The one place that yields: for an event of `id`, a wake or the deadline. A deaf wait goes on when
-- cancelled. → event, WOKEN or TIMEOUT; raises the reason when cancelled
function scheduler.wait(id, deadline, deaf)
  check_place()
  local t = current
  if scheduler.interrupted(t) and not deaf then error(t.cancelled, 0) end
  if id ~= nil then
    local event = take(id)
    if event then return event end
    if parked[id] then
      error(("two tasks wait for the events of %s"):format(tostring(id)), 0)
    end
    parked[id], t.parked = t, id
  end
  if deadline then t.timer = timers:add(deadline, t) end
  t.state, t.deaf = "waiting", deaf
  local result = coroutine.yield(WAIT)
  if result == nil then error(t.cancelled, 0) end
  return result
end

local function remove(list, item)
  for i, other in ipairs(list) do
    if other == item then return table.remove(list, i) end
  end
end

--- Raises `reason` inside t at its next wait (after its shields). → false if t is over already
function scheduler.cancel(t, reason)
  if t.state == "done" then return false end
  t.cancelled = t.cancelled or reason or fail.new { kind = "interrupted", message = "cancelled" }
  if t.state == "waiting" and t.shields == 0 and not t.deaf then wake(t, nil) end
  return true
end

--- Waits for the end of t, whatever happens meanwhile.
function scheduler.settle(t)
  t.awaited = true
  while t.state ~= "done" do
    t.waiters[#t.waiters + 1] = current
    scheduler.wait(nil, nil, true)
  end
end

--- Waits for the end of t. → whether it came before the deadline
function scheduler.join(t, deadline)
  t.awaited = true
  while t.state ~= "done" do
    local me = current
    t.waiters[#t.waiters + 1] = me
    local ok, result = pcall(scheduler.wait, nil, deadline)
    if not ok or result == TIMEOUT then remove(t.waiters, me) end
    if not ok then error(result, 0) end
    if result == TIMEOUT then return false end
  end
  return true
end

--- Waits for all of `list`; when that is cancelled, they are as well, and still waited for.
function scheduler.join_all(list, deadline)
  local ok, result = pcall(function()
    for _, t in ipairs(list) do
      if not scheduler.join(t, deadline) then return false end
    end
    return true
  end)
  if ok then return result end
  for _, t in ipairs(list) do scheduler.cancel(t, result) end
  for _, t in ipairs(list) do scheduler.settle(t) end
  error(result, 0)
end

local function body(t, fn, args)
  if t.cancelled then
    t.outcome = { false, t.cancelled, n = 2 }
    return
  end
  local outcome = table.pack(xpcall(fn, fail.bug, table.unpack(args, 1, args.n)))
  while #t.children > 0 do
    local child = t.children[1]
    scheduler.cancel(child,
      fail.new { kind = "interrupted", message = "the task that started this one is over" })
    scheduler.settle(child)
  end
  if outcome[1] and t.unseen then outcome = { false, t.unseen, n = 2 } end
  t.outcome = outcome
end

local function new_task(parent, fn, ...)
  local args = table.pack(...)
  local t = { parent = parent, children = {}, waiters = {}, shields = 0, state = "ready" }
  t.co = coroutine.create(function() body(t, fn, args) end)
  if parent then table.insert(parent.children, t) end
  ready:push(t)
  return t
end

-- A failure that nobody waits for becomes the parent's, a bug is logged at once as well.
local function report_unseen(t)
  local failure = t.outcome[2]
  if t.outcome[1] or t.awaited or failure == t.cancelled then return end
  if fail.is(failure, "internal") then
    require("base.log").error("a task failed", { error = failure.message, trace = failure.trace })
  end
  if t.parent then t.parent.unseen = t.parent.unseen or failure end
end

-- Lets t go on until it waits or ends. Whatever else it yields is for the one who called task.run: a replaced
-- world can be stopped dead at any primitive.
local function step(t)
  local result = t.result
  current, t.state, t.result = t, "running", nil
  local answer = table.pack(coroutine.resume(t.co, result))
  while answer[2] ~= WAIT and coroutine.status(t.co) ~= "dead" do
    answer = table.pack(coroutine.resume(t.co, coroutine.yield(table.unpack(answer, 2, answer.n))))
  end
  current = nil
  if coroutine.status(t.co) ~= "dead" then return end
  t.outcome = answer[1] and t.outcome or { false, fail.bug(answer[2]), n = 2 }
  t.state = "done"
  if t.parent then remove(t.parent.children, t) end
  report_unseen(t)
  for _, waiter in ipairs(t.waiters) do wake(waiter, WOKEN) end
end

function scheduler.deliver(event)
  if event.kind == "signal" then return signal_handler(event.signal) end
  local t = parked[event.id]
  if t then return wake(t, event) end
  local events = kept[event.id] or {}
  kept[event.id] = events
  events[#events + 1] = event
end

local function turn()
  for _ = 1, ready:size() do step(ready:pop()) end
  if root.state == "done" then return end
  local deadline = timers:first()
  local seconds = ready:size() > 0 and 0 or deadline and math.max(0, deadline - clock.now()) or nil
  for _, event in ipairs(host.loop.wait(seconds)) do scheduler.deliver(event) end
  local now = clock.now()
  local t = timers:due(now)
  while t do
    t.timer = nil
    wake(t, TIMEOUT)
    t = timers:due(now)
  end
end

-- Why the current task is to end: its own cancellation, or that of a task it belongs to.
local function reason_to_end()
  local t = current
  while t and t.shields == 0 do
    if t.cancelled then return t.cancelled end
    t = t.parent
  end
end

--- For a task that computes for long: takes what has come meanwhile, without waiting.
-- Raises the reason when it is to end.
function scheduler.attend()
  if not current then return end
  if not reason_to_end() then
    for _, event in ipairs(host.loop.wait(0)) do scheduler.deliver(event) end
  end
  local reason = reason_to_end()
  if reason then error(reason, 0) end
end

--- Runs fn(...) as the first task, with everything it starts. → its results; raises its failure
function scheduler.run(fn, ...)
  if root then
    error("task.run is already running: use task.spawn or task.map", 2)
  end
  ready, timers = queue.fifo(), queue.timers()
  root = new_task(nil, fn, ...)
  local mine = root
  local ok, problem = pcall(function()
    while mine.state ~= "done" do turn() end
  end)
  root, current = nil, nil
  if not ok then error(problem, 0) end
  if not mine.outcome[1] then error(mine.outcome[2], 0) end
  return table.unpack(mine.outcome, 2, mine.outcome.n)
end

--- Starts fn(...) as a child of the current task.
function scheduler.spawn(fn, ...)
  if not current then
    error("task.spawn needs a task around it: task.run(function() … end)", 3)
  end
  return new_task(current, fn, ...)
end

--- The task that runs now, or nil.
function scheduler.current() return current end

--- Drops the kept events of an id.
function scheduler.discard(id) kept[id] = nil end

--- How many ids have events that nobody waited for.
function scheduler.kept()
  local ids = 0
  for _ in pairs(kept) do ids = ids + 1 end -- order: free
  return ids
end

--- Sets what a signal does; nil: the root is cancelled. → the previous one
function scheduler.on_signal(fn)
  local before = signal_handler
  signal_handler = fn or interrupt
  return before
end

return scheduler
