-- SPDX-License-Identifier: MIT
--- What can go wrong with a whole cloud, alike at every one that asks for it.
local kinds = require "cloudsim.kinds"
local reply = require "cloudsim.reply"

local service = {}

local function endless(write)
  local padding = ("x"):rep(65536)
  write('{"success":true,"padding":"')
  while true do
    write(padding)
  end
end

--- The fates of a face's requests and answers. forms: too_many, bad_key, broken, each { sentence,
--- function(order, world) → response }. → serve(request, world, entry, answer, turned_away) → response: what
--- is said to a request, noted as `entry` (its row of GET /requests): `turned_away` if there is one, else the
--- fate that comes before any look at it, else answer(request, world, entry); then the fate of that
function service.of(face, forms)
  local faults = kinds.of(face)
  local before = faults:first {
    { "api.down", "connection closed without answer (`mode` to change)", function(order)
      return reply.lost(order.mode or "drop")
    end },
    { "api.429", forms.too_many[1], forms.too_many[2] },
    { "api.auth", forms.bad_key[1], forms.bad_key[2] },
    { "api.500", forms.broken[1], forms.broken[2] },
    { "api.html", "a web page with status 200", function() return reply.html(200) end },
    { "api.endless_body", "a body that never ends", function()
      return { status = 200, headers = { ["Content-Type"] = "application/json" }, stream = endless }
    end },
  }
  local after = faults:first {
    { "api.answer_lost", "done, but no answer (`mode`)", function(order) return reply.lost(order.mode) end },
    { "api.slow", "the answer comes after `seconds` (5)", function(order, world, response)
      response.delay = world:scaled(order.seconds or 5)
    end },
  }
  return function(request, world, entry, answer, turned_away)
    world:note(entry)
    local context = { method = request.method, path = request.path }
    local response = turned_away or before(world, context) or answer(request, world, entry)
    response = after(world, context, response) or response
    entry.status = response.status or (response.hang and "hang" or "drop")
    return response
  end
end

return service
