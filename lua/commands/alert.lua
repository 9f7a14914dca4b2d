-- SPDX-License-Identifier: MIT
local NAMES = { webhook = "ALERT_WEBHOOK_URL", desktop = "ALERT_DESKTOP", command = "ALERT_COMMAND" }

return {
  name = "alert",
  summary = "try every way by which alerts reach you",
  order = 125,
  meant = { "alerts", "notify", "webhook" },
  details = "alert test sends a harmless one by each way that is set: ALERT_WEBHOOK_URL, ALERT_DESKTOP "
    .. "(notify-send) and ALERT_COMMAND, which gets it as JSON on its standard input, without a shell. Exit "
    .. "{failed} when one did not take it, {config} when none is set.",
  options = {},
  args = "test",
  words = 1,
  logged = true,
  answer = "ways: [{ way, setting, error: text; ok: boolean }]",
  run = function(ctx)
    local fail = require "base.fail"
    if ctx.args[1] ~= "test" then
      fail.raise("usage", ctx.args[1] and ("alert knows no '%s'; it knows test"):format(ctx.args[1])
        or "say what, as in continueplz alert test")
    end
    local rows, failed = require("home.alert").test(), false
    if #rows == 0 then
      fail.raise("config", "no way is set by which an alert could reach you: set ALERT_WEBHOOK_URL, "
        .. "ALERT_COMMAND or ALERT_DESKTOP=yes (continueplz config set)")
    end
    for _, row in ipairs(rows) do
      row.setting = NAMES[row.way]
      failed = failed or not row.ok
      if row.ok then
        ctx.print(("%s (%s): it took the test."):format(row.way, row.setting))
      else
        ctx.problem(("%s (%s) did not take the test: %s"):format(row.way, row.setting, row.error))
      end
    end
    ctx.emit { status = failed and "failed" or "ok", ways = require("base.json").array(rows) }
    return failed and "failed" or 0
  end,
}
