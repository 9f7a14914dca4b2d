-- SPDX-License-Identifier: MIT
-- How Vast.ai's answers read (facts/vast.md §1.4, §1.5, §1.8). Pure: tables in, tables out.
local clean = require "base.clean"
local clock = require "base.clock"
local fail = require "base.fail"
local json = require "base.json"
local gpus = require "facts.gpus"
local numbers = require "base.numbers"
local card = require "providers.vast.card"
local regions = require "facts.regions"
local rows = require "base.rows"

local parse = {}
local number, price = numbers.finite, numbers.price
local tointeger, tostring, type = math.tointeger, tostring, type -- of thousands of rows

local NAME = 60 -- bytes of a card's or a place's name
local PORTS = 3 -- our two mapped ports and one to spare
local LEAST_DRIVER = 550
local MOST_ROWS = 100000 -- of one search

-- `error` codes → our kinds.
local kinds = {
  auth_error = "auth", no_such_ask = "capacity", insufficient_credit = "funds", missing_billing = "funds",
  spend_rate_limit = "quota", rate_limit_exceeded = "rate", deprecated_endpoint = "broken",
  no_such_instance = "refused",
  not_found = "refused",
  invalid_price = "capacity", search_quota_exceeded = "quota",
}

local ways_out = {
  auth = ("; make a key at %s and put it into %s"):format(card.key_page, card.key_setting),
  funds = "; add credit at " .. card.credit_page,
}

-- The sentence in an error body: Vast uses three names for it.
local function words(body)
  for _, name in ipairs { "msg", "message", "detail" } do
    if type(body[name]) == "string" and body[name] ~= "" then
      return body[name]
    end
  end
  return nil
end

-- Words that say what is meant where the code says nothing, or something else.
local meanings = {
  { "requests too frequent", "rate" }, { "no_such_ask", "capacity" }, { "search_quota_exceeded", "quota" },
  { "Invalid user key", "auth" }, { "This action requires login", "auth" },
}

local function by_text(text)
  for _, row in ipairs(meanings) do
    if text:find(row[1], 1, true) then return row[2] end
  end
  return nil
end

local DAY, LONG_AGO = 86400, 1e9

-- When a day's searches begin anew, in unix seconds: what Vast says (a moment, or seconds from now), else the
-- next midnight of UTC.
local function reset_of(headers, now)
  local text = tostring(headers["x-ratelimit-reset"] or headers["retry-after"] or "")
  local seconds = tonumber(text)
  local at = seconds and (seconds > LONG_AGO and seconds or now + seconds) or clock.parse_iso(text)
  return at and at > now and at or (now // DAY + 1) * DAY
end

-- The day's searches are used up (facts/additions-2026-11.md): no pause of ours helps,
-- so it is said until when.
local function no_more_searches(status, headers, now)
  local at = reset_of(headers, now)
  local sentence = "Vast takes no more searches of this account until %s (in %s): its daily quota is used up "
    .. "(search_quota_exceeded, HTTP %d); until then only another cloud can be searched"
  return { kind = "quota", native = "search_quota_exceeded",
    message = sentence:format(clock.iso(at), clock.duration(at - now), status) }
end

-- An answer that is no JSON object.
local function unreadable(status, text)
  local kind = by_text(text)
  if status == 429 or kind == "rate" then
    return { kind = "rate", message = "Vast says that requests come too fast (HTTP " .. status .. ")" }
  end
  if status >= 500 then
    return { kind = "transient", message = ("Vast answered HTTP %d"):format(status) }
  end
  local what = text:match("^%s*<") and "a web page instead of data (from a proxy, or a network "
    .. "that wants a login first?)" or "something that is no JSON object"
  return { kind = "broken", message = ("Vast answered HTTP %d with %s"):format(status, what) }
end

local function kind_of(status, code, text, body)
  local kind = kinds[code]
  if not kind or kind == "refused" then -- "not_found" may stand before "Invalid user key"
    kind = by_text(text) or kind
  end
  if kind then return kind end
  if status == 429 then return "rate" end
  if status == 401 then return "auth" end
  if status == 402 then return "funds" end
  if status == 403 or status == 404 then
    return body.ask_id and "capacity" or "refused"
  end
  if status == 410 then return "broken" end
  return status >= 500 and "transient" or "refused"
end

--- What an answer says went wrong: fields of a failure, or nil when it is good. body: the decoded JSON, or
-- nil when it is none. `code` is "gone" for a machine that does not exist; `created_id` is set when the
-- refused create made one all the same.
-- @param headers of the answer, names in lower case; now: unix seconds
function parse.problem(status, text, body, headers, now)
  if type(body) ~= "table" then
    return by_text(text) == "quota" and no_more_searches(status, headers, now) or unreadable(status, text)
  end
  if status >= 200 and status < 300 and body.success ~= false then
    return nil
  end
  local code = type(body.error) == "string" and clean.line(body.error, NAME) or ""
  local sentence = words(body) or (code ~= "" and code) or clean.line(text, 120)
  local kind = kind_of(status, code, sentence, body)
  if code == "search_quota_exceeded" or kind == "quota" and by_text(sentence) == "quota" then
    return no_more_searches(status, headers, now)
  end
  local failure = {
    kind = kind, native = code,
    message = ("Vast refused: %s (%sHTTP %d)%s"):format(clean.line(sentence),
      code ~= "" and code .. ", " or "", status, ways_out[kind] or ""),
  }
  if kind == "refused" and (code == "no_such_instance" or code == "not_found") then
    failure.code = "gone"
  elseif kind == "auth" and sentence:lower():find("permission", 1, true) then
    failure.code = "rights"
  end
  if math.type(body.new_contract) == "integer" then
    failure.created_id = tostring(body.new_contract)
  end
  return failure
end

local function at_least(value)
  return { gte = value }
end

local function is(value)
  return { eq = value }
end

--- The body of a search: what Vast is asked to filter. Everything is checked again on its answer (M.offer).
function parse.search(want)
  local body = {
    verified = is(true), rentable = is(true), rented = is(false), external = is(false), cpu_arch = is "amd64",
    direct_port_count = at_least(PORTS), disk_space = at_least(want.disk_gb),
    duration = at_least(want.hours * 3600),
    gpu_total_ram = at_least(math.floor(want.vram_gb * 1e9 / 1048576 * 0.95)),
    num_gpus = want.gpus and is(want.gpus) or { lte = 8 },
    type = "ondemand", order = json.array { json.array { "dph_total", "asc" } },
    allocated_storage = want.disk_gb, limit = 500,
  }
  if want.min_reliability then
    body.reliability2 = at_least(want.min_reliability)
  end
  if want.datacenter then
    body.datacenter = is(true)
  else
    body.verified = nil
  end
  local names = want.gpu and gpus.names_at(card.gpus, want.gpu) or {}
  if #names > 0 then
    body.gpu_name = { ["in"] = json.array(names) }
  end
  if want.region then
    body.geolocation = { ["in"] = json.array(regions.codes(want.region)) }
  end
  return body
end

-- The same answer for the same argument is found once; rows repeat their cards and places.
local function once(fn)
  local known = {}
  return function(key)
    local found = known[key]
    if found == nil then
      found = fn(key) or false
      known[key] = found
    end
    return found
  end
end

local function major(version) return tonumber(version:match("^(%d+)")) end

-- A card's name as it may be shown, and our row of it by its memory in MiB.
local function card_of(native)
  return { named = clean.line(native, NAME),
    at = once(function(mib) return gpus.at(card.gpus, native, mib) end) }
end

local NOWHERE = {}

local function place_of(text)
  local named = clean.line(text, NAME)
  return { named = named, region = regions.of(named) }
end

-- Why an offer is not for us, or nil.
local function doubt_about(row, want, seconds, reliability, driver)
  if want.datacenter and row.verification ~= "verified" then return "not verified" end
  if want.datacenter and row.hosting_type ~= 1 then return "not in a data centre" end
  if row.rentable == false or row.rented == true then return "taken" end
  if row.external then return "external" end
  if row.cpu_arch ~= "amd64" then return "not an amd64 machine" end
  if (number(row.direct_port_count) or 0) < PORTS then return "too few ports" end
  if (number(row.disk_space) or 0) < want.disk_gb then return "too little disk" end
  if seconds and seconds < want.hours * 3600 then return "the host's contract ends too soon" end
  if want.min_reliability and (reliability or 0) < want.min_reliability then return "not reliable enough" end
  if driver and driver < LEAST_DRIVER then return "driver too old" end
  return nil
end

-- What of a row is looked at.
local FIELDS = { "cpu_arch", "direct_port_count", "disk_space", "dph_base", "driver_version", "duration",
  "end_date", "external", "geolocation", "gpu_mem_bw", "gpu_name", "gpu_ram", "host_id", "hosting_type", "id",
  "inet_down", "inet_down_cost", "inet_up", "inet_up_cost", "machine_id", "min_bid", "num_gpus",
  "reliability", "reliability2", "rentable", "rented", "storage_cost", "verification" }

--- What makes offers of the rows of a search. want as in docs/lua.md, now in unix seconds.
-- → function(row) → our offer, or nil and why it is not for us
function parse.offers(want, now)
  local driver_of, cards, places = once(major), once(card_of), once(place_of)
  return function(row)
    if type(row) ~= "table" then return nil, "no object" end
    local id, mib, count = tointeger(row.id), number(row.gpu_ram), tointeger(row.num_gpus)
    if not id or not mib or not count or count < 1 or type(row.gpu_name) ~= "string" then
      return nil, "incomplete"
    end
    local seconds = number(row.duration) or (number(row.end_date) and row.end_date - now)
    local reliability = number(row.reliability2) or number(row.reliability)
    local driver = type(row.driver_version) == "string" and driver_of(row.driver_version)
    local doubt = doubt_about(row, want, seconds, reliability, driver)
    if doubt then return nil, doubt end
    local native = cards(row.gpu_name)
    local gpu = native.at(mib)
    local place = type(row.geolocation) == "string" and places(row.geolocation) or NOWHERE
    local min_bid = price(row.min_bid)
    return {
      provider = "vast", id = tostring(id), gpu = gpu and gpu.name or native.named,
      native_gpu = native.named, gpus = count, vram_gb = gpus.gb_of_mib(mib), region = place.region,
      native_region = place.named, on_demand = price(row.dph_base), spot = min_bid, min_bid = min_bid,
      disk_hour = (number(row.storage_cost) or 0) * want.disk_gb / 720,
      down_gb = number(row.inet_down_cost) or 0, up_gb = number(row.inet_up_cost) or 0,
      bandwidth_down = number(row.inet_down), bandwidth_up = number(row.inet_up),
      gpu_bandwidth = price(row.gpu_mem_bw) or (gpu and gpu.bandwidth) or nil, reliability = reliability,
      availability = 1, currency = "USD", source = "api", at = now, seconds_left = seconds,
      host = tointeger(row.machine_id) and tostring(row.machine_id) or nil,
      native = { machine_id = row.machine_id, host_id = row.host_id },
    }
  end
end

-- What is remembered of a row that is not for us.
local function left_out(row, why)
  row = row or {}
  return { id = tostring(row.id), reason = why,
    gpu = type(row.gpu_name) == "string" and clean.line(row.gpu_name, NAME) or nil }
end

--- Reads the answer to a search as it comes. → reader (base.rows); { list = our offers, left = { {id=, gpu=,
-- reason=}, … } }, which it fills
-- @raise `broken` for more rows than anybody offers
function parse.reader(want, now)
  local found, offer_of, on = {}, parse.offers(want, now), {}
  function on.begin() found.list, found.left = {}, {} end
  function on.row(row)
    local offer, why = offer_of(row)
    local into = offer and found.list or found.left
    into[#into + 1] = offer or left_out(row, why)
    if #found.list + #found.left > MOST_ROWS then
      fail.raise("broken", ("Vast's answer cannot be believed: more than %d offers"):format(MOST_ROWS))
    end
  end
  on.begin()
  return rows.reader("offers", FIELDS, on), found
end

local booting = { created = true, loading = true, rebooting = true, scheduling = true }
local plain = {
  running = "running", stopped = "stopped", frozen = "stopped", exited = "exited", offline = "lost",
  unknown = "unknown",
}

-- What Vast starts again when it is meant to run (facts/additions-2026-11.md).
local halted = { stopped = true, exited = true }

local function status_of(row)
  local actual = row.actual_status
  if row.cur_state == "stopped" and row.intended_status == "stopped" and row.next_state == "stopped" then
    return "stopped"
  end
  if actual == "created" and type(row.status_msg) == "string"
    and row.status_msg:find(": OCI runtime create failed:", 1, true) then
    return "exited"
  end
  if actual == nil or booting[actual] then return "booting" end
  return plain[actual] or "unknown"
end

local function ports_of(row)
  local ports = {}
  if type(row.ports) ~= "table" then return ports end
  for key, list in pairs(row.ports) do -- order: free
    local first = type(list) == "table" and list[1]
    local port = type(first) == "table" and math.tointeger(tonumber(first.HostPort))
    if type(key) == "string" and port then
      ports[key] = port
    end
  end
  return ports
end

--- Our instance from one of Vast's, or nil and why it cannot be believed.
function parse.instance(row)
  local id = type(row) == "table" and math.tointeger(row.id)
  if not id then return nil, "an instance without a number" end
  local ip = type(row.public_ipaddr) == "string" and row.public_ipaddr:match("^%s*(%S+)%s*$") or nil
  local gpu = type(row.gpu_name) == "string" and number(row.gpu_ram)
    and gpus.at(card.gpus, row.gpu_name, row.gpu_ram)
  local message = type(row.status_msg) == "string" and clean.line(row.status_msg) or ""
  return {
    id = tostring(id), token = type(row.label) == "string" and row.label or nil, status = status_of(row),
    native = type(row.actual_status) == "string" and row.actual_status or "provisioning",
    restarting = halted[row.actual_status] and row.intended_status == "running" or nil,
    -- facts/additions-2026-11.md
    fault = row.actual_status == "scheduling" and "its host did not take it" or nil,
    message = message ~= "" and message or nil, ip = ip, ports = ports_of(row),
    ends_at = number(row.end_date), -- of its host's contract, which no instance outlives (§1.6)
    spot = type(row.is_bid) == "boolean" and row.is_bid or nil, hourly = price(row.dph_base),
    disk_hour = number(row.storage_total_cost), started = number(row.start_date),
    gpu = gpu and gpu.name or type(row.gpu_name) == "string" and clean.line(row.gpu_name, NAME) or nil,
  }
end

--- A volume as a belonging (§1.14), or nil and why it cannot be believed.
function parse.volume(row)
  local id = type(row) == "table" and math.tointeger(row.id)
  if not id then return nil, "a volume without a number" end
  local name = type(row.label) == "string" and row.label or type(row.name) == "string" and row.name or nil
  return { kind = "volume", id = tostring(id), name = name, token = name, bills = true,
    since = number(row.start_date), hourly = number(row.storage_total_cost),
    status = type(row.status) == "string" and clean.line(row.status, NAME) or nil }
end

return parse
