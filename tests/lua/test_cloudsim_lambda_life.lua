-- SPDX-License-Identifier: MIT
-- A machine of the Lambda face from launch to its end, and its money: facts/lambda.md §2.5, §2.6, §2.8.
local sorted = require "base.sorted"

return function(t)
  local calls = t:load("lambda_calls")(t)
  local LAMBDA, ask, launch = calls.LAMBDA, calls.ask, calls.launch
  local get, terminate, ready, refused = calls.get, calls.terminate, calls.ready, calls.refused

  local function open_rows(sim)
    return #sim.world.ledger:open()
  end

  t:case("booting without ip, with ip, active; the object as the facts show it", function()
    local sim = ready()
    local id = launch(sim)
    t:ok(id:find("^%x+$") and #id == 32)
    local seen = {}
    for _ = 1, 25 do
      sim:pass(1)
      local row = select(2, sim:send("GET", "/api/v1/instances/" .. id, nil, LAMBDA)).data
      local look = row.status .. (row.ip and " ip" or "") .. (row.actions.terminate.available and " end"
        or "")
      seen[#seen + 1] = seen[#seen] ~= look and look or nil
    end
    t:equal(seen, { "booting", "booting end", "booting ip end", "active ip end" })
    local row = get(sim, id)
    t:equal({ row.id, row.name, row.hostname, row.tags, row.ssh_key_names, row.region.name,
      row.file_system_names, row.firewall_rulesets }, { id, "cplz-1", "cplz-1",
      { { key = "cplz:run", value = "7f3a" } }, { "run" }, "us-west-1", {}, {} })
    t:equal({ row.instance_type.price_cents_per_hour, row.is_reserved, #row.workspace_id },
      { 109, false, 32 })
    t:ok(row.jupyter_url:find(row.jupyter_token, 1, true))
    t:equal(row.actions.migrate.reason_code, "vm-is-too-old")
    t:equal({ row.user_data, row.created }, { nil, nil })
    t:equal(ask(sim, "GET", "/instances"), { row })
    t:equal(ask(sim, "GET", "/instances?cluster_id=1"), {})
    t:equal(ask(sim, "POST", "/instances/" .. id, { name = "other" }).name, "other")
    refused(sim, 400, "global/invalid-parameters", "POST", "/instances/" .. id, { name = ("x"):rep(65) })
    refused(sim, 404, "global/object-does-not-exist", "GET", "/instances/00")
    sim.world.settings.lambda_extra_fields = false
    t:equal(get(sim, id).workspace_id, nil)
  end)

  t:case("money: by the minute from the first active to the terminate call", function()
    local sim = ready()
    local id = launch(sim)
    t:equal(#sim.world.ledger.rows, 0)
    sim:pass(5) -- ask has paused 15 before the launch; 20 seconds after it
    sim:pass(15)
    t:equal(open_rows(sim), 1)
    local row = sim.world.ledger.rows[1]
    t:equal({ row.provider, row.id, row.kind, row.rate, row.token, row.step }, { "lambda", id, "gpu", 1.09,
      "cplz-1", 60 })
    sim:pass(59.5)
    local ledger = function(token) return select(2, sim:call("GET", "/ledger?token=" .. token, nil,
      { face = "control" })) end
    t:equal(ledger("7f3a").total, 2 * 60 * 1.09 / 3600)
    t:equal({ ledger("cplz-1").total, ledger("other").total }, { 2 * 60 * 1.09 / 3600, 0 })
    local shown, status = terminate(sim, id)
    t:equal({ status, shown.terminated_instances[1].status, shown.terminated_instances[1].id },
      { 200, "terminating", id })
    t:equal(open_rows(sim), 0)
    t:equal(sim.world:credit(sim.world.accounts[48211]), 18.42, "the credit at Vast")
    sim = ready { settings = { lambda_bill_until = "terminated" } }
    id = launch(sim)
    sim:pass(30)
    terminate(sim, id)
    t:equal(open_rows(sim), 1)
    sim:pass(60)
    t:equal(open_rows(sim), 0)
  end)

  t:case("terminate: some looks later it is gone; or it still answers, or is still listed", function()
    for style, wanted in sorted { gone = { 404, 0 }, get = { 200, 0 }, listed = { 200, 1 } } do
      local sim = ready { settings = { lambda_terminated = style } }
      local id = launch(sim)
      sim:pass(30)
      terminate(sim, id)
      t:equal(get(sim, id).status, "terminating")
      t:equal(ask(sim, "GET", "/instances")[1].status, "terminating")
      local row, status = get(sim, id)
      t:equal({ status, #ask(sim, "GET", "/instances"), row and row.status }, { wanted[1], wanted[2],
        status == 200 and "terminated" or nil })
    end
    local sim = ready()
    local id = launch(sim)
    sim:pass(30)
    terminate(sim, id)
    sim:pass(60)
    t:equal(select(2, get(sim, id)), 404, "without a look it takes a minute")
  end)

  t:case("terminate: too early, twice, of nobody, of several", function()
    local sim = ready()
    local id = launch(sim)
    local function now(...)
      sim:pass(1)
      local status, value = sim:send("POST", "/api/v1/instance-operations/terminate",
        { instance_ids = { ... } }, LAMBDA)
      return status, value.error and value.error.code
    end
    t:equal({ now(id) }, { 409, "global/conflict" })
    t:equal(now(id), 200)
    t:equal({ now(id) }, { 404, "global/object-does-not-exist" })
    sim.world.settings.lambda_second_terminate = "unknown"
    t:equal({ now(id) }, { 500, "global/unknown" })
    sim.world.settings.lambda_second_terminate = "ok"
    t:equal(now(id), 200)
    t:equal({ now("00") }, { 404, "global/object-does-not-exist" })
    for _, body in ipairs { {}, { instance_ids = {} }, { instance_ids = { 7 } }, { instance_ids = "x" } } do
      refused(sim, 400, "global/invalid-parameters", "POST", "/instance-operations/terminate", body)
    end
    local other = launch(sim)
    sim:pass(30)
    t:equal(now(other, "00"), 404)
    t:equal(get(sim, other).status, "active", "one bad id fails the whole call")
    sim.world.settings.lambda_multi_terminate = "partial"
    t:equal(now(other, "00"), 200)
    t:equal(get(sim, other).status, "terminating")
    sim.world.settings.lambda_early_terminate = "accept"
    local early = launch(sim)
    t:equal(now(early), 200)
  end)

  t:case("restart: 409 while it boots; money goes on", function()
    local sim = ready()
    local id = launch(sim)
    sim:pass(1)
    local status = sim:send("POST", "/api/v1/instance-operations/restart", { instance_ids = { id } }, LAMBDA)
    t:equal(status, 409)
    sim:pass(30)
    local data = ask(sim, "POST", "/instance-operations/restart", { instance_ids = { id } })
    t:equal(data.restarted_instances[1].status, "booting")
    sim:pass(10)
    t:equal(get(sim, id).status, "active")
    t:equal(#sim.world.ledger.rows, 1)
    refused(sim, 404, "global/object-does-not-exist", "POST", "/instance-operations/restart",
      { instance_ids = { "00" } })
  end)

  t:case("audit events: pages, a window of time, the one key beside data", function()
    local sim = ready { settings = { lambda_page = 2 } }
    local id = launch(sim)
    sim:pass(30)
    terminate(sim, id)
    local data, _, _, _, value = ask(sim, "GET", "/audit-events")
    t:equal({ #data, data[1].action, data[2].resource_name }, { 2, "create", "instance" })
    data, _, _, _, value = ask(sim, "GET", "/audit-events?page_token=" .. value.page_token)
    t:equal({ #data, data[1].action, value.page_token }, { 1, "terminate", nil })
    t:equal(ask(sim, "GET", "/audit-events?start=2030-01-01T00:00:00Z"), {})
    t:equal(#ask(sim, "GET", "/audit-events?start=2026-01-01T00:00:00Z&end=2030-01-01T00:00:00Z"), 2)
    refused(sim, 400, "global/invalid-parameters", "GET", "/audit-events?start=yesterday")
    refused(sim, 400, "global/invalid-parameters", "GET", "/audit-events?page_token=zz")
  end)
end
