-- SPDX-License-Identifier: MIT
-- One yes, one sum (DESIGN §1.11): the price is asked for again, and the start may cost at most a tenth more
-- than what the yes was about.
local config = require "config.effective"
local budget = lazy "money.budget"
local fail = require "base.fail"
local format = require "ui.format"
local price_limit = lazy "money.price_limit"
local prompt = require "tui.prompt"
local provider_of = lazy "money.provider_of"
local sum = lazy "cli.sum"

local confirm = {}

local CENT = 0.005

local function same_price(a, b) return a.total <= b.total + CENT and a.hourly <= b.hourly + CENT / 10 end

-- The words of the start that was agreed to.
local function words_of(market, candidate)
  local offer = candidate.offer
  local words = { "up", "-y", ("--offer=%s/%s"):format(offer.provider, tostring(offer.id)),
    ("--agreed=%.2f"):format(candidate.total) }
  if price_limit.above_question(candidate, market.want) then -- said yes to below the words that tell it
    words[#words + 1] = ("--max-price=%.2f"):format(math.ceil(candidate.hourly * 100) / 100)
  end
  return table.move(market:words(), 1, #market:words(), #words + 1, words)
end

local function ask(self)
  self.app:ask(prompt.new { sign = ("Rent it for %s? [y/N] "):format(format.hourly(self.candidate.hourly)),
    letters = true, done = function(answer)
      self.app:pop()
      if answer:lower() ~= "y" then return self.app:say "nothing was rented" end
      require("tui.work").begin(self.app, words_of(self.market, self.candidate))
    end, given_up = function()
      self.app:pop()
      self.app:say "nothing was rented"
    end })
end

local function lines_of(self)
  local rate = config.rate()
  local lines = sum.lines(self.candidate, nil, self.credit, self.market.want, rate, true)
  local passed = budget.passed(self.candidate.total, rate)
  if passed then
    lines[#lines + 1] = ("That is more than DAILY_BUDGET_EUR (€%.2f)."):format(passed)
  end
  if not same_price(self.candidate, self.before) then
    table.insert(lines, 1, ("DEARER THAN SHOWN: %s now, %s a moment ago (%s and %s by the hour)."):format(
      format.dollars(self.candidate.total), format.dollars(self.before.total),
      format.hourly(self.candidate.hourly), format.hourly(self.before.hourly)))
  end
  return lines
end

local function show(app, market, before, candidate, credit)
  local self = { name = "confirm", market = market, before = before, candidate = candidate, credit = credit,
    app = app }
  function self.keys() return {} end
  function self.model() return { lines = self.lines, dearer = not same_price(candidate, before) } end
  function self.open() ask(self) end
  self.lines = lines_of(self)
  app:push(self)
end

local function account_of(name)
  local ok, account = fail.try(function() return provider_of.provider(name).account() end)
  return ok and account.balance or nil
end

--- Asks its cloud once more for the price of a candidate of the market, then the person.
function confirm.begin(app, market, candidate)
  local name = candidate.offer.provider
  if app.confirming then return end
  app.confirming = true
  app:say(("asking %s for the price once more ..."):format(name))
  app:spawn(function()
    local ok, problem = fail.try(market.refresh, market, name)
    app.confirming = nil
    if not ok then error(problem, 0) end
    local now = market:again(candidate)
    if not now then
      app:say(("that offer of %s is gone; the list is new"):format(name), "yellow bold")
    elseif not app.prompt then
      local credit = account_of(name)
      app:later(function()
        app.message = nil
        if not app.prompt then show(app, market, candidate, now, credit) end
      end)
    end
    app:changed()
  end)
end

return confirm
