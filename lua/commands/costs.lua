-- SPDX-License-Identifier: MIT
local SINCE = "30d"

return {
  name = "costs",
  summary = "sum up what was spent, by day, cloud or model",
  order = 53,
  meant = { "cost", "bill", "bills", "spent", "spending", "money", "expenses" },
  details = "The last 30 days by day, unless --since, --all or --by say otherwise. What ran over midnight "
    .. "counts on both days. A sum is the clouds' own bill where they told one; ~ is reckoned here from "
    .. "agreed prices and time, max is the most that it can have been. --csv for tables.",
  options = { "since", "by", "all", "csv" },
  tolerant = true,
  answer = [[
    by, since: text;
    groups: [{ key, currency: text; sessions, unknown: integer; seconds, cost,
      billed: number; at_most: boolean }];
    total: { key, currency: text; sessions, unknown: integer; seconds, cost,
      billed: number; at_most: boolean };
    damaged_lines: integer; euro_rate: { per_dollar: number; date, source: text }
  ]],
  run = function(ctx)
    local options = ctx.options
    if options.all and options.since then
      require("base.fail").raise("usage", "--all and --since contradict each other; say one of them")
    end
    local view = require "ui.history"
    local since = not options.all and require("cli.since")(options.since or SINCE) or nil
    local model = require("money.spending").of(ctx.home, options.by or "day", since)
    model.rate = require("config.effective").rate()
    ctx.print(table.concat(options.csv and view.cost_csv(model)
      or view.cost_lines(model, require("base.term").is "out"), "\n"))
    ctx.emit(view.cost_object(model))
    return 0
  end,
}
