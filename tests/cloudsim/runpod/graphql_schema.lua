-- SPDX-License-Identifier: MIT
--- What GraphQL knows: which fields a type has, which arguments they take. An operation is held against it
--- before anything is done, as a real server does.
local json = require "base.json"
local sorted = require "base.sorted"

local schema = {}

-- "name" is a scalar, "name:Type" has fields; arguments stand in ARGUMENTS.
local function fields(words)
  local map = {}
  for word in words:gmatch("%S+") do
    local name, kind = word:match("^(%w+):?(%w*)$")
    map[name] = kind ~= "" and kind or true
  end
  return map
end

local TYPES = {
  query = fields "myself:User gpuTypes:GpuType dataCenters:DataCenter countryCodes pod:Pod",
  mutation = fields [[podFindAndDeployOnDemand:Pod podRentInterruptable:Pod podBidResume:Pod podStop:Pod
    podResume:Pod podTerminate]],
  User = fields [[id email clientBalance currentSpendPerHr spendLimit notifyPodsStale notifyPodsGeneral
    notifyLowBalance pods:Pod]],
  GpuType = fields [[id displayName manufacturer memoryInGb cudaCores secureCloud communityCloud securePrice
    communityPrice clusterPrice oneWeekPrice oneMonthPrice threeMonthPrice sixMonthPrice oneYearPrice
    communitySpotPrice secureSpotPrice maxGpuCount maxGpuCountSecureCloud maxGpuCountCommunityCloud
    minPodGpuCount throughput lowestPrice:LowestPrice nodeGroupDatacenters:DataCenter]],
  LowestPrice = fields [[gpuName gpuTypeId uninterruptablePrice minimumBidPrice stockStatus minVcpu minMemory
    minDisk availableGpuCounts compliance countryCode gpuTypeCudaVersions:CudaVersion]],
  CudaVersion = fields "cudaVersion availability",
  DataCenter = fields "id name location listed region globalNetwork gpuAvailability:GpuAvailability",
  GpuAvailability = fields "gpuTypeId displayName stockStatus available",
  Pod = fields [[id name desiredStatus costPerHr adjustedCostPerHr lastStatusChange uptimeSeconds gpuCount
    vcpuCount memoryInGb podType port ports machineId dockerId dockerArgs env imageName containerDiskInGb
    volumeInGb volumeMountPath lastStartedAt locked latestTelemetry:Telemetry runtime:Runtime
    machine:Machine]],
  Telemetry = fields "state time",
  Runtime = fields "uptimeInSeconds ports:RuntimePort gpus:RuntimeGpu container:RuntimeContainer",
  RuntimePort = fields "ip isIpPublic privatePort publicPort type",
  RuntimeGpu = fields "id gpuUtilPercent memoryUtilPercent",
  RuntimeContainer = fields "cpuPercent memoryPercent",
  Machine = fields "gpuDisplayName location podHostId gpuTypeId costPerHr",
}

-- An input: "name:Kind" with Kind String Int Float Boolean Enum Date, [Kind] or an input's name; `!` needed.
local function input(words)
  local map = {}
  for word in words:gmatch("%S+") do
    local name, kind, needed = word:match("^(%w+):([%w%[%]]+)(!?)$")
    map[name] = { kind = kind, needed = needed == "!" }
  end
  return map
end

local INPUTS = {
  GpuTypeFilter = input "id:String ids:[String] cluster:Boolean",
  GpuLowestPriceInput = input [[gpuCount:Int! secureCloud:Boolean dataCenterId:String countryCode:String
    minDisk:Int totalDisk:Int minMemoryInGb:Int minVcpuCount:Int minCudaVersion:String
    allowedCudaVersions:[String] compliance:[Enum] supportPublicIp:Boolean minDownload:Int minUpload:Int]],
  EnvironmentVariableInput = input "key:String! value:String!",
  PodFindAndDeployOnDemandInput = input [[cloudType:Enum gpuCount:Int gpuTypeId:String name:String
    imageName:String dockerArgs:String ports:String env:[EnvironmentVariableInput] containerDiskInGb:Int
    volumeInGb:Int volumeMountPath:String minVcpuCount:Int minMemoryInGb:Int minDownload:Int minUpload:Int
    minDisk:Int dataCenterId:String countryCode:String supportPublicIp:Boolean startSsh:Boolean
    startJupyter:Boolean templateId:String networkVolumeId:String containerRegistryAuthId:String
    allowedCudaVersions:[String] minCudaVersion:String compliance:[Enum] deployCost:Float volumeKey:String
    stopAfter:Date terminateAfter:Date]],
  PodFilter = input "podId:String!",
  PodResumeInput = input "podId:String! gpuCount:Int",
  PodBidResumeInput = input "podId:String! bidPerGpu:Float! gpuCount:Int",
}
INPUTS.PodRentInterruptableInput = setmetatable({ bidPerGpu = { kind = "Float" } },
  { __index = INPUTS.PodFindAndDeployOnDemandInput })

-- "Type.field" → { argument = kind }
local ARGUMENTS = {
  ["query.gpuTypes"] = input "input:GpuTypeFilter", ["query.pod"] = input "input:PodFilter",
  ["GpuType.lowestPrice"] = input "input:GpuLowestPriceInput",
  ["mutation.podFindAndDeployOnDemand"] = input "input:PodFindAndDeployOnDemandInput",
  ["mutation.podRentInterruptable"] = input "input:PodRentInterruptableInput!",
  ["mutation.podBidResume"] = input "input:PodBidResumeInput!",
  ["mutation.podStop"] = input "input:PodFilter!", ["mutation.podResume"] = input "input:PodResumeInput!",
  ["mutation.podTerminate"] = input "input:PodFilter!",
}

local VALIDATION, INPUT = "GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"

local function wrong(code, message, ...)
  error({ message = message:format(...), code = code }, 0)
end

local SCALARS = { String = "string", Boolean = "boolean", Date = "string", Enum = "string" }

local function scalar(kind, value, path)
  local good
  if kind == "Int" then
    good = math.type(value) == "integer"
  elseif kind == "Float" then
    good = type(value) == "number"
  else
    good = type(value) == SCALARS[kind]
  end
  if not good then wrong(INPUT, '%s cannot represent the value of "%s"', kind, path) end
  return value
end

-- The checked plain value of an input. value: plain, of a variable
local function coerce(kind, value, path)
  if value == json.null then return nil end
  local inner = kind:match("^%[(.+)%]$")
  if inner then
    local list = {}
    for i, each in ipairs(type(value) == "table" and value or { value }) do
      list[i] = coerce(inner, each, path)
    end
    return list
  elseif not INPUTS[kind] then
    return scalar(kind, value, path)
  elseif type(value) ~= "table" then
    wrong(INPUT, 'Expected type "%s" to be an object at "%s"', kind, path)
  end
  local out = {}
  for name, each in sorted(value) do
    local known = INPUTS[kind][name]
    if not known then wrong(INPUT, 'Field "%s" is not defined by type "%s".', tostring(name), kind) end
    out[name] = coerce(known.kind, each, path .. "." .. name)
  end
  for name, known in sorted(INPUTS[kind]) do
    if known.needed and out[name] == nil then
      wrong(INPUT, 'Field "%s" of required type was not provided at "%s".', name, path)
    end
  end
  return out
end

-- An enum is written without quotes; what is a text is written with them.
local function written(kind, value, path)
  local bare = kind:gsub("[%[%]]", "")
  if value.is == "enum" and bare ~= "Enum" then
    wrong(VALIDATION, '%s cannot represent a non string value: %s at "%s"', bare, value.value, path)
  elseif value.is == "string" and bare == "Enum" then
    wrong(VALIDATION, 'Enum cannot represent non-enum value: "%s" at "%s"', value.value, path)
  end
end

-- The plain value of a literal, its variables filled in.
local function plain(kind, value, variables, path)
  if value.is == "variable" then
    if variables[value.value] == nil then return json.null end
    return variables[value.value]
  end
  local inner = kind:match("^%[(.+)%]$") or kind
  if value.is == "list" then
    local list = {}
    for i, each in ipairs(value.value) do
      list[i] = plain(inner, each, variables, path)
    end
    return list
  elseif value.is == "object" then
    local out = {}
    for name, each in sorted(value.value) do
      local known = INPUTS[inner] and INPUTS[inner][name]
      if not known then wrong(VALIDATION, 'Field "%s" is not defined by type "%s".', name, inner) end
      out[name] = plain(known.kind, each, variables, path .. "." .. name)
    end
    return out
  end
  written(kind, value, path)
  return value.value
end

local function arguments(owner, field, variables)
  local known, values = ARGUMENTS[owner .. "." .. field.name] or {}, {}
  for name, value in sorted(field.args) do
    if not known[name] then
      wrong(VALIDATION, 'Unknown argument "%s" on field "%s.%s".', name, owner, field.name)
    end
    local kind = known[name].kind
    values[name] = coerce(kind, plain(kind, value, variables, name), name)
  end
  for name, one in sorted(known) do
    if one.needed and values[name] == nil then
      wrong(VALIDATION, 'Field "%s" argument "%s" is required, but it was not provided.', field.name, name)
    end
  end
  return values
end

local function selection(owner, list, variables)
  for _, field in ipairs(list) do
    local kind = TYPES[owner][field.name]
    if not kind then
      wrong(VALIDATION, 'Cannot query field "%s" on type "%s".', field.name, owner)
    end
    field.values = arguments(owner, field, variables)
    if kind == true and field.fields then
      wrong(VALIDATION, 'Field "%s" must not have a selection.', field.name)
    elseif kind ~= true and not field.fields then
      wrong(VALIDATION, 'Field "%s" of type "%s" must have a selection of subfields.', field.name, kind)
    elseif field.fields then
      selection(kind, field.fields, variables)
    end
  end
end

-- The variables with their defaults; each that is needed is there.
local function filled(operation, variables)
  local values = {}
  for _, one in ipairs(operation.variables) do
    local value = variables[one.name]
    if value == nil and one.default then
      value = one.default.value
    end
    if one.type:find("!$") and (value == nil or value == json.null) then
      wrong(INPUT, 'Variable "$%s" of required type "%s" was not provided.', one.name, one.type)
    end
    values[one.name] = value == nil and json.null or value
  end
  return values
end

--- Holds an operation against the schema and fills in its arguments (field.values). → nil, or a sentence and
--- its code
function schema.check(operation, variables)
  local ok, problem = pcall(function()
    selection(operation.kind, operation.fields, filled(operation, variables))
  end)
  if ok then return nil end
  if type(problem) == "table" and problem.code then return problem.message, problem.code end
  error(problem, 0)
end

return schema
