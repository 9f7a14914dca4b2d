-- SPDX-License-Identifier: MIT
-- The table of offers. Model: { want=, ordered=, rejected=, results=, reasons=, rate=, room= lines of a
-- terminal, nil without one, all= every row } → lines; `object` → the JSON object.
local clock = require "base.clock"
local sorted = require "base.sorted"
local models = require "facts.models"
local format = require "ui.format"

local M = {}

-- Reliability and the offer's number are in the JSON only: every row has passed the least reliability
-- that was asked for.
local function row(candidate, mark)
  local offer = candidate.offer
  local speed, million = candidate.tokens_per_second, candidate.usd_per_million_tokens
  return {
    mark .. offer.provider, format.gpu(offer.gpu, offer.gpus),
    offer.region or offer.native_region or "unknown",
    candidate.spot and "yes" or "no", ("$%.3f"):format(candidate.hourly), format.dollars(candidate.total),
    speed and ("~%.0f"):format(speed) or "", million and "~" .. format.dollars(million) or "",
  }
end

--- One line per cloud that was asked.
function M.result_line(name, result)
  if result.ok then
    return true, ("%s: %d offer%s"):format(name, result.count, result.count == 1 and "" or "s")
  end
  return false, ("%s: %s"):format(name, result.message)
end

local function add(lines, text)
  for _, line in ipairs(format.wrap(text, format.width())) do
    lines[#lines + 1] = line
  end
end

local function parts_of(candidate, want)
  local parts = candidate.parts
  local compute, disk, download, minimum = format.parts(candidate.total, parts.compute, parts.disk,
    parts.download, parts.minimum)
  return (" %s compute + %s disk (%d GB) + %s download%s"):format(compute, disk, want.disk_gb, download,
    parts.minimum > 0 and " + " .. minimum .. " minimum period" or "")
end

local MOST, LEAST = 15, 3 -- rows without a terminal, rows on the smallest one

-- How many rows of offers there is room for beside `others` lines.
local function rows_for(model, others)
  local count = #model.ordered
  if model.all then return count end
  local limit = model.room and math.max(LEAST, model.room - others - 1) or MOST -- the heading
  return count > limit and (model.room and limit - 1 or limit) or count -- the line about the rest
end

local function table_of(model, shown)
  local rows = { { "  Cloud", "GPU", "Region", "Spot", "$/hour", "Total", "Tok/s", "$/Mtok" } }
  for index = 1, shown do
    rows[#rows + 1] = row(model.ordered[index], index == 1 and "* " or "  ")
  end
  local fitted, dropped = format.fitted(rows, "llllrrrr", format.width(),
    { "Region", "$/Mtok", "Tok/s", "Spot", "$/hour" })
  if #model.ordered > shown then
    fitted[#fitted + 1] = ("  ... and %d more: offers --all"):format(#model.ordered - shown)
  end
  return fitted, dropped
end

-- What would be taken, and what the two estimates mean.
local function add_winner(lines, model)
  local winner, want = model.ordered[1], model.want
  local offer = winner.offer
  -- the name says what it is sold as
  local memory = offer.vram_gb and (" (%.1f GB)"):format(offer.vram_gb * (offer.gpus or 1)) or ""
  add(lines, ("* would be taken: %s %s%s, %s, %s, %s"):format(offer.provider,
    format.gpu(offer.gpu, offer.gpus), memory,
    offer.region or "unknown region", winner.spot and "spot" or "on-demand", format.hourly(winner.hourly)))
  add(lines, ("  %s for %s:"):format(format.both(winner.total, model.rate), clock.duration(want.hours * 3600))
    .. parts_of(winner, want))
  if not model.rate.assumed then
    add(lines, "Clouds bill in dollars; " .. format.rate(model.rate) .. ".")
  end
  local sparse = select(3, models.reads(want.model)) == "sparse"
  add(lines, ("~ estimated: Tok/s of one answer at a time%s, $/Mtok nonstop."):format(sparse
    and " (experts vary)" or ""))
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
  lines[#lines + 1] = ""
  if #model.ordered > 0 then
    rest[1] = ""
    add_winner(rest, model)
  end
  add_reasons(rest, model.reasons)
  if #model.ordered > 0 then
    local rows, dropped = table_of(model, rows_for(model, #lines + #rest))
    if #dropped > 0 then
      add(rest, ("Columns left out for want of width: %s; --output=json has everything.")
        :format(table.concat(dropped, ", ")))
      rows = table_of(model, rows_for(model, #lines + #rest))
    end
    table.move(rows, 1, #rows, #lines + 1, lines)
  end
  return table.move(rest, 1, #rest, #lines + 1, lines)
end

--- One candidate for JSON.
function M.candidate(candidate)
  local offer, parts = candidate.offer, {}
  for name, amount in sorted(candidate.parts) do
    parts[name] = format.rounded(amount, 5)
  end
  return {
    id = tostring(offer.id), provider = offer.provider, gpu = offer.gpu, native_gpu = offer.native_gpu,
    gpus = offer.gpus,
    vram_gb = format.rounded(offer.vram_gb, 2),
    region = offer.region, native_region = offer.native_region,
    type = candidate.spot and "spot" or "on-demand",
    hourly = format.rounded(candidate.hourly, 5),
    total = format.rounded(candidate.total, 5), parts = parts, bid = candidate.bid, currency = offer.currency,
    reliability = offer.reliability,
    tokens_per_second_estimate = format.rounded(candidate.tokens_per_second, 1),
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
    clouds[index] = { name = result.name, ok = result.ok, offers = result.count, message = result.message }
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
