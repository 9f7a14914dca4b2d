-- SPDX-License-Identifier: MIT
-- What a key must be allowed in the cluster (facts/coreweave.md §3.2, §3.11), and the requests that ask
-- whether it is: a right that is missing is told before anything is rented, and not when an end is to be
-- proven.
local rights = {}

rights.REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

local ALL = { "create", "get", "list", "delete" } -- listed by `sweep`
local RBAC = "rbac.authorization.k8s.io"

-- { group, resource, verbs, in the whole cluster }
local NEEDED = {
  { "compute.coreweave.com", "nodepools", ALL, true },
  { "", "nodes", { "list" }, true },
  { "", "pods", ALL }, { "", "services", ALL }, { "", "secrets", ALL }, { "", "serviceaccounts", ALL },
  { RBAC, "roles", ALL }, { RBAC, "rolebindings", ALL },
  { RBAC, "clusterroles", ALL, true }, { RBAC, "clusterrolebindings", ALL, true },
  { "batch", "cronjobs", ALL }, { "", "configmaps", ALL },
  { "", "persistentvolumeclaims", { "get", "list", "delete" } }, -- none is made, but they bill
}

-- What a model that is served by several pods takes besides; `pods` of one replica.
local SEVERAL = { { "networking.k8s.io", "networkpolicies", ALL }, { "apps", "deployments", ALL } }
local GROUPS = { { "leaderworkerset.x-k8s.io", "leaderworkersets", ALL } }

local function add(list, rows, namespace)
  for _, row in ipairs(rows) do
    for _, verb in ipairs(row[3]) do
      list[#list + 1] = { words = verb .. " " .. row[2], review = { kind = "SelfSubjectAccessReview",
        apiVersion = "authorization.k8s.io/v1", spec = { resourceAttributes = { group = row[1],
          resource = row[2], verb = verb, namespace = not row[4] and namespace or nil } } } }
    end
  end
  return list
end

--- several: is the model served by several pods? groups: by some on several nodes?
-- → array of { words = "create pods", review = the object to be sent }
function rights.questions(namespace, several, groups)
  local list = add({}, NEEDED, namespace)
  if several then add(list, SEVERAL, namespace) end
  return groups and add(list, GROUPS, namespace) or list
end

-- Why a pool of its own is wanted, where just that may not be had.
local POOLS = " (what bills here is a node pool: a pod on nodes that are there already would cost nothing "
  .. "more, and its end would end no bill, so it is not rented)"

--- What is said of rights that are missing, in the words of their questions.
function rights.sentence(missing)
  local list = table.concat(missing, ", ")
  return ("this key may not %s in the cluster; give its user these rights%s"):format(list,
    list:find("nodepools", 1, true) and POOLS or "")
end

--- Does this answer to a question say yes? Anything but a plain yes is none.
function rights.allowed(answer)
  return type(answer) == "table" and type(answer.status) == "table" and answer.status.allowed == true
end

return rights
