-- SPDX-License-Identifier: MIT
return {
  name = "history",
  summary = "list what was rented before: when, where, how long, what it cost",
  order = 52,
  meant = { "sessions", "past", "last" },
  details = "The newest first, 20 without --lines or --since. A sum is the cloud's own bill where it told "
    .. "one; ~ is reckoned here from agreed prices and time, max is the most that it can have been. --csv "
    .. "for tables.",
  options = { "since", "lines", "csv" },
  tolerant = true,
  answer = [[
    sessions: [{
      id, token, provider, gpu, region, type, model, started_at, ready_at, ended_at, currency, outcome,
        reason,
      ending: text; gpus: integer; seconds, hourly, cost: number; at_most, billed: boolean
    }];
    damaged_lines: integer; euro_rate: { per_dollar: number; date, source: text }
  ]],
  run = function(ctx)
    local view = require "ui.history"
    local since = require("cli.since")(ctx.options.since)
    local count = ctx.options.lines or since and math.huge or 20
    local rows, damaged = require("money.history").last(ctx.home, count, since)
    local model = { rows = rows, damaged = damaged, since = since, rate = require("config.effective").rate() }
    ctx.print(table.concat(ctx.options.csv and view.csv(model) or view.lines(model), "\n"))
    ctx.emit(view.object(model))
    return 0
  end,
}
