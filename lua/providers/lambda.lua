-- SPDX-License-Identifier: MIT
-- Lambda (facts/lambda.md part 2): virtual machines with cloud-init, on-demand only, whole cents. No key
-- lesser than the account's exists, so the guard's key is a matter of consent (DESIGN §1.10). A machine needs
-- an SSH key and, for its tunnel, a firewall ruleset: both are made for one run, carry its token as their
-- name and go with it.
local clock = require "base.clock"
local fail = require "base.fail"
local http = require "base.http"
local json = require "base.json"
local keys = require "base.keys"
local log = require "base.log"
local sorted = require "base.sorted"
local task = require "base.task"
local config = require "config.effective"
local card = require "providers.lambda.card"
local parse = require "providers.lambda.parse"

local lambda = {
  name = card.name, title = card.title, console = card.console, credit_page = card.credit_page,
  key_setting = card.key_setting, capabilities = card.capabilities, timing = card.timing,
  around = card.around,
}

local ROOT = "/api/v1"
local INSTANCES, KEYS, RULESETS = ROOT .. "/instances", ROOT .. "/ssh-keys", ROOT .. "/firewall-rulesets"
local SYSTEMS = ROOT .. "/file-systems"
local GIB_MONTH, MONTH = 0.20, 730 -- dollars for a GiB and month of storage; hours (§2.3)
local TERMINATE, LAUNCH = ROOT .. "/instance-operations/terminate", ROOT .. "/instance-operations/launch"
local IMAGE = "lambda-stack-24-04"
local USER_DATA_LIMIT = 1000000 -- bytes (§2.4)
-- seconds: between the guard's attempts, and between its two requests (§2.1: one a second)
local GUARD_RETRY, GUARD_PAUSE = 15, 2
local TRIES = 4

-- Least seconds between two calls (§2.1); the first is shared by all of them.
-- The margin is for the guard and the agent beside us.
local intervals = { ["* ^/"] = 1.25, ["POST ^/api/v1/instance%-operations/launch$"] = 13 }

local function classify(response)
  return parse.problem(response.status, response.body, json.decode(response.body))
end

local current, current_for

local function key_of()
  local key = config.secret("LAMBDA_API_KEY")
  if not key then
    fail.raise("config", "Lambda has no key: put LAMBDA_API_KEY=... into " .. config.home() .. "/.env")
  end
  return key
end

-- The client for the key and address in force.
local function client()
  local key, base = key_of(), config.get("LAMBDA_BASE_URL")
  if current and current_for == base .. key then return current end
  local interval = {}
  for rule, seconds in pairs(intervals) do -- order: free
    interval[rule] = seconds / config.get("TIME_SCALE")
  end
  current_for = base .. key
  current = http.client {
    base = base, timeout = 30, classify = classify, interval = interval,
    headers = { Authorization = "Bearer " .. key },
    writes = {
      "POST ^/api/v1/ssh%-keys$", "POST ^/api/v1/firewall%-rulesets$",
      "POST ^/api/v1/instance%-operations/terminate$",
    },
  }
  return current
end

local function broken(what)
  fail.raise("broken", "Lambda's answer cannot be believed: " .. what)
end

-- Secrets inside answers never reach a log.
local function hide_secrets(row)
  for _, name in ipairs { "jupyter_token", "jupyter_url" } do
    if type(row) == "table" and type(row[name]) == "string" and #row[name] >= 6 then
      log.hide(row[name])
    end
  end
end

local function data_of(response)
  local body = response.json()
  if type(body) ~= "table" or type(body.data) ~= "table" then
    broken("it holds no data")
  end
  return body.data
end

-- A call that may be repeated; too fast is answered by waiting, and so are the other `kinds`.
local function ask(method, path, options, kinds)
  return http.retry(function()
    return client()[method](client(), path, options)
  end, { attempts = TRIES, pause = 2 / config.get("TIME_SCALE"), kinds = kinds or { "rate" } })
end

local function array(path)
  local response = ask("get", path)
  local data = data_of(response)
  if #data == 0 and not response.body:match('"data"%s*:%s*%[') then
    broken("a list that is none")
  end
  return data
end

--- What stands for the account of the key in use, without asking: another key of the same
-- account has another one.
function lambda.account_of_key()
  return "key-" .. keys.sha256_hex("continueplz: Lambda account of " .. key_of()):sub(1, 16)
end

--- Whose key it is: Lambda has no call that tells (§2.1), so the key's fingerprint stands for the account;
-- that the key may read the machines is proven. → { id=, name=, balance=nil, currency= }
function lambda.account()
  array(INSTANCES)
  local id = lambda.account_of_key()
  return { id = id, name = "key with fingerprint " .. id:sub(5), currency = "USD" }
end

--- What can be rented now for `want`. → array of offers; what was left out of the answer, {id=, reason=}
function lambda.offers(want)
  local types = data_of(ask("get", ROOT .. "/instance-types", nil, { "rate", "transient" }))
  if #types > 0 then
    broken("machine types as a list")
  end
  local list, left, now = {}, {}, clock.wall()
  for _, row in sorted(types) do
    local found, left_out = parse.offers(row, want, now)
    table.move(found, 1, #found, #list + 1, list)
    for _, each in ipairs(left_out) do
      left[#left + 1] = { id = each.what, reason = each.reason }
    end
  end
  return list, left
end

-- Ids of what is called `name`.
local function named(path, name)
  local ids = {}
  for _, row in ipairs(array(path)) do
    if type(row) ~= "table" or type(row.id) ~= "string" or not row.id:match("^[%w-]+$") then
      broken("a row without an id in " .. path)
    end
    if row.name == name then
      ids[#ids + 1] = row.id
    end
  end
  return ids
end

-- Makes what is called body.name unless it is there; it costs nothing, so a lost answer is looked up and the
-- call repeated. → its id
local function ensure(path, body)
  for attempt = 1, TRIES do
    local ok, result = fail.try(function()
      return data_of(client():post(path, { json = body }))
    end)
    if ok and type(result.id) == "string" then return result.id end
    if ok then
      broken("something made without an id")
    end
    if not (fail.is(result, "transient") or fail.is(result, "rate") or result.code == "duplicate") then
      error(result, 0)
    end
    task.sleep(attempt / config.get("TIME_SCALE"))
    local found = named(path, body.name)
    if #found > 0 then return found[1] end
  end
  fail.raise("transient", ("Lambda does not let %s be made at %s"):format(body.name, path))
end

-- An authorized key that opens nothing: nobody has its private half. Lambda wants exactly one (§2.4);
-- the tunnel is the way in.
local function dead_key()
  return "ssh-ed25519 " .. keys.base64((">s4s4"):pack("ssh-ed25519", keys.sealed())) .. " nobody"
end

--- Makes what a machine needs before it can be launched: an SSH key and a ruleset that opens the tunnel's
-- port and no other. → fields of the order: { ruleset = id }
function lambda.prepare(order)
  ensure(KEYS, { name = order.token, public_key = dead_key() })
  return { ruleset = ensure(RULESETS,
    { name = order.token, region = order.candidate.offer.native.region, rules = parse.rules(order.ports) }) }
end

-- What lies at a path, as belongings. hourly: function(row) → dollars, of what bills; nil: it costs nothing
-- @raise `broken`
local function lying(path, kind, list, hourly)
  for _, row in ipairs(array(path)) do
    if type(row) ~= "table" or type(row.id) ~= "string" or not row.id:match("^[%w-]+$") then
      broken("a row without an id in " .. path)
    end
    local name = type(row.name) == "string" and row.name or nil
    list[#list + 1] = { kind = kind, id = row.id, name = name, token = name, bills = hourly ~= nil,
      hourly = hourly and hourly(row), path = path,
      since = type(row.created) == "string" and clock.parse_iso(row.created) or nil }
  end
end

-- What a file system costs in an hour, by its bytes.
local function storage(row)
  return type(row.bytes_used) == "number" and row.bytes_used / 2^30 * GIB_MONTH / MONTH or nil
end

--- Every SSH key, firewall ruleset and file system of the account (§2.4, §2.7); the name is the token, where
-- we made them. File systems bill, and we make none. → array as docs/lua.md tells
function lambda.belongings()
  local list = {}
  lying(KEYS, "SSH key", list)
  lying(RULESETS, "firewall ruleset", list)
  lying(SYSTEMS, "file system", list, storage)
  return list
end

--- Removes one of them. Already gone is success.
-- @raise what keeps it, like a machine that uses the ruleset
function lambda.remove(belonging)
  local ok, why = fail.try(ask, "delete", belonging.path .. "/" .. belonging.id)
  if not ok and not (fail.is(why, "refused") and why.status == 404) then
    error(why, 0)
  end
end

--- Removes what `prepare` made for a session whose machine is gone: all that bears its token as its name, and
-- nothing else. Repeatable.
-- @raise what is still there, like a ruleset in use
function lambda.tidy(session)
  local problem
  for _, path in ipairs { KEYS, RULESETS } do
    for _, id in ipairs(named(path, session.token)) do
      local ok, why = fail.try(lambda.remove, { path = path, id = id })
      problem = not ok and why or problem
    end
  end
  if problem then error(problem, 0) end
end

--- Rents. → { id= }
function lambda.create(order, ticket)
  if #order.user_data > USER_DATA_LIMIT then
    error(("the user data has %d bytes; Lambda takes %d"):format(#order.user_data, USER_DATA_LIMIT))
  end
  local native = order.candidate.offer.native
  local data = data_of(client():create(ticket, "POST", LAUNCH, {
    timeout = 60,
    json = {
      region_name = native.region, instance_type_name = native.type,
      ssh_key_names = json.array { order.token }, name = order.token,
      hostname = order.token, image = { family = IMAGE }, user_data = order.user_data,
      tags = json.array { { key = parse.TAG, value = order.token } },
      firewall_rulesets = json.array { { id = order.extras.ruleset } },
    },
  }))
  local ids = type(data.instance_ids) == "table" and data.instance_ids or {}
  if type(ids[1]) ~= "string" or not ids[1]:match("^[%w-]+$") then
    broken("a launch without the id of what it made")
  end
  return { id = ids[1] }
end

local function instance_of(row)
  hide_secrets(row)
  local instance, why = parse.instance(row)
  if not instance then
    broken(why)
  end
  return instance
end

--- One machine as it is now. `gone` only when Lambda says so in so many words; anything doubtful raises.
function lambda.get(id)
  local ok, response = fail.try(ask, "get", INSTANCES .. "/" .. id)
  if not ok then
    if fail.is(response, "refused") and response.code == "gone" then
      return { id = id, status = "gone", native = "gone" }
    end
    error(response, 0)
  end
  local instance = instance_of(data_of(response))
  if instance.id ~= id then
    broken(("asked for instance %s, it answered with %s"):format(id, instance.id))
  end
  return instance
end

--- Every machine of the account that may bill; raises when the list is not complete.
function lambda.list()
  local list = {}
  for _, row in ipairs(array(INSTANCES)) do
    local instance = instance_of(row)
    if instance.status ~= "gone" then
      list[#list + 1] = instance
    end
  end
  return list
end

--- Ends a machine for good. Gone or ending already is success. → true, or "gone" when it was
function lambda.destroy(id)
  local ok, problem = fail.try(function()
    ask("post", TERMINATE, { json = { instance_ids = json.array { id } }, fresh = true })
  end)
  if ok or (fail.is(problem, "refused") and problem.code == "gone") then
    return ok or "gone"
  end
  if fail.is(problem) and problem.code == "unknown" then -- as one that is ending already answers (§2.2)
    local instance = lambda.get(id)
    if instance.status == "gone" or instance.native == "terminating" then
      return true
    end
  end
  error(problem, 0)
end

--- Is it gone? Looked for by id and in the complete list, by id and by token. What says "terminating" is not
-- gone yet, but on its way. → { state=, evidence= }
-- list: what lambda.list() returned a moment ago, or nil
function lambda.proof(session, list)
  local instance = lambda.get(session.id)
  list = list or lambda.list()
  local evidence = { get = instance.native, listed = #list, at = clock.wall() }
  local state = instance.status == "gone" and "stopped" or instance.native == "terminating" and "ending"
    or "running"
  for _, each in ipairs(list) do
    if each.id == session.id or each.token == session.token then
      evidence.found = each.id
      state = state ~= "running" and each.native == "terminating" and "ending" or "running"
    end
  end
  return { state = state, evidence = evidence }
end

--- The call by which a machine ends itself, once it has found its own id by its token (§2.9: nothing tells
-- it). It needs the account's key.
function lambda.terminate_request(token)
  local base, key = config.get("LAMBDA_BASE_URL"), "Authorization: Bearer ${CPLZ_ACCOUNT_KEY}"
  return {
    method = "POST", url = base .. TERMINATE, headers = { key, "Content-Type: application/json" },
    body = '{"instance_ids":["${ID}"]}', key_env = "CPLZ_ACCOUNT_KEY", retry = GUARD_RETRY,
    find = { url = base .. INSTANCES, headers = { key }, token = token, pause = GUARD_PAUSE },
  }
end

return lambda
