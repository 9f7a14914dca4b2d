-- SPDX-License-Identifier: MIT
--- What CoreWeave's own controllers and a kubelet do in a cluster, played by what they write: the definition
--- of NodePool, a pool's node, a pod that runs and ends, a Service's address. Who goes where is left to the
--- real scheduler.
local clock = require "base.clock"
local fail = require "base.fail"
local json = require "base.json"
local task = require "base.task"

local pool = { POOLS = "/apis/compute.coreweave.com/v1alpha1/nodepools" }

local PATIENCE = 120 -- seconds for a controller to do what it does; pods of a lost node go after 40 to 80
local FINALIZER = "compute.coreweave.com/nodes"

--- An answer that must be good. → its object
function pool.must(cluster, method, path, body, options)
  local answer = cluster:ask(method, path, body, options)
  if answer.status >= 300 then
    fail.raise("broken", ("%s %s: %d %s"):format(method, path, answer.status, answer.body:sub(1, 600)))
  end
  return json.decode(answer.body)
end

local MERGE = { type = "application/merge-patch+json" }

local function patch(cluster, path, body) return pool.must(cluster, "PATCH", path, body, MERGE) end

--- Waits until fn() gives something. → it
function pool.wait_for(what, fn)
  local limit = clock.now() + PATIENCE
  repeat
    local value = fn()
    if value then return value end
    task.sleep(0.2)
  until clock.now() > limit
  fail.raise("broken", "gave up waiting for " .. what)
end

local function text(more)
  local row = { type = "string" }
  for name, value in pairs(more or {}) do row[name] = value end -- order: free
  return row
end

local COUNT, FLAG = { type = "integer", minimum = 0 }, { type = "boolean" }
local TEXTS = { type = "object", additionalProperties = text() }
local FIXED = json.array { { rule = "self == oldSelf", message = "it cannot be changed" } }

-- facts/coreweave.md §3.6
local SCHEMA = { type = "object", required = json.array { "spec" }, properties = {
  spec = { type = "object", required = json.array { "instanceType", "targetNodes" }, properties = {
    computeClass = text { enum = json.array { "default", "spot" }, default = "default" },
    instanceType = text { ["x-kubernetes-validations"] = FIXED }, targetNodes = COUNT, minNodes = COUNT,
    maxNodes = COUNT, autoscaling = FLAG, nodeLabels = TEXTS, nodeAnnotations = TEXTS,
    nodeTaints = { type = "array", items = { type = "object", properties = { key = text(), value = text(),
      effect = text() } } },
    gpu = { type = "object", properties = { version = text() } } } },
  status = { type = "object", ["x-kubernetes-preserve-unknown-fields"] = true } } }

--- Makes NodePool known to the cluster.
function pool.define(cluster)
  pool.must(cluster, "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
    apiVersion = "apiextensions.k8s.io/v1", kind = "CustomResourceDefinition",
    metadata = { name = "nodepools.compute.coreweave.com" }, spec = { group = "compute.coreweave.com",
      scope = "Cluster", names = { plural = "nodepools", singular = "nodepool", kind = "NodePool",
        listKind = "NodePoolList", shortNames = json.array { "np" } },
      versions = json.array { { name = "v1alpha1", served = true, storage = true,
        subresources = { status = json.object {} }, schema = { openAPIV3Schema = SCHEMA } } } } })
  pool.wait_for("node pools to be served", function()
    return cluster:ask("GET", pool.POOLS).status == 200
  end)
end

--- The controller has seen the pool: it holds it until its nodes are gone.
function pool.seen(cluster, name)
  patch(cluster, pool.POOLS .. "/" .. name, { metadata = { finalizers = json.array { FINALIZER } } })
end

--- The pool's node comes, with eight GPUs. → its name
function pool.node(cluster, name)
  local spec = pool.must(cluster, "GET", pool.POOLS .. "/" .. name).spec
  local taints = json.array { { key = "nvidia.com/gpu", effect = "NoSchedule" } }
  for _, taint in ipairs(spec.nodeTaints or {}) do taints[#taints + 1] = taint end
  if spec.computeClass == "spot" then
    taints[#taints + 1] = { key = "qos.coreweave.cloud/interruptable", effect = "NoExecute" }
  end
  local node = "g-" .. name
  pool.must(cluster, "POST", "/api/v1/nodes", { metadata = { name = node, labels = {
    ["compute.coreweave.com/node-pool"] = name, ["node.kubernetes.io/instance-type"] = spec.instanceType } },
    spec = { taints = taints } })
  local amounts = { cpu = "128", memory = "1056Gi", pods = "110", ["nvidia.com/gpu"] = "8" }
  patch(cluster, "/api/v1/nodes/" .. node .. "/status", { status = { capacity = amounts,
    allocatable = amounts, conditions = json.array { { type = "Ready", status = "True",
    reason = "KubeletReady", lastHeartbeatTime = clock.iso(clock.wall() // 1 | 0) } } } })
  return node
end

--- The pool that is deleted is held no more.
function pool.let_go(cluster, name)
  patch(cluster, pool.POOLS .. "/" .. name, { metadata = { finalizers = json.null } })
end

--- It gives its node back before.
function pool.release(cluster, name)
  pool.must(cluster, "DELETE", "/api/v1/nodes/g-" .. name)
  pool.let_go(cluster, name)
end

--- The pod is on a node, by the scheduler. → the pod
function pool.placed(cluster, path)
  return pool.wait_for(path .. " to be put onto a node", function()
    local pod = pool.must(cluster, "GET", path)
    return pod.spec.nodeName and pod
  end)
end

--- The kubelet says how the pod is. phase: "Running", "Succeeded", "Failed"
function pool.tell(cluster, path, phase)
  patch(cluster, path .. "/status", { status = { phase = phase, conditions = json.array {
    { type = "Ready", status = phase == "Running" and "True" or "False" } } } })
end

--- The Service has its public address.
function pool.address(cluster, path, ip)
  patch(cluster, path .. "/status", { status = { loadBalancer = { ingress = json.array { { ip = ip } } } } })
end

return pool
