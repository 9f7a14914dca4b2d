-- SPDX-License-Identifier: MIT
--- The fields that the API server fills in.
local json = require "base.json"
local keys = require "base.keys"
local sorted = require "base.sorted"

local defaults = { POOL_FINALIZER = "compute.coreweave.com/nodes" } -- holds a pool until its nodes are gone

local function fill(object, values)
  for name, value in pairs(values) do -- order: free
    if object[name] == nil then object[name] = value end
  end
end

local function pull_policy(image)
  local tag = tostring(image):match ":([^:/]+)$"
  return (tag == nil or tag == "latest") and not tostring(image):find "@" and "Always" or "IfNotPresent"
end

local function container(one)
  fill(one, { imagePullPolicy = pull_policy(one.image), terminationMessagePath = "/dev/termination-log",
    terminationMessagePolicy = "File", resources = json.object {} })
  for _, port in ipairs(one.ports or {}) do
    fill(port, { protocol = "TCP" })
  end
end

local function pod_spec(spec)
  fill(spec, { restartPolicy = "Always", terminationGracePeriodSeconds = 30, dnsPolicy = "ClusterFirst",
    schedulerName = "default-scheduler", securityContext = json.object {} })
  for _, one in ipairs(type(spec.containers) == "table" and spec.containers or {}) do
    container(one)
  end
  for _, volume in ipairs(spec.volumes or {}) do
    for _, name in ipairs { "configMap", "secret" } do
      if volume[name] then fill(volume[name], { defaultMode = 420 }) end
    end
  end
end

-- What a pod may use at most it asks for, unless it says so; a template of pods says nothing of it.
local function request_limits(spec)
  for _, one in ipairs(type(spec.containers) == "table" and spec.containers or {}) do
    if one.resources.limits then
      one.resources.requests = one.resources.requests or {}
      fill(one.resources.requests, one.resources.limits)
    end
  end
end

-- What admission adds to a new pod.
local function admit(spec)
  fill(spec, { serviceAccountName = "default", enableServiceLinks = true, preemptionPolicy =
    "PreemptLowerPriority", priority = 0 })
  spec.tolerations = spec.tolerations or {}
  for _, key in ipairs { "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable" } do
    table.insert(spec.tolerations, { key = key, operator = "Exists", effect = "NoExecute",
      tolerationSeconds = 300 })
  end
end

local FILL = {
  namespaces = function(object)
    object.spec = { finalizers = json.array { "kubernetes" } }
    object.status = { phase = "Active" }
    object.metadata.labels = object.metadata.labels or {}
    object.metadata.labels["kubernetes.io/metadata.name"] = object.metadata.name
  end,
  pods = function(object)
    if type(object.spec) ~= "table" then return end
    pod_spec(object.spec)
    request_limits(object.spec)
    object.status = { phase = "Pending", qosClass = "Burstable" }
  end,
  secrets = function(object)
    for name, value in sorted(object.stringData or {}) do
      object.data = object.data or {}
      object.data[name] = keys.base64(tostring(value))
    end
    object.stringData = nil
    fill(object, { type = "Opaque" })
  end,
  ["cronjobs.batch"] = function(object)
    if type(object.spec) ~= "table" then return end
    fill(object.spec, { concurrencyPolicy = "Allow", suspend = false, successfulJobsHistoryLimit = 3,
      failedJobsHistoryLimit = 1 })
    local job = type(object.spec.jobTemplate) == "table" and object.spec.jobTemplate.spec
    local pod = type(job) == "table" and type(job.template) == "table" and job.template.spec
    if type(pod) == "table" then pod_spec(pod) end
    object.status = json.object {}
  end,
  persistentvolumeclaims = function(object)
    if type(object.spec) ~= "table" then return end
    fill(object.spec, { volumeMode = "Filesystem" })
    object.status = { phase = "Pending" }
  end,
  services = function(object)
    if type(object.spec) ~= "table" then return end
    fill(object.spec, { type = "ClusterIP", sessionAffinity = "None", internalTrafficPolicy = "Cluster",
      ipFamilies = json.array { "IPv4" }, ipFamilyPolicy = "SingleStack" })
    if object.spec.type ~= "ClusterIP" then fill(object.spec, { externalTrafficPolicy = "Cluster" }) end
    if object.spec.type == "LoadBalancer" then fill(object.spec, { allocateLoadBalancerNodePorts = true }) end
    for _, port in ipairs(object.spec.ports or {}) do
      fill(port, { protocol = "TCP", targetPort = port.port })
    end
    object.status = { loadBalancer = json.object {} }
  end,
  ["deployments.apps"] = function(object)
    if type(object.spec) ~= "table" then return end
    fill(object.spec, { replicas = 1, revisionHistoryLimit = 10, progressDeadlineSeconds = 600,
      strategy = { type = "RollingUpdate", rollingUpdate = { maxSurge = "25%", maxUnavailable = "25%" } } })
    if type(object.spec.template) == "table" and type(object.spec.template.spec) == "table" then
      pod_spec(object.spec.template.spec)
    end
    object.status = json.object {}
  end,
  ["networkpolicies.networking.k8s.io"] = function(object)
    if type(object.spec) == "table" then
      fill(object.spec, { policyTypes = json.array { "Ingress" } })
    end
  end,
  ["leaderworkersets.leaderworkerset.x-k8s.io"] = function(object)
    if type(object.spec) ~= "table" then return end
    fill(object.spec, { replicas = 1, startupPolicy = "LeaderCreated" })
    object.status = json.object {}
  end,
  ["nodepools.compute.coreweave.com"] = function(object)
    if type(object.spec) ~= "table" then return end
    fill(object.spec, { autoscaling = false, computeClass = "default" })
    object.status = json.object {}
  end,
}

-- What holds an object that is deleted until something else is gone.
local FINALIZERS = { ["nodepools.compute.coreweave.com"] = defaults.POOL_FINALIZER,
  persistentvolumeclaims = "kubernetes.io/pvc-protection" }

--- Fills in what a new object lacks; its status is not the writer's.
function defaults.fill(resource, object)
  if not resource.review then object.status = nil end
  local play = FILL[resource.key]
  if play then play(object) end
end

--- What is added to a new object when everything else is right. cluster: the state
function defaults.admit(resource, object, cluster)
  if resource.key == "services" and not object.spec.clusterIP then
    object.spec.clusterIP = cluster:address()
    object.spec.clusterIPs = json.array { object.spec.clusterIP }
  end
  if resource.key == "pods" then admit(object.spec) end
  local finalizer = FINALIZERS[resource.key]
  if finalizer then
    object.metadata.finalizers = object.metadata.finalizers or json.array {}
    table.insert(object.metadata.finalizers, finalizer)
  end
end

return defaults
