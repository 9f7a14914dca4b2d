-- SPDX-License-Identifier: MIT
-- A command of your own: copy this file to commands/spent.lua in your folder, then type continueplz spent, or
-- continueplz spent 2026-11 for one month. It adds up what the sessions of this folder cost,
-- as the journal knows it.
local clock = require "base.clock"
local fail = require "base.fail"
local config = require "config.effective"
local format = require "ui.format"
local history = require "money.history"

return {
  name = "spent",
  summary = "add up what was spent, of all time or of a month",
  args = "[YYYY-MM]",
  tolerant = true,
  run = function(ctx)
    local month = ctx.args[1]
    if month and not month:find("^%d%d%d%d%-%d%d$") then
      fail.raise("usage", ("'%s' is no month like 2026-11"):format(month))
    end
    local rate, total, seconds, count = config.rate(), 0, 0, 0
    for _, session in ipairs(history.sessions()) do
      local day = session.started and clock.local_time(session.started):sub(1, 10)
      if day and session.cost > 0 and (not month or day:sub(1, 7) == month) then
        total, seconds, count = total + session.cost, seconds + session.seconds, count + 1
        ctx.print(("%s  %-8s  %-24s  %8s  %s"):format(day, session.provider, session.model or "?",
          clock.duration(session.seconds), format.both(session.cost, rate)))
      end
    end
    ctx.print(("%s: %d session%s, %s, %s"):format(month or "All time", count, count == 1 and "" or "s",
      clock.duration(seconds), format.both(total, rate)))
    ctx.emit { status = "spent", month = month, sessions = count, seconds = format.rounded(seconds, 1),
      total = format.rounded(total, 5), currency = "USD" }
    return 0
  end,
}
