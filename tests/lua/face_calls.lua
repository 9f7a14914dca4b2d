-- SPDX-License-Identifier: MIT
-- What the tests of simulated clouds share: t:load("face_calls")(t) → table for a cloud's own calls.
local host = require "sandbox.host"
local loader = require "sandbox.loader"
local sorted = require "base.sorted"

return function(t)
  local calls = { CONTROL = { face = "control" } }
  calls.modules = loader.new { host = host, scripts = { t.root }, user = false }
  calls.testing = calls.modules.require("cloudsim.testing")

  function calls.nth(n, ...)
    return (select(n, ...))
  end

  function calls.control(sim, method, path, body)
    return select(2, sim:call(method, path, body, calls.CONTROL))
  end

  --- The body with other values; false takes a field away.
  function calls.changed(body, more)
    for name, value in sorted(more or {}) do
      body[name] = value or nil
    end
    return body
  end

  --- Every fault of a face happens when its tour is made, once. Which these are the table of the simulator's
  --- README says, which is compared with them. least: more than so many are there
  function calls.each_fault(face, least, new, tour)
    t:ok(#face.faults > least)
    for _, kind in ipairs(face.faults) do
      local sim = new()
      sim:fault { name = kind.name, mode = "drop", seconds = 1, polls = 1, match = { cloud = face.name } }
      tour(sim)
      t:equal(sim.world.faults.fired, { kind.name })
      tour(sim)
      t:equal(sim.world.faults.fired, { kind.name }, "it happened twice")
    end
  end

  return calls
end
