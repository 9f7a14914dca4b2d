-- SPDX-License-Identifier: MIT
-- Calls of the simulated CoreWeave in process, for the tests of it: t:load("coreweave_calls")(t) → table.
return function(t)
  local calls = t:load("face_calls")(t)
  calls.FACE = { face = "coreweave" }
  calls.POOLS = "/apis/compute.coreweave.com/v1alpha1/nodepools"
  calls.HERE = "/api/v1/namespaces/default/"

  function calls.new(options) return calls.testing.new(options) end

  -- A call: → body, status, reason of a Status, response
  function calls.ask(sim, method, path, body, options)
    local status, value, response = sim:send(method, path, body, options or calls.FACE)
    return value, status, type(value) == "table" and value.reason or nil, response
  end

  -- PATCH with one of the types.
  function calls.patch(sim, path, body, kind)
    return calls.ask(sim, "PATCH", path, body, { face = "coreweave",
      headers = { ["content-type"] = ("application/%s+json"):format(kind or "merge-patch") } })
  end

  function calls.refused(sim, status, reason, ...)
    local value, got, why = calls.ask(sim, ...)
    t:equal({ value.kind, value.status, value.code, got, why },
      { "Status", "Failure", status, status, reason })
    return value
  end

  -- Makes a pool; `more` changes its spec. → pool, status, reason, response
  function calls.pool(sim, name, more)
    return calls.ask(sim, "POST", calls.POOLS, { metadata = { name = name or "cplz-1" },
      spec = calls.changed({ instanceType = "gd-8xl40-i128", targetNodes = 1 }, more) })
  end

  -- Makes a pod for all GPUs of a node; `more` changes its spec.
  function calls.pod(sim, name, more)
    return calls.ask(sim, "POST", calls.HERE .. "pods", { metadata = { name = name or "cplz-1",
      labels = { app = name or "cplz-1" } }, spec = calls.changed({ restartPolicy = "Never",
      tolerations = { { key = "nvidia.com/gpu", operator = "Exists" },
        { key = "qos.coreweave.cloud/interruptable", operator = "Exists" } },
      containers = { { name = "main", image = "debian:12", command = { "sleep", "9" },
        resources = { limits = { ["nvidia.com/gpu"] = "8" } } } } }, more) })
  end

  function calls.get(sim, kind, name)
    return calls.ask(sim, "GET", calls.HERE .. kind .. "/" .. name)
  end

  -- A pool whose node is there, with a pod that runs.
  function calls.running(sim, name, more, pod_more)
    calls.pool(sim, name, more)
    calls.pod(sim, name, pod_more)
    sim:pass(60)
  end

  -- Which kinds of rows bill, in order of their opening.
  function calls.open(sim)
    local kinds = {}
    for i, row in ipairs(sim.world.ledger:open()) do kinds[i] = row.kind end
    return kinds
  end

  -- The events that a watch tells: rows of type and name, the last resourceVersion, the Status of an ERROR.
  function calls.watched(sim, path)
    local _, _, response = sim:send("GET", path, nil, calls.FACE)
    local json, rows, last, wrong = calls.modules.require "base.json", {}, nil, nil
    response.stream(function(text)
      for line in text:gmatch "[^\n]+" do
        local event = json.decode(line)
        if event.type == "ERROR" then
          wrong = event.object
        elseif event.type ~= "BOOKMARK" then
          rows[#rows + 1] = event.type .. " " .. event.object.metadata.name
        end
        last = event.object.metadata.resourceVersion or last
      end
    end)
    return rows, last, wrong
  end

  return calls
end
