-- SPDX-License-Identifier: MIT
local budget = require "money.budget"
local zone = require "base.zone"

return function(t)
  local noon = 1790000000 - (1790000000 + zone.offset(1790000000)) % 86400 + 43200

  t:case("budget: only today's part of a session counts", function()
    local session = { id = "1", started = noon - 24 * 3600, ended = noon, hourly = 0.9,
      disk_hour = 0.1, plan = {} }
    t:ok(math.abs(budget.spent({ session }, noon) - 12) < 1e-6,
      "twelve hours at a dollar, not " .. budget.spent({ session }, noon))
  end)

  t:case("budget: running sessions count up to now, closed ones to their end, "
    .. "those never made not at all", function()
    local running = { id = "1", started = noon - 3600, hourly = 1, plan = {} }
    local over = { id = "2", started = noon - 7200, ended = noon - 5400, closed = "proven",
      hourly = 2, plan = {} }
    local never = { started = noon - 7200, closed = "never", hourly = 5, plan = {} }
    local old = { id = "3", started = noon - 200000, ended = noon - 100000, closed = "proven",
      hourly = 5, plan = {} }
    t:ok(math.abs(budget.spent({ running, over, never, old }, noon) - 2) < 1e-6, "one and one dollars")
  end)

  local fake = t:load("fakehost")
  local HOME = "/home/user/.continueplz"

  t:case("budget: the day is that of the user's zone", function()
    local west = fake.new({ env = { TZ = "EST5" } }):world()
    -- ten at night, three hours into Greenwich's next day
    local evening = west.require("base.clock").parse_iso "2026-11-21T03:00:00Z"
    local session = { id = "1", started = evening - 5 * 3600, hourly = 1, plan = {} }
    t:ok(math.abs(west.require("money.budget").spent({ session }, evening) - 5) < 1e-6,
      "all five hours are of this day")
  end)

  t:case("budget: warned about once a day, in euros at the rate that is set", function()
    local sim = fake.new {}
    sim.disk[HOME .. "/.env"] = { data = "DAILY_BUDGET_EUR=1\nEUR_RATE=0.5@2026-11-19\n",
      mode = 384, mtime = 0 }
    local warned
    -- Somebody looks, with a minute behind him that cost so many dollars. → how many warnings there are
    local function look(dollars)
      local p = sim:start(function(require)
        require("config.effective").load(HOME)
        local now = require("base.clock").wall()
        local session = { id = "1", started = now - 60, hourly = dollars * 60, plan = {} }
        return require("money.budget").watch({ session }, warned)
      end, { bare = true })
      sim:run()
      warned = p:result()
      local count = 0
      for _, line in ipairs(sim.log) do
        count = count + (line.message:find("DAILY_BUDGET_EUR", 1, true) and 1 or 0)
      end
      return count
    end
    t:equal({ look(1.9), look(2.1), look(2.2), look(1.9) }, { 0, 1, 1, 1 })
    sim.now = sim.now + 86400
    t:equal({ look(1.9), look(2.1) }, { 1, 2 }, "the next day")
  end)
end
