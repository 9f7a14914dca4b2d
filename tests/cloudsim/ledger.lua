-- SPDX-License-Identifier: MIT
--- The ground truth about money. Rows are only ever added; a row is closed once. `gpu`, `disk` and `ip` cost
--- rate × seconds / 3600, traffic costs rate × bytes / 10⁹. Billing is by the second without a minimum
--- (facts/vast.md §1.10), or by begun steps of `step` seconds (facts/lambda.md §2.8).
local ledger = {}
ledger.__index = ledger

local TIMED = { gpu = true, disk = true, ip = true }

function ledger.new()
  return setmetatable({ rows = {} }, ledger)
end

--- Opens a row {provider, account, id, kind, rate, token, step, marks = {[other token] = true}}; `rate` is
--- $/hour for gpu, disk and ip, $/GB for bwd and bwu.
function ledger:start(row, at)
  assert(row.kind and row.rate and row.id, "a ledger row needs kind, rate and id")
  row.n = #self.rows + 1
  row.opened = at
  if not TIMED[row.kind] then
    row.bytes = 0
  end
  self.rows[row.n] = row
  return row
end

--- Closes every open row of resource `id`; with `kind` only that kind. → number of rows closed.
function ledger:finish(id, kind, at)
  local count = 0
  for _, row in ipairs(self.rows) do
    if row.id == id and not row.closed and (kind == nil or row.kind == kind) then
      row.closed = at
      count = count + 1
    end
  end
  return count
end

--- Adds traffic to the open row of that kind; bytes for a closed resource are free.
function ledger:traffic(id, kind, bytes)
  for _, row in ipairs(self.rows) do
    if row.id == id and row.kind == kind and not row.closed then
      row.bytes = row.bytes + bytes
      return true
    end
  end
  return false
end

--- What one row cost up to `now`, in dollars; with `from`, only the part since then.
function ledger.amount(row, now, from)
  local last = math.min(row.closed or now, now)
  local first = math.max(row.opened, from or row.opened)
  if not TIMED[row.kind] then
    return last >= first and row.rate * row.bytes / 1e9 or 0.0
  end
  local seconds = math.max(0, last - first)
  if row.step then
    seconds = math.max(1, math.ceil(seconds / row.step)) * row.step
  end
  return seconds * row.rate / 3600
end

local function wanted(row, token)
  return token == nil or row.token == token or row.marks ~= nil and row.marks[token] == true
end

--- Sum of all rows, or of the rows of one token (the label at creation), in dollars.
function ledger:total(token, now)
  local sum = 0.0
  for _, row in ipairs(self.rows) do
    if wanted(row, token) then
      sum = sum + ledger.amount(row, now)
    end
  end
  return sum
end

--- Sum for one account.
function ledger:spent(account, now)
  local sum = 0.0
  for _, row in ipairs(self.rows) do
    if row.account == account then
      sum = sum + ledger.amount(row, now)
    end
  end
  return sum
end

--- What one resource has cost, in dollars.
function ledger:cost(id, now)
  local sum = 0.0
  for _, row in ipairs(self.rows) do
    if row.id == id then
      sum = sum + ledger.amount(row, now)
    end
  end
  return sum
end

--- The rows that still bill.
function ledger:open(token)
  local found = {}
  for _, row in ipairs(self.rows) do
    if not row.closed and wanted(row, token) then
      found[#found + 1] = row
    end
  end
  return found
end

return ledger
