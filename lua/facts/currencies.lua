-- SPDX-License-Identifier: MIT
-- What a dollar is worth, for display and for a budget in euros. All clouds bill in dollars.
local currencies = {}

-- Used when the user states no rate (EUR_RATE). Deliberately pessimistic: a budget must not be passed
-- because the dollar rose.
currencies.fallback = { per_dollar = 1.00, date = "2026-11-01", source = "built-in, deliberately pessimistic",
  assumed = true }

--- Reads "0.92@2026-11-19": euros for one dollar and the day of that rate. → rate, or nil and a sentence.
function currencies.parse(text)
  local number, date = text:match("^%s*([%d.]+)%s*@%s*(%d%d%d%d%-%d%d%-%d%d)%s*$")
  local value = number and tonumber(number)
  if not value then
    return nil,
      "'" .. text .. "' is not a dated rate; write euros per dollar and the day, like 0.92@2026-11-19"
  end
  if value < 0.2 or value > 5 then
    return nil,
      "a dollar for " .. number .. " euro is not believable; write euros per dollar, like 0.92@2026-11-19"
  end
  return { per_dollar = value, date = date, source = "EUR_RATE" }
end

--- Euros for an amount of dollars at a rate.
function currencies.euros(dollars, rate)
  return dollars * rate.per_dollar
end

return currencies
