-- SPDX-License-Identifier: MIT
local function print(ctx, lines)
  ctx.print(("continueplz v%s - Status\n"):format(require "base.version"))
  ctx.print(table.concat(lines, "\n"))
  return 0
end

return {
  name = "status",
  summary = "show what is running, what it costs, what ends it",
  options = {},
  tolerant = true,
  at_once = function(ctx)
    local rest = require "work.rest"
    if ctx.json or not rest.holds(ctx.home) then
      return nil
    end
    ctx.at_rest = true
    return print(ctx, require("ui.idle").lines(ctx.home, rest.no_folder(ctx.home)))
  end,
  run = function(ctx)
    local steady = require "cli.steady"
    local model = require("work.report").status()
    ctx.emit(steady.call(ctx, "ui.status", function(view)
      return view.object(model)
    end))
    return print(ctx, steady.call(ctx, "ui.status", function(view)
      return view.lines(model)
    end))
  end,
}
