-- SPDX-License-Identifier: MIT
-- A longer life for the machine in use: the lines above its question, and what became of it. Model: of
-- money.extension, and rate (config.rate), balance = dollars|nil, budget = { limit=, euros= }|nil,
-- above = MAX_PRICE in $/h when the machine costs more, untold = sentences about what could not be asked.
local clock = lazy "base.clock"
local format = require "ui.format"

local M = {}

local function add(lines, text, ...)
  table.move(format.wrap(text:format(...), format.width() - 6), 1, 9, #lines + 1, lines)
end

local function more(model)
  return format.both(model.cost, model.rate)
end

--- The lines above the question.
function M.lines(model)
  local lines = {}
  add(lines, "%s on %s ends at %s now; it would live for %s more, until %s.", model.id, model.provider,
    format.moment(model.was, model.now), clock.duration(model.added), format.moment(model.ends, model.now))
  add(lines, "That costs %s more at %s%s.", more(model), format.hourly(model.hourly), model.total
    and (", %s%s in all until then"):format(model.at_most and "at most " or "",
      format.both(model.total, model.rate)) or "")
  if model.balance then
    add(lines, "Credit there: %s, enough for %s.", format.dollars(model.balance),
      clock.duration(model.balance / math.max(model.hourly, 1e-6) * 3600))
  end
  if model.budget then
    add(lines, "The day would cost about €%.2f, MORE than DAILY_BUDGET_EUR (€%.2f).", model.budget.euros,
      model.budget.limit)
  end
  if model.above then
    add(lines, "That is ABOVE your limit MAX_PRICE of %s/h.", format.dollars(model.above))
  end
  for _, sentence in ipairs(model.untold or {}) do add(lines, "%s", sentence) end
  return lines
end

--- The question below them.
function M.question(model)
  return ("Let it run until %s for %s more?"):format(format.moment(model.ends, model.now), more(model))
end

--- What to say when its guard has taken it.
function M.done(model)
  return format.wrap(("%s ends at %s now, %s later: its guard keeps to it, and wrote it to its disk. That "
    .. "costs up to %s more. Silence and idleness end it earlier all the same (continueplz limits)."):format(
    model.id, format.moment(model.ends, model.now), clock.duration(model.added), more(model)),
    format.width())
end

--- The JSON object. status: "extended" or "declined"
function M.object(model, status)
  local round = format.rounded
  return {
    status = status, id = model.id, provider = model.provider, ended_before_at = clock.iso(model.was),
    ends_at = clock.iso(model.ends), added_seconds = round(model.added, 0), life_seconds = model.life,
    cost = { added = round(model.cost, 5), total = round(model.total, 5), hourly = round(model.hourly, 5),
      at_most = model.at_most, currency = model.currency },
    euro_rate = format.rate_object(model.rate),
    warnings = model.untold and model.untold[1] and model.untold or nil,
  }
end

return M
