-- SPDX-License-Identifier: MIT
-- RunPod (facts/runpod.md part 2, additions-2026-11.md): unprivileged containers behind mapped TCP ports, by
-- version 2 of its REST API. There is no spot; Secure and Community Cloud are two kinds of offers. A pod has
-- a key of its own, which ends it, or where that is refused stops it.
local clock = require "base.clock"
local conceal = require "base.conceal"
local fail = require "base.fail"
local http = require "base.http"
local json = require "base.json"
local keys = require "base.keys"
local log = require "base.log"
local config = require "config.effective"
local gpus = require "facts.gpus"
local card = require "providers.runpod.card"
local parse = require "providers.runpod.parse"

local runpod = {
  name = card.name, title = card.title, console = card.console, credit_page = card.credit_page,
  key_setting = card.key_setting, capabilities = card.capabilities, timing = card.timing,
}

local PODS, CATALOG = "/v2/pods", "/v2/catalog/gpus"
local BILLING = "/v2/billing/pods"
local VOLUMES, TEMPLATES = "/v2/network-volumes", "/v2/templates"
local BALANCE = card.creates[#card.creates][3]
local CUDA = "12.4"        -- the least that a host's driver must know, for Ollama's libraries
local PORT_SECONDS = 180   -- so long after its start a pod without a port has none (§2.13)
local SETTLED = 3 * 3600   -- seconds: billing runs every 5 min, how late its records are nobody tells (§2.10)
local ENV_LIMIT = 50       -- variables of a pod (§2.7)
local COUNTS = { 1, 2, 4, 8 }
local TRIES = 4
-- The start script is a variable: `args` is split into words by rules that nobody tells (§2.7).
local BOOT = "CPLZ_BOOT"
local ARGS = ([[/bin/sh -c 'exec /bin/sh -c "$(echo "$%s" | base64 -d)"']]):format(BOOT)

local function classify(response)
  local body = json.decode(response.body)
  conceal.learn(body) -- a pod's variables are shown, its keys among them
  return parse.problem(response.status, response.body, body)
end

local current, current_for

local function key_of()
  local key = config.secret(card.key_setting)
  return key or fail.raise("config", "RunPod has no key: " .. config.way_to_key(card.key_setting))
end

-- The client for the key and address in force.
local function client()
  local key, base = key_of(), config.get("RUNPOD_BASE_URL")
  if current and current_for == base .. key then return current end
  current_for = base .. key
  current = http.client {
    base = base, timeout = 30, classify = classify,
    headers = { Authorization = "Bearer " .. key },
    writes = { "POST ^/graphql$", "PATCH ^/v2/pods/[%w-]+$" },
  }
  return current
end

local function broken(what)
  fail.raise("broken", "RunPod's answer cannot be believed: " .. what)
end

-- A call that may be repeated; too fast is answered by waiting.
local function ask(method, path, options)
  return http.retry(function()
    return client()[method](client(), path, options)
  end, { attempts = TRIES, pause = 2 / config.get("TIME_SCALE"), kinds = { "rate" } })
end

-- The array of that name in a good answer.
local function array(response, name)
  local body = response.json()
  local list = type(body) == "table" and body[name]
  if type(list) ~= "table" or #list == 0 and not response.body:match('"' .. name .. '"%s*:%s*%[') then
    broken("a list that is none")
  end
  return list
end

--- What stands for the account of the key in use, without asking: another key of the same account has another
-- one. GraphQL, which knows the account, is going away.
function runpod.account_of_key()
  return "key-" .. keys.sha256_hex("continueplz: RunPod account of " .. key_of()):sub(1, 16)
end

-- The account's dollars, as far as they are told: GraphQL ends in 2027, and a key may do without it.
local function balance()
  local ok, response = fail.try(function()
    return client():post("/graphql", { body = BALANCE, timeout = 5,
      headers = { ["Content-Type"] = "application/json" } })
  end)
  local body = ok and response.json()
  local data = type(body) == "table" and type(body.data) == "table" and body.data or {}
  local value = type(data.myself) == "table" and data.myself.clientBalance
  if type(value) == "number" then return value end
  log.info("RunPod does not tell the balance", { reason = not ok and fail.message(response) or nil })
  return nil
end

--- Whose key it is; that it may read the pods is proven. The balance may not be known.
-- → { id=, name=, balance=|nil, currency= }
function runpod.account()
  array(ask("get", PODS), "pods")
  local id = runpod.account_of_key()
  return { id = id, name = "key with fingerprint " .. id:sub(5), balance = balance(), currency = "USD" }
end

-- How many cards of some type would do: the numbers that are worth asking for.
local function counts_for(types, want)
  local wanted, list = {}, {}
  for _, row in ipairs(types) do
    local memory = type(row) == "table" and type(row.memory) == "number" and row.memory or 0
    for _, count in ipairs(want.gpus and { want.gpus } or COUNTS) do
      wanted[count] = wanted[count] or gpus.fits({ vram_gb = memory, gpus = count }, want)
      if wanted[count] and gpus.fits({ vram_gb = memory, gpus = count }, want) then break end
    end
  end
  for _, count in ipairs(want.gpus and { want.gpus } or COUNTS) do
    if wanted[count] then list[#list + 1] = count end
  end
  if #list == 0 then list[1] = want.gpus or COUNTS[#COUNTS] end -- so that its size is said
  return list
end

local function catalog(query)
  local response = http.retry(function()
    return client():get(CATALOG, { query = query })
  end, { attempts = TRIES, pause = 2 / config.get("TIME_SCALE") })
  return array(response, "gpus")
end

--- What can be rented now for `want`. → array of offers; what was left out, {id=, reason=}
function runpod.offers(want)
  local list, left, now = {}, {}, clock.wall()
  local counts = counts_for(catalog(), want)
  for _, cloud in ipairs(want.datacenter and { "SECURE" } or { "SECURE", "COMMUNITY" }) do
    for _, count in ipairs(counts) do
      for _, row in ipairs(catalog { include = "AVAILABILITY", product = "POD", cloud = cloud, count = count,
        minCudaVersion = CUDA }) do
        local found, why = parse.offers(row, cloud, count, want, now)
        table.move(found, 1, #found, #list + 1, list)
        local id = type(row) == "table" and tostring(row.id) or "?"
        left[#left + 1] = why and { id = id, reason = why } or nil
      end
    end
  end
  return list, left
end

local function environment(order)
  local env, count = { [BOOT] = keys.base64(order.script),
    NVIDIA_DRIVER_CAPABILITIES = "compute,utility" }, 2
  for name, value in pairs(order.env or {}) do -- order: free
    env[name], count = tostring(value), count + 1
  end
  if count > ENV_LIMIT then
    error(("%d variables; RunPod takes %d"):format(count, ENV_LIMIT))
  end
  return env
end

local function ports(order)
  local list = {}
  for index, each in ipairs(order.ports) do
    if each.protocol ~= "tcp" then
      error(("port %d: RunPod maps TCP alone"):format(each.port))
    end
    list[index] = each.port .. "/tcp"
  end
  return json.array(list)
end

-- Made elsewhere than in the region that was asked for: RunPod takes the data centres as a wish (§2.7).
local function misplaced(native, body)
  if not native.firm or type(body.dataCenterId) ~= "string" then return end
  for _, id in ipairs(native.centres) do
    if id == body.dataCenterId then return end
  end
  fail.raise("refused", ("RunPod made the pod in %s instead of %s"):format(body.dataCenterId,
    table.concat(native.centres, " or ")), { created_id = body.id })
end

--- Rents. → { id= }; a failure carries created_id when a pod was made all the same
function runpod.create(order, ticket)
  local native = order.candidate.offer.native
  local ok, response = fail.settle(function()
    return client():create(ticket, "POST", PODS, {
      timeout = 60,
      json = {
        name = order.token, image = order.image, cloud = native.cloud,
        gpu = { id = native.type, count = order.candidate.offer.gpus, minCudaVersion = CUDA },
        dataCenterIds = native.centres and json.array(native.centres), disk = order.disk_gb,
        ports = ports(order), env = environment(order), args = ARGS,
      },
    })
  end)
  if not ok then
    -- a pool that this account may not use costs only itself
    if fail.is(response, "auth") and response.code == "rights" then response.kind = "refused" end
    error(response, 0)
  end
  local body = response.json()
  if type(body) ~= "table" or type(body.id) ~= "string" or not body.id:match("^[%w-]+$") then
    broken("a create without the id of what it made")
  end
  misplaced(native, body)
  return { id = body.id }
end

local function instance_of(row)
  local instance, why = parse.instance(row, PORT_SECONDS / config.get("TIME_SCALE"))
  return instance or broken(why)
end

--- One pod as it is now. `gone` only when RunPod says so in so many words; anything doubtful raises.
function runpod.get(id)
  local ok, response = fail.try(ask, "get", PODS .. "/" .. id)
  if not ok then
    if fail.is(response, "refused") and response.code == "gone" then
      return { id = id, status = "gone", native = "gone" }
    end
    error(response, 0)
  end
  local instance = instance_of(response.json())
  if instance.id ~= id then
    broken(("asked for pod %s, it answered with %s"):format(id, instance.id))
  end
  return instance
end

--- Every pod of the account that may bill, stopped ones too; raises when the list is not complete.
function runpod.list()
  local list = {}
  for _, row in ipairs(array(ask("get", PODS), "pods")) do
    local instance = instance_of(row)
    if instance.status ~= "gone" then list[#list + 1] = instance end
  end
  return list
end

local function delete(id)
  return fail.try(function()
    client():delete(PODS .. "/" .. id, { fresh = true })
  end)
end

--- Ends a pod for good, its disk and what it holds with it. Already gone is success; one that somebody locked
-- is unlocked first (§2.8). → true, or "gone" when it was
function runpod.destroy(id)
  local ok, problem = delete(id)
  if not ok and problem.code == "conflict" and runpod.get(id).locked then
    client():patch(PODS .. "/" .. id, { json = { locked = false } })
    ok, problem = delete(id)
  end
  return ok or (fail.is(problem, "refused") and problem.code == "gone" and "gone") or error(problem, 0)
end

--- Is it gone? Looked for by id and in the complete list, by id and by token; a stopped pod is none that is
-- gone. → { state=, evidence= }
-- list: what runpod.list() returned a moment ago, or nil
function runpod.proof(session, list)
  local instance = runpod.get(session.id)
  list = list or runpod.list()
  local evidence = { get = instance.native, listed = #list, at = clock.wall() }
  local state = instance.status == "gone" and "stopped" or "running"
  for _, each in ipairs(list) do
    if each.id == session.id or each.token == session.token then
      evidence.found, state = each.id, "running"
    end
  end
  return { state = state, evidence = evidence }
end

-- What lies at a path, as belongings.
local function lying(list, path, name, kind, bills)
  for _, row in ipairs(array(ask("get", path), name)) do
    local belonging, why = parse.belonging(row, kind, path, bills)
    list[#list + 1] = belonging or broken(why)
  end
end

--- Network volumes, which bill until they are deleted, and templates, which hold what a pod is told (§2.16).
-- A stopped pod's volume is its pod's, which `list` shows. → array as docs/lua.md tells
function runpod.belongings()
  local list = {}
  lying(list, VOLUMES, "networkVolumes", "network volume", true)
  lying(list, TEMPLATES, "templates", "template", false)
  return list
end

--- Removes one of them. Already gone is success.
-- @raise what keeps it, like a pod that uses the template
function runpod.remove(belonging)
  local ok, problem = fail.try(function()
    client():delete(belonging.path .. "/" .. belonging.id, { fresh = true })
  end)
  if not ok and not (fail.is(problem, "refused") and problem.status == 404) then
    error(problem, 0)
  end
end

local function ask_charges(session)
  local from = clock.iso(math.floor(session.started) - 86400)
  return client():get(BILLING, { timeout = 5,
    query = { podId = session.id, bucketSize = "hour", startTime = from } }).json()
end

--- What RunPod charged for a session so far, when the key may read that.
-- → { amount=, currency=, upto= unix seconds } or nil
function runpod.charges(session)
  local ok, body = fail.try(ask_charges, session)
  if not ok then return nil end
  return parse.charges(body, session.id, clock.wall(), SETTLED / config.get("TIME_SCALE"))
end

--- The calls by which a pod ends itself with its own key: the end; a stop where that is refused, since nobody
-- tells what such a key may (§2.13); and the harmless one beside them.
function runpod.terminate_request()
  local url = config.get("RUNPOD_BASE_URL") .. PODS .. "/${RUNPOD_POD_ID}"
  local key = "Authorization: Bearer ${RUNPOD_API_KEY}"
  return { method = "DELETE", url = url, headers = { key }, key_env = "RUNPOD_API_KEY",
    otherwise = { method = "POST", url = url .. "/action", body = '{"action":"stop"}',
      headers = { key, "Content-Type: application/json" } },
    rehearse = { url = url, headers = { key } } }
end

return runpod
