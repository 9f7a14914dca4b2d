-- SPDX-License-Identifier: MIT
-- The limits of a machine, as a table and as JSON. Model: { rows = of money.standing, id, provider, running =
-- bool, now = unix seconds, unguarded = bool, state }. Pure.
local clock = lazy "base.clock"
local format = require "ui.format"

local M = {}

local WORDS = {
  silence = "without contact", idle = "without a question", life = "in any case", price = "price per hour",
  budget = "cost of a day",
}
local KEPT = { guard = "its guard", agent = "this computer", cloud = "its cloud" }
local ASKED = { price = "a question", budget = "a warning" }

local UNITS = {
  seconds = clock.duration, usd_per_hour = format.hourly,
  eur = function(amount) return ("€%.2f"):format(amount) end,
}

local function amount(row, name)
  local value = row[name]
  if name == "limit" and not value then return "off" end
  if not value or not row.limit then return row.limit and name == "left" and "not known" or "" end
  return (row.reckoned and name == "left" and "~" or "") .. UNITS[row.unit](math.max(0, value))
end

local function kept(row)
  local words = {}
  for index, who in ipairs(row.kept) do words[index] = KEPT[who] or ASKED[row.name] end
  return table.concat(words, ", ")
end

--- The lines of `limits`.
function M.lines(model)
  local rows = { { "LIMIT", "", "SET", model.running and "LEFT" or "", model.running and "AT" or "", "KEPT "
      .. "BY" } }
  local any = false
  for _, row in ipairs(model.rows) do
    any = any or row.reckoned
    rows[#rows + 1] = { row.name, WORDS[row.name], amount(row, "limit"), model.running and amount(row, "left")
      or "", row.ends_at and format.moment(row.ends_at, model.now) or "", kept(row) }
  end
  local lines = format.fitted(rows, "llrrll", format.width(), { "", "KEPT BY", "AT" })
  table.insert(lines, 1, model.running and ("%s on %s:"):format(model.id, model.provider)
    or "Nothing runs. Of the next machine:")
  if any then lines[#lines + 1] = "~: its guard could not be asked; this is by the record." end
  if model.running and model.unguarded then
    lines[#lines + 1] = "NO GUARD: this machine does not end itself; this computer does, while it is on."
  end
  return lines
end

--- The JSON object.
function M.object(model)
  local list, round = {}, format.rounded
  for index, row in ipairs(model.rows) do
    list[index] = { name = row.name, unit = row.unit, limit = row.limit, used = round(row.used, 5),
      left = round(row.left, 5), ends_at = row.ends_at and clock.iso(row.ends_at),
      kept_by = require("base.json").array(row.kept), reckoned = row.reckoned }
  end
  return { status = model.state, id = model.id, provider = model.provider, limits = list }
end

return M
