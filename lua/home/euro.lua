-- SPDX-License-Identifier: MIT
-- The day's rate of the European Central Bank, kept in the home (config.rate reads it). Nothing waits for it
-- for long, and nothing fails for want of it.
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local http = require "base.http"
local log = require "base.log"
local config = require "config.effective"
local currencies = require "facts.currencies"

local AGAIN, AFTER_FAILURE = 12 * 3600, 3600 -- seconds between two questions
local PATH = "/stats/eurofxref/eurofxref-daily.xml" -- facts/rates.md §1
local SECONDS, BYTES = 4, 65536              -- for an answer, of an answer

local euro = {}

-- What is kept: its first line, and when the feed was last asked with how many seconds until it is again.
local function kept()
  local text = files.read(config.rate_file(), 1000) or ""
  local line, asked, pause = text:match("^([^\n]*)\n(%d+) (%d+)\n")
  return line, tonumber(asked), tonumber(pause)
end

local function keep(line, pause)
  local text = ("%s\n%d %d\n"):format(line or "", math.floor(clock.wall()), pause)
  local ok, why = files.write(config.rate_file(), text)
  if not ok then log.warn("the rate of the day cannot be kept", { error = why }) end
end

local function ask()
  local answer = http.request { url = config.get("ECB_URL") .. PATH, timeout = SECONDS, max_bytes = BYTES,
    headers = { Accept = "application/xml" } }
  local rate, why = currencies.feed(answer.body)
  return rate or fail.raise("broken", why)
end

--- Asks the feed when EUR_RATE says so and what is kept is half a day old. A feed that fails is left in peace
-- for an hour. → nil, or a sentence: euros are not shown, or at what rate a budget is reckoned
function euro.refresh()
  local set = config.get("EUR_RATE")
  if not set or not set.feed or not files.exists(config.home()) then return nil end
  local line, asked, pause = kept()
  local age, why = asked and clock.wall() - asked, nil
  if not age or age < 0 or age >= pause then
    local ok, rate = fail.try(ask)
    if ok then line = ("%.6f@%s"):format(rate.per_dollar, rate.date) else why = fail.message(rate) end
    keep(line, ok and AGAIN or AFTER_FAILURE)
  end
  if not config.rate().assumed then return nil end
  return ("the European Central Bank's rate is not to be had (%s); prices are in dollars, and a budget "
    .. "counts a dollar as €%.2f"):format(why or "what is kept is too old", config.rate().per_dollar)
end

return euro
