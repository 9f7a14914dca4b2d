-- SPDX-License-Identifier: MIT
-- The read-only part at one cloud: what the provider makes of its answers, how these differ from what the
-- simulator would have said, and which marks of its facts that settles.
local fail = require "base.fail"
local http = require "base.http"
local json = require "base.json"
local scripts = require "sandbox.world"
local sorted = require "base.sorted"
local task = require "base.task"
local config = require "config.effective"
local shapes = require "live.shapes"
local simulated = require "live.simulated"
local watching = require "live.watching"

local PAUSE = 8 -- seconds before a probe: no cloud takes the same call more often (facts/vast.md §1.3)

local look = {}

local files = {}
for _, name in ipairs(scripts.names "live/clouds") do files[name] = require("live.clouds." .. name) end

--- What is known of a cloud here: { maps = set of paths, probes = { name = { method, path, body } }, marks =
-- { { text = as its facts say it, settle = function(seen) → sentence or nil }, … } }
function look.of(name) return files[name] or { marks = {} } end

local told = {}

function told.account(seen)
  return "it says who the key belongs to, and " .. (seen.result.balance and "the balance" or "no balance")
end

function told.offers(seen)
  local cheapest
  for _, offer in ipairs(seen.result) do
    local price = offer.on_demand or offer.spot
    cheapest = price and math.min(cheapest or price, price) or cheapest
  end
  return ("%d offers%s, %d left out"):format(#seen.result,
    cheapest and (" from $%.3f/h"):format(cheapest) or "", #(seen.more or {}))
end

function told.list(seen)
  local ours = 0
  for _, row in ipairs(seen.result) do ours = ours + (tostring(row.token):find "^cplz%-" and 1 or 0) end
  return ("%d machines, %d of them made by continueplz"):format(#seen.result, ours)
end

function told.belongings(seen) return ("%d things beside machines"):format(#seen.result) end

function told.get(seen) return "the machine is " .. tostring(seen.result.status) end

-- One call of the provider's. → as watching.run, with `told`
function look.call(name, fn, ...)
  local seen = watching.run(fn, ...)
  if seen.ok then
    local fine, text = fail.try(told[name], seen)
    seen.told = fine and text or "what it gave cannot be read: " .. fail.message(text)
    seen.ok = fine
  else
    seen.told = fail.message(seen.problem)
  end
  return seen
end

local function authorization(seen)
  for _, exchange in ipairs(seen.calls.account.exchanges) do
    for _, line in ipairs(exchange.headers) do
      local value = line:match("^[Aa]uthorization: ?(.*)$")
      if value then return { Authorization = value } end
    end
  end
end

-- More requests that only read, for a mark. They go to the cloud's own address.
local function probe(seen, base, known)
  local headers = authorization(seen)
  for name, each in sorted(headers and known.probes or {}) do
    task.sleep(PAUSE / config.get "TIME_SCALE")
    local method, path, body = each[1], each[2], each[3]
    local client = http.client { base = base, headers = headers, timeout = 30,
      writes = { ("%s ^%s$"):format(method, path:gsub("%p", "%%%0")) } }
    local ran = watching.run(function()
      return client[method:lower()](client, path, { json = body, ok = "any" })
    end)
    seen.probes[name] = ran.exchanges[1]
  end
end

--- Asks a cloud what only reads. card: its own; want: of start.want. → seen: { name=, calls = { account=,
-- offers=, list=, belongings= }, probes= }, each call as look.call says
function look.read(card, want)
  local provider = scripts.require("providers." .. card.name)
  local seen = { name = card.name, calls = {}, probes = {}, provider = provider }
  for _, name in ipairs { "account", "offers", "list", "belongings" } do
    if provider[name] then
      seen.calls[name] = look.call(name, provider[name], name == "offers" and want or nil)
    end
  end
  for _, row in ipairs(card.settings) do
    if row.type == "url" then
      probe(seen, config.get(row.name), look.of(card.name))
      break
    end
  end
  return seen
end

-- Headers by name alone.
local function names_of(headers)
  local list = {}
  for name in sorted(headers or {}) do list[#list + 1] = tostring(name) end
  return list
end

local function merge(rows, by_name, exchange, maps, answered)
  local name = watching.name(exchange)
  local row = by_name[name]
  if not row then
    row = { request = name, times = 0, seconds = 0, real = {}, known = {}, status = {} }
    rows[#rows + 1], by_name[name] = row, row
  end
  row.times, row.seconds = row.times + 1, math.max(row.seconds, exchange.seconds or 0)
  row.status[#row.status + 1] = exchange.status or exchange.error
  row.headers = names_of(exchange.answer)
  if exchange.value ~= nil then shapes.add(row.real, exchange.value, maps) end
  row.simulated = row.simulated or answered.status or answered.why
  local heard = exchange.status and exchange.status ~= 429 -- what came too fast has no shape of its own
  if heard and answered.value ~= nil then shapes.add(row.known, answered.value, maps) end
end

--- The answers of some calls beside the simulator's. key: the account's; id: of a machine that is rented.
-- → array of { request=, times=, seconds= (longest), status = {…}, headers = {names}, simulated = status or
-- sentence, fields = {path = kinds}, differences = array of live.shapes }
function look.answers(name, calls, key, id)
  local rows, by_name, maps = {}, {}, look.of(name).maps
  for _, seen in sorted(calls) do
    for _, exchange in ipairs(seen.exchanges) do
      local status, value = simulated.answer(name, exchange, key, id)
      merge(rows, by_name, exchange, maps, { status = status, value = status and value or nil,
        why = not status and value or nil })
    end
  end
  for _, row in ipairs(rows) do
    row.fields, row.differences = shapes.told(row.real), json.array(shapes.compare(row.real, row.known))
    row.headers, row.status = json.array(row.headers), json.array(row.status)
    row.real, row.known = nil, nil
  end
  return rows
end

--- The marks of a cloud's facts. → array of { text=, settled = sentence or nil }
function look.marks(seen)
  local list = {}
  for index, mark in ipairs(look.of(seen.name).marks) do
    local ok, text = fail.try(mark.settle or function() end, seen)
    list[index] = { text = mark.text, settled = ok and text or nil }
  end
  return list
end

return look
