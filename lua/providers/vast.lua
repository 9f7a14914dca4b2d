-- SPDX-License-Identifier: MIT
-- Vast.ai (facts/vast.md part 1): unprivileged containers with mapped ports, spot by bidding,
-- a key per instance.
local clean = require "base.clean"
local clock = require "base.clock"
local fail = require "base.fail"
local http = require "base.http"
local json = require "base.json"
local log = require "base.log"
local config = require "config.effective"
local card = require "providers.vast.card"
local parse = require "providers.vast.parse"

local vast = {
  name = card.name, title = card.title, console = card.console, credit_page = card.credit_page,
  key_setting = card.key_setting, capabilities = card.capabilities, timing = card.timing,
}

local SCRIPT_LIMIT = 4040    -- bytes of args and onstart together; Vast documents 4048 (§1.7)
local ENV_LIMIT = 256
local PAGE = 25
local PAGES = 400
local SEARCH_BYTES = 32 << 20 -- an offer has two thousand

-- Least seconds between two calls (§1.3).
local intervals = {
  ["POST ^/api/v0/bundles/$"] = 6, ["PUT ^/api/v0/asks/"] = 4.5, ["GET ^/api/v0/instances/%d+/$"] = 2,
  ["GET ^/api/v1/instances/$"] = 1, ["DELETE ^/api/v0/instances/"] = 3, ["GET ^/api/v0/charges/$"] = 1,
}

-- Secrets inside answers never reach a log.
local function hide_secrets(body)
  if type(body) ~= "table" then return end
  for _, name in ipairs { "instance_api_key", "api_key", "jupyter_token", "sid" } do
    if type(body[name]) == "string" and #body[name] >= 6 then
      log.hide(body[name])
    end
  end
end

local function classify(response)
  local body = json.decode(response.body)
  hide_secrets(body)
  return parse.problem(response.status, response.body, body, response.headers, clock.wall())
end

-- Calls that leave evenly do not arrive evenly.
local INTERVAL_MARGIN = 1.2

local current, current_for

-- The client for the key and address in force.
local function client()
  local key = config.secret("VAST_API_KEY")
  if not key then
    fail.raise("config", "Vast.ai has no key: " .. config.way_to_key "VAST_API_KEY")
  end
  local base = config.get("VAST_BASE_URL")
  if current and current_for == base .. key then return current end
  local interval = {}
  for rule, seconds in pairs(intervals) do -- order: free
    interval[rule] = seconds * INTERVAL_MARGIN / config.get("TIME_SCALE")
  end
  current_for = base .. key
  current = http.client {
    base = base, timeout = 30, classify = classify, interval = interval,
    headers = { Authorization = "Bearer " .. key },
    writes = { "POST ^/api/v0/bundles/$" },
  }
  return current
end

local function broken(what)
  fail.raise("broken", "Vast's answer cannot be believed: " .. what)
end

-- The decoded body of a good answer.
local function object(response)
  local body = response.json()
  if type(body) ~= "table" then
    broken("it is no object")
  end
  return body
end

-- Was the named field an array (perhaps empty), and not null or an object?
local function is_array(response, body, name)
  return type(body[name]) == "table"
    and (#body[name] > 0 or response.body:match('"' .. name .. '"%s*:%s*%[') ~= nil)
end

--- Whose key it is. → { id=, name=, balance=, currency= }
function vast.account()
  local body = object(client():get("/api/v0/users/current/"))
  local id = math.tointeger(body.id)
  if not id then
    broken("an account without a number")
  end
  local balance = type(body.credit) == "number" and body.credit or body.balance
  balance = type(balance) == "number" and balance or nil
  local name = body.username or body.email
  return { id = tostring(id), name = type(name) == "string" and clean.line(name, 80) or nil,
    balance = balance, currency = "USD" }
end

--- What can be rented now for `want`. → array of offers; what was left out, {id=, gpu=, reason=}
function vast.offers(want)
  local found
  local response = http.retry(function()
    local reader
    reader, found = parse.reader(want, clock.wall())
    return client():post("/api/v0/bundles/", { json = parse.search(want), reader = reader,
      max_bytes = SEARCH_BYTES })
  end, { attempts = 5, pause = 2 / config.get("TIME_SCALE") })
  local body = object(response)
  if not is_array(response, body, "offers") or #body.offers > 0 then -- what is there was not read
    broken("a search without a list of offers")
  end
  return found.list, found.left
end

local function environment(order)
  local env = {}
  for name, value in pairs(order.env or {}) do -- order: free
    if #tostring(value) > ENV_LIMIT then
      error(("the variable %s is longer than the %d characters that Vast takes"):format(name, ENV_LIMIT))
    end
    env[name] = tostring(value)
  end
  for _, each in ipairs(order.ports) do
    env[("-p %d:%d%s"):format(each.port, each.port, each.protocol == "udp" and "/udp" or "")] = "1"
  end
  return env
end

--- Rents. The presence of `price` is what makes it spot; cancel_unavail keeps a lost bid from leaving a
-- stopped, billed machine (§1.7).
-- → { id=, guard_key= }; a failure carries created_id when a machine was made all the same
function vast.create(order, ticket)
  if #order.script + #"/bin/sh-c" > SCRIPT_LIMIT then
    error(("the start script has %d bytes; Vast takes %d"):format(#order.script, SCRIPT_LIMIT))
  end
  local candidate = order.candidate
  local response = client():create(ticket, "PUT", ("/api/v0/asks/%s/"):format(candidate.offer.id), {
    timeout = 60,
    json = {
      client_id = "me", image = order.image, disk = order.disk_gb, label = order.token, runtype = "args",
      onstart = "/bin/sh", args = json.array { "-c", order.script }, user = "root", env = environment(order),
      cancel_unavail = true, target_state = "running", price = candidate.spot and candidate.bid or nil,
    },
  })
  local body = object(response)
  local id = math.tointeger(body.new_contract)
  if not id then
    broken("a create without the number of what it made")
  end
  return { id = tostring(id), guard_key = body.instance_api_key }
end

--- One machine as it is now. `gone` only when Vast says so in so many words; anything doubtful raises.
function vast.get(id)
  local ok, response = fail.try(function()
    return client():get(("/api/v0/instances/%s/"):format(id), { query = { owner = "me" } })
  end)
  if not ok then
    if fail.is(response, "refused") and response.code == "gone" then
      return { id = tostring(id), status = "gone" }
    end
    error(response, 0)
  end
  local body = object(response)
  if body.instances == nil then
    if response.body:match('"instances"%s*:%s*null') then
      return { id = tostring(id), status = "gone" }
    end
    broken("it says nothing about instance " .. id)
  end
  local row = body.instances
  row = type(row) == "table" and row.id == nil and #row == 1 and row[1] or row
  hide_secrets(row)
  local instance, why = parse.instance(row)
  if not instance then
    broken(why)
  end
  if instance.id ~= tostring(id) then
    broken(("asked for instance %s, it answered with %s"):format(id, instance.id))
  end
  return instance
end

-- One page of the list, checked. → rows, next token or nil
local function page(after)
  local response = client():get("/api/v1/instances/", { query = { limit = PAGE, after_token = after } })
  local body = object(response)
  if not is_array(response, body, "instances") then
    broken("a list of instances without the list")
  end
  local token = body.next_token
  if token ~= nil and type(token) ~= "string" then
    broken("a list of instances with an unknown way to its next page")
  end
  return body.instances, token
end

--- Every machine of the account, all pages; raises when the list is not complete.
function vast.list()
  local list, seen, after = {}, {}, nil
  for _ = 1, PAGES do
    local rows, token = page(after)
    for _, row in ipairs(rows) do
      hide_secrets(row)
      local instance, why = parse.instance(row)
      if not instance then
        broken(why)
      end
      list[#list + 1] = instance
    end
    if not token then return list end
    if seen[token] then
      broken("a list of instances whose pages go round in a circle")
    end
    seen[token], after = true, token
  end
  return broken("a list of instances without an end")
end

--- Ends a machine for good (only destroying ends billing, §1.10). Already gone is success.
-- → true, or "gone" when it was
function vast.destroy(id)
  local ok, problem = fail.try(function()
    client():delete(("/api/v0/instances/%s/"):format(id), { fresh = true })
  end)
  return ok or (fail.is(problem, "refused") and problem.code == "gone" and "gone") or error(problem, 0)
end

--- Is it gone? Looked for by number and in the complete list, by number and by token. → { state=, evidence= }
-- list: what vast.list() returned a moment ago, or nil
function vast.proof(session, list)
  local instance = vast.get(session.id)
  list = list or vast.list()
  local evidence = { get = instance.status, listed = #list, at = clock.wall() }
  for _, each in ipairs(list) do
    if each.id == tostring(session.id) or each.token == session.token then
      evidence.found = each.id
      return { state = "running", evidence = evidence }
    end
  end
  return { state = instance.status == "gone" and "stopped" or "running", evidence = evidence }
end

--- Every volume of the account (§1.14): it bills until it is deleted. We make none, so one of ours would be
-- called by a token. → array as docs/lua.md tells
function vast.belongings()
  local response = client():get("/api/v0/volumes/")
  local body, list = object(response), {}
  if not is_array(response, body, "volumes") then
    broken("a list of volumes without the list")
  end
  for index, row in ipairs(body.volumes) do
    local volume, why = parse.volume(row)
    list[index] = volume or broken(why)
  end
  return list
end

--- Deletes one of them. Already gone is success.
function vast.remove(belonging)
  local ok, problem = fail.try(function()
    local body = { id = math.tointeger(tonumber(belonging.id)) }
    client():delete("/api/v0/volumes/", { json = body, fresh = true })
  end)
  if not ok and not (fail.is(problem, "refused") and problem.code == "gone") then error(problem, 0) end
end

local function ask_charges(session)
  local filter = {
    day = { gte = math.floor(session.started) - 86400, lte = math.floor(clock.wall()) + 86400 },
    type = { ["in"] = json.array { "instance" } },
  }
  local query = { select_filters = json.encode(filter), limit = 100, latest_first = "true" }
  return object(client():get("/api/v0/charges/", { timeout = 5, query = query }))
end

--- What Vast charged for a session so far, when the key may read that.
-- → { amount=, currency=, upto= unix seconds } or nil
function vast.charges(session)
  local ok, body = fail.try(ask_charges, session)
  if not ok then return nil end
  local found
  for _, row in ipairs(type(body.results) == "table" and body.results or {}) do
    if type(row) == "table" and row.source == "instance-" .. session.id and type(row.amount) == "number" then
      found = found or { amount = 0, currency = "USD", upto = 0 }
      found.amount = found.amount + row.amount
      found.upto = math.max(found.upto, type(row["end"]) == "number" and row["end"] or 0)
    end
  end
  return found
end

--- The call by which a machine ends itself, and the harmless one beside it: its own key may show and end
-- it and no more (§1.12).
function vast.terminate_request()
  local url, headers = config.get("VAST_BASE_URL") .. "/api/v0/instances/${CONTAINER_ID}/",
    { "Authorization: Bearer ${CONTAINER_API_KEY}" }
  return { method = "DELETE", url = url, headers = headers, rehearse = { url = url, headers = headers } }
end

return vast
