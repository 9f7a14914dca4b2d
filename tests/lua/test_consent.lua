-- SPDX-License-Identifier: MIT
-- What one yes covers, at its edges.
local price_limit = require "money.price_limit"

return function(t)
  local function consent(terms)
    return price_limit.consent(terms.person,
      { max_price = terms.wall, ask_above = terms.limit, hours = terms.hours })
  end
  local function candidate(total, hourly) return { total = total, hourly = hourly or total / 8 } end

  t:case("a person: the first sum is asked, up to a tenth more is covered, more is "
    .. "asked with what was agreed", function()
    local asked, answer = {}, true
    local self = consent { person = true, limit = 3, hours = 8 }
    local function given(total, hourly)
      return price_limit.given(self, candidate(total, hourly), function(each, agreed)
        asked[#asked + 1] = { each.total, agreed }
        return answer
      end)
    end
    t:equal({ given(10), given(11), given(9), given(11.01) }, { true, true, true, true })
    t:equal(asked, { { 10 }, { 11.01, 10 } })
    t:equal({ given(12.11), #asked }, { true, 2 }, "the tenth is of the last sum that was agreed to")
    answer = false
    t:equal({ given(12.12), given(100, 50) }, { false, false })
    t:equal({ given(12), #asked }, { true, 4 }, "a no takes nothing back of the yes before")
    t:equal({ given(12.12), #asked }, { false, 5 }, "nor is it a yes to its own sum")
  end)

  t:case("agreed to before: a tenth more, nothing above the price limit, nobody is asked", function()
    local function never() error "somebody was asked" end
    local function new(before, terms)
      local self = price_limit.consent(true, { max_price = terms.wall, ask_above = terms.limit, hours = 8,
        offer = terms.named and {} or nil }, before)
      price_limit.first(self, candidate(10))
      return self
    end
    local function refused(self, given, text)
      local why = t:raises("limit", price_limit.given, self, given, never)
      t:ok(tostring(why):find(text, 1, true), tostring(why))
      return why
    end
    local self = new(10, { limit = 3 })
    t:equal(self.person, false, "nobody is asked, also where there is somebody")
    for _, total in ipairs { 10, 11, 1, 11, 9 } do t:ok(price_limit.given(self, candidate(total), never)) end
    local why = refused(self, candidate(11.27), "the next machine costs $11.27 for 8h 00m, $0.27 above the "
      .. "$11.00 that --agreed covers ($10.00 and a tenth more); say --agreed=11.27")
    t:ok(why.later and why.price, "what was chosen first cost less")
    refused(self, candidate(11.01), "$0.01 above")
    t:ok(price_limit.given(self, candidate(11), never), "a refusal moves nothing")
    why = refused(new(9, { limit = 3 }), candidate(10), "the cheapest that fits costs $10.00")
    t:ok(not why.later)
    refused(new(9, { limit = 3, named = true }), candidate(10), "the offer that was named costs $10.00")
    t:ok(price_limit.given(new(30, { limit = 3 }), candidate(24, 3), never), "more than twice the first sum")
    refused(new(100, { limit = 3 }), candidate(25, 3.01), "above MAX_PRICE ($3.00/h); say --max-price=3.01")
    t:ok(price_limit.given(new(100, { limit = 3, wall = 4 }), candidate(25, 3.5), never), "--max-price")
    refused(new(100, { limit = 3, wall = 4 }), candidate(25, 4.01), "above --max-price")
    refused(new(20, { limit = 3, wall = 4 }), candidate(25, 3.5), "$3.00 above")
    t:ok(price_limit.given(new(100, {}), candidate(25, 300), never), "MAX_PRICE=off")
    refused(new(10, {}), candidate(25, 300), "$14.00 above")
  end)

  t:case("a dear offer that was named is asked about, and what is dearer is not covered", function()
    local function kept(prices, named)
      local list, wanted = {}, { ask_above = 3, offer = named and {} or nil }
      for index, price in ipairs(prices) do list[index] = { hourly = price } end
      local found = {}
      for index, each in ipairs((price_limit.within_question(list, wanted))) do
        found[index] = each.hourly
      end
      return found
    end
    t:equal(kept({ 4, 1, 4.4, 4.5, 3 }, true), { 4, 1, 4.4, 3 })
    t:equal(kept({ 4, 1, 4.4, 4.5, 3 }), { 1, 3 })
    t:equal(kept({ 2, 1, 4.4, 3 }, true), { 2, 1, 3 })
    t:equal(kept({ 4, 4.3, 4.5 }), { 4, 4.3 })
  end)

  t:case("nobody: twice the first sum within MAX_PRICE; --max-price replaces both", function()
    local function never() error "somebody was asked" end
    local function new(terms)
      local self = consent(terms)
      price_limit.first(self, candidate(10))
      return self
    end
    local self = new { limit = 3, hours = 8 }
    t:ok(price_limit.given(self, candidate(10), never))
    t:ok(price_limit.given(self, candidate(20), never))
    price_limit.first(self, candidate(19)) -- of a later try
    local why = t:raises("limit", price_limit.given, self, candidate(20.01), never)
    t:ok(tostring(why):find("$20.01 for 8h 00m, $0.01 above twice the $10.00", 1, true), tostring(why))
    t:raises("limit", price_limit.given, self, candidate(15, 3.01), never)
    t:raises("limit", price_limit.given, new { limit = 3, hours = 8 }, candidate(15, 3.01), never)
    t:ok(price_limit.given(new { hours = 8 }, candidate(15, 300), never), "MAX_PRICE=off")
    self = new { wall = 5, limit = 3, hours = 8 }
    t:ok(price_limit.given(self, candidate(1), never))
    t:ok(price_limit.given(self, candidate(40, 5), never))
    t:raises("limit", price_limit.given, self, candidate(40, 5.01), never)
  end)
end
