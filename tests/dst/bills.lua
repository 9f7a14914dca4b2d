-- SPDX-License-Identifier: MIT
-- What the cases ask the ledger: how long machines of ours ran, and what they cost.
local bills = {}

--- The time that a token's machine has billed, in seconds from the first row that was opened to the last that
-- was closed. → seconds, whether something bills still
function bills.seconds(p, token)
  local first, last, open
  for _, row in ipairs(p.world.ledger.rows) do
    if row.token == token then
      first, last = math.min(first or row.opened, row.opened), math.max(last or 0, row.closed or p.world.time)
      open = open or not row.closed
    end
  end
  return first and last - first or 0, open == true
end

--- Does a row of that kind of a token's machine bill still?
function bills.open(p, token, kind)
  for _, row in ipairs(p.world.ledger.rows) do
    if row.token == token and row.kind == kind and not row.closed then return true end
  end
  return false
end

--- The most that an hour of a token's machine costs, all rows at once, in dollars.
function bills.hourly(p, token)
  local kinds, sum = {}, 0
  for _, row in ipairs(p.world.ledger.rows) do
    if row.token == token and not row.bytes then
      kinds[row.kind] = math.max(kinds[row.kind] or 0, row.rate)
    end
  end
  for _, kind in ipairs { "gpu", "disk" } do sum = sum + (kinds[kind] or 0) end
  return sum
end

--- What a token's machine has cost for its time, in dollars; traffic is not a matter of how long it runs.
function bills.amount(p, token)
  local traffic = 0
  for _, row in ipairs(p.world.ledger.rows) do
    if row.token == token and row.bytes then traffic = traffic + row.rate * row.bytes / 1e9 end
  end
  return p.world.ledger:total(token, p.world.time) - traffic
end

--- S5: no more is billed than the price for `limit` seconds and the stated `bound` beyond them.
function bills.capped(p, token, limit, bound, why)
  local cap, paid = bills.hourly(p, token) * (limit + bound) / 3600, bills.amount(p, token)
  if paid > cap then
    p.judge:broken("S5",
      ("%s cost $%.4f, and %s should have ended it for $%.4f"):format(token, paid, why, cap))
  end
end

return bills
