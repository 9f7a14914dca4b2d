-- SPDX-License-Identifier: MIT
-- What became of machines that a command ended, told: for stop and sweep.
local config = require "config.effective"
local files = require "base.files"
local steady = require "cli.steady"

local ended = {}

--- Prints how each ended. results: of money.stop; screen: of cli.steady, on which they ended (its sums are
-- added to the results). → did any end without proof?
function ended.tell(ctx, screen, results)
  local shown, failed = {}, false
  for _, result in ipairs(type(screen.ended_sessions) == "table" and screen.ended_sessions or {}) do
    shown[result.session.token] = result
  end
  for _, result in ipairs(results) do
    local told = shown[result.session.token] or result
    told.doubt = told.doubt or result.doubt
    result.cost, result.duration = told.cost, told.duration
    failed = failed or result.outcome == "unproven" or result.outcome == "unresolved"
    ctx.print("\n" .. steady.call(ctx, "ui.stopped", function(view)
      return table.concat(view.lines(told, config.rate(), files.join(ctx.home, "continueplz.log")), "\n")
    end))
  end
  return failed
end

return ended
