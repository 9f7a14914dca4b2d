-- SPDX-License-Identifier: MIT
-- A replaced world for tests: virtual time, seeded random, files in memory, scripted HTTP, several
-- "processes" that can be killed dead at any primitive. See docs/lua.md, "The replaced world".

local load = ...

local queue = require "base.queue"
local loader = require "sandbox.loader"
local outer = require "sandbox.world"
local real = require "sandbox.host"

local fake = { START = 1000.0, EPOCH = 1795161600.0 } -- monotonic and unix seconds at the start

local PARK, KILLED = {}, {}

local parts = { load("fake_state"), load("fake_system"), load("fake_net"), load("fake_http") }

local Sim, Process = {}, {}
Sim.__index, Process.__index = Sim, Process

-- {seed=, http=function(request, process) → answer, hook=function(name, process, …) → order|nil,
-- env={NAME=value}, latency=0.01, spawn=function(options, process, sim) → main function|nil,
-- tunnel=function(options) → handle}
function fake.new(options)
  local sim = setmetatable({
    now = fake.START, skew = fake.EPOCH - fake.START, schedule = queue.timers(), processes = {}, disk = {},
    locks = {}, requests = {}, log = {}, secrets = {}, spawned = {}, listeners = {}, last_id = 0,
    last_pid = 100, latency = 0.01, seed = "seed", drawn = 0, env = { HOME = "/home/user" }, real = real,
  }, Sim)
  for key, value in pairs(options or {}) do sim[key] = value end -- order: free
  return sim
end

function Sim:id()
  self.last_id = self.last_id + 1
  return self.last_id
end

-- Calls fn() `seconds` from now.
function Sim:at(seconds, fn) return self.schedule:add(self.now + math.max(0, seconds), fn) end

-- The wall clock jumps (the monotonic one does not).
function Sim:jump(seconds) self.skew, self.jumped = self.skew + seconds, true end

local function loop_of(p)
  local sim = p.sim
  return {
    wait = function(seconds)
      p.deadline = seconds and sim.now + seconds
      local events = p.inbox
      if #events == 0 then
        coroutine.yield(PARK)
        events = p.inbox
      end
      p.inbox = {}
      table.sort(events, function(a, b)
        if a.id ~= b.id then return a.id < b.id end
        return a.order < b.order
      end)
      return events
    end,
    watch = function(socket, interest)
      local id = sim:id()
      p.watches[id] = socket
      socket:watch(id, interest, p)
      return id
    end,
    forget = function(id)
      local socket = p.watches[id]
      p.watches[id] = nil
      if socket then socket:forget(id) end
    end,
    monotonic = function() return sim.now end,
    wall = function() return sim.now + sim.skew end,
  }
end

function Process:post(event)
  if self.state == "done" or self.state == "killed" then return end
  self.order = self.order + 1
  event.order = self.order
  table.insert(self.inbox, event)
end

-- Delivers a signal to the process.
function Process:signal(name)
  if name == "KILL" then return self:kill() end
  if name == "STOP" or name == "CONT" then
    local from, to = "waiting", "stopped" -- signals that come meanwhile are kept
    if name == "CONT" then from, to = to, from end
    if self.state == from then self.state = to end
    return
  end
  self:post { id = 0, kind = "signal", signal = name }
end

local function gone(p, exit)
  local sim = p.sim
  for _, release in ipairs(p.at_end) do release() end
  if p.parent then
    p.parent:post { id = p.exit_id, kind = "exit", status = exit.status, signal = exit.signal }
  end
  for path, lock in pairs(sim.locks) do -- order: free
    if lock.process == p then sim.locks[path] = nil end
  end
end

-- Ends the process as SIGKILL does: nothing of it runs any more.
function Process:kill()
  if self.state == "done" or self.state == "killed" then return end
  self.state = "killed"
  gone(self, { signal = "KILL" })
  if self.sim.running == self then coroutine.yield(KILLED) end
end

-- What its main function returned; raises what it raised.
function Process:result()
  if self.state ~= "done" then
    error(("process %d is %s, not done"):format(self.pid, self.state), 2)
  end
  if not self.outcome[1] then error(self.outcome[2], 0) end
  return table.unpack(self.outcome, 2, self.outcome.n)
end

-- Every primitive passes here: the sim's hook may say {code=, error=} (it fails), {kill="before"|"after"}, or
-- {kill="torn", bytes=} (an append that got only that far).
local function wrap(p, name, fn)
  return function(...)
    local order = p.sim.hook and p.sim.hook(name, p, ...)
    if not order then return fn(...) end
    if order.code then
      return nil, order.error or name .. ": ordered by the test", order.code
    end
    if order.kill == "torn" and name == "state.append" then
      local path, data = ...
      fn(path, data:sub(1, order.bytes))
    elseif order.kill == "after" then
      fn(...)
    end
    p:kill()
  end
end

local PURE = { cjson = true, rows = true } -- as they are

local function host_of(p)
  local host = {
    version = real.version, exe = "/usr/bin/continueplz", platform = "linux", cjson = real.cjson,
    rows = real.rows, loop = loop_of(p),
  }
  for _, part in ipairs(parts) do part(host, p) end
  for library, functions in pairs(host) do -- order: free
    if type(functions) == "table" and not PURE[library] and library ~= "loop" then
      for name, fn in pairs(functions) do -- order: free
        functions[name] = wrap(p, library .. "." .. name, fn)
      end
    end
  end
  return host
end

local function new_process(sim, options)
  options = options or {}
  sim.last_pid = sim.last_pid + 1
  local p = setmetatable({
    sim = sim, pid = sim.last_pid, state = "new", inbox = {}, order = 0, watches = {}, transfers = {},
    at_end = {}, out = "", err = "", argv = options.argv or {},
    home = options.home or "/home/user/.continueplz", daemon = options.daemon, env = options.env or sim.env,
    tty = options.tty or {}, input = options.input or "", cwd = options.cwd or "/home/user",
    name = options.name, parent = options.parent, exit_id = options.exit_id, stdin = options.stdin,
  }, Process)
  p.host = host_of(p)
  p.world = loader.new {
    host = p.host, home = p.home, scripts = options.scripts or outer.scripts, user = options.user ~= false,
    creates = function(world) return world.builtin("facts.clouds").creates() end,
  }
  p.world.home_origin = "flag"
  return p
end

-- A world of its own that runs nothing.
function Sim:world(options) return new_process(self, options).world end

-- A process that runs main(require, world, process) as a task, from the next run() on.
-- Options: {home=, user=, argv=, env=, daemon= (run() does not wait for it), tty={out=true, person=what is
-- typed at the controlling terminal}, input=, name=, bare= (main calls task.run itself)}
function Sim:start(main, options)
  local p = new_process(self, options)
  table.insert(self.processes, p)
  p.co = coroutine.create(function()
    if options and options.bare then
      return main(p.world.require, p.world, p)
    end
    return p.world.require("base.task").run(main, p.world.require, p.world, p)
  end)
  return p
end

local function resume(sim, p)
  p.state, sim.running, p.deadline = "running", p, nil
  local answer = table.pack(coroutine.resume(p.co))
  sim.running = nil
  if p.state == "killed" then return end
  if coroutine.status(p.co) ~= "dead" then
    if answer[2] ~= PARK then
      error("a process of the replaced world yields something strange", 0)
    end
    p.state = "waiting"
    return
  end
  p.state, p.outcome = "done", answer
  gone(p, { status = answer[1] and math.tointeger(answer[2]) or answer[1] and 0 or 1 })
end

local function runnable(sim)
  for _, p in ipairs(sim.processes) do
    if p.state == "new" then return p end
    if p.state == "waiting" and (#p.inbox > 0 or p.deadline and p.deadline <= sim.now) then
      return p
    end
  end
end

-- → whether a process that run() waits for is alive, the earliest deadline of all
local function survey(sim)
  local alive, at = false, sim.schedule:first()
  for _, p in ipairs(sim.processes) do
    if p.state == "waiting" then
      alive = alive or not p.daemon
      if p.deadline and (not at or p.deadline < at) then at = p.deadline end
    end
  end
  return alive, at
end

-- Lets the world go on until all processes but the daemons are over, or for `limit` seconds.
-- → true, or false at the limit
function Sim:run(limit)
  local stop = limit and self.now + limit
  while true do
    local p = runnable(self)
    if p then
      resume(self, p)
    else
      local alive, at = survey(self)
      if not alive and not limit then return true end
      if stop and (not at or at > stop) then
        self.now = stop
        return false
      end
      if not at then
        error("the replaced world stands still: everything waits, and nothing will happen", 2)
      end
      self.now = math.max(self.now, at)
      local action = self.schedule:due(self.now)
      while action do
        action()
        action = self.schedule:due(self.now)
      end
    end
  end
end

--- What a cloud answers one after the other: a function for `http` of fake.new.
function fake.answers(list)
  local index = 0
  return function()
    index = index + 1
    return list[index] or { status = 500, body = "no more answers" }
  end
end

return fake
