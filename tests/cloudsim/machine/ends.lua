-- SPDX-License-Identifier: MIT
--- How machines end, alike at every cloud.
local ends = {}

--- Its programs end.
function ends.process(world, instance)
  if instance.process then
    instance.process = false
    world:hook("stop", instance)
  end
end

--- Somebody looks at a machine. One whose destroy was acknowledged and not done counts them
--- (`zombie_polls`), and with the last it is really gone. → whether it is such a one
function ends.counted(world, instance, destroy)
  local left = instance.zombie_polls
  if not left then return false end
  instance.zombie_polls = left - 1
  if left <= 0 then
    destroy(world, instance)
  end
  return true
end

return ends
