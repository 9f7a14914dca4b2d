-- SPDX-License-Identifier: MIT
-- A longer life: its sum, what bounds it, and what a line may agree to alone.
local extension = require "money.extension"

local NOW = 1790000000

return function(t)
  -- A machine of $1/h with $0.20/h of disk, an hour old, rented for two.
  local function session(more)
    local plan = { life = 7200, download = 0.5 }
    local s = { token = "cplz-1-a", id = "77", provider = "vast", started = NOW - 3600, hourly = 1,
      disk_hour = 0.2, plan = plan, running_at = NOW - 3600, running_seen = NOW - 3600,
      loading_at = NOW - 3500, ready_at = NOW - 3400, currency = "USD" }
    for name, value in pairs(more or {}) do s[name] = value end -- order: free
    return s
  end
  local guard = { state = "armed", life = 7200, life_left = 3600, life_max = 7200 }

  local function of(wish, more) return extension.of(session(more), guard, wish, NOW) end

  t:case("extension: the end, the life from the birth, and the sum until then", function()
    local m = of { seconds = 5400 }
    t:equal({ m.was, m.ends, m.added, m.life }, { NOW + 3600, NOW + 9000, 5400, 12600 })
    t:ok(math.abs(m.cost - 1.8) < 1e-9, "an hour and a half at $1.20: " .. m.cost)
    t:ok(math.abs(m.total - (3.5 * 1.2 + 0.5)) < 1e-9, "3.5 h and the download: " .. m.total)
    t:equal(m.at_most, nil)
    local at = of { at = NOW + 9000 }
    t:equal({ at.ends, at.added, at.life }, { m.ends, m.added, m.life })
    t:equal({ of({ seconds = 60 }, { found = 1 }).total }, {}, "a record that was lost knows no sum")
    t:equal(of({ seconds = 60 }, { paused = 1 }).at_most, true)
  end)

  t:case("extension: an end that is none is refused", function()
    for _, wish in ipairs { { seconds = 59 }, { seconds = 0 }, { at = NOW + 3600 }, { at = NOW - 5 } } do
      local problem = t:raises("usage", of, wish)
      t:ok(problem.message:find("in 1h 00m", 1, true), problem.message)
    end
    t:raises("usage", of, { seconds = 10 * 366 * 86400 })
    local function with(said) return extension.of(session(), said, { seconds = 600 }, NOW) end
    t:raises("busy", with, { state = "ending", life = 7200, life_left = 0 })
    t:ok(t:raises("limit", with, { state = "armed", life = 0 }).message:find("no limit of life", 1, true))
  end)

  t:case("extension: the ends that others keep are not passed, and what is left is said", function()
    local m = of { seconds = 3600 }
    extension.check_bounds(m, { { life = 10800, why = "x" }, { at = NOW + 7200, why = "x" } })
    local function refused(bound) return t:raises("limit", extension.check_bounds, m, { bound }).message end
    t:equal(refused { life = 10799, why = "its timer ends it" },
      "77 cannot be extended so far: its timer ends it; until then it can be given 59m 59s more")
    t:equal(refused { at = NOW + 3620, why = "the schedule stops it", way = "look there" },
      "77 cannot be extended so far: the schedule stops it; look there")
  end)

  t:case("extension: alone up to twice the rented life, MAX_PRICE and the credit", function()
    extension.check_alone(of { seconds = 7200 }, { max_price = 1.2, balance = 2.4 })
    local problem = t:raises("limit", extension.check_alone, of { seconds = 7260 }, {})
    t:ok(problem.message:find("1m 00s beyond twice the 2h 00m", 1, true), problem.message)
    t:raises("limit", extension.check_alone, of { seconds = 60 }, { max_price = 1.19 })
    t:raises("funds", extension.check_alone, of { seconds = 7200 }, { balance = 2.39 })
    extension.check_alone(of({ seconds = 9e5 }, { plan = {} }), {})
  end)

  t:case("extension: the day's budget counts what is spent and what is left of the day", function()
    local config, zone = require "config.effective", require "base.zone"
    local m = of { seconds = 3600 }
    local midnight = NOW - (NOW + zone.offset(NOW)) % 86400
    local spent = math.min(3600, NOW - midnight) / 3600 * 1.2
    config.use("DAILY_BUDGET_EUR", "1", "a test")
    local limit, euros = extension.over_budget(m, { session { loading_at = false } }, { per_dollar = 1 })
    config.use("DAILY_BUDGET_EUR", nil)
    local ahead = math.min(7200, midnight + 86400 - NOW) / 3600 * 1.2
    t:equal(limit, 1)
    t:ok(math.abs(euros - (spent + ahead)) < 1e-6, ("%s, not %s"):format(euros, spent + ahead))
  end)
end
