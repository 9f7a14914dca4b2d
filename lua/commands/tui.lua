-- SPDX-License-Identifier: MIT
return {
  name = "tui",
  summary = "the full-screen program; at a terminal also without a command",
  order = 5,
  meant = { "ui", "screen", "face", "gui", "menu", "interactive" },
  details = "? shows all keys. Everything in it is a command as well; : runs any.",
  options = { "model", "tier", "engine", "context", "provider", "gpu", "gpus", "spot", "on-demand", "region",
    "hours", "max-price", "max-hours", "idle", "timeout" },
  writes = true,
  answer = "",
  run = function(ctx) return require("tui.main").run(ctx) end,
}
