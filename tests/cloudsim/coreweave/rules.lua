-- SPDX-License-Identifier: MIT
--- What the API server adds to an object that is written, and what it does not take (422).
local json = require "base.json"
local keys = require "base.keys"
local sorted = require "base.sorted"
local status = require "cloudsim.coreweave.status"

local rules = {}

-- Fields whose value is a list, also when it is empty.
local LISTS = {}
for name in ([[args command env envFrom ports volumes volumeMounts tolerations containers initContainers
  imagePullSecrets finalizers ownerReferences conditions nodeTaints taints items addresses secrets sources
  loadBalancerSourceRanges containerStatuses ingress accessModes]]):gmatch "%a+" do
  LISTS[name] = true
end

--- Empty lists are lists again (a decoded `[]` cannot be told from `{}`); null fields vanish. → the value
function rules.tidy(value, name)
  if type(value) ~= "table" then return value end
  for key, item in pairs(value) do -- order: free
    if item == json.null and type(key) == "string" then
      value[key] = nil
    else
      rules.tidy(item, key)
    end
  end
  if next(value) == nil then
    setmetatable(value, getmetatable(LISTS[name] and json.array {} or json.object {}))
  end
  return value
end

local SUBDOMAIN = "an RFC 1123 subdomain has lower case letters, digits, '-' and '.' only"
local LABEL = "a DNS-1035 label begins with a lower case letter and has letters, digits and '-' only"
local LABEL_VALUE = "a label's value has at most 63 letters, digits, '-', '_' and '.'"

local function subdomain(name)
  for part in (name .. "."):gmatch "([^.]*)%." do
    if not part:find "^[a-z0-9][a-z0-9-]*$" or part:find "%-$" then return false end
  end
  return #name <= 253
end

local function good_name(resource, name)
  if resource.key == "services" then
    return name:find "^[a-z][a-z0-9-]*$" and not name:find "%-$" and #name <= 63, LABEL
  end
  if resource.key == "namespaces" and name:find("%.") then return false, "must not contain dots" end
  if resource.group == "rbac.authorization.k8s.io" then
    return not name:find "[/%%]" and name ~= "." and name ~= "..", "not a part of a path"
  end
  return subdomain(name), SUBDOMAIN
end

local function required(causes, field, value)
  if value == nil or value == "" then
    causes[#causes + 1] = { field, "Required value", "FieldValueRequired" }
    return false
  end
  return true
end

local function check_labels(causes, labels)
  for name, value in sorted(labels or {}) do
    local plain = type(value) == "string" and #value <= 63
      and (value == "" or value:find "^%w[%w%.%-_]*$" and value:find "%w$")
    if not plain then
      causes[#causes + 1] = { "metadata.labels",
        ("Invalid value: %s: %s"):format(json.encode(value), LABEL_VALUE) }
    end
    if not name:find "^[%w%.%-_/]+$" then
      causes[#causes + 1] = { "metadata.labels",
        ("Invalid value: %q: name part must consist of alphanumeric characters, '-', '_' or '.'")
          :format(name) }
    end
  end
end

local function not_one_of(causes, field, value, list)
  for _, each in ipairs(list) do
    if value == each then return end
  end
  local said = {}
  for i, each in ipairs(list) do
    said[i] = ('"%s"'):format(each)
  end
  causes[#causes + 1] = { field, ('Unsupported value: "%s": supported values: %s'):format(tostring(value),
    table.concat(said, ", ")), "FieldValueNotSupported" }
end

local function check_mounts(causes, at, container, volumes)
  for i, mount in ipairs(container.volumeMounts or {}) do
    if required(causes, ("%s.volumeMounts[%d].name"):format(at, i - 1), mount.name)
      and not volumes[mount.name] then
      causes[#causes + 1] = { ("%s.volumeMounts[%d].name"):format(at, i - 1),
        ('Not found: "%s"'):format(mount.name), "FieldValueNotFound" }
    end
    required(causes, ("%s.volumeMounts[%d].mountPath"):format(at, i - 1), mount.mountPath)
  end
end

local function check_pod_spec(causes, spec, at)
  local volumes, names = {}, {}
  for _, volume in ipairs(spec.volumes or {}) do
    volumes[volume.name or ""] = true
  end
  if type(spec.containers) ~= "table" or #spec.containers == 0 then
    causes[#causes + 1] = { at .. ".containers", "Required value", "FieldValueRequired" }
    return
  end
  for i, container in ipairs(spec.containers) do
    local here = ("%s.containers[%d]"):format(at, i - 1)
    if required(causes, here .. ".name", container.name) then
      if names[container.name] then
        causes[#causes + 1] = { here .. ".name", ('Duplicate value: "%s"'):format(container.name),
          "FieldValueDuplicate" }
      elseif not subdomain(container.name) or container.name:find "%." then
        causes[#causes + 1] = { here .. ".name",
          ('Invalid value: "%s": a lowercase RFC 1123 label must consist of lower case alphanumeric '
            .. "characters or '-'"):format(container.name) }
      end
      names[container.name] = true
    end
    required(causes, here .. ".image", container.image)
    check_mounts(causes, here, container, volumes)
  end
  not_one_of(causes, at .. ".restartPolicy", spec.restartPolicy, { "Always", "OnFailure", "Never" })
  local deadline = spec.activeDeadlineSeconds
  if deadline and (math.type(deadline) ~= "integer" or deadline < 1) then
    causes[#causes + 1] = { at .. ".activeDeadlineSeconds",
      ("Invalid value: %s: must be between 1 and 2147483647, inclusive"):format(json.encode(deadline)) }
  end
end

local function check_data(causes, object)
  for _, field in ipairs { "data", "binaryData" } do
    for name in sorted(object[field] or {}) do
      if not name:find "^[%w._-]+$" then
        causes[#causes + 1] = { ("%s[%s]"):format(field, name),
          ("Invalid value: %q: a key has letters, digits, '-', '_' and '.' only"):format(name) }
      end
    end
  end
end

local function check_schedule(causes, schedule)
  local _, fields = tostring(schedule):gsub("%S+", "")
  if fields ~= 5 and not tostring(schedule):find "^@" then
    causes[#causes + 1] = { "spec.schedule", ("Invalid value: %q: expected exactly 5 fields"):format(
      tostring(schedule)) }
  end
end

local function check_role(causes, object)
  for i, rule in ipairs(object.rules or {}) do
    for _, name in ipairs(rule.nonResourceURLs and { "verbs" } or { "verbs", "apiGroups", "resources" }) do
      if #(rule[name] or {}) == 0 then required(causes, ("rules[%d].%s"):format(i - 1, name), nil) end
    end
  end
end

-- The template of a Deployment's pods: it must be what is selected, and may not end by itself.
local function check_deployment(causes, object)
  local template, selector = object.spec.template, object.spec.selector
  local pod = type(template) == "table" and template.spec
  if not required(causes, "spec.selector", selector) then return end
  if type(pod) ~= "table" then
    causes[#causes + 1] = { "spec.template.spec.containers", "Required value", "FieldValueRequired" }
    return
  end
  local labels = (template.metadata or {}).labels or {}
  for name, value in pairs(selector.matchLabels or {}) do -- order: free
    if labels[name] ~= value then
      causes[#causes + 1] = { "spec.template.metadata.labels",
        "Invalid value: `selector` does not match template `labels`" }
      break
    end
  end
  check_pod_spec(causes, pod, "spec.template.spec")
  if pod.restartPolicy ~= "Always" then
    causes[#causes + 1] = { "spec.template.spec.restartPolicy",
      ('Unsupported value: "%s": supported values: "Always"'):format(pod.restartPolicy),
      "FieldValueNotSupported" }
  end
  if pod.activeDeadlineSeconds then
    causes[#causes + 1] = { "spec.template.spec.activeDeadlineSeconds",
      "Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported", "FieldValueForbidden" }
  end
end

local CHECKS = {
  ["deployments.apps"] = check_deployment,
  configmaps = check_data,
  ["roles.rbac.authorization.k8s.io"] = check_role,
  ["clusterroles.rbac.authorization.k8s.io"] = check_role,
  ["rolebindings.rbac.authorization.k8s.io"] = function(causes, object)
    not_one_of(causes, "roleRef.kind", (object.roleRef or {}).kind, { "ClusterRole", "Role" })
  end,
  ["clusterrolebindings.rbac.authorization.k8s.io"] = function(causes, object)
    not_one_of(causes, "roleRef.kind", (object.roleRef or {}).kind, { "ClusterRole" })
  end,
  pods = function(causes, object) check_pod_spec(causes, object.spec, "spec") end,
  ["cronjobs.batch"] = function(causes, object)
    local spec = object.spec
    if required(causes, "spec.schedule", spec.schedule) then check_schedule(causes, spec.schedule) end
    local job = type(spec.jobTemplate) == "table" and spec.jobTemplate.spec
    local pod = type(job) == "table" and type(job.template) == "table" and job.template.spec
    if type(pod) ~= "table" then
      causes[#causes + 1] = { "spec.jobTemplate.spec.template.spec", "Required value", "FieldValueRequired" }
      return
    end
    check_pod_spec(causes, pod, "spec.jobTemplate.spec.template.spec")
    if pod.restartPolicy == "Always" then
      causes[#causes + 1] = { "spec.jobTemplate.spec.template.spec.restartPolicy",
        'Required value: valid values: "OnFailure", "Never"', "FieldValueRequired" }
    end
  end,
  persistentvolumeclaims = function(causes, object)
    local spec = object.spec
    if #(spec.accessModes or {}) == 0 then required(causes, "spec.accessModes", nil) end
    local size = ((spec.resources or {}).requests or {}).storage
    required(causes, "spec.resources[storage]", size)
  end,
  services = function(causes, object)
    local spec, seen = object.spec, {}
    if #(spec.ports or {}) == 0 and spec.type ~= "ExternalName" then
      causes[#causes + 1] = { "spec.ports", "Required value", "FieldValueRequired" }
    end
    not_one_of(causes, "spec.type", spec.type, { "ClusterIP", "ExternalName", "LoadBalancer", "NodePort" })
    for i, port in ipairs(spec.ports or {}) do
      local at = ("spec.ports[%d]"):format(i - 1)
      if math.type(port.port) ~= "integer" or port.port < 1 or port.port > 65535 then
        causes[#causes + 1] = { at .. ".port",
          ("Invalid value: %s: must be between 1 and 65535, inclusive"):format(json.encode(port.port or 0)) }
      end
      local target = port.targetPort
      if math.type(target) == "integer" and (target < 1 or target > 65535) then
        causes[#causes + 1] = { at .. ".targetPort",
          ("Invalid value: %d: must be between 1 and 65535, inclusive"):format(target) }
      end
      if #spec.ports > 1 then required(causes, at .. ".name", port.name) end
      not_one_of(causes, at .. ".protocol", port.protocol, { "SCTP", "TCP", "UDP" })
      if seen[port.name or ""] and port.name then
        causes[#causes + 1] = { at .. ".name", ('Duplicate value: "%s"'):format(port.name),
          "FieldValueDuplicate" }
      end
      seen[port.name or ""] = true
    end
  end,
  ["nodepools.compute.coreweave.com"] = function(causes, object)
    local spec = object.spec
    required(causes, "spec.instanceType", spec.instanceType)
    if math.type(spec.targetNodes) ~= "integer" or spec.targetNodes < 0 then
      causes[#causes + 1] = { "spec.targetNodes", spec.targetNodes == nil and "Required value"
        or ("Invalid value: %s: spec.targetNodes in body must be of type integer and at least 0")
          :format(json.encode(spec.targetNodes)) }
    end
    not_one_of(causes, "spec.computeClass", spec.computeClass, { "default", "spot" })
  end,
  secrets = function(causes, object)
    check_data(causes, object)
    for name, value in sorted(object.data or {}) do
      if type(value) ~= "string" or not keys.unbase64((value:gsub("%s", ""))) then
        status.raise("BadRequest",
          'Secret in version "v1" cannot be handled as a Secret: illegal base64 data in data.' .. name)
      end
    end
  end,
}

-- 1 MiB, as Kubernetes says it for Secret and ConfigMap.
local function too_long(resource, object)
  local total = 0
  for _, field in ipairs { "data", "binaryData" } do
    for _, value in pairs(object[field] or {}) do -- order: free
      total = total + (type(value) == "string" and (field == "binaryData" or resource.key == "secrets")
        and #value * 3 // 4 or #tostring(value))
    end
  end
  return total > 1048576
end

local NEEDS_SPEC = { Deployment = true, Pod = true, Service = true, NodePool = true, CronJob = true,
  PersistentVolumeClaim = true }

--- Raises 422 when the object cannot be; the first form of each rule as Kubernetes says it.
function rules.check(resource, object)
  local causes, meta = {}, object.metadata
  local fine, why = good_name(resource, meta.name)
  if not fine then
    causes[1] = { "metadata.name", ('Invalid value: "%s": %s'):format(meta.name, why) }
  end
  check_labels(causes, meta.labels)
  if (resource.key == "secrets" or resource.key == "configmaps") and too_long(resource, object) then
    causes[#causes + 1] = { resource.key == "secrets" and "data" or "[]",
      "Too long: must have at most 1048576 bytes", "FieldValueTooLong" }
  end
  local check = CHECKS[resource.key]
  if check then
    if NEEDS_SPEC[resource.kind] and type(object.spec) ~= "table" then
      causes[#causes + 1] = { "spec", "Required value", "FieldValueRequired" }
    else
      check(causes, object)
    end
  end
  if #causes > 0 then status.invalid(resource, meta.name, causes) end
end

local POD_UPDATE = "Forbidden: pod updates may change images, activeDeadlineSeconds, tolerations only"

-- The spec of a pod without what may be changed.
local function fixed_part(spec)
  local copy = json.decode(json.encode(spec))
  copy.activeDeadlineSeconds, copy.tolerations = nil, nil
  for _, container in ipairs(copy.containers or {}) do
    container.image = nil
  end
  return json.encode(copy)
end

local function changed(before, object, ...)
  local a, b = before, object
  for _, name in ipairs { ... } do
    a, b = (a or {})[name], (b or {})[name]
  end
  return json.encode(a == nil and json.null or a) ~= json.encode(b == nil and json.null or b)
end

local IMMUTABLE = {
  ["nodepools.compute.coreweave.com"] = { { "spec", "instanceType" }, { "spec", "computeClass" } },
  secrets = { { "type" } },
  persistentvolumeclaims = { { "spec", "accessModes" }, { "spec", "storageClassName" } },
}

--- Raises 422 when `before` cannot become `object`.
function rules.check_change(resource, before, object)
  local causes = {}
  if resource.key == "pods" then
    local old, new = before.spec.activeDeadlineSeconds, object.spec.activeDeadlineSeconds
    if fixed_part(before.spec) ~= fixed_part(object.spec) then
      causes[1] = { "spec", POD_UPDATE, "FieldValueForbidden" }
    elseif old and (not new or new > old) then
      causes[1] = { "spec.activeDeadlineSeconds", new
        and ("Invalid value: %d: must be less than or equal to previous value"):format(new)
        or "Invalid value: \"null\": must not update from a positive integer to nil value" }
    end
  end
  for _, path in ipairs(IMMUTABLE[resource.key] or {}) do
    if changed(before, object, table.unpack(path)) then
      causes[#causes + 1] = { table.concat(path, "."), "Invalid value: field is immutable" }
    end
  end
  if before.immutable and (changed(before, object, "data") or changed(before, object, "binaryData")) then
    causes[#causes + 1] = { "data", "Forbidden: field is immutable when `immutable` is set",
      "FieldValueForbidden" }
  end
  if #causes > 0 then status.invalid(resource, object.metadata.name, causes) end
end

return rules
