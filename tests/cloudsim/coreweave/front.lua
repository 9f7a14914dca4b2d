-- SPDX-License-Identifier: MIT
--- TLS in front of the cluster, for whoever asks for it: GET /coreweave/front of the control address starts
--- it once (front.py) and tells where it is and what to trust.
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local json = require "base.json"
local process = require "base.process"
local reply = require "cloudsim.reply"
local task = require "base.task"

local front = {}

local PATIENCE = 30 -- seconds

local here -- { dir, lib, address, told } of the program

-- Starts it. → what it wrote
local function start()
  local dir = files.join(here.dir, "front")
  assert(files.mkdir(dir))
  local child = process.spawn { argv = { "python3", here.lib .. "/coreweave/front.py",
    here.address:match "^http://(.*)$", dir }, env = { "PATH=/usr/bin:/bin", "RANDFILE=" .. dir .. "/rnd" },
    stdin = "pipe", stderr = "file:" .. dir .. "/err" }
  here.child = child -- its standard input ends with the simulator
  local limit = clock.now() + PATIENCE
  while clock.now() < limit do
    local text = files.read(files.join(dir, "front.json"))
    if text then
      return { server = "https://127.0.0.1:" .. json.decode(text).port, ca = files.join(dir, "ca.pem"),
        certificate = files.join(dir, "client.pem"), key = files.join(dir, "client.key") }
    end
    task.sleep(0.02)
  end
  fail.raise("broken", "the front did not start; see " .. dir .. "/err")
end

--- The face's `begin`: watches and followed logs can wait.
function front.begin(world, options)
  world.hooks.wait = task.sleep
  here = options
end

--- GET /coreweave/front. → { server, ca, certificate, key: paths }
function front.open()
  here.told = here.told or start()
  return reply.json(200, here.told)
end

return front
