-- SPDX-License-Identifier: MIT
--- How often an account may call: windows of a minute, an hour and a day, told in every answer
--- (facts/runpod.md §2.3). The numbers are the specification's examples.
local answers = require "cloudsim.runpod.answers"

local limits = {}

local WINDOWS = { { "minute", 60, "runpod_minute" }, { "hour", 3600, "runpod_hour" },
  { "day", 86400, "runpod_day" } }

-- How much is left of a window, and seconds until it begins anew.
local function left(world, account, row)
  local length = world:scaled(row[2])
  local number = world.time // length
  local place = account .. " " .. row[1]
  local used = world.runpod.windows[place]
  if not used or used.number ~= number then
    used = { number = number, count = 0 }
    world.runpod.windows[place] = used
  end
  return math.max(0, world.settings[row[3]] - used.count), (number + 1) * length - world.time, used
end

--- Counts a call. → the answer when it is one too many
function limits.check(world, account)
  if not world.settings.rate_limits then return nil end
  for _, row in ipairs(WINDOWS) do
    local rest, seconds = left(world, account, row)
    if rest <= 0 then
      return answers.too_many { window = row[1], retry_after = math.max(1, math.ceil(seconds)) }
    end
  end
  for _, row in ipairs(WINDOWS) do
    local _, _, used = left(world, account, row)
    used.count = used.count + 1
  end
end

--- The headers that tell it.
function limits.headers(world, account)
  if not world.settings.rate_limits then return {} end
  local now, policy = {}, {}
  for i, row in ipairs(WINDOWS) do
    local rest, seconds = left(world, account, row)
    now[i] = ('"%s";r=%d;t=%d'):format(row[1], rest, math.ceil(seconds))
    policy[i] = ('"%s";q=%d;w=%d'):format(row[1], world.settings[row[3]], row[2])
  end
  return { RateLimit = table.concat(now, ", "), ["RateLimit-Policy"] = table.concat(policy, ", ") }
end

return limits
