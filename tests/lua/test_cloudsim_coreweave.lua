-- SPDX-License-Identifier: MIT
-- The simulated CoreWeave as an API server: who may ask, Status objects, names, versions, watches, selectors,
-- patches, finalizers (facts/coreweave.md §3).
local sorted = require "base.sorted"

return function(t)
  local calls = t:load("coreweave_calls")(t)
  local ask, get, new, nth, refused = calls.ask, calls.get, calls.new, calls.nth, calls.refused
  local watched, HERE, POOLS = calls.watched, calls.HERE, calls.POOLS

  local function secret(sim, name, labels, more)
    return ask(sim, "POST", HERE .. "secrets", calls.changed({ metadata = { name = name, labels = labels } },
      more))
  end

  t:case("who asks, and what he may", function()
    local sim = new()
    local nobody, wrong = { face = "coreweave", key = false }, { face = "coreweave", key = "other" }
    refused(sim, 401, "Unauthorized", "GET", HERE .. "pods", nil, wrong)
    local said = refused(sim, 403, "Forbidden", "GET", HERE .. "pods", nil, nobody)
    t:ok(said.message:find('User "system:anonymous" cannot list resource "pods"', 1, true))
    t:equal(nth(2, ask(sim, "GET", "/version", nil, nobody)), 200)
    refused(sim, 403, "Forbidden", "GET", "/api", nil, nobody)
    local certificate = { face = "coreweave", key = false, headers = { ["x-remote-user"] = "ada" } }
    t:equal(ask(sim, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, certificate)
      .status.userInfo.username, "ada")
    sim.world.settings.coreweave_denied = "create nodepools, * secrets"
    refused(sim, 403, "Forbidden", "POST", POOLS, { metadata = { name = "p" },
      spec = { instanceType = "gd-8xl40-i128", targetNodes = 1 } })
    refused(sim, 403, "Forbidden", "GET", HERE .. "secrets")
    local function allowed(verb, resource)
      return ask(sim, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", { spec = {
        resourceAttributes = { verb = verb, resource = resource } } }).status.allowed
    end
    t:equal({ allowed("create", "nodepools"), allowed("list", "nodepools"), allowed("get", "secrets") },
      { false, true, false })
  end)

  t:case("curl and browsers get lines, others one, and either by `pretty`", function()
    local sim = new()
    local function body(agent, query)
      return calls.nth(4, ask(sim, "GET", HERE .. "pods/none" .. (query or ""), nil, { face = "coreweave",
        headers = { ["user-agent"] = agent } })).body
    end
    local lines = body "curl/8.5.0"
    t:ok(lines:find('^{\n  "apiVersion": "v1",\n  "code": 404,\n  "details": {\n    "kind": "pods",'))
    t:ok(lines:find('"message": "pods \\"none\\" not found",\n  "metadata": {},\n', 1, true))
    t:equal({ body("Mozilla/5.0 (X11)"), body("kubectl/v1.36.3", "?pretty=true") }, { lines, lines })
    local line = body "kubectl/v1.36.3"
    t:ok(not line:find "\n" and line:find('"reason":"NotFound"', 1, true))
    t:equal(body("curl/8.5.0", "?pretty=false"), line)
  end)

  t:case("what is not there, not allowed, not understood", function()
    local sim = new()
    local said = refused(sim, 404, "NotFound", "GET", HERE .. "pods/none")
    t:equal({ said.message, said.details }, { 'pods "none" not found', { name = "none", kind = "pods" } })
    refused(sim, 404, "NotFound", "GET", "/apis/apps/v1/statefulsets")
    refused(sim, 404, "NotFound", "GET", HERE .. "pods/none/exec")
    refused(sim, 405, "MethodNotAllowed", "POST", HERE .. "pods/none", {})
    refused(sim, 400, "BadRequest", "POST", HERE .. "pods", "no json")
    refused(sim, 400, "BadRequest", "POST", HERE .. "pods", { kind = "Secret", apiVersion = "v1" })
    refused(sim, 404, "NotFound", "POST", "/api/v1/namespaces/none/secrets", { metadata = { name = "x" } })
    refused(sim, 400, "BadRequest", "GET", HERE .. "pods?labelSelector=a+b+c")
    refused(sim, 400, "BadRequest", "GET", HERE .. "pods?fieldSelector=spec.none%3Dx")
    said = refused(sim, 422, "Invalid", "POST", HERE .. "secrets", { metadata = { name = "Big_Name" } })
    t:equal(said.details.causes[1].field, "metadata.name")
    refused(sim, 422, "Invalid", "POST", HERE .. "pods", { metadata = { name = "p" }, spec = {
      containers = { { name = "c" } } } })
    refused(sim, 422, "Invalid", "POST", POOLS, { metadata = { name = "p" }, spec = { targetNodes = -1 } })
    refused(sim, 422, "Invalid", "POST", HERE .. "configmaps", { metadata = { name = "big" },
      data = { x = ("x"):rep(1048577) } })
  end)

  t:case("a name is unique until it is gone; what is sent comes back complete", function()
    local sim = new()
    local made, status = secret(sim, "s", { a = "b" }, { stringData = { word = "hello" } })
    t:equal({ status, made.data, made.type, made.stringData }, { 201, { word = "aGVsbG8=" }, "Opaque" })
    t:ok(made.metadata.uid and made.metadata.creationTimestamp and made.metadata.resourceVersion)
    t:equal({ nth(2, secret(sim, "s")), nth(3, secret(sim, "s")) }, { 409, "AlreadyExists" })
    local named = ask(sim, "POST", HERE .. "secrets", { metadata = { generateName = "gen-" } })
    t:equal(named.metadata.name:sub(1, 4), "gen-")
    local uid = made.metadata.uid
    refused(sim, 409, "Conflict", "DELETE", HERE .. "secrets/s", { preconditions = { uid = "another" } })
    t:equal(ask(sim, "DELETE", HERE .. "secrets/s", { preconditions = { uid = uid } }).status, "Success")
    t:ok(secret(sim, "s").metadata.uid ~= uid)
  end)

  t:case("a stale resourceVersion is a conflict; the three patches", function()
    local sim = new()
    local first = secret(sim, "s", { a = "1" })
    local now = calls.patch(sim, HERE .. "secrets/s", { metadata = { labels = { a = "2", b = "x" } } })
    t:equal({ now.metadata.labels, now.metadata.resourceVersion ~= first.metadata.resourceVersion },
      { { a = "2", b = "x" }, true })
    refused(sim, 409, "Conflict", "PUT", HERE .. "secrets/s", first)
    local json = calls.modules.require "base.json"
    now = calls.patch(sim, HERE .. "secrets/s", { metadata = { labels = { b = json.null } } },
      "strategic-merge-patch")
    t:equal(now.metadata.labels, { a = "2" })
    now = calls.patch(sim, HERE .. "secrets/s", {
      { op = "replace", path = "/metadata/labels/a", value = "3" },
      { op = "add", path = "/metadata/finalizers", value = { "keep/me" } } }, "json-patch")
    t:equal({ now.metadata.labels, now.metadata.finalizers }, { { a = "3" }, { "keep/me" } })
    t:equal(nth(2, calls.patch(sim, HERE .. "secrets/s", {}, "x-patch")), 415)
    calls.pool(sim)
    t:equal(nth(2, calls.patch(sim, POOLS .. "/cplz-1", { spec = { instanceType = "b200-8x" } })), 422)
    t:equal(nth(2, calls.patch(sim, POOLS .. "/cplz-1", {}, "strategic-merge-patch")), 415)
  end)

  t:case("a finalizer holds what is deleted", function()
    local sim = new()
    secret(sim, "s")
    calls.patch(sim, HERE .. "secrets/s", { metadata = { finalizers = { "keep/me" } } })
    local left = ask(sim, "DELETE", HERE .. "secrets/s")
    t:ok(left.metadata.deletionTimestamp)
    t:equal({ nth(2, get(sim, "secrets", "s")), nth(2, secret(sim, "s")) }, { 200, 409 })
    local json = calls.modules.require "base.json"
    calls.patch(sim, HERE .. "secrets/s", { metadata = { finalizers = json.null } })
    t:equal(nth(2, get(sim, "secrets", "s")), 404)
  end)

  t:case("what an object owns goes with it", function()
    local sim = new()
    local owner = secret(sim, "owner")
    ask(sim, "POST", HERE .. "configmaps", { metadata = { name = "owned", ownerReferences = { {
      apiVersion = "v1", kind = "Secret", name = "owner", uid = owner.metadata.uid } } } })
    ask(sim, "DELETE", HERE .. "secrets/owner")
    t:equal(nth(2, get(sim, "configmaps", "owned")), 404)
  end)

  t:case("selectors of labels and fields", function()
    local sim = new()
    for name, labels in sorted { a = { x = "1", y = "1" }, b = { x = "2" }, c = {} } do
      secret(sim, name, labels)
    end
    local function names(query)
      local list = {}
      for i, row in ipairs(ask(sim, "GET", HERE .. "secrets?" .. query).items) do
        list[i] = row.metadata.name
      end
      return table.concat(list)
    end
    for query, wanted in sorted { ["labelSelector=x%3D1"] = "a", ["labelSelector=x"] = "ab",
      ["labelSelector=!x"] = "c", ["labelSelector=x!%3D1"] = "bc", ["labelSelector=x+in+(1,2),y"] = "a",
      ["labelSelector=x+notin+(1)"] = "bc", ["fieldSelector=metadata.name%3Db"] = "b" } do
      t:equal(names(query), wanted, query)
    end
    t:equal(#ask(sim, "DELETE", HERE .. "secrets?labelSelector=x").items, 2)
    t:equal(names "", "c")
  end)

  t:case("a list in pages is of one moment; an old cursor gets 410", function()
    local sim = new()
    for n = 1, 5 do secret(sim, "s" .. n) end
    local page = ask(sim, "GET", HERE .. "secrets?limit=2")
    t:equal({ #page.items, page.metadata.remainingItemCount }, { 2, 3 })
    ask(sim, "DELETE", HERE .. "secrets/s4")
    local cursor = page.metadata["continue"]
    page = ask(sim, "GET", HERE .. "secrets?limit=9&continue=" .. cursor)
    t:equal({ #page.items, page.metadata["continue"] }, { 3 })
    t:equal(#ask(sim, "GET", HERE .. "secrets").items, 4)
    sim:call("POST", "/coreweave/compact", nil, calls.CONTROL)
    secret(sim, "s6")
    refused(sim, 410, "Expired", "GET", HERE .. "secrets?limit=9&continue=" .. cursor)
  end)

  t:case("a watch tells what happened since; what is forgotten is 410", function()
    local sim = new()
    secret(sim, "a", { x = "1" })
    local version = ask(sim, "GET", HERE .. "secrets").metadata.resourceVersion
    secret(sim, "b", { x = "1" })
    calls.patch(sim, HERE .. "secrets/a", { metadata = { labels = { x = "2" } } })
    ask(sim, "DELETE", HERE .. "secrets/b")
    local since = "secrets?watch=1&resourceVersion=" .. version
    t:equal((watched(sim, HERE .. since)), { "ADDED b", "MODIFIED a", "DELETED b" })
    t:equal((watched(sim, HERE .. since .. "&labelSelector=x%3D1")), { "ADDED b", "DELETED a", "DELETED b" })
    t:equal((watched(sim, HERE .. "secrets?watch=1")), { "ADDED a" })
    local _, last = watched(sim, HERE .. "secrets?watch=1&allowWatchBookmarks=true")
    t:ok(tonumber(last) > tonumber(version))
    sim:call("POST", "/coreweave/compact", nil, calls.CONTROL)
    local _, _, wrong = watched(sim, HERE .. since)
    t:equal({ wrong.kind, wrong.code, wrong.reason }, { "Status", 410, "Expired" })
  end)

  t:case("discovery, OpenAPI, tables", function()
    local sim = new()
    t:equal(ask(sim, "GET", "/apis").groups[1].name, "compute.coreweave.com")
    t:equal(ask(sim, "GET", "/apis/compute.coreweave.com/v1alpha1").resources[1].name, "nodepools")
    t:equal(ask(sim, "GET", "/api/v1").kind, "APIResourceList")
    t:ok(ask(sim, "GET", "/openapi/v2").definitions)
    t:ok(ask(sim, "GET", "/openapi/v3/api/v1").components)
    calls.pool(sim)
    local wide = { face = "coreweave", headers = { accept = "application/json;as=Table;v=v1;g=meta.k8s.io" } }
    local value = ask(sim, "GET", POOLS, nil, wide)
    t:equal({ value.kind, value.rows[1].cells[1], value.rows[1].cells[2] }, { "Table", "cplz-1",
      "gd-8xl40-i128" })
  end)

  t:case("a rate, when one is set", function()
    local sim = new { settings = { coreweave_calls = 1 } }
    ask(sim, "GET", POOLS)
    local _, status, reason, response = ask(sim, "GET", POOLS)
    t:equal({ status, reason, response.headers["Retry-After"] }, { 429, "TooManyRequests", "1" })
  end)
end
