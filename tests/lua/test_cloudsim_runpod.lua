-- SPDX-License-Identifier: MIT
-- The RunPod face against facts/runpod.md §2: keys, limits, the catalogue, pods, their money and its records.
local sorted = require "base.sorted"

return function(t)
  local calls = t:load("runpod_calls")(t)
  local ask, create, get, new, nth = calls.ask, calls.create, calls.get, calls.new, calls.nth
  local open, running, refused, FACE = calls.open, calls.running, calls.refused, calls.FACE

  t:case("keys: 401 without one and for a bad one, a web page for who has no name", function()
    local sim = new()
    t:equal(nth(2, ask(sim, "GET", "/pods")), 200)
    for _, row in ipairs { { "somebody", "invalid bearer token" }, { false, "missing bearer token" } } do
      local value, status, detail = ask(sim, "GET", "/pods", nil, { face = "runpod", key = row[1] })
      t:equal({ status, detail, value.title }, { 401, row[2], "Unauthorized" })
    end
    local _, status, _, response = ask(sim, "GET", "/pods", nil,
      { face = "runpod", headers = { ["user-agent"] = false } })
    t:equal({ status, response.headers["Content-Type"] }, { 403, "text/html; charset=UTF-8" })
  end)

  t:case("routes: 404, 405 with what is allowed; a request has an id", function()
    local sim = new()
    refused(sim, 404, "not found", "GET", "/nothing")
    t:equal((sim:call("GET", "/v1/pods", nil, FACE)), 404, "version 1 is over")
    local _, status, _, response = ask(sim, "PUT", "/pods")
    t:equal({ status, response.headers.Allow, #response.headers["x-request-id"] }, { 405, "GET, POST", 16 })
    refused(sim, 400, "not valid JSON", "POST", "/pods", "no json")
    refused(sim, 404, "pod not found", "GET", "/pods/nobody")
    refused(sim, 404, "pod not found", "DELETE", "/pods/nobody")
    refused(sim, 404, "pod not found", "POST", "/pods/nobody/action", { action = "stop" })
  end)

  t:case("limits of a minute, told in every answer; 429 says when", function()
    local sim = new { settings = { runpod_minute = 2 } }
    local function send() return sim:send("GET", "/v2/pods", nil, FACE) end
    local _, _, first = send()
    t:ok(first.headers.RateLimit:find('^"minute";r=1;t=%d+, "hour";r=2999;t=%d+, "day";r=49999;t=%d+$'))
    t:equal(first.headers["RateLimit-Policy"],
      '"minute";q=2;w=60, "hour";q=3000;w=3600, "day";q=50000;w=86400')
    t:equal((send()), 200)
    local status, _, response = send()
    t:equal(status, 429)
    sim:pass(tonumber(response.headers["Retry-After"]))
    t:equal((send()), 200)
  end)

  t:case("the catalogue: prices of both clouds, no price for what is not offered", function()
    local sim = new()
    local list = ask(sim, "GET", "/catalog/gpus").gpus
    local a100, a40 = list[1], list[3]
    t:equal({ a100.id, a100.memory, a100.price.secure, a100.price.community, a100.maxCount.community },
      { "NVIDIA A100 80GB PCIe", 80, 1.79, 1.19, 4 })
    t:equal({ a100.availability, a40.community, a40.price.community }, { nil, false, 0 })
    t:equal(ask(sim, "GET", "/catalog/gpus/NVIDIA%20A40").name, "A40")
    refused(sim, 404, "gpu type not found", "GET", "/catalog/gpus/NVIDIA%20A41")
  end)

  t:case("availability: asked for by product, told for a count, a cloud and countries", function()
    local sim = new()
    local function row(query, id)
      local value = ask(sim, "GET", "/catalog/gpus?include=AVAILABILITY&product=POD&" .. query)
      for _, each in ipairs(value.gpus) do
        if each.id == id then return each end
      end
    end
    local a40 = row("cloud=SECURE&count=1", "NVIDIA A40")
    t:equal({ a40.availability, #a40.dataCenters, a40.dataCenters[1].id, a40.cudaVersions[3].version },
      { "HIGH", 2, "CA-MTL-1", "12.8" })
    t:equal({ row("count=8", "NVIDIA A40").availability, row("count=8", "NVIDIA L4").availability,
      row("cloud=COMMUNITY", "NVIDIA A40").availability }, { "LOW", "NONE", "NONE" })
    t:equal({ row("countryCodes=SE", "NVIDIA L4"), row("countryCodes=SE,CA", "NVIDIA A40").availability },
      { nil, "HIGH" })
    t:equal(row("minCudaVersion=13", "NVIDIA A40").availability, "NONE")
    refused(sim, 400, "requires product", "GET", "/catalog/gpus?include=AVAILABILITY")
    refused(sim, 400, "requires include", "GET", "/catalog/gpus?product=POD")
    refused(sim, 422, "countryCodes", "GET", "/catalog/gpus?include=AVAILABILITY&product=POD&countryCodes=se")
    t:equal(nth(2, ask(sim, "GET", "/catalog/gpus?whatever=1")), 200, "unknown parameters are ignored")
  end)

  t:case("data centres by region, with what is free there", function()
    local sim = new()
    local list = ask(sim, "GET", "/catalog/datacenters?include=GPU_AVAILABILITY&regions=ASIA,OCEANIA")
    t:equal({ #list.dataCenters, list.dataCenters[1].id, list.dataCenters[1].gpuAvailability },
      { 2, "AP-JP-1", nil })
    local one = ask(sim, "GET", "/catalog/datacenters/EU-RO-1?include=GPU_AVAILABILITY")
    t:equal({ one.region, one.gpuAvailability[1].availability }, { "EUROPE", "MEDIUM" })
    refused(sim, 422, "'MARS' is not allowed", "GET", "/catalog/datacenters?regions=MARS")
    refused(sim, 404, "data center not found", "GET", "/catalog/datacenters/XX-1")
  end)

  t:case("create: unknown fields are named, fields have forms (422)", function()
    local sim = new()
    refused(sim, 422, "additional properties 'bidPerGpu' not allowed", "POST", "/pods",
      calls.order { bidPerGpu = 0.2 })
    refused(sim, 422, "%$%.gpu: additional properties 'countt'", "POST", "/pods",
      calls.order { gpu = { id = "NVIDIA A40", countt = 1 } })
    refused(sim, 422, "missing property 'name'", "POST", "/pods", calls.order { name = false })
    refused(sim, 422, "missing property 'image'", "POST", "/pods", calls.order { image = false })
    for field, wrong in sorted { disk = "72", ports = "22/tcp", env = { NAME = 1 }, cloud = "ALL",
      gpu = { id = "NVIDIA A40", count = 0 }, mounts = { persistent = { size = 5, path = "/x" } } } do
      refused(sim, 422, "%$%." .. field, "POST", "/pods", calls.order { [field] = wrong })
    end
    t:equal(#sim.world.runpod.order, 0)
  end)

  t:case("create: rules between fields and no capacity are both 400, told apart by words", function()
    local sim = new()
    local many = {}
    for n = 1, 51 do many["N" .. n] = "x" end
    for pattern, more in sorted {
      ["exactly one"] = { gpu = false }, ["must be tcp or http"] = { ports = { "51820/udp" } },
      ["at most 50"] = { env = many },
      ["mutually exclusive"] = { gpu = { id = "NVIDIA A40", allowedCudaVersions = { "12.8" },
        minCudaVersion = "12.1" } },
      ["no longer any instances"] = { gpu = { id = "NVIDIA B200", count = 1 } },
      ["at most 8 GPUs"] = { gpu = { id = "NVIDIA A40", count = 9 } },
      ["requested specifications"] = { cloud = "COMMUNITY" },
    } do
      refused(sim, 400, pattern, "POST", "/pods", calls.order(more))
    end
    refused(sim, 400, "no longer any", "POST", "/pods", calls.order { dataCenterIds = { "US-TX-3" } })
    sim.world.settings.runpod_centres = "preferred"
    t:equal(nth(2, create(sim, { dataCenterIds = { "US-TX-3" } })), 201)
    refused(sim, 404, "template not found", "POST", "/pods", calls.order { templateId = "x" })
    sim = new { credit = 0.4 }
    refused(sim, 402, "insufficient balance", "POST", "/pods", calls.order())
  end)

  t:case("PROVISIONING, STARTING, RUNNING; where it is reached stands in runtime alone", function()
    local sim = new()
    local id, status, _, _, made = create(sim)
    t:equal({ status, made.status, made.cost, made.runtime, made.env.NAME, made.ports[1], made.locked },
      { 201, "PROVISIONING", 0.44, nil, "value", "51820/tcp", false })
    t:equal({ made.actions, made.gpu.count, made.dataCenterId, made.mounts }, { { "stop", "terminate" }, 1,
      "CA-MTL-1", {} })
    local seen = {}
    for _ = 1, 22 do
      sim:pass(1)
      local row = select(2, sim:send("GET", "/v2/pods/" .. id, nil, FACE))
      seen[#seen + 1] = seen[#seen] ~= row.status and row.status or nil
    end
    t:equal(seen, { "PROVISIONING", "STARTING", "RUNNING" })
    local port = get(sim, id).runtime.ports[1]
    t:equal({ port.private, port.type, port.ip, math.type(port.public) },
      { 51820, "tcp", "127.0.0.1", "integer" })
    t:equal({ #ask(sim, "GET", "/pods").pods, get(sim, id).ssh.direct }, { 1, nil })
    local direct = get(sim, running(sim, { ports = { "22/tcp", "8888/http" } })).ssh.direct
    t:equal(direct.command, ("ssh root@127.0.0.1 -p %d"):format(direct.port))
  end)

  t:case("arguments are split as a shell does", function()
    local sim = new()
    local id = create(sim, { args = "bash -lc 'a \"b\" $C' x\\ y \"q\\\"r\" ''" })
    t:equal(sim.world.runpod.instances[id].args, { "bash", "-lc", 'a "b" $C', "x y", 'q"r', "" })
  end)

  t:case("it bills from its create; stopped it pays for its disk, twice for its volume", function()
    local sim = new()
    local id = create(sim, { disk = 72, mounts = { persistent = { size = 100, path = "/workspace" } } })
    t:equal(open(sim), { "gpu 0.4400", "disk 0.0239" })
    sim:pass(60)
    local row = ask(sim, "POST", "/pods/" .. id .. "/action", { action = "stop" })
    t:equal({ row.status, row.cost, row.runtime, row.actions },
      { "EXITED", 0, nil, { "start", "terminate" } })
    t:equal(open(sim), { "disk 0.0378" })
    refused(sim, 409, "not valid for a pod in status EXITED", "POST", "/pods/" .. id .. "/action",
      { action = "stop" })
    refused(sim, 422, "must be one of", "POST", "/pods/" .. id .. "/action", { action = "resume" })
    t:equal(ask(sim, "POST", "/pods/" .. id .. "/action", { action = "start" }).status, "STARTING")
    sim:pass(20)
    t:equal({ get(sim, id).status, open(sim) }, { "RUNNING", { "gpu 0.4400", "disk 0.0239" } })
    sim.world.settings.runpod_stopped_disk = "free"
    ask(sim, "POST", "/pods/" .. id .. "/action", { action = "stop" })
    t:equal(open(sim), { "disk 0.0278" })
    t:equal(nth(2, ask(sim, "POST", "/pods/" .. id .. "/action", { action = "terminate" })), 204)
    t:equal({ open(sim), nth(2, get(sim, id)) }, { {}, 404 })
  end)

  t:case("terminated: 204 without a body, then 404, in no list, its key void, its card free", function()
    local sim = new()
    local id = running(sim)
    local key = sim.world.runpod.instances[id].key
    local _, status, _, response = ask(sim, "DELETE", "/pods/" .. id)
    t:equal({ status, response.body, open(sim) }, { 204, "", {} })
    t:equal({ nth(2, get(sim, id)), nth(2, ask(sim, "DELETE", "/pods/" .. id)),
      #ask(sim, "GET", "/pods").pods }, { 404, 404, 0 })
    t:equal(nth(2, ask(sim, "DELETE", "/pods/" .. id, nil, { face = "runpod", key = key })), 401)
    t:equal(nth(2, create(sim, { gpu = { id = "NVIDIA A40", count = 8 } })), 201)
  end)

  t:case("nothing that ends inside ends the bill", function()
    local sim = new()
    local id = running(sim)
    calls.control(sim, "POST", "/instance/" .. id, { action = "exit" })
    t:equal({ get(sim, id).status, #open(sim) }, { "RUNNING", 2 })
    sim.world.settings.runpod_exit = "restart"
    local before = get(sim, id).runtime
    calls.control(sim, "POST", "/instance/" .. id, { action = "exit" })
    t:equal(before.ports, {})
    sim:pass(20)
    t:equal({ get(sim, id).status, #get(sim, id).runtime.ports, #open(sim) }, { "RUNNING", 1, 2 })
  end)

  t:case("a pod's own key: that pod alone, as far as the setting says", function()
    local sim = new()
    local id, other = running(sim), running(sim)
    local mine = { face = "runpod", key = sim.world.runpod.instances[id].key }
    local function status(...) return nth(2, ask(sim, ...)) end
    t:equal({ status("GET", "/pods/" .. id, nil, mine), status("GET", "/pods/" .. other, nil, mine),
      status("DELETE", "/pods/" .. other, nil, mine), status("GET", "/pods", nil, mine) },
      { 200, 403, 403, 403 })
    sim.world.settings.runpod_pod_key = "stop"
    t:equal({ status("DELETE", "/pods/" .. id, nil, mine),
      status("POST", "/pods/" .. id .. "/action", { action = "stop" }, mine) }, { 403, 200 })
    sim.world.settings.runpod_pod_key = "none"
    t:equal(status("DELETE", "/pods/" .. id, nil, mine), 401)
    sim.world.settings.runpod_pod_key = "terminate"
    t:equal(status("DELETE", "/pods/" .. id, nil, mine), 204)
  end)

  t:case("a change; a locked pod cannot be stopped", function()
    local sim = new()
    local id = running(sim)
    t:equal(ask(sim, "PATCH", "/pods/" .. id, { name = "other", locked = true }).name, "other")
    refused(sim, 409, "locked", "POST", "/pods/" .. id .. "/action", { action = "stop" })
    refused(sim, 409, "locked", "DELETE", "/pods/" .. id)
    refused(sim, 422, "'gpu'", "PATCH", "/pods/" .. id, { gpu = { id = "x" } })
    t:equal(ask(sim, "PATCH", "/pods/" .. id, { locked = false }).locked, false)
    t:equal(nth(2, ask(sim, "DELETE", "/pods/" .. id)), 204)
  end)

  t:case("logs are a stream of events", function()
    local sim = new()
    local _, status, _, response = ask(sim, "GET", "/pods/" .. running(sim) .. "/logs?tail=1")
    local said = {}
    response.stream(function(text) said[#said + 1] = text end)
    t:equal({ status, #said }, { 200, 2 })
    t:ok(said[1]:find('^id: %S+\ndata: {"line":"start container","source":"system"'), said[1])
  end)

  t:case("billing records: by hour and pod, what ran and what lay", function()
    local sim = new { credit = 100 }
    local begun = sim.time
    local id, other = create(sim), create(sim)
    ask(sim, "DELETE", "/pods/" .. other)
    sim:pass(7200)
    ask(sim, "DELETE", "/pods/" .. id)
    sim:pass(600)
    local path = "/billing/pods?bucketSize=hour&lastN=6&podId=" .. id
    local value = ask(sim, "GET", path)
    local cost = sim.world.ledger:cost(id, sim.time)
    t:ok(math.abs(value.metadata.totals.totalAmount - cost) < 1e-9 and #value.records >= 3, "by the second")
    t:equal({ value.metadata.uniquePodCount, value.records[1].podId, value.records[1].cpuAmount },
      { 1, id, 0 })
    sim:pass(2 * 86400)
    t:equal(ask(sim, "GET", path).records, {}, "nothing is added later")
    local clock = calls.modules.require "base.clock"
    local all = ask(sim, "GET", ("/billing/pods?startTime=%s"):format(clock.iso(begun // 1)))
    t:equal({ all.metadata.uniquePodCount, all.metadata.query.bucketSize }, { 2, "day" })
    sim.world.settings.runpod_records_lag = 3600
    local young = create(sim)
    sim:pass(3000)
    t:equal(#ask(sim, "GET", "/billing/pods?podId=" .. young).records, 0, "the records come later")
    sim:pass(3600)
    t:ok(#ask(sim, "GET", "/billing/pods?podId=" .. young).records > 0, "and then they are there")
    refused(sim, 400, "mutually exclusive", "GET", "/billing/pods?lastN=2&startTime=2026-01-01T00:00:00Z")
    refused(sim, 422, "bucketSize", "GET", "/billing/pods?bucketSize=minute")
  end)

  t:case("an empty account: what has no network volume is terminated", function()
    local sim = new { credit = 1 }
    local volume = ask(sim, "POST", "/network-volumes", { name = "v", size = 10, dataCenter = "EU-SE-1" })
    t:equal({ #ask(sim, "GET", "/network-volumes").networkVolumes, open(sim) }, { 1, { "disk 0.0010" } })
    local kept = create(sim, { dataCenterIds = { "EU-SE-1" },
      mounts = { network = { { volumeId = volume.id, path = "/workspace" } } } })
    local lost = create(sim)
    sim:pass(6000)
    t:equal({ get(sim, kept).status, nth(2, get(sim, lost)) }, { "EXITED", 404 })
    ask(sim, "DELETE", "/pods/" .. kept)
    t:equal(open(sim), { "disk 0.0010" }, "the volume is only detached")
    t:equal(ask(sim, "GET", "/billing/pods?podId=" .. volume.id).records, {})
    t:equal(nth(2, ask(sim, "DELETE", "/network-volumes/" .. volume.id)), 204)
    t:equal(open(sim), {})
    refused(sim, 404, "volume not found", "DELETE", "/network-volumes/" .. volume.id)
  end)

  t:case("network volumes: billed by begun hours, the faster ones dearer, each account its own", function()
    local sim = new()
    local function add(name, size, tier)
      return ask(sim, "POST", "/network-volumes", { name = name, size = size, dataCenter = "EU-RO-1",
        type = tier })
    end
    local slow, fast = add("slow", 1440), add("fast", 720, "HIGH_PERFORMANCE")
    t:equal({ open(sim), slow.type, fast.type }, { { "disk 0.1278", "disk 0.1400" }, "STANDARD",
      "HIGH_PERFORMANCE" })
    sim:pass(60)
    t:ok(math.abs(sim.world.ledger:cost(fast.id, sim.time) - 0.14) < 1e-9, "a begun hour is billed whole")
    sim.world:account { id = 7, username = "eve", email = "eve@example.org", credit = 9, keys = { "eves" } }
    local eve = { face = "runpod", key = "eves" }
    t:equal({ #ask(sim, "GET", "/network-volumes", nil, eve).networkVolumes,
      nth(2, ask(sim, "DELETE", "/network-volumes/" .. slow.id, nil, eve)) }, { 0, 404 })
    refused(sim, 400, "cannot be made smaller", "PATCH", "/network-volumes/" .. slow.id, { size = 10 })
    refused(sim, 400, "does not offer", "POST", "/network-volumes",
      { name = "x", size = 10, dataCenter = "EU-SE-1", type = "HIGH_PERFORMANCE" })
  end)

  t:case("templates: resolved at the create, kept while a pod is made from them, free", function()
    local sim = new()
    local made = ask(sim, "POST", "/templates", { name = "cplz-1", image = "x:1", disk = 33,
      env = { A = "b" } })
    t:equal({ made.name, made.disk, made.env, made.startSsh, open(sim) }, { "cplz-1", 33, { A = "b" }, true,
      {} })
    local id = create(sim, { image = false, disk = false, templateId = made.id })
    local row = get(sim, id)
    t:equal({ row.image, row.disk, row.template, row.env }, { "x:1", 33, made.id, { NAME = "value" } })
    refused(sim, 400, "in use by a pod", "DELETE", "/templates/" .. made.id)
    t:equal(ask(sim, "PATCH", "/templates/" .. made.id, { name = "other" }).name, "other")
    ask(sim, "DELETE", "/pods/" .. id)
    t:equal({ #ask(sim, "GET", "/templates").templates,
      nth(2, ask(sim, "DELETE", "/templates/" .. made.id)), ask(sim, "GET", "/templates").templates },
      { 1, 204, {} })
    refused(sim, 404, "template not found", "GET", "/templates/" .. made.id)
    refused(sim, 422, "image", "POST", "/templates", { name = "x" })
    refused(sim, 404, "template not found", "POST", "/pods", calls.order { templateId = "nothing" })
  end)

  t:case("SSH keys are put all at once, and given to pods that ask", function()
    local sim = new()
    t:equal(ask(sim, "GET", "/account/ssh-keys").keys, {})
    ask(sim, "PUT", "/account/ssh-keys", { keys = { "ssh-ed25519 AAAA me" } })
    local id = create(sim, { startSsh = true })
    t:equal(sim.world.runpod.instances[id].public_key, "ssh-ed25519 AAAA me")
    refused(sim, 422, "keys", "PUT", "/account/ssh-keys", { keys = { "nonsense" } })
  end)

  t:case("another account sees nothing of this one", function()
    local sim = new()
    sim.world:account { id = 7, username = "eve", email = "eve@example.org", credit = 9, keys = { "eves" } }
    local eve, id = { face = "runpod", key = "eves" }, create(sim)
    t:equal({ #ask(sim, "GET", "/pods", nil, eve).pods, nth(2, ask(sim, "GET", "/pods/" .. id, nil, eve)),
      nth(2, ask(sim, "DELETE", "/pods/" .. id, nil, eve)),
      #ask(sim, "GET", "/billing/pods", nil, eve).records }, { 0, 404, 404, 0 })
  end)
end
