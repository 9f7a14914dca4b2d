-- SPDX-License-Identifier: MIT
-- What can go wrong at Paperspace by order (README.md of the simulator).
local sorted = require "base.sorted"

return function(t)
  local calls = t:load("paperspace_calls")(t)
  local ask, create, get, new, nth = calls.ask, calls.create, calls.get, calls.new, calls.nth
  local open, ready_one = calls.open, calls.ready_one
  local faces = calls.modules.require("cloudsim.faces")

  t:case("create: the answer lost, an error though created, late, two, dearer, nothing, forbidden", function()
    local sim = new()
    local function count() return #sim.world.paperspace.order end
    local small = { machineType = "P4000" }
    sim:fault { name = "create.answer_lost" }
    t:equal(select(4, create(sim, small)).hang, true)
    for mode, status in sorted { other = 500, html = 200, refused = 400, gone = 412 } do
      sim:fault { name = "create.error_but_created", mode = mode }
      t:equal(nth(2, create(sim, { machineType = "P5000", region = status == 412 and "Europe (AMS1)"
        or "West Coast (CA1)" })), status, mode)
    end
    t:equal(count(), 5)
    sim:fault { name = "create.lost_before", mode = "502" }
    t:equal({ nth(2, create(sim, small)), count() }, { 502, 5 })
    sim:fault { name = "create.slow_appear", seconds = 40, get = true }
    local late = create(sim, small)
    t:equal({ #ask(sim, "GET", "/machines?name=cplz").items, nth(2, get(sim, late)) }, { 5, 404 })
    sim:pass(20)
    t:equal({ #ask(sim, "GET", "/machines").items, nth(2, get(sim, late)) }, { 6, 200 })
    sim:fault { name = "create.twice" }
    create(sim, { machineType = "A4000" })
    t:equal(count(), 8)
    sim:fault { name = "create.price_changed", factor = 2 }
    t:equal(get(sim, create(sim, { machineType = "V100" })).usageRate, 4.6)
    sim:fault { name = "create.no_capacity" }
    t:equal({ nth(2, create(sim)), nth(2, create(sim)) }, { 412, 412 })
    sim:fault { name = "create.forbidden" }
    t:equal(nth(3, create(sim, small)), "FORBIDDEN")
  end)

  t:case("stuck, slow, shut down inside: what bills", function()
    local sim = new()
    sim:fault { name = "boot.stuck" }
    local stuck = create(sim)
    sim:pass(1000)
    t:equal({ get(sim, stuck).state, open(sim),
      ask(sim, "GET", "/machine-events?machineId=" .. stuck).items[1].state },
      { "provisioning", { "disk" }, "error" })
    sim:fault { name = "boot.slow", seconds = 100 }
    local slow = create(sim, { machineType = "P4000" })
    sim:pass(60)
    t:ok(get(sim, slow).state ~= "ready")
    sim:pass(60)
    t:equal(get(sim, slow).state, "ready")
    sim:fault { name = "boot.exited" }
    local ended = ready_one(sim, { machineType = "V100" })
    t:equal({ get(sim, ended).state, open(sim) }, { "off", { "disk", "disk", "gpu", "disk" } })
    sim:fault { name = "boot.no_tunnel" }
    local silent = sim.world.paperspace.instances[ready_one(sim, { machineType = "P4000" })]
    t:equal({ silent.udp_blocked, silent.tcp_blocked, silent.tunnel_blocked }, { true, false, true })
    sim.world.settings.paperspace_shutdown = "ready"
    sim:fault { name = "boot.exited" }
    ended = ready_one(sim, { machineType = "V100" })
    t:equal({ get(sim, ended).state, #open(sim) }, { "ready", 8 })
  end)

  t:case("delete that fails, hangs, comes too often, or is not done", function()
    local sim = new()
    local id = ready_one(sim)
    local function status() return nth(2, ask(sim, "DELETE", "/machines/" .. id)) end
    sim:fault { name = "destroy.500" }
    t:equal(status(), 500)
    sim:fault { name = "destroy.429", retry_after = 3 }
    local _, code, _, response = ask(sim, "DELETE", "/machines/" .. id)
    t:equal({ code, response.headers["Retry-After"] }, { 429, "3" })
    sim:fault { name = "destroy.accepted_not_done", polls = 1 }
    t:equal(status(), 200)
    t:equal({ get(sim, id).state, #open(sim) }, { "ready", 2 })
    t:equal({ nth(2, get(sim, id)), #open(sim) }, { 404, 0 })
    id = ready_one(sim)
    sim:fault { name = "destroy.accepted_not_done", released = true }
    t:equal({ status(), #open(sim) }, { 200, 0 })
    sim:pass(1000)
    t:equal(get(sim, id).state, "stopping")
    id = ready_one(sim)
    sim:fault { name = "destroy.hang", done = true }
    t:equal(status(), nil)
    sim:pass(60)
    t:equal(#open(sim), 0)
  end)

  t:case("a list and a get that are wrong", function()
    local sim = new()
    local id = ready_one(sim)
    for name, wanted in sorted { ["list.500"] = 500, ["list.empty"] = 200, ["list.html"] = 200 } do
      sim:fault { name = name }
      t:equal(nth(2, ask(sim, "GET", "/machines")), wanted, name)
    end
    sim:fault { name = "list.partial" }
    local page = ask(sim, "GET", "/machines")
    t:equal({ #page.items, page.hasMore }, { 1, true })
    t:equal(nth(2, ask(sim, "GET", "/machines?after=" .. page.nextPage)), 500)
    t:equal(#ask(sim, "GET", "/machines").items, 1)
    for name, wanted in sorted { ["get.500"] = 500, ["get.false_null"] = 404, ["get.html"] = 200 } do
      sim:fault { name = name }
      t:equal(nth(2, get(sim, id)), wanted, name)
    end
    sim:fault { name = "get.null_fields" }
    local row = get(sim, id)
    t:equal({ row.id, row.name, row.state }, { id, "cplz-1" })
    for name, state in sorted { ["get.unknown_status"] = "hibernating", ["get.stopped"] = "off" } do
      sim:fault { name = name }
      t:equal(get(sim, id).state, state)
    end
    ask(sim, "DELETE", "/machines/" .. id)
    sim:pass(30)
    sim:fault { name = "list.stale", seconds = 60 }
    t:equal(ask(sim, "GET", "/machines").items[1].state, "ready")
    t:equal(#ask(sim, "GET", "/machines").items, 0)
  end)

  t:case("the control address: the script, leftovers, requests without secrets", function()
    local sim = new()
    local script = ask(sim, "POST", "/startup-scripts", { name = "cplz-1", script = "secret words" })
    local id = create(sim, { startupScriptId = script.id })
    local row = calls.control(sim, "GET", "/machines").machines[1]
    t:equal({ row.cloud, row.id, row.label, row.startup_script }, { "paperspace", id, "cplz-1", script.id })
    t:equal(calls.control(sim, "GET", "/leftovers").startup_scripts[1].name, "cplz-1")
    local _, _, response = sim:call("GET", "/startup_script/" .. script.id, nil, calls.CONTROL)
    t:equal(response.body, "secret words")
    _, _, response = sim:call("GET", "/requests", nil, calls.CONTROL)
    t:ok(not response.body:find("secret words", 1, true) and not response.body:find(sim.key, 1, true))
    t:equal((sim:call("POST", "/instance/" .. id, { action = "label", value = "other" }, calls.CONTROL)), 200)
    t:equal(get(sim, id).name, "other")
  end)

  local function tour(sim)
    ask(sim, "GET", "/os-templates")
    for _ = 1, 2 do create(sim, { name = "tour" }) end
    sim:pass(100)
    ask(sim, "GET", "/machines")
    for _, instance in ipairs(sim.world.paperspace:each()) do
      get(sim, instance.id)
      ask(sim, "DELETE", "/machines/" .. instance.id)
    end
  end

  t:case("every fault that has a meaning here happens, once", function()
    calls.each_fault(faces.by_name.paperspace, 30, new, tour)
  end)
end
