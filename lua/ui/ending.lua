-- SPDX-License-Identifier: MIT
-- How a session ended and what it cost, in a few words. row: of money.history. Pure.
local clean = lazy "base.clean"
local format = require "ui.format"

local M = {}

local REASONS = {
  stop = "stopped", limit = "ended at a limit", gone = "ended by itself", ["unfinished start"] = "start cut "
      .. "off",
}
local OUTCOMES = {
  unverifiable = ", no proof", acknowledged = ", acknowledged", forgotten = "forgotten",
}

--- How a session ended, in a few words. row: of money.history
function M.words(row)
  if row.open then return row.ready_at and "running" or row.state end
  if row.outcome == "forgotten" then return OUTCOMES.forgotten end
  local reason = row.reason or "stop"
  local words = REASONS[reason] or reason == "interrupted" and (row.spot and "taken back by its cloud"
    or "stopped by its cloud") or row.ready_at and clean.line(reason) or "start failed"
  return words .. (OUTCOMES[row.outcome] or "")
end

--- A sum as it is known: the cloud's bill as it is, our own reckoning with "~", the most that it can be with
-- "max".
function M.sum(amount, at_most, reckoned)
  if not amount then return "not known" end
  return (at_most and "max " or reckoned and "~" or "") .. format.dollars(amount)
end

return M
