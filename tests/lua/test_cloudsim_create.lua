-- SPDX-License-Identifier: MIT
-- Creating an instance (facts/vast.md §1.7): the rule of every field, and the ways a create goes wrong.
local host = require "sandbox.host"
local loader = require "sandbox.loader"

return function(t)
  local simulated = loader.new { host = host, scripts = { t.root }, user = false }
  local testing = simulated.require("cloudsim.testing")
  local json = simulated.require("base.json")

  local H100 = { gpu_name = { eq = "H100 SXM" } }

  t:case("an answer with the instance's number and its own key", function()
    local sim = testing.new()
    local id, status, value = sim:rent(H100)
    t:equal(status, 200)
    t:equal({ value.success, math.type(id), #value.instance_api_key }, { true, "integer", 64 })
    t:equal(sim.world.vast.instances[id].is_bid, false)
  end)

  t:case("every rule that a body can break", function()
    local sim = testing.new()
    local function broken(code, more)
      local id, status, value, _, offer = sim:rent(H100, more)
      t:equal({ id, status, value.error, value.ask_id }, { nil, 400, code, offer.id }, json.encode(more))
    end
    broken("invalid_args", { image = json.null })
    broken("invalid_args", { image = ("x"):rep(1025) })
    broken("invalid_args", { disk = 7.9 })
    broken("invalid_args", { disk = 1e6 })
    broken("invalid_args", { disk = "72" })
    broken("invalid_args", { label = ("x"):rep(257) })
    broken("invalid_args", { env = "-p 22:22" })
    broken("invalid_args", { env = { A = ("x"):rep(257) } })
    broken("invalid_args", { env = { A = 5 } })
    broken("invalid_args", { runtype = "kubernetes" })
    broken("invalid_args", { args = { 5 } })
    broken("invalid_args", { target_state = "frozen" })
    broken("invalid_args", { args = { ("x"):rep(4000) }, onstart = ("y"):rep(97) })
    broken("invalid_price", { price = 0.0001 })
    broken("invalid_price", { price = 129 })
    broken("invalid_price", { price = "0.5" })
    broken("no_ssh_key_for_vm", { vm = true })
    local ports = {}
    for i = 1, 65 do
      ports["-p " .. i .. ":" .. i] = "1"
    end
    broken("invalid_args", { env = ports })
    t:equal(#sim.world.vast:each(), 0)
    t:equal(#sim.world.ledger.rows, 0)
  end)

  t:case("what is just within the limits is taken", function()
    local sim = testing.new()
    t:ok(sim:rent(H100, { disk = 8, label = ("x"):rep(256), args = { ("x"):rep(4000) },
      onstart = ("y"):rep(96), env = { A = ("x"):rep(256) }, runtype = "ssh_direc ssh_proxy" }))
  end)

  t:case("the presence of a price makes it spot, whatever was searched", function()
    local sim = testing.new()
    local id = sim:rent({ gpu_name = { eq = "H200" }, type = "on-demand" }, { price = 1.7 })
    local row = sim:get(id)
    t:equal({ row.is_bid, row.dph_base, row.min_bid }, { true, 1.7, 1.6 })
    id = sim:rent({ gpu_name = { eq = "H100 NVL" }, type = "bid" }, { price = json.null })
    row = sim:get(id)
    t:equal({ row.is_bid, row.dph_base }, { false, 1.95 })
  end)

  t:case("a bid that is too low: an error, and a stopped machine whose disk is billed", function()
    local sim = testing.new()
    local id, status, value = sim:rent({ gpu_name = { eq = "H200" } }, { price = 1.5 })
    t:equal({ status, value.success, value.error }, { 400, false, "invalid_price" })
    local row = sim:get(id)
    t:equal({ row.actual_status, row.intended_status }, { "stopped", "stopped" })
    local open = sim.world.ledger:open()
    t:equal({ open[1].kind, open[1].rate > 0 }, { "disk", true })
    sim:call("PUT", "/api/v0/instances/bid_price/" .. id .. "/", { client_id = "me", price = 1.65 })
    sim:pass(20)
    t:equal(sim:get(id).actual_status, "running", "a better bid starts it")
  end)

  t:case("with cancel_unavail a low bid leaves nothing behind", function()
    local sim = testing.new()
    local id, status, value = sim:rent({ gpu_name = { eq = "H200" } }, { price = 1.5, cancel_unavail = true })
    t:equal({ id, status, value.error }, { nil, 410, "no_such_ask" })
    t:equal(#sim.world.vast:each(), 0)
    t:ok(sim:rent({ gpu_name = { eq = "H200" } }), "the ask is still there")
  end)

  t:case("no credit", function()
    local sim = testing.new { credit = 0 }
    local id, status, value = sim:rent(H100)
    t:equal({ id, status, value.error }, { nil, 400, "insufficient_credit" })
  end)

  t:case("port flags: both protocols, a port per mapping, a host with too few", function()
    local sim = testing.new()
    local id = sim:rent(H100, { env = { ["-p 22:22"] = "1", ["-p 51820:51820/udp"] = "1",
      ["-p 70000:70000/udp"] = "1", ["-h me"] = "1" } })
    sim:pass(30)
    local ports = sim:get(id).ports
    t:ok(ports["22/tcp"] and ports["51820/udp"] and ports["70000/udp"])
    t:ok(ports["22/tcp"][1].HostPort ~= ports["51820/udp"][1].HostPort)
    id = sim:rent({ gpu_name = { eq = "RTX A6000" }, geolocation = { eq = "PT" } },
    { env = { ["-p 22:22"] = "1" } })
    sim:pass(30)
    t:equal(sim:get(id).ports, {})
  end)

  t:case("target_state stopped: made, not started, disk billed", function()
    local sim = testing.new()
    local id = sim:rent(H100, { target_state = "stopped" })
    sim:pass(100)
    t:equal(sim:get(id).actual_status, "stopped")
    t:equal(sim.world.ledger:open()[1].kind, "disk")
  end)

  t:case("the answer is lost, the machine is there", function()
    for _, mode in ipairs { "hang", "drop", "502" } do
      local sim = testing.new()
      sim:fault { name = "create.answer_lost", mode = mode }
      local id, status, _, response = sim:rent(H100)
      t:equal(id, nil)
      t:ok(response.hang or response.drop or status == 502, mode)
      local _, list = sim:call("GET", '/api/v1/instances/?select_filters={"label":{"eq":"cplz-test-1"}}')
      t:equal(#list.instances, 1)
    end
  end)

  t:case("lost before it arrived: nothing is there", function()
    local sim = testing.new()
    sim:fault { name = "create.lost_before" }
    local _, _, _, response = sim:rent(H100)
    t:equal(response.hang, true)
    t:equal(#sim.world.vast:each(), 0)
    t:ok(sim:rent(H100), "the fault happened once")
  end)

  t:case("errors that created, capacity, price, late appearance, two for one", function()
    local sim = testing.new()
    sim:fault { name = "create.error_but_created" }
    local id, status, value = sim:rent()
    t:equal({ status, value.success, sim.world.vast.instances[id] ~= nil }, { 500, false, true })
    sim:fault { name = "create.error_but_created", mode = "success_false" }
    id, status, value = sim:rent()
    t:equal({ status, value.success, sim.world.vast.instances[id] ~= nil }, { 200, false, true })
    sim:fault { name = "create.no_capacity" }
    id, status = sim:rent()
    t:equal({ id, status }, { nil, 404 })
    sim:fault { name = "create.price_changed", factor = 2 }
    id = sim:rent({ gpu_name = { eq = "B200" } })
    t:equal(sim:get(id).dph_base, 7.8)
    sim:fault { name = "create.slow_appear", seconds = 100 }
    id = sim:rent(H100, { label = "late" })
    local filter = '/api/v1/instances/?select_filters={"label":{"eq":"late"}}'
    t:equal(#select(2, sim:call("GET", filter)).instances, 0)
    t:ok(sim:get(id), "get by number knows it")
    sim:pass(70)
    t:equal(#select(2, sim:call("GET", filter)).instances, 1)
    local before = #sim.world.vast:each()
    sim:fault { name = "create.twice" }
    sim:rent({ gpu_name = { eq = "L4" } })
    t:equal(#sim.world.vast:each(), before + 2)
  end)

  t:case("faults can be aimed and counted", function()
    local sim = testing.new()
    sim:fault { name = "create.no_capacity", count = 2, match = { gpu_name = "L40S" } }
    t:ok(sim:rent(H100))
    t:equal((sim:rent({ gpu_name = { eq = "L40S" } })), nil)
    t:equal((sim:rent({ gpu_name = { eq = "L40S" } })), nil)
    t:raises("no offer fits", sim.rent, sim, { gpu_name = { eq = "L40S" } })
    t:equal(sim.world.faults.fired, { "create.no_capacity", "create.no_capacity" })
    t:raises("no fault is called", sim.fault, sim, { name = "create.nocapacity" })
  end)
end
