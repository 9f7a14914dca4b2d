-- SPDX-License-Identifier: MIT
-- A cloud of your own: copy this file to providers/toy.lua in your folder (~/.continueplz), put its key and
-- address into .env (TOY_API_KEY, TOY_BASE_URL), and it is asked beside the others. The toy cloud is the one
-- of tests/cloudsim/toy/: containers with mapped ports, prices by the hour, no spot.
-- docs/lua.md tells what a provider must have.
local clock = require "base.clock"
local fail = require "base.fail"
local http = require "base.http"
local json = require "base.json"
local log = require "base.log"
local config = require "config.effective"
local gpus = require "facts.gpus"

local REGIONS = { europe = "eu", america = "us" }
local STATES = { queued = "booting", starting = "booting", running = "running", stopped = "stopped",
  ended = "exited" }

local toy = {
  name = "toy", title = "Toy Cloud", console = "the toy cloud's web page", key_setting = "TOY_API_KEY",
  settings = {
    { name = "TOY_API_KEY", type = "secret", doc = "key of the toy cloud" },
    { name = "TOY_BASE_URL", type = "url", doc = "address of the toy cloud",
      default = "https://toy.example" },
  },
  capabilities = { spot = false, udp = true, boot = "container", guard = "scoped-key", billing = "absence" },
  timing = { consistency = 30, poll = 5, boot = 600, proof_gap = 5 }, -- seconds
}

-- What the toy cloud says, as one of the kinds of failure.
local KINDS = { bad_key = "auth", no_credit = "funds", taken = "capacity", no_machine = "refused" }

local function classify(response)
  if response.status < 400 then return nil end
  local body = json.decode(response.body)
  local code = type(body) == "table" and body.error
  return KINDS[code] and { kind = KINDS[code], code = code, message = "the toy cloud says: " .. code } or nil
end

local function client()
  -- No `writes`: the one request that is no GET or DELETE is the create, and that needs its ticket.
  return http.client { base = config.get("TOY_BASE_URL"),
    headers = { ["X-Toy-Key"] = config.secret("TOY_API_KEY") }, classify = classify }
end

-- The decoded answer; one that lacks its list or number is not believed.
local function object(response)
  local body = response.json()
  if type(body) ~= "table" then
    fail.raise("broken", "the toy cloud's answer is no object")
  end
  return body
end

function toy.account()
  local body = object(client():get("/toy/v1/account"))
  return { id = tostring(body.id), name = body.name, balance = body.credit, currency = "USD" }
end

function toy.offers(want)
  local list, now = {}, clock.wall()
  for _, row in ipairs(object(client():get("/toy/v1/offers")).offers) do
    local gpu = gpus.find(row.card)
    if gpu then
      list[#list + 1] = {
        provider = "toy", id = row.id, gpu = gpu.name, native_gpu = row.card, gpus = row.cards,
        vram_gb = row.memory_gb, region = REGIONS[row.place], native_region = row.place, on_demand = row.hour,
        disk_hour = row.disk_gb_hour * want.disk_gb, gpu_bandwidth = gpu.bandwidth, reliability = 1,
        currency = "USD", source = "api", at = now,
      }
    end
  end
  return list
end

function toy.create(order, ticket)
  local ports = {}
  for index, each in ipairs(order.ports) do ports[index] = each.port .. "/" .. each.protocol end
  local body = object(client():create(ticket, "POST", "/toy/v1/machines", {
    timeout = 60,
    json = {
      offer = order.candidate.offer.id, name = order.token, image = order.image, disk_gb = order.disk_gb,
      command = { "/bin/sh", "-c", order.script }, env = json.object(order.env), ports = ports,
    },
  }))
  if not body.id then
    fail.raise("broken", "the toy cloud created something without a number")
  end
  if body.key then log.hide(body.key) end
  return { id = tostring(body.id), guard_key = body.key }
end

local function instance(row)
  if type(row) ~= "table" or not row.id or not STATES[row.state] then
    fail.raise("broken", "the toy cloud tells of a machine that nobody understands")
  end
  return {
    id = tostring(row.id), token = row.name, status = STATES[row.state], native = row.state, ip = row.ip,
    ports = row.ports or {}, spot = false,
    hourly = row.hour, disk_hour = row.disk_hour, started = row.started,
  }
end

function toy.get(id)
  local ok, response = fail.try(function() return client():get("/toy/v1/machines/" .. id) end)
  if ok then return instance(object(response)) end
  if fail.is(response) and response.code == "no_machine" then
    return { id = tostring(id), status = "gone" }
  end
  return error(response, 0)
end

--- Every machine of the account; the toy cloud says how many there are, so half a list is noticed.
function toy.list()
  local body, list = object(client():get("/toy/v1/machines")), {}
  if type(body.machines) ~= "table" or body.total ~= #body.machines then
    fail.raise("broken", "the toy cloud's list is not complete")
  end
  for index, row in ipairs(body.machines) do list[index] = instance(row) end
  return list
end

function toy.destroy(id)
  local ok, problem = fail.try(function() client():delete("/toy/v1/machines/" .. id) end)
  return ok or fail.is(problem) and problem.code == "no_machine" or error(problem, 0)
end

function toy.proof(session)
  local seen, evidence = toy.get(session.id), { at = clock.wall() }
  evidence.get = seen.status
  for _, each in ipairs(toy.list()) do
    if each.id == tostring(session.id) or each.token == session.token then
      return { state = "running", evidence = evidence }
    end
  end
  return { state = seen.status == "gone" and "stopped" or "running", evidence = evidence }
end

--- How a machine ends itself, with the key that it found in its own environment, and what it may ask to see
-- that this would work.
function toy.terminate_request()
  local url, headers = config.get("TOY_BASE_URL") .. "/toy/v1/machines/${CONTAINER_ID}",
    { "X-Toy-Key: ${CONTAINER_API_KEY}" }
  return { method = "DELETE", url = url, headers = headers, key_env = "CONTAINER_API_KEY",
    rehearse = { url = url, headers = headers } }
end

return toy
