-- SPDX-License-Identifier: MIT
-- CoreWeave (facts/coreweave.md part 3): a node pool in the customer's own Kubernetes cluster. What bills is
-- the pool's node, not the pod on it, so the pool is what a ticket makes, and its absence is the proof.
-- The guard's account and CronJob, Secret and pod are made before, by name, and wait for the node; the
-- Service, whose address bills, comes after.
local clock = require "base.clock"
local fail = require "base.fail"
local http = require "base.http"
local json = require "base.json"
local task = require "base.task"
local config = require "config.effective"
local access = require "providers.coreweave.access"
local card = require "providers.coreweave.card"
local guard = require "providers.coreweave.guard"
local pages = require "providers.coreweave.pages"
local parse = require "providers.coreweave.parse"
local rights = require "providers.coreweave.rights"
local serving = require "providers.coreweave.serving"
local set = require "providers.coreweave.set"
local watch = require "providers.coreweave.watch"

local coreweave = {
  name = card.name, title = card.title, console = card.console, credit_page = card.credit_page,
  key_setting = card.key_setting,
  capabilities = card.capabilities, timing = card.timing, around = card.around,
}

local POOLS = guard.POOLS
local REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
local TRIES, AT_ONCE = 4, 17
local CALM = 5    -- seconds between two looks at a pod of which a watch tells much
local SPARE = 900 -- seconds by which the cluster's own ends come after those of the guest

local function classify(response)
  return parse.problem(response.status, response.body, json.decode(response.body))
end

local current, current_for

local function client()
  local here = access.current()
  if current and current_for == here then return current end
  current_for = here
  current = http.client { base = here.server, timeout = 30, classify = classify,
    headers = { Authorization = here.token and "Bearer " .. here.token }, ca_pem = here.ca_pem,
    client_pem = here.client_pem, client_key = here.client_key,
    writes = { "POST ^" .. REVIEWS:gsub("%.", "%%."), "POST ^" .. rights.REVIEWS:gsub("%.", "%%."),
      "POST ^/api/v1/namespaces/[^/]+/%l+$",
      "POST ^/apis/rbac%.authorization%.k8s%.io/v1/[%l/%-%d]+$",
      "POST ^/apis/batch/v1/namespaces/[^/]+/cronjobs$",
      "POST ^/apis/[%l%-%d.]+/v1/namespaces/[^/]+/deployments$",
      "POST ^/apis/[%l%-%d.]+/v1/namespaces/[^/]+/leaderworkersets$",
      "POST ^/apis/[%l%-%d.]+/v1/namespaces/[^/]+/networkpolicies$" } }
  return current
end

local function namespace() return access.current().namespace end
local cluster = { namespace = namespace } -- how providers.coreweave.serving asks

-- The cluster as pods see it. @raise `config` an address in digits, which the guard finds in no certificate
local function inside()
  local address = config.get "COREWEAVE_INSIDE_SERVER":gsub("/+$", "")
  if address:find "^https://[%d.]+$" or address:find "^https://[%d.]+:" or address:find "^https://%[" then
    fail.raise("config", ("COREWEAVE_INSIDE_SERVER is %s, and the guard on a pod needs a name there, like "
      .. "https://kubernetes.default.svc"):format(address))
  end
  return address
end

local function core(plural) return ("/api/v1/namespaces/%s/%s"):format(namespace(), plural) end

-- A call that may be repeated; a refusal with what this computer knows of it. → response
local function reply(method, path, options)
  local ok, answer = fail.try(http.retry, function()
    local made = client()
    return made[method](made, path, options)
  end, { attempts = TRIES, pause = 2 / config.get "TIME_SCALE", kinds = { "rate" } })
  if ok then return answer end
  answer.advice = access.advice(answer)
  if answer.advice then answer.message = answer.message .. "; " .. answer.advice end
  error(answer, 0)
end

-- What the cluster answers to it.
local function ask(method, path, options) return reply(method, path, options).object() end
cluster.ask = ask

-- The object at a path, or nil when the cluster says that there is none. headers: parse.PART, or nil
local function found(path, headers)
  local ok, object = fail.try(ask, "get", path, { headers = headers })
  if ok then return object end
  if fail.is(object, "refused") and object.code == "gone" then return nil end
  error(object, 0)
end

--- Whose key it is.
function coreweave.account()
  local answer = ask("post", REVIEWS, { json = { kind = "SelfSubjectReview",
    apiVersion = "authentication.k8s.io/v1" } })
  local who = parse.at(answer, "status", "userInfo", "username")
  if type(who) ~= "string" then fail.raise("broken", "CoreWeave does not say whose key it is") end
  return { id = parse.account_id(who, access.current().server), name = who, currency = "USD" }
end

-- Is the namespace there? Who may not look at it is not told.
local function has_namespace(name)
  local told, there = fail.try(found, "/api/v1/namespaces/" .. name)
  return not told or there ~= nil
end

local checked, checked_for -- the client whose rights were looked at, and for what

-- Raises the rights that this key has not, and a namespace that is not there. several, groups: as
-- rights.questions has them
local function check_rights(several, groups)
  local made, where, missing = client(), namespace(), {}
  local for_ = ("%s %s"):format(several, groups)
  if checked == made and checked_for == for_ then return end
  local questions = rights.questions(where, several, groups)
  local told = task.map({ {}, table.unpack(questions) }, function(question)
    if not question.review then return has_namespace(where) end
    return rights.allowed(ask("post", rights.REVIEWS, { json = question.review }))
  end, { limit = AT_ONCE })
  for index, each in ipairs(told) do
    if not each.ok then error(each.error, 0) end
    missing[#missing + 1] = index > 1 and not each.value and questions[index - 1].words or nil
  end
  if #missing > 0 then
    fail.raise("refused", rights.sentence(missing))
  elseif not told[1].value then
    fail.raise("config", ("the cluster has no namespace %s; look at COREWEAVE_NAMESPACE"):format(where))
  end
  checked, checked_for = made, for_
end

--- The dated table, where whole nodes are wanted and the key may do what that takes.
function coreweave.offers(want)
  if not config.get "COREWEAVE_WHOLE_NODES" then
    return {}, { { id = "all",
      reason = "it rents whole nodes of 8 GPUs, which COREWEAVE_WHOLE_NODES=yes allows" } }
  end
  local list, several, groups = {}, false, false
  for i, row in ipairs(card.prices.types) do
    list[i] = parse.offer(card.prices, row, want or {})
    several, groups = several or list[i].nodes ~= nil, groups or (list[i].pods or 1) > 1
  end
  check_rights(several, groups and serving.has_groups(cluster, list))
  return list, {}
end

-- Makes what bears a name, once: one that is there already and ours is as good. → its name, labels and age
local function ensure(path, object)
  local ok, made = fail.try(ask, "post", path, { json = object, headers = parse.PART })
  if ok then return made end
  if not fail.is(made, "transient") and made.code ~= "duplicate" then error(made, 0) end
  local there = found(path .. "/" .. object.metadata.name, parse.PART)
  if not there then error(made, 0) end
  if not parse.ours(there) then
    fail.raise("refused", ("the cluster has another %s called %s"):format(object.kind, object.metadata.name))
  end
  return there
end

cluster.found, cluster.ensure = found, ensure

-- Seconds that the guest on the pod may live; 0: for ever.
local function life() return math.floor(config.limit "MAX_HOURS" or 0) end

--- The longest that a machine which was rented for `seconds` can be left to live: a pod's own deadline can be
-- shortened and never lengthened, and the guard's CronJob keeps to the same (facts/coreweave.md §3.11).
-- → seconds, why; nil: it has no end
function coreweave.longest(seconds)
  if seconds <= 0 then return nil end
  return seconds, "CoreWeave's cluster ends the pod then, and such a deadline cannot be lengthened"
end

--- Everything that must be there before a node bills, and bills nothing itself, the guard's account first.
function coreweave.prepare(order)
  local where, token, served = namespace(), order.token, order.served
  local objects, born = guard.account(token, where, parse.meta), nil
  for _, kind in ipairs(guard.ORDER) do
    local made = ensure(guard.KINDS[kind].path(where), objects[kind])
    born = born or parse.born(made)
  end
  local seconds = life()
  ensure(core "secrets", parse.secret(order))
  ensure(core "configmaps", parse.config_map(order))
  local pod = ensure(core "pods", parse.pod(order, seconds > 0 and seconds + SPARE or nil, guard.KEY_ENV,
    served and set.address(token)))
  if served then serving.make(cluster, order, pod) end
  ensure(guard.KINDS.cron.path(where), guard.cron(token, { namespace = where, inside = inside(),
    image = config.get "COREWEAVE_GUARD_IMAGE", meta = parse.meta, tolerations = parse.tolerations(token),
    born = born, boot = card.timing.boot + SPARE, life = life() }))
  return {}
end

-- All kinds of things around a pool, the CronJob first and the account last: { path, name(token) }; several:
-- where several pods serve too
local function kinds(several)
  local where, list = namespace(), {}
  local function add(kind) list[#list + 1] = { kind.path(where), kind.name } end
  add(guard.KINDS.cron)
  local more = several and serving.kinds(where) or {}
  table.move(more, 1, 2, 2, list) -- what makes pods, before them
  for _, plural in ipairs { "pods", "services", "persistentvolumeclaims", "configmaps", "secrets" } do
    list[#list + 1] = { core(plural), function(token) return token end }
  end
  for index = #guard.ORDER, 1, -1 do
    add(guard.KINDS[guard.ORDER[index]])
  end
  table.move(more, 3, 4, #list + 1, list)
  return list
end

-- What a call for a kind answers; nil where the cluster has none of the kind.
local function answer_of(kind, call, path, headers)
  local ok, answer = fail.try(call, path, headers)
  if ok then return answer end
  if kind.optional and serving.none_of(answer) then return nil end
  error(answer, 0)
end

--- Removes what `prepare` and `expose` made; what another made by that name stays.
function coreweave.tidy(session)
  local left = {}
  for _, kind in ipairs(kinds(session.plan and session.plan.nodes)) do
    local path = kind[1] .. "/" .. kind[2](session.token)
    local there = answer_of(kind, found, path, parse.PART)
    if there and parse.ours(there) then
      fail.try(ask, "delete", path)
      left[#left + 1] = path
    end
  end
  for _, path in ipairs(left) do
    if found(path, parse.PART) then
      fail.raise("transient", ("%s is still there"):format(path:match "[^/]+/[^/]+$"))
    end
  end
end

--- Rents. A name that is taken is what we made when an answer was lost. → { id= }
function coreweave.create(order, ticket)
  local ok, why = fail.try(function()
    return client():create(ticket, "POST", POOLS, { timeout = 60, json = parse.pool(order) })
  end)
  if ok then return { id = order.token } end
  if fail.is(why) and why.code == "duplicate" then
    local there = found(POOLS .. "/" .. order.token)
    if there and parse.ours(there) then return { id = order.token } end
  end
  error(why, 0)
end

--- Its public address, which bills too, and ends with the pool. ports: array of { port=, protocol= }
function coreweave.expose(session, ports)
  ensure(core "services", parse.service(session.token, ports))
end

local function instance_of(pool, pod, service)
  local instance, why = parse.instance(pool, pod, service)
  if not instance then fail.raise("broken", "CoreWeave's answer cannot be believed: " .. why) end
  return instance
end

local versions = {} -- id → version of its pod, as it was seen last

--- One pool as it is now; `gone` only when the cluster says so in so many words.
function coreweave.get(id)
  local pool = found(POOLS .. "/" .. id)
  if not pool then return { id = id, status = "gone", native = "gone" } end
  local pod = found(core "pods" .. "/" .. id)
  versions[id] = parse.at(pod, "metadata", "resourceVersion")
  return instance_of(pool, pod or false, found(core "services" .. "/" .. id))
end

--- Waits until the pod of a pool may have changed since `get`, at most so many seconds.
function coreweave.await(id, seconds)
  if not versions[id] then return task.sleep(seconds) end
  return watch.change(function(path, options) return client():get(path, options) end, core "pods", id,
    tostring(versions[id]), seconds, math.min(seconds, CALM / config.get "TIME_SCALE"))
end

-- Every object of a list. headers: parse.PARTS, or nil. @raise what is not complete
local function every(path, headers) return pages.every(reply, path, headers) end

--- Every pool of the cluster; raises when the list is not complete.
function coreweave.list()
  local list = {}
  for index, pool in ipairs(every(POOLS .. parse.LIST)) do list[index] = instance_of(pool) end
  return list
end

-- Deletes what is at a path. → true, or "gone" when nothing was
local function delete(path)
  local ok, why = fail.try(ask, "delete", path, { fresh = true })
  if ok then return true end
  if fail.is(why, "refused") and why.code == "gone" then return "gone" end
  error(why, 0)
end

cluster.every, cluster.delete = every, delete

--- Everything of ours in the cluster besides pools; a Service bills for its public address, a volume for its
-- size. We make no volume, but a script of the user's may. → array as docs/lua.md tells
function coreweave.belongings()
  local list, told = {}, {}
  for _, kind in ipairs(kinds(true)) do
    local form = not kind[1]:find "/persistentvolumeclaims$" and parse.PARTS or nil -- which tell their size
    local own = not told[kind[1]] and answer_of(kind, every, kind[1] .. parse.OWN, form)
    for _, object in ipairs(own or {}) do
      list[#list + 1] = parse.belonging(object, kind[1], card.prices)
        or fail.raise("broken", "CoreWeave's list has a row without a name: " .. kind[1])
    end
    told[kind[1]] = true
  end
  return list
end

--- Removes one of them. Already gone is success.
function coreweave.remove(belonging) delete(belonging.path) end

-- Its public address bills as well, as long as the Service is there.
local function address_of(token)
  local service = found(core "services" .. "/" .. token)
  return service and parse.ours(service) and service or nil
end

--- Deletes the pool, whose nodes go with it, the Service with its address, and where several pods serve them
-- all. Already gone is success.
function coreweave.destroy(id)
  local answer = delete(POOLS .. "/" .. id)
  if address_of(id) then delete(core "services" .. "/" .. id) end
  if serving.there(cluster, id) then
    serving.remove(cluster, id)
    delete(core "pods" .. "/" .. id)
  end
  return answer
end

--- How many of the servers of a session answer, and which cannot start (providers.coreweave.serving).
function coreweave.replicas(session) return serving.state(cluster, session) end

--- Gone is: no such pool, not in the complete list, no node with its label, no address, and where several
-- pods served none of them.
function coreweave.proof(session, list)
  local pool = found(POOLS .. "/" .. session.id)
  list = list or coreweave.list()
  local nodes = every("/api/v1/nodes?labelSelector=compute.coreweave.com%2Fnode-pool%3D" .. session.id)
  local evidence = { get = pool and "there" or "gone", listed = #list, nodes = #nodes,
    at = clock.wall() }
  local state = pool and "running" or "stopped"
  if parse.at(pool, "metadata", "deletionTimestamp") then state = "ending" end
  for _, each in ipairs(list) do
    if each.id == session.id or each.token == session.token then
      evidence.found = each.id
      state = each.native == "terminating" and "ending" or "running"
    end
  end
  evidence.address = address_of(session.token) and "there" or nil
  if state == "stopped" and (#nodes > 0 or evidence.address) then state = "running" end
  if session.plan and session.plan.nodes then
    evidence.pods = #serving.pods(cluster, session.token)
    if state == "stopped" and evidence.pods > 0 then state = "ending" end
  end
  return { state = state, evidence = evidence }
end

-- The authority of the cluster as pods see it.
local function authority()
  local map = ask("get", core "configmaps" .. "/kube-root-ca.crt")
  local text = parse.at(map, "data", "ca.crt")
  if type(text) ~= "string" or text == "" then
    fail.raise("broken", "CoreWeave does not say by what authority pods know the cluster")
  end
  return text
end

--- The calls by which a pod ends its pool, as the account that may do that alone, and the harmless one beside
-- them. A pod without its guest has but to end: the CronJob does the rest.
function coreweave.terminate_request(token)
  local address, key = inside() .. POOLS .. "/" .. token, "Authorization: Bearer ${" .. guard.KEY_ENV .. "}"
  return { method = "DELETE", url = address, headers = { key }, key_env = guard.KEY_ENV, leave = true,
    ca_pem = authority(), rehearse = { url = address, headers = { key } } }
end

return coreweave
