-- SPDX-License-Identifier: MIT
--- Services of type LoadBalancer (facts/coreweave.md §3.9): an address comes after a while, bills while the
--- Service exists, and leads to the pods that its selector takes. `balancers` of the state: uid → { at, ip,
--- links = { [run and port] = relay } }. A port that is the same outside and inside needs no relay.
local resources = require "cloudsim.coreweave.resources"
local selectors = require "cloudsim.coreweave.selectors"
local sorted = require "base.sorted"
local state = require "cloudsim.coreweave.state"

local services = {}
local Service, Pod = resources.Service, resources.Pod
local PUBLIC = "service.beta.kubernetes.io/coreweave-load-balancer-type"
local ADDRESS_RATE = 4 / 730 -- dollars per hour, of 4 a month

local function is_public(service)
  return (service.metadata.annotations or {})[PUBLIC] == "public"
end

local function give_address(world, uid)
  local cluster, row = world.coreweave, world.coreweave.balancers[uid]
  local service = row and cluster.store:get(Service, row.namespace, row.name)
  if not service or service.metadata.uid ~= uid then return end
  row.ip = row.public and (world.settings.public_ip or "127.0.0.1") or "10.16.255.1"
  cluster.store:change(Service, service, function(copy)
    copy.status.loadBalancer = { ingress = { { ip = row.ip } } }
  end)
  services.settle(world)
end

local function begin(world, service)
  local cluster, meta = world.coreweave, service.metadata
  local row = { namespace = meta.namespace, name = meta.name, public = is_public(service), links = {} }
  cluster.balancers[meta.uid] = row
  if row.public then
    world.ledger:start({ provider = "coreweave", account = "coreweave " .. world.owner.id, id = meta.uid,
      kind = "ip", rate = ADDRESS_RATE, token = meta.name }, world.time)
  end
  world:after(world.settings.coreweave_address_seconds, give_address, meta.uid)
end

local function finish(world, uid)
  local row = world.coreweave.balancers[uid]
  for _, relay in sorted(row.links) do
    if relay and not relay.closed then relay:close() end
  end
  world.coreweave.balancers[uid] = nil
  world.ledger:finish(uid, nil, world.time)
end

local function link(world, row, run, port)
  local instance = run.instance
  local forward = { outside = port.port, inside = math.tointeger(tonumber(port.targetPort)) or port.port,
    protocol = port.protocol:lower() }
  instance.ports[forward.inside .. "/" .. forward.protocol] = forward.outside
  row.links[("%s %s %s"):format(run.uid, run.restarts, port.port .. port.protocol)] =
    world:hook("forward", instance, forward) or false
end

local function lead(world, service, row)
  for _, run in sorted(world.coreweave.runs) do
    local pod = world.coreweave.store:get(Pod, run.namespace, run.name)
    if run.instance.process and pod and pod.metadata.namespace == service.metadata.namespace
      and service.spec.selector and selectors.all(service.spec.selector, pod.metadata.labels) then
      run.instance.ports = run.instance.ports or {}
      for _, port in ipairs(service.spec.ports) do
        local name = ("%s %s %s"):format(run.uid, run.restarts, port.port .. port.protocol)
        if row.links[name] == nil then link(world, row, run, port) end
      end
    end
  end
end

-- The pods behind a Service that are ready, as addresses. → array of { host, port }
local function ready_behind(world, service, port)
  local list = {}
  for _, pod in ipairs(world.coreweave.store:all(Pod, service.metadata.namespace)) do
    if service.spec.selector and selectors.all(service.spec.selector, pod.metadata.labels)
      and state.told(pod, "Ready") == "True" and not pod.metadata.deletionTimestamp then
      list[#list + 1] = { pod.status.podIP, math.tointeger(tonumber(port.targetPort)) or port.port }
    end
  end
  return list
end

-- The address of a Service inside the cluster leads to the next pod of those that are ready. → relays
local function listen(world, service)
  local list = {}
  for index, port in ipairs(service.spec.ports or {}) do
    local number = 0
    list[index] = world:hook("relay", { protocol = "tcp", host = service.spec.clusterIP, outside = port.port,
      blocked = function() return false end, held = function() return false end, count = function() end,
      target = function()
        local behind = ready_behind(world, service, port)
        number = number + 1
        local one = behind[number % math.max(1, #behind) + 1]
        if one then return table.unpack(one) end
      end })
  end
  return list
end

-- Services inside the cluster, where machines run: `inside` of the state, uid → relays.
local function settle_inside(world)
  local cluster, there = world.coreweave, {}
  cluster.inside = cluster.inside or {}
  for _, service in ipairs(cluster.store:all(Service)) do
    local uid = service.metadata.uid
    if service.spec.type == "ClusterIP" and service.spec.clusterIP ~= "None" and world.hooks.relay then
      there[uid] = true
      cluster.inside[uid] = cluster.inside[uid] or listen(world, service)
    end
  end
  for uid, list in sorted(cluster.inside) do
    if not there[uid] then
      for _, each in ipairs(list) do each:close() end
      cluster.inside[uid] = nil
    end
  end
end

--- What Services have to do next.
function services.settle(world)
  local cluster, there = world.coreweave, {}
  settle_inside(world)
  for _, service in ipairs(cluster.store:all(Service)) do
    local uid = service.metadata.uid
    if service.spec.type == "LoadBalancer" then
      there[uid] = true
      if not cluster.balancers[uid] then begin(world, service) end
      local row = cluster.balancers[uid]
      if row.ip and row.public then lead(world, service, row) end
    end
  end
  for uid in sorted(cluster.balancers) do
    if not there[uid] then finish(world, uid) end
  end
end

return services
