-- SPDX-License-Identifier: MIT
-- What can go wrong at RunPod by order (README.md of the simulator).
local sorted = require "base.sorted"

return function(t)
  local calls = t:load("runpod_calls")(t)
  local ask, create, get, new, nth = calls.ask, calls.create, calls.get, calls.new, calls.nth
  local open, running = calls.open, calls.running
  local faces = calls.modules.require("cloudsim.faces")

  t:case("create: the answer lost, an error though created, late, two, dearer, nothing, forbidden", function()
    local sim = new { credit = 100 }
    local function count() return #sim.world.runpod.order end
    sim:fault { name = "create.answer_lost" }
    t:equal(select(4, create(sim)).hang, true)
    for mode, status in sorted { other = 500, html = 200, refused = 422, gone = 400, forbidden = 403 } do
      sim:fault { name = "create.error_but_created", mode = mode }
      t:equal(nth(2, create(sim)), status, mode)
    end
    t:equal({ count(), #ask(sim, "GET", "/pods").pods }, { 6, 6 })
    sim:fault { name = "create.lost_before", mode = "502" }
    t:equal({ nth(2, create(sim)), count() }, { 502, 6 })
    sim:fault { name = "create.slow_appear", seconds = 40, get = true }
    local late = create(sim)
    t:equal({ #ask(sim, "GET", "/pods").pods, nth(2, get(sim, late)) }, { 6, 404 })
    sim:pass(20)
    t:equal({ #ask(sim, "GET", "/pods").pods, nth(2, get(sim, late)) }, { 7, 200 })
    sim:fault { name = "create.twice" }
    create(sim, { gpu = { id = "NVIDIA L40S" } })
    t:equal(count(), 9)
    sim:fault { name = "create.price_changed", factor = 2 }
    t:equal(get(sim, create(sim, { gpu = { id = "NVIDIA L4" } })).cost, 0.78)
    sim:fault { name = "create.no_capacity" }
    local h200 = { gpu = { id = "NVIDIA H200" } }
    t:equal({ nth(2, create(sim, h200)), nth(2, create(sim, h200)) }, { 400, 400 })
    for mode, status in sorted { other = 403, html = 403, funds = 402 } do
      sim:fault { name = "create.forbidden", mode = mode }
      t:equal(nth(2, create(sim)), status)
    end
  end)

  t:case("created stopped, locked, without a key", function()
    local sim = new()
    sim:fault { name = "create.stopped" }
    local id = create(sim)
    t:equal({ get(sim, id).status, open(sim) }, { "EXITED", { "disk 0.0100" } })
    sim:fault { name = "create.locked" }
    id = create(sim)
    t:equal({ get(sim, id).locked, nth(2, ask(sim, "DELETE", "/pods/" .. id)) }, { true, 409 })
    sim.world.settings.runpod_locked_terminate = "accept"
    t:equal(nth(2, ask(sim, "DELETE", "/pods/" .. id)), 204)
    sim:fault { name = "create.no_key" }
    t:equal(sim.world.runpod.instances[create(sim)].key, nil)
  end)

  t:case("stuck, slow, broken, ended, no runtime, no port: what bills", function()
    local sim = new { credit = 1000 }
    sim:fault { name = "boot.stuck" }
    local stuck = create(sim)
    sim:pass(1000)
    t:equal({ get(sim, stuck).status, #open(sim) }, { "PROVISIONING", 2 })
    ask(sim, "DELETE", "/pods/" .. stuck)
    sim:fault { name = "boot.slow", seconds = 100 }
    local slow = create(sim)
    sim:pass(60)
    t:equal(get(sim, slow).status, "PROVISIONING")
    sim:pass(60)
    t:equal(get(sim, slow).status, "RUNNING")
    sim:fault { name = "boot.oci_failure" }
    local broken = running(sim)
    t:equal({ get(sim, broken).status, get(sim, broken).actions }, { "ERROR", { "start", "terminate" } })
    sim:fault { name = "boot.exited" }
    local ended = running(sim)
    t:equal({ get(sim, ended).status, sim.world.runpod.instances[ended].process }, { "RUNNING", false })
    sim:fault { name = "boot.no_runtime" }
    t:equal(get(sim, running(sim)).runtime, nil)
    sim:fault { name = "boot.no_port" }
    t:equal(get(sim, running(sim)).runtime.ports, {})
    sim:fault { name = "boot.no_push" }
    t:equal(sim.world.runpod.instances[running(sim)].tcp_blocked, true)
    sim:fault { name = "boot.no_tunnel" }
    t:equal(sim.world.runpod.instances[running(sim)].tunnel_blocked, true)
    t:equal(#open(sim), 14)
  end)

  t:case("a terminate that fails, hangs, comes too often, or is not done", function()
    local sim = new()
    local id = running(sim)
    local function status() return nth(2, ask(sim, "DELETE", "/pods/" .. id)) end
    sim:fault { name = "destroy.500" }
    t:equal(status(), 500)
    sim:fault { name = "destroy.429", retry_after = 3 }
    local _, code, _, response = ask(sim, "DELETE", "/pods/" .. id)
    t:equal({ code, response.headers["Retry-After"] }, { 429, "3" })
    sim:fault { name = "destroy.accepted_not_done", polls = 1 }
    t:equal(status(), 204)
    t:equal({ get(sim, id).status, #open(sim) }, { "RUNNING", 2 })
    t:equal({ nth(2, get(sim, id)), #open(sim) }, { 404, 0 })
    id = running(sim)
    sim:fault { name = "destroy.accepted_not_done", released = true }
    t:equal({ status(), #open(sim) }, { 204, 0 })
    sim:pass(1000)
    t:equal({ get(sim, id).status, #ask(sim, "GET", "/pods").pods }, { "TERMINATED", 1 })
    id = running(sim)
    sim:fault { name = "destroy.hang", done = true }
    t:equal({ status(), #open(sim) }, { nil, 0 })
  end)

  t:case("a list and a get that are wrong", function()
    local sim = new()
    local id = running(sim)
    for name, wanted in sorted { ["list.500"] = { 500 }, ["list.empty"] = { 200, 0 },
      ["list.html"] = { 200 }, ["list.partial"] = { 200 } } do
      sim:fault { name = name }
      local value, status = ask(sim, "GET", "/pods")
      t:equal({ status, value and value.pods and #value.pods }, wanted, name)
    end
    for name, wanted in sorted { ["get.500"] = 500, ["get.false_null"] = 404, ["get.html"] = 200 } do
      sim:fault { name = name }
      t:equal(nth(2, get(sim, id)), wanted, name)
    end
    sim:fault { name = "get.null_fields" }
    local row = get(sim, id)
    t:equal({ row.id, row.name, row.status, row.cost }, { id, "cplz-1" })
    for name, status in sorted { ["get.unknown_status"] = "HIBERNATING", ["get.stopped"] = "EXITED" } do
      sim:fault { name = name }
      t:equal(get(sim, id).status, status)
    end
    ask(sim, "DELETE", "/pods/" .. id)
    sim:fault { name = "list.stale", seconds = 60 }
    t:equal(ask(sim, "GET", "/pods").pods[1].status, "RUNNING")
    t:equal(ask(sim, "GET", "/pods").pods, {})
  end)

  t:case("the whole service: an edge that blocks, limits, rights", function()
    local sim = new()
    for mode, status in sorted { html = 403, rights = 403, other = 401 } do
      sim:fault { name = "api.auth", mode = mode }
      t:equal(nth(2, ask(sim, "GET", "/pods")), status)
    end
    sim:fault { name = "api.429", retry_after = 7 }
    local _, status, _, response = ask(sim, "GET", "/pods")
    t:equal({ status, response.headers["Retry-After"] }, { 429, "7" })
    sim:fault { name = "api.500", status = 503 }
    t:equal(nth(2, ask(sim, "GET", "/pods")), 503)
  end)

  t:case("the control address: pods, a network volume that is left, requests without secrets", function()
    local sim = new()
    local id = create(sim, { env = { SECRET = "secret words" } })
    local volume = ask(sim, "POST", "/network-volumes", { name = "v", size = 10, dataCenter = "EU-SE-1" })
    local row = calls.control(sim, "GET", "/machines").machines[1]
    t:equal({ row.cloud, row.id, row.label, row.offer, row.tier }, { "runpod", id, "cplz-1", "NVIDIA A40",
      "SECURE" })
    t:equal(calls.control(sim, "GET", "/leftovers").network_volumes,
      { { cloud = "runpod", id = volume.id, name = "v" } })
    local _, _, response = sim:call("GET", "/requests", nil, calls.CONTROL)
    t:ok(not response.body:find("secret words", 1, true) and not response.body:find(sim.key, 1, true))
    t:equal((sim:call("POST", "/instance/" .. id, { action = "label", value = "other" }, calls.CONTROL)), 200)
    t:equal(get(sim, id).name, "other")
  end)

  local function tour(sim)
    ask(sim, "GET", "/catalog/gpus")
    for _ = 1, 2 do create(sim, { name = "tour" }) end
    sim:pass(100)
    ask(sim, "GET", "/pods")
    for _, instance in ipairs(sim.world.runpod:each()) do
      get(sim, instance.id)
      ask(sim, "GET", "/pods/" .. instance.id, nil, { face = "runpod", key = instance.key })
      ask(sim, "DELETE", "/pods/" .. instance.id)
    end
  end

  t:case("every fault that has a meaning here happens, once", function()
    calls.each_fault(faces.by_name.runpod, 30, new, tour)
  end)
end
