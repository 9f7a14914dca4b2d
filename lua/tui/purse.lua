-- SPDX-License-Identifier: MIT
-- Is money running? The journal's own answer at this moment, as numbers for the last line of every screen.
local clock = require "base.clock"
local fail = require "base.fail"
local cost = lazy "home.cost"
local folder = lazy "home.folder"
local journals = lazy "home.journal"
local look = lazy "money.look"
local provider_of = lazy "money.provider_of"

local purse = {}

local function where_to_look(session)
  local known, provider = fail.try(provider_of.provider, session.provider)
  return known and provider.console or session.provider and session.provider .. "'s console"
    or "the clouds' consoles"
end

local function one(session, now)
  local plan = session.plan or {}
  local sure = session.id and not session.unproven and not session.doubted and not session.forgotten
    and not session.unverifiable and not session.stopping
  local life = plan.life or 0
  return {
    id = session.id or session.token, cloud = session.provider, hourly = cost.hourly(session),
    so_far = cost.reckonable(session) and cost.so_far(session, now) or nil,
    at_most = cost.at_most(session) or nil, console = where_to_look(session),
    state = (session.unproven or session.doubted) and "unproven" or (session.forgotten
      or session.unverifiable) and "unverifiable" or session.stopping and "stopping" or sure and "running"
      or "unknown",
    reason = session.unproven or session.doubted,
    ends = sure and life > 0 and session.started and session.started + life or nil,
  }
end

--- What a home's record says. → { state = "none" | "running" | "unknown" | "unproven" | "stopping" |
-- "unverifiable", hourly, so_far, reason = why nothing is proven, ends = unix seconds of the hard limit,
-- console, more = further machines, things = how many volumes and the like are not proven gone,
-- why = sentence of "unknown" }
function purse.of(home)
  local ok, model = fail.try(function()
    local journal = journals.open(home)
    local shown, things = journal:shown(), journal:things()
    if #shown + #things == 0 then
      return folder.intact(home) and { state = "none" } or { state = "unknown", why = look.unasked(home) }
    end
    local now, worst = clock.wall(), nil
    local rank = { unproven = 1, unknown = 2, running = 3, stopping = 4, unverifiable = 5 }
    for _, session in ipairs(shown) do
      local each = one(session, now)
      if not worst or rank[each.state] < rank[worst.state] then worst = each end
    end
    worst = worst or { state = "stopping", hourly = 0, console = where_to_look(things[1]) }
    worst.more, worst.things = math.max(0, #shown - 1), #things
    return worst
  end)
  return ok and model or { state = "unknown", why = fail.message(model) }
end

--- Does it tick?
function purse.ticks(model) return model.state ~= "none" end

return purse
