-- SPDX-License-Identifier: MIT
--- A kubelet and CoreWeave's controllers for the real cluster, whose nodes are those of the simulated one:
--- what the real one holds in a namespace is made there too, runs there as real processes, and how it is
--- there is written back. The real scheduler decides which pod goes to which node.
local fail = require "base.fail"
local http = require "base.http"
local json = require "base.json"
local pool = require "kube.pool"
local task = require "base.task"

local Kubelet = {}
Kubelet.__index = Kubelet

local kubelet = {}

local PAUSE = 0.1 -- seconds between two looks
local THERE = "/api/v1/namespaces/default/"
local OURS = "?labelSelector=app.kubernetes.io%2Fmanaged-by%3Dcontinueplz"

-- A request to the simulated cluster. → object, or nil
function Kubelet:there(method, path, body)
  local answer = http.request { method = method, url = self.rig.address.coreweave .. path, ok = "any",
    headers = { Authorization = "Bearer " .. self.rig.account_key, ["Content-Type"] = "application/json" },
    body = body and json.encode(body) }
  return answer.status < 300 and json.decode(answer.body) or nil
end

function Kubelet:here(method, path, body) return pool.must(self.cluster, method, path, body) end

-- Makes the same there, once.
function Kubelet:copy(path, object, spec)
  local meta = object.metadata
  if self.copied[meta.uid] then return end
  self.copied[meta.uid] = true
  self:there("POST", path, { metadata = { name = meta.name, labels = meta.labels,
    annotations = meta.annotations }, spec = spec, data = object.data,
    binaryData = object.binaryData })
end

local function leaving(object) return object.metadata.deletionTimestamp ~= nil end

local function held(object) return #(object.metadata.finalizers or {}) > 0 end

-- Has its node come there, or is it given back?
function Kubelet:node_of(name)
  local list = self:there("GET", "/api/v1/nodes?labelSelector=compute.coreweave.com%2Fnode-pool%3D" .. name)
  for _, row in ipairs(list and list.items[1] and list.items[1].status.conditions or {}) do
    if row.type == "Ready" and row.status == "True" then return true end
  end
  return false
end

function Kubelet:pools()
  for _, each in ipairs(self:here("GET", pool.POOLS .. OURS).items) do
    local name = each.metadata.name
    if leaving(each) then
      self:there("DELETE", pool.POOLS .. "/" .. name)
      if not self:there("GET", pool.POOLS .. "/" .. name) then
        self.cluster:ask("DELETE", "/api/v1/nodes/g-" .. name)
        pool.let_go(self.cluster, name)
      end
    else
      if not held(each) then pool.seen(self.cluster, name) end
      self:copy(pool.POOLS, each, each.spec)
      if not self.nodes[name] and self:node_of(name) then self.nodes[name] = pool.node(self.cluster, name) end
    end
  end
end

-- What a container finds in the pod's account is of a kubelet's making; here it has none.
local function bare(spec)
  local container = spec.containers[1]
  return { restartPolicy = spec.restartPolicy, nodeSelector = spec.nodeSelector,
    tolerations = spec.tolerations, containers = json.array { { name = container.name,
    image = container.image, command = json.array(container.command), env = container.env,
    envFrom = container.envFrom, volumeMounts = json.array(container.volumeMounts),
    resources = container.resources } }, volumes = json.array(spec.volumes) }
end

function Kubelet:pods(path)
  for _, each in ipairs(self:here("GET", path .. "pods" .. OURS).items) do
    local name = each.metadata.name
    local twin = self.copied[each.metadata.uid] and self:there("GET", THERE .. "pods/" .. name)
    if leaving(each) then
      self:there("DELETE", THERE .. "pods/" .. name .. "?gracePeriodSeconds=0")
      if not twin then self.cluster:ask("DELETE", path .. "pods/" .. name .. "?gracePeriodSeconds=0") end
    elseif each.spec.nodeName and not self.copied[each.metadata.uid] then
      for _, plural in ipairs { "secrets", "configmaps" } do
        for _, object in ipairs(self:here("GET", path .. plural .. OURS).items) do
          self:copy(THERE .. plural, object)
        end
      end
      self:copy(THERE .. "pods", each, bare(each.spec))
    elseif twin and twin.status.phase ~= each.status.phase then
      pool.tell(self.cluster, path .. "pods/" .. name, twin.status.phase)
    end
  end
end

function Kubelet:services(path)
  local seen = {}
  for _, each in ipairs(self:here("GET", path .. "services" .. OURS).items) do
    local name, spec = each.metadata.name, each.spec
    seen[name] = true
    self:copy(THERE .. "services", each, { type = spec.type, selector = spec.selector,
      externalTrafficPolicy = spec.externalTrafficPolicy, ports = json.array(spec.ports) })
    local twin = self:there("GET", THERE .. "services/" .. name)
    local row = twin and (twin.status.loadBalancer.ingress or {})[1]
    if row and not each.status.loadBalancer.ingress then
      pool.address(self.cluster, path .. "services/" .. name, row.ip)
    end
  end
  local list = self:there("GET", THERE .. "services" .. OURS)
  for _, each in ipairs(list and list.items or {}) do
    if not seen[each.metadata.name] then self:there("DELETE", THERE .. "services/" .. each.metadata.name) end
  end
end

local function look(self, namespace)
  local path = "/api/v1/namespaces/" .. namespace .. "/"
  self:pools()
  self:pods(path)
  self:services(path)
end

--- Begins to serve a namespace with the machines of an end-to-end rig. It goes on until `over` is set, and
--- keeps the last `problem`: what vanishes between two requests is none that lasts.
function kubelet.start(cluster, rig, namespace)
  local self = setmetatable({ cluster = cluster, rig = rig, copied = {}, nodes = {}, over = false }, Kubelet)
  self.task = task.spawn(function()
    while not self.over do
      local ok, problem = fail.try(look, self, namespace)
      self.problem = not ok and fail.message(problem) or nil
      task.sleep(PAUSE)
    end
  end)
  return self
end

--- Ends it.
function Kubelet:close()
  self.over = true
  task.await(self.task)
end

return kubelet
