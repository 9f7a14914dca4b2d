-- SPDX-License-Identifier: MIT
-- One yes, one sum (DESIGN §1.11): what a person's yes, or a command line without anybody to ask, covers. Totals are dollars for the
-- hours that are meant (candidate.total), prices dollars per hour (candidate.hourly).
local clock = require "base.clock"
local fail = require "base.fail"

local PERSON, ALONE = 1.10, 2 -- times the agreed total, times the total of the first choice
local NOISE = 1 + 1e-9

local consent = {}

--- What holds for one start. terms: { person = somebody can be asked, wall = $/h that the line itself allows (--max-price) or nil,
-- limit = MAX_PRICE in $/h or nil, hours = that are meant }. → consent
function consent.new(terms)
  return { person = terms.person, wall = terms.wall, limit = terms.limit, hours = terms.hours }
end

--- The first choice of the policy, by which a line without anybody to ask is measured, be it to be had or not.
function consent.first(self, candidate)
  self.least = candidate.total
end

local function money(amount)
  return ("$%.2f"):format(amount)
end

local function above_price(self, candidate, price, name)
  if not price or candidate.hourly <= price * NOISE then
    return
  end
  local what = candidate.total ~= self.least and "the next machine" or "the cheapest that fits"
  fail.raise("limit", ("%s costs $%.3f/h, $%.3f above %s (%s/h); say --max-price=%.2f to rent it"):format(what, candidate.hourly,
    candidate.hourly - price, name, money(price), math.ceil(candidate.hourly * 100) / 100))
end

-- Nobody can be asked: the line itself is the yes.
local function alone(self, candidate)
  if self.wall then
    return above_price(self, candidate, self.wall, "--max-price")
  end
  above_price(self, candidate, self.limit, "MAX_PRICE")
  local bound = self.least * ALONE
  if candidate.total > bound * NOISE then
    fail.raise("limit", ("the next machine costs %s for %s, %s above twice the %s of the first choice, and nobody can be asked; say "
      .. "--max-price=%.2f to rent it"):format(money(candidate.total), clock.duration(self.hours * 3600), money(candidate.total - bound),
      money(self.least), math.ceil(candidate.hourly * 100) / 100))
  end
end

--- May `candidate` be rented? ask(candidate, agreed): puts the sum to the person, with the total that was agreed to before (nil: none).
-- → true, or false when a person says no
-- @raise `limit` when it is beyond what the line covers and nobody can be asked
function consent.given(self, candidate, ask)
  if not self.person then
    alone(self, candidate)
    return true
  end
  if self.agreed and candidate.total <= self.agreed * PERSON * NOISE then
    return true
  end
  if not ask(candidate, self.agreed) then
    return false
  end
  self.agreed = candidate.total
  return true
end

return consent
