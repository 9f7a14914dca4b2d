-- SPDX-License-Identifier: MIT
return {
  name = "help",
  summary = "explain a command; --all: everything",
  options = { "all" },
  args = "[COMMAND]",
  offline = true,
  run = function(ctx)
    local help = require "ui.help"
    local lines
    if ctx.options.all then
      lines = help.all(ctx.load)
    elseif ctx.args[1] then
      lines = help.command(ctx.load(ctx.args[1]))
    else
      lines = help.short(ctx.load)
    end
    ctx.print(table.concat(lines, "\n"))
    ctx.emit { status = "help", lines = require("base.json").array(lines) }
    return 0
  end,
}
