-- SPDX-License-Identifier: MIT
-- Calls of the simulated Lambda in process, for the tests of it: t:load("lambda_calls")(t) → table.
local PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Zp0wq1mVxk9c5J3uS2o8bq7tQe4n6fYhR2aLwK1dX me"

return function(t)
  local calls = t:load("face_calls")(t)
  calls.PUBLIC, calls.LAMBDA = PUBLIC, { face = "lambda" }

  -- A call after a pause: → data or nil, status, error's code, response, whole answer
  function calls.ask(sim, method, path, body, options)
    local status, value, response = sim:call(method, "/api/v1" .. path, body, options or calls.LAMBDA)
    return value and value.data, status, value and value.error and value.error.code, response, value
  end

  -- The body of a launch; `more` changes it, false takes a field away.
  function calls.order(more)
    return calls.changed({ region_name = "us-west-1", instance_type_name = "gpu_1x_a6000",
      ssh_key_names = { "run" }, name = "cplz-1", hostname = "cplz-1",
      tags = { { key = "cplz:run", value = "7f3a" } } }, more)
  end

  -- → id or nil, status, code, response
  function calls.launch(sim, more)
    local data, status, code, response = calls.ask(sim, "POST", "/instance-operations/launch",
      calls.order(more))
    return data and data.instance_ids[1], status, code, response
  end

  -- The same, and what it takes to be active.
  function calls.active(sim, more)
    local id = calls.launch(sim, more)
    sim:pass(30)
    return id
  end

  function calls.get(sim, id)
    return calls.ask(sim, "GET", "/instances/" .. id)
  end

  function calls.terminate(sim, ...)
    return calls.ask(sim, "POST", "/instance-operations/terminate", { instance_ids = { ... } })
  end

  -- The control address's row of a machine.
  function calls.machine(sim, id)
    for _, row in ipairs(calls.control(sim, "GET", "/machines").machines) do
      if row.id == id then return row end
    end
  end

  -- A world with an SSH key "run". → sim, key
  function calls.ready(options)
    local sim = calls.testing.new(options)
    return sim, calls.ask(sim, "POST", "/ssh-keys", { name = "run", public_key = calls.PUBLIC })
  end

  function calls.refused(sim, status, code, ...)
    local _, got, why, _, value = calls.ask(sim, ...)
    t:equal({ got, why }, { status, code })
    t:equal(type(value.error.message), "string")
  end

  return calls
end
