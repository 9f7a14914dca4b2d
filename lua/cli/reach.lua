-- SPDX-License-Identifier: MIT
-- How far a change of a setting reaches: a limit of time goes to the guard of the machine in use, what a
-- machine is made of holds from the next start, and everything else is read when it is needed.
local format = require "ui.format"
local limits = require "money.limits"

local reach = {}

-- What a machine was made of at its start, and keeps: by setting, what its plan calls it.
local MADE_OF = {
  DEFAULT_MODEL = "model", DEFAULT_TIER = "model", CONTEXT_LENGTH = "context", DEFAULT_ENGINE = "engine",
  GUARD_ACCOUNT_KEY = "guard",
}

local function kept(session, value, why)
  return { sentence = ("%s on %s runs on with %s%s; the change holds from the next start"):format(session.id
    or session.token, session.provider, value, why) }
end

local function limit(ctx, session, field, row, reaches)
  local before = format.limit(session.plan[field])
  if not reaches then return kept(session, before, "") end
  local seconds = limits.seconds(row.name)
  local changed, why = limits.change(ctx.home, session.token, field, seconds)
  if not changed then
    return kept(session, ("%s of %s"):format(before, field), ": " .. why)
  end
  return { changed = true, sentence = ("%s on %s keeps to it as well: %s %s, before that %s")
      :format(session.id, session.provider, field, format.limit(seconds), before), warning = why }
end

--- What becomes of the machine in use when a setting was changed in .env.
-- @param reaches is that value the one in force?
-- @return nil: it is no matter of a machine's, or none is in use; or { sentence =, changed = true|nil,
-- warning = sentence|nil }
function reach.machine(ctx, row, reaches)
  local field, part = limits.FIELDS[row.name], MADE_OF[row.name]
  local session = (field or part) and require("home.journal").open(ctx.home):current()
  if not session or not session.plan or session.plan[field or part] == nil then
    return nil
  elseif field then
    return limit(ctx, session, field, row, reaches)
  end
  return kept(session, part == "guard" and "its guard" or tostring(session.plan[part]), ", as it was started")
end

return reach
