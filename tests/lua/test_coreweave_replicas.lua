-- SPDX-License-Identifier: MIT
-- CoreWeave where several pods serve a model (--replicas): how many nodes, at what price, by which rights,
-- what is made, what goes, and what proves it; against the simulated cluster, in process.
local sorted = require "base.sorted"

return function(t)
  local calls, fake = t:load("coreweave_calls")(t), t:load "fakehost"
  local inprocess = calls.modules.require "cloudsim.inprocess"
  local replicas, parse = calls.modules.require "providers.coreweave.replicas",
    calls.modules.require "providers.coreweave.parse"
  local gpus = calls.modules.require "facts.gpus"
  local TOKEN = "cplz-0a1b2c3d-00112233"
  local SESSION = { id = TOKEN, token = TOKEN, plan = { replicas = 3, pods = 1, nodes = 1 } }
  local APPS, LWS = "/apis/apps/v1/namespaces/default/deployments",
    "/apis/leaderworkerset.x-k8s.io/v1/namespaces/default/leaderworkersets"

  local function wish(more)
    local want = { replicas = 3, vram_gb = 30, engine = "ollama", model = { name = "m" }, spans = false }
    for name, value in sorted(more or {}) do want[name] = value end
    return want
  end

  -- Runs fn(provider, fail, sim, order, ticket) in a replaced world in front of a cluster.
  local function run(want, fn)
    local sim = calls.new()
    sim.world.settings.coreweave_groups = want.spans
    local s = fake.new { http = inprocess.http(sim.world, { coreweave = 7006 }), env = { HOME = "/home/user",
      COREWEAVE_API_KEY = sim.key, COREWEAVE_API_SERVER = "http://127.0.0.1:7006",
      COREWEAVE_INSIDE_SERVER = "http://127.0.0.1:7006", COREWEAVE_WHOLE_NODES = "yes" } }
    local p = s:start(function(require)
      require("config.effective").load "/home/user/.continueplz"
      local provider, offer = require "providers.coreweave", nil
      for _, each in ipairs((provider.offers(want))) do offer = each.gpu == "l40" and each or offer end
      local pod = require("engines.ollama").pod { model = "m:1b", context = 4096, address = "$(POD_IP)",
        port = 11434 }
      local order = { token = TOKEN, image = "ollama/ollama:1", script = "sleep 9", env = { CPLZ_KEY = "k" },
        candidate = { offer = offer, spot = false }, ports = { { port = 30123, protocol = "tcp" } },
        files = { at = "/etc/c", work = "/var/c", { name = "pod.sh", content = "exec sleep 9\n" } },
        served = offer.nodes and { replicas = offer.replicas, pods = offer.pods,
          gpus = offer.gpus // offer.pods, port = 11434, variable = "CPLZ_ENGINE", pod = pod } }
      local function ticket() return require("base.ticket").new(function() end) end
      return fn(provider, require "base.fail", sim, order, ticket)
    end)
    s:run()
    return p:result()
  end

  t:case("cards of a replica, replicas on a node, nodes of all, or why not", function()
    local row = { gpus = 8 }
    local function plan(card, more)
      local set, why = replicas.plan(row, gpus.find(card), wish(more))
      return set and ("%d × %d cards, %d pods, %d nodes"):format(set.replicas, set.cards, set.pods, set.nodes)
        or "one machine", why
    end
    t:equal({ plan "l40", plan("l40", { replicas = 9 }), plan("l40", { vram_gb = 90 }),
      plan("l40", { vram_gb = 90, replicas = 5 }), plan("l40", { gpus = 8 }), plan("l40", { replicas = 1 }) },
      { "3 × 1 cards, 1 pods, 1 nodes", "9 × 1 cards, 1 pods, 2 nodes", "3 × 2 cards, 1 pods, 1 nodes",
        "5 × 2 cards, 1 pods, 2 nodes", "3 × 8 cards, 1 pods, 3 nodes", "one machine" })
    t:equal((plan("l40", { replicas = 16 })), "16 × 1 cards, 1 pods, 2 nodes", "two are full")
    t:equal((plan("l40", { gpus = 1, vram_gb = 90 })), "3 × 2 cards, 1 pods, 1 nodes",
      "cards that do not hold it are no choice")
    t:equal({ plan("l40", { vram_gb = 500 }) }, { "3 × 8 cards, 1 pods, 3 nodes",
      "larger than a node: ollama cannot spread one model over nodes, and m needs 500.0 GB; a node of 8 × "
        .. "L40 48GB has 384 GB" })
    t:equal({ plan("l40", { vram_gb = 500, spans = true }) }, { "3 × 16 cards, 2 pods, 6 nodes" })
    t:equal({ plan("l40", { vram_gb = 500, spans = true, replicas = 1 }) },
      { "1 × 16 cards, 2 pods, 2 nodes" })
    t:ok(select(2, plan("l40", { vram_gb = 50000, spans = true })):find "^larger than 16 nodes: m needs")
  end)

  t:case("an offer counts every node, its pool as well, and one address", function()
    run(wish { replicas = 17 }, function(_, _, _, order)
      local offer = order.candidate.offer
      t:equal({ ("%.4f"):format(offer.on_demand), offer.gpus, offer.replicas, offer.nodes },
        { "30.0055", 1, 17, 3 })
      local spec = parse.pool(order).spec
      t:equal({ spec.targetNodes, spec.maxNodes, spec.minNodes }, { 3, 3, 0 })
    end)
  end)

  t:case("made by name, the pods find their cards, all ready; deleted, and proven by node and pod", function()
    run(wish(), function(provider, _, sim, order, ticket)
      provider.prepare(order)
      provider.prepare(order) -- the names are taken, and ours
      local pod = calls.get(sim, "pods", TOKEN)
      local owner = calls.ask(sim, "GET", APPS .. "/" .. TOKEN .. "-set").metadata.ownerReferences
      t:equal(owner, { { apiVersion = "v1", kind = "Pod", name = TOKEN, uid = pod.metadata.uid } },
        "with the pod of the tunnel, which each guard ends, all of it goes")
      t:equal({ pod.spec.containers[1].resources, pod.spec.containers[1].env[2].value }, { {},
        "$(CPLZ_0A1B2C3D_00112233_ENGINE_SERVICE_HOST):$(CPLZ_0A1B2C3D_00112233_ENGINE_SERVICE_PORT)" })
      t:equal(provider.replicas(SESSION), { ready = 0, wanted = 3, trouble = {
        name = provider.replicas(SESSION).trouble.name, reason = "Unschedulable",
        message = "no nodes available to schedule pods" } })
      t:equal(provider.create(order, ticket()).id, TOKEN)
      provider.expose(SESSION, order.ports)
      t:equal(calls.get(sim, "services", TOKEN).spec.selector,
        { ["continueplz.dev/session"] = TOKEN, ["continueplz.dev/role"] = "gateway" })
      sim:pass(60)
      t:equal(provider.replicas(SESSION), { ready = 3, wanted = 3 })
      local found = provider.get(TOKEN)
      t:equal({ found.status, found.ports }, { "running", { ["30123/tcp"] = 30123 } })
      t:equal({ provider.proof(SESSION).state, provider.proof(SESSION).evidence.pods }, { "running", 4 })
      t:equal(provider.destroy(TOKEN), true)
      t:equal((calls.ask(sim, "GET", APPS)).items, {}, "it would make its pods again")
      sim:pass(40)
      t:equal({ provider.destroy(TOKEN), provider.proof(SESSION).state }, { "gone", "stopped" })
      t:equal(provider.proof(SESSION).evidence.pods, 0)
      provider.tidy(SESSION)
      t:equal({ calls.control(sim, "GET", "/leftovers").objects, provider.belongings() }, { {}, {} })
    end)
  end)

  t:case("a pod that is left is no proof, and what stands around the pods is listed and goes", function()
    run(wish(), function(provider, _, sim, order, ticket)
      provider.prepare(order)
      provider.create(order, ticket())
      sim:pass(60)
      calls.ask(sim, "DELETE", calls.POOLS .. "/" .. TOKEN)
      sim:pass(100) -- the Deployment went with the pod of the tunnel, which went with its node
      t:equal(provider.proof(SESSION).state, "stopped")
      calls.ask(sim, "POST", calls.HERE .. "pods", { metadata = { name = "left",
        labels = parse.meta("left", TOKEN).labels },
        spec = { containers = { { name = "a", image = "debian" } } } })
      t:equal({ provider.proof(SESSION).state, provider.proof(SESSION).evidence.pods }, { "ending", 1 })
    end)
    run(wish(), function(provider, _, sim, order)
      provider.prepare(order)
      local told = {}
      for _, each in ipairs(provider.belongings()) do
        told[#told + 1] = each.kind
        t:ok(not each.bills, each.kind)
        provider.remove(each)
      end
      table.sort(told)
      t:equal(table.concat(told, " "), "ClusterRole ClusterRoleBinding ConfigMap CronJob Deployment "
        .. "NetworkPolicy Role RoleBinding Secret Secret Service ServiceAccount pod pod pod pod")
      t:equal(calls.control(sim, "GET", "/leftovers").objects, {})
    end)
  end)

  t:case("only the pod of the tunnel reaches them", function()
    run(wish(), function(provider, _, sim, order)
      provider.prepare(order)
      local policy = calls.ask(sim, "GET",
        "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies/" .. TOKEN .. "-set").spec
      local ours = { ["continueplz.dev/session"] = TOKEN }
      t:equal(policy.podSelector, { matchLabels = ours, matchExpressions = {
        { key = "continueplz.dev/role", operator = "In", values = { "engine", "leader" } } } })
      t:equal(policy.ingress, { { ports = { { port = 11434, protocol = "TCP" } }, from = { { podSelector = {
        matchLabels = ours, matchExpressions = { {
          key = "continueplz.dev/role", operator = "In", values = { "gateway" } } } } } } } })
      t:equal(calls.get(sim, "services", TOKEN .. "-engine").spec.selector,
        { ["continueplz.dev/session"] = TOKEN, ["continueplz.dev/role"] = "engine" })
    end)
  end)

  t:case("groups of nodes: a LeaderWorkerSet, its leaders in front; not installed is said", function()
    run(wish { vram_gb = 500, spans = true, replicas = 2 }, function(provider, _, sim, order, ticket)
      t:equal({ order.candidate.offer.nodes, order.candidate.offer.unfit }, { 4 })
      provider.prepare(order)
      provider.create(order, ticket())
      local session = { id = TOKEN, token = TOKEN, plan = { replicas = 2, pods = 2, nodes = 4 } }
      sim.world.settings.boot_seconds = 20
      t:equal(calls.get(sim, "services", TOKEN .. "-engine").spec.selector["continueplz.dev/role"], "leader")
      for _, kind in sorted(sim.world.coreweave.types) do kind.free = 4 end
      sim:pass(200)
      t:equal({ provider.replicas(session), #calls.open(sim) }, { { ready = 2, wanted = 2 }, 4 })
      local env = {}
      for _, row in ipairs(calls.get(sim, "pods", TOKEN .. "-set-1-1").spec.containers[1].env) do
        env[row.name] = row.value
      end
      t:equal({ env.LWS_GROUP_SIZE, env.LWS_WORKER_INDEX, env.LWS_LEADER_ADDRESS }, { "2", "1",
        calls.get(sim, "pods", TOKEN .. "-set-1").status.podIP })
      provider.destroy(TOKEN)
      t:equal((calls.ask(sim, "GET", LWS)).items, {})
    end)
    run(wish { spans = true }, function(provider, _, sim)
      sim.world.settings.coreweave_groups = false
      local told = {}
      for _, each in ipairs((provider.offers(wish { vram_gb = 500, spans = true }))) do
        told[each.gpu] = each.unfit or "fits"
      end
      t:equal(told.h200, "fits")
      t:ok(told.l40:find("2 of them take a LeaderWorkerSet, which the cluster has not installed", 1, true))
    end)
  end)

  t:case("the rights that it takes besides are asked for only then", function()
    run(wish { replicas = 1 }, function(provider, fail, sim)
      sim.world.settings.coreweave_denied = "* deployments, list networkpolicies"
      t:equal(#provider.offers(wish { replicas = 1 }), 7)
      t:equal(provider.belongings(), {}, "who may not list them made none")
      local ok, why = fail.try(provider.offers, wish())
      t:ok(not ok and why.message:find("may not list networkpolicies, create deployments, get deployments",
        1, true), why.message)
    end)
  end)
end
