-- SPDX-License-Identifier: MIT
--- What a pod's first container gets: command, environment, and files from Secrets and ConfigMaps.
local keys = require "base.keys"
local resources = require "cloudsim.coreweave.resources"
local sorted = require "base.sorted"

local content = {}

-- The texts of a Secret or ConfigMap by key, or nil.
local function texts_of(world, kind, namespace, name)
  local object = world.coreweave.store:get(resources[kind], namespace, name)
  if not object then return nil end
  local texts = {}
  for key, value in sorted(object.data or {}) do
    texts[key] = kind == "Secret" and keys.unbase64(value) or value
  end
  for key, value in sorted(object.binaryData or {}) do
    texts[key] = keys.unbase64(value)
  end
  return texts
end

local REFS = { secretRef = "Secret", configMapRef = "ConfigMap", secretKeyRef = "Secret",
  configMapKeyRef = "ConfigMap" }

local function missing(kind, name)
  return ('%s "%s" not found'):format(kind:lower(), name)
end

local FIELDS = {
  ["metadata.name"] = function(pod) return pod.metadata.name end,
  ["metadata.namespace"] = function(pod) return pod.metadata.namespace end,
  ["metadata.uid"] = function(pod) return pod.metadata.uid end,
  ["status.podIP"] = function(pod) return pod.status.podIP end,
  ["spec.nodeName"] = function(pod) return pod.spec.nodeName end,
}

-- → the value of one variable, or nil and what is missing
local function value_of(world, pod, row)
  local from = row.valueFrom
  if not from then return row.value or "" end
  if from.fieldRef then
    local field = FIELDS[from.fieldRef.fieldPath]
    return field and field(pod) or ""
  end
  local name, ref = next(from)
  local texts = texts_of(world, REFS[name], pod.metadata.namespace, ref.name)
  local value = texts and texts[ref.key]
  return value, value == nil and missing(REFS[name], ref.name) or nil
end

-- What a kubelet says of each Service of the namespace: where it is.
local function services_of(world, pod)
  local list = {}
  for _, service in ipairs(world.coreweave.store:all(resources.Service, pod.metadata.namespace)) do
    local spec, port = service.spec, (service.spec.ports or {})[1]
    if pod.spec.enableServiceLinks and port and (spec.clusterIP or "None") ~= "None" then
      local name = service.metadata.name:upper():gsub("%-", "_")
      list[#list + 1] = { name .. "_SERVICE_HOST", spec.clusterIP }
      list[#list + 1] = { name .. "_SERVICE_PORT", tostring(port.port) }
    end
  end
  return list
end

-- A text with $(NAME) of the variables before it; $$ is a $, and what has no value stays.
local function expanded(text, list)
  local values = {}
  for _, pair in ipairs(list) do values[pair[1]] = pair[2] end
  return (text:gsub("%$(%$?)(%b())", function(twice, name)
    return twice == "$" and "$" .. name or values[name:sub(2, -2)] or "$" .. name
  end))
end

local function environment(world, pod, container)
  local list = services_of(world, pod)
  for _, row in ipairs(container.envFrom or {}) do
    for name, ref in sorted(row) do
      if REFS[name] then
        local texts = texts_of(world, REFS[name], pod.metadata.namespace, ref.name)
        if not texts then return nil, missing(REFS[name], ref.name) end
        for key, value in sorted(texts) do
          list[#list + 1] = { key, value }
        end
      end
    end
  end
  for _, row in ipairs(container.env or {}) do
    local value, why = value_of(world, pod, row)
    if not value then return nil, why end
    list[#list + 1] = { row.name, row.valueFrom and value or expanded(value, list) }
  end
  return list
end

-- The files of a volume: { name → text }, or nil and what is missing; an empty directory has none.
local function files_of(world, pod, volume)
  local kind = volume.secret and "Secret" or volume.configMap and "ConfigMap"
  if not kind then return {} end
  local from = volume.secret or volume.configMap
  local name = from.secretName or from.name
  local texts = texts_of(world, kind, pod.metadata.namespace, name)
  if not texts then return nil, missing(kind, name) end
  if not from.items then return texts, nil, from.defaultMode end
  local chosen = {}
  for _, item in ipairs(from.items) do
    chosen[item.path] = texts[item.key]
  end
  return chosen, nil, from.defaultMode
end

local function mounts(world, pod, container)
  local list, volumes = {}, {}
  for _, volume in ipairs(pod.spec.volumes or {}) do
    volumes[volume.name] = volume
  end
  for i, mount in ipairs(container.volumeMounts or {}) do
    local files, why, mode = files_of(world, pod, volumes[mount.name])
    if not files then return nil, why end
    list[i] = { path = mount.mountPath, files = files, mode = mode or 420 }
  end
  return list
end

--- Makes the node's machine what the pod says. → nil, or what is missing
function content.fill(world, pod, instance)
  local container = pod.spec.containers[1]
  local env, no_env = environment(world, pod, container)
  local files, no_files = mounts(world, pod, container)
  if not env or not files then return no_env or no_files end
  instance.image, instance.command, instance.args = container.image, container.command, container.args or {}
  instance.env, instance.mounts, instance.hostname = env, files, pod.metadata.name
  return nil
end

return content
