-- SPDX-License-Identifier: MIT
--- What is asked of both servers, in order. A row: { what, method, path, body, more }. `path` begins with the
--- namespace's own resources after "~"; path and body may be functions of what was kept of this server's
--- answers. more: as ("few", "bad", "none"), type (of a patch), keep (a name: the answer is kept under it),
--- accept (of the answer's form), watch (the answer is a stream), controlled (controllers change it besides),
--- before ("compact").
local json = require "base.json"

local calls = {}

local LABELS = { cmp = "1" }
local POD = { restartPolicy = "Never", containers = { { name = "main", image = "debian:12",
  command = { "true" }, resources = { limits = { cpu = "1", memory = "1Gi" } },
  ports = { { containerPort = 8080 } } } } }

-- Values with some of their fields replaced.
local function with(value, more)
  local made = {}
  for key, item in pairs(value) do made[key] = item end -- order: free
  for key, item in pairs(more) do made[key] = item end -- order: free
  return made
end

local JOB = { template = { spec = with(POD, { restartPolicy = "OnFailure" }) }, activeDeadlineSeconds = 60 }

local CREW = { metadata = { labels = { app = "a" } }, spec = with(POD, { restartPolicy = "Always" }) }

-- kind, apiVersion, plural, fields beside the metadata, a change by merge patch, fields that are refused
local KINDS = {
  { "Secret", "v1", "secrets", { stringData = { WORD = "hidden" } }, { data = { MORE = "bW9yZQ==" } },
    { data = { ["not a name"] = "eA==" } } },
  { "ConfigMap", "v1", "configmaps", { data = { word = "said" } }, { data = { more = "more" } },
    { data = { ["not a name"] = "x" } } },
  { "Pod", "v1", "pods", { spec = POD }, { spec = { activeDeadlineSeconds = 60 } },
    { spec = { containers = json.array {} } } },
  { "Service", "v1", "services", { spec = { selector = { app = "a" }, ports = { { port = 80 } } } },
    { spec = { selector = { app = "b" } } }, { spec = { ports = { { port = 0 } } } } },
  { "ServiceAccount", "v1", "serviceaccounts", {}, { automountServiceAccountToken = false } },
  { "CronJob", "batch/v1", "cronjobs", { spec = { schedule = "0 0 1 1 *", suspend = true,
    jobTemplate = { spec = JOB } } }, { spec = { schedule = "*/10 * * * *" } },
    { spec = { schedule = "whenever", jobTemplate = { spec = JOB } } } },
  { "Deployment", "apps/v1", "deployments", { spec = { replicas = 0, selector = { matchLabels = {
    app = "a" } }, template = CREW } },
    { spec = { template = { spec = { terminationGracePeriodSeconds = 9 } } } },
    { spec = { selector = { matchLabels = { app = "b" } }, template = CREW } } },
  { "NetworkPolicy", "networking.k8s.io/v1", "networkpolicies", { spec = { podSelector = { matchLabels = {
    app = "a" } }, ingress = { { from = { { podSelector = { matchLabels = { app = "b" } } } },
    ports = { { protocol = "TCP", port = 80 } } } } } }, { metadata = { annotations = { a = "b" } } } },
  { "Role", "rbac.authorization.k8s.io/v1", "roles", { rules = { { apiGroups = { "" }, verbs = { "get" },
    resources = { "pods" }, resourceNames = { "a" } } } },
    { rules = { { apiGroups = { "" }, verbs = { "list" }, resources = { "pods" } } } },
    { rules = { { verbs = { "get" } } } } },
  { "RoleBinding", "rbac.authorization.k8s.io/v1", "rolebindings", { roleRef = {
    apiGroup = "rbac.authorization.k8s.io", kind = "Role", name = "a" }, subjects = { {
    kind = "ServiceAccount", name = "a", namespace = "cmp" } } },
    { metadata = { annotations = { a = "b" } } },
    { roleRef = { apiGroup = "rbac.authorization.k8s.io", kind = "Thing", name = "a" } } },
  { "ClusterRole", "rbac.authorization.k8s.io/v1", "clusterroles", { rules = { { verbs = { "get" },
    apiGroups = { "compute.coreweave.com" }, resources = { "nodepools" }, resourceNames = { "a" } } } },
    { rules = { { apiGroups = { "" }, verbs = { "list" }, resources = { "nodes" } } } },
    { rules = { { verbs = { "get" } } } } },
  { "ClusterRoleBinding", "rbac.authorization.k8s.io/v1", "clusterrolebindings", { roleRef = {
    apiGroup = "rbac.authorization.k8s.io", kind = "ClusterRole", name = "a" }, subjects = { {
    kind = "ServiceAccount", name = "a", namespace = "cmp" } } },
    { metadata = { annotations = { a = "b" } } },
    { roleRef = { apiGroup = "rbac.authorization.k8s.io", kind = "Role", name = "a" } } },
}

local function base_of(api, kind)
  return (api:find "/" and "/apis/" or "/api/") .. api
    .. ((kind or ""):find "^Cluster" and "/" or "/namespaces/cmp/")
end

local CONTROLLED = { Deployment = true, Pod = true }

-- The rows of one kind.
local function of_kind(list, kind, api, plural, fields, change, refused)
  local path = base_of(api, kind) .. plural
  local named = path .. "/" .. kind:lower() .. "-a"
  local function body(more)
    return with(with({ kind = kind, apiVersion = api, metadata = { name = kind:lower() .. "-a",
      labels = LABELS } }, fields), more or {})
  end
  local function add(what, ...) list[#list + 1] = { kind .. ": " .. what, ... } end
  local function meta(more)
    return { metadata = with({ name = kind:lower() .. "-a", labels = LABELS }, more) }
  end
  add("an empty list", "GET", path .. "?labelSelector=cmp%3D1", nil, { keep = "list" })
  add("create", "POST", path, body(), { keep = "made" })
  add("create what is there", "POST", path, body())
  add("create only to see", "POST", path .. "?dryRun=All", body(meta { name = "dry" }))
  add("get", "GET", named)
  add("get what is not there", "GET", path .. "/none")
  add("list", "GET", path .. "?labelSelector=cmp%3D1")
  add("list, none selected", "GET", path .. "?labelSelector=cmp%3D2")
  add("list with a bad selector", "GET", path .. "?labelSelector=a%3D%3D%3Db%2C%2C")
  if path:find "/cmp/" then
    add("create, and no namespace", "POST", path:gsub("/cmp/", "/none/"), body())
  end
  add("create with another namespace", "POST", path, body(meta { namespace = "default" }))
  if kind ~= "Service" then -- whose address is tried first
    add("create without a name", "POST", path, body { metadata = {} })
  end
  add("create by generateName", "POST", path, body { metadata = { generateName = "g-", labels = LABELS } },
    { keep = "generated" })
  add("delete that", "DELETE", function(kept) return path .. "/" .. kept.generated.metadata.name end)
  add("create with a bad name", "POST", path, body(meta { name = "No_Name" }))
  add("create with a bad label", "POST", path, body(meta { name = "x", labels = { a = "b c" } }))
  add("create with a version", "POST", path, body(meta { name = "x", resourceVersion = "1" }))
  add("create another kind", "POST", path, body { kind = "Thing" })
  add("create of another version", "POST", path, body { apiVersion = "v0" })
  add("create with no JSON", "POST", path, "{")
  if refused then add("create what is refused", "POST", path, body(with(meta { name = "x" }, refused))) end
  add("replace an old one", "PUT", named, function(kept)
    return with(kept.made, { metadata = with(kept.made.metadata, { resourceVersion = "1" }) })
  end)
  add("replace under another name", "PUT", named, function(kept)
    return with(kept.made, { metadata = with(kept.made.metadata, { name = "b" }) })
  end)
  add("replace what is not there", "PUT", path .. "/none", body(meta { name = "none" }))
  add("merge patch", "PATCH", named, change, { type = "application/merge-patch+json" })
  add("strategic merge patch", "PATCH", named, { metadata = { labels = { more = "x" } } },
    { type = "application/strategic-merge-patch+json" })
  add("JSON patch", "PATCH", named, '[{"op":"add","path":"/metadata/labels/less","value":"y"}]',
    { type = "application/json-patch+json" })
  add("patch of an unknown type", "PATCH", named, "{}", { type = "application/json" })
  add("patch what is not there", "PATCH", path .. "/none", "{}", { type = "application/merge-patch+json" })
  add("patch with a stale version", "PATCH", named, { metadata = { resourceVersion = "1" } },
    { type = "application/merge-patch+json" })
  for _, row in ipairs { { "GET", path }, { "POST", path }, { "GET", named }, { "DELETE", named },
    { "PUT", named }, { "PATCH", named }, { "DELETE", path }, { "GET", path .. "?watch=true" } } do
    add(row[1] .. " " .. (row[2] == named and "one" or row[2]:match "?.*" or "all") .. ", without the right",
      row[1], row[2], row[1]:find "^P" and body() or nil,
      { as = "few", type = row[1] == "PATCH" and "application/merge-patch+json" or nil })
  end
  add("delete, another uid", "DELETE", named, { preconditions = { uid = "no" } })
  add("delete, only to see", "DELETE", named .. "?dryRun=All")
  add("delete", "DELETE", named,
    { kind = "DeleteOptions", apiVersion = "v1", propagationPolicy = "Background" })
  add("delete what is gone", "DELETE", named)
  add("what happened since", "GET", function(kept)
    return ("%s?watch=1&labelSelector=cmp%%3D1&timeoutSeconds=1&resourceVersion=%s"):format(path,
      kept.list.metadata.resourceVersion)
  end, nil, { watch = true, controlled = CONTROLLED[kind] })
  add("delete all of none", "DELETE", path .. "?labelSelector=cmp%3D2")
end

local function pods_with_a_node(list)
  local path = base_of "v1" .. "pods"
  local function add(what, ...) list[#list + 1] = { "a pod on a node: " .. what, ... } end
  local pod = { metadata = { name = "placed", labels = LABELS }, spec = with(POD, { nodeName = "n1",
    terminationGracePeriodSeconds = 20 }) }
  add("create", "POST", path, pod)
  add("delete with 5 s", "DELETE", path .. "/placed", { gracePeriodSeconds = 5 })
  add("it is still there", "GET", path .. "/placed")
  add("delete with a longer time", "DELETE", path .. "/placed", { gracePeriodSeconds = 50 })
  add("delete at once", "DELETE", path .. "/placed?gracePeriodSeconds=0")
  add("it is gone", "GET", path .. "/placed")
  add("create again", "POST", path, pod)
  add("delete with its own time", "DELETE", path .. "/placed")
  add("delete all at once", "DELETE", path .. "?labelSelector=cmp%3D1", { gracePeriodSeconds = 0 })
end

local function finalizers(list)
  local path = base_of "v1" .. "configmaps"
  local function add(what, ...) list[#list + 1] = { "finalizers: " .. what, ... } end
  add("create", "POST", path, { metadata = { name = "held", labels = LABELS, finalizers = { "a.b/c" } } })
  add("delete", "DELETE", path .. "/held")
  add("delete once more", "DELETE", path .. "/held")
  add("let go", "PATCH", path .. "/held", '{"metadata":{"finalizers":null}}',
    { type = "application/merge-patch+json" })
  add("it is gone", "GET", path .. "/held")
end

local function pages(list)
  local path = base_of "v1" .. "configmaps"
  local function add(what, ...) list[#list + 1] = { "pages: " .. what, ... } end
  for _, name in ipairs { "a", "b", "c" } do
    add("create " .. name, "POST", path, { metadata = { name = name, labels = LABELS } })
  end
  local from = path .. "?labelSelector=cmp%3D1&limit=1&continue="
  add("the first", "GET", path .. "?labelSelector=cmp%3D1&limit=1", nil, { keep = "page" })
  add("the second", "GET", function(kept) return from .. kept.page.metadata["continue"] end, nil,
    { keep = "page" })
  add("a bad mark", "GET", from .. "abc")
  add("the mark is too old", "GET", function(kept) return from .. kept.page.metadata["continue"] end, nil,
    { before = "compact" })
  add("a watch from too long ago", "GET", path .. "?watch=true&timeoutSeconds=1&resourceVersion=1", nil,
    { watch = true })
  add("a watch from nonsense", "GET", path .. "?watch=true&timeoutSeconds=1&resourceVersion=x")
  add("delete all", "DELETE", path .. "?labelSelector=cmp%3D1")
end

-- Metadata alone, and what cannot be changed.
local function forms(list)
  local path = base_of "v1" .. "configmaps"
  local function add(what, ...) list[#list + 1] = { "forms: " .. what, ... } end
  local function form(name)
    return { accept = ("application/json;as=%s;g=meta.k8s.io;v=v1,application/json"):format(name) }
  end
  local one, many = form "PartialObjectMetadata", form "PartialObjectMetadataList"
  add("create", "POST", path, { metadata = { name = "fixed", labels = LABELS }, immutable = true,
    data = { a = "b" }, binaryData = { c = "AAE=" } }, one)
  add("get it", "GET", path .. "/fixed", nil, one)
  add("list it", "GET", path .. "?labelSelector=cmp%3D1", nil, many)
  add("list in the form of one", "GET", path .. "?labelSelector=cmp%3D1", nil, one)
  add("get in the form of many", "GET", path .. "/fixed", nil, many)
  add("get what is not there", "GET", path .. "/none", nil, one)
  for _, change in ipairs { { data = { a = "c" } }, { binaryData = { c = "AAI=" } },
    { immutable = false } } do
    add("change it", "PATCH", path .. "/fixed", change, { type = "application/merge-patch+json" })
  end
  add("create what is too long", "POST", path, { metadata = { name = "long" },
    data = { a = ("x"):rep(1048576), b = "y" } })
  add("delete it", "DELETE", path .. "/fixed", nil, one)
end

local function claims(list)
  local path = base_of "v1" .. "persistentvolumeclaims"
  local function add(what, ...) list[#list + 1] = { "claims: " .. what, ... } end
  local spec = { accessModes = json.array { "ReadWriteMany" }, storageClassName = "none",
    resources = { requests = { storage = "1Gi" } } }
  add("create", "POST", path, { metadata = { name = "one", labels = LABELS }, spec = spec })
  add("create without modes", "POST", path, { metadata = { name = "x" },
    spec = with(spec, { accessModes = json.array {} }) })
  add("create without a size", "POST", path, { metadata = { name = "x" },
    spec = { accessModes = spec.accessModes } })
  add("change its modes", "PATCH", path .. "/one",
    { spec = { accessModes = json.array { "ReadWriteOnce" } } }, { type = "application/merge-patch+json" })
  add("get", "GET", path .. "/one")
  add("list", "GET", path .. "?labelSelector=cmp%3D1")
  add("delete", "DELETE", path .. "/one")
end

local function around(list)
  local function add(...) list[#list + 1] = { ... } end
  add("a bad token", "GET", "/api/v1/namespaces", nil, { as = "bad" })
  add("no token", "GET", "/api/v1/namespaces", nil, { as = "none" })
  add("no token, a path", "GET", "/apis", nil, { as = "none" })
  add("no such resource", "GET", base_of "v1" .. "things")
  add("no such group", "GET", "/apis/none.example/v1/things")
  add("no such path", "GET", "/none")
  add("PUT of a list", "PUT", base_of "v1" .. "secrets", {})
  add("POST of one", "POST", base_of "v1" .. "secrets/a", {})
  add("who am I", "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    { kind = "SelfSubjectReview", apiVersion = "authentication.k8s.io/v1" })
  for _, as in ipairs { "all", "few" } do
    add("may I, with " .. as, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
      { kind = "SelfSubjectAccessReview", apiVersion = "authorization.k8s.io/v1", spec = {
      resourceAttributes = { namespace = "cmp", verb = "create", group = "", resource = "pods" } } },
      { as = as })
  end
  add("nodes without the right", "GET", "/api/v1/nodes", nil, { as = "few" })
  add("nodes", "GET", "/api/v1/nodes")
  add("log of a pod that is not there", "GET", base_of "v1" .. "pods/none/log")
  add("a namespace that is there", "POST", "/api/v1/namespaces", { metadata = { name = "cmp" } })
  add("a namespace with a bad name", "POST", "/api/v1/namespaces", { metadata = { name = "a.b" } })
end

--- All rows.
function calls.list()
  local list = { { "the namespace", "POST", "/api/v1/namespaces", { metadata = { name = "cmp" } } } }
  around(list)
  for _, row in ipairs(KINDS) do of_kind(list, table.unpack(row)) end
  pods_with_a_node(list)
  finalizers(list)
  pages(list)
  forms(list)
  claims(list)
  return list
end

return calls
