-- SPDX-License-Identifier: MIT
local budget = require "work.budget"
local zone = require "base.zone"

return function(t)
  local noon = 1790000000 - (1790000000 + zone.offset(1790000000)) % 86400 + 43200

  t:case("budget: only today's part of a session counts", function()
    local session = { id = "1", started = noon - 24 * 3600, ended = noon, hourly = 0.9, disk_hour = 0.1, plan = {} }
    t:ok(math.abs(budget.spent({ session }, noon) - 12) < 1e-6, "twelve hours at a dollar, not " .. budget.spent({ session }, noon))
  end)

  t:case("budget: running sessions count up to now, closed ones to their end, those never made not at all", function()
    local running = { id = "1", started = noon - 3600, hourly = 1, plan = {} }
    local over = { id = "2", started = noon - 7200, ended = noon - 5400, closed = "proven", hourly = 2, plan = {} }
    local never = { started = noon - 7200, closed = "never", hourly = 5, plan = {} }
    local old = { id = "3", started = noon - 200000, ended = noon - 100000, closed = "proven", hourly = 5, plan = {} }
    t:ok(math.abs(budget.spent({ running, over, never, old }, noon) - 2) < 1e-6, "one and one dollars")
  end)
end
