-- SPDX-License-Identifier: MIT
--- What the fields of GraphQL say and do (facts/runpod.md §2.4–2.12); pods are those of REST. resolve.query
--- and resolve.mutation: name → function(call, arguments) → value, or nil and the sentence of an error.
local answers = require "cloudsim.runpod.answers"
local clock = require "base.clock"
local catalog = require "cloudsim.runpod.catalog"
local create = require "cloudsim.runpod.create"
local data = require "cloudsim.runpod.data"
local json = require "base.json"
local life = require "cloudsim.runpod.life"
local pods = require "cloudsim.runpod.pods"
local sorted = require "base.sorted"
local view = require "cloudsim.runpod.view"

local resolve = { query = {}, mutation = {} }

local UNKNOWN = "Something went wrong. Please try again later or contact support."
local STOCK = { NONE = nil, LOW = "Low", MEDIUM = "Medium", HIGH = "High" }
-- what is intended, not what is
local DESIRED = { PROVISIONING = "RUNNING", STARTING = "RUNNING", RUNNING = "RUNNING", EXITED = "EXITED",
  ERROR = "DEAD", TERMINATED = "TERMINATED" }

local function runtime(world, instance)
  if instance.status ~= "RUNNING" or not instance.runtime then return nil end
  local ports, gpus = {}, {}
  for i, row in ipairs(view.ports(world, instance)) do
    ports[i] = { ip = row.ip, isIpPublic = row.type == "tcp", privatePort = row.private,
      publicPort = row.public, type = row.type }
  end
  for i = 1, instance.count do
    gpus[i] = { id = "GPU-" .. i, gpuUtilPercent = 0, memoryUtilPercent = 0 }
  end
  return { uptimeInSeconds = math.floor(world.time - instance.started_at), ports = json.array(ports),
    gpus = json.array(gpus), container = { cpuPercent = 1, memoryPercent = 2 } }
end

local function environment(instance)
  local list = {}
  for name, value in sorted(instance.variables) do
    list[#list + 1] = name .. "=" .. value
  end
  return json.array(list)
end

local function pod_view(call, instance)
  local world, state = call.world, call.state
  local volume = instance.mounts.persistent
  return {
    id = instance.id, name = instance.name, desiredStatus = DESIRED[instance.status],
    costPerHr = instance.rate, adjustedCostPerHr = life.cost(instance), gpuCount = instance.count,
    uptimeSeconds = instance.started_at and math.floor(world.time - instance.started_at) or 0, vcpuCount = 8,
    memoryInGb = 62, podType = "RESERVED", ports = table.concat(instance.port_texts, ","),
    machineId = instance.place, dockerArgs = instance.args_text, env = environment(instance),
    imageName = instance.image, containerDiskInGb = instance.disk, volumeInGb = volume and volume.size or 0,
    volumeMountPath = volume and volume.path, locked = instance.locked, runtime = runtime(world, instance),
    lastStartedAt = instance.started_at and state:iso(instance.started_at),
    machine = { gpuDisplayName = instance.type.name, location = state:country(instance.place),
      podHostId = instance.id .. "-64411eb2", gpuTypeId = instance.type.id, costPerHr = instance.rate },
  }
end

function resolve.query.myself(call)
  if not call.key then return nil end
  if call.key.kind ~= "account" then return nil, "Unauthorized" end
  local world, list, spend = call.world, {}, 0.0
  for i, instance in ipairs(call.state:each(call.account.id)) do
    list[i], spend = pod_view(call, instance), spend + life.cost(instance)
  end
  return { id = "user_" .. call.account.id, email = call.account.email, spendLimit = 80,
    clientBalance = world:credit(call.account), currentSpendPerHr = spend, notifyPodsStale = true,
    notifyPodsGeneral = true, notifyLowBalance = true, pods = json.array(list) }
end

function resolve.query.pod(call, args)
  local instance = call.key and call.account and args.input and call.state.instances[args.input.podId]
  return instance and instance.account == call.account.id and pod_view(call, instance) or nil
end

-- The places of a question for the lowest price.
local function matching(call, kind, asked, secure)
  local free = 0
  for place, cards in sorted(call.state.places(kind, secure and "SECURE" or "COMMUNITY")) do
    if (not asked.dataCenterId or asked.dataCenterId == place)
      and (not asked.countryCode or asked.countryCode == call.state:country(place)) then
      free = math.max(free, cards)
    end
  end
  return free
end

local function lowest_price(call, kind)
  return function(args)
    local asked, best = args.input or { gpuCount = 1 }, nil
    for _, secure in ipairs { true, false } do
      if asked.secureCloud == nil or asked.secureCloud == secure then
        local price = secure and kind.secure or kind.community
        local free = matching(call, kind, asked, secure)
        if price > 0 and free >= asked.gpuCount and (not best or price < best.price) then
          best = { price = price, free = free }
        end
      end
    end
    local counts = {}
    for _, count in ipairs { 1, 2, 4, 8 } do
      counts[#counts + 1] = best and count <= best.free and count or nil
    end
    return { gpuName = kind.name, gpuTypeId = kind.id, countryCode = asked.countryCode,
      uninterruptablePrice = best and best.price * asked.gpuCount,
      stockStatus = best and STOCK[catalog.level(best.free, asked.gpuCount)], minVcpu = best and 6,
      minMemory = best and 41, availableGpuCounts = json.array(counts),
      gpuTypeCudaVersions = json.array {} }
  end
end

local function type_view(call, kind)
  return { id = kind.id, displayName = kind.name, manufacturer = kind.manufacturer:gsub("NVIDIA", "Nvidia"),
    memoryInGb = kind.memory, secureCloud = kind.secure > 0, communityCloud = kind.community > 0,
    securePrice = kind.secure > 0 and kind.secure or nil, minPodGpuCount = 1,
    communityPrice = kind.community > 0 and kind.community or nil,
    maxGpuCount = kind.most.secure, maxGpuCountSecureCloud = kind.most.secure,
    maxGpuCountCommunityCloud = kind.most.community, lowestPrice = lowest_price(call, kind),
    nodeGroupDatacenters = json.array {} }
end

function resolve.query.gpuTypes(call, args)
  local asked, list = args.input or {}, {}
  for _, kind in ipairs(call.state.types) do
    local wanted = asked.id == nil and asked.ids == nil or asked.id == kind.id
    for _, id in ipairs(asked.ids or {}) do
      wanted = wanted or id == kind.id
    end
    list[#list + 1] = wanted and type_view(call, kind) or nil
  end
  if asked.id == nil and asked.ids == nil then
    list[#list + 1] = { id = "unknown", displayName = "unknown", memoryInGb = 0, secureCloud = false,
      communityCloud = false, nodeGroupDatacenters = json.array {} }
  end
  return json.array(list)
end

function resolve.query.dataCenters(call)
  local list = {}
  for i, centre in ipairs(call.state.centres) do
    local gpus = {}
    for _, kind in ipairs(call.state.types) do
      local free = kind.stock[centre.id]
      gpus[#gpus + 1] = free and { gpuTypeId = kind.id, displayName = kind.name,
        stockStatus = STOCK[catalog.level(free, 1)], available = free > 0 } or nil
    end
    list[i] = { id = centre.id, name = centre.name, location = centre.country, listed = true,
      region = centre.region, globalNetwork = centre.global, gpuAvailability = json.array(gpus) }
  end
  return json.array(list)
end

function resolve.query.countryCodes() return json.array(data.COUNTRY_CODES) end

-- The body of REST's create for an input of GraphQL.
local function body_of(asked, cloud)
  local ports, env = {}, {}
  for text in (asked.ports or ""):gmatch("[^,%s]+") do
    ports[#ports + 1] = text
  end
  for _, pair in ipairs(asked.env or {}) do
    env[pair.key] = pair.value
  end
  local volume = (asked.volumeInGb or 0) > 0
    and { persistent = { size = asked.volumeInGb, path = asked.volumeMountPath or "/workspace" } }
  return { name = asked.name or asked.imageName, image = asked.imageName, args = asked.dockerArgs,
    disk = asked.containerDiskInGb, ports = ports, env = env, mounts = volume or nil, cloud = cloud,
    dataCenterIds = asked.dataCenterId and { asked.dataCenterId } or nil, startSsh = asked.startSsh,
    gpu = { id = asked.gpuTypeId, count = asked.gpuCount or 1,
      allowedCudaVersions = asked.allowedCudaVersions, minCudaVersion = asked.minCudaVersion } }
end

-- The sentence in an answer of REST; an answer that is none of its own stays one.
local function sentence_of(answer)
  local body = answer.body and json.decode(answer.body)
  local detail = body and body.detail
  return detail ~= answers.CAPACITY and detail or detail and answers.CAPACITY or UNKNOWN
end

-- What the cloud does by itself at a moment that was given at the create (§2.7).
local function ends_by_itself(world, instance, asked)
  for name, act in sorted { stopAfter = life.stop, terminateAfter = life.destroy } do
    local at = asked[name] and clock.parse_iso(asked[name])
    if at then
      world:at(at, function()
        if not instance.destroyed then act(world, instance) end
      end)
    end
  end
end

function resolve.mutation.podFindAndDeployOnDemand(call, args)
  local asked = args.input or {}
  if not call.key or call.key.kind ~= "account" then return nil, "Unauthorized" end
  if not asked.imageName or not asked.gpuTypeId then return nil, UNKNOWN end
  local clouds = asked.cloudType == "ALL" and { "SECURE", "COMMUNITY" } or { asked.cloudType or "SECURE" }
  local instance, answer
  for _, cloud in ipairs(clouds) do
    if not instance then
      call.body = body_of(asked, cloud)
      local sentence = create.conflict(call.body)
      if type(sentence) == "string" then return nil, sentence end
      instance, answer = create.deploy(call)
    end
  end
  if answer then return nil, sentence_of(answer) end
  ends_by_itself(call.world, instance, asked)
  return pod_view(call, instance)
end

function resolve.mutation.podRentInterruptable()
  return nil, "Spot pods are no longer supported."
end
resolve.mutation.podBidResume = resolve.mutation.podRentInterruptable

-- The caller's pod, or nil and the sentence.
local function own(call, args, sentence)
  call.args = { args.input.podId }
  local instance = call.key and pods.find(call, args.input.podId)
  if not instance or call.key.kind == "instance" and call.key.instance ~= instance.id then
    return nil, sentence
  end
  return instance
end

function resolve.mutation.podTerminate(call, args)
  local instance, sentence = own(call, args, "pod not found to terminate")
  if not instance then return nil, sentence end
  local answer = pods.terminate(call, instance)
  return nil, answer.status ~= 204 and sentence_of(answer) or nil
end

local function transition(word)
  return function(call, args)
    local instance, sentence = own(call, args, "pod not found")
    if not instance then return nil, sentence end
    local answer = pods.transition(call, instance, word)
    if answer then return nil, sentence_of(answer) end
    return pod_view(call, instance)
  end
end
resolve.mutation.podStop, resolve.mutation.podResume = transition "stop", transition "start"

return resolve
