-- SPDX-License-Identifier: MIT
return {
  name = "status",
  summary = "show what is running, what it costs, what ends it",
  order = 40, daily = 3,
  aliases = { "ls", "ps" },
  meant = { "list", "st", "info", "show", "top", "state", "cost", "costs", "bill" },
  options = {},
  tolerant = true,
  answer = [[
    reason, home, model, model_status, started_at: text; context: integer;
    tokens_per_second, running_seconds: number;
    instance: { id, provider, gpu, region, type, public_ip: text; gpus, nodes: integer };
    replicas: { ready, wanted: integer };
    endpoint: { wireguard_ip, host, url: text; port: integer };
    tunnel: { state, carrier: text; handshake_age: number };
    cost: { hourly, current, projected: number; at_most: boolean; currency: text };
    euro_rate: { per_dollar: number; date, source: text };
    deadman: {
      active: boolean; state: text; remaining_seconds, idle_remaining_seconds, life_remaining_seconds: number
    };
    progress: {
      command, title, text, detail: text; undoing: boolean; step, steps: integer;
      seconds, expected_seconds, percent, bytes, bytes_total, bytes_per_second, seconds_left: number
    };
    limits: { silence_seconds, idle_seconds, life_seconds, max_price: number }; warnings: [text];
    last: {
      id, provider, reason, currency, ended_at: text; cost, duration_seconds: number; at_most: boolean
    }
  ]],
  run = function(ctx)
    local steady = require "cli.steady"
    local model = require("start.report").status()
    ctx.emit(steady.call(ctx, "ui.status", function(view)
      return view.object(model)
    end))
    ctx.print(("continueplz v%s - Status\n"):format(require "base.version"))
    ctx.print(steady.call(ctx, "ui.status", function(view)
      return table.concat(view.lines(model), "\n")
    end))
    if not model.doubt then return 0 end
    ctx.money = require("ui.money").unknown(model.doubt)
    return "failed"
  end,
}
