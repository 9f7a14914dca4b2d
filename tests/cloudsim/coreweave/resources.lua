-- SPDX-License-Identifier: MIT
--- What the simulated cluster serves: the resources, and how discovery tells of them.
local json = require "base.json"
local sorted = require "base.sorted"

local ALL = { "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch" }

-- group, version, plural, kind, namespaced, short names, more: sub = subresources { name = kind or false },
-- categories, only (the verbs, of a resource that is but asked), custom (not one of Kubernetes' own),
-- setting (there while that is on),
-- uncounted (without metadata.generation), upsert (PUT makes what is not there), returned (a delete answers
-- with the object)
local ROWS = {
  { "", "v1", "namespaces", "Namespace", false, { "ns" }, uncounted = true },
  { "", "v1", "nodes", "Node", false, { "no" }, uncounted = true },
  { "", "v1", "pods", "Pod", true, { "po" }, sub = { log = "Pod" }, categories = { "all" },
    returned = true },
  { "", "v1", "services", "Service", true, { "svc" }, categories = { "all" },
    uncounted = true, upsert = true, returned = true },
  { "", "v1", "events", "Event", true, { "ev" } },
  { "", "v1", "secrets", "Secret", true, {} },
  { "", "v1", "configmaps", "ConfigMap", true, { "cm" } },
  { "", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true, { "pvc" }, uncounted = true,
    returned = true },
  { "", "v1", "serviceaccounts", "ServiceAccount", true, { "sa" }, returned = true },
  { "compute.coreweave.com", "v1alpha1", "nodepools", "NodePool", false, { "np" }, custom = true },
  { "apps", "v1", "deployments", "Deployment", true, { "deploy" }, categories = { "all" } },
  { "networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", true, { "netpol" } },
  { "leaderworkerset.x-k8s.io", "v1", "leaderworkersets", "LeaderWorkerSet", true, { "lws" }, custom = true,
    setting = "coreweave_groups" },
  { "batch", "v1", "cronjobs", "CronJob", true, { "cj" }, categories = { "all" } },
  { "rbac.authorization.k8s.io", "v1", "roles", "Role", true, {}, upsert = true },
  { "rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", true, {}, upsert = true },
  { "rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false, {}, upsert = true },
  { "rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", false, {},
    upsert = true },
  { "authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", false, {},
    only = { "create" } },
  { "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", false, {},
    only = { "create" } },
}

local resources = { list = {}, groups = {} }

local by_path, group_of = {}, {}
for _, row in ipairs(ROWS) do
  local resource = { group = row[1], version = row[2], plural = row[3], kind = row[4], namespaced = row[5],
    short = row[6], sub = row.sub or {}, categories = row.categories, custom = row.custom,
    counted = not row.uncounted, upsert = row.upsert, returned = row.returned,
    setting = row.setting, verbs = row.only or ALL, review = row.only ~= nil, singular = row[4]:lower() }
  resource.key = resource.group == "" and resource.plural or resource.plural .. "." .. resource.group
  resource.api = resource.group == "" and resource.version or resource.group .. "/" .. resource.version
  resources.list[#resources.list + 1] = resource
  resources[resource.kind] = resource
  by_path[resource.api .. "/" .. resource.plural] = resource
  if not group_of[resource.group] then
    group_of[resource.group] = { name = resource.group, version = resource.version, api = resource.api,
      setting = resource.setting }
    resources.groups[#resources.groups + 1] = group_of[resource.group]
  end
end

--- The resource of group, version and plural, or nil.
function resources.find(group, version, plural)
  return by_path[(group == "" and version or group .. "/" .. version) .. "/" .. plural]
end

function resources.has_group(group, version)
  return group_of[group] ~= nil and (version == nil or group_of[group].version == version)
end

--- Whether a cluster has a resource or group at this moment (`setting`).
function resources.installed(world, what)
  return not what.setting or world.settings[what.setting] == true
end

--- Whether a path is below a group and version that a cluster has.
function resources.has_place(world, path)
  local group, version = path:match "^/apis/([^/]+)/([^/]+)/."
  return path:find "^/api/v1/." ~= nil or group ~= nil and resources.has_group(group, version)
    and resources.installed(world, group_of[group])
end

local function row_of(resource)
  return { name = resource.plural, singularName = resource.singular, namespaced = resource.namespaced,
    kind = resource.kind, verbs = json.array(resource.verbs),
    shortNames = #resource.short > 0 and resource.short or nil, categories = resource.categories }
end

local function sub_row(resource, name, kind)
  return { name = resource.plural .. "/" .. name, singularName = "", namespaced = resource.namespaced,
    kind = kind, verbs = json.array { "get" } }
end

--- The APIResourceList of a group.
function resources.list_of(group)
  local rows = {}
  for _, resource in ipairs(resources.list) do
    if resource.group == group then
      rows[#rows + 1] = row_of(resource)
      for name, kind in sorted(resource.sub) do
        rows[#rows + 1] = sub_row(resource, name, kind)
      end
    end
  end
  return { kind = "APIResourceList", apiVersion = "v1", groupVersion = group_of[group].api, resources = rows }
end

return resources
