-- SPDX-License-Identifier: MIT
-- How many machines a home may make in an hour (CREATES_PER_HOUR), whatever a policy, a loop or a schedule
-- says: counted from the record, under home.lock, before an intent is written.
local clock = require "base.clock"
local fail = require "base.fail"
local config = require "config.effective"
local timing = require "home.timing"

local HOUR = 3600

local create_limit = {}

-- When the creates of the last hour left that made a machine, or may have; oldest first. A refusal that a
-- complete list confirmed (outcome `never`) made nothing. What is dated later than now counts: a clock that
-- was set back forgives nothing.
local function made(journal, hour)
  local since, times = clock.wall() - hour, {}
  for _, session in ipairs(journal:recent(hour)) do
    if session.started and session.started > since and session.closed ~= "never" then
      times[#times + 1] = session.started
    end
  end
  table.sort(times)
  return times
end

-- How long until the next create may leave when `most` may in an hour. → seconds, 0: now
local function pause(journal, most)
  local hour = timing.seconds(HOUR)
  local times = made(journal, hour)
  if #times < most then return 0 end
  return math.min(hour, math.max(0.001, times[#times - most + 1] + hour - clock.wall()))
end

--- May a create leave now? journal: of this home
-- @raise `limit`
function create_limit.check(journal)
  local most = config.get("CREATES_PER_HOUR")
  local wait = pause(journal, most)
  if wait == 0 then return end
  fail.raise("limit", ("%d machine%s made for this folder within an hour, as many as CREATES_PER_HOUR "
    .. "allows; the next may be made in %s; look at what became of them (continueplz logs), or put a higher "
    .. "CREATES_PER_HOUR into .env"):format(most, most == 1 and " was" or "s were", clock.duration(wait)),
    { pause = wait })
end

return create_limit
