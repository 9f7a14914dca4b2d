-- SPDX-License-Identifier: MIT
-- How the cluster's answers read, and what is sent to it (facts/coreweave.md §3.3, §3.6 to §3.9). Pure.
local clean = require "base.clean"
local clock = require "base.clock"
local json = require "base.json"
local keys = require "base.keys"
local gpus = require "facts.gpus"
local replicas = require "providers.coreweave.replicas"

local parse = {}

parse.OURS, parse.TOKEN = "app.kubernetes.io/managed-by", "continueplz.dev/session"
parse.ROLE = "continueplz.dev/role" -- of a pod: "gateway" that of the tunnel, "engine", "leader"
parse.LIST = "?limit=500" -- rows of a page
parse.OWN = parse.LIST .. "&labelSelector=app.kubernetes.io%2Fmanaged-by%3Dcontinueplz"
-- Headers by which objects come without their contents: a ConfigMap has half a MiB, a Secret secrets.
local function accept(form)
  return { Accept = ("application/json;as=%s;g=meta.k8s.io;v=v1,application/json"):format(form) }
end
parse.PART, parse.PARTS = accept "PartialObjectMetadata", accept "PartialObjectMetadataList"
local PUBLIC = "service.beta.kubernetes.io/coreweave-load-balancer-type"
local GRACE = 20 -- seconds

--- What lies at a path of an answer; nil when something on the way is no object.
function parse.at(value, ...)
  for _, key in ipairs { ... } do
    if type(value) ~= "table" then return nil end
    value = value[key]
  end
  return value
end

--- Is a decoded page a list? An object in the place of its rows is none. text: as it came
function parse.is_list(page, text)
  local items = page.items
  return type(items) == "table" and tostring(page.kind):find "List$" ~= nil
    and (#items > 0 or text:find '"items"%s*:%s*%[' ~= nil)
end

-- The time at a path of an answer, or nil.
local function time_at(object, ...)
  local text = parse.at(object, ...)
  return type(text) == "string" and clock.parse_iso(text) or nil
end

--- When an object was made, as the cluster says; nil when it does not.
function parse.born(object) return time_at(object, "metadata", "creationTimestamp") end

local KINDS = { Unauthorized = "auth", Forbidden = "refused", NotFound = "refused", AlreadyExists = "refused",
  Conflict = "transient", Expired = "transient", Gone = "transient", Invalid = "refused",
  BadRequest = "refused", TooManyRequests = "rate", InternalError = "transient",
  ServiceUnavailable = "transient", Timeout = "transient" }
local CODES = { NotFound = "gone", AlreadyExists = "duplicate", Conflict = "busy", Expired = "expired" }

--- What an answer says went wrong: fields of a failure, or nil. `code`: "gone" only for a Status that names
-- a missing object, "duplicate" for a name that is taken.
function parse.problem(status, text, body)
  if type(body) ~= "table" or not body.kind then
    if status >= 200 and status < 300 and type(body) == "table" then return nil end
    local kind = status == 429 and "rate" or status >= 500 and "transient" or status == 401 and "auth"
      or "broken"
    return { kind = kind, message = ("CoreWeave answered HTTP %d with %s"):format(status,
      text:match "^%s*<" and "a web page instead of data" or "something that is no object of Kubernetes") }
  end
  if body.kind ~= "Status" or body.status == "Success" then return nil end
  local reason = tostring(body.reason)
  local quota = reason == "Forbidden" and tostring(body.message):find("exceeded quota", 1, true)
  return { kind = quota and "quota" or KINDS[reason] or status >= 500 and "transient" or "refused",
    native = reason, code = CODES[reason],
    message = ("CoreWeave refused: %s (%s, HTTP %d)"):format(clean.line(tostring(body.message)), reason,
      status) }
end

--- Name and labels of what is ours.
function parse.meta(name, token)
  return { name = name, labels = { [parse.OURS] = "continueplz", [parse.TOKEN] = token or name } }
end

--- The pool, the only thing that is asked for with a ticket: one node, or those of replicas, that take nobody
-- else's pods, and that the autoscaler gives back some time after the last pod (§3.11).
function parse.pool(order)
  local offer = order.candidate.offer
  local nodes = offer.nodes or 1
  return { apiVersion = "compute.coreweave.com/v1alpha1", kind = "NodePool",
    metadata = parse.meta(order.token),
    spec = { computeClass = order.candidate.spot and "spot" or "default", instanceType = offer.native.type,
      targetNodes = nodes, autoscaling = true, minNodes = 0, maxNodes = nodes,
      nodeTaints = json.array { { key = parse.TOKEN, value = order.token, effect = "NoSchedule" } } } }
end

--- The Secret with the environment of the machine.
function parse.secret(order)
  return { apiVersion = "v1", kind = "Secret", metadata = parse.meta(order.token), type = "Opaque",
    stringData = json.object(order.env) }
end

--- The ConfigMap with what the pod runs (§3.7); who may change it later can do so only by another one.
function parse.config_map(order)
  local map = { apiVersion = "v1", kind = "ConfigMap", metadata = parse.meta(order.token), immutable = true,
    data = json.object {}, binaryData = json.object {} }
  for _, file in ipairs(order.files) do
    local into = file.binary and map.binaryData or map.data
    into[file.name] = file.binary and keys.base64(file.content) or file.content
  end
  return map
end

--- A machine's public address (§3.9). wanted: array of { port=, protocol= }
function parse.service(token, wanted)
  local ports, row = {}, parse.meta(token)
  for i, each in ipairs(wanted) do
    ports[i] = { name = each.protocol .. i, protocol = each.protocol:upper(), port = each.port,
      targetPort = each.port }
  end
  row.annotations = { [PUBLIC] = "public" }
  return { apiVersion = "v1", kind = "Service", metadata = row, spec = { type = "LoadBalancer",
    externalTrafficPolicy = "Local",
    selector = { [parse.TOKEN] = token, [parse.ROLE] = "gateway" }, ports = json.array(ports) } }
end

--- What lets a pod onto the pool's node.
function parse.tolerations(token)
  return json.array { { key = "nvidia.com/gpu", operator = "Exists" },
    { key = "qos.coreweave.cloud/interruptable", operator = "Exists" },
    { key = parse.TOKEN, operator = "Equal", value = token } }
end

--- The pod: guard, tunnel and model server, or the way to those that serve (`order.served`), which takes no
-- card; with its program from the ConfigMap and a directory that outlives its container.
-- life: seconds after which the cluster ends it, whatever we do (§3.11), or nil; key_env: its variable for
-- the token of the guard's account; address: that of those that serve
function parse.pod(order, life, key_env, address)
  local cards, row = order.candidate.offer.gpus, parse.meta(order.token)
  row.labels[parse.ROLE] = "gateway"
  local env = json.array { { name = key_env, valueFrom = { secretKeyRef = { name = order.token .. "-guard",
    key = "token" } } } }
  if order.served then env[2] = { name = order.served.variable, value = address } end
  return { apiVersion = "v1", kind = "Pod", metadata = row, spec = {
    restartPolicy = "Never", activeDeadlineSeconds = life, terminationGracePeriodSeconds = GRACE,
    automountServiceAccountToken = false,
    nodeSelector = { ["compute.coreweave.com/node-pool"] = order.token },
    tolerations = parse.tolerations(order.token),
    volumes = json.array { { name = "files", configMap = { name = order.token } },
      { name = "work", emptyDir = json.object {} } },
    containers = json.array { { name = "main", image = order.image,
      volumeMounts = json.array { { name = "files", mountPath = order.files.at, readOnly = true },
        { name = "work", mountPath = order.files.work } },
      command = json.array { "/bin/sh", "-c", order.script },
      envFrom = json.array { { secretRef = { name = order.token } } },
      env = env, resources = not order.served and { limits = { ["nvidia.com/gpu"] = tostring(cards) } }
        or nil } } } }
end

--- One of our offers, by a row of the dated table: a node, or all that replicas take, and a public address.
-- want: as docs/lua.md tells
function parse.offer(prices, row, want)
  local address, gpu = prices.address_hour, gpus.find(row.gpu)
  local set, unfit = replicas.plan(row, gpu, want)
  local nodes = set and set.nodes or 1
  return { provider = "coreweave", id = row.id, gpu = row.gpu, native_gpu = row.id,
    gpus = set and set.cards or row.gpus, replicas = set and set.replicas, nodes = set and set.nodes,
    pods = set and set.pods, unfit = unfit, vram_gb = gpu.vram, on_demand = row.on_demand * nodes + address,
    spot = row.spot and row.spot * nodes + address,
    disk_hour = 0, down_gb = 0, up_gb = 0,
    gpu_bandwidth = gpu.bandwidth, currency = "USD", source = "table",
    at = clock.parse_iso(prices.at),
    minimum_seconds = 60, from_create = true, native = { type = row.id } }
end

local function token_of(object)
  local token = parse.at(object, "metadata", "labels", parse.TOKEN)
  return type(token) == "string" and token or nil
end

--- Is it one that we made?
function parse.ours(object)
  return parse.at(object, "metadata", "labels", parse.OURS) == "continueplz"
end

-- Words for what lies around a pool, by the last part of its list's path.
local WORDS = { cronjobs = "CronJob", pods = "pod", services = "public address", secrets = "Secret",
  configmaps = "ConfigMap",
  serviceaccounts = "ServiceAccount", roles = "Role", rolebindings = "RoleBinding",
  clusterroles = "ClusterRole", clusterrolebindings = "ClusterRoleBinding", deployments = "Deployment",
  leaderworkersets = "LeaderWorkerSet", networkpolicies = "NetworkPolicy",
  persistentvolumeclaims = "volume" }

local UNITS = { [""] = 1, k = 1e3, M = 1e6, G = 1e9, T = 1e12, P = 1e15, Ki = 2 ^ 10, Mi = 2 ^ 20,
  Gi = 2 ^ 30, Ti = 2 ^ 40, Pi = 2 ^ 50 }

-- GB of a quantity of storage as Kubernetes writes it, or nil.
local function gigabytes(text)
  local number, unit = tostring(text):match "^(%d+%.?%d*)(%a*)$"
  return number and UNITS[unit] and tonumber(number) * UNITS[unit] / 1e9 or nil
end

-- What bills, and by how much in an hour.
local HOURLY = {
  services = function(_, prices) return prices.address_hour end,
  persistentvolumeclaims = function(object, prices)
    local size = gigabytes(parse.at(object, "spec", "resources", "requests", "storage"))
    return size and size * prices.storage_gb_hour
  end,
}

--- One of our objects as a belonging (docs/lua.md). path: of its list; prices: of the card
-- → nil: it has no name
function parse.belonging(object, path, prices)
  local plural, name = path:match "[^/]+$", parse.at(object, "metadata", "name")
  if type(name) ~= "string" then return nil end
  local hourly = HOURLY[plural]
  if plural == "services" and name:find "%-engine$" then hourly = nil end -- it has no address outside
  return { kind = plural == "services" and not hourly and "Service" or WORDS[plural], id = name, name = name,
    token = token_of(object), bills = hourly ~= nil, hourly = hourly and hourly(object, prices) or nil,
    since = parse.born(object),
    path = path .. "/" .. name }
end

local function ports_of(service)
  local ports, rows = {}, parse.at(service, "spec", "ports")
  for _, each in ipairs(type(rows) == "table" and rows or {}) do
    local inner, protocol, outer = parse.at(each, "targetPort"), parse.at(each, "protocol"),
      parse.at(each, "port")
    if math.type(inner) == "integer" and type(protocol) == "string" and math.type(outer) == "integer" then
      ports[("%d/%s"):format(inner, protocol:lower())] = outer
    end
  end
  return ports
end

local PHASES = { Pending = "booting", Running = "running", Succeeded = "exited", Failed = "exited" }

--- A pool, with its pod and Service where they are known, as an instance. → instance, or nil and why not
function parse.instance(pool, pod, service)
  local spec, name = parse.at(pool, "spec"), parse.at(pool, "metadata", "name")
  if type(name) ~= "string" or type(parse.at(spec, "instanceType")) ~= "string" then
    return nil, "a node pool without name or type"
  end
  local ending = pool.metadata.deletionTimestamp ~= nil
  local phase, said = parse.at(pod, "status", "phase"), parse.at(pod, "status", "message")
  local address = parse.at(service, "status", "loadBalancer", "ingress", 1, "ip")
  address = type(address) == "string" and address or nil
  return { id = name, token = token_of(pool), native = ending and "terminating" or tostring(phase or "pool"),
    status = ending and "exited" or pod and (PHASES[phase] or "unknown") or pod == false and "exited"
      or "booting",
    ip = address, ports = address and ports_of(service) or {},
    spot = spec.computeClass == "spot", message = type(said) == "string" and said or nil,
    started = parse.born(pool) }
end

--- What stands for the account: whose name the cluster knows the key by.
function parse.account_id(name, server)
  return "cluster-" .. keys.sha256_hex(server .. " " .. name):sub(1, 16)
end

return parse
