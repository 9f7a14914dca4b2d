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
