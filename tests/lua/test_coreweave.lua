-- SPDX-License-Identifier: MIT
-- The CoreWeave provider against the simulated cluster, in process: by name, adopted, proven, and what lies.
local json = require "base.json"
local sorted = require "base.sorted"

return function(t)
  local calls, fake = t:load("coreweave_calls")(t), t:load "fakehost"
  local inprocess = calls.modules.require "cloudsim.inprocess"
  local TOKEN = "cplz-0a1b2c3d-00112233"

  -- Runs fn(provider, fail, sim, order, ticket) in a replaced world in front of a cluster.
  local function run(fn)
    local sim = calls.new()
    local s = fake.new { http = inprocess.http(sim.world, { coreweave = 7006 }), env = { HOME = "/home/user",
      COREWEAVE_API_KEY = sim.key, COREWEAVE_API_SERVER = "http://127.0.0.1:7006",
      COREWEAVE_INSIDE_SERVER = "http://127.0.0.1:7006", COREWEAVE_WHOLE_NODES = "yes" } }
    local p = s:start(function(require)
      require("config.effective").load "/home/user/.continueplz"
      local provider = require "providers.coreweave"
      local offer
      for _, each in ipairs((provider.offers())) do
        offer = each.gpu == "l40" and each or offer
      end
      local order = { token = TOKEN, image = "debian:12", script = "sleep 9", env = { CPLZ_KEY = "k" },
        files = { at = "/etc/c", work = "/var/c", { name = "pod.sh", content = "exec sleep 9\n" },
          { name = "guest.gz", content = "\0\255\1", binary = true } },
        candidate = { offer = offer, spot = false }, ports = { { port = 30123, protocol = "tcp" } } }
      local function ticket() return require("base.ticket").new(function() end) end
      return fn(provider, require "base.fail", sim, order, ticket)
    end)
    s:run()
    return p:result()
  end

  t:case("prepared, made by name, running, deleted, proven gone", function()
    run(function(provider, _, sim, order, ticket)
      local offer = order.candidate.offer
      t:equal({ ("%.4f"):format(offer.on_demand), offer.source, offer.at },
        { "10.0055", "table", 1789862400 })
      t:ok(provider.account().id:find "^cluster%-%x+$")
      provider.prepare(order)
      provider.prepare(order) -- the names are taken, and ours
      t:equal(provider.create(order, ticket()).id, TOKEN)
      t:equal(provider.get(TOKEN).status, "booting")
      t:equal(#calls.control(sim, "GET", "/leftovers").objects, 11, "no address before the pool is there")
      provider.expose({ token = TOKEN }, order.ports)
      provider.expose({ token = TOKEN }, order.ports)
      sim:pass(60)
      local found = provider.get(TOKEN)
      t:equal({ found.status, found.ip, found.ports, found.token }, { "running", "127.0.0.1",
        { ["30123/tcp"] = 30123 }, TOKEN })
      t:equal(#provider.list(), 1)
      local session = { id = TOKEN, token = TOKEN }
      t:equal(provider.proof(session).state, "running")
      t:equal({ provider.destroy(TOKEN), provider.proof(session).state }, { true, "ending" })
      sim:pass(40)
      t:equal({ provider.destroy(TOKEN), provider.proof(session).state, provider.get(TOKEN).status },
        { "gone", "stopped", "gone" })
      provider.tidy(session)
      provider.tidy(session)
      t:equal({ #calls.control(sim, "GET", "/leftovers").objects, calls.open(sim) }, { 0, {} })
    end)
  end)

  t:case("a name that is taken: ours is adopted, another's is not touched", function()
    run(function(provider, fail, sim, order, ticket)
      sim:fault { name = "create.error_but_created", mode = "gone" }
      t:equal(provider.create(order, ticket()).id, TOKEN)
      order.token = "cplz-other"
      calls.pool(sim, "cplz-other")
      local ok, why = fail.try(provider.create, order, ticket())
      t:equal({ ok, why.code }, { false, "duplicate" })
      calls.ask(sim, "POST", calls.HERE .. "secrets", { metadata = { name = "cplz-other" } })
      ok, why = fail.try(provider.prepare, order)
      t:ok(not ok and why.message:find("another Secret called", 1, true))
      provider.tidy { token = "cplz-other" }
      t:equal(select(2, calls.get(sim, "secrets", "cplz-other")), 200)
    end)
  end)

  t:case("what lies in the cluster: ours by kind, each removed by itself; all pools are listed", function()
    run(function(provider, _, sim, order)
      provider.prepare(order)
      provider.expose({ token = TOKEN }, order.ports)
      calls.pool(sim, "theirs")
      calls.ask(sim, "POST", calls.HERE .. "secrets", { metadata = { name = "theirs" } })
      local told, billing = {}, {}
      for _, each in ipairs(provider.belongings()) do
        told[#told + 1] = each.kind
        t:ok(each.token == TOKEN and each.since, each.kind)
        billing[#billing + 1] = each.bills and ("%s %.4f"):format(each.kind, each.hourly) or nil
      end
      t:equal({ told, billing }, { { "CronJob", "pod", "public address", "ConfigMap", "Secret", "Secret",
        "ClusterRoleBinding", "ClusterRole", "RoleBinding", "Role", "ServiceAccount" },
        { "public address 0.0055" } })
      local volume = { metadata = { name = "weights" }, spec = { accessModes = { "ReadWriteMany" },
        storageClassName = "shared-vast", resources = { requests = { storage = "100Gi" } } } }
      calls.ask(sim, "POST", calls.HERE .. "persistentvolumeclaims", volume)
      volume.metadata = { name = TOKEN, labels = { ["app.kubernetes.io/managed-by"] = "continueplz",
        ["continueplz.dev/session"] = TOKEN } }
      calls.ask(sim, "POST", calls.HERE .. "persistentvolumeclaims", volume)
      sim:pass(5)
      t:equal(#calls.open(sim), 4, "two volumes, an address, a pool")
      for _, each in ipairs(provider.belongings()) do
        if each.kind == "volume" then
          t:equal({ each.id, each.token, each.bills, ("%.5f"):format(each.hourly) },
            { TOKEN, TOKEN, true, "0.01030" })
        end
        provider.remove(each)
        provider.remove(each)
      end
      sim:pass(5)
      t:equal(select(2, calls.get(sim, "persistentvolumeclaims", TOKEN)), 404)
      t:equal(select(2, calls.ask(sim, "DELETE", calls.HERE .. "persistentvolumeclaims/weights")), 200)
      t:equal({ provider.belongings(), #calls.open(sim) }, { {}, 1 })
      local list = provider.list()
      t:equal({ #list, list[1].id, list[1].token }, { 1, "theirs" })
    end)
  end)

  t:case("what is sent: one node that goes when it is idle, a pod with an end, an account for this one pool",
    function()
      run(function(provider, _, sim, order, ticket)
        provider.prepare(order)
        provider.create(order, ticket())
        local pool = calls.ask(sim, "GET", calls.POOLS .. "/" .. TOKEN).spec
        t:equal({ pool.targetNodes, pool.minNodes, pool.maxNodes, pool.autoscaling, pool.computeClass },
          { 1, 0, 1, true, "default" })
        local pod = calls.ask(sim, "GET", calls.HERE .. "pods/" .. TOKEN).spec
        t:equal({ pod.activeDeadlineSeconds, pod.automountServiceAccountToken,
          pod.nodeSelector["compute.coreweave.com/node-pool"] }, { 12 * 3600 + 900, false, TOKEN })
        local map = calls.ask(sim, "GET", calls.HERE .. "configmaps/" .. TOKEN)
        t:equal({ map.immutable, map.data["pod.sh"], map.binaryData["guest.gz"],
          pod.volumes[1].configMap.name, pod.containers[1].volumeMounts[1] }, { true, "exec sleep 9\n",
          "AP8B", TOKEN, { name = "files", mountPath = "/etc/c", readOnly = true } })
        local base = "/apis/rbac.authorization.k8s.io/v1/"
        for _, path in ipairs { "clusterroles/", "namespaces/default/roles/" } do
          for _, rule in ipairs(calls.ask(sim, "GET", base .. path .. TOKEN).rules) do
            t:equal(rule.resourceNames, { TOKEN }, path)
          end
        end
      end)
    end)

  t:case("rights that are missing, and a namespace that is, are told before anything is made", function()
    run(function(provider, _, sim)
      sim.world.settings.coreweave_denied = "delete nodepools, * secrets, list nodes, get namespaces"
      t:equal(#provider.offers(), 7, "asked once, and the offers of a moment ago were asked for")
    end)
    local function offers(change)
      local sim = calls.new()
      sim.world.settings.coreweave_denied = change
      local s = fake.new { http = inprocess.http(sim.world, { coreweave = 7006 }), env = {
        HOME = "/home/user", COREWEAVE_API_KEY = sim.key, COREWEAVE_API_SERVER = "http://127.0.0.1:7006",
        COREWEAVE_WHOLE_NODES = "yes", COREWEAVE_NAMESPACE = change == "" and "nowhere" or nil } }
      local p = s:start(function(require)
        require("config.effective").load "/home/user/.continueplz"
        local ok, why = require("base.fail").try(require("providers.coreweave").offers)
        return ok, not ok and why.message or #why
      end)
      s:run()
      return table.pack(p:result())
    end
    local told = offers "delete nodepools, * secrets, list nodes, get namespaces"
    t:equal({ told[1], told[2] }, { false, "this key may not delete nodepools, list nodes, create secrets, "
      .. "get secrets, list secrets, delete secrets in the cluster; give its user these rights (what bills "
      .. "here is a node pool: a pod on nodes that are there already would cost nothing more, and its end "
      .. "would end no bill, so it is not rented)" })
    t:equal(offers("delete pods"), { false,
      "this key may not delete pods in the cluster; give its user these rights", n = 2 })
    t:equal(offers("get namespaces"), { true, 7, n = 2 }, "a right that is not needed")
    t:equal(offers(""), { false, "the cluster has no namespace nowhere; look at COREWEAVE_NAMESPACE", n = 2 })
    local rights = require "providers.coreweave.rights"
    for _, answer in ipairs { { status = { allowed = "true" } }, { status = {} }, {}, { status = true } } do
      t:equal(rights.allowed(answer), false)
    end
  end)

  t:case("an inner address in digits is refused before anything is made", function()
    for address, good in sorted { ["https://10.0.0.1"] = false, ["https://10.0.0.1:6443/"] = false,
      ["https://[fd00::1]:6443"] = false, ["https://kubernetes.default.svc"] = true,
      ["https://10.cluster:6443"] = true } do
      local s = fake.new { env = { HOME = "/home/user", COREWEAVE_API_KEY = "k",
        COREWEAVE_API_SERVER = "http://127.0.0.1:7006", COREWEAVE_INSIDE_SERVER = address },
        http = function()
          return { json = { kind = "ConfigMap", metadata = {}, data = { ["ca.crt"] = "PEM" } } }
        end }
      local p = s:start(function(require)
        require("config.effective").load "/home/user/.continueplz"
        local ok, why = require("base.fail").try(require("providers.coreweave").terminate_request, TOKEN)
        return ok, not ok and why.kind
      end)
      s:run()
      t:equal({ p:result() }, { good, not good and "config" }, address)
    end
  end)

  t:case("a pool is gone only with its nodes and its address", function()
    run(function(provider, _, sim, order, ticket)
      provider.prepare(order)
      provider.create(order, ticket())
      provider.expose({ token = TOKEN }, order.ports)
      sim:pass(60)
      local session = { id = TOKEN, token = TOKEN }
      sim:fault { name = "destroy.accepted_not_done", released = true }
      provider.destroy(TOKEN)
      sim:pass(60)
      t:equal(provider.proof(session).state, "ending", "its record stays")
      provider.destroy(TOKEN)
      sim:pass(60)
      provider.expose(session, order.ports)
      local proof = provider.proof(session)
      t:equal({ proof.state, proof.evidence.address }, { "running", "there" })
      t:equal({ provider.destroy(TOKEN), provider.proof(session).state }, { "gone", "stopped" })
    end)
  end)

  -- Runs fn(provider, fail, clock) in a world whose cluster answers by http(request).
  local function scripted(http, fn)
    local s = fake.new { http = http, env = { HOME = "/home/user", COREWEAVE_API_KEY = "k",
      COREWEAVE_API_SERVER = "http://127.0.0.1:7006" } }
    local p = s:start(function(require)
      require("config.effective").load "/home/user/.continueplz"
      return fn(require "providers.coreweave", require "base.fail", require "base.clock")
    end)
    s:run()
    return p:result()
  end

  local NOT_FOUND = { status = 404, json = { kind = "Status", status = "Failure", reason = "NotFound",
    message = "not found", code = 404 } }

  t:case("gone is what is said in so many words, a list is one that says so", function()
    local function failing(answer, name)
      return scripted(function() return answer end, function(provider, fail)
        return (fail.try(provider[name], TOKEN))
      end)
    end
    for _, answer in ipairs { { status = 404, json = {} }, { status = 404, body = "<html>" },
      { json = { kind = "Status", status = "Success" } }, { json = {} } } do
      t:equal(failing(answer, "get"), false)
    end
    t:equal(failing(NOT_FOUND, "get"), true)
    for _, answer in ipairs { { json = {} }, { json = { kind = "NodePoolList" } }, NOT_FOUND,
      { json = { kind = "NodePool", items = json.array {} } }, { body = "" }, { body = "[]" },
      { body = '{"kind":"NodePoolList","items":{}}' }, { body = '{"kind":"NodePoolList","items":[null]}' },
      { body = '{"kind":"NodePoolList","items":{"0":{}},"metadata":{}}' },
      { body = '{"kind":"NodePoolList","items":[],"metadata":{"continue":7}}' },
      { body = '{"kind":"NodePoolList","items":[],"metadata":"x"}' },
      { body = '{"kind":"NodePoolList","items":[],"metadata":{"continue":"again"}}' },
      { body = '{"kind":"NodePoolList","items":[{"metadata":{"name":"a"}}],"metadata":{}}' } } do
      t:equal(failing(answer, "list"), false, answer.body)
    end
    local pages = 0
    t:equal({ scripted(function()
      pages = pages + 1
      return { json = { kind = "NodePoolList", items = json.array {},
        metadata = { continue = "t" .. pages } } }
    end, function(provider, fail) return (fail.try(provider.list)) end), pages }, { false, 400 })
  end)

  t:case("nodes that are there without their pool bill", function()
    local nodes
    local function proof()
      return scripted(function(request)
        if request.url:find("/nodes?", 1, true) then
          return { json = { kind = "NodeList", items = json.array(nodes) } }
        elseif request.url:find("/nodepools?", 1, true) then
          return { json = { kind = "NodePoolList", items = json.array {} } }
        end
        return NOT_FOUND
      end, function(provider) return provider.proof({ id = TOKEN, token = TOKEN }).state end)
    end
    nodes = { { metadata = { name = "g1" } } }
    t:equal(proof(), "running")
    nodes = {}
    t:equal(proof(), "stopped")
  end)

  t:case("a change is waited for by a watch from what was seen; else by the clock", function()
    local function event(kind, object)
      return json.encode { type = kind, object = object or { metadata = { name = TOKEN } } } .. "\n"
    end
    -- → seconds that it waited, the request
    local function waited(answer)
      local asked
      local seconds = scripted(function(request)
        if not request.url:find("watch=1", 1, true) then
          return { json = { metadata = { name = TOKEN, resourceVersion = "17" }, status = {},
            spec = { instanceType = "x" } } }
        end
        asked = request.url
        return answer
      end, function(provider, _, clock)
        provider.get(TOKEN)
        local began = clock.now()
        provider.await(TOKEN, 15)
        return clock.now() - began
      end)
      return math.floor(seconds), asked
    end
    for _, row in ipairs {
      { { status = 200, pieces = { { data = event "MODIFIED" } } }, 5 },
      { { status = 200, pieces = { { data = event("ERROR", { kind = "Status", code = 410 }) } } }, 5 },
      { { status = 200, pieces = { { data = event "BOOKMARK" } } }, 15 },
      { { status = 200, pieces = { { data = event("DELETED"):sub(1, 20) },
        { data = event("DELETED"):sub(21) } } }, 5 },
      { { status = 403, json = { kind = "Status", status = "Failure", reason = "Forbidden" } }, 15 },
      { { lost = true }, 15 },
    } do
      local seconds, asked = waited(row[1])
      t:equal(seconds, row[2])
      t:equal(asked:match "%?(.*)$", "watch=1&fieldSelector=metadata.name%3D" .. TOKEN
        .. "&resourceVersion=17&allowWatchBookmarks=true&timeoutSeconds=15")
    end
  end)

  t:case("what lies around a pool is looked at without its contents", function()
    local forms = {}
    scripted(function(request)
      forms[#forms + 1] = (request.headers.accept or ""):match "as=(%a+)" or request.url:match "(%l+)%?"
      return { json = { kind = "PartialObjectMetadataList", metadata = {}, items = json.array {} } }
    end, function(provider) return #provider.belongings() end)
    t:ok(#forms >= 9)
    for _, form in ipairs(forms) do -- a volume's size is none of its metadata
      t:ok(form == "PartialObjectMetadataList" or form == "persistentvolumeclaims", form)
    end
  end)

  t:case("a list of several pages is read to its end, and half of one is none", function()
    local function pool(name)
      return { metadata = { name = name, labels = {} }, spec = { instanceType = "gd-8xl40-i128" } }
    end
    local pages, asked = { { items = { pool "a" }, metadata = { ["continue"] = "b%2F" } },
      { items = { pool "b" }, metadata = {} } }, {}
    local count = scripted(function(request)
      asked[#asked + 1] = request.url:match "%?(.*)$"
      pages[#asked].kind = "NodePoolList"
      return { json = pages[#asked] }
    end, function(provider) return #provider.list() end)
    t:equal({ count, asked }, { 2, { "limit=500", "limit=500&continue=b%252F" } })
  end)

  t:case("nothing that lies is a proof", function()
    run(function(provider, fail, sim, order, ticket)
      provider.create(order, ticket())
      local session = { id = TOKEN, token = TOKEN }
      for _, name in ipairs { "get.500", "get.html", "list.500", "list.html", "list.partial" } do
        sim:fault { name = name }
        t:equal((fail.try(provider.proof, session)), false, name)
      end
      for _, name in ipairs { "get.false_null", "list.empty" } do
        sim:fault { name = name }
        t:equal(provider.proof(session).state, "running", name)
      end
      sim:fault { name = "get.null_fields" }
      t:equal((fail.try(provider.get, TOKEN)), false)
    end)
  end)
end
