-- SPDX-License-Identifier: MIT
-- The machine of this folder. model: { status = of start.report or nil: not looked at yet, money = of
--   tui.purse, alert = { id, console, reason } or nil, problem = sentence or nil, now = unix seconds,
--   age = seconds since it was looked at }
local clock = require "base.clock"
local format = require "ui.format"
local rows = require "ui.screens.rows"

local instance = {}

local LABEL = 11 -- columns
local WIDE = 100 -- columns from which on there are two panels side by side
local BAR = 16
local LINES = 2 -- of one warning

local STATES = { ready = { "green", "Running" }, starting = { "yellow", "Starting" },
  stopping = { "yellow", "Being ended" }, unproven = { "red bold", "MAY STILL BE RUNNING" },
  unverifiable = { "yellow", "Ended, but its cloud gives no proof" }, lost = { "red", "Unknown: no answer" },
  kept = { "yellow", "Kept after a failed start" }, found = { "yellow", "Found at the cloud" },
  forgotten = { "yellow", "Forgotten at your word" }, unknown = { "red bold", "NOT KNOWN" },
  none = { "green", "Ended" } }

local MODEL_STATES = { ready = { "green", "loaded and ready" }, loading = { "yellow", "not ready yet" },
  unknown = { "yellow", "state unknown" }, ["not loaded"] = { "yellow", "not loaded" } }

local function time_of(seconds) return clock.local_time(seconds):sub(12, 16) end

local function row(list, label, ...)
  list[#list + 1] = { { "dim", label .. (" "):rep(LABEL - #label) }, ... }
end

local function dot(look, state, states)
  local shown = states[state] or { "yellow", tostring(state) }
  return { shown[1], look.glyph.on .. " " .. shown[2] }
end

local function machine_rows(model, look)
  local status, list = model.status, {}
  local what, endpoint = status.instance, status.endpoint
  row(list, "Cloud", ("%s (%s)"):format(what.title or what.provider or "?", what.type or "?"))
  row(list, "Card", format.machine(what))
  local servers = status.servers
  if servers then
    row(list, "Replicas", { servers.ready == servers.wanted and "green" or "yellow",
      ("%s of %d ready"):format(servers.ready or "?", servers.wanted) })
  end
  row(list, "Region", what.region or "unknown")
  row(list, "Machine", what.id or "not known")
  row(list, "State", dot(look, status.state, STATES))
  row(list, "Model", { "bold", status.model.name or "?" }, status.model.context and (", %s context"):format(
    format.tokens(status.model.context)) or "")
  row(list, "", dot(look, status.model.state, MODEL_STATES), status.model.tokens_per_second
    and (", %.0f tokens/s"):format(status.model.tokens_per_second) or "")
  local tunnel = status.tunnel or {}
  row(list, "Tunnel", { tunnel.state == "connected" and "green" or "yellow", look.glyph.on .. " "
    .. (tunnel.state or "not up") }, tunnel.carrier and " over " .. tunnel.carrier:upper() or "")
  row(list, "Endpoint", { "bold", endpoint.url })
  row(list, "Started", status.started and ("%s (%s ago)"):format(time_of(status.started),
    clock.duration(math.max(0, model.now - status.started))) or "not known")
  return list
end

local function cost_rows(model)
  local status, money, list = model.status, model.money, {}
  row(list, "So far", { "bold", money.so_far and (money.at_most and "at most " or "")
    .. format.both(money.so_far, status.rate) or "not known" })
  row(list, "Rate", ("$%.3f/h"):format(status.cost.hourly))
  if status.cost.projected then
    row(list, "Projected", ("%s (%g h)"):format(format.dollars(status.cost.projected),
      status.cost.projected_hours))
  end
  return list
end

local LIMITS = { { "silence", "Silence", "silence_left" }, { "idle", "Idle", "idle_left" },
  { "life", "Life", "life_left" } }

-- The guards as a table: what is left of each, and who keeps it.
local function guard_rows(model, look)
  local status, list = model.status, {}
  local guard, limits = status.guard or {}, status.limits
  for _, each in ipairs(LIMITS) do
    local limit, left = limits[each[1]], guard[each[3]]
    if not limit or limit == 0 then
      row(list, each[2], { "yellow", "off" })
    elseif left then
      left = math.max(0, left - (model.age or 0))
      row(list, each[2], { left < limit / 10 and "red bold" or "green", rows.bar(left / limit, BAR, look) },
        (" %s of %s left"):format(clock.duration(left), clock.duration(limit)))
    else
      row(list, each[2], ("%s, not known how much is left"):format(clock.duration(limit)))
    end
  end
  row(list, "Price", limits.max_price and ("at most %s/h"):format(format.dollars(limits.max_price))
    or "no limit")
  row(list, "Kept by", guard.state == "none" and { "red bold", "NO GUARD: " .. (guard.switches_off
    and "it switches itself off, its disk bills on" or "only this computer ends it") }
    or guard.state == "armed" and { "green", "the guard on the machine" }
    or { "yellow", "the guard (" .. tostring(guard.state or "not heard of") .. ")" })
  return list
end

-- A panel: a rule with its title and rows.
local function panel(title, list, width, look)
  local out = { rows.rule(title, width, look) }
  for _, spans in ipairs(list) do out[#out + 1] = rows.line({ " ", table.unpack(spans) }, width, look) end
  return out
end

local function beside(left, right, width, gap)
  local out = {}
  for index = 1, math.max(#left, #right) do
    out[index] = (left[index] or (" "):rep(width)) .. (" "):rep(gap) .. (right[index] or (" "):rep(width))
  end
  return out
end

local function join(...)
  local out = {}
  for _, part in ipairs { ... } do table.move(part, 1, #part, #out + 1, out) end
  return out
end

-- What is wrong, in a third of the screen at most: status and the log tell all of it.
local function warnings(model, width, height, look)
  local out = {}
  local function add(names, text)
    local lines = format.wrap("! " .. text, math.max(10, width - 1), "  ")
    for index = 1, math.min(#lines, LINES) do
      local cut = index == LINES and #lines > LINES and " " .. look.glyph.cut or ""
      if #out >= height // 3 then return end
      out[#out + 1] = rows.line({ " ", { names, lines[index] .. cut } }, width, look)
    end
  end
  if model.problem then add("red", model.problem) end
  for _, text in ipairs(model.status.warnings or {}) do add("yellow", text) end
  return out
end

local function without(model, width, height, look)
  local text = model.problem or model.status and model.status.doubt or "looking at the machine ..."
  local out = { rows.rule("Instance", width, look) }
  for _, line in ipairs(format.wrap(text, math.max(10, width - 2))) do
    out[#out + 1] = rows.line({ " ", line }, width, look)
  end
  return rows.fill(out, width, height)
end

-- PRD §8.3: what must not be overlooked, in a red frame that blinks; first what is to be done.
local function alert_rows(model, width, look)
  local alert, inner = model.alert, {}
  local function add(names, text)
    for _, line in ipairs(format.wrap(text, math.max(10, width - 4), "   ")) do
      inner[#inner + 1] = { { names, line } }
    end
  end
  add("bold", ("1. Open %s"):format(alert.console))
  add("bold", ("2. Look whether %s is still there; if it is, destroy it there"):format(alert.id))
  add("bold", "3. Press s to try again, or a once you saw that it is gone")
  add("red bold", "CRITICAL: MONEY MAY STILL BE RUNNING" .. (alert.reason and ": " .. alert.reason or ""))
  add("", "The agent tries on. Details: continueplz.log")
  return rows.box(inner, width, look, model.now % 2 < 1 and "red bold blink" or "red reverse")
end

--- → rows
function instance.draw(model, width, height, look)
  if model.alert and width >= 8 then
    local out = alert_rows(model, width, look)
    local rest = setmetatable({ alert = false }, { __index = model })
    return rows.fill(join(out, instance.draw(rest, width, math.max(0, height - #out), look)), width, height)
  end
  if not model.status or not model.status.instance then return without(model, width, height, look) end
  local told = warnings(model, width, height, look)
  if width >= WIDE then
    local gap = 2
    local half = (width - gap) // 2
    local left = panel("Instance", machine_rows(model, look), half, look)
    local right = join(panel("Cost", cost_rows(model), half, look),
      panel("Guards", guard_rows(model, look), half, look))
    local both = beside(left, right, half, gap)
    for index, line in ipairs(both) do both[index] = line .. (" "):rep(width - 2 * half - gap) end
    return rows.fill(join(both, told), width, height)
  end
  local cost, guards, machine = panel("Cost", cost_rows(model), width, look),
    panel("Guards", guard_rows(model, look), width, look),
    panel("Instance", machine_rows(model, look), width, look)
  if #cost + #guards + #machine + #told <= height then
    return rows.fill(join(machine, cost, guards, told), width, height)
  end
  return rows.fill(join(told, cost, guards, machine), width, height) -- what ends it comes first
end

return instance
