-- SPDX-License-Identifier: MIT
return {
  name = "status",
  summary = "show what is running, what it costs, what ends it",
  options = {},
  tolerant = true,
  run = function(ctx)
    local steady = require "cli.steady"
    local model = require("work.report").status()
    ctx.print(("continueplz v%s - Status\n"):format(require "base.version"))
    ctx.print(steady.call(ctx, "ui.status", function(view)
      return table.concat(view.lines(model), "\n")
    end))
    ctx.emit(steady.call(ctx, "ui.status", function(view)
      return view.object(model)
    end))
    return 0
  end,
}
