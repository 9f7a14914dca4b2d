-- SPDX-License-Identifier: MIT
return {
  name = "doctor",
  summary = "look for what is wrong: keys, folder, clock, network, leftovers",
  order = 130,
  meant = { "check", "diagnose" },
  details = "Asks the clouds and looks at this folder and computer; changes, rents and ends nothing. One "
    .. "line per check: ok, warning or problem, with the way out. Exit {ok}: no problem (there may be "
    .. "warnings); {failed}: at least one problem.",
  options = {},
  tolerant = true,
  inspects = true,
  answer = "home: text; checks: [{ name, state, text, way_out: text }]",
  run = function(ctx)
    local view = require "ui.doctor"
    local rows = require("admin.doctor").examine(ctx.wrong)
    local worst = view.worst(rows)
    ctx.print(table.concat(view.lines(rows), "\n"))
    ctx.emit(view.object(rows, ctx.home))
    return worst == "problem" and "failed" or 0
  end,
}
