-- SPDX-License-Identifier: MIT
-- A clock that is wrong: certificates, the tunnel, limits and costs are reckoned by it.
local clock = require "base.clock"
local http = require "base.http"

local MOST = 60 -- seconds that a clock may be off before it is told

local skew = {}

--- What is to be said about this computer's clock after the clouds were asked, or nil.
function skew.sentence()
  local ahead, host = http.clock_ahead()
  if not ahead or math.abs(ahead) <= MOST then return nil end
  return ("this computer's clock (%s) is %s %s that of %s: costs and limits are reckoned by it, and "
    .. "certificates depend on it; set it, for example with timedatectl set-ntp true"):format(clock.iso(),
      clock.duration(math.abs(ahead)), ahead < 0 and "behind" or "ahead of", host)
end

return skew
