-- SPDX-License-Identifier: MIT
-- The table of offers. Model: { want=, ordered=, rejected=, results=, reasons=, rate=, room= lines of a
-- terminal, nil without one, all= every row, explain= why each of the rejected is left out, sort= a name of
-- SORTS or nil, currency= "eur" or nil } → lines; `object` → the JSON object.
local clock = require "base.clock"
local sorted = require "base.sorted"
local models = require "facts.models"
local format = require "ui.format"

local M = {}

local function add(lines, text, hang)
  for _, line in ipairs(format.wrap(text, format.width(), hang)) do
    lines[#lines + 1] = line
  end
end

-- An amount in what the model shows: dollars, or euros at a rate that somebody set.
local function price(model, dollars, digits)
  local euros = model.currency == "eur" and not model.rate.assumed
  return (euros and "€%%.%df" or "$%%.%df"):format(digits):format(euros and dollars * model.rate.per_dollar
    or dollars)
end

-- What stands for a number: measured here before, or estimated.
local function estimated(candidate) return candidate.measured and candidate.measured.tokens_per_second
  and "" or "~" end

local function by_the_hour(model, candidate)
  return candidate and price(model, candidate.hourly, 3) or "-"
end

-- One offer, whichever way of renting it comes first. Reliability is in the JSON only: every row has passed
-- the least that was asked for. With `--all` the cloud's place has what `up --offer` takes.
local function row(model, line, mark)
  local candidate = line.first
  local offer = candidate.offer
  local speed, million = candidate.tokens_per_second, candidate.usd_per_million_tokens
  local name = model.all and ("%s/%s"):format(offer.provider, offer.id) or offer.provider
  return {
    mark .. name, format.machine(offer),
    offer.region or offer.native_region or "unknown",
    by_the_hour(model, line.demand), by_the_hour(model, line.spot), price(model, candidate.total, 2),
    speed and estimated(candidate) .. ("%.0f"):format(speed) or "",
    million and "~" .. price(model, million, 2) or "",
  }
end

local SORTS = {
  price = function(line) return line.first.hourly end,
  total = function(line) return line.first.total end,
  speed = function(line) return -(line.first.tokens_per_second or 0) end,
  mtok = function(line) return line.first.usd_per_million_tokens or math.huge end,
  memory = function(line) return -line.first.offer.vram_gb * line.first.offer.gpus end,
  reliability = function(line) return -(line.first.offer.reliability or 0) end,
  region = function(line) return line.first.offer.region or "~" end,
  cloud = function(line) return line.first.offer.provider end,
}

--- The candidates as one line for each offer, in their order or as `sort` says. Ways that were left out (a
-- price above the limit) are shown beside the one that was not. → { {first=, demand=, spot=}, … }
function M.by_offer(model)
  local list, by = {}, {}
  local function put(candidate)
    local line = by[candidate.offer]
    if line then line[candidate.spot and "spot" or "demand"] = candidate end
  end
  for index = 1, #model.ordered do
    local candidate = model.ordered[index]
    local line = by[candidate.offer]
    if not line then
      line = { first = candidate, place = #list + 1 }
      by[candidate.offer], list[#list + 1] = line, line
    end
    line[candidate.spot and "spot" or "demand"] = candidate
  end
  for _, each in ipairs(model.rejected or {}) do put(each.candidate) end
  local value = SORTS[model.sort]
  if value then
    table.sort(list, function(a, b)
      local left, right = value(a), value(b)
      if left ~= right then return left < right end
      return a.place < b.place
    end)
  end
  return list
end

--- One line per cloud that was asked; where all was left out for one reason, with it.
function M.result_line(name, result)
  if result.ok then
    local only = result.count == 0 and result.left and #result.left == 1 and result.left[1].reason
    local more = only and ": " .. only or result.dated
      and (", prices of a table of %s, for it tells none"):format(result.dated) or ""
    return true, ("%s: %d offer%s%s"):format(name, result.count, result.count == 1 and "" or "s", more)
  end
  return false, ("%s: %s"):format(name, result.message)
end

local function parts_of(candidate, want)
  local parts = candidate.parts
  local compute, disk, download, minimum = format.parts(candidate.total, parts.compute, parts.disk,
    parts.download, parts.minimum)
  return (" %s compute + %s disk (%d GB) + %s download%s"):format(compute, disk, want.disk_gb, download,
    parts.minimum > 0 and " + " .. minimum .. " minimum period" or "")
end

local MOST, LEAST = 15, 3 -- rows without a terminal, rows on the smallest one

-- How many of `count` rows there is room for beside `others` lines.
local function rows_for(model, count, others)
  if model.all then return count end
  local limit = model.room and math.max(LEAST, model.room - others - 1) or MOST -- the heading
  return count > limit and (model.room and limit - 1 or limit) or count -- the line about the rest
end

local function table_of(model, list, shown)
  local sign = model.currency == "eur" and not model.rate.assumed and "€" or "$"
  local hour, million = sign .. "/hour", sign .. "/Mtok"
  local name = model.all and "  Offer" or "  Cloud"
  local rows = { { name, "GPU", "Region", hour, "Spot", "Total", "Tok/s", million } }
  for index = 1, shown do
    rows[#rows + 1] = row(model, list[index], list[index].first == model.ordered[1] and "* " or "  ")
  end
  local fitted, dropped = format.fitted(rows, "lllrrrrr", format.width(),
    { "Region", million, "Tok/s", "Spot", hour })
  if #list > shown then
    fitted[#fitted + 1] = ("  ... and %d more: offers --all"):format(#list - shown)
  end
  return fitted, dropped
end

-- What earlier rents of this folder measured: "139 tokens/s, READY after 2m 10s, 92 MB/s".
local function measured_text(own)
  local parts = {
    own.tokens_per_second and ("%.0f tokens/s"):format(own.tokens_per_second) or nil }
  parts[#parts + 1] = own.ready_seconds and "READY after " .. clock.duration(own.ready_seconds) or nil
  parts[#parts + 1] = own.mb_per_second and ("%.0f MB/s of download"):format(own.mb_per_second) or nil
  return table.concat(parts, ", ")
end

local function add_rate(lines, model)
  if model.rate.assumed then return end
  add(lines, (model.currency == "eur" and "Euros at the rate of %s of %s; clouds bill in dollars."
    or "Clouds bill in dollars; €%.2f per dollar of %s (%s)."):format(table.unpack(model.currency == "eur"
    and { model.rate.source, model.rate.date }
    or { model.rate.per_dollar, model.rate.date, model.rate.source })))
end

--- How long until READY, and by what that is known: one line.
function M.ready_text(candidate)
  local ready, own = candidate.ready, candidate.measured
  if not ready then return "  READY after a time that nobody states" end
  return ready.measured
    and ("  READY after %s: measured here before (%d rent%s)"):format(clock.duration(ready.seconds),
      own.rents, own.rents == 1 and "" or "s")
    or ("  READY after about %s: estimated, for nothing was measured here before"):format(
      clock.duration(ready.seconds))
end

-- What would be taken, and what the two estimates mean.
local function add_winner(lines, model)
  local winner, want = model.ordered[1], model.want
  local offer = winner.offer
  -- the name says what it is sold as
  local memory = offer.vram_gb and (" (%.1f GB)"):format(offer.vram_gb * (offer.gpus or 1)) or ""
  add(lines, ("* would be taken: %s %s%s, %s, %s, %s"):format(offer.provider,
    format.machine(offer), memory,
    offer.region or "unknown region", winner.spot and "spot" or "on-demand", format.hourly(winner.hourly)))
  add(lines, ("  %s for %s:"):format(format.both(winner.total, model.rate), clock.duration(want.hours * 3600))
    .. parts_of(winner, want))
  local own = winner.measured
  if own then
    add(lines, ("  measured here before (%d rent%s): %s"):format(own.rents, own.rents == 1 and "" or "s",
      measured_text(own)))
  end
  if model.explain or want.ready_within then add(lines, M.ready_text(winner)) end
  add_rate(lines, model)
  local sparse = select(3, models.reads(want.model)) == "sparse"
  add(lines, ("~ estimated: Tok/s of one answer at a time%s, $/Mtok nonstop."):format(sparse
    and " (experts vary)" or ""))
end

local function what(offer)
  return ("%s %s, %s"):format(offer.provider, format.machine(offer), offer.region
    or offer.native_region or "unknown region")
end

-- Each offer that was left out, and why: first what was compared, by its sum, then what a cloud's own script
-- did not take.
local function add_explained(lines, model)
  local list = table.move(model.rejected, 1, #model.rejected, 1, {})
  table.sort(list, function(a, b)
    if a.candidate.total ~= b.candidate.total then return a.candidate.total < b.candidate.total end
    return tostring(a.candidate.offer.id) < tostring(b.candidate.offer.id)
  end)
  lines[#lines + 1] = ""
  lines[#lines + 1] = "Left out, and why:"
  for _, each in ipairs(list) do
    local candidate = each.candidate
    add(lines, ("  %s, %s/h %s (%s): %s"):format(what(candidate.offer), price(model, candidate.hourly, 3),
      candidate.spot and "spot" or "on-demand", tostring(candidate.offer.id), each.reason),
      "    ")
  end
  for _, result in ipairs(model.results or {}) do
    for _, each in ipairs(result.left or {}) do
      local named = each.gpu and result.name .. " " .. each.gpu or result.name
      add(lines, ("  %s (%s): %s"):format(named, each.id, each.reason), "    ")
    end
  end
end

local function add_reasons(lines, reasons)
  local parts = {}
  for index, reason in ipairs(reasons) do
    parts[index] = ("%d × %s"):format(reason.count, reason.text)
  end
  if #parts > 0 then
    add(lines, "Left out: " .. table.concat(parts, ", ") .. ".")
  end
end

--- The lines of the table and what stands around it; on a terminal with `room` lines they fit it.
function M.lines(model)
  local want, lines, rest = model.want, {}, {}
  add(lines, ("%s needs %.1f GB of GPU memory (%d tokens of context) and %d GB of disk; totals are for %s.")
    :format(want.model.name, want.vram_gb, want.context, want.disk_gb, clock.duration(want.hours * 3600)))
  lines[#lines + 1] = #model.ordered > 0 and "" or nil
  if #model.ordered > 0 then
    rest[1] = ""
    add_winner(rest, model)
  end
  if model.explain then add_explained(rest, model) else add_reasons(rest, model.reasons) end
  if #model.ordered > 0 then
    local list = M.by_offer(model)
    local others = model.explain and 0 or #lines + #rest
    local rows, dropped = table_of(model, list, rows_for(model, #list, others))
    if #dropped > 0 then
      add(rest, ("Columns left out for want of width: %s; --output=json has everything.")
        :format(table.concat(dropped, ", ")))
      rows = table_of(model, list, rows_for(model, #list, others == 0 and 0 or #lines + #rest))
    end
    table.move(rows, 1, #rows, #lines + 1, lines)
  end
  return table.move(rest, 1, #rest, #lines + 1, lines)
end

--- One candidate for JSON.
function M.candidate(candidate)
  local offer, parts, own = candidate.offer, {}, candidate.measured or {}
  for name, amount in sorted(candidate.parts) do
    parts[name] = format.rounded(amount, 5)
  end
  return {
    id = tostring(offer.id), provider = offer.provider, gpu = offer.gpu, native_gpu = offer.native_gpu,
    gpus = offer.gpus, replicas = offer.replicas, nodes = offer.nodes,
    vram_gb = format.rounded(offer.vram_gb, 2),
    region = offer.region, native_region = offer.native_region,
    type = candidate.spot and "spot" or "on-demand",
    hourly = format.rounded(candidate.hourly, 5),
    total = format.rounded(candidate.total, 5), parts = parts, bid = candidate.bid, currency = offer.currency,
    reliability = offer.reliability,
    tokens_per_second_estimate = not own.tokens_per_second
      and format.rounded(candidate.tokens_per_second, 1) or nil,
    tokens_per_second_measured = format.rounded(own.tokens_per_second, 1),
    ready_seconds_measured = format.rounded(own.ready_seconds, 1),
    ready_seconds_estimate = candidate.ready and not candidate.ready.measured
      and format.rounded(candidate.ready.seconds, 1) or nil,
    mb_per_second_measured = format.rounded(own.mb_per_second, 1),
    usd_per_million_tokens_estimate = format.rounded(candidate.usd_per_million_tokens, 3),
    source = offer.source, at = offer.at,
  }
end

function M.object(model)
  local json = require "base.json"
  local list, rejected, clouds = {}, {}, {}
  for index, candidate in ipairs(model.ordered) do
    list[index] = M.candidate(candidate)
  end
  for index, each in ipairs(model.rejected) do
    rejected[index] = { id = tostring(each.candidate.offer.id), provider = each.candidate.offer.provider,
      reason = each.reason }
  end
  for index, result in ipairs(model.results) do
    clouds[index] = { name = result.name, ok = result.ok, offers = result.count, message = result.message,
      left_out = model.explain and json.array(table.move(result.left or {}, 1, #(result.left or {}), 1, {}))
        or nil }
  end
  local want = model.want
  return {
    status = "offers", model = want.model.name, kv_source = want.model.kv_source, context = want.context,
    vram_gb = format.rounded(want.vram_gb, 2), disk_gb = want.disk_gb,
    hours = want.hours,
    offers = json.array(list), rejected = json.array(rejected), providers = json.array(clouds),
    currency = "USD",
    euro_rate = format.rate_object(model.rate),
  }
end

return M
