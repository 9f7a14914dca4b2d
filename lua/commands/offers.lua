-- SPDX-License-Identifier: MIT
return {
  name = "offers",
  summary = "compare what the clouds offer for a model; rents nothing",
  order = 50, daily = 6,
  meant = { "prices", "price", "search", "find", "gpus", "gpu" },
  options = { "cheapest", "provider", "gpu", "gpus", "model", "tier", "engine", "context", "spot",
    "on-demand", "region", "hours", "max-price", "accept-no-guard", "all" },
  answer = [[
    model, kv_source, currency: text; context: integer; vram_gb, disk_gb, hours: number;
    offers: [{
      id, provider, gpu, native_gpu, region, native_region, type, currency, source: text; gpus: integer;
      vram_gb, hourly, total, bid, reliability, at: number; parts: { *: number };
      tokens_per_second_estimate, usd_per_million_tokens_estimate: number
    }];
    rejected: [{ id, provider, reason: text }];
    providers: [{ name, message: text; ok: boolean; offers: integer }];
    euro_rate: { per_dollar: number; date, source: text }
  ]],
  run = function(ctx)
    local config = require "config.effective"
    local offers = require "start.offers"
    local term = require "base.term"
    local format = require "ui.format"
    local view = require "ui.offers"
    local want = require("start.want").make { strict = false,
      accept_no_guard = ctx.options["accept-no-guard"] }
    for _, note in ipairs(want.notes) do
      term.err("continueplz: " .. note .. "\n")
    end
    local collected = offers.collect(want, function(name, result)
      local _, text = view.result_line(name, result)
      if not ctx.json then
        term.err((term.is("err") and table.concat(format.wrap("  " .. text, format.width(), "    "), "\n")
          or "  " .. text) .. "\n")
      end
    end)
    local ordered, rejected = offers.rank(collected, want)
    local model = { -- beside it: a line for each cloud above, money and prompt below
      want = want, ordered = ordered, rejected = rejected, results = collected.results,
      reasons = offers.reasons(rejected), rate = config.rate(), all = ctx.options.all,
      room = format.room(#collected.results + 2 + (ctx.below or 0)),
    }
    if #ordered == 0 then
      offers.explain_nothing(collected, rejected, want)
    end
    ctx.print(table.concat(view.lines(model), "\n"))
    ctx.emit(view.object(model))
    return 0
  end,
}
