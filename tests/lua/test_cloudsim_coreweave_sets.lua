-- SPDX-License-Identifier: MIT
-- The simulated CoreWeave's Deployments, the Services and environments of their pods.
return function(t)
  local calls = t:load("coreweave_calls")(t)
  local ask, new = calls.ask, calls.new
  local APPS = "/apis/apps/v1/namespaces/default/deployments"

  local function deploy(sim, more)
    return ask(sim, "POST", APPS, { metadata = { name = "web" }, spec = calls.changed({ replicas = 3,
      selector = { matchLabels = { app = "web" } }, template = { metadata = { labels = { app = "web" } },
        spec = { tolerations = { { operator = "Exists" } }, containers = { { name = "c", image = "debian:12",
          readinessProbe = { exec = { command = { "true" } }, periodSeconds = 5 },
          resources = { limits = { ["nvidia.com/gpu"] = "4" } } } } } } }, more) })
  end

  local function pods(sim) return ask(sim, "GET", calls.HERE .. "pods").items end

  t:case("pods by number and cards: what a node has no cards for waits", function()
    local sim = new()
    calls.pool(sim)
    local made, status = deploy(sim)
    t:equal({ status, made.spec.template.spec.restartPolicy, #pods(sim) }, { 201, "Always", 3 })
    sim:pass(60)
    local told, phases = ask(sim, "GET", APPS .. "/web").status, {}
    for i, pod in ipairs(pods(sim)) do phases[i] = pod.status.phase end
    table.sort(phases)
    t:equal({ told.readyReplicas, told.unavailableReplicas, told.observedGeneration, phases }, { 2, 1, 1,
      { "Pending", "Running", "Running" } })
    ask(sim, "DELETE", calls.HERE .. "pods/" .. pods(sim)[1].metadata.name)
    sim:pass(30)
    t:equal({ #pods(sim), ask(sim, "GET", APPS .. "/web").status.readyReplicas }, { 3, 2 }, "another came")
    calls.patch(sim, APPS .. "/web", { spec = { replicas = 1 } })
    sim:pass(10)
    t:equal(#pods(sim), 1)
    ask(sim, "DELETE", APPS .. "/web")
    sim:pass(10)
    t:equal(#pods(sim), 0)
  end)

  t:case("a Service has an address, and a pod is told of it in its environment", function()
    local sim = new()
    local service = ask(sim, "POST", calls.HERE .. "services", { metadata = { name = "a-b" },
      spec = { ports = { { port = 80 } } } })
    t:ok(service.spec.clusterIP:find "^127%.")
    local env = { { name = "HERE", value = "$(A_B_SERVICE_HOST):$(A_B_SERVICE_PORT) $(NONE) $$(A) $(FIRST)" },
      { name = "FIRST", value = "1" }, { name = "LATE", value = "$(FIRST)" } }
    calls.pool(sim)
    calls.pod(sim, "p", { containers = { { name = "c", image = "debian:12", env = env } } })
    sim:pass(60)
    local found = {}
    for _, instance in ipairs(sim.world.coreweave:each()) do
      for _, pair in ipairs(instance.env) do found[pair[1]] = pair[2] end
    end
    t:equal({ found.HERE, found.LATE }, { service.spec.clusterIP .. ":80 $(NONE) $(A) $(FIRST)", "1" })
  end)

  t:case("LeaderWorkerSets are there where they are installed", function()
    local sim = new()
    local path = "/apis/leaderworkerset.x-k8s.io/v1"
    local function status(more) return calls.nth(2, ask(sim, "GET", path .. more)) end
    t:equal({ status "", status "/leaderworkersets" }, { 404, 404 })
    sim.world.settings.coreweave_groups = true
    t:equal({ ask(sim, "GET", path).resources[1].name, status "/leaderworkersets" },
      { "leaderworkersets", 200 })
  end)
end
