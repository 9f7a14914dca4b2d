-- SPDX-License-Identifier: MIT
-- What can be rented now. model: { items = { {first=, demand=, spot=} of ui.offers
--   | {cloud=, state=, message=}, … }, at, from, told, filter, sort, want, entry = of start.catalog,
--   panel = { candidate, hours, disk_gb, least, most, life, rate, ready = sentence,
--   balance = dollars of credit or nil, budget = euros that are passed or nil } or nil,
--   rejected = how many, asking = bool, problem = sentence or nil, rate,
--   lost = `last` of start.report or nil }
local clock = require "base.clock"
local format = require "ui.format"
local rows = require "ui.screens.rows"

local choose = {}

local GAP = 2
local LOW = 12    -- rows below which only the list is shown
local NARROW = 60 -- columns below which the cost is told in few words

local function hourly(candidate) return candidate and ("$%.3f"):format(candidate.hourly) or "-" end

local function speed(candidate)
  local tokens = candidate.tokens_per_second
  local measured = candidate.measured and candidate.measured.tokens_per_second
  return tokens and (measured and "" or "~") .. ("%.0f"):format(tokens) or ""
end

-- A line of a cloud without offers takes only the first columns.
local function of(text) return function(item) return item.first and text(item) or "" end end

local function columns(model)
  local hours = model.want and model.want.hours or 8
  local function total(item) return { "bold", format.dollars(item.first.total) } end
  local list = {
    { title = "Cloud", need = 1, text = function(item) return item.cloud or item.first.offer.provider end },
    { title = "Card", need = 2, text = of(function(item)
      return format.machine(item.first.offer) end) },
    { title = "Region", need = 7, most = 14, text = of(function(item)
      return item.first.offer.region or item.first.offer.native_region or "unknown" end) },
    { title = "Spot/h", need = 4, align = "r", text = of(function(item) return hourly(item.spot) end) },
    { title = "On-dem./h", need = 5, align = "r", text = of(function(item) return hourly(item.demand) end) },
    { title = ("%gh"):format(hours), need = 3, align = "r", text = function(item)
      return item.first and total(item) or "" end },
    { title = "Tok/s", need = 6, align = "r", text = of(function(item) return speed(item.first) end) },
    { title = "$/Mtok", need = 8, align = "r", text = of(function(item)
      local million = item.first.usd_per_million_tokens
      return million and format.dollars(million) or "" end) },
    { title = "Down", need = 9, align = "r", text = of(function(item)
      local down = item.first.offer.bandwidth_down
      return down and ("%.0f MB/s"):format(down / 8) or "" end) },
    { title = "Rel.", need = 10, align = "r", text = of(function(item)
      local share = item.first.offer.reliability
      return share and ("%.1f%%"):format(share * 100) or "" end) },
    { title = "Host RAM", need = 11, align = "r", text = of(function(item)
      local memory = item.first.offer.host_memory_gb
      return memory and ("%.0f GB"):format(memory) or "" end) },
  }
  return list
end

local function stars(count, look)
  if not count then return "" end
  return look.glyph.star:rep(count) .. look.glyph.no_star:rep(5 - count)
end

-- The model that is meant and what it needs.
local function title(model, width, look)
  local want, entry = model.want, model.entry
  local left, right = { { "bold", "continueplz" } }, {}
  if want then
    left[2] = { "cyan", "  " .. want.model.name }
    left[3] = ("  %s context, %.1f GB  "):format(format.tokens(want.context), entry.need)
    left[4] = { "yellow", stars(want.model.quality, look) }
    right[1] = ("%g h, %s"):format(want.hours, want.spot and "spot too" or "on-demand")
  end
  return rows.both(left, right, width, look)
end

local STATES = { asking = { "dim", "asking ..." }, dead = { "red" }, skipped = { "dim" }, ok = { "dim" } }

-- A cloud that gives nothing: a row with its reason.
local function silent(item, width, look, under)
  local names = STATES[item.state][1]
  local said = STATES[item.state][2] or item.message
  return rows.line({ "  ", { names, item.cloud .. ": " .. said } }, width, look, under)
end

local function heading(model, width, look)
  local parts = { ("Offers: %d"):format(#model.items) }
  if model.rejected > 0 then parts[#parts + 1] = ("%d left out (x)"):format(model.rejected) end
  if model.sort and model.sort ~= "policy" then parts[#parts + 1] = "by " .. model.sort end
  if model.filter ~= "" then parts[#parts + 1] = "/" .. model.filter end
  if model.asking then parts[#parts + 1] = "asking ..." end
  return rows.rule(table.concat(parts, ", "), width, look)
end

-- The table, `room` rows high. → rows, zones (with y from 1)
local function offers(model, width, room, look)
  local shown, from = rows.part(model, room - 1)
  local priced = {}
  for _, item in ipairs(shown) do priced[#priced + 1] = item.first and item or nil end
  local kept = rows.fit_columns(columns(model), priced, width - 2, GAP)
  local out = { rows.line({ "  ", table.unpack(rows.cells(kept, nil, GAP, look)) }, width, look, "dim") }
  return out, rows.list(out, shown, from, model.at, width, function(item, chosen)
    local under, sign = chosen and "reverse" or nil, chosen and look.glyph.pointer .. " " or "  "
    if not item.first then return silent(item, width, look, under) end
    return rows.line({ sign, table.unpack(rows.cells(kept, item, GAP, look)) }, width, look, under)
  end)
end

-- What the chosen one costs, and at worst.
local function cost_rows(model, width, look)
  local panel = model.panel
  if not panel then return {} end
  local each = panel.candidate
  local parts = each.parts
  local compute, disk, download, minimum = format.parts(each.total, parts.compute, parts.disk, parts.download,
    parts.minimum)
  local out = { rows.rule(("Cost: %s %s %s, %s"):format(each.offer.provider, format.machine(each.offer),
    each.offer.region or "", each.spot and "spot" or "on-demand"), width, look) }
  local function add(...) out[#out + 1] = rows.line({ "  ", ... }, width, look) end
  if width < NARROW then
    add("Total ", { "bold", format.both(each.total, panel.rate) }, (" for %gh"):format(panel.hours))
    add(panel.most and ("At worst %s, after %s"):format(format.dollars(panel.most),
      clock.duration(panel.life)) or "No end set: MAX_HOURS is off")
    return out
  end
  add("Compute ", ("$%.3f/h %s %gh = "):format(each.hourly - (each.offer.disk_hour or 0), look.glyph.times,
    panel.hours), { "bold", compute }, ("   Disk %s (%d GB)   Download %s%s"):format(disk, panel.disk_gb,
    download, parts.minimum > 0 and "   Minimum " .. minimum or ""))
  add("Total   ", { "bold", format.both(each.total, panel.rate) }, "   at least ",
    format.dollars(panel.least), panel.most and ("   at worst %s (ends itself after %s)"):format(
      format.dollars(panel.most), clock.duration(panel.life)) or "   no end set: MAX_HOURS is off")
  if panel.balance then
    add("Credit  ", format.dollars(panel.balance), (", enough for %s of it"):format(clock.duration(math.max(0,
      panel.balance) / each.hourly * 3600)), panel.budget and { "yellow",
      ("   above DAILY_BUDGET_EUR (€%.2f)"):format(panel.budget) } or "")
  elseif panel.budget then
    add({ "yellow", ("That is above DAILY_BUDGET_EUR (€%.2f)"):format(panel.budget) })
  end
  if panel.ready then add("READY   ", panel.ready) end
  return out
end

-- The last machine ended without anybody here asking for it (PRD §5.3).
local function lost_rows(model, width, look)
  local lost = model.lost
  if not lost then return {} end
  local taken = lost.reason == "interrupted" and lost.spot
  local what = taken and "SPOT MACHINE TAKEN AWAY" or lost.reason == "unfinished start"
    and "AN UNFINISHED START WAS UNDONE" or "THE MACHINE ENDED BY ITSELF"
  local cost = lost.cost and (lost.at_most and "at most " or "") .. format.both(lost.cost, model.rate)
    or "a sum that is not known"
  local took = clock.duration(math.max(0, lost.seconds))
  local first = { { "yellow bold", "! " .. what }, ("  %s on %s"):format(lost.id, lost.provider) }
  local second = { ("  It cost %s in %s."):format(cost, took), { "bold", "  a" }, " rents the first below." }
  return { rows.line(first, width, look), rows.line(second, width, look) }
end

--- → rows, zones
function choose.draw(model, width, height, look)
  local out = {}
  local low = height < LOW
  if not low then
    out = lost_rows(model, width, look)
    out[#out + 1] = title(model, width, look)
  end
  if height > 3 then out[#out + 1] = heading(model, width, look) end
  local below = low and {} or cost_rows(model, width, look)
  local room = math.max(1, height - #out - #below)
  local table_rows, zones = offers(model, width, room, look)
  for _, zone in ipairs(zones) do zone.y = zone.y + #out end
  if model.problem and #model.items == 0 then
    for _, line in ipairs(format.wrap(model.problem, math.max(10, width - 2))) do
      table_rows[#table_rows + 1] = rows.line({ " ", { "red", line } }, width, look)
    end
  end
  rows.fill(table_rows, width, room)
  table.move(table_rows, 1, #table_rows, #out + 1, out)
  table.move(below, 1, #below, #out + 1, out)
  return rows.fill(out, width, height), zones
end

return choose
