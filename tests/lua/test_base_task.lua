-- SPDX-License-Identifier: MIT
local fail = require "base.fail"
local task = require "base.task"

return function(t)
  local sim = t:load("fakehost")

  -- Runs fn(task, clock, process) in a replaced world. → its results; raises its failure
  local function inside(fn, options)
    local s = sim.new(options)
    local p = s:start(function(require) return fn(require "base.task", require "base.clock", s, require) end)
    s:run()
    return p:result()
  end

  local function ends(kind, fn) return t:raises(kind, inside, fn) end

  t:case("run returns the results, also nil ones", function()
    local a, b, c = inside(function() return 1, nil, 3 end)
    t:equal({ a, c }, { 1, 3 })
    t:equal(b, nil)
  end)

  t:case("sleeping takes its time, and no other", function()
    t:equal(inside(function(inner, clock)
      local before = clock.now()
      inner.sleep(14 * 3600)
      return clock.now() - before
    end), 14 * 3600.0)
  end)

  t:case("timers fire by deadline, then in order of setting", function()
    local order = inside(function(inner)
      local seen = {}
      for i, seconds in ipairs { 3, 1, 2, 1, 3, 0 } do
        inner.spawn(function()
          inner.sleep(seconds)
          seen[#seen + 1] = i
        end)
      end
      inner.sleep(4)
      return seen
    end)
    t:equal(order, { 6, 2, 4, 3, 1, 5 })
  end)

  t:case("many timers, most of them dropped", function()
    local left = inside(function(inner, clock)
      for i = 1, 1000 do inner.deadline(10000 + i, function() inner.sleep(1) end) end
      return clock.now()
    end)
    t:equal(left, 1000.0 + sim.START)
  end)

  t:case("await gives results and failures", function()
    inside(function(inner)
      t:equal({ inner.await(inner.spawn(function(a, b) return b, a end, 1, 2)) }, { 2, 1 })
      local bad = inner.spawn(function() fail.raise("quota", "too many") end)
      t:raises("quota", inner.await, bad)
    end)
  end)

  t:case("a bug carries a trace, a failure stays the same table", function()
    inside(function(inner)
      local failure = fail.new { kind = "auth", message = "no" }
      local caught = t:raises("auth", inner.await, inner.spawn(function() error(failure, 0) end))
      t:ok(caught == failure, "the same table")
      local bug = t:raises("internal", inner.await, inner.spawn(function() return ("text").missing.field end))
      t:ok(bug.message:find("test_base_task.lua:%d+:"), "file and line")
      t:ok(bug.trace and bug.trace:find("test_base_task"), "the trace")
    end)
  end)

  t:case("run inside run raises", function()
    ends("already running", function(inner) inner.run(function() end) end)
  end)

  t:case("waiting outside of a task raises a sentence", function()
    local s = sim.new()
    t:raises("needs a task around it", s:world().require("base.task").sleep, 1)
    t:raises("needs a task around it", s:world().require("base.task").spawn, tostring)
  end)

  t:case("waiting where Lua cannot yield raises a sentence", function()
    ends("nothing can wait here", function(inner)
      table.sort({ 3, 2, 1 }, function(a, b) inner.sleep(1) return a < b end)
    end)
    ends("use task.spawn", function(inner)
      local co = coroutine.wrap(function() inner.sleep(1) end)
      co()
    end)
  end)

  t:case("map: values, failures, bugs and timeouts by key", function()
    local found, took = inside(function(inner, clock)
      local from = clock.now()
      local result = inner.map({ a = 1, b = 2, c = 3, d = 50 }, function(item, key)
        inner.sleep(item)
        if key == "b" then fail.raise("capacity", "none left") end
        if key == "c" then error("bug") end
        return key .. item
      end, { timeout = 5 })
      return result, clock.now() - from
    end)
    t:equal(found.a, { ok = true, value = "a1" })
    t:equal(found.b.error.kind, "capacity")
    t:equal(found.c.error.kind, "internal")
    t:equal({ found.d.error.kind, found.d.error.code }, { "transient", "deadline" })
    t:equal(took, 5.0)
  end)

  t:case("map keeps to its limit", function()
    local most = inside(function(inner)
      local now, highest = 0, 0
      inner.map({ 1, 2, 3, 4, 5, 6, 7 }, function()
        now = now + 1
        highest = math.max(highest, now)
        inner.sleep(1)
        now = now - 1
      end, { limit = 3 })
      return highest
    end)
    t:equal(most, 3)
  end)

  t:case("a cancelled map ends its children first, clean-up included", function()
    local seen = {}
    inside(function(inner)
      local mapper = inner.spawn(function()
        inner.map({ 1, 2 }, function(item)
          local _ <close> = setmetatable({}, { __close = function()
            inner.shield(function() inner.sleep(item) end)
            seen[#seen + 1] = "closed " .. item
          end })
          inner.sleep(100)
        end)
      end)
      inner.sleep(1)
      inner.cancel(mapper, fail.new { kind = "interrupted", message = "enough" })
      t:raises("enough", inner.await, mapper)
      seen[#seen + 1] = "over"
    end)
    t:equal(seen, { "closed 1", "closed 2", "over" })
  end)

  t:case("cancel raises the reason where the task waits", function()
    inside(function(inner, clock)
      local from = clock.now()
      local child = inner.spawn(function()
        local ok, why = pcall(inner.sleep, 50)
        return ok, why
      end)
      inner.sleep(1)
      inner.cancel(child, "because")
      t:equal({ inner.await(child) }, { false, "because" })
      t:equal(clock.now() - from, 1.0)
      t:equal(inner.cancel(child, "late"), false)
    end)
  end)

  t:case("a swallowed cancel is raised again", function()
    inside(function(inner)
      local tries = 0
      local child = inner.spawn(function()
        while true do
          tries = tries + 1
          if pcall(inner.sleep, 5) or tries > 2 then inner.sleep(5) end
        end
      end)
      inner.sleep(1)
      inner.cancel(child, fail.new { kind = "interrupted", message = "stop" })
      t:raises("stop", inner.await, child)
      t:equal(tries, 3)
    end)
  end)

  t:case("a task cancelled before it starts never runs", function()
    inside(function(inner)
      local child = inner.spawn(function() error("it ran") end)
      inner.cancel(child, fail.new { kind = "interrupted", message = "too early" })
      t:raises("too early", inner.await, child)
    end)
  end)

  t:case("a shield lets its work finish, then the cancel comes", function()
    local done = {}
    inside(function(inner, clock)
      local from = clock.now()
      local child = inner.spawn(function()
        done.id = inner.shield(function()
          inner.sleep(5)
          inner.deadline(10, function() inner.sleep(2) end)
          return "created"
        end)
        done.after = true
        inner.sleep(1)
        done.never = true
      end)
      inner.sleep(1)
      inner.cancel(child, fail.new { kind = "interrupted", message = "ctrl-c" })
      t:raises("ctrl%-c", inner.await, child)
      t:equal(clock.now() - from, 7.0)
    end)
    t:equal(done, { id = "created", after = true })
  end)

  t:case("a deadline ends what it holds, a shield inside it is respected", function()
    inside(function(inner, clock)
      local from = clock.now()
      t:equal({ inner.deadline(5, function() inner.sleep(1) return "in", "time" end) }, { "in", "time" })
      local late = t:raises("transient", inner.deadline, 5, function() inner.sleep(60) end, "no answer")
      t:equal({ late.code, late.message }, { "deadline", "no answer" })
      t:equal(clock.now() - from, 6.0)
      t:equal(inner.deadline(5,
        function() return inner.shield(function() inner.sleep(9) return "made" end) end), "made")
    end)
  end)

  t:case("what a task leaves running is cancelled and waited for", function()
    local log = {}
    inside(function(inner)
      inner.spawn(function()
        local ok = pcall(inner.sleep, 1000)
        inner.shield(function() inner.sleep(3) end)
        log[#log + 1] = ok and "slept" or "ended"
      end)
      inner.sleep(1)
      log[#log + 1] = "parent"
    end)
    t:equal(log, { "parent", "ended" })
  end)

  t:case("a failure that nobody awaited becomes the parent's", function()
    ends("quota", function(inner)
      inner.spawn(function() fail.raise("quota", "lost?") end)
      inner.sleep(1)
    end)
  end)

  t:case("a signal cancels the first task, or goes to the handler", function()
    local s = sim.new()
    local p = s:start(function(require) require("base.task").sleep(100) end)
    s:at(3, function() p:signal("INT") end)
    s:run()
    t:equal(t:raises("interrupted", p.result, p).signal, "INT")
    t:equal(s.now - sim.START, 3.0)
    t:equal(inside(function(inner, _, world)
      local got = {}
      local before = inner.on_signal(function(name) got[#got + 1] = name end)
      world:at(1, function() world.processes[1]:signal("TERM") end)
      inner.sleep(2)
      inner.on_signal(before)
      return got
    end), { "TERM" })
  end)

  t:case("a channel hands values over in order", function()
    inside(function(inner)
      local channel = inner.channel()
      channel.put(1)
      inner.spawn(function()
        inner.sleep(1)
        channel.put(2)
      end)
      t:equal({ channel.take(), channel.take(5), channel.take(1) }, { 1, 2 })
    end)
  end)

  t:case("a killed process runs no clean-up", function()
    local s = sim.new()
    local seen = {}
    local p = s:start(function(require)
      local inner = require "base.task"
      local _ <close> = setmetatable({}, { __close = function() seen[1] = "cleaned" end })
      inner.sleep(100)
    end)
    s:at(3, function() p:kill() end)
    s:run()
    t:equal({ p.state, #seen }, { "killed", 0 })
  end)

  t:case("the same tasks in the real world", function()
    local order = {}
    local found = task.map({ 0.02, 0.01 }, function(seconds, key)
      task.sleep(seconds)
      order[#order + 1] = key
      return key
    end)
    t:equal({ found[1].value, found[2].value }, { 1, 2 })
    t:equal(order, { 2, 1 })
  end)
end
