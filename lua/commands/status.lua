-- SPDX-License-Identifier: MIT
local function print(ctx, lines)
  ctx.print(("continueplz v%s - Status\n"):format(require "base.version"))
  ctx.print(table.concat(lines, "\n"))
  return 0
end

return {
  name = "status",
  summary = "show what is running, what it costs, what ends it",
  order = 40, daily = 3,
  aliases = { "ls", "ps" },
  meant = { "list", "st", "info", "show", "top", "state", "cost", "costs", "bill" },
  options = {},
  tolerant = true,
  at_once = function(ctx)
    local folder = require "home.folder"
    if ctx.json or not folder.at_rest(ctx.home) then
      return nil
    end
    ctx.at_rest = true
    return print(ctx, require("ui.idle").lines(ctx.home, folder.missing(ctx.home)))
  end,
  run = function(ctx)
    local steady = require "cli.steady"
    local model = require("start.report").status()
    ctx.emit(steady.call(ctx, "ui.status", function(view)
      return view.object(model)
    end))
    print(ctx, steady.call(ctx, "ui.status", function(view)
      return view.lines(model)
    end))
    if not model.doubt then
      return 0
    end
    ctx.money = require("ui.money").unknown(model.doubt)
    return "failed"
  end,
}
