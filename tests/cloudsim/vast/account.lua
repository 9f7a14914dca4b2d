-- SPDX-License-Identifier: MIT
--- Vast endpoints around the account: identity, search, keys, charges, invoices (facts/vast.md §1.2, §1.5,
--- §1.10).
local json = require "base.json"
local kinds = require "cloudsim.kinds"
local ledger = require "cloudsim.ledger"
local paging = require "cloudsim.paging"
local reply = require "cloudsim.reply"
local search = require "cloudsim.vast.search"
local sorted = require "base.sorted"

local account = {}
local faults = kinds.of "vast"

local wrong_offers = faults:first {
  { "offers.html", "a web page", function() return reply.html(200) end },
  -- a day's searches are used up (facts/additions-2026-11.md)
  { "offers.quota",
    "429 `search_quota_exceeded`: no more searches until `X-RateLimit-Reset`, the next midnight of UTC",
    function(_, world)
      local refused = reply.fail(429, "search_quota_exceeded", "Daily search quota exceeded.")
      refused.headers["X-RateLimit-Reset"] = ("%d"):format((world.time // 86400 + 1) * 86400)
      return refused
    end },
  { "offers.empty", "no offers", function() return reply.json(200, { offers = json.array({}) }) end },
}
local NULLS = faults:kind("offers.nulls", "`fields` of every offer are null")

local function offers_answer(world, query, columns)
  local wrong = wrong_offers(world)
  if wrong then return wrong end
  local rows = type(query) == "table" and search.run(world, query)
  if not rows then
    return reply.fail(400, "invalid_request", "Invalid json body")
  end
  local nulls = NULLS:take(world)
  local list = {}
  for i, row in ipairs(rows) do
    for _, name in ipairs(nulls and (nulls.fields or { "min_bid", "geolocation", "cpu_cores",
      "inet_down_cost", "storage_cost", "dph_base", "reliability2", "gpu_ram" }) or {}) do
      row[name] = nil
    end
    list[i] = search.shown(row, columns)
  end
  return reply.json(200, { offers = json.array(list) })
end

function account.bundles(call)
  return offers_answer(call.world, call.body)
end

function account.search_asks(call)
  local body = call.body or {}
  local columns = body.select_cols
  if type(columns) ~= "table" or columns[1] == nil or columns[1] == "*" then
    columns = nil
  end
  return offers_answer(call.world, body.q or {}, columns)
end

function account.current(call)
  local world, who = call.world, call.account
  local spent = world.ledger:spent(who.id, world.time)
  return reply.json(200, { id = who.id, key_id = call.key.id, username = who.username, email = who.email,
    credit = world:credit(who), balance = 0.0, balance_threshold = 5.0, has_billing = true, can_pay = true,
    total_spend = -spent, ssh_key = reply.null, sid = "s-" .. who.id, api_key = call.key.text })
end

function account.list_ssh(call)
  local list = {}
  for id, text in sorted(call.account.ssh_keys) do
    list[#list + 1] = { id = id, user_id = call.account.id, public_key = text, created_at = call.world.time }
  end
  return reply.json(200, json.array(list))
end

function account.add_ssh(call)
  local text = call.body and call.body.ssh_key
  if type(text) ~= "string" or not text:match("^ss[hk]%-%S+ %S+") then
    return reply.fail(400, "invalid_args", "Invalid ssh key")
  end
  local id = call.account.next_ssh
  call.account.next_ssh = id + 1
  call.account.ssh_keys[id] = text
  return reply.json(200, { success = true, key = { id = id, user_id = call.account.id, public_key = text,
    created_at = call.world.time } })
end

function account.remove_ssh(call)
  local id = tonumber(call.args[1])
  if not call.account.ssh_keys[id] then
    return reply.fail(404, "not_found", "SSH key not found")
  end
  call.account.ssh_keys[id] = nil
  return reply.json(200, { success = true })
end

function account.add_key(call)
  local body = call.body or {}
  local permissions = body.permissions
  if type(permissions) ~= "table" or type(permissions.api) ~= "table" then
    return reply.fail(400, "invalid_args", "permissions must be an object with api")
  end
  local row = call.world:add_key(call.account, call.world.random:hex(64), { kind = "account",
    permissions = permissions, name = body.name })
  return reply.json(200, { id = row.id, key = row.text, permissions = permissions })
end

function account.list_keys(call)
  local list = {}
  for _, row in sorted(call.world.keys) do
    if row.account == call.account.id and row.kind == "account" and call.world:key_at("vast", row.text) then
      list[#list + 1] = { id = row.id, name = reply.maybe(row.name),
        permissions = reply.maybe(row.permissions) }
    end
  end
  return reply.json(200, { apikeys = json.array(list) })
end

function account.remove_key(call)
  for text, row in sorted(call.world.keys) do
    if row.id == tonumber(call.args[1]) and row.account == call.account.id then
      call.world.keys[text] = nil
      return reply.json(200, { success = true })
    end
  end
  return reply.fail(404, "not_found", "API key not found")
end

local function describe(row, seconds)
  if row.bytes then
    return string.format("%.6f GB at $%.4f/GB", row.bytes / 1e9, row.rate)
  end
  return string.format("%.3f hours at $%.3f/hour", seconds / 3600, row.rate)
end

-- The rows of one machine inside a window, as the items of a charge; nil when there are none.
local function charge_of(world, instance, from, to)
  local items, sum, first, last = {}, 0.0, math.huge, 0
  for _, row in ipairs(world.ledger.rows) do
    local stop = math.min(row.closed or to, to)
    if row.id == instance.id and row.opened < to and stop >= from and row.bytes ~= 0 then
      local start = math.max(row.opened, from)
      local amount = ledger.amount(row, to, from)
      items[#items + 1] = { start = start // 1, ["end"] = stop // 1, type = row.kind, source = reply.null,
        description = describe(row, stop - start), amount = amount, metadata = json.object({}),
        items = json.array({}) }
      sum, first, last = sum + amount, math.min(first, start), math.max(last, stop)
    end
  end
  if #items == 0 then return nil end
  return { start = first // 1, ["end"] = last // 1, type = "instance", source = "instance-" .. instance.id,
    description = "Instance " .. instance.id .. " Charges", amount = sum,
    metadata = { label = reply.maybe(instance.label) }, items = items }
end

function account.charges(call)
  local world = call.world
  local filters = paging.object(call.query.select_filters)
  local day = filters and filters.day
  if type(day) ~= "table" or type(day.gte) ~= "number" or type(day.lte) ~= "number" then
    return reply.fail(400, "invalid_request", "select_filters needs day with gte and lte")
  end
  local wanted = type(filters.type) == "table" and filters.type["in"] or { "instance" }
  local list = {}
  local to = math.min(day.lte, world.time - world.settings.charge_delay)
  for _, instance in ipairs(search.ops["in"]("instance", wanted) and world.vast:ever(call.account.id)
    or {}) do
    list[#list + 1] = charge_of(world, instance, day.gte, to)
  end
  if call.query.latest_first == "true" then
    table.sort(list, function(a, b) return a.start > b.start end)
  end
  local page, more = paging.plain(list, tonumber(call.query.limit) or 100, call.query.after_token)
  if not page then
    return reply.fail(400, "invalid_token", "Invalid pagination token")
  end
  return reply.json(200, { success = true, count = #page, total = #list, next_token = reply.maybe(more),
    results = json.array(page) })
end

function account.invoices(call)
  local who = call.account
  local list = { { id = 5500000 + who.id, type = "payment", service = "stripe_payments",
    source = "Visa, ending in 4242", when = who.since, amount = who.deposit,
    amount_cents = (who.deposit * 100) // 1, is_credit = true, description = "Credit purchase" } }
  local page, more = paging.plain(list, tonumber(call.query.limit) or 100, call.query.after_token)
  if not page then
    return reply.fail(400, "invalid_token", "Invalid pagination token")
  end
  return reply.json(200, { success = true, count = #page, total = #list, next_token = reply.maybe(more),
    results = json.array(page) })
end

return account
