-- SPDX-License-Identifier: MIT
-- The simulated CoreWeave's pools, nodes, pods and Services, and what bills; then what can go wrong there by
-- order (README.md of the simulator).
local sorted = require "base.sorted"

return function(t)
  local calls = t:load("coreweave_calls")(t)
  local ask, get, new, nth, open = calls.ask, calls.get, calls.new, calls.nth, calls.open
  local pool, pod, running, HERE, POOLS = calls.pool, calls.pod, calls.running, calls.HERE, calls.POOLS
  local faces = calls.modules.require("cloudsim.faces")

  local function condition(object, kind)
    for _, row in ipairs(object.status.conditions) do
      if row.type == kind then return row.status end
    end
  end

  local function nodes(sim, selector)
    return ask(sim, "GET", "/api/v1/nodes" .. (selector and "?labelSelector=" .. selector or "")).items
  end

  t:case("a pool gets its node, which bills; a pod waits for it, and its end ends no bill", function()
    local sim = new()
    t:equal({ nth(2, pool(sim)), nth(2, pod(sim)) }, { 201, 201 })
    t:equal({ get(sim, "pods", "cplz-1").status.phase, #nodes(sim), open(sim) }, { "Pending", 0, { "gpu" } })
    sim:pass(10)
    local node = nodes(sim, "compute.coreweave.com/node-pool%3Dcplz-1")[1]
    t:equal({ condition(node, "Ready"), node.status.capacity["nvidia.com/gpu"] }, { "False", "8" })
    sim:pass(50)
    local row = get(sim, "pods", "cplz-1")
    t:equal({ row.status.phase, condition(row, "Ready"), row.spec.nodeName }, { "Running", "True",
      node.metadata.name })
    ask(sim, "DELETE", HERE .. "pods/cplz-1")
    t:ok(get(sim, "pods", "cplz-1").metadata.deletionTimestamp)
    sim:pass(10)
    t:equal({ nth(2, get(sim, "pods", "cplz-1")), open(sim) }, { 404, { "gpu" } })
    ask(sim, "DELETE", POOLS .. "/cplz-1")
    t:ok(ask(sim, "GET", POOLS .. "/cplz-1").metadata.deletionTimestamp)
    sim:pass(30)
    t:equal({ nth(2, ask(sim, "GET", POOLS .. "/cplz-1")), #nodes(sim), open(sim) }, { 404, 0, {} })
    t:equal(sim.world.ledger.amount(sim.world.ledger.rows[1], sim.world.time), 10.00 * 120 / 3600,
      "begun minutes")
  end)

  t:case("target 0 gives the node back; a node that is lost is replaced", function()
    local sim = new()
    running(sim, "a")
    local first = nodes(sim)[1].metadata.name
    faces.by_name.coreweave.actions.destroy(sim.world, sim.world.coreweave:find(first))
    sim:pass(60)
    t:equal({ #nodes(sim), nodes(sim)[1].metadata.name ~= first, open(sim) }, { 1, true, { "gpu" } })
    calls.patch(sim, POOLS .. "/a", { spec = { targetNodes = 0 } })
    sim:pass(30)
    t:equal({ #nodes(sim), open(sim), condition(ask(sim, "GET", POOLS .. "/a"), "AtTarget") }, { 0, {},
      "True" })
  end)

  t:case("spot: cordoned, after 2 minutes evicted, after 7 gone; the pool refills itself", function()
    local sim = new()
    running(sim, "s", { computeClass = "spot", instanceType = "gd-8xa100-i128" })
    local node = nodes(sim)[1].metadata.name
    t:equal(sim.world.ledger:open()[1].rate, 9.65)
    faces.by_name.coreweave.actions.outbid(sim.world, sim.world.coreweave:find(node))
    sim:pass(60)
    t:equal({ nodes(sim)[1].spec.unschedulable, get(sim, "pods", "s").status.phase }, { true, "Running" })
    sim:pass(60)
    t:equal(get(sim, "pods", "s").status.reason, "Evicted")
    sim:pass(300)
    t:equal({ #nodes(sim), open(sim) }, { 0, {} })
    sim:pass(100)
    t:equal({ #nodes(sim), open(sim) }, { 1, { "gpu" } })
    t:equal(nth(2, pool(sim, "x", { computeClass = "spot", instanceType = "gd-1xgh200" })), 201)
    sim:pass(60)
    t:equal(condition(ask(sim, "GET", POOLS .. "/x"), "Capacity"), "False")
  end)

  t:case("an autoscaled pool gives its node back some time after the last pod", function()
    local sim = new()
    running(sim, "auto", { autoscaling = true, minNodes = 0, maxNodes = 1 }, { activeDeadlineSeconds = 1000 })
    sim:pass(900)
    t:equal(get(sim, "pods", "auto").status.phase, "Running")
    calls.patch(sim, HERE .. "pods/auto", { spec = { activeDeadlineSeconds = 970 } })
    t:equal(nth(2, calls.patch(sim, HERE .. "pods/auto", { spec = { activeDeadlineSeconds = 2000 } })), 422)
    sim:pass(40)
    t:equal({ get(sim, "pods", "auto").status.reason, open(sim) }, { "DeadlineExceeded", { "gpu" } })
    sim:pass(650)
    t:equal({ ask(sim, "GET", POOLS .. "/auto").spec.targetNodes, open(sim) }, { 0, {} })
    pod(sim, "again")
    sim:pass(60)
    t:equal({ get(sim, "pods", "again").status.phase, open(sim) }, { "Running", { "gpu" } })
  end)

  t:case("a pod goes only where it fits", function()
    local sim = new()
    pool(sim, "tainted", { nodeTaints = { { key = "mine", value = "x", effect = "NoSchedule" } } })
    pod(sim, "a")
    sim:pass(60)
    t:equal(condition(get(sim, "pods", "a"), "PodScheduled"), "False")
    pod(sim, "b", { tolerations = { { operator = "Exists" } }, nodeSelector = { none = "x" } })
    pod(sim, "c", { tolerations = { { operator = "Exists" } } })
    sim:pass(60)
    t:equal({ get(sim, "pods", "b").status.phase, get(sim, "pods", "c").status.phase },
      { "Pending", "Running" })
    local said = ask(sim, "GET", HERE .. "events?fieldSelector=involvedObject.name%3Da").items[1]
    t:equal(said.reason, "FailedScheduling")
  end)

  t:case("what a pod's process gets; what is missing is waited for", function()
    local sim = new()
    pool(sim, "p")
    pod(sim, "p", { containers = { { name = "main", image = "debian:12", command = { "sh", "/in/run" },
      env = { { name = "NAME", valueFrom = { fieldRef = { fieldPath = "metadata.name" } } },
        { name = "WORD", valueFrom = { secretKeyRef = { name = "s", key = "word" } } } },
      volumeMounts = { { name = "v", mountPath = "/in" } } } },
      volumes = { { name = "v", configMap = { name = "c", defaultMode = 493 } } } })
    sim:pass(60)
    local waiting = get(sim, "pods", "p").status.containerStatuses[1].state.waiting
    t:equal({ waiting.reason, waiting.message }, { "CreateContainerConfigError", 'secret "s" not found' })
    ask(sim, "POST", HERE .. "secrets", { metadata = { name = "s" }, stringData = { word = "hidden" } })
    ask(sim, "POST", HERE .. "configmaps", { metadata = { name = "c" }, data = { run = "echo" } })
    sim:pass(60)
    t:equal(get(sim, "pods", "p").status.phase, "Running")
    local instance = sim.world.coreweave:each()[1]
    t:equal({ instance.env, instance.mounts, instance.command }, { { { "NAME", "p" }, { "WORD", "hidden" } },
      { { path = "/in", files = { run = "echo" }, mode = 493 } }, { "sh", "/in/run" } })
    t:equal(nth(2, ask(sim, "GET", HERE .. "pods/p/log")), 200)
  end)

  t:case("a process that ends: the pod's policy says what then", function()
    for policy, wanted in sorted { Never = "Failed", Always = "Running" } do
      local sim = new()
      running(sim, "p", {}, { restartPolicy = policy })
      faces.by_name.coreweave.actions.exit(sim.world, sim.world.coreweave:each()[1])
      sim:pass(20)
      t:equal({ get(sim, "pods", "p").status.phase, open(sim) }, { wanted, { "gpu" } })
    end
  end)

  t:case("a Service's address comes later, bills, and leads to its pods", function()
    local sim = new()
    running(sim, "p")
    local function service(name, annotations)
      return ask(sim, "POST", HERE .. "services", { metadata = { name = name, annotations = annotations },
        spec = { type = "LoadBalancer", selector = { app = "p" }, ports = { { port = 51820, protocol = "UDP",
          targetPort = 4000 } } } })
    end
    service("s", { ["service.beta.kubernetes.io/coreweave-load-balancer-type"] = "public" })
    service "inner"
    t:equal({ get(sim, "services", "s").status.loadBalancer.ingress, open(sim) }, { nil, { "gpu", "ip" } })
    sim:pass(10)
    t:equal({ get(sim, "services", "s").status.loadBalancer.ingress[1].ip,
      get(sim, "services", "inner").status.loadBalancer.ingress[1].ip,
      sim.world.coreweave:each()[1].ports["4000/udp"] }, { "127.0.0.1", "10.16.255.1", 51820 })
    ask(sim, "DELETE", HERE .. "services/s")
    t:equal(open(sim), { "gpu" })
    local left = calls.control(sim, "GET", "/leftovers")
    t:equal({ #left.machines, #left.objects }, { 1, 3 })
  end)

  t:case("create: the answer lost, an error though created, nothing, forbidden, no node", function()
    local sim = new()
    local function made(name) return nth(2, ask(sim, "GET", POOLS .. "/" .. name)) end
    sim:fault { name = "create.answer_lost" }
    t:equal({ nth(4, pool(sim, "a")).hang, made "a" }, { true, 200 })
    for mode, status in sorted { other = 500, html = 200, refused = 400, gone = 409 } do
      sim:fault { name = "create.error_but_created", mode = mode }
      t:equal({ nth(2, pool(sim, mode)), made(mode) }, { status, 200 })
    end
    sim:fault { name = "create.lost_before", mode = "502" }
    t:equal({ nth(2, pool(sim, "b")), made "b" }, { 502, 404 })
    sim:fault { name = "create.forbidden" }
    t:equal({ nth(2, pool(sim, "b")), made "b" }, { 403, 404 })
    sim = new()
    sim:fault { name = "create.no_capacity" }
    pool(sim, "c")
    sim:pass(1000)
    t:equal({ open(sim), condition(ask(sim, "GET", POOLS .. "/c"), "Capacity") }, { {}, "False" })
    pool(sim, "d", { instanceType = "none" })
    t:equal({ open(sim), condition(ask(sim, "GET", POOLS .. "/d"), "Validated") }, { {}, "False" })
  end)

  t:case("delete that fails, comes too often, or is not done", function()
    local sim = new()
    running(sim, "a")
    local function status() return nth(2, ask(sim, "DELETE", POOLS .. "/a")) end
    sim:fault { name = "destroy.500" }
    t:equal(status(), 500)
    sim:fault { name = "destroy.429", retry_after = 3 }
    t:equal(nth(4, ask(sim, "DELETE", POOLS .. "/a")).headers["Retry-After"], "3")
    sim:fault { name = "destroy.accepted_not_done", polls = 1 }
    t:equal(status(), 200)
    sim:pass(1000)
    t:equal({ nth(2, ask(sim, "GET", POOLS .. "/a")), open(sim) }, { 200, { "gpu" } })
    ask(sim, "GET", POOLS .. "/a")
    sim:pass(30)
    t:equal({ nth(2, ask(sim, "GET", POOLS .. "/a")), open(sim) }, { 404, {} })
    running(sim, "b")
    sim:fault { name = "destroy.accepted_not_done", released = true }
    ask(sim, "DELETE", POOLS .. "/b")
    sim:pass(1000)
    t:equal({ nth(2, ask(sim, "GET", POOLS .. "/b")), open(sim) }, { 200, {} })
    running(sim, "c")
    sim:fault { name = "destroy.hang", done = true }
    t:equal(nth(2, ask(sim, "DELETE", POOLS .. "/c")), nil)
    sim:pass(60)
    t:equal(open(sim), {})
  end)

  t:case("a list and a get that are wrong", function()
    local sim = new()
    running(sim, "a")
    pool(sim, "b")
    sim:pass(60)
    for name, wanted in sorted { ["list.500"] = 500, ["list.empty"] = 200, ["list.html"] = 200 } do
      sim:fault { name = name }
      t:equal(nth(2, ask(sim, "GET", POOLS)), wanted, name)
    end
    sim:fault { name = "list.partial" }
    local page = ask(sim, "GET", POOLS)
    t:equal(#page.items, 1)
    t:equal(nth(2, ask(sim, "GET", POOLS .. "?continue=" .. page.metadata["continue"])), 500)
    for name, wanted in sorted { ["get.500"] = 500, ["get.false_null"] = 404, ["get.html"] = 200 } do
      sim:fault { name = name }
      t:equal(nth(2, ask(sim, "GET", POOLS .. "/a")), wanted, name)
    end
    sim:fault { name = "get.null_fields" }
    t:equal(ask(sim, "GET", POOLS .. "/a").spec, {})
    sim:fault { name = "get.unknown_status" }
    t:equal(ask(sim, "GET", POOLS .. "/a").status.conditions[1].type, "Hibernating")
    ask(sim, "DELETE", POOLS .. "/b")
    sim:pass(31)
    t:equal(#ask(sim, "GET", POOLS).items, 1)
    sim:fault { name = "list.stale", seconds = 32 }
    t:equal(#ask(sim, "GET", POOLS).items, 2)
  end)

  local function tour(sim)
    ask(sim, "POST", "/apis/apps/v1/namespaces/default/deployments", { metadata = { name = "crew" },
      spec = { selector = { matchLabels = { app = "crew" } }, template = {
        metadata = { labels = { app = "crew" } }, spec = { tolerations = { { operator = "Exists" } },
          containers = { { name = "c", image = "a:1" } } } } } })
    for n = 1, 3 do
      pool(sim, "tour" .. n, { computeClass = "spot", instanceType = "gd-8xa100-i128" })
      pod(sim, "tour" .. n)
      sim:pass(60)
    end
    ask(sim, "GET", POOLS)
    for n = 1, 3 do
      ask(sim, "GET", POOLS .. "/tour" .. n)
      ask(sim, "DELETE", POOLS .. "/tour" .. n)
      sim:pass(500)
    end
  end

  t:case("every fault that has a meaning here happens, once", function()
    calls.each_fault(faces.by_name.coreweave, 25, new, tour)
  end)

  t:case("claims: bound to a volume that bills until it is gone; one in use waits for its pod", function()
    local sim = calls.new()
    local PATH = calls.HERE .. "persistentvolumeclaims"
    local function claim(name, class)
      return calls.ask(sim, "POST", PATH, { metadata = { name = name }, spec = { storageClassName = class,
        accessModes = { "ReadWriteMany" }, resources = { requests = { storage = "1T" } } } })
    end
    calls.refused(sim, 422, "Invalid", "POST", PATH, { metadata = { name = "a" }, spec = {
      accessModes = { "ReadWriteMany" } } })
    calls.refused(sim, 422, "Invalid", "POST", PATH, { metadata = { name = "a" }, spec = {
      resources = { requests = { storage = "1G" } } } })
    t:equal(claim("a", "shared-vast").status.phase, "Pending")
    claim("b", "nobodys")
    sim:pass(2)
    t:equal({ calls.get(sim, "persistentvolumeclaims", "a").status, calls.get(sim, "persistentvolumeclaims",
      "b").status.phase }, { { phase = "Bound", accessModes = { "ReadWriteMany" },
      capacity = { storage = "1T" } }, "Pending" })
    local rows = sim.world.ledger:open()
    t:equal({ #rows, ("%.4f"):format(rows[1].rate), rows[1].token }, { 1, "0.0959", "a" })
    calls.pod(sim, "user", { volumes = { { name = "v", persistentVolumeClaim = { claimName = "a" } } } })
    local deleted = calls.ask(sim, "DELETE", PATH .. "/a")
    t:ok(deleted.metadata.deletionTimestamp, "it waits")
    sim:pass(5)
    t:equal(select(2, calls.get(sim, "persistentvolumeclaims", "a")), 200)
    calls.ask(sim, "DELETE", calls.HERE .. "pods/user")
    sim:pass(5)
    t:equal(select(2, calls.get(sim, "persistentvolumeclaims", "a")), 404)
    t:equal(#sim.world.ledger:open(), 0)
    t:equal(select(2, calls.ask(sim, "DELETE", PATH .. "/b")), 200)
    t:equal(select(2, calls.get(sim, "persistentvolumeclaims", "b")), 404)
  end)
end
