-- SPDX-License-Identifier: MIT
--- CoreWeave's adapter in front of a real Kubernetes API server, with the real controllers and scheduler;
--- what CoreWeave itself and a kubelet do is played (pool.lua). The cases are one story: each goes on from
--- the last.
local clock = require "base.clock"
local clouds = require "facts.clouds"
local config = require "config.effective"
local coreweave = require "providers.coreweave"
local expect = require "kube.expect"
local fail = require "base.fail"
local files = require "base.files"
local guard = require "providers.coreweave.guard"
local look = require "kube.look"
local ollama = require "engines.ollama"
local parse = require "providers.coreweave.parse"
local pool = require "kube.pool"
local rights = require "providers.coreweave.rights"
local server = require "kube.server"
local set = require "providers.coreweave.set"
local task = require "base.task"
local ticket = require "base.ticket"

local adapter = { SPACE = "team" } -- the namespace that it is done in

local SPACE, TOKEN, OTHER = adapter.SPACE, "cplz-0a1b2c3d-00112233", "cplz-0a1b2c3d-44556677"
local HERE = "/api/v1/namespaces/" .. SPACE .. "/"
local RBAC = "/apis/rbac.authorization.k8s.io/v1/"
local ADDRESS = "203.0.113.7"

local WANTED = 3 -- servers of the model where several serve
local SERVED = { id = OTHER, token = OTHER, plan = { replicas = WANTED, pods = 1, nodes = 1 } }

local cases = {}

local function case(name, run) cases[#cases + 1] = { name = name, run = run } end

local function use(settings)
  for name, value in pairs(settings) do -- order: free
    local _, why = config.use(name, value, "make kube")
    if why and value then fail.raise("broken", name .. ": " .. why) end
  end
end

local function order_of(token, spot, several)
  local offer
  for _, each in ipairs((coreweave.offers())) do offer = each.gpu == "h100" and each or offer end
  local pod = ollama.pod { model = "m:1b", context = 4096, address = "$(POD_IP)", port = 11434 }
  return { token = token, image = "debian:12", script = "sleep 9", env = { CPLZ_KEY = "k", CPLZ_EMPTY = "" },
    served = several and { replicas = WANTED, pods = 1, gpus = 2, port = 11434, variable = "CPLZ_ENGINE",
      pod = pod } or nil,
    files = { at = "/etc/c", work = "/var/c", { name = "pod.sh", content = "sleep 9\n" },
      { name = "guest.gz", content = "\0\1\255", binary = true } },
    candidate = { offer = offer, spot = spot }, ports = { { port = 30123, protocol = "tcp" },
      { port = 51820, protocol = "udp" } } }
end

local function new_ticket() return ticket.new(function() end) end

-- What raises, as its failure.
local function refusal(fn, ...)
  local ok, why = fail.try(fn, ...)
  expect.that(not ok, "it was not refused")
  return why
end

-- The rights of one row after another of the adapter's own list, but not the verb of what is left out.
local function grant(cluster, without)
  local whole, here = {}, {}
  for _, question in ipairs(rights.questions(SPACE, true)) do
    local asked = question.review.spec.resourceAttributes
    local list = asked.namespace and here or whole
    list[#list + 1] = question.words ~= without and { apiGroups = { asked.group }, resources = {
      asked.resource }, verbs = { asked.verb } } or nil
  end
  for _, row in ipairs { { "", "Cluster", whole }, { "namespaces/" .. SPACE .. "/", "", here } } do
    local plural = row[2]:lower() .. "role"
    for _, kind in ipairs { "bindings", "s" } do
      cluster:ask("DELETE", RBAC .. row[1] .. plural .. kind .. "/renter")
    end
    pool.must(cluster, "POST", RBAC .. row[1] .. plural .. "s", { metadata = { name = "renter" },
      rules = row[3] })
    pool.must(cluster, "POST", RBAC .. row[1] .. plural .. "bindings", { metadata = { name = "renter" },
      roleRef = { apiGroup = "rbac.authorization.k8s.io", kind = row[2] .. "Role", name = "renter" },
      subjects = { { apiGroup = "rbac.authorization.k8s.io", kind = "User", name = server.RENTER } } })
  end
end

case("a kubeconfig that kubectl wrote, with a client certificate, and one with a token", function(s)
  local path = files.join(s.dir, "written")
  local function write(...) s.kubectl("config", "--kubeconfig=" .. path, ...) end
  write("set-cluster", "c", "--server=" .. s.cluster.url, "--certificate-authority=" .. s.cluster.ca,
    "--embed-certs=true")
  write("set-credentials", "certified", "--client-certificate=" .. s.cluster.certificate, "--client-key="
    .. s.cluster.key, "--embed-certs=true")
  write("set-credentials", "token", "--token=" .. s.cluster.all)
  write("set-context", "one", "--cluster=c", "--user=certified", "--namespace=" .. SPACE)
  write("set-context", "two", "--cluster=c", "--user=token")
  write("use-context", "one")
  use { COREWEAVE_KUBECONFIG = path }
  local account = coreweave.account()
  expect.same({ account.name, account.currency }, { server.CERTIFIED, "USD" })
  use { COREWEAVE_CONTEXT = "two" }
  expect.same(coreweave.account().name, server.USER)
  config.use("COREWEAVE_KUBECONFIG", nil)
  config.use("COREWEAVE_CONTEXT", nil)
end)

case("a key that nobody knows, and a cluster that another authority signed for", function(s)
  use { COREWEAVE_API_SERVER = s.cluster.url, COREWEAVE_API_KEY = "another", COREWEAVE_CA_FILE = s.cluster.ca,
    COREWEAVE_NAMESPACE = SPACE, COREWEAVE_WHOLE_NODES = "yes", COREWEAVE_INSIDE_SERVER = s.cluster.url }
  expect.same(refusal(coreweave.account).kind, "auth")
  config.use("COREWEAVE_CA_FILE", nil)
  expect.that(refusal(coreweave.account).message:find "certificate", "it is not said why")
  use { COREWEAVE_CA_FILE = s.cluster.ca, COREWEAVE_API_KEY = s.cluster.renter }
  expect.same(coreweave.account().name, server.RENTER)
end)

case("each right that is missing is named, and a namespace that is not there", function(s)
  local why = refusal(coreweave.offers)
  for _, question in ipairs(rights.questions(SPACE)) do
    expect.that(why.message:find(question.words, 1, true), question.words .. " is not named")
  end
  grant(s.cluster, "delete cronjobs")
  pool.wait_for("the rights to be there", function()
    why = refusal(coreweave.offers)
    return why.message:find("may not delete cronjobs in", 1, true)
  end)
  grant(s.cluster)
  pool.wait_for("the last right to be there", function() return (fail.try(coreweave.offers)) end)
  use { COREWEAVE_API_KEY = s.cluster.all, COREWEAVE_NAMESPACE = "none" }
  expect.that(refusal(coreweave.offers).message:find("no namespace none", 1, true), "it is not named")
  use { COREWEAVE_API_KEY = s.cluster.renter, COREWEAVE_NAMESPACE = SPACE }
end)

case("nothing that is sent is unknown to the server", function(s)
  local order, cron = order_of(TOKEN, true), guard.KINDS.cron
  local objects = guard.account(TOKEN, SPACE, parse.meta)
  local sent = { { HERE .. "secrets", parse.secret(order) }, { HERE .. "configmaps",
    parse.config_map(order) }, { HERE .. "pods", parse.pod(order, 600, guard.KEY_ENV) },
    { HERE .. "services", parse.service(TOKEN, order.ports) }, { pool.POOLS, parse.pool(order) },
    { cron.path(SPACE), guard.cron(TOKEN, { namespace = SPACE, inside = s.cluster.url, image = "curl",
    meta = parse.meta, tolerations = parse.tolerations(TOKEN), born = 1, boot = 1, life = 1 }) } }
  for _, kind in ipairs(guard.ORDER) do sent[#sent + 1] = { guard.KINDS[kind].path(SPACE), objects[kind] } end
  local several = order_of(TOKEN, false, true)
  sent[#sent + 1] = { HERE .. "pods", parse.pod(several, 600, guard.KEY_ENV, set.address(TOKEN)) }
  sent[#sent + 1] = { set.KINDS.policy.path(SPACE), set.policy(TOKEN, several.served, "1") }
  sent[#sent + 1] = { set.KINDS.service.path(SPACE), set.service(TOKEN, several.served, "1") }
  sent[#sent + 1] = { set.KINDS.deployment.path(SPACE), set.maker(several, "1") }
  for _, row in ipairs(sent) do
    local made = pool.must(s.cluster, "POST", row[1] .. "?dryRun=All&fieldValidation=Strict", row[2])
    expect.within(row[2], made, row[2].kind)
  end
end)

case("prepared twice, rented once, taken up again, listed", function(s)
  local order = order_of(TOKEN, true)
  coreweave.prepare(order)
  coreweave.prepare(order)
  expect.same(coreweave.create(order, new_ticket()).id, TOKEN)
  expect.same(coreweave.create(order, new_ticket()).id, TOKEN, "its name is taken, and it is ours")
  local found = coreweave.get(TOKEN)
  expect.same({ found.status, found.spot, found.token }, { "booting", true, TOKEN })
  local list = coreweave.list()
  expect.same({ #list, list[1].id, list[1].token }, { 1, TOKEN, TOKEN })
  pool.seen(s.cluster, TOKEN)
  expect.same(coreweave.get("cplz-none").status, "gone")
end)

case("what another made by our name is left alone", function(s)
  s.kubectl("create", "secret", "generic", OTHER, "--namespace=" .. SPACE, "--from-literal=a=b")
  local why = refusal(coreweave.prepare, order_of(OTHER))
  expect.that(why.message:find("another Secret called " .. OTHER, 1, true), why.message)
  coreweave.tidy { token = OTHER }
  expect.same(s.cluster:ask("GET", HERE .. "secrets/" .. OTHER).status, 200, "it is there")
  expect.same(s.cluster:ask("GET", HERE .. "serviceaccounts/" .. OTHER).status, 404, "ours is not")
  s.kubectl("delete", "secret", OTHER, "--namespace=" .. SPACE)
  pool.must(s.cluster, "POST", pool.POOLS, { apiVersion = "compute.coreweave.com/v1alpha1",
    kind = "NodePool", metadata = { name = OTHER }, spec = { instanceType = "gd-1xgh200", targetNodes = 0 } })
  expect.same(refusal(coreweave.create, order_of(OTHER), new_ticket()).code, "duplicate")
  expect.same(#coreweave.list(), 2, "foreign pools are listed")
  s.kubectl("delete", "nodepool", OTHER)
end)

case("the guest's guard has a token that is good for its own pool alone", function(s)
  local request = coreweave.terminate_request(TOKEN)
  local secret = pool.wait_for("the guard's token", function()
    local made = pool.must(s.cluster, "GET", HERE .. "secrets/" .. TOKEN .. "-guard")
    return made.data and made.data.token and made
  end)
  s.guard = look.guest(request, secret.data.token)
  expect.same(s.guard(request.rehearse.url, "GET").status, 200)
  for _, row in ipairs { { "GET", pool.POOLS .. "/another" }, { "GET", pool.POOLS }, { "PATCH", pool.POOLS
    .. "/" .. TOKEN }, { "POST", pool.POOLS }, { "DELETE", pool.POOLS }, { "GET", HERE .. "pods" },
    { "DELETE", HERE .. "pods/another" }, { "GET", HERE .. "secrets/" .. TOKEN }, { "GET", "/api/v1/nodes" },
    { "GET", "/api/v1/namespaces/default/pods/" .. TOKEN }, { "DELETE", HERE .. "services/another" } } do
    expect.same(s.guard(s.cluster.url .. row[2], row[1]).status, 403, row[1] .. " " .. row[2])
  end
end)

case("the scheduler puts pod and guard onto the pool's node; it runs and has its address", function(s)
  pool.node(s.cluster, TOKEN)
  pool.placed(s.cluster, HERE .. "pods/" .. TOKEN)
  expect.same(coreweave.get(TOKEN).status, "booting")
  pool.tell(s.cluster, HERE .. "pods/" .. TOKEN, "Running")
  coreweave.expose({ token = TOKEN }, order_of(TOKEN).ports)
  expect.same(coreweave.get(TOKEN).ip, nil)
  pool.address(s.cluster, HERE .. "services/" .. TOKEN, ADDRESS)
  local found = coreweave.get(TOKEN)
  expect.same({ found.status, found.ip, found.ports }, { "running", ADDRESS,
    { ["30123/tcp"] = 30123, ["51820/udp"] = 51820 } })
  expect.same(coreweave.proof({ id = TOKEN, token = TOKEN }).state, "running")
end)

-- How long a pod that was just looked at is waited for, when `meanwhile` happens.
local function waited(seconds, meanwhile)
  coreweave.get(TOKEN)
  local began, other = clock.now(), task.spawn(meanwhile)
  coreweave.await(TOKEN, seconds)
  local took = clock.now() - began
  task.await(other)
  return took
end

case("a pod's change ends the wait for it, and so does a version that is forgotten", function(s)
  local function change(value)
    s.kubectl("annotate", "pod", TOKEN, "--namespace=" .. SPACE, "--overwrite", "changed=" .. value)
  end
  expect.that(waited(3, function() change "a" end) >= 3, "whoever may not watch waits")
  use { COREWEAVE_API_KEY = s.cluster.all }
  expect.that(waited(3, function() end) >= 3, "nothing happened")
  expect.that(waited(40, function() change "b" end) < 20, "the change was not seen")
  coreweave.get(TOKEN)
  change "c"
  s.cluster:compact()
  local began = clock.now()
  coreweave.await(TOKEN, 40)
  expect.that(clock.now() - began < 20, "a version that is too old was waited for")
  use { COREWEAVE_API_KEY = s.cluster.renter }
end)

case("what is ours is found, each kind of it", function()
  local told = {}
  for _, each in ipairs(coreweave.belongings()) do told[#told + 1] = each.kind end
  expect.same(told, { "CronJob", "pod", "public address", "ConfigMap", "Secret", "Secret",
    "ClusterRoleBinding", "ClusterRole", "RoleBinding", "Role", "ServiceAccount" })
end)

case("the cluster's own guard leaves what runs, and ends what is over", function(s)
  expect.same(look.job(s, SPACE, TOKEN, "one"), 0)
  expect.same(coreweave.get(TOKEN).status, "running")
  pool.tell(s.cluster, HERE .. "pods/" .. TOKEN, "Failed")
  expect.same(coreweave.get(TOKEN).status, "exited")
  expect.same(look.job(s, SPACE, TOKEN, "two"), 0)
  expect.same(coreweave.get(TOKEN).native, "terminating")
  expect.same(s.cluster:ask("GET", HERE .. "services/" .. TOKEN).status, 404, "no address")
  local proof = coreweave.proof { id = TOKEN, token = TOKEN }
  expect.same({ proof.state, proof.evidence.nodes, proof.evidence.get }, { "ending", 1, "there" })
end)

case("gone with its node; the cluster removes the pod, and nothing is left", function(s)
  pool.release(s.cluster, TOKEN)
  expect.same({ coreweave.get(TOKEN).status, coreweave.proof({ id = TOKEN, token = TOKEN }).state },
    { "gone", "stopped" })
  expect.same(coreweave.destroy(TOKEN), "gone")
  pool.wait_for("the pod to be removed", function()
    return (fail.try(coreweave.tidy, { token = TOKEN }))
  end)
  coreweave.tidy { token = TOKEN }
  expect.same({ #coreweave.belongings(), #coreweave.list() }, { 0, 0 })
  pool.wait_for("the guard's token to be no good", function() -- servers know tokens for some seconds
    return s.guard(s.cluster.url .. pool.POOLS .. "/" .. TOKEN, "GET").status == 401
  end)
end)

case("beside kubectl: what it shows, and a pool that it deletes is gone for us", function(s)
  local order = order_of(OTHER)
  coreweave.prepare(order)
  coreweave.create(order, new_ticket())
  pool.seen(s.cluster, OTHER)
  local shown = s.kubectl("get", "nodepools,pods,configmaps,secrets,serviceaccounts,cronjobs,roles,"
    .. "rolebindings,clusterroles,clusterrolebindings", "--namespace=" .. SPACE, "--output=name",
    "--selector=app.kubernetes.io/managed-by=continueplz")
  expect.same(select(2, shown:gsub("/cplz%-0a1b2c3d%-44556677", "")), 11, shown)
  s.kubectl("delete", "nodepool", OTHER, "--wait=false")
  expect.same(coreweave.get(OTHER).native, "terminating")
  expect.same(coreweave.destroy(OTHER), true)
  pool.node(s.cluster, OTHER)
  pool.release(s.cluster, OTHER)
  expect.same(coreweave.proof({ id = OTHER, token = OTHER }).state, "stopped")
  for _, each in ipairs(coreweave.belongings()) do coreweave.remove(each) end
  pool.wait_for("all to be removed", function() return #coreweave.belongings() == 0 end)
end)

case("destroyed while its pod runs: the address first, the pod when its node is gone", function(s)
  local order = order_of(TOKEN)
  coreweave.prepare(order)
  coreweave.create(order, new_ticket())
  pool.seen(s.cluster, TOKEN)
  pool.node(s.cluster, TOKEN)
  pool.placed(s.cluster, HERE .. "pods/" .. TOKEN)
  pool.tell(s.cluster, HERE .. "pods/" .. TOKEN, "Running")
  coreweave.expose({ token = TOKEN }, order.ports)
  expect.same({ coreweave.destroy(TOKEN), coreweave.proof({ id = TOKEN, token = TOKEN }).state },
    { true, "ending" })
  expect.same(s.cluster:ask("GET", HERE .. "services/" .. TOKEN).status, 404, "no address")
  pool.release(s.cluster, TOKEN)
  expect.same(coreweave.proof({ id = TOKEN, token = TOKEN }).state, "stopped")
  local why = refusal(coreweave.tidy, { token = TOKEN })
  expect.same({ why.kind, why.message }, { "transient", "pods/" .. TOKEN .. " is still there" })
  pool.wait_for("the pod to be removed", function() return (fail.try(coreweave.tidy, { token = TOKEN })) end)
  expect.same(#coreweave.belongings(), 0)
end)

-- The pods of the servers of OTHER.
local function servers(cluster)
  return pool.must(cluster, "GET", HERE .. "pods?labelSelector=continueplz.dev%2Frole%3Dengine").items
end

case("several serve: the cluster makes the pods and spreads the cards; which are ready is told", function(s)
  expect.same(#coreweave.offers { replicas = WANTED, vram_gb = 30 }, 7)
  local order = order_of(OTHER, false, true)
  coreweave.prepare(order)
  coreweave.prepare(order)
  coreweave.create(order, new_ticket())
  pool.seen(s.cluster, OTHER)
  pool.wait_for("the pods to be made", function() return #servers(s.cluster) == WANTED end)
  local state = pool.wait_for("the scheduler to say why they wait", function()
    local told = coreweave.replicas(SERVED)
    return told.trouble and told
  end)
  expect.same({ state.ready, state.wanted, state.trouble.reason }, { 0, WANTED, "Unschedulable" })
  pool.node(s.cluster, OTHER)
  pool.placed(s.cluster, HERE .. "pods/" .. OTHER)
  for index, pod in ipairs(servers(s.cluster)) do
    local path = HERE .. "pods/" .. pod.metadata.name
    pool.placed(s.cluster, path)
    if index < WANTED then pool.tell(s.cluster, path, "Running") end
  end
  pool.wait_for("two to be ready", function() return coreweave.replicas(SERVED).ready == 2 end)
  expect.that(s.kubectl("get", "deployment", OTHER .. "-set", "--namespace=" .. SPACE):find("2/3", 1, true),
    "kubectl says another number")
  local proof = coreweave.proof(SERVED)
  expect.same({ proof.state, proof.evidence.nodes, proof.evidence.pods }, { "running", 1, WANTED + 1 })
  local told = {}
  for _, each in ipairs(coreweave.belongings()) do told[each.kind] = (told[each.kind] or 0) + 1 end
  expect.same({ told.Deployment, told.NetworkPolicy, told.Service, told.pod }, { 1, 1, 1, WANTED + 1 })
end)

case("several serve: destroyed, no pod is made again; gone with the node and the pods", function(s)
  expect.same(coreweave.destroy(OTHER), true)
  expect.same(s.cluster:ask("GET", set.KINDS.deployment.path(SPACE) .. "/" .. OTHER .. "-set").status, 404)
  pool.release(s.cluster, OTHER)
  pool.wait_for("proof of the end", function() return coreweave.proof(SERVED).state == "stopped" end)
  expect.same(coreweave.proof(SERVED).evidence.pods, 0)
  coreweave.tidy(SERVED)
  expect.same(#coreweave.belongings(), 0)
end)

case("several serve: with the pod of the tunnel all of it goes, whoever ended that", function(s)
  coreweave.prepare(order_of(OTHER, false, true))
  pool.wait_for("the pods to be made", function() return #servers(s.cluster) == WANTED end)
  s.kubectl("delete", "pod", OTHER, "--namespace=" .. SPACE)
  for _, kind in ipairs { "deployment", "service", "policy" } do
    local path = set.KINDS[kind].path(SPACE) .. "/" .. set.KINDS[kind].name(OTHER)
    pool.wait_for(path .. " to be collected", function() return s.cluster:ask("GET", path).status == 404 end)
  end
  pool.wait_for("the pods to be collected", function() return #servers(s.cluster) == 0 end)
  pool.wait_for("the rest to go", function() return (fail.try(coreweave.tidy, SERVED)) end)
  expect.same(#coreweave.belongings(), 0)
end)

-- The namespace with its account and the authority, which controllers put there.
local function make_space(cluster)
  pool.must(cluster, "POST", "/api/v1/namespaces", { metadata = { name = SPACE } })
  for _, path in ipairs { "serviceaccounts/default", "configmaps/kube-root-ca.crt" } do
    pool.wait_for(path, function() return cluster:ask("GET", HERE .. path).status == 200 end)
  end
end

--- Plays the story. dir: of its own; said(name, differences): for each case
function adapter.run(cluster, dir, said)
  assert(files.mkdir(dir))
  local story = { cluster = cluster, dir = dir, kubectl = look.kubectl(cluster, dir) }
  pool.define(cluster)
  make_space(cluster)
  cluster:schedule()
  for _, row in ipairs(clouds.find("coreweave").settings) do config.use(row.name, nil) end
  for _, each in ipairs(cases) do
    local ok, problem = fail.try(each.run, story)
    said("adapter: " .. each.name, ok and {} or { fail.message(problem) })
  end
end

return adapter
