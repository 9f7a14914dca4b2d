-- SPDX-License-Identifier: MIT
-- What the clouds offer for what is chosen, cloud by cloud as they answer. A choice is the same as flags of
-- `up`: so it reads the settings, and so the start gets them.
local config = require "config.effective"
local cost = lazy "home.cost"
local fail = require "base.fail"
local hosts = lazy "start.hosts"
local offers = lazy "start.offers"
local provider_of = lazy "money.provider_of"
local sorted = require "base.sorted"
local want_of = lazy "start.want"

local market = {}

local Market = {}
Market.__index = Market

local FLAGS = { model = { "DEFAULT_MODEL", "--model" }, hours = { "DAY_HOURS", "--hours" },
  context = { "CONTEXT_LENGTH", "--context" } }

--- given: the settings of the command line; told(): called at every change
function market.new(home, given, told)
  return setmetatable({ home = home, given = given, told = told, choice = {}, answers = {}, names = {},
    balances = {}, ordered = {}, rejected = {}, rounds = 0, version = 0 }, Market)
end

local function settings_of(self)
  local flags = {}
  for name, value in sorted(self.given) do flags[name] = value end
  for name, row in sorted(FLAGS) do
    local value = self.choice[name]
    if value then flags[row[1]] = { text = tostring(value), flag = row[2] } end
  end
  if self.choice.spot ~= nil then
    flags.PREFER_SPOT = { text = tostring(self.choice.spot),
      flag = self.choice.spot and "--spot" or "--on-demand" }
  end
  return flags
end

--- The choice as words for `up`.
function Market:words()
  local words = {}
  for name, setting in sorted(settings_of(self)) do
    local switch = name == "PREFER_SPOT"
    words[#words + 1] = switch and setting.flag or setting.flag .. "=" .. setting.text
  end
  return words
end

local function make_want(self)
  config.load(self.home, { flags = settings_of(self) })
  self.want = want_of.make { strict = false }
end

-- Something is known that was not.
local function changed(self)
  self.version = self.version + 1
  self.told()
end

-- The order of what is known by now.
local function rank(self)
  local candidates = {}
  for _, name in ipairs(self.names) do
    for _, offer in ipairs(self.answers[name].offers or {}) do
      for _, candidate in ipairs(cost.candidates(offer, self.want)) do
        candidates[#candidates + 1] = candidate
      end
    end
  end
  self.ordered, self.rejected = offers.rank({ candidates = candidates, shunned = hosts.shunned() }, self.want)
  changed(self)
end

-- fields: state = "asking" | "ok" | "dead" | "skipped", count, message, offers, left
local function put(self, name, fields)
  if not self.answers[name] then
    self.names[#self.names + 1] = name
    table.sort(self.names)
  end
  self.answers[name] = fields
end

-- Asks, all or one. A round that is overtaken by another one tells nothing any more.
local function ask(self, only)
  self.rounds = self.rounds + 1
  local round = self.rounds
  local want = setmetatable({ provider = only }, { __index = self.want })
  for _, name in ipairs(only and { only } or (offers.configured(self.want.provider))) do
    put(self, name, { state = "asking", count = 0, message = "asking" })
  end
  changed(self)
  offers.collect(only and want or self.want, function(name, answer)
    if round ~= self.rounds then return end
    put(self, name, { state = answer.ok and "ok" or answer.skipped and "skipped" or "dead",
      count = answer.count, message = answer.message, offers = answer.offers, left = answer.left })
    rank(self)
  end)
end

--- Asks all clouds, or one, again. Waits.
-- @raise what start.want and start.offers do
function Market:refresh(only)
  make_want(self)
  self.problem = nil
  local ok, problem = fail.try(ask, self, only)
  if not ok then
    self.problem = fail.message(problem)
    changed(self)
  end
end

--- Looks once at the credit at each cloud that answered: balances[name] = dollars, false where none is told.
-- Waits.
function Market:look_at_credit()
  for _, name in ipairs(self.names) do
    if self.answers[name].state == "ok" and self.balances[name] == nil then
      local ok, account = fail.try(function() return provider_of.provider(name).account() end)
      self.balances[name] = ok and account.balance or false
      self.told()
    end
  end
end

--- Another choice: { model=, hours=, spot=, context= }. Totals follow at once; the clouds are asked anew only
-- for another model or context, which take another machine. → whether they are to be asked (refresh)
function Market:choose(change)
  local ask_anew = false
  for name, value in sorted(change) do
    self.choice[name] = value
    ask_anew = ask_anew or name == "model" or name == "context"
  end
  if ask_anew then return true end
  make_want(self)
  rank(self)
  return false
end

--- The candidate of the same offer and way in what is known now, or nil.
function Market:again(candidate)
  for _, each in ipairs(self.ordered) do
    if each.offer.provider == candidate.offer.provider and tostring(each.offer.id) == tostring(
      candidate.offer.id) and each.spot == candidate.spot then
      return each
    end
  end
end

return market
