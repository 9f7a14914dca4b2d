-- SPDX-License-Identifier: MIT
-- Calls of the simulated Paperspace in process, for the tests of it: t:load("paperspace_calls")(t) → table.
return function(t)
  local calls = t:load("face_calls")(t)
  calls.FACE = { face = "paperspace" }

  -- A call after a pause: → body, status, error's code, response
  function calls.ask(sim, method, path, body, options)
    local status, value, response = sim:call(method, "/v1" .. path, body, options or calls.FACE)
    return value, status, type(value) == "table" and value.code or nil, response
  end

  -- The body of a create; `more` changes it, false takes a field away.
  function calls.order(more)
    return calls.changed({ name = "cplz-1", machineType = "A6000", templateId = "t0nspur5",
      region = "East Coast (NY2)", diskSize = 100, publicIpType = "dynamic", emailPassword = false }, more)
  end

  -- → id or nil, status, code, response, answer
  function calls.create(sim, more)
    local value, status, code, response = calls.ask(sim, "POST", "/machines", calls.order(more))
    return value and value.data and value.data.id, status, code, response, value
  end

  -- The same, and what it takes to be ready with its address.
  function calls.ready_one(sim, more)
    local id = calls.create(sim, more)
    sim:pass(30)
    return id
  end

  function calls.get(sim, id)
    return calls.ask(sim, "GET", "/machines/" .. id)
  end

  -- Which kinds of rows bill, in order of their opening.
  function calls.open(sim)
    local kinds = {}
    for i, row in ipairs(sim.world.ledger:open()) do kinds[i] = row.kind end
    return kinds
  end

  function calls.new(options) return calls.testing.new(options) end

  function calls.refused(sim, status, code, ...)
    local value, got, why = calls.ask(sim, ...)
    t:equal({ got, why }, { status, code })
    t:equal(type(value.message), "string")
  end

  return calls
end
