-- SPDX-License-Identifier: MIT
-- What can be rented now, for which model, and what that costs: the screen where nothing runs.
local budget = lazy "money.budget"
local catalog = lazy "start.catalog"
local config = require "config.effective"
local cost = lazy "home.cost"
local fail = require "base.fail"
local list = require "tui.list"
local market = require "tui.market"
local money_limits = lazy "money.limits"
local offers_view = lazy "ui.offers"
local report = lazy "start.report"
local until_ready = lazy "start.until_ready"

local choose = {}

local HOURS = { 1, 2, 4, 8, 12, 24 }
local CONTEXTS = { 4096, 8192, 16384, 32768, 65536, 131072, 262144 }
local SORTS = { "policy", "total", "price", "speed", "mtok", "memory", "reliability", "region", "cloud" }

local function step(values, now, by)
  local at = 1
  for index, value in ipairs(values) do
    if value <= now then at = index end
  end
  return values[math.max(1, math.min(#values, at + by))]
end

local function refresh(self, only)
  if self.asking then self.again = true return end
  self.asking = true
  self.app:spawn(function()
    repeat
      self.again = nil
      local ok, problem = fail.try(self.market.refresh, self.market, only)
      if not ok then self.market.problem = fail.message(problem) end
      only = nil
    until not self.again
    self.asking = nil
    self.app:changed()
    self.market:look_at_credit()
  end)
end

local function change(self, choice)
  local ok, anew = fail.try(self.market.choose, self.market, choice)
  if not ok then
    self.app:say(fail.message(anew), "red bold")
  elseif anew then
    refresh(self)
  end
end

local function hours(self, by)
  return function()
    if self.market.want then change(self, { hours = step(HOURS, self.market.want.hours, by) }) end
  end
end

local function context(self, by)
  return function()
    if self.market.want then change(self, { context = step(CONTEXTS, self.market.want.context, by) }) end
  end
end

local function next_sort(self)
  local at = 1
  for index, name in ipairs(SORTS) do
    if name == (self.sort or "policy") then at = index end
  end
  self.sort = SORTS[at % #SORTS + 1]
  self.app:say("sorted by " .. self.sort)
end

local function pick_model(self)
  self.app:push(require("tui.models").new(self.market.want, function(name)
    change(self, { model = name })
  end))
end

local function why_not(self)
  self.app:push(require("tui.rejected").new(self.market))
end

-- A machine that ended by itself: the first offer takes its place, after the usual question.
local function again(self)
  local first = self.market.ordered[1]
  if not first then return self.app:say "there is nothing to rent yet" end
  require("tui.confirm").begin(self.app, self.market, first)
end

-- What stands in the way of renting now.
local function off(self)
  if self.app.money.state ~= "none" then return "a machine of this folder runs already" end
  local item = self:item()
  if not item then return "there is nothing to rent yet" end
  if item.cloud then return nil end
  return not item.first and "this one is left out" or nil
end

local function enter(self)
  local item = self:item()
  if item.cloud then return refresh(self, item.cloud) end
  require("tui.confirm").begin(self.app, self.market, item.first)
end

local function keys(self)
  local own = {
    { key = "enter", words = self:item() and self:item().cloud and "ask again" or "rent", off = off(self),
      act = function() enter(self) end },
    { key = "m", words = "model", act = function() pick_model(self) end },
    { key = "+", words = "hours", act = hours(self, 1) },
    { key = "s", words = "spot", act = function() change(self, { spot = not self.market.want.spot }) end,
      off = not self.market.want and "the clouds are not asked yet" or nil },
    { key = "o", words = "sort", act = function() next_sort(self) end },
    { key = "r", words = "refresh", act = function() refresh(self) end },
    { key = "-", words = "fewer hours", act = hours(self, -1), hidden = true },
    { key = ">", words = "more context", act = context(self, 1), hidden = true },
    { key = "<", words = "less context", act = context(self, -1), hidden = true },
    { key = "x", words = "why the others are left out", act = function() why_not(self) end, hidden = true },
  }
  if self.lost then
    table.insert(own, 1, { key = "a", words = "again", act = function() again(self) end })
  end
  return table.move(self:moving(), 1, 8, #own + 1, own)
end

-- One line for each offer as ui.offers has them, then the clouds that gave none.
local function all(self)
  local made = self.market
  if self.lines and self.lines_of == made.version and self.lines_by == self.sort then return self.lines end
  local lines = offers_view.by_offer { ordered = made.ordered, rejected = made.rejected,
    sort = self.sort ~= "policy" and self.sort or nil }
  for _, name in ipairs(made.names) do
    local answer = made.answers[name]
    if answer.state ~= "ok" or answer.count == 0 then
      lines[#lines + 1] = { cloud = name, state = answer.state, message = answer.message
        or answer.left and answer.left[1] and answer.left[1].reason or "no offers" }
    end
  end
  self.lines, self.lines_of, self.lines_by = lines, made.version, self.sort
  return lines
end

local function text_of(line)
  if line.cloud then return line.cloud .. " " .. line.message end
  local offer = line.first.offer
  return ("%s %s %s"):format(offer.provider, offer.gpu, offer.region or offer.native_region or "")
end

-- What the chosen one costs, for the panel below.
local function panel(self, item)
  local made = self.market
  if not item or not item.first then return nil end
  local least, most = cost.range(item.first, money_limits.seconds "MAX_HOURS" > 0
    and money_limits.seconds "MAX_HOURS" or nil)
  return { candidate = item.first, hours = made.want.hours, disk_gb = made.want.disk_gb, least = least,
    most = most, life = money_limits.seconds "MAX_HOURS", rate = config.rate(),
    ready = item.first.ready and until_ready.text(item.first.ready),
    balance = made.balances[item.first.offer.provider] or nil,
    budget = budget.passed(item.first.total, config.rate()) }
end

local function model(self)
  local base = list.model(self)
  local want = self.market.want
  base.problem, base.asking, base.sort = self.market.problem, self.asking, self.sort
  base.want, base.panel, base.rejected = want, panel(self, base.item), #self.market.rejected
  base.entry = want and catalog.entry(want.model, want.context)
  base.lost, base.rate = self.lost, config.rate()
  return base
end

--- given: settings of the command line
function choose.new(given)
  local self = list.new { name = "choose", filter = "", all = all, text_of = text_of, keys = keys,
    model = model }
  function self.open()
    self.market = self.market or market.new(self.app.home, given, function() self.app:changed() end)
    if self.market.rounds == 0 then refresh(self) end
    self.app:spawn(function()
      self.lost = report.status().last
      self.app:changed()
    end)
  end
  -- What was started elsewhere takes this screen's place, but not while somebody types.
  function self.home_changed()
    local app = self.app
    if app:top() ~= self or app.prompt or app.money.state == "none" then return end
    app:replace(app.home_screen())
    app:say("a machine of this folder was started", "yellow bold")
  end
  function self.copy()
    local item = self:item()
    return item and item.first and ("%s/%s"):format(item.first.offer.provider, tostring(item.first.offer.id))
  end
  return self
end

return choose
