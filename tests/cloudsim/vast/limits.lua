-- SPDX-License-Identifier: MIT
--- Minimum intervals between calls, per endpoint and identity (facts/vast.md §1.3). A refused call does not
--- start the interval anew, except where a penalty is stated.
local reply = require "cloudsim.reply"

local limits = {}

-- seconds, form of the 429 body, penalty
local INTERVALS = {
  create = { 4.5, "detail", 12 }, get = { 2.0 }, list = { 1.0 }, update = { 1.0 }, reboot = { 1.0 },
  apikeys = { 2.0, "json" },
  destroy = { 3.0 }, bid = { 5.5 }, charges = { 1.0 }, invoices = { 3.0, "json" }, ssh = { 1.0 },
  command = { 1.5 },
  ssh_delete = { 2.0 },
}
local PER_MINUTE = { bundles = 10 }

local function refusal(form, threshold)
  if form == "detail" then
    return reply.json(429, { detail = "API requests too frequent endpoint threshold=" .. threshold })
  elseif form == "json" then
    return reply.fail(429, "rate_limit_exceeded", "API requests too frequent endpoint threshold="
      .. threshold)
  elseif threshold then
    return reply.text(429, "API requests too frequent: endpoint threshold=" .. threshold)
  end
  return reply.text(429, "API requests too frequent")
end

local function per_minute(world, name, identity, most)
  local place = name .. " " .. identity
  local recent, kept = world.vast.recent[place] or {}, {}
  for _, at in ipairs(recent) do
    if world.time - at < world:scaled(60) then
      kept[#kept + 1] = at
    end
  end
  world.vast.recent[place] = kept
  if #kept >= most then return refusal(nil, nil) end
  kept[#kept + 1] = world.time
  return nil
end

--- → nil when the call may pass, else the 429.
function limits.check(world, name, identity)
  if not name or not world.settings.rate_limits then
    return nil
  elseif PER_MINUTE[name] then
    return per_minute(world, name, identity, PER_MINUTE[name])
  end
  local rule = INTERVALS[name]
  local place = name .. " " .. identity
  local free_at = world.last_call[place]
  if free_at and world.time < free_at then
    if rule[3] then
      world.last_call[place] = math.max(free_at, world.time + world:scaled(rule[3]))
    end
    return refusal(rule[2], string.format("%.1f", rule[1]))
  end
  world.last_call[place] = world.time + world:scaled(rule[1])
  return nil
end

return limits
