-- SPDX-License-Identifier: MIT
-- The price limit: every comparison of a price with what is allowed, agreed to or there to pay it (DESIGN
-- §1.6, §1.9, §1.11). Prices are dollars per hour, the disk included (candidate.hourly), totals dollars for
-- the hours that are meant (candidate.total).
local clock = require "base.clock"
local fail = require "base.fail"
local config = require "config.effective"

local PERSON, ALONE = 1.10, 2 -- times the agreed total, times the total of the first choice
local NOISE = 1 + 1e-9
-- With the first choice above the limit that is asked about, later choices may be this much dearer than what
-- was agreed to.
local FAILOVER_MARGIN = 1.10
local PRICE_TOLERANCE = 1.02 -- of a machine's price against that of its offer
local PRICE_CHANGE = 0.001   -- of the price of a machine in use; as a fraction

local price_limit = {}

local function money(amount)
  return ("$%.2f"):format(amount)
end

local function hourly(amount)
  return ("$%.3f/h"):format(amount)
end

--- The limits in force. MAX_PRICE on the command line is a wall; from elsewhere it is asked about. → wall,
-- limit in $/h, or nil
function price_limit.in_force()
  local limit = config.get("MAX_PRICE") or nil
  return config.origin("MAX_PRICE") == "--max-price" and limit or nil, limit
end

--- Is a candidate beyond the wall, which no policy and no yes passes? want: max_price → why, or nil
function price_limit.beyond_wall(candidate, want)
  if want.max_price and candidate.hourly > want.max_price then
    return ("too dear: %s, and the limit is %s"):format(hourly(candidate.hourly), hourly(want.max_price))
  end
  return nil
end

--- Is it dearer than the limit that is asked about? want: ask_above, max_price (whoever typed a wall
-- answered)
function price_limit.above_question(candidate, want)
  return want.ask_above ~= nil and candidate.hourly > want.ask_above and not want.max_price
end

-- The most that the choices of one question may cost: nothing dearer than the limit is taken silently, and a
-- question about one price answers no other. named: the first one is a person's own choice, and the question
-- is about it, be there cheaper ones or not
local function ceiling(ordered, limit, named)
  for index = 1, named and 1 or #ordered do
    if ordered[index].hourly <= limit then return limit end
  end
  return ordered[1].hourly * FAILOVER_MARGIN
end

--- Leaves out what a question about the first choice would not cover. want: ask_above, offer (the first one
-- was named). → kept, refused = {{candidate=, reason=}, …}
function price_limit.within_question(ordered, want)
  if not want.ask_above or not ordered[1] then return ordered, {} end
  local most, kept, refused = ceiling(ordered, want.ask_above, want.offer), {}, {}
  for index = 1, #ordered do
    local candidate = ordered[index]
    if candidate.hourly <= most then
      kept[#kept + 1] = candidate
    else
      local reason = "above MAX_PRICE: %s, and it is %s/h"
      refused[#refused + 1] = { candidate = candidate,
        reason = reason:format(hourly(candidate.hourly), money(want.ask_above)) }
    end
  end
  return kept, refused
end

--- What a yes covers in one start (one yes, one sum: DESIGN §1.11).
-- @param person can somebody be asked?
-- @param want max_price, ask_above ($/h), hours that are meant, offer (the first choice was named)
-- @param before the total that a person agreed to elsewhere (`--agreed`): nobody is asked then; or nil
-- → consent { person, wall, limit, hours, named, before; least: total of the first choice, agreed: the total
-- that a person said yes to }
function price_limit.consent(person, want, before)
  return { person = person and not before, wall = want.max_price, limit = want.ask_above, hours = want.hours,
    named = want.offer ~= nil, before = before }
end

--- The first choice of the policy, by which a line without anybody to ask is measured, be it to be had or
-- not: that of the first try, however many follow.
function price_limit.first(self, candidate)
  self.least = self.least or candidate.total
end

-- The --max-price that allows a candidate, in whole cents.
local function to_type(candidate)
  return math.ceil(candidate.hourly * 100) / 100
end

local function what_of(self, candidate)
  return candidate.total ~= self.least and "the next machine" or self.named and "the offer that was named"
    or "the cheapest that fits"
end

local function above_price(self, candidate, price, name)
  if not price or candidate.hourly <= price * NOISE then return end
  local what = what_of(self, candidate)
  fail.raise("limit", ("%s costs %s, $%.3f above %s (%s/h); say --max-price=%.2f to rent it"):format(what,
    hourly(candidate.hourly), candidate.hourly - price, name, money(price), to_type(candidate)),
    { price = true, later = candidate.total ~= self.least })
end

-- A yes to a sum says nothing of a price by the hour.
local function within_price(self, candidate)
  if self.wall then
    return above_price(self, candidate, self.wall, "--max-price")
  end
  above_price(self, candidate, self.limit, "MAX_PRICE")
end

-- The yes was given before, to a sum: it covers a tenth more, as if it had been given here. Who was shown a
-- price above MAX_PRICE says so with --max-price.
local function agreed_before(self, candidate)
  within_price(self, candidate)
  local bound = self.before * PERSON
  if candidate.total <= bound * NOISE then return end
  fail.raise("limit", ("%s costs %s for %s, %s above the %s that --agreed covers (%s and a tenth more); say "
    .. "--agreed=%.2f to rent it"):format(what_of(self, candidate), money(candidate.total),
    clock.duration(self.hours * 3600), money(candidate.total - bound), money(bound), money(self.before),
    math.ceil(candidate.total * 100) / 100), { price = true, later = candidate.total ~= self.least })
end

-- Nobody can be asked: the line itself is the yes.
local function alone(self, candidate)
  within_price(self, candidate)
  if self.wall then return end
  local bound = self.least * ALONE
  if candidate.total > bound * NOISE then
    fail.raise("limit", ("the next machine costs %s for %s, %s above twice the %s of the first choice, and "
      .. "nobody can be asked; say --max-price=%.2f to rent it"):format(money(candidate.total),
      clock.duration(self.hours * 3600), money(candidate.total - bound), money(self.least),
      to_type(candidate)), { price = true, later = true })
  end
end

--- May `candidate` be rented? ask(candidate, agreed): puts the sum to the person, with the total that was
-- agreed to before (nil: none).
-- → true, or false when a person says no
-- @raise `limit` when it is beyond what the line covers and nobody can be asked (price = true; later = true:
-- what was chosen first cost less)
function price_limit.given(self, candidate, ask)
  if self.before then
    agreed_before(self, candidate)
    return true
  elseif not self.person then
    alone(self, candidate)
    return true
  end
  if self.agreed and candidate.total <= self.agreed * PERSON * NOISE then
    return true
  end
  if not ask(candidate, self.agreed) then return false end
  self.agreed = candidate.total
  return true
end

--- Is there credit for what a candidate costs in its first hour? An empty account gets machines stopped, and
-- billed.
-- @param balance in dollars, or nil: the cloud does not tell
-- @raise kind `funds`
function price_limit.need_credit(provider, balance, candidate, hours)
  local need = candidate.hourly * math.min(1, hours) + candidate.parts.download
  if balance and balance < need then
    fail.raise("funds", ("the credit at %s is %s, and the first hour of this machine with its download costs "
      .. "%s; add credit at %s"):format(provider.title or provider.name, money(balance), money(need),
      provider.credit_page or provider.console or "its console"))
  end
end

--- Is a machine what was agreed? Its price is recorded before that: what is given up for it is billed by it
-- all the same.
-- @param session of money.rent; gets the machine's prices
-- @param instance what the cloud shows, with a price
-- @raise kind `machine`
function price_limit.check_made(journal, session, candidate, instance)
  local agreed = candidate.hourly - (candidate.offer.disk_hour or 0)
  session.hourly, session.disk_hour = instance.hourly, instance.disk_hour or session.disk_hour
  journal:append("repriced", session.token, { hourly = session.hourly, disk_hour = session.disk_hour })
  if instance.spot ~= nil and instance.spot ~= candidate.spot then
    fail.raise("machine", ("%s was rented as %s, but the cloud made it %s"):format(session.id,
      candidate.spot and "spot" or "on-demand", instance.spot and "spot" or "on-demand"))
  end
  if instance.hourly > agreed * PRICE_TOLERANCE then
    fail.raise("machine", ("%s costs %s, but %s was agreed"):format(session.id, hourly(instance.hourly),
      hourly(agreed)))
  end
end

--- Has the price of a machine in use changed from what its session was agreed to cost? → the new price, or
-- nil
function price_limit.changed(session, instance)
  local now, agreed = instance.hourly, session.hourly
  return now and agreed and math.abs(now - agreed) > agreed * PRICE_CHANGE and now or nil
end

return price_limit
