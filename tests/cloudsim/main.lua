-- SPDX-License-Identifier: MIT
--- Starts the simulated clouds on loopback: CONTINUEPLZ_SCRIPTS=tests continueplz tests/cloudsim/main.lua
--- [--port=0] [--NAME-port=0] [--control-port=0] [--dir=DIR] [--world=FILE] [--time-scale=N] [--seed=N]
--- [--key=KEY] [--NAME-key=KEY] [--parent=PID] [--vm-command=WORDS]. NAME is a face. Prints one JSON line
--- with the addresses (also DIR/address.json) when it listens. Ends, with every machine, on SIGTERM or
--- SIGINT, or when the process of --parent is gone. FILE holds options of world.new as JSON. See README.md
--- beside this file.
local clock = require "base.clock"
local control = require "cloudsim.control"
local faces = require "cloudsim.faces"
local fail = require "base.fail"
local files = require "base.files"
local json = require "base.json"
local log = require "base.log"
local machines = require "cloudsim.machine.machines"
local net = require "base.net"
local process = require "base.process"
local server = require "base.server"
local sorted = require "base.sorted"
local task = require "base.task"
local term = require "base.term"
local scripts = require "sandbox.world"
local world = require "cloudsim.world"

-- The option that says where a face listens.
local function port_option(face)
  return face.port_option or face.name .. "-port"
end

local KNOWN = { ["control-port"] = true, dir = true, world = true, scale = true, ["time-scale"] = true,
  seed = true, key = true, parent = true, ["vm-command"] = true }
for _, face in ipairs(faces.list) do
  KNOWN[port_option(face)] = face.handler and true
end
for _, face in ipairs(faces.clouds) do
  KNOWN[face.name .. "-key"] = true
end

-- Account keys that are good unless --key names another.
local KEYS = { world.DEFAULT_KEY, "canary-account-key-5f1c2a9e7b", "demo-key-of-the-simulated-cloud" }

local function read_args(list)
  local options = {}
  for _, word in ipairs(list) do
    local name, value = word:match("^%-%-([%w-]+)=(.*)$")
    if not KNOWN[name] then
      fail.raise("usage", "cloudsim does not know " .. word)
    end
    options[name] = value
  end
  return options
end

local function read_world(options)
  local wanted = {}
  if options.world then
    wanted = assert(json.decode(assert(files.read(options.world))))
  end
  wanted.now = clock.wall
  wanted.time_scale = tonumber(options["time-scale"] or options.scale) or wanted.time_scale
  wanted.seed = math.tointeger(tonumber(options.seed)) or wanted.seed
  wanted.keys = options.key and { options.key } or wanted.keys or KEYS
  for _, face in ipairs(faces.clouds) do
    local key = options[face.name .. "-key"]
    wanted[face.name .. "_keys"] = key and { key } or wanted[face.name .. "_keys"]
  end
  return world.new(wanted)
end

-- Turns a pure handler into one for the server.
local function over_sockets(handler, here)
  return function(request)
    local response = handler(request, here)
    if response.delay then
      task.sleep(response.delay)
    end
    return response
  end
end

local function listen(port)
  local listener = net.listen { host = "127.0.0.1", port = math.tointeger(tonumber(port or 0)) }
  local _, number = listener:name()
  return listener, "http://127.0.0.1:" .. number
end

-- A face that can be shut: then connections are refused, until it is opened again on the same port.
local function door(all, listener, handler)
  local _, port = listener:name()
  local open = false
  return function(wanted)
    if open == wanted then return end
    open = wanted
    if open then
      all:spawn(function()
        local running = server.serve(listener or net.listen { host = "127.0.0.1", port = port }, handler)
        listener = nil
        while open do
          task.sleep(0.02)
        end
        running.stop()
      end)
    end
  end
end

-- Lets the world go on when nobody asks.
local function heartbeat(here)
  while true do
    local ok, problem = fail.try(function()
      here:tick()
      for _, face in ipairs(faces.list) do
        if face.beat then
          face.beat(here)
        end
      end
    end)
    if not ok then
      log.error("cloudsim: an event failed", { error = fail.message(problem), trace = problem.trace })
    end
    task.sleep(math.max(0.001, math.min(here:next_event() or 0.05, 0.05)))
  end
end

local function watch_parent(pid)
  while process.alive(pid) do
    task.sleep(0.2)
  end
  fail.raise("interrupted", "the parent process " .. pid .. " is gone")
end

-- Opens a port for each face that listens. → listeners by name, addresses by name
local function open_ports(options)
  local listeners, addresses = {}, {}
  for _, face in ipairs(faces.list) do
    local name = face.name
    if face.handler then
      listeners[name], addresses[name] = listen(options[port_option(face)])
    end
    for other, address in sorted(face.addresses and face.addresses(addresses[name]) or {}) do
      addresses[other] = address
    end
  end
  listeners.control, addresses.control = listen(options["control-port"])
  return listeners, addresses
end

-- Lets everybody in; a cloud can be shut later.
local function serve(here, all, listeners)
  local doors = {}
  for name, listener in sorted(listeners) do
    local handler, face = over_sockets(control.handler_of(name), here), faces.by_name[name]
    if face and face.view then
      doors[name] = door(all, listener, handler)
      doors[name](true)
    else
      server.serve(listener, handler)
    end
  end
  here.hooks.door = function(cloud, open) doors[cloud](open) end
end

-- What goes on until the end, the last of which ends it.
local function work(here, all, parent)
  local tasks = { task.spawn(function() all:supervise() end), task.spawn(function() heartbeat(here) end) }
  if parent then
    tasks[3] = task.spawn(function() watch_parent(math.tointeger(tonumber(parent))) end)
  end
  return fail.settle(task.await, tasks[#tasks])
end

-- The faces that listen, and the machines behind them. → machines
local function open(options, here, dir)
  local lib = files.absolute(files.dirname((scripts.source("cloudsim.world"))))
  local listeners, addresses = open_ports(options)
  local all = machines.new { world = here, dir = dir, lib = lib, addresses = addresses,
    vm_command = options["vm-command"] }
  for _, face in ipairs(faces.list) do
    if face.begin then
      face.begin(here, { dir = dir, lib = lib, address = addresses[face.name] })
    end
  end
  serve(here, all, listeners)
  local line = json.encode(addresses) .. "\n"
  assert(files.write(files.join(dir, "address.json"), line))
  term.out(line)
  return all
end

local function run(options)
  local dir = files.absolute(options.dir
    or (process.getenv("TMPDIR") or "/tmp") .. "/cloudsim-" .. process.pid())
  assert(files.mkdir(dir))
  assert(log.open(dir))
  local here = read_world(options)
  local all = open(options, here, dir)
  local ok, problem = work(here, all, options.parent)
  log.info("cloudsim ends", { reason = ok and "nothing to do" or fail.message(problem) })
  task.shield(function() all:end_all() end)
  if not options.dir then
    files.remove_tree(dir)
  end
  if not ok and not fail.is(problem, "interrupted") then error(problem, 0) end
  return 0
end

return run(read_args({ ... }))
