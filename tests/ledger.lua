-- SPDX-License-Identifier: MIT
-- Prints the simulated cloud's own ledger: what was billed, and whether anything still is.
-- `continueplz tests/ledger.lua CONTROL_URL`
local http = require "base.http"
local term = require "base.term"

local ledger = http.request { method = "GET", url = (...) .. "/ledger", timeout = 10,
  max_bytes = 1 << 20 }.json()
for _, row in ipairs(ledger.rows) do
  term.out(("  instance %s  %-4s  %10.6f  %s\n"):format(tostring(row.id), row.kind, row.amount,
    row.closed and "closed" or "OPEN, BILLING"))
end
term.out(("  total $%.4f, %s\n"):format(ledger.total, #ledger.open == 0 and "nothing is billing any more"
  or "SOMETHING IS STILL BILLING"))
return #ledger.open == 0 and 0 or 1
