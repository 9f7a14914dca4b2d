-- SPDX-License-Identifier: MIT
--- What happens to a machine a while later, unless its state changes before: every change of state takes a
--- new `turn`, and what was to come is void then.

--- Has fn(world, instance) called after `seconds` (scaled).
return function(world, instance, seconds, fn)
  local turn = instance.turn
  world:after(seconds, function()
    if instance.turn == turn and not instance.destroyed then
      fn(world, instance)
    end
  end)
end
