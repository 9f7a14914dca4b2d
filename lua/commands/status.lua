-- SPDX-License-Identifier: MIT
return {
  name = "status",
  summary = "show what is running, what it costs, what ends it",
  options = {},
  tolerant = true,
  run = function(ctx)
    local view = require "ui.status"
    local model = require("work.report").status()
    ctx.print(("continueplz v%s - Status\n"):format(require "base.version"))
    ctx.print(table.concat(view.lines(model), "\n"))
    ctx.emit(view.object(model))
    return 0
  end,
}
