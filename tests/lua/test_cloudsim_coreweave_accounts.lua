-- SPDX-License-Identifier: MIT
-- The simulated cluster's accounts: what roles let them do, and the CronJobs that act as them.
return function(t)
  local calls = t:load("coreweave_calls")(t)
  local RBAC = "/apis/rbac.authorization.k8s.io/v1/"
  local NAME = "cplz-1"

  local function make(sim, path, object)
    object.metadata = { name = NAME }
    local body, status = calls.ask(sim, "POST", path, object)
    t:equal(status, 201, path)
    return body
  end

  -- An account that may do that with the pool, and see and delete its pod.
  local function account(sim, verbs)
    local subject = { { kind = "ServiceAccount", name = NAME, namespace = "default" } }
    make(sim, calls.HERE .. "serviceaccounts", {})
    make(sim, RBAC .. "clusterroles", { rules = { { apiGroups = { "compute.coreweave.com" },
      resources = { "nodepools" }, resourceNames = { NAME }, verbs = verbs } } })
    make(sim, RBAC .. "clusterrolebindings", { subjects = subject, roleRef = { kind = "ClusterRole",
      name = NAME, apiGroup = "rbac.authorization.k8s.io" } })
    make(sim, RBAC .. "namespaces/default/roles", { rules = { { apiGroups = { "" }, resources = { "pods" },
      resourceNames = { NAME }, verbs = { "get", "delete" } } } })
    make(sim, RBAC .. "namespaces/default/rolebindings", { subjects = subject, roleRef = { kind = "Role",
      name = NAME, apiGroup = "rbac.authorization.k8s.io" } })
  end

  -- An answer to the account whose token a Secret holds.
  local function as_account(sim)
    local keys = calls.modules.require "base.keys"
    local secret = make(sim, calls.HERE .. "secrets", { type = "kubernetes.io/service-account-token" })
    t:equal(secret.data, nil)
    calls.ask(sim, "DELETE", calls.HERE .. "secrets/" .. NAME)
    secret = calls.ask(sim, "POST", calls.HERE .. "secrets", { type = "kubernetes.io/service-account-token",
      metadata = { name = NAME, annotations = { ["kubernetes.io/service-account.name"] = NAME } } })
    local token = keys.unbase64(secret.data.token)
    return function(method, path)
      local _, status = calls.ask(sim, method, path, nil, { face = "coreweave", key = token })
      return status
    end
  end

  t:case("an account may do what a bound role says with what it names, and nothing else", function()
    local sim = calls.new()
    account(sim, { "get", "delete" })
    calls.pool(sim, NAME)
    calls.pool(sim, "other")
    local ask = as_account(sim)
    t:equal({ ask("GET", calls.POOLS .. "/" .. NAME), ask("GET", calls.POOLS .. "/other"),
      ask("GET", calls.POOLS), ask("DELETE", calls.POOLS .. "/other"),
      ask("GET", calls.HERE .. "pods/" .. NAME), ask("GET", "/api/v1/namespaces/kube-system/pods/" .. NAME),
      ask("GET", calls.HERE .. "secrets/" .. NAME), ask("POST", calls.POOLS) },
      { 200, 403, 403, 403, 404, 403, 403, 403 })
    t:equal(ask("DELETE", calls.POOLS .. "/" .. NAME), 200)
    calls.ask(sim, "DELETE", calls.HERE .. "serviceaccounts/" .. NAME)
    t:equal(ask("GET", calls.POOLS .. "/" .. NAME), 401)
  end)

  local URL = "http://inside"

  local function cron(sim, minutes, waits, runs)
    return calls.ask(sim, "POST", "/apis/batch/v1/namespaces/default/cronjobs", { metadata = { name = NAME },
      spec = { schedule = "*/" .. minutes .. " * * * *", jobTemplate = { spec = { template = { spec = {
        serviceAccountName = NAME, restartPolicy = "Never", tolerations = { { operator = "Exists" } },
        containers = { { name = "guard", image = "curl", command = { "/bin/sh", "-c", "script", "guard",
          URL .. calls.HERE .. "pods/" .. NAME, tostring(waits), tostring(runs),
          URL .. calls.POOLS .. "/" .. NAME } } } } } } } } })
  end

  -- Jobs ask when it is their time, so the clock goes in steps.
  local function pass(sim, minutes)
    for _ = 1, minutes do
      sim:pass(60)
    end
  end

  local function there(sim, path) return select(2, calls.ask(sim, "GET", path)) == 200 end

  t:case("a CronJob deletes a pool as its account once the pod is over", function()
    local sim = calls.new()
    account(sim, { "delete" })
    calls.running(sim, NAME)
    local far = math.tointeger(sim.world.time // 1 + 90000)
    t:equal(select(2, cron(sim, 5, far, far)), 201)
    pass(sim, 12)
    t:ok(there(sim, calls.POOLS .. "/" .. NAME), "it was deleted while its pod ran")
    calls.ask(sim, "DELETE", calls.HERE .. "pods/" .. NAME)
    pass(sim, 7)
    t:ok(not there(sim, calls.POOLS .. "/" .. NAME))
    t:equal(calls.open(sim), {})
  end)

  t:case("and not where its role lacks the verb, nor without a node, nor when it is not valid", function()
    local sim = calls.new()
    account(sim, { "get" })
    calls.running(sim, NAME)
    local soon = math.tointeger(sim.world.time // 1 + 60)
    cron(sim, 5, soon, soon)
    pass(sim, 12)
    t:ok(there(sim, calls.POOLS .. "/" .. NAME))
    t:equal(select(2, cron(sim, 5, soon, soon)), 409)
    sim = calls.new()
    account(sim, { "delete" })
    cron(sim, 5, 0, 0)
    pass(sim, 7)
    t:ok(not (calls.ask(sim, "GET", "/apis/batch/v1/namespaces/default/cronjobs/" .. NAME)).status
      .lastScheduleTime)
    calls.refused(sim, 422, "Invalid", "POST", "/apis/batch/v1/namespaces/default/cronjobs",
      { metadata = { name = "x" }, spec = { schedule = "*/5 * * * *" } })
  end)
end
