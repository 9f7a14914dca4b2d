-- SPDX-License-Identifier: MIT
-- What was rented before, and what it cost: tables, bars, comma-separated values and JSON. Models: rows of
-- money.history with `total` rows of more; sums of money.spending. Pure.
local clock = lazy "base.clock"
local ending = require "ui.ending"
local format = require "ui.format"
local term = require "base.term"

local M = {}

local function row_sum(row) return ending.sum(row.cost, row.at_most, row.source ~= "charges") end

local function group_sum(group)
  if group.unknown > 0 and group.unknown == group.sessions then return "not known" end
  return ending.sum(group.cost, group.at_most, group.cost - group.billed > 0.005)
end

local function euros(amount, rate)
  return rate and not rate.assumed and (" (≈ €%.2f)"):format(amount * rate.per_dollar) or ""
end

local LEGEND = "~: reckoned here, without the cloud's own bill; max: at most that."

-- What was damaged or not known, and what the signs mean.
local function notes(lines, texts, damaged)
  local text = table.concat(texts, "\n")
  if text:find("~$", 1, true) or text:find("max $", 1, true) then lines[#lines + 1] = LEGEND end
  if damaged > 0 then
    lines[#lines + 1] = ("%d line%s of the history %s damaged; what they told is missing "
        .. "here."):format(damaged,
      damaged == 1 and "" or "s", damaged == 1 and "is" or "are")
  end
end

--- The lines of `history`. model: { rows =, damaged =, rate =, since = unix seconds|nil }
function M.lines(model)
  if #model.rows == 0 then return { model.since and "Nothing ran since then." or "Nothing was rented "
      .. "yet." } end
  local rows, sum = { { "WHEN", "CLOUD", "CARD", "MODEL", "RAN", "COST", "ENDED" } }, 0
  for _, row in ipairs(model.rows) do
    rows[#rows + 1] = { clock.local_time(row.started):sub(1, 16), row.provider or "?",
      row.gpu and format.gpu(row.gpu, row.gpus) or "?", row.model or "?", clock.duration(row.seconds),
      row_sum(row), ending.words(row) }
    sum = sum + (row.cost or 0)
  end
  local lines = format.fitted(rows, "llllrrl", format.width(), { "CARD", "RAN", "CLOUD", "MODEL" })
  local count = #model.rows
  lines[#lines + 1] = ("%d session%s, %s%s"):format(count, count == 1 and "" or "s", format.dollars(sum),
    euros(sum, model.rate))
  notes(lines, lines, model.damaged)
  return lines
end

local function rounded_row(row)
  local round = format.rounded
  return { id = row.id, token = row.token, provider = row.provider, gpu = row.gpu, gpus = row.gpus,
    region = row.region, type = row.spot and "spot" or "on-demand", model = row.model,
    started_at = row.started and clock.iso(row.started), ended_at = row.ended and clock.iso(row.ended),
    ready_at = row.ready_at and clock.iso(row.ready_at), seconds = round(row.seconds, 1),
    hourly = round(row.hourly, 5), cost = round(row.cost, 5), at_most = row.at_most,
    billed = row.source == "charges", currency = row.currency, outcome = row.outcome or "open",
    reason = row.reason, ending = ending.words(row) }
end

--- The JSON object of `history`.
function M.object(model)
  local list = {}
  for index, row in ipairs(model.rows) do list[index] = rounded_row(row) end
  return { status = "ok", sessions = require("base.json").array(list), damaged_lines = model.damaged,
    euro_rate = format.rate_object(model.rate) }
end

-- A cell of comma-separated values (RFC 4180).
local function cell(value)
  local whole = math.type(value) == "float" and math.tointeger(value)
  local text = value == nil and "" or tostring(whole or value)
  return text:find('[,"\r\n]') and '"' .. text:gsub('"', '""') .. '"' or text
end

local function csv(names, rows)
  local lines = { table.concat(names, ",") }
  for _, row in ipairs(rows) do
    local cells = {}
    for index, name in ipairs(names) do cells[index] = cell(row[name]) end
    lines[#lines + 1] = table.concat(cells, ",")
  end
  return lines
end

--- The lines of `history --csv`.
function M.csv(model)
  local list = {}
  for index, row in ipairs(model.rows) do list[index] = rounded_row(row) end
  return csv({ "started_at", "ended_at", "seconds", "provider", "gpu", "gpus", "region", "type", "model",
    "id",
    "cost", "currency", "billed", "at_most", "outcome", "reason" }, list)
end

local function hours(seconds) return ("%.1f h"):format(seconds / 3600) end

-- A bar of at most `width` columns; something that cost anything is seen.
local function bar(cost, most, width)
  if most <= 0 or cost <= 0 or width < 4 then return "" end
  return ("#"):rep(math.max(1, math.floor(cost / most * width + 0.5)))
end

local HEADS = { cloud = "CLOUD", model = "MODEL", day = "DAY" }

--- The lines of `costs`. model: of money.spending, with rate; bars: are they wanted?
function M.cost_lines(model, bars)
  local since = model.since and "since " .. clock.local_time(model.since):sub(1, 16) or "since the beginning"
  if #model.groups == 0 then return { ("Nothing was spent %s."):format(since) } end
  local rows, most = { { HEADS[model.by], "SESSIONS", "HOURS", "COST", "" } }, 0
  for _, group in ipairs(model.groups) do most = math.max(most, group.cost) end
  for _, group in ipairs(model.groups) do
    rows[#rows + 1] = { group.key, tostring(group.sessions), hours(group.seconds), group_sum(group) }
  end
  rows[#rows + 1] = { "all", tostring(model.total.sessions), hours(model.total.seconds),
    group_sum(model.total) }
  local lines = format.columns(rows, "lrrrl")
  local width = 0
  for _, line in ipairs(lines) do width = math.max(width, term.width(line)) end
  for index, group in ipairs(bars and model.groups or {}) do
    lines[index + 1] = format.pad(lines[index + 1], width) .. "  "
      .. bar(group.cost, most, math.min(40, format.width() - width - 2))
  end
  local total = model.total
  lines[#lines + 1] = ("%s: %s%s%s"):format(since, format.dollars(total.cost), euros(total.cost, model.rate),
    total.cost > 0 and (", of which %s by the clouds' own bills"):format(format.dollars(total.billed)) or "")
  if total.unknown > 0 then
    lines[#lines + 1] = ("What %d of them cost is not known, and not in the sums."):format(total.unknown)
  end
  notes(lines, lines, model.damaged)
  return lines
end

local function rounded_group(group)
  local round = format.rounded
  return { key = group.key, sessions = group.sessions, seconds = round(group.seconds, 1),
    cost = round(group.cost, 5), billed = round(group.billed, 5), at_most = group.at_most,
    unknown = group.unknown, currency = "USD" }
end

--- The JSON object of `costs`.
function M.cost_object(model)
  local list = {}
  for index, group in ipairs(model.groups) do list[index] = rounded_group(group) end
  local total = rounded_group(model.total)
  return { status = "ok", by = model.by, since = model.since and clock.iso(model.since),
    groups = require("base.json").array(list), total = total, damaged_lines = model.damaged,
    euro_rate = format.rate_object(model.rate) }
end

--- The lines of `costs --csv`.
function M.cost_csv(model)
  local list = {}
  for index, group in ipairs(model.groups) do
    list[index] = rounded_group(group)
    list[index][model.by] = group.key
  end
  return csv({ model.by, "sessions", "seconds", "cost", "currency", "billed", "at_most", "unknown" }, list)
end

return M
