-- SPDX-License-Identifier: MIT
-- How a session ended. result: { session=, outcome = "proven"|"unverifiable"|"unproven", cost = {amount=,
-- source=}, duration= seconds, provider=,
-- doubt= } as money.stop tells it → lines; `object` → JSON of all of them.
local clock = require "base.clock"
local boxes = require "ui.boxes"
local format = require "ui.format"

local stopped = {}

local LABEL = 14 -- columns

local function cost_text(result, rate)
  if not result.cost.amount then
    return "not known, for this folder's record of it was lost; the cloud's bill tells"
  end
  local text = format.both(result.cost.amount, rate)
  if result.cost.at_most then
    return "at most " .. text .. ", reckoned from the agreed price"
  end
  return result.cost.source == "charges" and text .. ", as the cloud charged it"
    or text .. ", reckoned from the agreed price"
end

function stopped.lines(result, rate, log_path)
  local lines = {}
  local session, provider = result.session, result.provider or {}
  if result.outcome == "unproven" then
    for _, line in ipairs(boxes.critical(session, result.doubt or session.unproven or "unknown",
      provider.console, log_path)) do
      lines[#lines + 1] = line
    end
  elseif result.outcome == "unverifiable" then
    for _, line in ipairs(boxes.manual(session, provider.title or session.provider,
      provider.console or "the cloud's console")) do
      lines[#lines + 1] = line
    end
  end
  if result.cost then
    local over = result.outcome ~= "unproven"
    if #lines > 0 then
      lines[#lines + 1] = ""
    end
    for index, piece in ipairs(format.wrap(cost_text(result, rate), format.width() - LABEL)) do
      lines[#lines + 1] = format.pad(index > 1 and "" or over and "Session cost:"
        or "Cost so far:", LABEL) .. piece
    end
    lines[#lines + 1] = (over and "Duration:     " or "Running for:  ")
      .. clock.duration(math.max(0, result.duration))
  end
  return lines
end

--- things: rows of money.things, or nil
function stopped.object(results, rate, things)
  local json = require "base.json"
  local list, worst = {}, "stopped"
  for index, result in ipairs(results) do
    if result.outcome == "unproven" or (result.outcome == "unresolved" and worst ~= "unproven") then
      worst = result.outcome
    elseif result.outcome == "unverifiable" and worst == "stopped" then
      worst = "unverifiable"
    end
    list[index] = {
      id = result.session.id, token = result.session.token, provider = result.session.provider,
      outcome = result.outcome,
      reason = result.doubt,
      cost = result.cost and { total = format.rounded(result.cost.amount, 5), currency = result.cost.currency
          or "USD", source = result.cost.source, at_most = result.cost.at_most },
      duration_seconds = format.rounded(result.duration, 1),
    }
  end
  local around = {}
  for index, row in ipairs(things or {}) do
    worst = row.outcome == "proven" and worst or "unproven"
    around[index] = { id = row.id, kind = row.kind, token = row.token, provider = row.cloud,
      outcome = row.outcome, reason = row.doubt }
  end
  local any = #list + #around > 0
  return {
    status = any and worst or "none",
    outcome = any and (worst == "stopped" and "proven" or worst) or "none",
    sessions = json.array(list), things = around[1] and json.array(around) or nil,
    euro_rate = format.rate_object(rate),
  }
end

return stopped
