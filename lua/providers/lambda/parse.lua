-- SPDX-License-Identifier: MIT
-- How Lambda's answers read (facts/lambda.md §2.2, §2.3, §2.5). Pure: tables in, tables out.
local clean = require "base.clean"
local json = require "base.json"
local gpus = require "facts.gpus"
local numbers = require "base.numbers"
local card = require "providers.lambda.card"

local parse = {}

local NAME = 60 -- bytes of a code or a name

--- The tag that carries our token on a machine (§2.4: lower case, digits, - and :).
parse.TAG = "cplz:run"

-- `error.code` → our kinds.
local kinds = {
  ["global/invalid-api-key"] = "auth", ["global/account-inactive"] = "funds",
  ["global/invalid-address"] = "funds", ["global/forbidden"] = "refused",
  ["global/invalid-parameters"] = "refused", ["global/object-does-not-exist"] = "refused",
  ["global/not-found"] = "refused", ["global/quota-exceeded"] = "quota", ["global/duplicate"] = "refused",
  ["global/conflict"] = "transient", ["global/internal-error"] = "transient",
  ["global/unknown"] = "transient",
  ["instance-operations/launch/insufficient-capacity"] = "capacity",
  ["instance-operations/launch/file-system-in-wrong-region"] = "refused",
}

local ways_out = {
  auth = ("; make a key at %s and put it into %s"):format(card.key_page, card.key_setting),
  funds = "; see to the account at " .. card.credit_page,
  quota = "; ask for more at " .. card.support_page,
}

-- An answer that is no JSON object: the page of a proxy, or of the limiter in front of the API (§2.1).
local function unreadable(status, text)
  if status == 429 or text:find("banned you temporarily", 1, true) then
    return { kind = "rate", message = ("Lambda says that requests come too fast (HTTP %d)"):format(status) }
  end
  if status >= 500 then
    return { kind = "transient", message = ("Lambda answered HTTP %d"):format(status) }
  end
  local what = text:match("^%s*<")
    and "a web page instead of data (from a proxy, or a network that wants a login first?)"
    or text == "" and "nothing" or "something that is no JSON object"
  return { kind = "broken", message = ("Lambda answered HTTP %d with %s"):format(status, what) }
end

local function kind_of(status, code)
  if status == 429 then return "rate" end
  local kind = kinds[code]
  if kind then return kind end
  if code:match("^provider/") or status >= 500 then return "transient" end
  return status == 401 and "auth" or "refused"
end

--- What an answer says went wrong: fields of a failure, or nil when it is good. body: the decoded JSON, or
-- nil when it is none. `code` is "gone" only for a 404 that names a missing object, "duplicate" for a name
-- that is taken, "busy" for what will pass, "unknown" for what Lambda answers when it cannot say.
function parse.problem(status, text, body)
  if type(body) ~= "table" then return unreadable(status, text) end
  local wrong = type(body.error) == "table" and body.error or {}
  local good = status >= 200 and status < 300
  if good and body.data ~= nil and body.error == nil then return nil end
  local code = type(wrong.code) == "string" and clean.line(wrong.code, NAME) or ""
  if good and code == "" then
    return { kind = "broken", message = ("Lambda answered HTTP %d without data"):format(status) }
  end
  local sentence = type(wrong.message) == "string" and wrong.message ~= "" and wrong.message
    or code ~= "" and code or text
  local kind = kind_of(status, code)
  local failure = {
    kind = kind, native = code,
    message = ("Lambda refused: %s (%sHTTP %d)%s"):format(clean.line(sentence):gsub("%.%s*$", ""),
      code ~= "" and code .. ", " or "", status, ways_out[kind] or ""),
  }
  if code == "global/object-does-not-exist" and status == 404 then
    failure.code = "gone"
  elseif code == "global/conflict" then
    failure.code = "busy" -- as a machine that has not launched yet answers a terminate
  elseif code == "global/duplicate" or code == "global/unknown" then
    failure.code = code:match("[^/]+$")
  end
  return failure
end

--- A whole price in cents → dollars, or nil: 0 and null are no price.
function parse.dollars(cents)
  cents = numbers.price(cents)
  return cents and cents / 100
end

-- What a card's form makes faster than its usual shape, in GB/s.
local faster = { h100 = { sxm = 3350 }, ["a100-80"] = { sxm = 2039 } }
local bandwidths = { rtx6000 = 672 } -- the Turing card of 24 GB, for which there is no name of ours

-- "gpu_8x_a100_80gb_sxm4" → "a100", "sxm"
local function parse_name(name)
  local model, rest = name:match("^gpu_%d+x_([%w]+)(.*)$")
  return model, rest and rest:match("_(%a+)%d*[%w]*$")
end

local function card_of(name, vram)
  local model, form = parse_name(name)
  local row = model and gpus.at(card.gpus, model, vram)
  local bandwidth = row and (faster[row.name] and faster[row.name][form] or row.bandwidth)
    or bandwidths[model]
  return row and row.name or model, bandwidth
end

-- Prefixes of Lambda's regions → ours, the first that fits (§2.3).
local places = {
  { "us-west", "us-west" }, { "us-east", "us-east" }, { "us-south", "us-central" },
  { "us-midwest", "us-central" }, { "us-", "us" }, { "europe-", "eu-west" }, { "asia-northeast", "ap-east" },
  { "asia-southeast", "ap-southeast" }, { "asia-south", "ap-south" },
  { "australia-", "oceania" }, { "me-", "me" }, { "ca-", "ca" },
}

--- Our region for one of Lambda's; nil when it cannot be told.
function parse.region(native)
  for _, place in ipairs(places) do
    if native:sub(1, #place[1]) == place[1] then return place[2] end
  end
  return nil
end

-- Firewall rules do not apply there (§2.7), so the tunnel's port could not be opened.
local CLOSED =
  { ["us-south-1"] = "firewall rules do not apply in us-south-1, so the tunnel could not be reached" }

-- Why a type is not for us, or nil.
local function doubt_about(kind, specs, want)
  local arch = specs.architecture or kind.architecture
  local model = parse_name(kind.name)
  local disk = numbers.finite(specs.storage_gib)
  local doubts = {
    { (math.tointeger(specs.gpus) or 0) >= 1, "no GPU" },
    { model, "a name that is not understood" },
    { arch ~= "arm64" and not tostring(model):match("^g[hb]%d+$"),
      "an ARM machine, and the guard program is for amd64" },
    { disk and disk * 1.073741824 >= want.disk_gb, "too little disk" },
  }
  for _, doubt in ipairs(doubts) do
    if not doubt[1] then return doubt[2] end
  end
  return nil
end

--- Our offers of one machine type: one for each region that has it now.
-- @param row a value of GET /instance-types
-- @param want as in docs/lua.md; now: unix seconds
-- @return array of offers, array of reasons { what=, reason= } for what was left out
function parse.offers(row, want, now)
  local kind = type(row) == "table" and type(row.instance_type) == "table" and row.instance_type or {}
  local specs = type(kind.specs) == "table" and kind.specs or {}
  local list, left_out = {}, {}
  if type(kind.name) ~= "string" then
    return list, { { what = "?", reason = "incomplete" } }
  end
  local vram = tonumber(tostring(kind.gpu_description):match("%((%d+) GB")
    or tostring(kind.description):match("%((%d+) GB"))
  local price = parse.dollars(kind.price_cents_per_hour)
  local doubt = doubt_about(kind, specs, want) or not vram and "no memory size" or not price and "no price"
  if doubt then return list, { { what = kind.name, reason = doubt } } end
  local gpu, bandwidth = card_of(kind.name, vram)
  for _, region in ipairs(type(row.regions_with_capacity_available) == "table"
    and row.regions_with_capacity_available or {}) do
    local place = type(region) == "table" and type(region.name) == "string" and region.name
    if not place or CLOSED[place] then
      left_out[#left_out + 1] = { what = kind.name, reason = CLOSED[place] or "a region without a name" }
    else
      list[#list + 1] = {
        provider = "lambda", id = kind.name .. "@" .. place, gpu = gpu, native_gpu = kind.gpu_description,
        gpus = math.tointeger(specs.gpus), vram_gb = vram, region = parse.region(place),
        native_region = place, on_demand = price, disk_hour = 0, down_gb = 0, up_gb = 0,
        gpu_bandwidth = bandwidth, availability = 1, currency = "USD", source = "api", at = now,
        minimum_seconds = 60,
        native = { type = kind.name, region = place },
      }
    end
  end
  return list, left_out
end

--- The rules of a ruleset that opens ports { {port=, protocol=}, … } to everybody and nothing else (§2.7).
function parse.rules(ports)
  local rules = {}
  for index, each in ipairs(ports) do
    rules[index] = { protocol = each.protocol, port_range = json.array { each.port, each.port },
      source_network = "0.0.0.0/0", description = "continueplz tunnel" }
  end
  return json.array(rules)
end

-- `unhealthy` runs and bills (§2.5); what is ending is of no use any more, but bills until it is gone.
local states = {
  booting = "booting", active = "running", unhealthy = "running", terminating = "exited",
  preempted = "exited", terminated = "gone",
}

local function token_of(row)
  for _, tag in ipairs(type(row.tags) == "table" and row.tags or {}) do
    if type(tag) == "table" and tag.key == parse.TAG and type(tag.value) == "string" then
      return tag.value
    end
  end
  return type(row.name) == "string" and row.name or nil
end

--- Our instance from one of Lambda's, or nil and why it cannot be believed.
-- `status` is "gone" when Lambda says "terminated".
function parse.instance(row)
  if type(row) ~= "table" or type(row.id) ~= "string" or not row.id:match("^[%w-]+$") then
    return nil, "an instance without an id"
  end
  local kind = type(row.instance_type) == "table" and row.instance_type or {}
  local ip = type(row.ip) == "string" and row.ip:match("^%d+%.%d+%.%d+%.%d+$") or nil
  local native = type(row.status) == "string" and row.status or "unknown"
  local vram = tonumber(tostring(kind.gpu_description):match("%((%d+) GB"))
  return {
    id = row.id, token = token_of(row), status = states[native] or "unknown", native = native, ip = ip,
    spot = false,
    -- facts/additions-2026-11.md
    fault = native == "unhealthy" and not ip and "unhealthy before it had an address" or nil,
    hourly = parse.dollars(kind.price_cents_per_hour), disk_hour = 0,
    gpu = type(kind.name) == "string" and (card_of(kind.name, vram)) or nil,
  }
end

return parse
