-- SPDX-License-Identifier: MIT
--- Machines as real processes: what create sent runs under `bin/container` (which kills every descendant when
--- the machine ends, or the simulator dies). Of which kind it is, its face's `machine` says: `kind` is
--- container.lua or vm.lua, called as kind.NAME(machines, instance, …).
local clock = require "base.clock"
local faces = require "cloudsim.faces"
local fail = require "base.fail"
local files = require "base.files"
local log = require "base.log"
local process = require "base.process"
local relay = require "cloudsim.machine.relay"
local sorted = require "base.sorted"
local task = require "base.task"

local machines = {}
machines.__index = machines

--- options: world, dir (absolute), lib (directory of the simulator), addresses = {registry=, control=},
--- vm_command (the words that run a virtual machine; nil: vm.lua does).
function machines.new(options)
  local self = setmetatable({ world = options.world, dir = options.dir, lib = options.lib,
    addresses = options.addresses, vm_command = options.vm_command, jobs = task.channel(), running = {},
    relays = {}, ending = {} }, machines)
  local hooks = options.world.hooks
  hooks.start = function(instance) return self:start(instance) end
  hooks.stop = function(instance) self:stop(instance) end
  hooks.destroy = hooks.stop
  hooks.freeze = function(instance) self:signal(instance, "USR1") end
  hooks.thaw = function(instance) self:signal(instance, "USR2") end
  hooks.log = function(instance) return files.read(self:path(instance, "log")) or "" end
  hooks.relay = function(order)
    order.spawn = function(fn) self:spawn(fn) end
    return relay.open(order)
  end
  hooks.probe = function(instance, argv, told) self:probe(instance, argv, told) end
  hooks.firewall = function() self:firewall() end
  for _, name in ipairs({ "remap", "command", "enforced", "forward" }) do
    hooks[name] = function(instance, ...) return self:about(instance).kind[name](self, instance, ...) end
  end
  return self
end

function machines:path(instance, name)
  return files.join(self.dir, "instances", tostring(instance.id), name)
end

--- What the face says of a machine: { kind, hardware(instance) → { gpu = name, card = MiB, vram = MiB of all
--- }, and what that kind asks for }.
function machines.about(_, instance)
  return faces.of(instance).machine
end

--- Starts `fn` as a task of the supervisor, whoever asks.
function machines:spawn(fn)
  self.jobs.put(fn)
end

--- The task under which everything of the machines runs; ends when it is cancelled.
function machines:supervise()
  while true do
    local job = self.jobs.take()
    task.spawn(function()
      local ok, problem = fail.try(job)
      if not ok then
        log.warn("cloudsim: a task of a machine failed", { error = fail.message(problem) })
      end
    end)
  end
end

local function ended(self, instance, child, event)
  if self.running[instance.id] ~= child then return end
  self.running[instance.id] = nil
  instance.exit = event.status or event.signal
  self.world:tick()
  local how = self:about(instance).kind.ending
  faces.of(instance).life.ended(self.world, instance, how and how(self, instance))
end

local function run(self, instance, ports, before)
  while before and not before.over do
    task.sleep(0.01)
  end
  if not instance.process or instance.destroyed then return end
  local argv = { self.lib .. "/machine/bin/container" }
  local command, env, cwd = self:about(instance).kind.prepare(self, instance, ports)
  if not instance.process or instance.destroyed then return end
  table.move(command, 1, #command, 2, argv)
  local out = "file:" .. self:path(instance, "log")
  local child = process.spawn { argv = argv, env = env, cwd = cwd, stdin = "pipe", stdout = out, stderr = out,
    session = true }
  self.running[instance.id] = child
  instance.pid = child.pid
  local event = child:wait()
  child.over = true
  child:close()
  ended(self, instance, child, event)
end

--- Hook: the machine runs from now on. → its outside ports; nil when they are direct
function machines:start(instance)
  local before = self.ending[instance.id]
  local ports = self:about(instance).kind.begin(self, instance)
  self:spawn(function() run(self, instance, ports, before) end)
  return ports
end

--- Hook: a rule may have changed.
function machines:firewall()
  for _, face in ipairs(faces.clouds) do
    local rules = face.machine.kind.rules
    for _, instance in ipairs(rules and self.world[face.name]:each() or {}) do
      if instance.root then
        rules(self, instance)
      end
    end
  end
end

function machines:signal(instance, name)
  local child = self.running[instance.id]
  if child then
    child:kill(name)
  end
end

--- Hook: runs a command beside what runs there. told(whether it ended with 0)
function machines:probe(instance, argv, told)
  self:spawn(function()
    local _, env, cwd = self:about(instance).kind.prepare(self, instance, {})
    local child = process.spawn { argv = argv, env = env, cwd = cwd, stdin = "null", stdout = "null",
      stderr = "null" }
    local event = child:wait()
    self.world:tick()
    told(event.status == 0)
  end)
end

--- Hook: every process of the machine dies, its ports are closed.
function machines:stop(instance)
  for _, one in ipairs(self.relays[instance.id] or {}) do
    one:close()
  end
  self.relays[instance.id] = nil
  local child = self.running[instance.id]
  if child then
    self.running[instance.id] = nil
    self.ending[instance.id] = child
    child:kill("TERM") -- to bin/container, which kills the machine's processes with KILL
  end
end

--- Ends every machine and waits for that.
function machines:end_all()
  for _, id in ipairs(sorted.keys(self.running)) do
    self:stop({ id = id })
  end
  local deadline = clock.now() + 5
  for _, child in sorted(self.ending) do
    while not child.over and clock.now() < deadline do
      task.sleep(0.01)
    end
  end
end

return machines
