-- SPDX-License-Identifier: MIT
-- The simulator's ledger and what Vast shows of it (facts/vast.md §1.10, §1.11), to the second.
local host = require "sandbox.host"
local loader = require "sandbox.loader"

return function(t)
  local simulated = loader.new { host = host, scripts = { t.root }, user = false }
  local testing = simulated.require("cloudsim.testing")
  local ledger = simulated.require("cloudsim.ledger")

  local A100 = { gpu_name = { eq = "A100 SXM4" }, gpu_ram = { gte = 76000 } }
  local DISK = 0.15 * 72 / 720

  local function near(got, wanted, what)
    t:ok(math.abs(got - wanted) < 1e-9, ("%s: %.12f instead of %.12f"):format(what or "sum", got, wanted))
  end

  t:case("rows: seconds times rate, closed once, never reopened", function()
    local journal = ledger.new()
    journal:start({ id = 1, kind = "gpu", rate = 3600, token = "a" }, 100)
    journal:start({ id = 1, kind = "bwd", rate = 2, token = "a" }, 100)
    t:equal(ledger.amount(journal.rows[1], 107), 7.0)
    journal:traffic(1, "bwd", 1500000000)
    near(journal:total("a", 107), 7 + 3)
    near(journal:total("b", 107), 0)
    t:equal(journal:finish(1, nil, 110), 2)
    t:equal(journal:finish(1, nil, 120), 0)
    t:equal(journal:traffic(1, "bwd", 5), false)
    near(journal:total(nil, 1000), 10 + 3)
    t:equal(#journal:open(), 0)
  end)

  t:case("disk from create, GPU from running, all until destroy", function()
    local sim = testing.new()
    local id = sim:rent(A100)
    sim:pass(20 + 3600) -- 20 s of boot, an hour of running
    near(sim.world.ledger:total("cplz-test-1", sim.world.time), DISK * 3620 / 3600 + 0.89)
    sim:send("DELETE", "/api/v0/instances/" .. id .. "/")
    sim:pass(86400)
    near(sim.world.ledger:total("cplz-test-1", sim.world.time), DISK * 3620 / 3600 + 0.89,
      "after the destroy")
    t:equal(sim.world.ledger:open(), {})
  end)

  t:case("the moment of an event counts, not the moment somebody looks", function()
    local a, b = testing.new(), testing.new()
    a:rent(A100)
    b:rent(A100)
    for _ = 1, 1000 do
      a:pass(1)
    end
    b:pass(1000)
    near(a.world.ledger:total(nil, a.world.time), b.world.ledger:total(nil, b.world.time))
    t:equal(b.world.ledger.rows[4].opened, testing.START + 30 + 20.0)
  end)

  t:case("a bid is billed as bid", function()
    local sim = testing.new()
    sim:rent({ gpu_name = { eq = "H200" } }, { price = 1.75 })
    sim:pass(20 + 7200)
    near(sim.world.ledger:total(nil, sim.world.time), 0.15 * 72 / 720 * 7220 / 3600 + 2 * 1.75)
  end)

  t:case("stopped: no GPU, a dearer disk; the GPU bills until the stop is done", function()
    local sim = testing.new()
    local id = sim:rent(A100)
    sim:pass(20 + 100)
    sim:send("PUT", "/api/v0/instances/" .. id .. "/", { state = "stopped" })
    sim:pass(3600)
    near(sim.world.ledger:total(nil, sim.world.time),
      0.89 * 102 / 3600 + DISK * 122 / 3600 + DISK * 1.25 * 3598 / 3600)
  end)

  t:case("outbid: stopped three times over and billed for the disk; it comes back by itself and bills again",
    function()
    local sim = testing.new()
    sim:fault { name = "spot.outbid", seconds = 60 }
    sim:fault { name = "spot.resume", seconds = 100 }
    local id = sim:rent({ gpu_name = { eq = "H200" } }, { price = 1.75 })
    sim:pass(20 + 61)
    local row = select(2, sim:send("GET", "/api/v0/instances/" .. id .. "/")).instances
    t:equal({ row.actual_status, row.cur_state, row.next_state, row.intended_status }, { "stopped", "stopped",
      "stopped", "stopped" })
    t:equal(#sim.world.ledger:open(), 3)
    sim:pass(99 + 8 + 50)
    t:equal(sim:get(id).actual_status, "running")
    local gpu = 0
    for _, each in ipairs(sim.world.ledger.rows) do
      gpu = gpu + (each.kind == "gpu" and ledger.amount(each, testing.START + 30 + 20 + 60 + 100 + 8 + 50)
      or 0)
    end
    near(gpu, 1.75 * (60 + 50) / 3600, "GPU before and after")
  end)

  t:case("an on-demand machine is not outbid by the fault", function()
    local sim = testing.new()
    sim:fault { name = "spot.outbid", sticky = true }
    local id = sim:rent(A100)
    sim:pass(100)
    t:equal(sim:get(id).actual_status, "running")
  end)

  t:case("exited bills the disk, offline nothing, frozen everything", function()
    local sim = testing.new()
    local id = sim:rent(A100)
    sim:pass(30)
    local function rates()
      local list = {}
      for _, row in ipairs(sim.world.ledger:open()) do
        list[row.kind] = row.rate
      end
      return list.gpu, list.disk
    end
    local function act(action)
      t:equal((sim:call("POST", "/instance/" .. id, { action = action }, { face = "control" })), 200)
    end
    act("exit")
    t:equal({ rates() }, { nil, DISK })
    t:equal(sim:get(id).actual_status, "exited")
    act("offline")
    t:equal({ rates() }, {})
    t:equal(sim:get(id).actual_status, "unknown")
    sim:pass(31)
    t:equal(sim:get(id).actual_status, "offline")
    act("online")
    sim:pass(10)
    t:equal({ rates() }, { 0.89, DISK })
    act("freeze")
    t:equal({ rates() }, { 0.89, DISK })
    t:equal(sim:get(id).actual_status, "frozen")
  end)

  t:case("a new bid changes the rate from that second; below the market it loses the GPU", function()
    local sim = testing.new()
    local id = sim:rent({ gpu_name = { eq = "H200" } }, { price = 1.75 })
    sim:pass(20 + 100)
    sim:send("PUT", "/api/v0/instances/bid_price/" .. id .. "/", { client_id = "me", price = 2 })
    sim:pass(100)
    near(sim.world.ledger:total(nil, sim.world.time), DISK * 220 / 3600 + (1.75 + 2) * 100 / 3600)
    sim:send("PUT", "/api/v0/instances/bid_price/" .. id .. "/", { client_id = "me", price = 1 })
    sim:call("PUT", "/api/v0/instances/bid_price/" .. id .. "/", { client_id = "me", price = 1 })
    t:equal(sim:get(id).cur_state, "stopped")
  end)

  t:case("credit falls as the ledger grows; at zero everything stops", function()
    local sim = testing.new { credit = 0.1 }
    local id = sim:rent(A100)
    sim:pass(100)
    local _, who = sim:send("GET", "/api/v0/users/current/")
    near(who.credit, 0.1 - sim.world.ledger:total(nil, sim.world.time), "credit")
    near(who.total_spend, -sim.world.ledger:total(nil, sim.world.time), "spend")
    sim:pass(400)
    local row = sim:get(id)
    t:equal(row.actual_status, "stopped")
    local status, value = sim:call("PUT", "/api/v0/instances/" .. id .. "/", { state = "running" })
    t:equal({ status, value.error }, { 400, "missing_billing" })
  end)

  t:case("charges: per machine, split by kind, both bounds needed", function()
    local sim = testing.new()
    local id = sim:rent(A100)
    sim:pass(20 + 7200)
    sim.world.ledger:traffic(id, "bwd", 20 * 10 ^ 9)
    sim:send("DELETE", "/api/v0/instances/" .. id .. "/")
    local window = ('{"gte":%d,"lte":%d}'):format(testing.START, testing.START + 86400)
    local _, value = sim:call("GET", '/api/v0/charges/?select_filters={"day":' .. window
      .. ',"type":{"in":["instance"]}}')
    t:equal({ value.success, value.count, value.next_token }, { true, 1, nil })
    local row = value.results[1]
    t:equal({ row.type, row.source, row.metadata.label }, { "instance", "instance-" .. id, "cplz-test-1" })
    near(row.amount, sim.world.ledger:total(nil, sim.world.time), "amount")
    local kinds = {}
    for _, item in ipairs(row.items) do
      kinds[item.type] = item.amount
    end
    near(kinds.gpu, 2 * 0.89, "gpu")
    near(kinds.disk, DISK * 7220 / 3600, "disk")
    near(kinds.bwd, 20 * 0.002, "traffic")
    t:equal(sim:call("GET", '/api/v0/charges/?select_filters={"day":{"gte":1}}'), 400)
    t:equal(sim:call("GET", "/api/v0/charges/"), 400)
    _, value = sim:call("GET", '/api/v0/charges/?select_filters={"day":{"gte":1,"lte":2}}')
    t:equal(value.results, {})
    t:equal(sim:call("GET", '/api/v0/charges/?select_filters={"day":' .. window .. "}&after_token=x"), 400)
    t:equal(select(2, sim:call("GET", "/api/v1/invoices/")).count, 1)
  end)

  t:case("the host's contract ends: stopped, disk billed", function()
    local sim = testing.new { credit = 1e6 }
    local id = sim:rent({ gpu_name = { eq = "RTX A6000" }, geolocation = { eq = "IE" } })
    sim:pass(0.1 * 86400)
    t:equal(sim:get(id).actual_status, "stopped")
    t:equal(sim.world.ledger:open()[1].kind, "bwd")
  end)
end
