-- SPDX-License-Identifier: MIT
--- Whether a call may pass that is allowed every `seconds`, with `burst` of them saved up at most.
return function(world, place, seconds, burst)
  local bucket = world.last_call[place] or { left = burst, at = world.time }
  local left = math.min(burst, bucket.left + (world.time - bucket.at) / world:scaled(seconds))
  local passes = left > 0.9999 -- the clock's own rounding
  world.last_call[place] = { left = passes and left - 1 or left, at = world.time }
  return passes
end
