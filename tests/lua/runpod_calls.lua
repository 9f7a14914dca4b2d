-- SPDX-License-Identifier: MIT
-- Calls of the simulated RunPod in process, for the tests of it: t:load("runpod_calls")(t) → table.
return function(t)
  local calls = t:load("face_calls")(t)
  calls.FACE = { face = "runpod" }

  -- A call after a pause: → body, status, the problem's detail, response
  function calls.ask(sim, method, path, body, options)
    local status, value, response = sim:call(method, "/v2" .. path, body, options or calls.FACE)
    return value, status, type(value) == "table" and value.detail or nil, response
  end

  -- The body of a create; `more` changes it, false takes a field away.
  function calls.order(more)
    return calls.changed({ name = "cplz-1", image = "runpod/base:1", cloud = "SECURE", disk = 72,
      gpu = { id = "NVIDIA A40", count = 1 }, ports = { "51820/tcp" }, env = { NAME = "value" },
      args = "bash -lc 'echo \"$NAME\" | cat'" }, more)
  end

  -- → id or nil, status, detail, response, answer
  function calls.create(sim, more)
    local value, status, detail, response = calls.ask(sim, "POST", "/pods", calls.order(more))
    return value and value.id, status, detail, response, value
  end

  -- The same, and what it takes to run.
  function calls.running(sim, more)
    local id = calls.create(sim, more)
    sim:pass(30)
    return id
  end

  function calls.get(sim, id)
    return calls.ask(sim, "GET", "/pods/" .. id)
  end

  -- Kind and hourly rate of the rows that bill, in order of their opening.
  function calls.open(sim)
    local rows = {}
    for i, row in ipairs(sim.world.ledger:open()) do
      rows[i] = ("%s %.4f"):format(row.kind, row.rate)
    end
    return rows
  end

  -- A question in GraphQL: → data, errors' first message, status
  function calls.graphql(sim, query, variables, options)
    local status, value = sim:call("POST", "/graphql", { query = query, variables = variables },
      options or calls.FACE)
    return value and value.data, value and value.errors and value.errors[1].message, status
  end

  function calls.new(options) return calls.testing.new(options) end

  function calls.refused(sim, status, pattern, ...)
    local value, got, detail, response = calls.ask(sim, ...)
    t:equal({ got, value.status, response.headers["Content-Type"] },
      { status, status, "application/problem+json" })
    local said = detail .. " " .. table.concat(value.errors or {}, " ")
    t:ok(said:find(pattern), said)
  end

  return calls
end
