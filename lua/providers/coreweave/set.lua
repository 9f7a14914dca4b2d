-- SPDX-License-Identifier: MIT
-- What serves a model that is not served by one pod alone (facts/coreweave.md §3.14): pods of a Deployment,
-- or of a LeaderWorkerSet where one replica takes several nodes; a Service inside the cluster, and a
-- NetworkPolicy by which only the pod of the tunnel reaches them. All of it belongs to that pod and goes
-- with it. Pure: tables that are sent.
local json = require "base.json"
local parse = require "providers.coreweave.parse"

local set = {}

local OWN, SHARED = "-set", "-engine" -- what follows the token in a name
local GRACE = 20                      -- seconds
local LWS = "leaderworkerset.x-k8s.io"

-- path(namespace) of the kind, name(token) of ours
local function kind(group, plural, suffix)
  local root = group == "" and "/api/v1" or "/apis/" .. group .. "/v1"
  return { group = group, plural = plural,
    path = function(namespace) return ("%s/namespaces/%s/%s"):format(root, namespace, plural) end,
    name = function(token) return token .. suffix end }
end

set.KINDS = {
  policy = kind("networking.k8s.io", "networkpolicies", OWN), service = kind("", "services", SHARED),
  deployment = kind("apps", "deployments", OWN), group = kind(LWS, "leaderworkersets", OWN),
}
set.LWS = "/apis/" .. LWS .. "/v1" -- is there where LeaderWorkerSets are installed

--- The kind of what makes the pods. pods: of one replica
function set.work(pods) return pods > 1 and set.KINDS.group or set.KINDS.deployment end

local function labels(token, role)
  return { [parse.OURS] = "continueplz", [parse.TOKEN] = token, [parse.ROLE] = role }
end

local function meta(token, suffix, owner)
  local row = parse.meta(token .. suffix, token)
  row.ownerReferences = json.array { { apiVersion = "v1", kind = "Pod", name = token, uid = owner } }
  return row
end

--- The pod of the tunnel finds them there: what the kubelet fills in by the Service's name.
function set.address(token)
  local name = (token .. SHARED):upper():gsub("%-", "_")
  return ("$(%s_SERVICE_HOST):$(%s_SERVICE_PORT)"):format(name, name)
end

--- The Service in front. It leads to what is ready: all pods, or the leader of each group.
function set.service(token, served, owner)
  return { apiVersion = "v1", kind = "Service", metadata = meta(token, SHARED, owner), spec = {
    selector = { [parse.TOKEN] = token, [parse.ROLE] = served.pods > 1 and "leader" or "engine" },
    ports = json.array { { name = "engine", protocol = "TCP", port = served.port,
      targetPort = served.port } } } }
end

-- Pods of ours with one of these roles.
local function those(token, ...)
  return { podSelector = { matchLabels = { [parse.TOKEN] = token }, matchExpressions = json.array { {
    key = parse.ROLE, operator = "In", values = json.array { ... } } } } }
end

--- Who reaches them: the pod of the tunnel, at the engine's port, and the pods of a group each other.
function set.policy(token, served, owner)
  local ingress = json.array { { from = json.array { those(token, "gateway") },
    ports = json.array { { protocol = "TCP", port = served.port } } } }
  if served.pods > 1 then ingress[2] = { from = json.array { those(token, "engine", "leader") } } end
  return { apiVersion = "networking.k8s.io/v1", kind = "NetworkPolicy", metadata = meta(token, OWN, owner),
    spec = { podSelector = those(token, "engine", "leader").podSelector,
      policyTypes = json.array { "Ingress" }, ingress = ingress } }
end

local function environment(list)
  local env = { { name = "POD_IP", valueFrom = { fieldRef = { fieldPath = "status.podIP" } } } }
  for index, pair in ipairs(list) do
    local name, value = pair:match "^([^=]+)=(.*)$"
    env[index + 1] = { name = name, value = value }
  end
  return json.array(env)
end

-- Only a leader answers at the address, so it alone has to say when it is ready.
local function template(order, role)
  local token, pod, served = order.token, order.served.pod, order.served
  local ready = role ~= "worker" and pod.ready or nil
  return { metadata = { labels = labels(token, role == "worker" and "engine" or role) }, spec = {
    terminationGracePeriodSeconds = GRACE, automountServiceAccountToken = false,
    nodeSelector = { ["compute.coreweave.com/node-pool"] = token },
    tolerations = parse.tolerations(token),
    containers = json.array { { name = "engine", image = pod.image or order.image,
      command = json.array(pod.command), env = environment(pod.env),
      ports = json.array { { containerPort = served.port, protocol = "TCP" } },
      readinessProbe = ready and { exec = { command = json.array(ready.command) }, timeoutSeconds = 10,
        periodSeconds = ready.seconds, failureThreshold = 2 },
      resources = { limits = { ["nvidia.com/gpu"] = tostring(served.gpus) } } } } } }
end

local function deployment(order, owner)
  local token = order.token
  return { apiVersion = "apps/v1", kind = "Deployment", metadata = meta(token, OWN, owner), spec = {
    replicas = order.served.replicas, strategy = { type = "Recreate" },
    selector = { matchLabels = { [parse.TOKEN] = token, [parse.ROLE] = "engine" } },
    template = template(order, "engine") } }
end

-- Each pod of a group has a node of its own, as it asks for all its cards.
local function group(order, owner)
  return { apiVersion = LWS .. "/v1", kind = "LeaderWorkerSet", metadata = meta(order.token, OWN, owner),
    spec = { replicas = order.served.replicas, leaderWorkerTemplate = { size = order.served.pods,
      restartPolicy = "RecreateGroupOnPodRestart", leaderTemplate = template(order, "leader"),
      workerTemplate = template(order, "worker") } } }
end

--- What makes the pods.
function set.maker(order, owner)
  return (order.served.pods > 1 and group or deployment)(order, owner)
end

-- Why a pod waits, in the cluster's words, or nil.
local WAITING = { ErrImagePull = true, ImagePullBackOff = true, InvalidImageName = true,
  CreateContainerConfigError = true, CreateContainerError = true, CrashLoopBackOff = true }

local function trouble_of(pod)
  local rows = parse.at(pod, "status", "containerStatuses")
  local waiting = parse.at(rows, 1, "state", "waiting")
  local reason = parse.at(waiting, "reason")
  if WAITING[reason] then return reason, parse.at(waiting, "message") end
  local conditions = parse.at(pod, "status", "conditions")
  for _, row in ipairs(type(conditions) == "table" and conditions or {}) do
    if parse.at(row, "type") == "PodScheduled" and row.status == "False" then
      return row.reason, row.message
    end
  end
end

--- Which of the pods cannot start, and why: { name=, reason=, message=|nil }, or nil
function set.trouble(pods)
  for _, pod in ipairs(pods) do
    local reason, message = trouble_of(pod)
    if type(reason) == "string" then
      return { name = tostring(parse.at(pod, "metadata", "name")), reason = reason,
        message = type(message) == "string" and message or nil }
    end
  end
end

--- Servers that answer, by what makes them; 0 where it does not tell.
function set.ready(maker)
  local ready = parse.at(maker, "status", "readyReplicas")
  return math.type(ready) == "integer" and ready or 0
end

return set
