-- SPDX-License-Identifier: MIT
-- The deprecated side of RunPod (facts/runpod.md §2.3, §2.4, §2.7–2.12): the balance above all, with what is
-- asked written inline or given as variables.
return function(t)
  local calls = t:load("runpod_calls")(t)
  local graphql, new, running, get, nth = calls.graphql, calls.new, calls.running, calls.get, calls.nth

  t:case("the balance: a number; null without a key, 401 for a bad one, nothing for a pod's", function()
    local sim = new { credit = 20 }
    local QUERY = "query { myself { id email clientBalance currentSpendPerHr spendLimit } }"
    local me = graphql(sim, QUERY).myself
    t:equal({ me.clientBalance, me.currentSpendPerHr, me.email }, { 20, 0, "ada@example.org" })
    local id = running(sim)
    t:equal(graphql(sim, "{ myself { currentSpendPerHr pods { id name } } }").myself,
      { currentSpendPerHr = 0.44, pods = { { id = id, name = "cplz-1" } } })
    t:equal({ graphql(sim, QUERY, nil, { face = "runpod", key = false }) }, { {}, nil, 200 })
    t:equal(nth(3, graphql(sim, QUERY, nil, { face = "runpod", key = "somebody" })), 401)
    local mine = { face = "runpod", key = sim.world.runpod.instances[id].key }
    t:equal({ graphql(sim, QUERY, nil, mine) }, { {}, "Unauthorized", 200 })
    local status, value = sim:call("POST", "/graphql?api_key=" .. sim.key, { query = QUERY },
      { face = "runpod", key = false })
    t:equal({ status, value.data.myself.email }, { 200, "ada@example.org" })
    local _, _, seen = sim:call("GET", "/requests", nil, calls.CONTROL)
    t:ok(not seen.body:find(sim.key, 1, true), "the key is shown")
  end)

  t:case("inline literals and variables mean the same", function()
    local sim = new()
    local inline = graphql(sim, [[
      query LowestPrice { gpuTypes(input: {id: "NVIDIA A40"}) { id securePrice communityPrice
        price: lowestPrice(input: {gpuCount: 2, secureCloud: true, dataCenterId: null}) { stockStatus
          uninterruptablePrice availableGpuCounts } } }]])
    local named = graphql(sim, [[query A($f: GpuTypeFilter, $p: GpuLowestPriceInput!, $n: [String!] = []) {
      gpuTypes(input: $f) { id securePrice communityPrice price: lowestPrice(input: $p) {
        stockStatus uninterruptablePrice availableGpuCounts } } } # the end]],
      { f = { ids = { "NVIDIA A40" } }, p = { gpuCount = 2, secureCloud = true } })
    t:equal(inline, named)
    t:equal(inline.gpuTypes, { { id = "NVIDIA A40", securePrice = 0.44, price = { stockStatus = "High",
      uninterruptablePrice = 0.88, availableGpuCounts = { 1, 2, 4, 8 } } } })
  end)

  t:case("the catalogue needs no key, and has one type that is none", function()
    local sim = new()
    local data = graphql(sim, "{ gpuTypes { id } dataCenters { id location listed } countryCodes }", nil,
      { face = "runpod", key = false })
    t:equal({ data.gpuTypes[#data.gpuTypes].id, data.dataCenters[1].location, data.countryCodes[1] },
      { "unknown", "RO", "AU" })
  end)

  t:case("what does not fit is 400 with a code, what cannot be done 200 with errors", function()
    local sim = new()
    for query, pattern in pairs { -- order: free
      ["{ myself { nothing } }"] = 'Cannot query field "nothing" on type "User"',
      ["{ myself }"] = "must have a selection",
      ["{ myself { id "] = "Syntax Error",
      ["{ gpuTypes(filter: {}) { id } }"] = 'Unknown argument "filter"',
      ["query($p: GpuLowestPriceInput!) { gpuTypes { lowestPrice(input: $p) { minVcpu } } }"]
        = 'Variable "$p" of required type',
      ["mutation { podFindAndDeployOnDemand(input: {cloudType: \"ALL\"}) { id } }"] = "non-enum value",
      ["mutation { podStop(input: {}) { id } }"] = 'Field "podId" of required type',
    } do
      local data, message, status = graphql(sim, query)
      t:equal({ data, status }, { nil, 400 }, query)
      t:ok(message:find(pattern, 1, true), message)
    end
    t:equal((sim:call("POST", "/graphql", "no json", calls.FACE)), 400)
    local data, message, status = graphql(sim, 'mutation { podTerminate(input: {podId: "nobody"}) }')
    t:equal({ data, message, status }, { {}, "pod not found to terminate", 200 })
    t:equal(nth(2, graphql(sim, 'mutation { podRentInterruptable(input: {bidPerGpu: 0.1}) { id } }')),
      "Spot pods are no longer supported.")
  end)

  t:case("a pod made here is that of version 2, stopped, resumed, terminated", function()
    local sim = new()
    local pod = graphql(sim, [[mutation { podFindAndDeployOnDemand(input: {cloudType: ALL, gpuCount: 1,
      gpuTypeId: "NVIDIA A40", name: "cplz-1", imageName: "runpod/base:1", containerDiskInGb: 72,
      ports: "51820/tcp,8888/http", env: [{key: "NAME", value: "value"}]}) { id name env desiredStatus
      costPerHr machine { location } } }]]).podFindAndDeployOnDemand
    t:equal({ pod.name, pod.env, pod.desiredStatus, pod.costPerHr, pod.machine.location },
      { "cplz-1", { "NAME=value" }, "RUNNING", 0.44, "CA" })
    t:equal(select(2, sim:send("GET", "/v2/pods/" .. pod.id, nil, calls.FACE)).status, "PROVISIONING",
      "what is intended is not what is")
    sim:pass(30)
    local seen = graphql(sim, "query($id: String!) { pod(input: {podId: $id}) { runtime { ports { isIpPublic "
      .. "privatePort type } } } }", { id = pod.id }).pod
    t:equal(seen.runtime.ports, { { isIpPublic = true, privatePort = 51820, type = "tcp" },
      { isIpPublic = false, privatePort = 8888, type = "http" } })
    local function act(name, rest)
      return graphql(sim, ('mutation { %s(input: {podId: "%s"}) %s }'):format(name, pod.id, rest))
    end
    t:equal(act("podStop", "{ desiredStatus }").podStop.desiredStatus, "EXITED")
    t:equal(act("podResume", "{ desiredStatus }").podResume.desiredStatus, "RUNNING")
    t:equal({ act("podTerminate", "") }, { {}, nil, 200 })
    t:equal(graphql(sim, ('{ pod(input: {podId: "%s"}) { id } }'):format(pod.id)), {})
    t:equal(nth(2, get(sim, pod.id)), 404)
  end)

  t:case("no capacity is the cloud's sentence; an end that was asked for comes", function()
    local sim = new()
    local MAKE = [[mutation M($input: PodFindAndDeployOnDemandInput) {
      podFindAndDeployOnDemand(input: $input) { id } }]]
    local input = { cloudType = "SECURE", gpuTypeId = "NVIDIA B200", imageName = "x", name = "cplz-1" }
    local data, message, status = graphql(sim, MAKE, { input = input })
    t:equal({ data, status }, { {}, 200 })
    t:ok(message:find("no longer any instances available", 1, true), message)
    input.gpuTypeId = "NVIDIA A40"
    local clock = calls.modules.require "base.clock"
    input.stopAfter, input.terminateAfter = clock.iso(sim.time // 1 + 600), clock.iso(sim.time // 1 + 1200)
    local id = graphql(sim, MAKE, { input = input }).podFindAndDeployOnDemand.id
    sim:pass(600)
    t:equal(get(sim, id).status, "EXITED")
    sim:pass(600)
    t:equal({ nth(2, get(sim, id)), calls.open(sim) }, { 404, {} })
  end)
end
