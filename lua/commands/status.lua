-- SPDX-License-Identifier: MIT
local LOOK, REST = 10, 5 -- seconds between two looks: at a machine, at a folder where nothing runs

-- A line of the watch for a pipe: what changed, without what only counts on.
local function line_of(model)
  local clock, format = require "base.clock", require "ui.format"
  if not model.instance then return model.state == "none" and "nothing runs" or "not known: "
      .. "" .. model.doubt end
  local left = model.guard and model.guard.life_left
  return ("%s, %s on %s%s%s%s"):format(model.state, model.instance.id or "no number yet",
    model.instance.provider,
    model.model and model.model.name and ", " .. model.model.name .. " " .. model.model.state or "",
    model.cost and model.cost.current and (", %s%s at %s"):format(model.cost.at_most and "at most " or "",
      format.dollars(model.cost.current), format.hourly(model.cost.hourly)) or "",
    left and ", ends " .. format.moment(clock.wall() + left, clock.wall()) or "")
end

local function tell_line(before, model)
  local clock = require "base.clock"
  local line = line_of(model)
  if line ~= before then
    require("base.term").out(clock.local_time(clock.wall()):sub(12, 19) .. "  " .. line .. "\n")
  end
  return line
end

-- Shows a model until it is time to look again: on a terminal once a second while money runs.
local function show(ctx, block, model)
  local clock, task = require "base.clock", require "base.task"
  local report, steady = require "start.report", require "cli.steady"
  local began = clock.now()
  local patience = model.instance and LOOK or REST
  repeat
    local aged = model.instance and report.aged(model, clock.now() - began) or model
    block:draw(steady.call(ctx, "ui.status", function(view) return view.lines(aged) end))
    task.sleep(model.instance and 1 or REST)
  until clock.now() - began >= patience
end

-- Goes on until Ctrl-C, which is its ordinary end.
local function watch(ctx)
  local fail = require "base.fail"
  local report = require "start.report"
  local terminal = require("base.term").is "out" and require("base.process").getenv "TERM" ~= "dumb"
  local block, line = terminal and require("cli.redraw").new(), nil
  local ok, problem = fail.settle(function()
    while true do
      local model = report.status()
      if terminal then -- a block that is drawn in place
        show(ctx, block, model)
      else
        line = tell_line(line, model)
        require("base.task").sleep(model.instance and LOOK or REST)
      end
    end
  end)
  if ok or problem.signal ~= "INT" then error(problem, 0) end
  if terminal then require("base.term").out "\n" end
  return 0
end

return {
  name = "status",
  summary = "show what is running, what it costs, what ends it",
  order = 40, daily = 3,
  aliases = { "ls", "ps" },
  meant = { "list", "st", "info", "show", "top", "state" },
  details = "--watch draws it again every second while money runs, until Ctrl-C; a pipe gets a line when "
    .. "something changed.",
  options = { "watch" },
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
    };
    last_session: {
      id, provider, gpu, model, outcome, ending, currency, started_at, ended_at: text;
      cost, duration_seconds: number; at_most, billed: boolean
    }
  ]],
  run = function(ctx)
    if ctx.options.watch and ctx.json then
      require("base.fail").raise("usage",
        "--watch is for people to read; for a program, run status --output=json again and again")
    end
    if ctx.options.watch then return watch(ctx) end
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
