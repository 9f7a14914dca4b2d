-- SPDX-License-Identifier: MIT
return {
  name = "limits",
  summary = "show what ends the machine, how much of it is left, and who keeps it",
  order = 41,
  meant = { "limit", "guard", "guards", "deadman", "timeout" },
  details = "Silence, idleness and life end the machine; its own guard keeps them, also when this "
    .. "computer is off. The price is asked about and the day's budget warned about here. Without a "
    .. "machine: those of the next one. extend lengthens a life; config set changes the others, on the "
    .. "machine in use as well.",
  options = {},
  tolerant = true,
  answer = [[
    id, provider: text;
    limits: [{ name, unit, ends_at: text; limit, used, left: number; kept_by: [text]; reckoned: boolean }]
  ]],
  run = function(ctx)
    local clock = require "base.clock"
    local view = require "ui.limits"
    local status = require("start.report").status()
    local journal = require("home.journal").open(ctx.home)
    local instance = status.instance
    local model = { rows = status.standing, running = instance ~= nil, now = clock.wall(),
      state = status.state,
      id = instance and instance.id, provider = instance and instance.provider,
      unguarded = status.guard ~= nil and status.guard.state == "none" }
    if instance and not model.rows then
      ctx.problem(("what limits %s cannot be told, for it is not in use (%s); continueplz status tells more")
        :format(instance.id or "the machine", status.state))
      ctx.emit { status = status.state, id = instance.id, provider = instance.provider }
      return "failed"
    end
    model.rows = model.rows
      or require("money.standing").next(journal:recent(require("money.budget").SECONDS), model.now)
    ctx.print(table.concat(view.lines(model), "\n"))
    ctx.emit(view.object(model))
    if not status.doubt then return 0 end
    ctx.money = require("ui.money").unknown(status.doubt)
    return "failed"
  end,
}
