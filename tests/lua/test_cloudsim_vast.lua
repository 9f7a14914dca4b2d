-- SPDX-License-Identifier: MIT
-- The Vast face against facts/vast.md §1.1–1.4, §1.8, §1.9, §1.12, by its pure handler.
local host = require "sandbox.host"
local loader = require "sandbox.loader"

return function(t)
  local testing = loader.new { host = host, scripts = { t.root }, user = false }.require("cloudsim.testing")

  local function refused(sim, status, code, ...)
    local got, value = sim:call(...)
    t:equal(got, status)
    t:equal(value.error, code)
    t:equal(value.success, false)
    return value
  end

  t:case("the list on v0 is gone", function()
    local sim = testing.new()
    local value = refused(sim, 410, "deprecated_endpoint", "GET", "/api/v0/instances/")
    t:equal(value.msg, "/api/v0/instances/ is deprecated. Use /api/v1/instances/ instead.")
  end)

  t:case("a wrong key is a 404 with auth_error, no key a 403", function()
    local sim = testing.new()
    for _, path in ipairs { "/api/v0/users/current/", "/api/v1/instances/", "/api/v0/instances/5/",
      "/api/v0/charges/" } do
      t:equal(refused(sim, 404, "auth_error", "GET", path, nil, { key = "wrong" }).msg, "Invalid user key")
      t:equal(refused(sim, 403, "auth_error", "GET", path, nil, { key = false }).msg,
        "This action requires login.")
    end
  end)

  t:case("a search needs no key, but a wrong one is refused", function()
    local sim = testing.new()
    t:equal(sim:call("POST", "/api/v0/bundles/", {}, { key = false }), 200)
    refused(sim, 404, "auth_error", "POST", "/api/v0/bundles/", {}, { key = "wrong" })
  end)

  t:case("the key may be in the query, paths may lack the final slash", function()
    local sim = testing.new()
    t:equal(sim:call("GET", "/api/v0/users/current?api_key=" .. sim.key, nil, { key = false }), 200)
    t:equal(sim:call("GET", "/api/v1/instances"), 200)
    t:equal(sim:call("GET", "/api/v0/users/current"), 200)
    t:equal(sim:call("GET", "/api/v0/nothing/"), 404)
    t:equal(sim:call("DELETE", "/api/v0/users/current/"), 405)
  end)

  t:case("the account: credit is what can be spent", function()
    local sim = testing.new { credit = 7.5 }
    local _, value = sim:call("GET", "/api/v0/users/current/")
    t:equal(value.credit, 7.5)
    t:equal(value.balance, 0)
    t:equal(value.id, 48211)
  end)

  t:case("minimum intervals: plain text, per endpoint and identity", function()
    local sim = testing.new()
    t:equal(sim:send("GET", "/api/v1/instances/"), 200)
    local status, _, response = sim:send("GET", "/api/v1/instances/")
    t:equal(status, 429)
    t:equal(response.body, "API requests too frequent: endpoint threshold=1.0")
    t:equal(response.headers["Retry-After"], nil)
    t:equal(sim:send("GET", "/api/v0/instances/5/"), 200, "another endpoint")
    t:equal(sim:send("GET", "/api/v1/instances/", nil, { peer = "10.0.0.1" }), 200, "another client")
    sim:pass(1)
    t:equal(sim:send("GET", "/api/v1/instances/"), 200)
  end)

  t:case("ten searches a minute; intervals shrink with the time scale", function()
    local sim = testing.new()
    for _ = 1, 10 do
      t:equal(sim:send("POST", "/api/v0/bundles/", {}), 200)
    end
    local status, _, response = sim:send("POST", "/api/v0/bundles/", {})
    t:equal(status, 429)
    t:equal(response.body, "API requests too frequent")
    sim:pass(60)
    t:equal(sim:send("POST", "/api/v0/bundles/", {}), 200)
    local fast = testing.new { time_scale = 100 }
    t:equal(fast:send("DELETE", "/api/v0/instances/5/"), 404)
    fast:pass(0.02)
    t:equal(fast:send("DELETE", "/api/v0/instances/5/"), 429)
    fast:pass(0.011)
    t:equal(fast:send("DELETE", "/api/v0/instances/5/"), 404)
  end)

  t:case("a create that comes too soon is punished with 12 seconds", function()
    local sim = testing.new()
    sim:send("PUT", "/api/v0/asks/1/", {})
    local status, value = sim:send("PUT", "/api/v0/asks/1/", {})
    t:equal(status, 429)
    t:equal(value.detail, "API requests too frequent endpoint threshold=4.5")
    sim:pass(6)
    t:equal(sim:send("PUT", "/api/v0/asks/1/", {}), 429)
    sim:pass(12)
    t:equal(sim:send("PUT", "/api/v0/asks/1/", {}), 404)
  end)

  t:case("status walk: null, created, loading, running; ports only when it runs", function()
    local sim = testing.new()
    local _, _, value = sim:rent({}, {})
    local seen = {}
    for _ = 1, 25 do
      local _, answer, response = sim:send("GET", "/api/v0/instances/" .. value.new_contract .. "/")
      local row = answer.instances
      local status = row.actual_status or "null"
      if seen[#seen] ~= status then
        seen[#seen + 1] = status
      end
      t:equal(row.ports ~= nil, status == "running")
      t:ok(response.body:find('"ports":', 1, true), "ports are named")
      sim:pass(2)
    end
    t:equal(seen, { "null", "created", "loading", "running" })
  end)

  t:case("the instance object as the facts show it", function()
    local sim = testing.new()
    local id = sim:rent({ gpu_name = { eq = "A100 SXM4" }, gpu_ram = { gte = 76000 } })
    sim:pass(30)
    local row = sim:get(id)
    t:equal(row.public_ipaddr, "127.0.0.1\n")
    t:equal(row.extra_env, { { "-p 51820:51820/udp", "1" }, { "NAME", "value" } })
    local port = row.ports["51820/udp"][1]
    t:equal(port.HostIp, "0.0.0.0")
    t:equal(math.type(math.tointeger(tonumber(port.HostPort))), "integer")
    t:equal(type(port.HostPort), "string")
    t:equal(row.label, "cplz-test-1")
    t:equal(row.image_uuid, "ollama/ollama:0.33.0")
    t:equal(row.is_bid, false)
    t:equal(row.dph_base, 0.89)
    t:equal(row.storage_total_cost, 0.15 * 72 / 720)
    t:equal(row.instance.gpuCostPerHour, 0.89)
    t:equal(row.gpu_totalram, 81920)
    t:equal(row.country_code, "SE")
    t:equal(type(row.start_date), "number")
  end)

  t:case("gone: instances null, or what the setting says; a second destroy is no_such_instance", function()
    local sim = testing.new()
    local id = sim:rent()
    t:equal(select(2, sim:call("DELETE", "/api/v0/instances/" .. id .. "/")).success, true)
    local _, status, value = sim:get(id)
    t:equal(status, 200)
    t:equal(value, {})
    refused(sim, 404, "no_such_instance", "DELETE", "/api/v0/instances/" .. id .. "/", {})
    sim.world.settings.gone = "no_such_instance"
    refused(sim, 404, "no_such_instance", "GET", "/api/v0/instances/" .. id .. "/")
    sim.world.settings.gone = "not_found"
    refused(sim, 404, "not_found", "GET", "/api/v0/instances/" .. id .. "/")
  end)

  t:case("an ask can be rented once; after the destroy the machine is offered under a new number", function()
    local sim = testing.new()
    local id, _, _, _, offer = sim:rent({ gpu_name = { eq = "B200" } })
    local value = refused(sim, 404, "invalid_args", "PUT", "/api/v0/asks/" .. offer.id .. "/",
      { image = "x" })
    t:equal(value.ask_id, offer.id)
    t:ok(value.msg:find("no_such_ask", 1, true))
    t:equal(#sim:search { gpu_name = { eq = "B200" } }, 0)
    t:equal(#sim:search { gpu_name = { eq = "B200" }, rentable = { eq = false }, rented = { eq = true } }, 1)
    sim:call("DELETE", "/api/v0/instances/" .. id .. "/")
    local again = sim:search { gpu_name = { eq = "B200" } }
    t:equal(#again, 1)
    t:ok(again[1].id ~= offer.id)
  end)

  t:case("label, state, bid: their limits", function()
    local sim = testing.new()
    local id = sim:rent()
    local path = "/api/v0/instances/" .. id .. "/"
    t:equal(select(2, sim:call("PUT", path, { label = "other" })).success, true)
    t:equal(sim:get(id).label, "other")
    refused(sim, 400, "label_too_long", "PUT", path, { label = ("x"):rep(1025) })
    refused(sim, 400, "invalid_args", "PUT", path, { state = "paused" })
    refused(sim, 400, "invalid_args", "PUT", "/api/v0/instances/bid_price/" .. id .. "/", { client_id = "me",
      price = 0.5 })
    refused(sim, 404, "no_such_instance", "PUT", "/api/v0/instances/7/", { state = "stopped" })
  end)

  t:case("stop and start: the disk stays, the GPU bill pauses", function()
    local sim = testing.new()
    local id = sim:rent()
    sim:pass(30)
    sim:call("PUT", "/api/v0/instances/" .. id .. "/", { state = "stopped" })
    sim:pass(5)
    local row = sim:get(id)
    t:equal({ row.actual_status, row.intended_status, row.cur_state, row.next_state }, { "stopped", "stopped",
      "stopped", "stopped" })
    t:equal(row.ports, nil)
    t:equal(row.instance.gpuCostPerHour, 0)
    t:equal(row.instance.totalHour, row.instance.diskHour)
    t:ok(row.instance.diskHour > row.storage_total_cost, "a stopped disk is dearer")
    sim:call("PUT", "/api/v0/instances/" .. id .. "/", { state = "running" })
    sim:pass(30)
    t:equal(sim:get(id).actual_status, "running")
  end)

  t:case("a start before the stop was done keeps the one process; so does a thaw", function()
    local sim = testing.new()
    local started, stopped = 0, 0
    sim.world.hooks.start = function() started = started + 1 end
    sim.world.hooks.stop = function() stopped = stopped + 1 end
    local id = sim:rent()
    sim:pass(30)
    local path = "/api/v0/instances/" .. id .. "/"
    sim:send("PUT", path, { state = "stopped" })
    sim:pass(1)
    sim:send("PUT", path, { state = "running" })
    sim:pass(60)
    t:equal({ sim:get(id).actual_status, started, stopped }, { "running", 1, 0 })
    sim:send("POST", "/instance/" .. id, { action = "freeze" }, { face = "control" })
    t:equal(sim:get(id).actual_status, "frozen")
    sim:call("PUT", path, { state = "running" })
    t:equal({ sim:get(id).actual_status, started, stopped }, { "running", 1, 0 })
    sim:call("DELETE", path)
    t:equal({ started, stopped }, { 1, 1 })
  end)

  t:case("a machine's own key: its instance and nothing else", function()
    local sim = testing.new()
    local id, _, value = sim:rent()
    local other = sim:rent()
    local mine = { key = value.instance_api_key }
    t:equal(#value.instance_api_key, 64)
    t:equal(sim:get(id, mine).id, id)
    refused(sim, 401, "auth_error", "GET", "/api/v0/instances/" .. other .. "/", nil, mine)
    refused(sim, 401, "auth_error", "GET", "/api/v1/instances/", nil, mine)
    refused(sim, 401, "auth_error", "GET", "/api/v0/users/current/", nil, mine)
    refused(sim, 401, "auth_error", "DELETE", "/api/v0/instances/" .. other .. "/", nil, mine)
    refused(sim, 401, "auth_error", "PUT", "/api/v0/asks/5/", {}, mine)
    t:equal(sim:call("DELETE", "/api/v0/instances/" .. id .. "/", nil, mine), 200)
    refused(sim, 404, "auth_error", "GET", "/api/v0/instances/" .. id .. "/", nil, mine)
    t:equal(sim:get(other).id, other)
  end)

  t:case("scoped account keys", function()
    local sim = testing.new()
    local _, made = sim:call("POST", "/api/v0/auth/apikeys/",
      { name = "ro", permissions = { api = { misc = { x = 1 }, instance_read = { x = 1 } } } })
    local scoped = { key = made.key }
    t:equal(sim:call("GET", "/api/v1/instances/", nil, scoped), 200)
    t:equal(sim:call("POST", "/api/v0/bundles/", {}, scoped), 200)
    refused(sim, 401, "auth_error", "PUT", "/api/v0/asks/5/", {}, scoped)
    refused(sim, 401, "auth_error", "GET", "/api/v0/charges/", nil, scoped)
    t:equal(sim:call("DELETE", "/api/v0/auth/apikeys/" .. made.id .. "/"), 200)
    refused(sim, 404, "auth_error", "GET", "/api/v1/instances/", nil, scoped)
  end)

  t:case("ssh keys of the account and of an instance", function()
    local sim = testing.new()
    local id = sim:rent()
    refused(sim, 400, "invalid_args", "POST", "/api/v0/ssh/", { ssh_key = "nonsense" })
    local _, made = sim:call("POST", "/api/v0/ssh/", { ssh_key = "ssh-ed25519 AAAA me" })
    local _, list = sim:call("GET", "/api/v0/ssh/")
    t:equal(list[1].public_key, "ssh-ed25519 AAAA me")
    t:equal(sim:call("DELETE", "/api/v0/ssh/" .. made.key.id .. "/"), 200)
    t:equal(sim:call("POST", "/api/v0/instances/" .. id .. "/ssh/", { ssh_key = "ssh-ed25519 BBBB me" }), 200)
    local _, keys = sim:call("GET", "/api/v0/instances/" .. id .. "/ssh/")
    t:ok(keys.ssh_keys:find("BBBB", 1, true))
    t:equal(sim:call("DELETE", "/api/v0/instances/" .. id .. "/ssh/99/"), 404)
  end)

  t:case("logs, command, reboot, bulk destroy", function()
    local sim = testing.new()
    local id = sim:rent()
    refused(sim, 400, "invalid_args", "PUT", "/api/v0/instances/reboot/" .. id .. "/", {})
    sim:pass(30)
    sim.world.hooks.log = function() return "one\ntwo\nthree\n" end
    local _, value = sim:call("PUT", "/api/v0/instances/request_logs/" .. id .. "/", { tail = "2" })
    local _, _, response = sim:call("GET", value.result_url:match("^http://[^/]+(/.*)$"), nil,
      { key = false })
    t:equal(response.body, "two\nthree\n")
    refused(sim, 400, "invalid_args", "PUT", "/api/v0/instances/command/" .. id .. "/",
      { command = "reboot" })
    refused(sim, 400, "invalid_args", "PUT", "/api/v0/instances/command/" .. id .. "/",
      { command = "ls " .. ("x"):rep(512) })
    t:equal(sim:call("PUT", "/api/v0/instances/command/" .. id .. "/", { command = "ls /" }), 200)
    t:equal(sim:send("PUT", "/api/v0/instances/reboot/" .. id .. "/", {}), 200)
    t:equal(select(2, sim:send("GET", "/api/v0/instances/" .. id .. "/")).instances.actual_status,
      "rebooting")
    t:equal(sim:get(id).actual_status, "running")
    sim:rent()
    t:equal(select(2, sim:call("DELETE", "/api/v0/instances/",
      { instance_ids = sim.world.vast.order })).num_deleted, 2)
    t:equal(#sim.world.vast:each(), 0)
  end)

  t:case("other people's instances are not there", function()
    local sim = testing.new()
    local id = sim:rent()
    sim.world:account { id = 5, username = "eve", credit = 10, keys = { "eves-key" } }
    local _, _, value = sim:get(id, { key = "eves-key" })
    t:equal(value, {})
    t:equal(select(2, sim:call("GET", "/api/v1/instances/", nil, { key = "eves-key" })).instances, {})
    refused(sim, 404, "no_such_instance", "DELETE", "/api/v0/instances/" .. id .. "/", nil,
      { key = "eves-key" })
    t:equal(sim:get(id).id, id)
  end)
end
