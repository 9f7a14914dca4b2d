-- SPDX-License-Identifier: MIT
--- The forms that are asked for by Accept: a Table with what the server thinks worth a column (`kubectl
--- get`), and an object's metadata alone.
local clock = require "base.clock"
local json = require "base.json"
local sorted = require "base.sorted"

local tables = {}

local function age(world, object)
  local seconds = math.max(0, world.time - (clock.parse_iso(object.metadata.creationTimestamp) or world.time))
  if seconds < 120 then return ("%ds"):format(seconds // 1) end
  if seconds < 7200 then return ("%dm"):format(seconds // 60) end
  return seconds < 172800 and ("%dh"):format(seconds // 3600) or ("%dd"):format(seconds // 86400)
end

local function count(list)
  local n = 0
  for _ in pairs(list or {}) do -- order: free
    n = n + 1
  end
  return n
end

local function pod_status(pod)
  if pod.metadata.deletionTimestamp then return "Terminating" end
  for _, one in ipairs(pod.status.containerStatuses or {}) do
    local state = one.state or {}
    if state.waiting and state.waiting.reason then return state.waiting.reason end
    if state.terminated then return pod.status.reason or state.terminated.reason end
  end
  return pod.status.reason or pod.status.phase
end

local function ready_containers(pod)
  local ready = 0
  for _, one in ipairs(pod.status.containerStatuses or {}) do
    ready = ready + (one.ready and 1 or 0)
  end
  return ("%d/%d"):format(ready, #pod.spec.containers)
end

local function restarts(pod)
  local sum = 0
  for _, one in ipairs(pod.status.containerStatuses or {}) do
    sum = sum + (one.restartCount or 0)
  end
  return sum
end

local function condition(object, kind)
  for _, row in ipairs((object.status or {}).conditions or {}) do
    if row.type == kind then return row.status end
  end
end

local function ports(service)
  local list = {}
  for i, port in ipairs(service.spec.ports or {}) do
    list[i] = ("%d%s/%s"):format(port.port, port.nodePort and ":" .. port.nodePort or "", port.protocol)
  end
  return #list > 0 and table.concat(list, ",") or "<none>"
end

local function outside(service)
  local rows = ((service.status or {}).loadBalancer or {}).ingress or {}
  return rows[1] and rows[1].ip or service.spec.type == "LoadBalancer" and "<pending>" or "<none>"
end

-- Columns between NAME and AGE: { name, value(object) }
local COLUMNS = {
  pods = { { "Ready", ready_containers }, { "Status", pod_status }, { "Restarts", restarts } },
  nodes = { { "Status", function(node)
    return (condition(node, "Ready") == "True" and "Ready" or "NotReady")
      .. (node.spec.unschedulable and ",SchedulingDisabled" or "")
  end }, { "Roles", function() return "<none>" end } },
  services = { { "Type", function(one) return one.spec.type end },
    { "Cluster-IP", function(one) return one.spec.clusterIP or "<none>" end }, { "External-IP", outside },
    { "Port(s)", ports } },
  namespaces = { { "Status", function(one) return one.status.phase end } },
  secrets = { { "Type", function(one) return one.type end },
    { "Data", function(one) return count(one.data) end } },
  persistentvolumeclaims = { { "Status", function(one) return one.status.phase end },
    { "Volume", function(one) return one.spec.volumeName or "" end },
    { "Capacity", function(one) return (one.status.capacity or {}).storage or "" end },
    { "StorageClass", function(one) return one.spec.storageClassName or "" end } },
  configmaps = { { "Data", function(one) return count(one.data) + count(one.binaryData) end } },
  ["networkpolicies.networking.k8s.io"] = { { "Pod-Selector", function(one)
    local parts = {}
    for name, value in sorted((one.spec.podSelector or {}).matchLabels or {}) do
      parts[#parts + 1] = name .. "=" .. value
    end
    return #parts > 0 and table.concat(parts, ",") or "<none>"
  end } },
  ["deployments.apps"] = { { "Ready", function(one)
    return ("%d/%d"):format(one.status.readyReplicas or 0, one.spec.replicas)
  end }, { "Up-to-date", function(one) return one.status.updatedReplicas or 0 end },
    { "Available", function(one) return one.status.availableReplicas or 0 end } },
  ["nodepools.compute.coreweave.com"] = {
    { "Instance Type", function(one) return one.spec.instanceType end },
    { "Target", function(one) return one.spec.targetNodes end },
    { "Current", function(one) return one.status.currentNodes or 0 end },
    { "Validated", function(one) return condition(one, "Validated") or "Unknown" end } },
  events = { { "Type", function(one) return one.type end }, { "Reason", function(one) return one.reason end },
    { "Object", function(one)
      return one.involvedObject.kind:lower() .. "/" .. one.involvedObject.name
    end }, { "Message", function(one) return one.message end } },
}

local function column(name, format)
  return { name = name, type = "string", format = format or "", description = "", priority = 0 }
end

local PART = "PartialObjectMetadata"

local function part(object)
  return { kind = PART, apiVersion = "meta.k8s.io/v1", metadata = object.metadata }
end

local function row_of(world, resource, object, include)
  local cells = { object.metadata.name }
  for _, each in ipairs(COLUMNS[resource.key] or {}) do
    cells[#cells + 1] = each[2](object)
  end
  cells[#cells + 1] = age(world, object)
  local inner
  if include == "Object" then
    inner = object
  elseif include ~= "None" then
    inner = part(object)
  end
  return { cells = cells, object = inner }
end

--- objects as a Table. include: "None", "Metadata" (default) or "Object"; bare: without the columns, as the
--- second and later events of a watch have it
function tables.of(world, resource, objects, metadata, include, bare)
  local columns, rows = { column("Name", "name") }, {}
  for _, each in ipairs(COLUMNS[resource.key] or {}) do
    columns[#columns + 1] = column(each[1])
  end
  columns[#columns + 1] = column "Age"
  for i, object in ipairs(objects) do
    rows[i] = row_of(world, resource, object, include)
  end
  return { kind = "Table", apiVersion = "meta.k8s.io/v1", metadata = metadata,
    columnDefinitions = json.array(bare and {} or columns), rows = json.array(rows) }
end

-- What form an Accept header asks for first, or nil: the plain one.
local function form(request)
  local first = (request.headers.accept or ""):match "^[^,]*"
  return first:find("v=v1beta1", 1, true) == nil and first:match "as=(%a+)" or nil
end

--- Does the client want a Table?
function tables.wanted(request) return form(request) == "Table" end

--- The object without all but its metadata, where the client asks for that form, or nil.
function tables.part(request, object) return form(request) == PART and part(object) or nil end

--- The same of a list.
function tables.parts(request, objects, metadata)
  if form(request) ~= PART .. "List" then return nil end
  local items = {}
  for i, object in ipairs(objects) do items[i] = part(object) end
  return { kind = PART .. "List", apiVersion = "meta.k8s.io/v1", metadata = metadata,
    items = json.array(items) }
end

return tables
