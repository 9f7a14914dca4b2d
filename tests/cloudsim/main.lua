-- SPDX-License-Identifier: MIT
--- Starts the simulated clouds on loopback: CONTINUEPLZ_SCRIPTS=tests continueplz tests/cloudsim/main.lua
--- [--port=0] [--lambda-port=0] [--control-port=0] [--registry-port=0] [--dir=DIR] [--world=FILE]
--- [--time-scale=N] [--seed=N] [--key=KEY] [--lambda-key=KEY] [--parent=PID] [--vm-command=WORDS]. Prints one
--- JSON line with the addresses (also DIR/address.json) when it listens. Ends, with every machine, on SIGTERM
--- or SIGINT, or when the process of --parent is gone. FILE holds options of world.new as JSON. See README.md
--- beside this file.
local clock = require "base.clock"
local control = require "cloudsim.control"
local downloads = require "cloudsim.registry.downloads"
local fail = require "base.fail"
local files = require "base.files"
local json = require "base.json"
local lambda = require "cloudsim.lambda.handler"
local log = require "base.log"
local machines = require "cloudsim.machine.machines"
local net = require "base.net"
local process = require "base.process"
local registry = require "cloudsim.registry.handler"
local server = require "base.server"
local task = require "base.task"
local toy = require "cloudsim.toy.handler"
local term = require "base.term"
local vast = require "cloudsim.vast.handler"
local scripts = require "sandbox.world"
local world = require "cloudsim.world"

local KNOWN = { port = true, ["lambda-port"] = true, ["control-port"] = true, ["registry-port"] = true,
  dir = true, world = true, scale = true, ["time-scale"] = true, seed = true, key = true,
  ["lambda-key"] = true, parent = true, ["vm-command"] = true }

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
  wanted.lambda_keys = options["lambda-key"] and { options["lambda-key"] } or wanted.lambda_keys
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
    if open == wanted then
      return
    end
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
      vast.collect(here)
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

local function run(options)
  local dir = files.absolute(options.dir or (process.getenv("TMPDIR") or "/tmp") .. "/cloudsim-"
    .. process.pid())
  assert(files.mkdir(dir))
  assert(log.open(dir))
  local here = read_world(options)
  local lib = files.absolute(files.dirname((scripts.source("cloudsim.world"))))
  local vast_door, vast_address = listen(options.port)
  local lambda_door, lambda_address = listen(options["lambda-port"])
  local registry_door, registry_address = listen(options["registry-port"])
  local control_door, control_address = listen(options["control-port"])
  local toy_door, toy_address = listen()
  local addresses = { vast = vast_address, lambda = lambda_address, registry = registry_address,
    control = control_address, downloads = registry_address .. "/ollama", toy = toy_address }
  local all = machines.new { world = here, dir = dir, lib = lib, addresses = addresses,
    vm_command = options["vm-command"] }
  local work = {
    function() all:supervise() end,
    function() heartbeat(here) end,
    options.parent and function() watch_parent(math.tointeger(tonumber(options.parent))) end or nil,
  }
  local doors = { vast = door(all, vast_door, over_sockets(vast.handler, here)),
    lambda = door(all, lambda_door, over_sockets(lambda.handler, here)) }
  local archives = downloads.build(files.join(dir, "downloads"), lib)
  here.hooks.downloads = function() return archives end
  here.hooks.door = function(cloud, open) doors[cloud](open) end
  doors.vast(true)
  doors.lambda(true)
  server.serve(toy_door, over_sockets(toy.handler, here))
  server.serve(registry_door, over_sockets(registry.handler, here))
  server.serve(control_door, over_sockets(control.handler, here))
  local line = json.encode(addresses) .. "\n"
  assert(files.write(files.join(dir, "address.json"), line))
  term.out(line)
  local tasks = {}
  for i, fn in ipairs(work) do
    tasks[i] = task.spawn(fn)
  end
  local ok, problem = fail.try(task.await, tasks[#tasks])
  log.info("cloudsim ends", { reason = ok and "nothing to do" or fail.message(problem) })
  task.shield(function() all:end_all() end)
  if not options.dir then
    files.remove_tree(dir)
  end
  if not ok and not fail.is(problem, "interrupted") then
    error(problem, 0)
  end
  return 0
end

return run(read_args({ ... }))
