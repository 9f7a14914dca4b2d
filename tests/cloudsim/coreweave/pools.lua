-- SPDX-License-Identifier: MIT
--- Node pools and their nodes (facts/coreweave.md §3.6, §3.8): a pool wants so many nodes, takes them while
--- there are any, and gets a new one for each that is lost. A node bills from the moment that a pool has it
--- until it is given back, whatever runs on it.
local catalog = require "cloudsim.coreweave.catalog"
local claims = require "cloudsim.coreweave.claims"
local defaults = require "cloudsim.coreweave.defaults"
local json = require "base.json"
local kinds = require "cloudsim.kinds"
local later = require "cloudsim.machine.later"
local pods = require "cloudsim.coreweave.pods"
local resources = require "cloudsim.coreweave.resources"
local sets = require "cloudsim.coreweave.sets"
local state = require "cloudsim.coreweave.state"

local pools = {}
local faults = kinds.of "coreweave"
local NodePool, Node = resources.NodePool, resources.Node

function pools.context(instance)
  return { label = instance.label, instance = instance.id, offer = instance.type.name,
    gpu_name = instance.type.class, is_bid = instance.is_bid }
end

local function turn(instance, status)
  instance.turn, instance.status = (instance.turn or 0) + 1, status
end

local function node_of(world, instance)
  return world.coreweave.store:get(Node, nil, instance.id)
end

local function change_node(world, instance, change)
  local node = node_of(world, instance)
  if node then world.coreweave.store:change(Node, node, change) end
end

local function ready(world, instance)
  turn(instance, "ready")
  local now = world.coreweave.store:now()
  change_node(world, instance, function(node)
    state.condition(node, "Ready", "True", "KubeletReady", "kubelet is posting ready status", now)
  end)
  pools.settle(world)
end

-- The node is seen by the cluster, with the labels that can be selected by (§3.5).
local function register(world, instance)
  local cluster, kind, spec = world.coreweave, instance.type, instance.spec
  local labels = { ["compute.coreweave.com/node-pool"] = instance.label, ["kubernetes.io/hostname"] =
    instance.id, ["node.kubernetes.io/instance-type"] = kind.name, ["node.coreweave.cloud/class"] =
    kind.gpus > 0 and "gpu" or "cpu", ["topology.kubernetes.io/zone"] = catalog.ZONE,
    ["topology.kubernetes.io/region"] = catalog.ZONE:match "^(.-)%-%d", ["gpu.nvidia.com/class"] =
    kind.gpus > 0 and kind.class or nil, ["gpu.nvidia.com/count"] = kind.gpus > 0 and tostring(kind.gpus)
    or nil, ["gpu.nvidia.com/vram"] = kind.gpus > 0 and tostring(kind.memory) or nil }
  for name, value in pairs(spec.nodeLabels or {}) do -- order: free
    labels[name] = value
  end
  local taints = json.array { kind.gpus > 0 and { key = "nvidia.com/gpu", effect = "NoSchedule" } or nil }
  if instance.is_bid then
    taints[#taints + 1] = { key = "qos.coreweave.cloud/interruptable", effect = "NoExecute" }
  end
  table.move(spec.nodeTaints or {}, 1, #(spec.nodeTaints or {}), #taints + 1, taints)
  local amounts = { cpu = "128", memory = "1056Gi", pods = "110", ["nvidia.com/gpu"] = tostring(kind.gpus) }
  local node = cluster.store:add(Node, { metadata = { name = instance.id, labels = labels },
    spec = { taints = taints }, status = { capacity = amounts, allocatable = amounts, addresses = json.array {
      { type = "InternalIP", address = instance.ip }, { type = "Hostname", address = instance.id } } } })
  cluster.store:change(Node, node, function(copy)
    state.condition(copy, "Ready", "False", "KubeletNotReady", "container runtime network not ready",
      cluster.store:now())
  end)
  turn(instance, "registered")
end

local SLOW = faults:kind("boot.slow", "`seconds` more")
local UNHEALTHY = faults:kind("boot.unhealthy", "the node is never Ready; it bills")
local OUTBID = faults:kind("spot.outbid", "a spot node is reclaimed `seconds` after it was taken")

local function boot(world, instance)
  local context, seconds = pools.context(instance), world.settings.boot_seconds
  local slow = SLOW:take(world, context)
  seconds = seconds + (slow and slow.seconds or 0)
  turn(instance, "provisioning")
  later(world, instance, seconds * 0.4, function()
    register(world, instance)
    if not UNHEALTHY:take(world, context) then later(world, instance, seconds * 0.3, ready) end
  end)
  local outbid = instance.is_bid and OUTBID:take(world, context)
  if outbid then
    world:after(outbid.seconds or 0, function() pools.reclaim(world, instance) end)
  end
end

-- The pool gets a node. → whether there was one
local function take(world, pool, kind)
  local cluster, class = world.coreweave, pool.spec.computeClass
  if kind.free <= 0 or not kind.prices[class] or cluster.starved[pool.metadata.uid] then return false end
  kind.free = kind.free - 1
  local instance = { id = "g" .. cluster.random:hex(6), cloud = "coreweave", account = world.owner.id,
    label = pool.metadata.name, pool = pool.metadata.uid, type = kind, is_bid = class == "spot",
    spec = pool.spec, hourly = kind.prices[class], created_at = world.time, visible_at = world.time,
    ip = ("10.16.%d.%d"):format(cluster.random:int(0, 255), cluster.random:int(2, 254)),
    forwards = {}, env = {}, args = {}, image = "", runtype = "args" }
  cluster:add(instance)
  world.ledger:start({ provider = "coreweave", account = "coreweave " .. instance.account, id = instance.id,
    kind = "gpu", rate = instance.hourly, token = instance.label,
    step = world.settings.coreweave_step }, world.time)
  boot(world, instance)
  return true
end

--- The node is given back, or lost: nothing of it bills any more.
function pools.lose(world, instance)
  if instance.destroyed then return end
  turn(instance, "gone")
  pods.node_gone(world, instance)
  instance.type.free = instance.type.free + 1
  world.ledger:finish(instance.id, nil, world.time)
  local node = node_of(world, instance)
  if node then world.coreweave.store:remove(Node, node) end
  world.coreweave:lose(instance, world.time)
end

-- It is drained, and given back a while later.
local function release(world, instance)
  if instance.status == "releasing" then return end
  turn(instance, "releasing")
  change_node(world, instance, function(node) node.spec.unschedulable = true end)
  pods.evict(world, instance)
  if world.settings.coreweave_bill_until == "request" then
    world.ledger:finish(instance.id, nil, world.time)
  end
  later(world, instance, world.settings.coreweave_release_seconds, function()
    pools.lose(world, instance)
    pools.settle(world)
  end)
end

--- A spot node is taken back (§3.8): cordoned and told of, after 2 minutes its pods are evicted, after 7 it
--- is gone. Its pool gets another one when there is one.
function pools.reclaim(world, instance)
  if instance.destroyed then return end
  turn(instance, "reclaimed")
  change_node(world, instance, function(node)
    node.spec.unschedulable = true
    state.condition(node, "SpotReclaim", "True", "Preempted", "the node is being reclaimed",
      world.coreweave.store:now())
  end)
  later(world, instance, 120, function() pods.evict(world, instance) end)
  later(world, instance, 420, function()
    pools.lose(world, instance)
    local pause = world.settings.coreweave_refill_seconds
    world.coreweave.refill_at = world.time + world:scaled(pause)
    world:after(pause, pools.settle)
  end)
end

local function nodes_of(world, pool)
  local list = {}
  for _, instance in ipairs(world.coreweave:each()) do
    list[#list + 1] = instance.pool == pool.metadata.uid and instance or nil
  end
  return list
end

local function kept(nodes)
  local list = {}
  for _, instance in ipairs(nodes) do
    list[#list + 1] = instance.status ~= "releasing" and instance or nil
  end
  return list
end

-- An autoscaled pool wants a node more for a pod that waits for it, and one less when a node is idle.
local function autoscale(world, pool, nodes)
  local spec, wanted = pool.spec, pool.spec.targetNodes
  for _, instance in ipairs(nodes) do
    local idle = instance.status == "ready" and not pods.on(world, instance)
    instance.idle_since = idle and (instance.idle_since or world.time) or nil
    local left = idle and instance.idle_since
      + world:scaled(world.settings.coreweave_idle_seconds) - world.time
    if left and left <= 0 and wanted > (spec.minNodes or 0) then
      wanted, instance.surplus = wanted - 1, true
    elseif left and left > 0 and not instance.idle_watched then
      instance.idle_watched = true
      world:at(world.time + left, function()
        instance.idle_watched = nil
        pools.settle(world)
      end)
    end
  end
  if wanted == #nodes and wanted < (spec.maxNodes or 0) and pods.waiting_for(world, pool) then
    wanted = wanted + 1
  end
  if wanted == spec.targetNodes then return pool end
  return world.coreweave.store:change(NodePool, pool, function(copy) copy.spec.targetNodes = wanted end)
end

local function fewer(world, nodes, wanted)
  table.sort(nodes, function(a, b)
    if (a.surplus or false) ~= (b.surplus or false) then return a.surplus == true end
    return a.id < b.id
  end)
  for i = 1, #nodes - wanted do
    release(world, nodes[i])
  end
end

local function tell_pool(world, pool, valid, short)
  local now, nodes = world.coreweave.store:now(), nodes_of(world, pool)
  world.coreweave.store:change(NodePool, pool, function(copy)
    copy.status.currentNodes, copy.status.inProgress = #kept(nodes), 0
    state.condition(copy, "Validated", valid and "True" or "False", valid and "Valid" or "Invalid",
      valid and "" or "instance type does not exist in zone", now)
    state.condition(copy, "Capacity", short and "False" or "True", short and "InsufficientCapacity"
      or "Sufficient", "", now)
    state.condition(copy, "AtTarget", #kept(nodes) == copy.spec.targetNodes and "True" or "False",
      #kept(nodes) == copy.spec.targetNodes and "AtTarget" or "PendingUpdate", "", now)
  end)
end

local function settle_pool(world, pool)
  local cluster, kind = world.coreweave, world.coreweave.types[pool.spec.instanceType]
  local ending = pool.metadata.deletionTimestamp ~= nil
  if cluster.zombies[pool.metadata.uid] then return end
  local nodes = kept(nodes_of(world, pool))
  if pool.spec.autoscaling and not ending then pool = autoscale(world, pool, nodes) end
  local wanted, short = ending and 0 or pool.spec.targetNodes, false
  fewer(world, nodes, wanted)
  if (cluster.refill_at or 0) <= world.time then
    for _ = #nodes + 1, kind and wanted or 0 do
      short = not take(world, pool, kind) or short
    end
  end
  tell_pool(world, pool, kind ~= nil, short)
  if ending and #nodes_of(world, pool) == 0 then
    pool = cluster.store:get(NodePool, nil, pool.metadata.name)
    cluster.store:unfinish(NodePool, pool, defaults.POOL_FINALIZER)
  end
end

--- Somebody looks at a pool whose delete was acknowledged and not done: with its last look it is done.
function pools.looked(world, pool)
  local zombies, uid = world.coreweave.zombies, pool.metadata.uid
  if not zombies[uid] then return end
  zombies[uid] = zombies[uid] - 1
  if zombies[uid] < 0 then
    zombies[uid] = nil
    pools.settle(world)
  end
end

--- Everything does what it has to do next: pools, pods, Services, claims.
function pools.settle(world)
  local cluster = world.coreweave
  for _, pool in ipairs(cluster.store:all(NodePool)) do
    settle_pool(world, pool)
  end
  sets.settle(world)
  pods.settle(world)
  claims.settle(world)
end

pods.cluster = pools.settle -- what follows when a pod ends of itself: its node may be one too many

return pools
