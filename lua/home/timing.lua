-- SPDX-License-Identifier: MIT
-- How long the product waits for things. Simulated clouds live faster: TIME_SCALE divides every wait.
local config = require "config.effective"

local timing = {}

--- Seconds to wait for something that takes `seconds` in the real world.
function timing.seconds(seconds)
  return seconds / config.get("TIME_SCALE")
end

--- A provider's timing value in seconds, scaled. Raises when the provider does not state it.
function timing.of(provider, name)
  local seconds = provider.timing[name]
  if not seconds then
    error(provider.name .. " states no timing '" .. name .. "'")
  end
  return timing.seconds(seconds)
end

return timing
