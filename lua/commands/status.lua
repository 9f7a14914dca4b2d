-- SPDX-License-Identifier: MIT
return {
  name = "status",
  summary = "show what is running, what it costs, what ends it",
  order = 40, daily = 3,
  aliases = { "ls", "ps" },
  meant = { "list", "st", "info", "show", "top", "state", "cost", "costs", "bill" },
  options = {},
  tolerant = true,
  run = function(ctx)
    local steady = require "cli.steady"
    local model = require("start.report").status()
    ctx.emit(steady.call(ctx, "ui.status", function(view)
      return view.object(model)
    end))
    ctx.print(("continueplz v%s - Status\n"):format(require "base.version"))
    ctx.print(steady.call(ctx, "ui.status", function(view)
      return table.concat(view.lines(model), "\n")
    end))
    if not model.doubt then
      return 0
    end
    ctx.money = require("ui.money").unknown(model.doubt)
    return "failed"
  end,
}
