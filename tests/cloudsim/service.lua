-- SPDX-License-Identifier: MIT
--- What can go wrong with a whole cloud, ordered by the control address; the same names for every cloud.
local reply = require "cloudsim.reply"

local service = {}

local function endless(write)
  local padding = ("x"):rep(65536)
  write('{"success":true,"padding":"')
  while true do
    write(padding)
  end
end

--- The fate that comes before any look at the request. `forms`: too_many(order), bad_key(order),
--- broken(order) → response. → response or nil
function service.fault(world, context, forms)
  local faults = world.faults
  local down = faults:take("api.down", context)
  if down then
    return (down.mode and down.mode ~= "drop") and reply.lost(down.mode) or { drop = true }
  end
  for _, pair in ipairs({ { "api.429", forms.too_many }, { "api.auth", forms.bad_key },
    { "api.500", forms.broken } }) do
    local order = faults:take(pair[1], context)
    if order then
      return pair[2](order)
    end
  end
  if faults:take("api.html", context) then
    return reply.html(200)
  elseif faults:take("api.endless_body", context) then
    return { status = 200, headers = { ["Content-Type"] = "application/json" }, stream = endless }
  end
  return nil
end

--- The fate of an answer: done, but slow or lost.
function service.after(world, context, response)
  local lost = world.faults:take("api.answer_lost", context)
  if lost then
    return reply.lost(lost.mode)
  end
  local slow = world.faults:take("api.slow", context)
  if slow then
    response.delay = world:scaled(slow.seconds or 5)
  end
  return response
end

return service
