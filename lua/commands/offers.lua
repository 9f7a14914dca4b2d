-- SPDX-License-Identifier: MIT
local WATCH_SECONDS = 120 -- between two looks; clouds count searches

-- Tells of the clouds as they answer.
local function teller(ctx)
  local term = require "base.term"
  local format = require "ui.format"
  return function(name, result)
    local _, text = require("ui.offers").result_line(name, result)
    if ctx.json then return end
    term.err((term.is("err") and table.concat(format.wrap("  " .. text, format.width(), "    "), "\n")
      or "  " .. text) .. "\n")
  end
end

-- Asks all clouds. → model of ui.offers
-- @raise what start.offers does, `capacity` when nothing fits and nobody wants to know why
local function look(ctx, want, on)
  local config = require "config.effective"
  local offers = require "start.offers"
  local term = require "base.term"
  local collected = offers.collect(want, on)
  local ordered, rejected = offers.rank(collected, want)
  if collected.note then term.err("continueplz: " .. collected.note .. "\n") end
  if #ordered == 0 and not ctx.options.explain then offers.explain_nothing(collected, rejected, want) end
  return { -- beside it: a line for each cloud above, money and prompt below
    want = want, ordered = ordered, rejected = rejected, results = collected.results,
    reasons = offers.reasons(rejected), rate = config.rate(), all = ctx.options.all,
    sort = ctx.options.sort, explain = ctx.options.explain, currency = config.get("CURRENCY"),
    room = require("ui.format").room(#collected.results + 2 + (ctx.below or 0)),
  }
end

local function show(ctx, model) ctx.print(table.concat(require("ui.offers").lines(model), "\n")) end

-- What would be taken, in a few words; nothing when nothing fits.
local function first_of(model)
  local first = model.ordered[1]
  return first and ("%s, $%.2f in all"):format(require("start.create").name_of(first), first.total)
end

-- Looks again and again: the whole list when what would be taken has changed, else a line. A look that fails
-- is told, and the next one comes.
local function watch(ctx, want, model)
  local clock = require "base.clock"
  local fail = require "base.fail"
  local before = first_of(model)
  while true do
    require("base.task").sleep(require("home.timing").seconds(WATCH_SECONDS))
    local time = clock.local_time(clock.wall()):sub(12, 16)
    local ok, now = fail.try(look, ctx, want, function() end)
    local first = ok and first_of(now) or nil
    if not ok then
      ctx.print(("%s  %s"):format(time, fail.message(now)))
    elseif first == before then
      ctx.print(("%s  unchanged: %s"):format(time, first or "nothing fits"))
    else
      ctx.print(("\n%s  changed: %s"):format(time, first or "nothing fits any more"))
      show(ctx, now)
      before = first
    end
  end
end

return {
  name = "offers",
  summary = "compare what the clouds offer for a model; rents nothing",
  order = 50, daily = 6,
  meant = { "prices", "price", "search", "find", "gpus", "gpu" },
  options = { "cheapest", "provider", "gpu", "gpus", "replicas", "model", "tier", "engine", "context",
    "spot", "on-demand", "region", "hours", "max-price", "ready-within", "accept-no-guard", "currency",
    "sort", "all", "explain", "watch" },
  answer = [[
    model, kv_source, currency: text; context: integer; vram_gb, disk_gb, hours: number;
    offers: [{
      id, provider, gpu, native_gpu, region, native_region, type, currency, source: text;
      gpus, replicas, nodes: integer;
      vram_gb, hourly, total, bid, reliability, at: number; parts: { *: number };
      tokens_per_second_estimate, usd_per_million_tokens_estimate, ready_seconds_estimate: number;
      tokens_per_second_measured, ready_seconds_measured, mb_per_second_measured: number
    }];
    rejected: [{ id, provider, reason: text }];
    providers: [{ name, message: text; ok: boolean; offers: integer;
      left_out: [{ id, gpu, reason: text }] }];
    euro_rate: { per_dollar: number; date, source: text }
  ]],
  run = function(ctx)
    local term = require "base.term"
    if ctx.options.watch and ctx.json then
      require("base.fail").raise("usage",
        "--watch is for people to read; for a program, run offers --output=json again and again")
    end
    local within = require("start.again").within(ctx.options["ready-within"])
    local want = require("start.want").make { strict = false,
      accept_no_guard = ctx.options["accept-no-guard"],
      ready_within = within and require("home.timing").seconds(within) }
    for _, note in ipairs(want.notes) do
      term.err("continueplz: " .. note .. "\n")
    end
    local model = look(ctx, want, teller(ctx))
    show(ctx, model)
    if ctx.options.watch then watch(ctx, want, model) end
    ctx.emit(require("ui.offers").object(model))
    return #model.ordered > 0 and 0 or "capacity"
  end,
}
