-- SPDX-License-Identifier: MIT
-- Every offer that is left out, and why.
local list = require "tui.list"

local rejected = {}

--- market: of tui.market
function rejected.new(market)
  local self = list.new { name = "rejected", filter = "" }
  local made_of, items
  function self.all()
    if items and made_of == market.version then return items end
    made_of, items = market.version, {}
    for _, each in ipairs(market.rejected) do
      local offer = each.candidate and each.candidate.offer or {}
      items[#items + 1] = { cloud = offer.provider or "?", gpu = offer.gpu, gpus = offer.gpus,
        hourly = each.candidate and each.candidate.hourly, reason = tostring(each.reason) }
    end
    for _, name in ipairs(market.names) do
      for _, each in ipairs(market.answers[name].left or {}) do
        items[#items + 1] = { cloud = name, title = each.gpu or each.id, reason = each.reason }
      end
    end
    return items
  end
  function self.text_of(item)
    return ("%s %s %s"):format(item.cloud, item.gpu or item.title or "", item.reason)
  end
  return self
end

return rejected
