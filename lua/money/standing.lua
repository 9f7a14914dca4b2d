-- SPDX-License-Identifier: MIT
-- The limits of a machine in use, or of the next one: how much of each is left, when it ends the machine, and
-- who keeps it. Pure but for the settings.
--
-- A row: { name = "silence"|"idle"|"life"|"price"|"budget", unit = "seconds"|"usd_per_hour"|"eur",
--   limit = nil: off, used =, left = (nil: not known), ends_at = unix seconds|nil, kept = { who: "guard" (the
-- program on the machine), "agent" (this computer, while it is on), "cloud" (the cloud itself), "settings"
-- (asked or warned about here, ends nothing) }, reckoned = true: the guard could not be asked, this is by
-- the record }
local config = require "config.effective"
local budget = require "money.budget"
local limits = require "money.limits"

local standing = {}

--- The limits of time, in the order in which they are told.
standing.TIMED = { "silence", "idle", "life" }

-- Who ends a machine at a limit of time. session: with plan; cloud: seconds of life that its cloud allows
local function keepers(name, guarded, cloud)
  local kept = {}
  if guarded then kept[1] = "guard" end
  if name ~= "idle" or not guarded then kept[#kept + 1] = "agent" end
  if name == "life" and cloud then kept[#kept + 1] = "cloud" end
  return kept
end

-- What is left of a limit of time by the record alone, where the guard could not be asked: of life from the
-- create, of silence since the machine was last heard of. Nothing is known of idleness.
local function reckoned(name, limit, context)
  local since = name == "life" and context.born or name == "silence" and context.heard or nil
  return since and math.max(0, limit - (context.now - since)) or nil
end

local function timed(name, limit, context)
  local row = { name = name, unit = "seconds", limit = limit and limit > 0 and limit or nil, kept = {} }
  if not row.limit then return row end
  row.kept = keepers(name, context.guarded, context.cloud)
  if not context.running then return row end
  local said = context.guard and tonumber(context.guard[name .. "_left"])
  row.left = said or reckoned(name, limit, context)
  row.reckoned = not said and row.left ~= nil or nil
  row.used = row.left and limit - row.left or nil
  row.ends_at = row.left and context.now + row.left or nil
  return row
end

local function price(context)
  return { name = "price", unit = "usd_per_hour", limit = context.max_price, used = context.hourly,
    left = context.max_price and context.hourly and context.max_price - context.hourly or nil,
    kept = context.max_price and { "settings" } or {} }
end

-- rate: of config.rate; spent: dollars of today, or nil: not known
local function day(context)
  local limit = config.get("DAILY_BUDGET_EUR") or nil
  local used = context.spent and context.spent * context.rate.per_dollar or nil
  local row = { name = "budget", unit = "eur", limit = limit, used = limit and used, kept = limit
    and { "settings" } or {} }
  row.left = limit and used and math.max(0, limit - used) or nil
  local hourly = context.running and context.hourly and context.hourly * context.rate.per_dollar or 0
  row.ends_at = row.left and hourly > 0 and context.now + row.left / hourly * 3600 or nil
  return row
end

--- The rows. context: { now, running = bool, limits = { silence =, idle =, life = } in seconds, guarded =
-- bool, guard = the guard's own words|nil, cloud = seconds of life that the cloud allows|nil, born, heard =
-- unix seconds, hourly, max_price, spent = dollars today|nil, rate }
function standing.rows(context)
  local rows = {}
  for index, name in ipairs(standing.TIMED) do
    rows[index] = timed(name, context.limits[name], context)
  end
  rows[4], rows[5] = price(context), day(context)
  return rows
end

--- Those of the next machine, by the settings. sessions: of the last days
function standing.next(sessions, now)
  local rate = config.rate()
  return standing.rows { now = now, running = false, limits = limits.in_force(), guarded = true, rate = rate,
    max_price = config.get("MAX_PRICE") or nil, spent = budget.spent(sessions, now) }
end

--- Those of a machine in use. guard: its own words, or nil when it could not be asked; heard: when it was
-- last heard of; cloud: seconds of life that its cloud allows at most, or nil
function standing.of(session, guard, more)
  local plan = session.plan or {}
  return standing.rows { now = more.now, running = true, limits = plan, guarded = plan.guard ~= "none",
    guard = guard, cloud = more.cloud, born = session.guarded_at or session.started, heard = more.heard,
    hourly = more.hourly, max_price = plan.max_price or nil, rate = config.rate(),
    spent = budget.spent(more.sessions, more.now) }
end

return standing
