-- SPDX-License-Identifier: MIT
--- Machines as real processes: what create sent runs under `bin/container` (which kills every descendant when
--- the machine ends, or the simulator dies): a container with the environment that Vast documents
--- (facts/vast.md §1.12), behind its port mappings, or a virtual machine (lambda_vm.lua).
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local firewall = require "cloudsim.lambda.firewall"
local lambda_life = require "cloudsim.lambda.life"
local life = require "cloudsim.vast.life"
local log = require "base.log"
local net = require "base.net"
local process = require "base.process"
local relay = require "cloudsim.machine.relay"
local sorted = require "base.sorted"
local task = require "base.task"
local vm = require "cloudsim.machine.vm"

local machines = {}
machines.__index = machines

--- options: world, dir (absolute), lib (directory of these files), addresses = {registry=, control=},
--- vm_command (the words that run a virtual machine; nil: lambda_vm.lua does).
function machines.new(options)
  local self = setmetatable({ world = options.world, dir = options.dir, lib = options.lib,
    addresses = options.addresses, vm_command = options.vm_command, jobs = task.channel(), running = {},
    relays = {}, ending = {} }, machines)
  local hooks = options.world.hooks
  hooks.start = function(instance) return self:start(instance) end
  hooks.stop = function(instance) self:stop(instance) end
  hooks.remap = function(instance) return self:remap(instance) end
  hooks.destroy = function(instance) self:stop(instance) end
  hooks.freeze = function(instance) self:signal(instance, "USR1") end
  hooks.thaw = function(instance) self:signal(instance, "USR2") end
  hooks.log = function(instance) return files.read(self:path(instance, "log")) or "" end
  hooks.firewall = function() self:firewall() end
  hooks.enforced = function(instance) return vm.enforced(self, instance) end
  hooks.command = function(instance, text) return self:command(instance, text) end
  return self
end

function machines:path(instance, name)
  return files.join(self.dir, "instances", tostring(instance.id), name)
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
      if not ok and not fail.is(problem, "interrupted") then
        log.warn("cloudsim: a task of a machine failed", { error = fail.message(problem) })
      end
    end)
  end
end

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- The program `ollama` of one machine knows its simulator, whatever environment it is started with.
local function write_launcher(self, instance)
  local lines = { "#!/bin/sh" }
  for name, value in sorted({ CONTINUEPLZ_SCRIPTS = files.dirname(self.lib), CLOUDSIM_BIN = process.exe,
    CLOUDSIM_CONTROL = self.addresses.control, CLOUDSIM_REGISTRY = self.addresses.registry,
    CLOUDSIM_INSTANCE = tostring(instance.id), CLOUDSIM_VRAM = tostring(instance.offer.gpu_total_ram),
    CLOUDSIM_HOME = self:path(instance, "home") }) do
    lines[#lines + 1] = name .. "=" .. quote(value) .. " \\"
  end
  lines[#lines + 1] = "exec " .. quote(self.lib .. "/machine/bin/ollama") .. ' "$@"'
  assert(files.write(self:path(instance, "bin/ollama"), table.concat(lines, "\n") .. "\n", tonumber("755",
    8)))
end

local function environment(self, instance, ports)
  local vars = { HOME = self:path(instance, "home"), CONTAINER_ID = tostring(instance.id),
    CONTAINER_API_KEY = instance.key, VAST_CONTAINERLABEL = "C." .. instance.id, PUBLIC_IPADDR = "127.0.0.1",
    GPU_COUNT = tostring(instance.offer.num_gpus), PATH = self:path(instance, "bin") .. ":" .. self.lib
    .. "/machine/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    CONTINUEPLZ_BIN = process.exe,
    CLOUDSIM_GPU = instance.offer.gpu_name .. ", " .. instance.offer.gpu_ram .. " MiB",
    HOSTNAME = "C." .. instance.id }
  if instance.image:find("^ollama/ollama") or instance.image:find("/ollama/ollama") then
    vars.OLLAMA_HOST, vars.NVIDIA_VISIBLE_DEVICES = "0.0.0.0:11434", "all"
  end
  for _, pair in ipairs(instance.env) do
    if not pair[1]:find("^%-") then
      vars[pair[1]] = pair[2]
    end
  end
  for name, outside in sorted(ports) do
    local number, protocol = name:match("^(%d+)/(%a+)$")
    vars["VAST_" .. protocol:upper() .. "_PORT_" .. number] = tostring(outside)
  end
  local list = {}
  for name, value in sorted(vars) do
    list[#list + 1] = name .. "=" .. value
  end
  return list
end

-- What the container's first process is (facts/vast.md §1.7: with runtype args, onstart replaces the image's
-- ENTRYPOINT).
local function command_line(self, instance)
  local argv = {}
  if not instance.runtype:find("args") then
    return { "/bin/sh", "-c", (instance.onstart or "") .. "\nwhile :; do sleep 3600; done" }
  elseif instance.onstart and instance.onstart ~= "" then
    if instance.onstart:find("%s") then
      argv = { "/bin/sh", "-c", instance.onstart, "onstart" }
    else
      argv[1] = instance.onstart
    end
  elseif instance.image:find("ollama/ollama") then
    argv[1] = "/bin/ollama"
  end
  if argv[1] == "/bin/ollama" or argv[1] == "/usr/bin/ollama" then
    argv[1] = self:path(instance, "bin/ollama")
    if #instance.args == 0 then
      return { argv[1], "serve" }
    end
  end
  table.move(instance.args, 1, #instance.args, #argv + 1, argv)
  return #argv > 0 and argv or { "/bin/sh", "-c", "while :; do sleep 3600; done" }
end

local function open_relays(self, instance)
  local ports, list, world = {}, {}, self.world
  for _, forward in ipairs(instance.forwards) do
    local outside
    if forward.port >= 70000 and instance.ports then
      outside = forward.inside -- as it is: this number is also the one inside
    elseif forward.port >= 70000 then
      outside = relay.free_port(forward.protocol)
      forward.inside = outside
    else
      list[#list + 1] = relay.open { protocol = forward.protocol, inside = forward.inside,
        blocked = function() return instance[forward.protocol .. "_blocked"] == true end,
        count = function(kind, bytes) world.ledger:traffic(instance.id, kind, bytes) end,
        spawn = function(fn) self:spawn(fn) end }
      outside = list[#list].port
    end
    ports[forward.port .. "/" .. forward.protocol] = outside
  end
  self.relays[instance.id] = list
  return ports
end

local function ended(self, instance, child, event)
  if self.running[instance.id] ~= child then
    return
  end
  self.running[instance.id] = nil
  instance.exit = event.status or event.signal
  self.world:tick()
  if instance.cloud ~= "lambda" then
    life.exited(self.world, instance, "Error: process exited with code " .. tostring(instance.exit))
  elseif vm.ending(self, instance) == "reboot" then
    lambda_life.restart(self.world, instance)
  else
    lambda_life.shut_down(self.world, instance)
  end
end

-- What a container runs, with which environment, where.
local function prepare(self, instance, ports)
  return command_line(self, instance), environment(self, instance, ports), self:path(instance, "home")
end

local function run(self, instance, ports, before)
  while before and not before.over do
    task.sleep(0.01)
  end
  if not instance.process or instance.destroyed then
    return
  end
  local argv = { self.lib .. "/machine/bin/container" }
  local command, env, cwd = (instance.cloud == "lambda" and vm.prepare or prepare)(self, instance, ports)
  if not instance.process or instance.destroyed then
    return
  end
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

-- A virtual machine whose UDP is blocked from its birth: its ports are taken before its programs can listen
-- there, as filters come a moment after a socket.
local function take_udp(self, instance)
  local taken, unblocked = {}, setmetatable({ udp_blocked = false }, { __index = instance })
  for _, range in ipairs(instance.udp_blocked and firewall.open(self.world, unblocked).udp or {}) do
    local ok, socket = fail.try(net.udp, { host = "0.0.0.0", port = range[1] })
    taken[#taken + 1] = ok and socket or nil
  end
  self.relays[instance.id] = taken
end

--- Hook: the machine runs from now on. → its outside ports; nil for a virtual machine, whose ports are direct
function machines:start(instance)
  local before = self.ending[instance.id]
  if instance.cloud == "lambda" then
    take_udp(self, instance)
    self:spawn(function() run(self, instance, nil, before) end)
    return nil
  end
  for _, name in ipairs({ "home", "bin" }) do
    assert(files.mkdir(self:path(instance, name)))
  end
  instance.home, instance.exit = self:path(instance, "home"), nil
  write_launcher(self, instance)
  local ports = open_relays(self, instance)
  self:spawn(function() run(self, instance, ports, before) end)
  return ports
end

--- Hook: other ports outside, all at once. → the new ones
function machines:remap(instance)
  local before = self.relays[instance.id]
  local ports = open_relays(self, instance)
  for _, one in ipairs(before) do
    one:close()
  end
  return ports
end

--- Hook: a rule may have changed.
function machines:firewall()
  for _, instance in ipairs(self.world.lambda:each()) do
    if instance.root then
      vm.rules(self, instance)
    end
  end
end

function machines:signal(instance, name)
  local child = self.running[instance.id]
  if child then
    child:kill(name)
  end
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

--- The limited commands of PUT command: only what can be shown of the machine's home.
function machines:command(instance, text)
  if text:find("^ls") then
    return table.concat(files.list(self:path(instance, "home")) or {}, "\n") .. "\n"
  end
  return ""
end

return machines
