-- SPDX-License-Identifier: MIT
-- The simulator inside a replaced world, and the same story over sockets: one ledger.
local clock = require "base.clock"
local host = require "sandbox.host"
local http = require "base.http"
local loader = require "sandbox.loader"
local net = require "base.net"
local server = require "base.server"
local sorted = require "base.sorted"

local KEY = "the-same-key"

-- A client's story: looks, rents by bid, sees it run, loses and ends it. `ask` makes a request, `act` orders,
-- `pass` waits.
local function story(ask, act, pass)
  local offers = ask("POST", "/api/v0/bundles/", { limit = 1, type = "bid", gpu_name = { eq = "L40S" },
    order = { { "dph_total", "asc" } } }).offers
  local id = ask("PUT", "/api/v0/asks/" .. offers[1].id .. "/", { image = "ollama/ollama", label = "story",
    disk = 50, price = 0.4, cancel_unavail = true, runtype = "args", args = { "serve" } }).new_contract
  pass(100)
  act("POST", "/instance/" .. id, { action = "traffic", bwd = 123456789, bwu = 1000 })
  act("POST", "/instance/" .. id, { action = "outbid" })
  pass(50)
  local status = ask("GET", "/api/v0/instances/" .. id .. "/").instances.actual_status
  pass(10)
  ask("DELETE", "/api/v0/instances/" .. id .. "/")
  return status
end

return function(t)
  local simulated = loader.new { host = host, scripts = { t.root }, user = false }
  local inprocess = simulated.require("cloudsim.inprocess")
  local world = simulated.require("cloudsim.world")
  local faces = { vast = simulated.require("cloudsim.vast.face"),
    control = simulated.require("cloudsim.control") }
  local fake = t:load("fakehost")

  -- The rows as they must agree: times as distances from the first.
  local function rows_of(here)
    local list, first = {}, here.ledger.rows[1].opened
    for i, row in ipairs(here.ledger.rows) do
      list[i] = {}
      for name, value in sorted(row) do
        list[i][name] = value
      end
      list[i].opened, list[i].closed = math.floor(row.opened - first + 0.5),
        math.floor(row.closed - first + 0.5)
    end
    return list
  end

  local function in_a_replaced_world()
    local sim, here
    sim = fake.new { http = function(request) return inprocess.http(here,
      { vast = 1, control = 2 })(request) end, latency = 0 }
    here = world.new { now = function() return sim.now + sim.skew end, keys = { KEY } }
    local process = sim:start(function(require)
      local client, task = require "base.http", require "base.task"
      local function send(port)
        return function(method, path, body)
          return client.request { method = method, url = "http://127.0.0.1:" .. port .. path, json = body,
            headers = { Authorization = "Bearer " .. KEY } }.json()
        end
      end
      return story(send(1), send(2), task.sleep)
    end)
    sim:run()
    return process:result(), rows_of(here)
  end

  local function over_sockets()
    local offset = 0
    local here = world.new { now = function() return clock.wall() // 1000 * 1000 + offset end,
      keys = { KEY } }
    local addresses, running = {}, {}
    for name, face in sorted(faces) do
      local listener = net.listen { host = "127.0.0.1", port = 0 }
      addresses[name] = "http://127.0.0.1:" .. select(2, listener:name())
      running[#running + 1] = server.serve(listener, function(request) return face.handler(request, here) end)
    end
    local function send(name)
      return function(method, path, body)
        return http.request { method = method, url = addresses[name] .. path, json = body,
          headers = { Authorization = "Bearer " .. KEY } }.json()
      end
    end
    local status = story(send("vast"), send("control"), function(seconds) offset = offset + seconds end)
    for _, one in ipairs(running) do
      one.stop()
    end
    return status, rows_of(here)
  end

  t:case("the same story gives the same ledger in process and over sockets", function()
    local inner_status, inner = in_a_replaced_world()
    local outer_status, outer = over_sockets()
    t:equal({ inner_status, outer_status }, { "stopped", "stopped" })
    t:equal(#inner, 5)
    t:equal(inner, outer)
  end)

  t:case("the same story twice gives the same ledger", function()
    local _, first = in_a_replaced_world()
    local _, second = in_a_replaced_world()
    t:equal(first, second)
  end)

  t:case("hang, loss, an endless body and a refused connection in the words of the replaced world", function()
    local here = world.new { now = function() return 1e9 end, settings = { rate_limits = false } }
    local function answer(fault)
      here.faults:add(fault)
      return inprocess.answer("vast", { method = "GET", path = "/api/v1/instances/", query = {},
        headers = {} }, here)
    end
    t:equal(answer { name = "api.down" }, { lost = true })
    t:equal(answer { name = "api.down", mode = "hang" }, { hang = true })
    t:equal(answer { name = "api.down", mode = "503" }.status, 503)
    local size = 0
    for _, piece in ipairs(answer { name = "api.endless_body" }.pieces) do
      size = size + #piece.data
    end
    t:ok(size > 16 * 1024 * 1024, "more than anybody reads")
    t:equal(inprocess.http(here, { vast = 1 })({ port = 9 }).sent, false)
  end)
end
