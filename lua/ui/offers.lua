-- SPDX-License-Identifier: MIT
-- The table of offers. Model: { want=, ordered=, rejected=, results=, reasons=, rate=, limit= how many rows } → lines; `object`
-- → the JSON object.
local clock = require "base.clock"
local sorted = require "base.sorted"
local models = require "facts.models"
local format = require "ui.format"

local M = {}

-- Reliability and the offer's number are in the JSON only: every row has passed the least reliability that was asked for.
local function row(candidate, mark)
  local offer = candidate.offer
  local speed, million = candidate.tokens_per_second, candidate.usd_per_million_tokens
  return {
    mark .. offer.provider, format.gpu(offer.gpu, offer.gpus), offer.region or offer.native_region or "unknown",
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

local function add_parts(lines, candidate, want)
  local parts = candidate.parts
  local compute, disk, download, minimum = format.parts(candidate.total, parts.compute, parts.disk, parts.download, parts.minimum)
  add(lines, ("  %s compute + %s disk (%d GB) + %s download%s"):format(compute, disk, want.disk_gb, download,
    parts.minimum > 0 and " + " .. minimum .. " minimum period" or ""))
end

local function add_table(lines, model)
  local rows = { { "  Cloud", "GPU", "Region", "Spot", "$/hour", "Total", "Tok/s", "$/Mtok" } }
  for index = 1, math.min(#model.ordered, model.limit or 15) do
    rows[#rows + 1] = row(model.ordered[index], index == 1 and "* " or "  ")
  end
  local fitted, dropped = format.fitted(rows, "llllrrrr", format.width(), { "Region", "$/Mtok", "Tok/s" })
  for _, line in ipairs(fitted) do
    lines[#lines + 1] = line
  end
  if #model.ordered > #rows - 1 then
    lines[#lines + 1] = ("  ... and %d more"):format(#model.ordered - (#rows - 1))
  end
  return dropped
end

-- What the two estimates mean.
local function add_estimates(lines, model, dropped)
  local sparse = select(3, models.reads(model.want.model)) == "sparse"
  add(lines, ("~ is an estimate: Tok/s for one answer at a time%s, $/Mtok for a machine that generates without a pause."):format(
    sparse and " (a mixture of experts varies most)" or ""))
  if #dropped > 0 then
    add(lines, ("Columns left out for want of width: %s; --output=json has everything."):format(table.concat(dropped, ", ")))
  end
end

function M.lines(model)
  local want, lines = model.want, {}
  add(lines, ("%s needs %.1f GB of GPU memory (%d tokens of context) and %d GB of disk; totals are for %s."):format(
    want.model.name, want.vram_gb, want.context, want.disk_gb, clock.duration(want.hours * 3600)))
  lines[#lines + 1] = ""
  if #model.ordered > 0 then
    local dropped = add_table(lines, model)
    lines[#lines + 1] = ""
    add(lines, ("* would be taken: %s in all"):format(format.both(model.ordered[1].total, model.rate)))
    add_parts(lines, model.ordered[1], want)
    add(lines, "Clouds bill in dollars; " .. format.rate(model.rate) .. ".")
    add_estimates(lines, model, dropped)
  end
  if #model.reasons > 0 then
    local parts = {}
    for _, reason in ipairs(model.reasons) do
      parts[#parts + 1] = ("%d × %s"):format(reason.count, reason.text)
    end
    add(lines, "Left out: " .. table.concat(parts, ", ") .. ".")
  end
  return lines
end

--- One candidate for JSON.
function M.candidate(candidate)
  local offer, parts = candidate.offer, {}
  for name, amount in sorted(candidate.parts) do
    parts[name] = format.rounded(amount, 5)
  end
  return {
    id = tostring(offer.id), provider = offer.provider, gpu = offer.gpu, native_gpu = offer.native_gpu, gpus = offer.gpus,
    vram_gb = format.rounded(offer.vram_gb, 2),
    region = offer.region, native_region = offer.native_region, type = candidate.spot and "spot" or "on-demand",
    hourly = format.rounded(candidate.hourly, 5),
    total = format.rounded(candidate.total, 5), parts = parts, bid = candidate.bid, currency = offer.currency,
    reliability = offer.reliability,
    tokens_per_second_estimate = format.rounded(candidate.tokens_per_second, 1),
    usd_per_million_tokens_estimate = format.rounded(candidate.usd_per_million_tokens, 3), source = offer.source, at = offer.at,
  }
end

function M.object(model)
  local json = require "base.json"
  local list, rejected, clouds = {}, {}, {}
  for index, candidate in ipairs(model.ordered) do
    list[index] = M.candidate(candidate)
  end
  for index, each in ipairs(model.rejected) do
    rejected[index] = { id = tostring(each.candidate.offer.id), provider = each.candidate.offer.provider, reason = each.reason }
  end
  for index, result in ipairs(model.results) do
    clouds[index] = { name = result.name, ok = result.ok, offers = result.count, message = result.message }
  end
  local want = model.want
  return {
    status = "offers", model = want.model.name, kv_source = want.model.kv_source, context = want.context,
    vram_gb = format.rounded(want.vram_gb, 2), disk_gb = want.disk_gb,
    hours = want.hours,
    offers = json.array(list), rejected = json.array(rejected), providers = json.array(clouds), currency = "USD",
    euro_rate = { per_dollar = model.rate.per_dollar, date = model.rate.date, source = model.rate.source },
  }
end

return M
