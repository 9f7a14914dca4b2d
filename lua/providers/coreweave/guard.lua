-- SPDX-License-Identifier: MIT
-- What ends a pool without us (facts/coreweave.md §3.11), three times over, and without a key of ours:
-- * the guest on the pod deletes it with the token of a ServiceAccount that may do that alone;
-- * a CronJob, as the same account, deletes it when the pod is over, waits for a node too long, or lives
--   beyond its life, also when no guest ever ran. It runs wherever a node takes it, at worst beside the pod;
-- * the pod ends by itself (`activeDeadlineSeconds`), and its pool gives the empty node back (`autoscaling`).
-- Pure: tables that are sent.
local json = require "base.json"

local guard = {}

guard.KEY_ENV = "CPLZ_CLUSTER_KEY" -- the pod's variable with the account's token
guard.POOLS = "/apis/compute.coreweave.com/v1alpha1/nodepools"

local RBAC, BATCH = "rbac.authorization.k8s.io", "batch"
local MINUTES = 5        -- between two looks of the CronJob
local LOOK_SECONDS = 200 -- for one look, which a job that finds no node does not outlast
local FOREVER = 4102444800 -- the year 2100, where a life is off

-- $0 guard, $1 the pod's address, $2 until when it may wait, $3 until when it may run (unix seconds), then
-- what is deleted. What cannot be asked, or answers nonsense, is left alone until $3. An API server answers
-- curl in lines, with a space after each colon, and others without.
guard.SCRIPT = [[
S=/var/run/secrets/kubernetes.io/serviceaccount
ask() { curl -sS -m 60 --cacert "$S/ca.crt" -H "Authorization: Bearer $(cat "$S/token")" "$@"; }
pod=$1 waits=$2 runs=$3
shift 3
seen=$(ask "$pod")
case $seen in
  *'"phase": "Succeeded"'*|*'"phase": "Failed"'*|*'"phase":"Succeeded"'*|*'"phase":"Failed"'*) end=0 ;;
  *'"phase": "Pending"'*|*'"phase":"Pending"'*) end=$waits ;;
  *'"phase": "Running"'*|*'"phase":"Running"'*) end=$runs ;;
  *'"reason": "NotFound"'*|*'"reason":"NotFound"'*) end=0 ;;
  *) end=$runs ;;
esac
[ "$(date +%s)" -ge "$end" ] || exit 0
for each; do ask -X DELETE "$each" || failed=1; done
exit ${failed:-0}
]]

-- path(namespace) of the kind, name(token) of ours
local function kind(path, suffix)
  return { path = function(namespace) return (path:gsub("NAMESPACE", namespace)) end,
    name = function(token) return token .. (suffix or "") end }
end

--- In the order in which they are made; the CronJob comes after the pod.
guard.ORDER = { "account", "role", "binding", "cluster_role", "cluster_binding", "token" }
guard.KINDS = {
  account = kind "/api/v1/namespaces/NAMESPACE/serviceaccounts",
  role = kind("/apis/" .. RBAC .. "/v1/namespaces/NAMESPACE/roles"),
  binding = kind("/apis/" .. RBAC .. "/v1/namespaces/NAMESPACE/rolebindings"),
  cluster_role = kind("/apis/" .. RBAC .. "/v1/clusterroles"),
  cluster_binding = kind("/apis/" .. RBAC .. "/v1/clusterrolebindings"),
  token = kind("/api/v1/namespaces/NAMESPACE/secrets", "-guard"),
  cron = kind("/apis/" .. BATCH .. "/v1/namespaces/NAMESPACE/cronjobs"),
}

-- Rights to those of that kind that bear the name.
local function rule(group, plural, name, verbs)
  return { apiGroups = json.array { group }, resources = json.array { plural },
    resourceNames = json.array { name }, verbs = json.array(verbs) }
end

local function bound(meta, namespace, role)
  return { apiVersion = RBAC .. "/v1", kind = role .. "Binding", metadata = meta,
    roleRef = { apiGroup = RBAC, kind = role, name = meta.name },
    subjects = json.array { { kind = "ServiceAccount", name = meta.name, namespace = namespace } } }
end

--- The account and what it may do: look at and delete this one pool, this pod and this Service.
-- meta: function(name, token = name) → name and labels. → { kind → object }
function guard.account(token, namespace, meta)
  local names = meta(token .. "-guard", token)
  names.annotations = { ["kubernetes.io/service-account.name"] = token }
  return {
    account = { apiVersion = "v1", kind = "ServiceAccount", metadata = meta(token),
      automountServiceAccountToken = false },
    role = { apiVersion = RBAC .. "/v1", kind = "Role", metadata = meta(token), rules = json.array {
      rule("", "pods", token, { "get", "delete" }), rule("", "services", token, { "delete" }) } },
    binding = bound(meta(token), namespace, "Role"),
    cluster_role = { apiVersion = RBAC .. "/v1", kind = "ClusterRole", metadata = meta(token),
      rules = json.array { rule("compute.coreweave.com", "nodepools", token, { "get", "delete" }) } },
    cluster_binding = bound(meta(token), namespace, "ClusterRole"),
    token = { apiVersion = "v1", kind = "Secret", metadata = names,
      type = "kubernetes.io/service-account-token" },
  }
end

--- What is deleted, the dearest first. inside: the cluster's address as pods see it
local function ends(token, namespace, inside)
  local here = inside .. "/api/v1/namespaces/" .. namespace
  return { inside .. guard.POOLS .. "/" .. token, here .. "/pods/" .. token, here .. "/services/" .. token }
end

--- The CronJob.
-- options: { namespace, inside, image, meta, tolerations, born = unix seconds by the cluster's clock,
-- boot = seconds until the pod must run, life = seconds it may run, 0: for ever }
function guard.cron(token, options)
  local waits = options.born + options.boot
  local runs = options.life > 0 and waits + options.life or FOREVER
  local command = { "/bin/sh", "-c", guard.SCRIPT, "guard",
    ("%s/api/v1/namespaces/%s/pods/%s"):format(options.inside, options.namespace, token),
    ("%d"):format(waits), ("%d"):format(runs) }
  for _, url in ipairs(ends(token, options.namespace, options.inside)) do
    command[#command + 1] = url
  end
  return { apiVersion = "batch/v1", kind = "CronJob", metadata = options.meta(token), spec = {
    schedule = ("*/%d * * * *"):format(MINUTES), concurrencyPolicy = "Forbid",
    startingDeadlineSeconds = LOOK_SECONDS, successfulJobsHistoryLimit = 1, failedJobsHistoryLimit = 1,
    jobTemplate = { spec = { backoffLimit = 0, activeDeadlineSeconds = LOOK_SECONDS, template = { spec = {
      restartPolicy = "Never", serviceAccountName = token, automountServiceAccountToken = true,
      tolerations = options.tolerations,
      containers = json.array { { name = "guard", image = options.image, command = json.array(command),
        resources = { requests = { cpu = "10m", memory = "32Mi" }, limits = { memory = "64Mi" } } } },
    } } } } } }
end

return guard
