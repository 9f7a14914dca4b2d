-- SPDX-License-Identifier: MIT
-- How Paperspace's answers read (facts/paperspace.md §4.2 to §4.5). Pure: tables in, tables out.
local clean = require "base.clean"
local clock = require "base.clock"
local gpus = require "facts.gpus"
local numbers = require "base.numbers"
local card = require "providers.paperspace.card"

local parse = {}

local NAME = 60          -- bytes of a code or a name
local MONTH = 730        -- hours
local BILLED = 3600      -- seconds: by the second or by the begun hour, the pages disagree (§4.13)

-- `code` → our kinds (§4.2).
local kinds = {
  UNAUTHORIZED = "auth", FORBIDDEN = "refused", NOT_FOUND = "refused", BAD_REQUEST = "refused",
  PARSE_ERROR = "refused", METHOD_NOT_SUPPORTED = "refused", PAYLOAD_TOO_LARGE = "refused",
  PRECONDITION_FAILED = "refused", CONFLICT = "refused", TOO_MANY_REQUESTS = "rate",
  TIMEOUT = "transient", CLIENT_CLOSED_REQUEST = "transient", INTERNAL_SERVER_ERROR = "transient",
}

local ways_out = {
  auth = ("; make a key at %s and put it into %s"):format(card.key_page, card.key_setting),
  funds = "; see to the account at " .. card.credit_page,
  quota = "; ask for more at " .. card.support_page,
}

-- An answer that is no JSON.
local function unreadable(status, text)
  if status == 429 then
    return { kind = "rate", message = "Paperspace says that requests come too fast (HTTP 429)" }
  elseif status >= 500 then
    return { kind = "transient", message = ("Paperspace answered HTTP %d"):format(status) }
  end
  local what = text:match("^%s*<")
    and "a web page instead of data (from a proxy, or a network that wants a login first?)"
    or text == "" and "nothing" or "something that is no JSON object"
  return { kind = "broken", message = ("Paperspace answered HTTP %d with %s"):format(status, what) }
end

local function kind_of(status, code, sentence)
  local words = sentence:lower()
  if status == 403 and (words:find("standing", 1, true) or words:find("payment", 1, true)) then
    return "funds"
  elseif status == 403 and (words:find("limit", 1, true) or words:find("quota", 1, true)) then
    return "quota"
  elseif status == 429 then
    return "rate"
  end
  return kinds[code] or (status >= 500 or status == 408) and "transient" or status == 401 and "auth"
    or "refused"
end

-- What it says: its message, or the first of its issues (the older shape), or its code.
local function sentence_of(body, code)
  local issue = type(body.issues) == "table" and type(body.issues[1]) == "table" and body.issues[1].message
  local message = type(issue) == "string" and issue or body.message
  return type(message) == "string" and message ~= "" and message or code ~= "" and code or "no reason given"
end

-- An error is known by its body (§4.2): a code and a message, and little else.
local function is_error(status, body)
  if status < 200 or status >= 300 then return true end
  return type(body.code) == "string" and type(body.message) == "string" and body.id == nil
end

--- What an answer says went wrong: fields of a failure, or nil when it is good. body: the decoded JSON, or
-- nil when it is none. `code` is "gone" only for a 404 that says NOT_FOUND, "busy" for what a machine does
-- not take at this moment; `form` is true where a rule of form was broken.
function parse.problem(status, text, body)
  if type(body) ~= "table" then
    local null = status == 200 and text:match("^%s*null%s*$")
    return not null and unreadable(status, text) or nil
  end
  if not is_error(status, body) then return nil end
  local code = type(body.code) == "string" and clean.line(body.code, NAME) or ""
  local sentence = sentence_of(body, code)
  local kind = kind_of(status, code, sentence)
  local failure = {
    kind = kind, native = code, form = type(body.issues) == "table" or nil,
    message = ("Paperspace refused: %s (%sHTTP %d)%s"):format(clean.line(sentence):gsub("%.%s*$", ""),
      code ~= "" and code .. ", " or "", status, ways_out[kind] or ""),
  }
  if status == 404 and code == "NOT_FOUND" then
    failure.code = "gone"
  elseif kind == "refused" and sentence:find("is currently", 1, true) then
    failure.code = "busy"
  end
  return failure
end

--- Rows of a page and the cursor of the next one (§4.2). text: as it came, for an object in the place of the
-- rows is no list. → rows, cursor or nil; or nil, why it cannot be believed
function parse.page(body, text)
  if type(body) ~= "table" or type(body.items) ~= "table" or type(body.hasMore) ~= "boolean"
    or #body.items == 0 and not text:find('"items"%s*:%s*%[') then
    return nil, "a page without items or without an end"
  end
  if not body.hasMore then return body.items end
  if type(body.nextPage) ~= "string" or body.nextPage == "" then
    return nil, "a page that has more, without a cursor"
  end
  return body.items, body.nextPage
end

local OF_PLACE = { NY2 = { "East Coast (NY2)", "us-east" }, CA1 = { "West Coast (CA1)", "us-west" },
  AMS1 = { "Europe (AMS1)", "eu-west" } }

--- The smallest disk that can be ordered of at least so many GB (§4.3), or nil.
function parse.disk(least)
  for _, size in ipairs { 50, 100, 250, 500, 1000, 2000 } do
    if size >= least then return size end
  end
  return nil
end

-- How well a template suits us: one with drivers and libraries first, then the newest Ubuntu; nil: not at
-- all.
local function fitness(row)
  local os = type(row.operatingSystemLabel) == "string" and row.operatingSystemLabel or ""
  local version = tonumber(os:match("Ubuntu (%d+%.%d+)"))
  if not version or type(row.id) ~= "string" or not row.id:match("^[%w_-]+$") then return nil end
  local name = type(row.name) == "string" and row.name or ""
  return version + (name:find("ML", 1, true) and 100 or 0)
end

--- The best template for each type that any is available for. rows: of GET /os-templates → { [label] = { id=,
-- least= GB } }
function parse.templates(rows)
  local best = {}
  for _, row in ipairs(rows) do
    local fit = type(row) == "table" and fitness(row)
    local types = fit and type(row.availableMachineTypes) == "table" and row.availableMachineTypes or {}
    for _, each in ipairs(types) do
      local label = type(each) == "table" and each.isAvailable == true and each.machineTypeLabel
      if type(label) == "string" and (not best[label] or fit > best[label].fit) then
        best[label] = { id = row.id, least = numbers.finite(row.defaultSizeGb) or 50, fit = fit }
      end
    end
  end
  return best
end

local function card_of(label)
  local model = label:gsub("x%d+$", "")
  for _, entry in ipairs(card.gpus) do
    for _, name in ipairs(entry.names) do
      if name == label then return entry[1], gpus.find(entry[1]).bandwidth end
    end
  end
  return model:lower(), nil
end

--- Our offers, before it is asked what is to be had: one for each type and region of the dated table that
-- `want` fits in. templates: of parse.templates. → array of offers, array of reasons { what=, reason= }
function parse.offers(templates, want)
  local list, left_out = {}, {}
  for _, row in ipairs(card.prices.types) do
    local template = templates[row.type]
    local disk = template and parse.disk(math.max(want.disk_gb, template.least))
    local doubt = not template and "no template is available for it"
      or not disk and "no disk is large enough"
    if doubt then
      left_out[#left_out + 1] = { what = row.type, reason = doubt }
    end
    for place in (doubt and "" or row.regions):gmatch("%S+") do
      local native, ours = OF_PLACE[place][1], OF_PLACE[place][2]
      local gpu, bandwidth = card_of(row.type)
      list[#list + 1] = {
        provider = "paperspace", id = row.type .. "@" .. place, gpu = gpu, native_gpu = row.type,
        gpus = row.gpus or 1, vram_gb = row.vram, region = ours, native_region = native,
        on_demand = row.hourly, disk_hour = card.prices.disk_month_gb * disk / MONTH, down_gb = 0, up_gb = 0,
        gpu_bandwidth = row.bandwidth or bandwidth, currency = "USD", source = "table",
        at = clock.parse_iso(card.prices.at), minimum_seconds = BILLED, estimate = true,
        native = { type = row.type, region = native, template = template.id, disk = disk },
      }
    end
  end
  return list, left_out
end

-- A machine that is off bills its disk (§4.6).
local states = {
  provisioning = "booting", starting = "booting", restarting = "booting", upgrading = "booting",
  serviceready = "running", ready = "running", stopping = "exited", off = "stopped",
}

-- What the disk costs in an hour. The unit of storageRate is not documented; a month costs dollars, an hour
-- less than a cent (§4.3).
local function disk_hour(rate)
  rate = numbers.price(rate)
  return rate and (rate >= 1 and rate / MONTH or rate) or nil
end

--- Our instance from one of Paperspace's, or nil and why it cannot be believed. `status` is "gone" when it
-- says when it was deleted.
function parse.instance(row)
  if type(row) ~= "table" or type(row.id) ~= "string" or not row.id:match("^[%w_-]+$") then
    return nil, "a machine without an id"
  end
  local native = type(row.state) == "string" and row.state or "unknown"
  local deleted = type(row.dtDeleted) == "string" and row.dtDeleted ~= ""
  local ip = type(row.publicIp) == "string" and row.publicIp:match("^%d+%.%d+%.%d+%.%d+$") or nil
  return {
    id = row.id, token = type(row.name) == "string" and row.name or nil,
    status = deleted and "gone" or states[native] or "unknown", native = deleted and "deleted" or native,
    restarting = native == "restarting" or nil, ip = ip, spot = false, hourly = numbers.price(row.usageRate),
    disk_hour = disk_hour(row.storageRate), gpu = type(row.machineType) == "string"
      and (card_of(row.machineType)) or nil,
  }
end

--- Whole hours of the cloud's own timer (§4.10) that let a machine live for `life` seconds: one of the values
-- that its console knows; nil: none is that long, or there is no limit.
function parse.timer_hours(life)
  for _, hours in ipairs { 1, 8, 24, 168 } do
    if life > 0 and hours * 3600 > life then return hours end
  end
  return nil
end

return parse
