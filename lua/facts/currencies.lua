-- SPDX-License-Identifier: MIT
-- What a dollar is worth, for display and for a budget in euros. All clouds bill in dollars.
local currencies = {}

-- Used when the user states no rate (EUR_RATE). Deliberately pessimistic: a budget must not be passed
-- because the dollar rose.
currencies.fallback = { per_dollar = 1.00, date = "2026-11-01", source = "built-in, deliberately pessimistic",
  assumed = true }

--- A rate of the feed may be so many seconds old; it comes on working days, and holidays leave gaps of five.
currencies.OLD = 6 * 86400

local LEAST, MOST = 0.2, 5 -- euros for a dollar that are believable

--- Reads the European Central Bank's daily feed (eurofxref-daily.xml: dollars for one euro). → rate, or nil
-- and a sentence.
function currencies.feed(xml)
  local date = xml:match("<Cube%s+time=['\"](%d%d%d%d%-%d%d%-%d%d)['\"]")
  local dollars = tonumber(xml:match("currency=['\"]USD['\"]%s+rate=['\"]([%d.]+)['\"]") or "")
  if not date or not dollars or 1 / dollars < LEAST or 1 / dollars > MOST then
    return nil, "the feed of the European Central Bank says nothing believable of the dollar"
  end
  return { per_dollar = 1 / dollars, date = date, source = "ECB" }
end

--- Reads "0.92@2026-11-19": euros for one dollar and the day of that rate; or "ecb": { feed = true }. → rate,
-- or nil and a sentence.
function currencies.parse(text)
  if text:lower():match("^%s*ecb%s*$") then return { feed = true } end
  local number, date = text:match("^%s*([%d.]+)%s*@%s*(%d%d%d%d%-%d%d%-%d%d)%s*$")
  local value = number and tonumber(number)
  if not value then
    return nil, "'" .. text .. "' is not a dated rate; write euros per dollar and the day, like "
      .. "0.92@2026-11-19, or ecb for the day's own"
  end
  if value < LEAST or value > MOST then
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
