-- SPDX-License-Identifier: MIT
-- Neither a file of settings nor a key in the environment?
local function is_new(home)
  local files = require "base.files"
  if not home or files.exists(files.join(home, ".env")) then return false end
  for _, cloud in ipairs(require "facts.clouds") do
    if (require("base.process").getenv(cloud.key_setting) or "") ~= "" then
      return false
    end
  end
  return true
end

-- The names that can stand in a command line.
local function names(ctx)
  local regions = require "facts.regions"
  local clouds, settings = {}, {}
  for index, cloud in ipairs(require("facts.clouds").supported()) do
    clouds[index] = cloud.name
  end
  for _, row in ipairs(require "config.settings") do
    settings[#settings + 1] = row.name
  end
  local places = { table.unpack(regions.group_names) }
  table.move(regions.names, 1, #regions.names, #places + 1, places)
  local models = require "facts.models"
  return {
    provider = clouds, PROVIDER = clouds, COMMAND = ctx.commands.names(), settings = settings,
    region = places, gpu = require("facts.gpus").names(), model = models.names(), tier = models.tier_names,
    ["for"] = require("ui.clients").names,
  }
end

local function tables_of(ctx)
  local tables = {}
  for index, name in ipairs(ctx.commands.names()) do
    tables[index] = ctx.commands.own(name)
  end
  return tables
end

local function completion(ctx, shell)
  return require("ui.completion").lines(shell, tables_of(ctx), names(ctx), "up")
end

return {
  name = "help",
  summary = "explain a command; --all: everything",
  order = 150,
  meant = { "man", "usage", "?" },
  options = { "all", "completion", "manual" },
  args = "[COMMAND]",
  words = 1,
  offline = true,
  answer = "lines: [text]",
  run = function(ctx)
    local help = require "ui.help"
    local lines
    if ctx.options.completion then
      lines = completion(ctx, ctx.options.completion)
    elseif ctx.options.manual then
      lines = require("ui.manual").lines(tables_of(ctx), require "base.version")
    elseif ctx.options.all then
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
