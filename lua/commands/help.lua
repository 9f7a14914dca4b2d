-- SPDX-License-Identifier: MIT
-- Neither a file of settings nor a key in the environment?
local function is_new(home)
  local files = require "base.files"
  if not home or files.exists(files.join(home, ".env")) then
    return false
  end
  for _, cloud in ipairs(require "facts.clouds") do
    if (require("base.process").getenv(cloud.key_setting) or "") ~= "" then
      return false
    end
  end
  return true
end

return {
  name = "help",
  summary = "explain a command; --all: everything",
  order = 150,
  meant = { "man", "usage", "?" },
  options = { "all" },
  args = "[COMMAND]",
  words = 1,
  offline = true,
  run = function(ctx)
    local help = require "ui.help"
    local lines
    if ctx.options.all then
      lines = help.all(ctx.commands)
    elseif ctx.args[1] then
      local command = ctx.commands.load(ctx.args[1])
      lines = help.command(command, ctx.commands.own(command.name))
    else
      lines = help.short(ctx.commands, nil, is_new(ctx.home))
    end
    ctx.print(table.concat(lines, "\n"))
    ctx.emit { status = "help", lines = require("base.json").array(lines) }
    return 0
  end,
}
