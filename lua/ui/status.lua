-- SPDX-License-Identifier: MIT
-- What is running. The model (made by start.report) and its screens, as lines, and as the JSON of PRD §3.2.
--
-- model: {
--   last = { id=, provider=, reason = "interrupted"|"gone", spot=, cost=, seconds=, ended= }|nil,   with
--     "none": a machine that ended by itself
--   previous = the row of money.history of the last machine|nil, with "none" and "unknown"
--   standing = rows of money.standing|nil
--   doubt = sentence, with "unknown": why nobody can say whether anything runs
--   state = "none" | "unknown" | "found" | "starting" | "ready" | "stopping" | "unproven" | "unverifiable"
--     | "lost" | "kept" | "forgotten",
--   home = directory,
--   instance = { id=, provider=, title=, gpu=, gpus=, replicas=, nodes=, region=, type = "spot"|"on-demand",
--     public_ip= },
--   servers = { wanted=, ready = how many answer|nil }|nil, of a model that several serve,
--   model = { name=, state = "ready"|"loading"|"unknown", context=, tokens_per_second= },
--   endpoint = { url=, host=, port=, wireguard_ip= },
--   tunnel = { state = "connected"|"silent"|"down", carrier = "udp"|"tcp"|nil, handshake_age = seconds|nil },
--   guard = { state = "armed"|"unknown"|"none"|text, silence_left=, idle_left=, life_left= seconds|nil,
--     switches_off = true where a machine without one does that },
--     the guard's own words
--   limits = { silence=, idle=, life= seconds (0 or nil: off), max_price= dollars per hour|nil },
--   cost = { hourly=, current=, projected=, projected_hours=, currency = "USD" },
--     rate = { per_dollar=, date=, source= },
--   progress = of home.progress.under_way, while a start or a stop of another process is under way,
--   started = unix seconds, seconds = running for, warnings = { sentences },
-- }
local boxes = lazy "ui.boxes"
local clock = lazy "base.clock"
local format = require "ui.format"
local json = lazy "base.json"
local term = require "base.term"
local ending = lazy "ui.ending"

local M = {}

local words = {
  starting = "starting", ready = "Active", stopping = "being ended",
  unproven = "MAY STILL BE RUNNING, not proven ended", unverifiable = "ended, but its cloud gives no proof",
  lost = "unknown: the create was sent, and no answer is known",
  forgotten = "forgotten at your word, not proven ended",
  kept = "kept after a failed start", found = "found at the cloud; this folder's record of it was lost",
}

local model_words = { unknown = "state unknown", loading = "not ready yet" }

local function dot(state)
  if state == "ready" then return term.style("green", "●") end
  return term.style(state == "unproven" and "red" or "yellow", "●")
end

local function add(lines, label, text)
  for index, piece in ipairs(format.wrap(text, format.width() - 14)) do
    lines[#lines + 1] = format.pad(index == 1 and label .. ":" or "", 14) .. piece
  end
end

local function left(seconds)
  return seconds and clock.duration(math.max(0, seconds)) or nil
end

local function guard_text(guard)
  local parts = {}
  if guard.state == "none" and guard.switches_off then
    return "NONE: at a limit this machine switches itself off, and its disk bills on; `continueplz --stop` "
      .. "ends it, or this computer at a limit while it is on", parts
  elseif guard.state == "none" then
    return "NONE: this machine does not end itself; `continueplz --stop` does, or this computer "
      .. "at a limit while it is on", parts
  end
  if guard.state ~= "armed" then return guard.state, parts end
  for _, pair in ipairs { { "silence_left", "without contact" }, { "idle_left", "without questions" },
    { "life_left", "at most" } } do
    local text = left(guard[pair[1]])
    if text then
      parts[#parts + 1] = text .. " " .. pair[2]
    end
  end
  return guard.state .. (#parts > 0 and "; it ends the machine after" or ""), parts
end

local function tunnel_text(tunnel)
  local text = " " .. tunnel.state .. (tunnel.carrier and " over " .. tunnel.carrier:upper() or "")
  if tunnel.state ~= "connected" then return term.style("yellow", "●") .. text end
  local age = tunnel.handshake_age
  return term.style("green", "●") .. text
    .. (age and (", last handshake %s ago"):format(clock.duration(age)) or "")
end

-- Of a model that several serve behind one address; the agent looks every minute.
local function servers_text(servers)
  local ready, wanted = servers.ready, servers.wanted
  local text = ready and ("%d of %d ready"):format(ready, wanted) or ("%d wanted"):format(wanted)
  return term.style(ready == wanted and "green" or "yellow", "●") .. " " .. text
end

-- Does nothing on the machine act on silence?
local function is_unwatched(guard)
  return guard ~= nil and guard.state == "none" and not guard.switches_off
end

--- The four limits in one line; unguarded: without silence, which only a guard can notice.
function M.limits_text(limits, unguarded)
  return ("%sidle %s, life %s, price %s"):format(unguarded and ""
    or "silence " .. format.limit(limits.silence) .. ", ", format.limit(limits.idle),
    format.limit(limits.life), limits.max_price and format.dollars(limits.max_price) .. "/h" or "off")
end

local function add_warnings(lines, model, indent)
  for _, warning in ipairs(model.warnings or {}) do
    for _, line in ipairs(format.wrap(indent .. term.style("yellow", "⚠") .. " " .. warning, format.width(),
      indent .. "  ")) do
      lines[#lines + 1] = line
    end
  end
end

local function cost_lines(lines, model)
  local cost = model.cost
  if not cost then return end
  if not cost.current then
    return add(lines, "Cost so far",
      "not known, for this folder's record of it was lost; at " .. format.hourly(cost.hourly))
  end
  add(lines, "Cost so far", ("%s%s at %s"):format(cost.at_most and "at most " or "",
    format.both(cost.current, model.rate), format.hourly(cost.hourly)))
  if cost.projected then
    add(lines, "Projected", ("%s for %s"):format(format.both(cost.projected, model.rate),
      clock.duration(cost.projected_hours * 3600)))
  end
end

-- "start, [4/8] Waiting for instance to boot, 1m 10s (45s before)", and what moves below it.
local function add_progress(lines, progress)
  if not progress then return end
  local what = progress.command == "stop" and "stop" or progress.undoing and "start, being undone" or "start"
  local step = progress.step and (", [%d/%d] %s, %s%s"):format(progress.step, progress.steps, progress.title,
    clock.duration(progress.seconds), progress.expected and (" (%s before)"):format(
      clock.duration(progress.expected)) or "") or ""
  add(lines, "Under way", what .. step)
  local moves = progress.moving and require("ui.moving").words(progress.moving) or ""
  for _, piece in ipairs(moves ~= "" and format.wrap(moves, format.width() - 14) or {}) do
    lines[#lines + 1] = (" "):rep(14) .. piece
  end
end

-- What ran last, in a line.
local function previous_lines(lines, model)
  local row = model.previous
  if not row or model.last then return end
  add(lines, "Last run", ("%s, %s on %s, %s: %s, %s"):format(clock.local_time(row.started):sub(1, 16),
    clock.duration(row.seconds), row.provider, row.model or "?",
    ending.sum(row.cost, row.at_most, row.source ~= "charges"), ending.words(row)))
end

--- The lines of `status`.
function M.lines(model)
  if model.state == "none" or model.state == "unknown" then
    local lines = { "Instance:     ○ None active", "Folder:       " .. model.home }
    if model.state == "unknown" then
      lines[1] = "Instance:     " .. term.style("red", "?") .. " not known"
    end
    add_progress(lines, model.progress)
    if model.last then
      local last = model.last
      local sum = last.cost and (last.at_most and "at most " or "") .. format.both(last.cost, model.rate)
        or "not known"
      for _, line in ipairs(boxes.lost(last, sum, clock.duration(last.seconds))) do
        lines[#lines + 1] = line
      end
    end
    previous_lines(lines, model)
    add_warnings(lines, model, "")
    return lines
  end
  local lines, instance = {}, model.instance
  add(lines, "Instance", ("%s %s (%s)"):format(dot(model.state), words[model.state] or model.state,
    instance.id or "no number yet"))
  add_progress(lines, model.progress)
  add(lines, "Provider", ("%s (%s)"):format(instance.title or instance.provider, instance.type))
  add(lines, "GPU", format.machine(instance))
  if instance.region then
    add(lines, "Region", instance.region)
  end
  if model.model and model.model.name then
    add(lines, "Model",
      ("%s, %s%s"):format(model.model.name, model_words[model.model.state] or model.model.state,
        model.model.context and (", %d tokens of context"):format(model.model.context) or ""))
  end
  if model.servers then add(lines, "Servers", servers_text(model.servers)) end
  if model.endpoint and model.state == "ready" then
    add(lines, "Endpoint", model.endpoint.url)
  end
  if model.tunnel then
    add(lines, "Tunnel", tunnel_text(model.tunnel))
  end
  if model.seconds then
    add(lines, "Running", clock.duration(model.seconds))
  end
  cost_lines(lines, model)
  if model.guard then
    local text, parts = guard_text(model.guard)
    add(lines, "Guard", text)
    for _, part in ipairs(parts) do
      lines[#lines + 1] = (" "):rep(14) .. part
    end
  end
  if model.limits then
    add(lines, "Limits", M.limits_text(model.limits, is_unwatched(model.guard)))
  end
  add(lines, "Folder", model.home)
  add_warnings(lines, model, "")
  return lines
end

local NO_GUARD = "NO GUARD: this machine does not end itself."
local SWITCHES_OFF = "NO GUARD: at these limits this machine switches itself off, and its disk bills on."

--- The READY panel.
function M.ready(model)
  local instance, cost = model.instance, model.cost
  local lines = { format.rule(), "  " .. term.style("green", "✓ READY"), "" }
  local function row(label, text)
    local pieces = format.wrap(text, format.width() - 16)
    lines[#lines + 1] = "  " .. format.pad(label ~= "" and label .. ":" or "", 14) .. pieces[1]
    for index = 2, #pieces do
      lines[#lines + 1] = (" "):rep(16) .. pieces[index]
    end
  end
  row("Provider",
    ("%s (%s), instance %s"):format(instance.title or instance.provider, instance.type, instance.id))
  row("GPU", format.machine(instance) .. (instance.region and ", " .. instance.region or ""))
  row("Model", ("%s, %d tokens of context%s"):format(model.model.name, model.model.context or 0,
    model.model.tokens_per_second and (", %.0f tokens/s"):format(model.model.tokens_per_second) or ""))
  if model.servers then row("Servers", servers_text(model.servers)) end
  row("Endpoint", model.endpoint.url)
  row("Cost", ("%s; %s for %s"):format(format.hourly(cost.hourly), format.both(cost.projected, model.rate),
    clock.duration(cost.projected_hours * 3600)))
  if model.rate and not model.rate.assumed then
    row("", "at " .. format.rate(model.rate))
  end
  lines[#lines + 1] = ""
  local unguarded = model.guard and model.guard.state == "none"
  local ends = unguarded and "  " .. term.style("red", model.guard.switches_off and SWITCHES_OFF or NO_GUARD)
    .. " While this computer is on, it ends the machine after" or "  The machine ends itself after"
  for _, line in ipairs(format.wrap(ends, format.width(), "  ")) do lines[#lines + 1] = line end
  for _, limit in ipairs { { "silence", "without contact with this computer" },
    { "idle", "without a question to the model" }, { "life", "in any case" } } do
    if not (is_unwatched(model.guard) and limit[1] == "silence") then
      local label = "    " .. format.pad(limit[1] .. ":", 12)
        .. format.pad(format.limit(model.limits[limit[1]]), 7, true) .. "  "
      for index, piece in ipairs(format.wrap(limit[2], math.max(12, format.width() - #label))) do
        lines[#lines + 1] = (index == 1 and label or (" "):rep(#label)) .. piece
      end
    end
  end
  row("Price limit", model.limits.max_price and format.dollars(model.limits.max_price) .. "/h" or "off")
  lines[#lines + 1] = ""
  row("Use it", "continueplz endpoint --for opencode")
  row("", "(or continue, codex, claude, aider, zed, pi)")
  row("Stop with", "continueplz --stop")
  add_warnings(lines, model, "  ")
  lines[#lines + 1] = format.rule()
  return lines
end

local function progress_object(progress)
  if not progress then return nil end
  local round, moving = format.rounded, progress.moving or {}
  return {
    command = progress.command, undoing = progress.undoing, step = progress.step, steps = progress.steps,
    title = progress.title, seconds = round(progress.seconds, 1),
    expected_seconds = round(progress.expected, 1), text = moving.text or moving.status,
    detail = moving.detail, percent = moving.fraction and round(moving.fraction * 100, 1),
    bytes = moving.bytes, bytes_total = moving.total, bytes_per_second = round(moving.rate, 0),
    seconds_left = round(moving.eta, 1),
  }
end

local function previous_object(row)
  return row and {
    id = row.id, provider = row.provider, gpu = row.gpu, model = row.model, outcome = row.outcome,
    ending = ending.words(row), cost = format.rounded(row.cost, 5), at_most = row.at_most,
    billed = row.source == "charges", currency = row.currency,
    duration_seconds = format.rounded(row.seconds, 1), started_at = clock.iso(row.started),
    ended_at = row.ended and clock.iso(row.ended),
  } or nil
end

--- The JSON object of `status` and `up` (names of PRD §3.2).
function M.object(model)
  if model.state == "none" or model.state == "unknown" then
    local last = model.last
    return {
      status = model.state, reason = model.doubt, home = model.home,
      progress = progress_object(model.progress),
      money_running = model.state == "unknown" and json.null or nil, -- cli.money knows the rest
      warnings = model.warnings and model.warnings[1] and model.warnings or nil,
      last_session = previous_object(model.previous), last = last and {
        id = last.id, provider = last.provider, reason = last.reason, cost = format.rounded(last.cost, 5),
        at_most = last.at_most, currency = "USD",
        duration_seconds = format.rounded(last.seconds, 1), ended_at = clock.iso(last.ended),
      },
    }
  end
  local instance, guard, cost, round = model.instance, model.guard, model.cost, format.rounded
  local object = {
    status = model.state, home = model.home, progress = progress_object(model.progress),
    instance = {
      id = instance.id, provider = instance.provider, gpu = instance.gpu, gpus = instance.gpus,
      nodes = instance.nodes,
      region = instance.region, type = instance.type, public_ip = instance.public_ip,
    },
    replicas = model.servers and { ready = model.servers.ready, wanted = model.servers.wanted },
    model = model.model and model.model.name, model_status = model.model and model.model.state,
    context = model.model and model.model.context,
    tokens_per_second = model.model and round(model.model.tokens_per_second, 1),
    endpoint = model.endpoint and {
      wireguard_ip = model.endpoint.wireguard_ip, host = model.endpoint.host, port = model.endpoint.port,
      url = model.endpoint.url,
    },
    tunnel = model.tunnel and { state = model.tunnel.state, carrier = model.tunnel.carrier,
      handshake_age = round(model.tunnel.handshake_age, 1) },
    cost = cost and { hourly = round(cost.hourly, 5), current = round(cost.current, 5),
      at_most = cost.at_most, projected = round(cost.projected, 5), currency = cost.currency or "USD" },
    euro_rate = format.rate_object(model.rate), running_seconds = round(model.seconds, 1),
    started_at = model.started and clock.iso(model.started),
    deadman = guard and {
      active = guard.state == "armed", state = guard.state, remaining_seconds = round(guard.silence_left, 1),
      idle_remaining_seconds = round(guard.idle_left, 1), life_remaining_seconds = round(guard.life_left, 1),
    },
    limits = model.limits and {
      silence_seconds = model.limits.silence, idle_seconds = model.limits.idle,
      life_seconds = model.limits.life,
      max_price = model.limits.max_price,
    },
  }
  if model.warnings and #model.warnings > 0 then
    object.warnings = model.warnings
  end
  return object
end

return M
