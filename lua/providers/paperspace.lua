-- SPDX-License-Identifier: MIT
-- Paperspace (facts/paperspace.md §4): virtual machines with a startup script, on-demand only, whose prices
-- are a dated table until a machine tells its own rate. No key lesser than the team's exists, so the guard's
-- key is a matter of consent (DESIGN §1.10). There is no billing API: an end is acknowledged and seen twice,
-- and a person looks (DESIGN §1.4). The startup script is made for one machine, carries its token as its
-- name, and is removed as soon as the machine has it.
local clock = require "base.clock"
local fail = require "base.fail"
local http = require "base.http"
local json = require "base.json"
local log = require "base.log"
local task = require "base.task"
local url = require "base.url"
local config = require "config.effective"
local gpus = require "facts.gpus"
local card = require "providers.paperspace.card"
local parse = require "providers.paperspace.parse"

local paperspace = {
  name = card.name, title = card.title, console = card.console, credit_page = card.credit_page,
  key_setting = card.key_setting, capabilities = card.capabilities, timing = card.timing,
  around = card.around,
}

local ROOT = "/v1"
local MACHINES, SCRIPTS, ADDRESSES = ROOT .. "/machines", ROOT .. "/startup-scripts", ROOT .. "/public-ips"
local SNAPSHOTS, DRIVES = ROOT .. "/snapshots", ROOT .. "/shared-drives"
local TEMPLATES, NETWORKS = ROOT .. "/custom-templates", ROOT .. "/private-networks"
local PAGE, MOST_PAGES = 120, 100 -- rows of a page (§4.2: at most); more pages than any team has
local SCRIPT_LIMIT = 16384        -- bytes: no limit is documented, so it is kept small (§4.7)
local GUARD_RETRY = 10            -- seconds between the guard's attempts
local TRIES, AT_ONCE = 4, 4
local HOPELESS = 90               -- attempts of the guard, most of them a minute apart

local current, current_for

local function key_of()
  local key = config.secret(card.key_setting)
  if not key then
    fail.raise("config", ("Paperspace has no key: put %s=... into %s/.env"):format(card.key_setting,
      config.home()))
  end
  return key
end

local function classify(response)
  return parse.problem(response.status, response.body, json.decode(response.body))
end

-- The client for the key and address in force.
local function client()
  local key, base = key_of(), config.get("PAPERSPACE_BASE_URL")
  if current and current_for == base .. key then return current end
  current_for = base .. key
  current = http.client {
    base = base, timeout = 30, classify = classify, headers = { Authorization = "Bearer " .. key },
    writes = { "POST ^/v1/startup%-scripts$" },
  }
  return current
end

local function broken(what)
  fail.raise("broken", "Paperspace's answer cannot be believed: " .. what)
end

-- A call that may be repeated; too fast is answered by waiting, and so are the other `kinds`.
local function ask(method, path, options, kinds)
  return http.retry(function()
    return client()[method](client(), path, options)
  end, { attempts = TRIES, pause = 2 / config.get("TIME_SCALE"), kinds = kinds or { "rate" } })
end

-- Every row of a list, page by page.
-- @raise `broken` when a page does not say where the list ends
local function every(path, kinds)
  local list, seen, cursor = {}, {}, nil
  for _ = 1, MOST_PAGES do
    local query = { limit = tostring(PAGE), after = cursor }
    local answer = ask("get", path, { query = query }, kinds)
    local rows, more = parse.page(answer.json(), answer.body)
    if not rows then
      broken(more)
    end
    table.move(rows, 1, #rows, #list + 1, list)
    if not more then return list end
    if seen[more] then
      broken("a page leads back to an earlier one")
    end
    seen[more], cursor = true, more
  end
  return broken(("a list of more than %d pages"):format(MOST_PAGES))
end

--- Whose key it is: the team's, which owns what is rented (§4.9). A team that others share is named as one.
-- → { id=, name=, balance=nil, currency= }
function paperspace.account()
  local response = ask("get", ROOT .. "/auth/session")
  if response.body:match "^%s*null%s*$" then
    fail.raise("auth", "Paperspace does not know the key; make one at " .. card.key_page)
  end
  local body = response.json()
  local team = type(body) == "table" and type(body.team) == "table" and body.team or {}
  if type(team.id) ~= "string" or team.id == "" then
    broken("a session without a team")
  end
  local user = type(body.user) == "table" and type(body.user.email) == "string" and body.user.email or "?"
  local shared = team.isPrivate ~= true and type(team.namespace) == "string"
  return { id = team.id, currency = "USD",
    name = shared and ("%s, for the team %s: its members see and pay what is rented"):format(user,
      team.namespace) or user }
end

-- What is to be had now; nil where that cannot be told (the answer's shape is not certain, §4.3).
local function available(offer)
  local ok, response = fail.try(ask, "get", ROOT .. "/machine-availability",
    { query = { machineType = offer.native.type, region = offer.native.region } })
  if not ok and (fail.is(response, "auth") or fail.is(response, "rate")) then
    error(response, 0)
  end
  local body = ok and response.json()
  if type(body) ~= "table" then return nil end
  return body.available
end

--- What can be rented now for `want`, at the prices of the card's dated table. What is too small is offered
-- without being asked for. → array of offers; what was left out, {id=, gpu=, reason=}
function paperspace.offers(want)
  local templates = parse.templates(every(ROOT .. "/os-templates", { "rate", "transient" }))
  local list, left_out = parse.offers(templates, want)
  local left = {}
  for index, each in ipairs(left_out) do left[index] = { id = each.what, reason = each.reason } end
  local told = task.map(list, function(offer)
    if not gpus.fits(offer, want) then return nil end
    return available(offer)
  end, { limit = AT_ONCE })
  local kept = {}
  for index, offer in ipairs(list) do
    if not told[index].ok then error(told[index].error, 0) end
    if told[index].value == false then
      left[#left + 1] = { id = offer.id, gpu = offer.native_gpu, reason = "none is to be had" }
    else
      offer.availability = told[index].value == true and 1 or nil
      kept[#kept + 1] = offer
    end
  end
  return kept, left
end

-- Rows of a list, each with a `key` that can stand in a path.
local function keyed(path, key)
  local list = every(path)
  for _, row in ipairs(list) do
    if type(row) ~= "table" or type(row[key]) ~= "string" or not row[key]:match("^[%w._-]+$") then
      broken(("a row without its %s in %s"):format(key, path))
    end
  end
  return list
end

-- Those of them whose `field` is `value`. → array of `key`
local function where(path, key, field, value)
  local found = {}
  for _, row in ipairs(keyed(path, key)) do
    found[#found + 1] = row[field] == value and row[key] or nil
  end
  return found
end

-- What ?name= means is not documented, so names are looked at here.
local function named(path, name) return where(path, "id", "name", name) end

-- Makes the startup script, unless it is there: a lost answer is looked up. → its id
local function ensure_script(name, text)
  local body = { name = name, script = text, isRunOnce = true }
  for attempt = 1, TRIES do
    local ok, result = fail.try(function()
      return client():post(SCRIPTS, { json = body }).json()
    end)
    if ok and type(result) == "table" and type(result.id) == "string" then return result.id end
    if ok then
      broken("a startup script without an id")
    end
    if not (fail.is(result, "transient") or fail.is(result, "rate")) then
      error(result, 0)
    end
    task.sleep(attempt / config.get("TIME_SCALE"))
    local found = named(SCRIPTS, name)
    if #found > 0 then return found[1] end
  end
  return fail.raise("transient", "Paperspace does not let a startup script be made")
end

-- An account that cannot pay is told before anything is made (§4.6).
local function need_standing()
  local body = ask("get", ROOT .. "/billing/account-standing").json()
  if type(body) == "table" and body.isInGoodStanding == false then
    local said = type(body.messages) == "table" and type(body.messages[1]) == "string" and body.messages[1]
    fail.raise("funds", ("Paperspace lets this account rent nothing%s; see to it at %s"):format(
      said and ": " .. said or "", card.credit_page))
  end
end

--- Makes what a machine needs before it can be created: its startup script, which holds secrets. → fields of
-- the order: { script = id }
function paperspace.prepare(order)
  if #order.script > SCRIPT_LIMIT then
    error(("the startup script has %d bytes; %d are sent"):format(#order.script, SCRIPT_LIMIT))
  end
  need_standing()
  return { script = ensure_script(order.token, order.script) }
end

--- Removes what `prepare` made: the scripts that bear the session's token as their name, and nothing else.
-- Repeatable; the machine that runs has no need of it any more.
-- @raise what is still there
function paperspace.tidy(session)
  local problem
  for _, id in ipairs(named(SCRIPTS, session.token)) do
    local ok, why = fail.try(paperspace.remove, { path = SCRIPTS, id = id })
    problem = not ok and why or problem
  end
  if problem then error(problem, 0) end
end

--- The machine runs: its script has done its work, and its secrets need not lie with the team any longer.
paperspace.settled = paperspace.tidy

-- Whatever a create is refused for, its form and its key aside, it is not to be had here (§4.2); large cards
-- want an approval (§4.3).
local function refusal(problem)
  if fail.is(problem, "refused") and not problem.form then
    problem.kind = "capacity"
  end
  return problem
end

--- Rents. The cloud's own timer switches the machine off when its life is over by far, whoever forgot it
-- (§4.10). → { id= }
function paperspace.create(order, ticket)
  local native, hours = order.candidate.offer.native, parse.timer_hours(order.life or 0)
  local ok, answer = fail.settle(function()
    return client():create(ticket, "POST", MACHINES, {
      timeout = 60,
      json = {
        name = order.token, machineType = native.type, templateId = native.template, region = native.region,
        diskSize = native.disk, publicIpType = "dynamic", startupScriptId = order.extras.script,
        startOnCreate = true, emailPassword = false, takeInitialSnapshot = false,
        autoSnapshotEnabled = false, autoShutdownEnabled = hours ~= nil, autoShutdownTimeout = hours,
        autoShutdownForce = hours ~= nil or nil,
      },
    }).json()
  end)
  if not ok then error(refusal(answer), 0) end
  local data = type(answer) == "table" and type(answer.data) == "table" and answer.data or {}
  if type(data.id) ~= "string" or not data.id:match("^[%w_-]+$") then
    broken("a create without the id of what it made")
  end
  return { id = data.id }
end

--- The longest that a machine which was rented for `seconds` can be left to live: until the cloud's own timer
-- switches it off, which counts from its create (§4.10); no request is known that moves it.
-- → seconds, why; nil: it has no timer
function paperspace.longest(seconds)
  local hours = parse.timer_hours(seconds)
  if not hours then return nil end
  return math.max(seconds, hours * 3600 - card.timing.boot),
    ("Paperspace's own timer switches the machine off %d h after its create"):format(hours)
end

local function instance_of(row)
  local instance, why = parse.instance(row)
  return instance or broken(why)
end

--- One machine as it is now. `gone` only when Paperspace says so in so many words; anything doubtful raises.
function paperspace.get(id)
  local ok, response = fail.try(ask, "get", MACHINES .. "/" .. id)
  if not ok then
    if fail.is(response, "refused") and response.code == "gone" then
      return { id = id, status = "gone", native = "gone" }
    end
    error(response, 0)
  end
  local instance = instance_of(response.json())
  if instance.id ~= id then
    broken(("asked for machine %s, it answered with %s"):format(id, instance.id))
  end
  return instance
end

--- Every machine of the team that may bill; raises when the list is not complete.
function paperspace.list()
  local list = {}
  for _, row in ipairs(every(MACHINES)) do
    local instance = instance_of(row)
    if instance.status ~= "gone" then
      list[#list + 1] = instance
    end
  end
  return list
end

-- What would bill on: claimed addresses and snapshots of the machine. We order none, so there is none but for
-- a cloud that did otherwise; each is asked for, since nothing names its machine once that is gone.
local function release(id)
  for _, ip in ipairs(where(ADDRESSES, "ip", "assignedMachineId", id)) do
    ask("delete", ADDRESSES .. "/" .. ip)
  end
  for _, snapshot in ipairs(where(SNAPSHOTS, "id", "machineId", id)) do
    ask("delete", SNAPSHOTS .. "/" .. snapshot)
  end
end

-- What lies at a path, as belongings; only a name can carry our token. A shared drive's row has its password.
local function lying(list, kind, path, key, bills)
  for _, row in ipairs(keyed(path, key)) do
    if type(row.password) == "string" then log.hide(row.password) end
    local name = type(row.name) == "string" and row.name or nil
    list[#list + 1] = type(row.dtDeleted) ~= "string" and { kind = kind, id = row[key], name = name,
      token = name, bills = bills, path = path,
      since = type(row.dtCreated) == "string" and clock.parse_iso(row.dtCreated) or nil } or nil
  end
end

--- What the team has beside machines (§4.6). What bills does so until it is let go, at a rate that Paperspace
-- tells nobody. A network goes when nothing is in it. → array as docs/lua.md tells
function paperspace.belongings()
  local list = {}
  lying(list, "startup script", SCRIPTS, "id", false)
  lying(list, "public address", ADDRESSES, "ip", true)
  lying(list, "snapshot", SNAPSHOTS, "id", true)
  lying(list, "template", TEMPLATES, "id", true)
  lying(list, "shared drive", DRIVES, "id", true)
  lying(list, "private network", NETWORKS, "id", false)
  return list
end

--- Removes one of them. Already gone is success.
function paperspace.remove(belonging)
  local ok, why = fail.try(ask, "delete", belonging.path .. "/" .. belonging.id)
  if not ok and why.code ~= "gone" then error(why, 0) end
end

-- Has the cloud begun to end it, or ended it, already?
local function is_ending(id)
  local instance = paperspace.get(id)
  return instance.status == "gone" or instance.native == "stopping"
end

--- Ends a machine for good, and what would bill on without it. Gone or ending already is success. → true, or
-- "gone" when it was
function paperspace.destroy(id)
  local ok, problem = fail.try(ask, "delete", MACHINES .. "/" .. id)
  local gone = not ok and fail.is(problem, "refused") and problem.code == "gone"
  if not ok and not gone and not (problem.code == "busy" and is_ending(id)) then
    error(problem, 0)
  end
  release(id)
  return gone and "gone" or true
end

--- Is it gone? Looked for by id and in the complete list, by id and by token. What says "stopping" is not
-- gone yet, but on its way. → { state=, evidence= }
-- list: what paperspace.list() returned a moment ago, or nil
function paperspace.proof(session, list)
  local instance = paperspace.get(session.id)
  list = list or paperspace.list()
  local evidence = { get = instance.native, listed = #list, at = clock.wall() }
  local state = instance.status == "gone" and "stopped" or instance.native == "stopping" and "ending"
    or "running"
  for _, each in ipairs(list) do
    if each.id == session.id or each.token == session.token then
      evidence.found = each.id
      state = state ~= "running" and each.native == "stopping" and "ending" or "running"
    end
  end
  return { state = state, evidence = evidence }
end

--- The call by which a machine ends itself, once it has found its own id by its token. It needs the account's
-- key. What cannot be ended for more than an hour is switched off: its disk alone bills then (§4.6, §4.11).
function paperspace.terminate_request(token)
  local base, key = config.get("PAPERSPACE_BASE_URL"), "Authorization: Bearer ${CPLZ_ACCOUNT_KEY}"
  return {
    method = "DELETE", url = base .. MACHINES .. "/${ID}", headers = { key }, key_env = "CPLZ_ACCOUNT_KEY",
    retry = GUARD_RETRY, power_off_after = HOPELESS,
    find = { url = ("%s%s?limit=%d&name=%s"):format(base, MACHINES, PAGE, url.escape(token)),
      headers = { key }, token = token, pause = 0 },
  }
end

return paperspace
