-- SPDX-License-Identifier: MIT
-- The Paperspace face against facts/paperspace.md: keys, templates, scripts, addresses, pages, machines and
-- their money.
local sorted = require "base.sorted"

return function(t)
  local calls = t:load("paperspace_calls")(t)
  local ask, create, get, new, nth = calls.ask, calls.create, calls.get, calls.new, calls.nth
  local open, ready_one, refused = calls.open, calls.ready_one, calls.refused

  t:case("keys: who it is, null without one, 401 for a bad one", function()
    local sim = new()
    local who = ask(sim, "GET", "/auth/session")
    t:equal({ who.user.email, who.team.isPrivate, #who.team.id }, { "ada@example.org", true, 9 })
    t:equal({ nth(2, ask(sim, "GET", "/auth/session", nil, { face = "paperspace", key = false })),
      nth(2, ask(sim, "GET", "/health", nil, { face = "paperspace", key = false })) }, { 200, 200 })
    for _, key in ipairs { "somebody", false } do
      local _, status, code = ask(sim, "GET", "/machines", nil, { face = "paperspace", key = key })
      t:equal({ status, code }, { 401, "UNAUTHORIZED" })
    end
    t:equal(nth(2, ask(sim, "GET", "/auth/session", nil, { face = "paperspace", key = "somebody" })), 401)
    sim.world.settings.paperspace_team = "acme"
    who = ask(sim, "GET", "/auth/session")
    t:equal({ who.team.namespace, who.team.isPrivate }, { "acme", false })
    t:equal(ask(sim, "GET", "/billing/account-standing").isInGoodStanding, true)
    sim.world.settings.paperspace_standing = "locked"
    local standing = ask(sim, "GET", "/billing/account-standing")
    t:equal({ standing.isInGoodStanding, standing.isAdminLocked, #standing.messages }, { false, true, 1 })
    refused(sim, 403, "FORBIDDEN", "POST", "/machines", calls.order())
  end)

  t:case("errors: routes, methods, bodies, rules of form", function()
    local sim = new()
    refused(sim, 404, "NOT_FOUND", "GET", "/nothing")
    refused(sim, 405, "METHOD_NOT_SUPPORTED", "PUT", "/machines")
    refused(sim, 400, "BAD_REQUEST", "POST", "/machines", "no json")
    for _, name in ipairs { "name", "machineType", "templateId", "region", "diskSize" } do
      local value, status, code = ask(sim, "POST", "/machines", calls.order { [name] = false })
      t:equal({ status, code, value.issues[1].message:find(name, 1, true) ~= nil },
        { 400, "BAD_REQUEST", true })
    end
    for name, wrong in sorted { publicIpType = "public", startOnCreate = "yes", autoShutdownTimeout = "ten",
      diskSize = 5000, machineType = "RTX4090", region = "Mars" } do
      refused(sim, 400, "BAD_REQUEST", "POST", "/machines", calls.order { [name] = wrong })
    end
    for name, wrong in sorted { templateId = "none", startupScriptId = "none", networkId = "none" } do
      refused(sim, 404, "NOT_FOUND", "POST", "/machines", calls.order { [name] = wrong })
    end
    refused(sim, 400, "BAD_REQUEST", "POST", "/machines", calls.order { machineType = "H100" })
    refused(sim, 400, "BAD_REQUEST", "POST", "/machines",
      calls.order { templateId = "tml0box2", diskSize = 50 })
    refused(sim, 400, "BAD_REQUEST", "GET", "/machines?limit=121")
    refused(sim, 400, "BAD_REQUEST", "GET", "/machines?orderBy=price")
    refused(sim, 400, "BAD_REQUEST", "GET", "/machines?after=nonsense")
  end)

  t:case("templates name the types; what is to be had is told by region", function()
    local sim = new()
    local page = ask(sim, "GET", "/os-templates?limit=2&orderBy=name&order=desc")
    t:equal({ #page.items, page.hasMore, page.items[1].name }, { 2, true, "Ubuntu 22.04" })
    t:equal(ask(sim, "GET", "/os-templates?name=H100x8").items[1].id, "tvimtol9")
    local function available(kind, region)
      local value = ask(sim, "GET", ("/machine-availability?machineType=%s&region=%s"):format(kind, region))
      return value.available
    end
    t:equal({ available("A6000", "West+Coast+(CA1)"), available("A6000", "Europe+(AMS1)") }, { true, false })
    refused(sim, 400, "BAD_REQUEST", "GET", "/machine-availability?machineType=A6000")
    refused(sim, 404, "NOT_FOUND", "GET", "/machine-availability?machineType=A7&region=x")
  end)

  t:case("startup scripts: what they say is in no answer; one machine has one", function()
    local sim = new()
    local one = ask(sim, "POST", "/startup-scripts", { name = "one", script = "echo one", isRunOnce = true })
    local two = ask(sim, "POST", "/startup-scripts", { name = "two", script = "echo two" })
    t:equal({ one.name, one.isRunOnce, one.isEnabled, one.script, two.isRunOnce },
      { "one", true, true, nil, false })
    local id = create(sim, { startupScriptId = one.id })
    t:equal(ask(sim, "GET", "/startup-scripts/" .. one.id).assignedMachineIds, { id })
    t:equal(ask(sim, "POST", "/startup-scripts/" .. two.id .. "/assign", { machineId = id })
      .assignedMachineIds, { id })
    t:equal(ask(sim, "GET", "/startup-scripts/" .. one.id).assignedMachineIds, {})
    t:equal(#ask(sim, "POST", "/startup-scripts/" .. two.id .. "/unassign", { machineId = id })
      .assignedMachineIds, 0)
    t:equal(#ask(sim, "GET", "/startup-scripts?name=two").items, 1)
    t:equal(ask(sim, "PUT", "/startup-scripts/" .. two.id, { name = "three" }).name, "three")
    t:equal(ask(sim, "DELETE", "/startup-scripts/" .. two.id).name, "three")
    refused(sim, 404, "NOT_FOUND", "GET", "/startup-scripts/" .. two.id)
    refused(sim, 400, "BAD_REQUEST", "POST", "/startup-scripts", { name = "x" })
    refused(sim, 400, "BAD_REQUEST", "POST", "/startup-scripts", { name = "x", script = ("x"):rep(16385) })
  end)

  t:case("pages: cursor by cursor, every row once", function()
    local sim = new()
    for n = 1, 5 do create(sim, { name = "m" .. n, machineType = "P4000" }) end
    local seen, cursor = {}, ""
    repeat
      local page = ask(sim, "GET", "/machines?limit=2&orderBy=name&order=asc&after=" .. cursor)
      for _, row in ipairs(page.items) do seen[#seen + 1] = row.name end
      cursor = page.nextPage
    until not page.hasMore
    t:equal({ seen, cursor }, { { "m1", "m2", "m3" } })
    t:equal(#ask(sim, "GET", "/machines?name=m2").items, 1)
    sim.world.settings.paperspace_name_filter = "exact"
    t:equal(#ask(sim, "GET", "/machines?name=m").items, 0)
    sim.world.settings.paperspace_page = 1
    t:equal(ask(sim, "GET", "/machines").hasMore, true)
  end)

  t:case("provisioning, starting, serviceready, ready, and then the address", function()
    local sim = new()
    local id, _, _, _, answer = create(sim)
    t:equal({ answer.data.state, answer.event.name, answer.event.state, answer.data.usageRate,
      answer.data.storageRate, answer.data.dtDeleted }, { "provisioning", "create", "new", 1.89, 7, nil })
    local seen = {}
    for _ = 1, 26 do
      sim:pass(1)
      local row = select(2, sim:send("GET", "/v1/machines/" .. id, nil, calls.FACE))
      local look = row.state .. (row.publicIp and " ip" or "")
      seen[#seen + 1] = seen[#seen] ~= look and look or nil
    end
    t:equal(seen, { "provisioning", "starting", "serviceready", "ready", "ready ip" })
    t:equal(ask(sim, "GET", "/machine-events?machineId=" .. id).items[1].state, "done")
    t:equal(open(sim), { "disk", "gpu" })
    local row = get(sim, id)
    t:equal({ row.storageTotal, row.accelerators[1].memory, row.autoShutdownEnabled }, { 100 << 30, 48,
      false })
    refused(sim, 404, "NOT_FOUND", "GET", "/machines/nobody")
  end)

  t:case("off: the disk bills on, the machine does not; on again; the timer of its own", function()
    local sim = new { settings = { paperspace_step = 3600 } }
    local id = ready_one(sim, { autoShutdownEnabled = true, autoShutdownTimeout = 2,
      autoShutdownForce = true })
    t:equal(ask(sim, "PATCH", "/machines/" .. id .. "/stop").data.state, "stopping")
    sim:pass(30)
    t:equal({ get(sim, id).state, get(sim, id).publicIp, open(sim) }, { "off", nil, { "disk" } })
    refused(sim, 400, "BAD_REQUEST", "PATCH", "/machines/" .. id .. "/stop")
    t:equal(sim.world.ledger.amount(sim.world.ledger.rows[2], sim.world.time), 1.89, "a begun hour")
    t:equal(ask(sim, "PATCH", "/machines/" .. id .. "/start", {}).data.state, "starting")
    sim:pass(30)
    t:equal({ get(sim, id).state, open(sim) }, { "ready", { "disk", "gpu" } })
    sim:pass(7200)
    t:equal({ get(sim, id).state, open(sim) }, { "off", { "disk" } })
    local order = calls.order { machineType = "P4000" }
    order.startOnCreate = false
    t:equal(get(sim, ask(sim, "POST", "/machines", order).data.id).state, "off")
  end)

  t:case("delete: stopping until its event is done, then 404, or shown as deleted", function()
    for style, wanted in sorted { gone = { 404, 0 }, get = { 200, 0 }, listed = { 200, 1 } } do
      local sim = new { settings = { paperspace_deleted = style, paperspace_delete_seconds = 30 } }
      local id = ready_one(sim)
      local answer = ask(sim, "DELETE", "/machines/" .. id)
      t:equal({ answer.event.name, answer.event.state, open(sim) }, { "deactivate", "new", { "disk",
        "gpu" } })
      t:equal({ get(sim, id).state, nth(2, ask(sim, "DELETE", "/machines/" .. id)) }, { "stopping", 404 })
      sim:pass(30)
      local row, status = get(sim, id)
      t:equal({ status, #ask(sim, "GET", "/machines").items, open(sim) }, { wanted[1], wanted[2], {} })
      t:equal(ask(sim, "GET", "/machine-events/" .. answer.event.id).state, "done")
      if status == 200 then t:ok(row.dtDeleted) end
    end
    local sim = new { settings = { paperspace_bill_until = "request", paperspace_delete_seconds = 30,
      paperspace_second_delete = "conflict" } }
    local id = ready_one(sim)
    ask(sim, "DELETE", "/machines/" .. id)
    t:equal({ open(sim), nth(2, ask(sim, "DELETE", "/machines/" .. id)) }, { {}, 409 })
  end)

  t:case("a claimed address and a snapshot bill on after their machine", function()
    local sim = new()
    local id = ready_one(sim, { publicIpType = "static", takeInitialSnapshot = true })
    local ip = ask(sim, "GET", "/public-ips").items[1]
    t:equal({ ip.assignedMachineId, get(sim, id).publicIp, open(sim) }, { id, ip.ip, { "ip", "disk", "disk",
      "gpu" } })
    ask(sim, "DELETE", "/machines/" .. id)
    sim:pass(60)
    t:equal({ open(sim), ask(sim, "GET", "/public-ips").items[1].assignedMachineId }, { { "ip", "disk" } })
    local left = calls.control(sim, "GET", "/leftovers")
    t:equal({ #left.public_ips, #left.snapshots, #left.machines }, { 1, 1, 0 })
    t:equal(ask(sim, "DELETE", "/public-ips/" .. ip.ip).ip, ip.ip)
    local shot = ask(sim, "GET", "/snapshots?machineId=" .. id).items[1]
    t:equal(nth(2, ask(sim, "DELETE", "/snapshots/" .. shot.id)), 200)
    t:equal({ open(sim), #ask(sim, "GET", "/snapshots").items }, { {}, 0 })
    local free = ask(sim, "POST", "/public-ips", { region = "East Coast (NY2)" })
    local other = ready_one(sim)
    t:equal(ask(sim, "PUT", "/public-ips/" .. free.ip, { machineId = other }).assignedMachineId, other)
    t:equal({ get(sim, other).publicIp, get(sim, other).publicIpType }, { free.ip, "static" })
    local null = calls.modules.require("base.json").null
    t:equal(ask(sim, "PUT", "/public-ips/" .. free.ip, { machineId = null }).assignedMachineId, nil)
    refused(sim, 400, "BAD_REQUEST", "POST", "/public-ips", { region = "Mars" })
    t:equal(get(sim, ready_one(sim, { publicIpType = "none" })).publicIp, nil)
  end)

  t:case("private networks: one that is not there is null; one with machines stays", function()
    local sim = new()
    local net = ask(sim, "POST", "/private-networks", { name = "n", region = "West Coast (CA1)" })
    t:equal({ ask(sim, "GET", "/private-networks?name=n").items[1].id, net.netmask }, { net.id,
      "255.255.255.0" })
    t:equal({ ask(sim, "GET", "/private-networks/none"), nth(2, ask(sim, "GET", "/private-networks/none")) },
      { nil, 200 })
    refused(sim, 404, "NOT_FOUND", "POST", "/machines", calls.order { networkId = net.id })
    local id = create(sim, { networkId = net.id, region = "West Coast (CA1)" })
    t:equal(get(sim, id).networkId, net.id)
    refused(sim, 412, "PRECONDITION_FAILED", "DELETE", "/private-networks/" .. net.id)
    ask(sim, "DELETE", "/machines/" .. id)
    sim:pass(60)
    t:equal(ask(sim, "DELETE", "/private-networks/" .. net.id).id, net.id)
  end)

  t:case("shared drives and templates bill by their size until they go; a network with a drive stays",
    function()
      local sim = new()
      local function send(...) return ask(sim, ...) end
      local network = send("POST", "/private-networks", { name = "office", region = "West Coast (CA1)" }).id
      local function drive(more)
        return calls.changed({ name = "weights", networkId = network, region = "West Coast (CA1)",
          size = 730 }, more)
      end
      for _, change in ipairs { { size = false }, { region = "Europe (AMS1)" }, { name = "" } } do
        refused(sim, 400, "BAD_REQUEST", "POST", "/shared-drives", drive(change))
      end
      refused(sim, 404, "NOT_FOUND", "POST", "/shared-drives", drive { networkId = "none" })
      local made = send("POST", "/shared-drives", drive())
      t:equal({ made.name, made.size, made.networkId, #made.password }, { "weights", 730 << 30, network, 16 })
      t:equal(send("GET", "/shared-drives?name=weights").items[1].id, made.id)
      local machine = create(sim)
      local template = send("POST", "/custom-templates", { name = "mine", machineId = machine }).data
      t:equal({ template.parentMachineId, template.defaultSizeGb,
        #send("GET", "/custom-templates?machineId=none").items, #send("GET", "/custom-templates").items,
        send("GET", "/custom-templates/" .. template.id).name }, { machine, 100, 0, 1, "mine" })
      local rates = {}
      for _, row in ipairs(sim.world.ledger:open()) do
        if row.id == made.id or row.id == template.id then rates[#rates + 1] = ("%.4f"):format(row.rate) end
      end
      t:equal(rates, { "0.1000", "0.0397" })
      t:equal(#calls.control(sim, "GET", "/leftovers").shared_drives, 1)
      refused(sim, 412, "PRECONDITION_FAILED", "DELETE", "/private-networks/" .. network)
      for _, path in ipairs { "/shared-drives/" .. made.id, "/custom-templates/" .. template.id } do
        t:equal({ nth(2, send("DELETE", path)), nth(2, send("GET", path)) }, { 200, 404 })
        refused(sim, 404, "NOT_FOUND", "DELETE", path)
      end
      t:equal(nth(2, send("DELETE", "/private-networks/" .. network)), 200)
      for _, row in ipairs(sim.world.ledger:open()) do t:equal(row.id, machine) end
    end)

  t:case("another team sees nothing of this one", function()
    local sim = new()
    sim.world:account { id = 7, username = "eve", email = "eve@example.org", credit = 9, keys = { "eves" } }
    local eve = { face = "paperspace", key = "eves" }
    local id = create(sim)
    t:equal({ #ask(sim, "GET", "/machines", nil, eve).items,
      nth(2, ask(sim, "GET", "/machines/" .. id, nil, eve)),
      nth(2, ask(sim, "DELETE", "/machines/" .. id, nil, eve)) }, { 0, 404, 404 })
    t:ok(ask(sim, "GET", "/auth/session", nil, eve).team.id ~= ask(sim, "GET", "/auth/session").team.id)
  end)

  t:case("a rate, when one is set", function()
    local sim = new { settings = { paperspace_calls = 2 } }
    local function status() return (sim:send("GET", "/v1/machines", nil, calls.FACE)) end
    t:equal({ status(), status(), status() }, { 200, 200, 429 })
    sim:pass(1)
    t:equal(status(), 200)
  end)
end
