-- SPDX-License-Identifier: MIT
-- The full-screen program: which screen comes first, and which takes its place when the record changes.
local fail = require "base.fail"
local apps = require "tui.app"
local term = require "base.term"

local main = {}

-- The screen for what goes on in the folder.
local function fitting(app, given)
  local under_way = require("tui.work").of_others(app.home)
  if under_way then return under_way end
  if app.money.state == "none" then return require("tui.choose").new(given) end
  return require("tui.instance").new()
end

--- Runs it. ctx: of the command → exit code
-- @raise `usage` where no full screen can be shown
function main.run(ctx)
  if ctx.json then fail.raise("usage", "the full screen has no JSON; status --output=json tells the same") end
  local fits, why = term.screens()
  if not fits then
    fail.raise("usage", why .. "; the commands do the same: continueplz --help")
  end
  local app = apps.new(ctx)
  function app.home_screen() return fitting(app, ctx.settings) end
  local gone = app:run(function()
    app:push(app.home_screen())
  end)
  if gone then fail.raise("interrupted", gone) end
  for _, line in ipairs(app.last_words or {}) do term.out(line .. "\n") end
  return 0
end

return main
