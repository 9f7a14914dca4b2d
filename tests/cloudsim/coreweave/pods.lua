-- SPDX-License-Identifier: MIT
--- The scheduler and the kubelet: a pod goes to a node that fits it, pulls its image, runs as a process,
--- ends, starts again as its policy says, is evicted, or deleted. A run is { uid, namespace, name, instance,
--- restarts, over }. Unlike a real node, one here runs one pod at a time, which is the machine; besides it
--- those that a controller made (`crew` of the node), each a machine of its own with the cards it asked for.
local content = require "cloudsim.coreweave.content"
local ends = require "cloudsim.machine.ends"
local fits = require "cloudsim.coreweave.fits"
local json = require "base.json"
local kinds = require "cloudsim.kinds"
local resources = require "cloudsim.coreweave.resources"
local selectors = require "cloudsim.coreweave.selectors"
local services = require "cloudsim.coreweave.services"
local sorted = require "base.sorted"
local state = require "cloudsim.coreweave.state"

-- cluster(world): what follows when a pod ends of itself; cloudsim.coreweave.pools puts it here
local pods = {}
local faults = kinds.of "coreweave"
local Pod = resources.Pod

local PULL = 0.3 -- of boot_seconds
local NODELESS = 40 -- seconds until a pod is given up whose node does not exist
local RESTART = 10 -- seconds until an ended container starts again

-- Was a pod made by a controller, one of several?
local function crewed(pod)
  local owner = (pod.metadata.ownerReferences or {})[1]
  return owner ~= nil and owner.controller == true
end

local function live(world, run)
  local pod = world.coreweave.store:get(Pod, run.namespace, run.name)
  return pod and pod.metadata.uid == run.uid and pod or nil
end

local function taken(instance) return instance.run ~= nil and not instance.run.over end

-- The runs of a node that are not over.
local function runs_on(instance)
  local list = { taken(instance) and instance.run or nil }
  for _, each in ipairs(instance.crew or {}) do
    if taken(each) then list[#list + 1] = each.run end
  end
  return list
end

--- Whether a pod is on that node.
function pods.on(_, instance) return #runs_on(instance) > 0 end

-- Cards of a node that no pod has.
local function free_cards(world, instance)
  local free = instance.type.gpus
  for _, run in ipairs(runs_on(instance)) do
    local pod = live(world, run)
    free = free - (pod and fits.cards(pod) or 0)
  end
  return free
end

-- → instance, or nil and why not
local function place_for(world, pod)
  local why, number = "no nodes available to schedule pods", 0
  for _, instance in ipairs(world.coreweave:each()) do
    local node = world.coreweave.store:get(resources.Node, nil, instance.id)
    if node then
      number = number + 1
      local wrong = fits.why_not(pod, node, free_cards(world, instance))
      if not wrong and instance.status == "ready" and (crewed(pod) or not taken(instance)) then
        return instance
      end
      why = wrong or instance.status ~= "ready" and "node(s) had untolerated taint "
        .. "{node.kubernetes.io/not-ready: }" or "Too many pods"
    end
  end
  return nil, number == 0 and why or ("0/%d nodes are available: %s"):format(number, why)
end

--- Whether some node would take a small pod of that spec beside what runs there. → true, or nil and why not
function pods.room_for(world, spec)
  local why = "no nodes available to schedule pods"
  for _, instance in ipairs(world.coreweave:each()) do
    local node = world.coreweave.store:get(resources.Node, nil, instance.id)
    if node then
      why = fits.why_not({ spec = spec }, node, 0)
      if not why and instance.status == "ready" then return true end
      why = why or "node(s) had untolerated taint {node.kubernetes.io/not-ready: }"
    end
  end
  return nil, why
end

--- Whether a pod waits that a node of this pool would take.
function pods.waiting_for(world, pool)
  local kind = world.coreweave.types[pool.spec.instanceType]
  local labels = { ["compute.coreweave.com/node-pool"] = pool.metadata.name,
    ["node.kubernetes.io/instance-type"] = pool.spec.instanceType }
  for name, value in pairs(pool.spec.nodeLabels or {}) do -- order: free
    labels[name] = value
  end
  for _, pod in ipairs(world.coreweave.store:all(Pod)) do
    if pod.status.phase == "Pending" and not pod.spec.nodeName and kind and fits.cards(pod) <= kind.gpus
      and selectors.all(pod.spec.nodeSelector, labels) then
      return true
    end
  end
  return false
end

-- Changes the status of a run's pod. → the pod, or nil when there is none any more
local function tell(world, run, change)
  local pod = live(world, run)
  return pod and world.coreweave.store:change(Pod, pod, function(copy)
    change(copy.status, copy)
  end)
end

local function containers(pod, run, one)
  local list = {}
  for i, container in ipairs(pod.spec.containers) do
    list[i] = { name = container.name, image = container.image, imageID = "", restartCount = run.restarts,
      ready = one.running ~= nil and run.ready, started = one.running ~= nil, state = one,
      lastState = json.object {} }
  end
  return list
end

local function phase(world, run, name, one, reason, message)
  return tell(world, run, function(status, pod)
    status.phase, status.reason, status.message = name, reason, message
    status.containerStatuses = containers(pod, run, one)
    local up, now = one.running and run.ready, world.coreweave.store:now()
    for _, kind in ipairs { "Ready", "ContainersReady" } do
      state.condition(pod, kind, up and "True" or "False", not up and "ContainersNotReady" or nil, nil, now)
    end
  end)
end

local function end_process(world, run)
  if run.instance.run ~= run then return end
  ends.process(world, run.instance)
  run.instance.ports = nil
end

-- The run is over: its node is free.
local function over(world, run)
  end_process(world, run)
  run.over = true
  world.coreweave.runs[run.uid] = nil
  services.settle(world)
end

-- Ends a pod without deleting it.
local function fail(world, run, reason, message)
  if run.over then return end
  local code = { terminated = { exitCode = 137, reason = "Error", finishedAt = world.coreweave.store:now() } }
  phase(world, run, "Failed", code, reason, message)
  over(world, run)
end

local OOPS = faults:kind("boot.exited", "the pod's first process ends during the start")
local NO_UDP = faults:kind("boot.no_udp", "UDP ports of its Services do not answer")
local NO_PUSH = faults:kind("boot.no_push", "TCP ports of its Services do not answer")
local LEFT_OUT = faults:kind("pod.stuck", "a pod of several: `ImagePullBackOff` for ever")
local NO_TUNNEL = faults:kind("boot.no_tunnel",
  "a tunnel over TCP does not answer; the guard's program is taken")
local STUCK = faults:kind("boot.stuck", "`ImagePullBackOff` for ever; the node bills")

local function context(run)
  local instance = run.instance
  return { label = instance.label, instance = instance.id, offer = instance.type.name,
    gpu_name = instance.type.class, is_bid = instance.is_bid }
end

local function wait_for(world, run, seconds, fn)
  world:after(seconds, function()
    if not run.over and live(world, run) then fn(world, run) end
  end)
end

-- Seconds of a pod, from its start: then its node ends it. It can become shorter while it runs.
local function watch_deadline(world, run)
  local pod = live(world, run)
  local seconds = pod and pod.spec.activeDeadlineSeconds
  if not seconds or run.deadline == seconds then return end
  run.deadline = seconds
  world:at(run.assigned_at + world:scaled(seconds), function()
    if run.deadline == seconds then
      fail(world, run, "DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
      pods.cluster(world)
    end
  end)
end

local function running(world, run)
  phase(world, run, "Running", { running = { startedAt = run.started_at } })
  services.settle(world)
end

-- What a readiness probe says: a command of the machine, and where nothing runs, that all is well.
local function probe(world, run)
  local pod, restarts = live(world, run), run.restarts
  local look = pod.spec.containers[1].readinessProbe
  local function told(good)
    if run.over or run.restarts ~= restarts or not run.instance.process then return end
    if run.ready ~= good then
      run.ready = good
      running(world, run)
    end
    wait_for(world, run, look.periodSeconds or 10, probe)
  end
  if world.hooks.probe then return world:hook("probe", run.instance, look.exec.command, told) end
  told(true)
end

local function start(world, run)
  local pod, instance = live(world, run), run.instance
  if STUCK:take(world, context(run)) or crewed(pod) and LEFT_OUT:take(world, context(run)) then
    phase(world, run, "Pending", { waiting = { reason = "ImagePullBackOff",
      message = ('Back-off pulling image "%s"'):format(pod.spec.containers[1].image) } })
    return
  end
  local missing = content.fill(world, pod, instance)
  if missing then
    phase(world, run, "Pending", { waiting = { reason = "CreateContainerConfigError", message = missing } })
    wait_for(world, run, RESTART, start)
    return
  end
  instance.process, instance.fresh = true, run.restarts == 0
  run.log_from = run.log_from or #(world:hook("log", instance) or "")
  world:hook("start", instance)
  local look = pod.spec.containers[1].readinessProbe
  run.ready, run.started_at = look == nil, world.coreweave.store:now()
  running(world, run)
  if look then wait_for(world, run, look.periodSeconds or 10, probe) end
  world.coreweave:tell(pod, "Normal", "Started", "Started container " .. pod.spec.containers[1].name)
  if OOPS:take(world, context(run)) then
    wait_for(world, run, 2, function() pods.ended(world, instance, 1) end)
  end
end

-- A machine of its own on a node. Its processes find their node by `on_node`.
local function berth(instance, pod)
  instance.crew, instance.crewed = instance.crew or {}, (instance.crewed or 0) + 1
  local made = setmetatable({ id = ("%s-%d"):format(instance.id, instance.crewed), on_node = instance,
    cards = fits.cards(pod), process = false, ports = {}, forwards = {}, env = {}, args = {}, mounts = {},
    home = false }, { __index = instance })
  table.insert(instance.crew, made)
  return made
end


local function assign(world, pod, node)
  local cluster, meta = world.coreweave, pod.metadata
  local instance = crewed(pod) and berth(node, pod) or node
  local run = { uid = meta.uid, namespace = meta.namespace, name = meta.name, instance = instance,
    restarts = 0, assigned_at = world.time }
  cluster.runs[meta.uid], instance.run = run, run
  instance.udp_blocked = NO_UDP:take(world, context(run)) ~= nil
  instance.tunnel_blocked = NO_TUNNEL:take(world, context(run)) ~= nil
  instance.tcp_blocked = NO_PUSH:take(world, context(run)) ~= nil
  cluster.store:change(Pod, pod, function(copy)
    copy.spec.nodeName = node.id
    copy.status.hostIP = node.ip
    copy.status.podIP = copy.status.podIP or (node.ip:gsub("^10%.16", "10.244"))
    copy.status.startTime = cluster.store:now()
    state.condition(copy, "PodScheduled", "True", nil, nil, cluster.store:now())
  end)
  cluster:tell(pod, "Normal", "Scheduled", ("Successfully assigned %s/%s to %s"):format(meta.namespace,
    meta.name, node.id))
  phase(world, run, "Pending", { waiting = { reason = "ContainerCreating" } })
  wait_for(world, run, world.settings.boot_seconds * PULL, start)
end

local function schedule(world, pod)
  local instance, why = place_for(world, pod)
  if instance then return assign(world, pod, instance) end
  local told = state.told(pod, "PodScheduled")
  world.coreweave.store:change(Pod, pod, function(copy)
    state.condition(copy, "PodScheduled", "False", "Unschedulable", why, world.coreweave.store:now())
  end)
  if told ~= "False" then world.coreweave:tell(pod, "Warning", "FailedScheduling", why) end
end

--- The container's first process has ended.
function pods.ended(world, instance, code)
  local run = instance.run
  if not run or run.over then return end
  local pod = live(world, run)
  instance.process, instance.ports, run.ready = false, nil, false
  world:hook("stop", instance)
  if not pod then return over(world, run) end
  local policy = pod.spec.restartPolicy
  local one = { terminated = { exitCode = code, reason = code == 0 and "Completed" or "Error",
    finishedAt = world.coreweave.store:now() } }
  if not pod.metadata.deletionTimestamp and (policy == "Always" or policy == "OnFailure" and code ~= 0) then
    run.restarts = run.restarts + 1
    phase(world, run, "Running", { waiting = { reason = "CrashLoopBackOff" } })
    wait_for(world, run, RESTART, start)
    return
  end
  phase(world, run, code == 0 and "Succeeded" or "Failed", one)
  over(world, run)
end

--- The node is to be empty: its pods are deleted.
function pods.evict(world, instance)
  for _, run in ipairs(runs_on(instance)) do
    local pod = live(world, run)
    if pod then
      world.coreweave:tell(pod, "Warning", "Preempted", "the pod is evicted from node " .. instance.id)
      fail(world, run, "Evicted", "the node was reclaimed or released")
    end
  end
end

--- The node is no more: what was on it is deleted.
function pods.node_gone(world, instance)
  local store = world.coreweave.store
  for _, run in ipairs(runs_on(instance)) do over(world, run) end
  for _, pod in ipairs(store:all(Pod)) do
    if pod.spec.nodeName == instance.id then store:remove(Pod, pod) end
  end
end

-- A pod that is being deleted: its processes end, and a moment later it is gone.
local function terminate(world, pod)
  local cluster = world.coreweave
  local run = cluster.runs[pod.metadata.uid]
  if run and run.ending then return end
  local wait = run and math.min(pod.metadata.deletionGracePeriodSeconds, 2)
    or pod.spec.nodeName and not cluster:find(pod.spec.nodeName) and NODELESS or 0
  if run then
    run.ending = true
    end_process(world, run)
  end
  world:after(wait, function()
    if run then over(world, run) end
    local now = cluster.store:get(Pod, pod.metadata.namespace, pod.metadata.name)
    if now and now.metadata.uid == pod.metadata.uid then
      cluster.store:change(Pod, now, function(copy) copy.metadata.deletionGracePeriodSeconds = 0 end)
    end
    pods.settle(world)
  end)
end

--- What pods have to do next.
function pods.settle(world)
  local cluster = world.coreweave
  for _, run in sorted(cluster.runs) do
    if not live(world, run) then over(world, run) end
  end
  for _, pod in ipairs(cluster.store:all(Pod)) do
    local run = cluster.runs[pod.metadata.uid]
    if pod.metadata.deletionTimestamp then
      terminate(world, pod)
    elseif run then
      watch_deadline(world, run)
    elseif pod.status.phase == "Pending" and not pod.spec.nodeName then
      schedule(world, pod)
    end
  end
  services.settle(world)
end

--- What a pod has printed, also when it has ended. → text, or nil and why there is none
function pods.log(world, pod)
  local instance = world.coreweave:find(pod.spec.nodeName or "")
  for _, each in ipairs { instance, table.unpack(instance and instance.crew or {}) } do
    local run = each.run
    if run and run.uid == pod.metadata.uid and run.log_from then
      return (world:hook("log", each) or ""):sub(run.log_from + 1)
    end
  end
  return nil, ('container "%s" in pod "%s" is waiting to start: ContainerCreating'):format(
    pod.spec.containers[1].name, pod.metadata.name)
end

return pods
