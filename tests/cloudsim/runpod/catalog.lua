-- SPDX-License-Identifier: MIT
--- What can be rented: GPU types with availability on request, data centres (facts/runpod.md §2.4).
local answers = require "cloudsim.runpod.answers"
local create = require "cloudsim.runpod.create"
local json = require "base.json"
local kinds = require "cloudsim.kinds"
local reply = require "cloudsim.reply"
local sorted = require "base.sorted"

local catalog = {}
local faults = kinds.of "runpod"

local function list_of(text)
  local list = {}
  for word in (text or ""):gmatch("[^,]+") do
    list[#list + 1] = word
  end
  return list
end

-- Every entry of a list one of `allowed`, or of a pattern. → sentence or nil
local function strange(name, list, allowed)
  for _, word in ipairs(list) do
    local good = type(allowed) == "string" and word:find(allowed) ~= nil
    for _, each in ipairs(type(allowed) == "table" and allowed or {}) do
      good = good or each == word
    end
    if not good then
      return ("%s: '%s' is not allowed"):format(name, word)
    end
  end
  return nil
end

-- What may stand in the query, once split at commas.
local FORMS = { include = { "AVAILABILITY" }, product = { "POD", "CLUSTER", "SERVERLESS" },
  cloud = { "SECURE", "COMMUNITY" }, countryCodes = "^%u%u$", cudaVersions = "^%d+%.%d+$",
  minCudaVersion = "^%d+%.?%d*$", count = "^[1-9]%d*$" }

-- → the question, or nil and the answer
local function question(query)
  local errors, asked = {}, {}
  for name, form in sorted(FORMS) do
    asked[name] = query[name] and list_of(query[name])
    errors[#errors + 1] = asked[name] and (strange(name, asked[name], form)
      or #asked[name] == 0 and name .. ": must not be empty") or nil
  end
  if #errors > 0 then return nil, answers.invalid(errors) end
  if not asked.include then
    for name in sorted(FORMS) do
      if query[name] then
        return nil, answers.problem(400, name .. " requires include=AVAILABILITY")
      end
    end
  elseif not asked.product then
    return nil, answers.problem(400, "include=AVAILABILITY requires product")
  elseif asked.cudaVersions and asked.minCudaVersion then
    return nil, answers.problem(400, "cudaVersions and minCudaVersion are mutually exclusive")
  end
  local least = asked.minCudaVersion and asked.minCudaVersion[1]
  return { availability = asked.include ~= nil, count = math.tointeger(tonumber(query.count or 1)),
    cloud = query.cloud or "SECURE", countries = asked.countryCodes, cuda = asked.cudaVersions,
    least = least and (least:find("%.") and least or least .. ".0") }
end

--- How plenty `free` cards are for pods of `count`.
function catalog.level(free, count)
  if free < count then return "NONE" end
  return free < 2 * count and "LOW" or free < 4 * count and "MEDIUM" or "HIGH"
end

local function named(list, value)
  for _, each in ipairs(list or {}) do
    if each == value then return true end
  end
  return list == nil
end

-- Adds what include=AVAILABILITY asks for. → whether the type is anywhere in the wanted countries
local function availability(state, kind, asked, out)
  local most, here = 0, asked.countries == nil
  local fits = create.has_cuda(kind, asked.cuda, asked.least)
  local within = asked.count <= (asked.cloud == "SECURE" and kind.most.secure or kind.most.community)
  local centres = {}
  for place, free in sorted(state.places(kind, asked.cloud)) do
    if named(asked.countries, state:country(place)) then
      local usable, centre = fits and within and free or 0, state:centre(place)
      here, most = true, math.max(most, usable)
      if centre then
        centres[#centres + 1] = { id = place, name = centre.name,
          availability = catalog.level(usable, asked.count) }
      end
    end
  end
  out.availability = catalog.level(most, asked.count)
  out.dataCenters = #centres > 0 and json.array(centres) or nil
  out.cudaVersions = {}
  for _, version in ipairs(kind.cuda) do
    if named(asked.cuda, version) then
      out.cudaVersions[#out.cudaVersions + 1] = { version = version, available = most > 0 }
    end
  end
  out.cudaVersions = json.array(out.cudaVersions)
  return here
end

-- → the GpuType, whether a list shows it
local function gpu_view(state, kind, asked)
  local out = { id = kind.id, name = kind.name, pool = reply.maybe(kind.pool),
    manufacturer = kind.manufacturer, memory = kind.memory, secure = kind.secure > 0,
    community = kind.community > 0, maxCount = { secure = kind.most.secure, community = kind.most.community },
    price = { secure = kind.secure, community = kind.community,
      serverless = kind.pool and kind.secure * 1.4 or nil } }
  return out, not asked.availability or availability(state, kind, asked, out)
end

local wrong_offers = faults:first {
  { "offers.html", "a web page", function() return reply.html(200) end },
  { "offers.empty", "no type is available", function(_, _, list)
    for _, row in ipairs(list) do
      row.availability, row.dataCenters = "NONE", nil
    end
  end },
  { "offers.nulls", "`fields` of every type are null", function(order, _, list)
    for _, row in ipairs(list) do
      for _, name in ipairs(order.fields or { "price", "memory", "availability" }) do
        row[name] = json.null
      end
    end
  end },
}

function catalog.gpus(call)
  local asked, refusal = question(call.query)
  if not asked then return refusal end
  local list = {}
  for _, kind in ipairs(call.state.types) do
    local row, here = gpu_view(call.state, kind, asked)
    list[#list + 1] = here and row or nil
  end
  local wrong = wrong_offers(call.world, { path = call.request.path }, list)
  return wrong or answers.ok { gpus = json.array(list) }
end

function catalog.gpu(call)
  local asked, refusal = question(call.query)
  local kind = call.state:type(call.args[1])
  if not asked then
    return refusal
  elseif not kind then
    return answers.problem(404, "gpu type not found")
  end
  return answers.ok((gpu_view(call.state, kind, asked)))
end

local CENTRE_FORMS = { include = { "GPU_AVAILABILITY", "CPU_AVAILABILITY" },
  regions = { "NORTH_AMERICA", "SOUTH_AMERICA", "EUROPE", "ASIA", "MIDDLE_EAST", "AFRICA", "OCEANIA",
    "ANTARCTICA", "UNKNOWN" },
  networkVolumeTypes = { "STANDARD", "HIGH_PERFORMANCE" }, globalNetwork = { "true", "false" } }

local function centre_view(state, centre, with)
  local out = { id = centre.id, name = centre.name, region = centre.region, globalNetwork = centre.global,
    networkVolumeTypes = json.array(centre.tiers), compliance = json.array(centre.compliance) }
  local gpus = {}
  for _, kind in ipairs(with and state.types or {}) do
    local free = kind.stock[centre.id]
    gpus[#gpus + 1] = free and { id = kind.id, name = kind.name, availability = catalog.level(free, 1) }
  end
  out.gpuAvailability = #gpus > 0 and json.array(gpus) or nil
  return out
end

local function centre_question(query)
  local errors, asked = {}, {}
  for name, form in sorted(CENTRE_FORMS) do
    asked[name] = query[name] and list_of(query[name])
    errors[#errors + 1] = asked[name] and strange(name, asked[name], form) or nil
  end
  return asked, #errors > 0 and answers.invalid(errors) or nil
end

local function fits(centre, asked)
  for _, tier in ipairs(asked.networkVolumeTypes or {}) do
    if not named(centre.tiers, tier) then return false end
  end
  return named(asked.regions, centre.region)
    and (not asked.globalNetwork or asked.globalNetwork[1] == tostring(centre.global))
end

function catalog.centres(call)
  local asked, refusal = centre_question(call.query)
  if refusal then return refusal end
  local list, with = {}, asked.include and named(asked.include, "GPU_AVAILABILITY")
  for _, centre in ipairs(call.state.centres) do
    list[#list + 1] = fits(centre, asked) and centre_view(call.state, centre, with) or nil
  end
  return answers.ok { dataCenters = json.array(list) }
end

function catalog.centre(call)
  local asked, refusal = centre_question(call.query)
  local centre = call.state:centre(call.args[1])
  if refusal then
    return refusal
  elseif not centre then
    return answers.problem(404, "data center not found")
  end
  return answers.ok(centre_view(call.state, centre,
    asked.include and named(asked.include, "GPU_AVAILABILITY")))
end

return catalog
