-- SPDX-License-Identifier: MIT
-- The largest bills of docs/safety.md, each played and reckoned from the ledger.
local files = require "base.files"
local loader = require "sandbox.world"
local safety = require "dst.safety_bills"

local PAGE = files.join(files.dirname(files.dirname(files.dirname(files.absolute(loader.script)))),
  "docs/safety.md")

-- The machines of one cloud: their rows must stand in the page as they come out here.
local function compared(p)
  local page, problem = files.read(PAGE)
  if not page then return p.judge:broken("S5", problem) end
  for _, machine in ipairs(safety.machines) do
    local row = machine[2] == p.name and safety.row(machine)
    if row and not page:find("\n" .. row .. "\n", 1, true) then
      p.judge:broken("S5", ("docs/safety.md must say:\n%s\n%s\n%s"):format(safety.head(), safety.rule(), row))
    end
  end
end

return { { name = "the largest bills are those of docs/safety.md", long = true, play = compared } }
