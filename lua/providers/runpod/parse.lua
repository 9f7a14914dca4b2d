-- SPDX-License-Identifier: MIT
-- How RunPod's answers read (facts/runpod.md §2.3, §2.4, §2.8). Pure: tables in, tables out.
local clean = require "base.clean"
local clock = require "base.clock"
local gpus = require "facts.gpus"
local numbers = require "base.numbers"
local card = require "providers.runpod.card"
local regions = require "facts.regions"

local parse = {}

local NAME = 60     -- bytes of a name
local HOURS = 720   -- of a month: disks are priced by it
local DISK = 0.10   -- $/GB a month while it runs (§2.4)
local STOPPED = 0.20  -- the same of a stopped pod's volume
local VOLUME, LARGE_VOLUME, LARGE = 0.07, 0.05, 1000 -- of a network volume, what is above so many GB (§2.4)

local ways_out = {
  auth = ("; make a key at %s and put it into %s"):format(card.key_page, card.key_setting),
  rights = ("; a key needs these rights: %s (%s)"):format(card.key_rights, card.key_page),
  funds = "; add credit at " .. card.credit_page,
}

-- An answer that is no JSON object: of the edge, or of a network in between.
local function unreadable(status, text)
  if status == 429 then
    return { kind = "rate", message = "RunPod says that requests come too fast (HTTP 429)" }
  elseif status >= 500 then
    return { kind = "transient", message = ("RunPod answered HTTP %d"):format(status) }
  elseif status == 403 then -- no word about the key (§2.2)
    return { kind = "transient", message = "the protection in front of RunPod let nothing through (HTTP 403 "
      .. "and a web page); the key was not looked at" }
  end
  local what = text:match("^%s*<") and "a web page instead of data (from a proxy, or a network "
    .. "that wants a login first?)" or text == "" and "nothing" or "something that is no JSON object"
  return { kind = "broken", message = ("RunPod answered HTTP %d with %s"):format(status, what) }
end

local NO_CAPACITY = { "no longer any instances", "no instances currently available" }
local KINDS = { [401] = "auth", [402] = "funds", [403] = "auth", [405] = "broken", [422] = "broken",
  [429] = "rate" }

-- A rule that is broken and cards that are gone are both 400: only the words differ (§2.3).
local function kind_of(status, detail)
  for _, words in ipairs(status == 400 and NO_CAPACITY or {}) do
    if detail:lower():find(words, 1, true) then return "capacity" end
  end
  return KINDS[status] or status >= 500 and "transient" or "refused"
end

local function sentence_of(body)
  local sentence = type(body.detail) == "string" and body.detail ~= "" and body.detail
    or type(body.title) == "string" and body.title or "it gives no reason"
  if type(body.errors) == "table" and type(body.errors[1]) == "string" then
    sentence = sentence .. " " .. table.concat(body.errors, "; ", 1, 1)
  end
  return clean.line(sentence):gsub("%.%s*$", "")
end

--- What an answer says went wrong: fields of a failure, or nil when it is good. body: the decoded JSON, or
-- nil when it is none. `code` is "gone" for a pod that RunPod does not find, "rights" for a key that may not,
-- "conflict" for what a pod's state forbids.
function parse.problem(status, text, body)
  if status == 204 then return nil end
  if type(body) ~= "table" then return unreadable(status, text) end
  if status >= 200 and status < 300 then return nil end
  local sentence = sentence_of(body)
  local kind = kind_of(status, sentence)
  local code = status == 403 and "rights" or status == 409 and "conflict"
    or status == 404 and sentence:lower():find("pod not found", 1, true) and "gone" or nil
  return { kind = kind, code = code, message = ("RunPod refused: %s (HTTP %d)%s"):format(sentence, status,
    ways_out[code] or ways_out[kind] or "") }
end

-- American states in the names of data centres → as regions know them (§2.5).
local STATES = { CA = "California", DE = "Delaware", GA = "Georgia", IL = "Illinois", KS = "Kansas",
  NC = "North Carolina", TX = "Texas", WA = "Washington" }

--- Our region for a data centre like "EU-RO-1", "US-TX-3" or "CA-MTL-1"; nil when it cannot be told.
function parse.region(id)
  local first, second = id:match("^(%u+)%-(%u+)%-%d+$")
  if first == "US" then return regions.of((STATES[second] or "") .. ", US") end
  return first and regions.of(first == "CA" and "CA" or second) or nil
end

local CLOUDS = { SECURE = "secure", COMMUNITY = "community" }

--- $/hour of a disk of so many GB while its pod runs.
function parse.disk_hour(gb) return gb * DISK / HOURS end

-- What an offer needs of a type, or nil and why it is not for us.
local function terms_of(row, cloud, count)
  local tier = CLOUDS[cloud]
  local prices, most = row.price, row.maxCount
  local price = type(prices) == "table" and numbers.price(prices[tier])
  local memory = numbers.price(row.memory)
  local doubts = {
    { row.manufacturer == "NVIDIA", "not a card of NVIDIA" }, { row[tier] == true, "not in this cloud" },
    { price, "no price" }, { memory, "no memory size" },
    { type(most) == "table" and (numbers.finite(most[tier]) or 0) >= count, "not so many in one pod" },
    { row.availability == "LOW" or row.availability == "MEDIUM" or row.availability == "HIGH", "none free" },
  }
  for _, doubt in ipairs(doubts) do
    if not doubt[1] then return nil, doubt[2] end
  end
  return { price = price * count, memory = memory }
end

-- The places of a type that have some free, by our region ("" where that is not known).
local function places_of(row)
  local found, order = {}, {}
  for _, centre in ipairs(type(row.dataCenters) == "table" and row.dataCenters or {}) do
    local id = type(centre) == "table" and type(centre.id) == "string" and centre.availability ~= "NONE"
      and centre.id:match("^[%w-]+$")
    local region = id and (parse.region(id) or "")
    if region and not found[region] then
      found[region], order[#order + 1] = {}, region
    end
    if region then table.insert(found[region], id) end
  end
  return found, order
end

local function offer_of(row, cloud, count, terms, region, centres, want, now)
  local gpu = gpus.at(card.gpus, row.id)
  local name = clean.line(row.id, NAME)
  return {
    provider = card.name, id = ("%s %dx %s%s"):format(cloud, count, name, region and " " .. region or ""),
    gpu = gpu and gpu.name or name, native_gpu = name, gpus = count, vram_gb = terms.memory,
    region = region ~= "" and region or nil,
    native_region = centres and table.concat(centres, " ") or "Community Cloud",
    on_demand = terms.price, disk_hour = parse.disk_hour(want.disk_gb), down_gb = 0, up_gb = 0,
    gpu_bandwidth = gpu and gpu.bandwidth, availability = 1, currency = "USD", source = "api", at = now,
    from_create = true, -- when it begins to bill nobody tells
    native = { type = row.id, cloud = cloud, centres = centres, firm = want.region ~= nil },
  }
end

--- Our offers of one GPU type. In the Secure Cloud one for each region, since a pod can be told where to be;
-- in the Community Cloud one, whose place nobody can choose (§2.7), and so none where a region is wanted.
-- @param row of GET /catalog/gpus with availability; cloud: "SECURE" or "COMMUNITY"; count: of its cards
-- @param want as in docs/lua.md; now: unix seconds
-- @return array of offers; why there is none, or nil
function parse.offers(row, cloud, count, want, now)
  if type(row) ~= "table" or type(row.id) ~= "string" then return {}, "incomplete" end
  local terms, why = terms_of(row, cloud, count)
  if not terms then return {}, why end
  if cloud == "COMMUNITY" then
    if want.region then return {}, "where it is cannot be chosen" end
    return { offer_of(row, cloud, count, terms, nil, nil, want, now) }
  end
  local list, places, order = {}, places_of(row)
  for index, region in ipairs(order) do
    list[index] = offer_of(row, cloud, count, terms, region, places[region], want, now)
  end
  return list, #list == 0 and "nowhere" or nil
end

-- EXITED keeps its disk and bills (§2.8).
local states = { PROVISIONING = "booting", STARTING = "booting", RUNNING = "running", EXITED = "stopped",
  ERROR = "exited", TERMINATED = "gone" }

-- Its mapped TCP ports. → ports, ip; what is mapped stands in `runtime` alone
local function mapped(runtime)
  local ports, ip = {}, nil
  for _, row in ipairs(type(runtime.ports) == "table" and runtime.ports or {}) do
    local public = type(row) == "table" and row.type == "tcp" and math.tointeger(row.public)
    local private = public and math.tointeger(row.private)
    if private and type(row.ip) == "string" and row.ip:find("^[%w.:-]+$") then
      ports[("%d/tcp"):format(private)], ip = public, row.ip
    end
  end
  return ports, ip
end

-- A host of the Community Cloud may have no address of its own: its ports never come
-- (facts/additions-2026-11.md).
local function fault_of(status, runtime, ip, patience)
  local uptime = numbers.finite(runtime.uptime)
  return status == "running" and not ip and uptime and uptime >= patience
    and "its host gives it no public port" or nil
end

-- $/hour of what a pod keeps: its disk, and its volume, which costs more while it is stopped (§2.4, §2.16).
local function storage(row, stopped)
  local disk, mounts = numbers.finite(row.disk), type(row.mounts) == "table" and row.mounts or {}
  local size = type(mounts.persistent) == "table" and numbers.finite(mounts.persistent.size) or 0
  return disk and parse.disk_hour(disk) + size * (stopped and STOPPED or DISK) / HOURS or nil
end

--- Our instance from one of RunPod's pods, or nil and why it cannot be believed. `status` is "gone" when
-- RunPod says "TERMINATED".
-- @param patience seconds after its start for which a pod may still get its ports
function parse.instance(row, patience)
  if type(row) ~= "table" or type(row.id) ~= "string" or not row.id:match("^[%w-]+$") then
    return nil, "a pod without an id"
  end
  local native = type(row.status) == "string" and clean.line(row.status, NAME) or "unknown"
  local status, runtime = states[native] or "unknown", type(row.runtime) == "table" and row.runtime or {}
  local ports, ip = mapped(runtime)
  local id = type(row.gpu) == "table" and type(row.gpu.id) == "string" and row.gpu.id or nil
  local gpu = id and gpus.at(card.gpus, id)
  return {
    id = row.id, token = type(row.name) == "string" and row.name or nil, status = status, native = native,
    ip = ip, ports = ports, spot = false, hourly = numbers.price(row.cost),
    disk_hour = storage(row, status == "stopped"), fault = fault_of(status, runtime, ip, patience),
    gpu = gpu and gpu.name or id and clean.line(id, NAME) or nil, locked = row.locked == true or nil,
    started = type(row.startedAt) == "string" and clock.parse_iso(row.startedAt) or nil,
  }
end

-- A record of what a pod cost in one piece of time. → its amount, the end of its time; nil when it is another
-- pod's, or none
local function record_of(row, id)
  local amount = type(row) == "table" and row.podId == id and numbers.finite(row.totalAmount)
  local ends = amount and amount >= 0 and type(row.endTime) == "string" and clock.parse_iso(row.endTime)
  if not ends then return nil end
  return amount, ends
end

--- What the billing records say that a pod cost (§2.10). A piece of time that has begun is told before it is
-- full, and late by nobody knows how much: only where nothing was billed for the last `settled` seconds is
-- there nothing to come. → { amount=, currency=, upto = unix seconds: all until then is in it }, or nil
-- @param body the decoded answer; id: the pod's; now: unix seconds
function parse.charges(body, id, now, settled)
  if type(body) ~= "table" or type(body.records) ~= "table" then return nil end
  local sum, last = 0, nil
  for _, row in ipairs(body.records) do
    local amount, ends = record_of(row, id)
    if not amount then return nil end
    sum, last = sum + amount, amount > 0 and math.max(last or ends, ends) or last
  end
  if not last then return nil end
  local upto = now - settled
  return { amount = sum, currency = "USD", upto = last <= upto and now or upto }
end

-- $/hour of a network volume; nil for the faster tier, whose price nobody tells (§2.16).
local function volume_hour(row)
  local size = row.type == "STANDARD" and numbers.finite(row.size)
  return size and (math.min(size, LARGE) * VOLUME + math.max(0, size - LARGE) * LARGE_VOLUME) / HOURS or nil
end

--- A row of a list of network volumes or templates, as docs/lua.md tells of belongings, or nil and why it
-- cannot be believed. We make none, so one of ours would be called by a token. bills: network volumes do.
function parse.belonging(row, kind, path, bills)
  if type(row) ~= "table" or type(row.id) ~= "string" or not row.id:match("^[%w-]+$") then
    return nil, ("a %s without an id"):format(kind)
  end
  local name = type(row.name) == "string" and row.name or nil
  return { kind = kind, id = row.id, name = name, token = name, bills = bills, path = path,
    hourly = bills and volume_hour(row) or nil }
end

return parse
