-- SPDX-License-Identifier: MIT
-- What can go wrong at Lambda by order (README.md of the simulator), and the control address with two clouds.
local sorted = require "base.sorted"

local UDP = { protocol = "udp", port_range = { 51820, 51820 }, source_network = "0.0.0.0/0",
  description = "tunnel" }

return function(t)
  local calls = t:load("lambda_calls")(t)
  local CONTROL, PUBLIC, nth, ask, control = calls.CONTROL, calls.PUBLIC, calls.nth, calls.ask, calls.control
  local launch, active, machine, ready = calls.launch, calls.active, calls.machine, calls.ready
  local faces = calls.modules.require("cloudsim.faces")

  t:case("launch: the answer lost, an error though created, appearing late, two, dearer, nothing", function()
    local sim = ready()
    local function count()
      return #sim.world.lambda.order
    end
    sim:fault { name = "create.answer_lost" }
    t:equal(select(4, launch(sim)).hang, true)
    sim:fault { name = "create.error_but_created" }
    t:equal(nth(2, select(2, launch(sim))), "global/internal-error")
    sim:fault { name = "create.error_but_created", mode = "provider" }
    t:equal(nth(1, select(2, launch(sim))), 503)
    t:equal({ count(), #ask(sim, "GET", "/instances") }, { 3, 3 })
    sim:fault { name = "create.lost_before", mode = "502" }
    t:equal(nth(1, select(2, launch(sim, { region_name = "us-south-1" }))), 502)
    t:equal(count(), 3)
    sim:fault { name = "create.slow_appear", seconds = 40, get = true }
    local late = launch(sim, { region_name = "us-south-1" })
    t:equal({ #ask(sim, "GET", "/instances"), nth(2, ask(sim, "GET", "/instances/" .. late)) }, { 3, 404 })
    sim:pass(20)
    t:equal({ #ask(sim, "GET", "/instances"), nth(2, ask(sim, "GET", "/instances/" .. late)) }, { 4, 200 })
    sim:fault { name = "create.twice" }
    launch(sim, { region_name = "us-south-1" })
    t:equal(count(), 6)
    sim:fault { name = "create.price_changed", factor = 2 }
    local dear = launch(sim, { region_name = "us-east-1", instance_type_name = "gpu_1x_a10" })
    sim:pass(30)
    t:equal(ask(sim, "GET", "/instances/" .. dear).instance_type.price_cents_per_hour, 258)
    t:equal(sim.world.ledger:open()[7].rate, 2.58)
    for mode, code in sorted { inactive = "global/account-inactive", address = "global/invalid-address",
      other = "global/forbidden" } do
      sim:fault { name = "create.forbidden", mode = mode }
      local _, status, got = launch(sim, { region_name = "us-east-1", instance_type_name = "gpu_1x_a10" })
      t:equal({ status, got }, { 403, code })
    end
  end)

  t:case("stuck, slow, sick, taken away, shut down inside: what bills", function()
    local sim = ready()
    sim:fault { name = "boot.stuck" }
    local stuck = launch(sim)
    sim:pass(10000)
    local row = ask(sim, "GET", "/instances/" .. stuck)
    t:equal({ row.status, row.ip, row.actions.terminate.available, #sim.world.ledger.rows }, { "booting", nil,
      true, 0 })
    sim:fault { name = "boot.slow", seconds = 100 }
    local slow = launch(sim)
    sim:pass(100)
    t:equal(ask(sim, "GET", "/instances/" .. slow).status, "booting")
    sim:pass(20)
    t:equal(ask(sim, "GET", "/instances/" .. slow).status, "active")
    sim:fault { name = "boot.unhealthy", seconds = 5 }
    local sick = active(sim)
    t:equal(ask(sim, "GET", "/instances/" .. sick).status, "unhealthy")
    t:equal(#sim.world.ledger:open(), 2)
    sim:fault { name = "spot.outbid", seconds = 5 }
    local taken = active(sim, { region_name = "us-south-1" })
    t:equal(ask(sim, "GET", "/instances/" .. taken).status, "preempted")
    t:equal(#sim.world.ledger:open(), 2)
    control(sim, "POST", "/instance/" .. slow, { action = "exit" })
    t:equal({ ask(sim, "GET", "/instances/" .. slow).status, machine(sim, slow).process },
      { "active", false })
    control(sim, "POST", "/set", { lambda_shutdown = "unhealthy" })
    sim:fault { name = "boot.exited" }
    local ended = active(sim, { region_name = "us-south-1" })
    t:equal({ ask(sim, "GET", "/instances/" .. ended).status, machine(sim, ended).process,
      #sim.world.ledger:open() }, { "active", false, 3 })
    for _, id in ipairs { stuck, slow, sick, taken, ended } do
      t:equal(nth(2, ask(sim, "POST", "/instance-operations/terminate", { instance_ids = { id } })), 200)
    end
    sim:pass(60)
    t:equal({ #sim.world.ledger:open(), #ask(sim, "GET", "/instances") }, { 0, 0 })
  end)

  t:case("terminate that fails, hangs, comes too often, or is not done", function()
    local sim = ready()
    local id = active(sim)
    local function status()
      return nth(2, ask(sim, "POST", "/instance-operations/terminate", { instance_ids = { id } }))
    end
    sim:fault { name = "destroy.500" }
    t:equal(status(), 500)
    sim:fault { name = "destroy.429", shape = "html", retry_after = 3 }
    local _, code, _, response = ask(sim, "POST", "/instance-operations/terminate", { instance_ids = { id } })
    t:equal({ code, response.headers["Retry-After"] }, { 429, "3" })
    sim:fault { name = "destroy.accepted_not_done", polls = 1 }
    t:equal(status(), 200)
    t:equal({ ask(sim, "GET", "/instances/" .. id).status, #sim.world.ledger:open() }, { "active", 1 })
    t:equal({ nth(2, ask(sim, "GET", "/instances/" .. id)), #sim.world.ledger:open() }, { 404, 0 })
    id = active(sim)
    sim:fault { name = "destroy.accepted_not_done", released = true }
    t:equal(status(), 200)
    t:equal(#sim.world.ledger:open(), 0)
    sim:pass(1000)
    t:equal(ask(sim, "GET", "/instances/" .. id).status, "terminating")
    id = active(sim)
    sim:fault { name = "destroy.hang", done = true }
    t:equal(status(), nil)
    t:equal({ #sim.world.ledger:open(), ask(sim, "GET", "/instances/" .. id).status }, { 0, "terminating" })
  end)

  t:case("a list and a get that are wrong", function()
    local sim = ready()
    local id = active(sim)
    for name, wanted in sorted { ["list.500"] = { 500 }, ["list.empty"] = { 200, {} },
      ["list.html"] = { 200 }, ["list.partial"] = { 200 } } do
      sim:fault { name = name }
      local data, status = ask(sim, "GET", "/instances")
      t:equal({ status, data }, wanted, name)
    end
    for name, wanted in sorted { ["get.500"] = 500, ["get.false_null"] = 404, ["get.html"] = 200 } do
      sim:fault { name = name }
      t:equal(nth(2, ask(sim, "GET", "/instances/" .. id)), wanted, name)
    end
    sim:fault { name = "get.null_fields" }
    local row = ask(sim, "GET", "/instances/" .. id)
    t:equal({ row.id, row.name, row.status, row.actions }, { id, "cplz-1" })
    sim:fault { name = "get.unknown_status" }
    t:equal(ask(sim, "GET", "/instances/" .. id).status, "hibernating")
    ask(sim, "POST", "/instance-operations/terminate", { instance_ids = { id } })
    sim:pass(60)
    sim:fault { name = "list.stale", seconds = 60 }
    t:equal(ask(sim, "GET", "/instances")[1].status, "active")
    t:equal(ask(sim, "GET", "/instances"), {})
  end)

  t:case("the whole service, one cloud only, and what was done though the answer is lost", function()
    local sim = ready()
    sim:fault { name = "api.down", match = { cloud = "vast" } }
    t:equal(nth(2, ask(sim, "GET", "/regions")), 200)
    t:equal(select(3, sim:call("GET", "/api/v1/instances/")).drop, true)
    sim:fault { name = "list.500", match = { cloud = "vast" } }
    t:equal(nth(2, ask(sim, "GET", "/instances")), 200)
    t:equal((sim:call("GET", "/api/v1/instances/")), 500)
    sim:fault { name = "list.500", match = { cloud = "lambda" } }
    t:equal((sim:call("GET", "/api/v1/instances/")), 200)
    t:equal(nth(2, ask(sim, "GET", "/instances")), 500)
    for shape, pattern in sorted { json = "too%-many", empty = "^$", html = "banned you temporarily" } do
      sim:fault { name = "api.429", shape = shape }
      local _, status, _, response = ask(sim, "GET", "/regions")
      t:equal(status, 429)
      t:ok(response.body:find(pattern), shape)
    end
    sim:fault { name = "api.500", status = 503, code = "provider/internal-unavailable",
      match = { path = "/images" } }
    t:equal(nth(2, ask(sim, "GET", "/regions")), 200)
    t:equal(nth(2, select(2, ask(sim, "GET", "/images"))), "provider/internal-unavailable")
    sim:fault { name = "api.answer_lost", mode = "drop", match = { method = "POST", path = "/ssh%-keys" } }
    t:equal(select(4, ask(sim, "POST", "/ssh-keys", { name = "lost", public_key = PUBLIC })).drop, true)
    t:equal(ask(sim, "GET", "/ssh-keys")[3].name, "lost")
  end)

  t:case("the control address: machines of both clouds, leftovers, user data, requests without secrets",
    function()
    local sim = ready()
    local vast = sim:rent()
    local id = active(sim, { user_data = "#cloud-config\n{\"runcmd\": []}" })
    local set = ask(sim, "POST", "/firewall-rulesets", { name = "r", region = "us-west-1", rules = { UDP } })
    local rows = control(sim, "GET", "/machines").machines
    t:equal({ rows[1].cloud, rows[1].id, rows[2].cloud, rows[2].id, rows[2].label }, { "vast", vast, "lambda",
      id, "cplz-1" })
    local left = control(sim, "GET", "/leftovers")
    t:equal({ #left.ssh_keys, left.ssh_keys[1].name, left.rulesets[1].id, #left.machines },
      { 1, "run", set.id, 2 })
    local _, _, response = sim:call("GET", "/user_data/" .. id, nil, CONTROL)
    t:equal(response.body, "#cloud-config\n{\"runcmd\": []}")
    _, _, response = sim:call("GET", "/requests", nil, CONTROL)
    t:ok(not response.body:find(sim.key, 1, true), "the account's key is shown")
    local seen = {}
    for _, entry in ipairs(control(sim, "GET", "/requests").requests) do
      seen[entry.face .. " " .. entry.path] = entry.body or true
    end
    t:equal(seen["lambda /api/v1/instance-operations/launch"].user_data, "28 bytes")
    t:equal((sim:call("POST", "/instance/" .. id, { action = "recycle" }, CONTROL)), 400)
    t:equal((sim:call("POST", "/instance/00", { action = "exit" }, CONTROL)), 404)
    t:equal((sim:call("POST", "/instance/" .. id, { action = "label", value = "other" }, CONTROL)), 200)
    t:equal(ask(sim, "GET", "/instances/" .. id).name, "other")
    local doors = {}
    sim.world.hooks.door = function(cloud, open) doors[cloud] = open end
    for value, wanted in sorted { lambda = { true, false }, vast = { false, true } } do
      control(sim, "POST", "/set", { refuse = value })
      t:equal({ doors.vast, doors.lambda }, wanted)
    end
    control(sim, "POST", "/set", { refuse = true })
    t:equal({ doors.vast, doors.lambda }, { false, false })
    control(sim, "POST", "/reset")
    t:equal({ #control(sim, "GET", "/machines").machines, #control(sim, "GET", "/leftovers").ssh_keys },
      { 0, 0 })
  end)

  local function tour(sim)
    ask(sim, "GET", "/instance-types")
    for _ = 1, 2 do
      launch(sim, { name = "tour" })
    end
    sim:pass(100)
    ask(sim, "GET", "/instances")
    for _, instance in ipairs(sim.world.lambda:each()) do
      ask(sim, "GET", "/instances/" .. instance.id)
      ask(sim, "POST", "/instance-operations/terminate", { instance_ids = { instance.id } })
    end
  end

  t:case("every fault that has a meaning here happens, once", function()
    calls.each_fault(faces.by_name.lambda, 35, ready, tour)
  end)
end
