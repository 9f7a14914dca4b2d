-- SPDX-License-Identifier: MIT
-- Faults of boot, list, get, destroy and of the whole service; the control address; the registry.
local host = require "sandbox.host"
local loader = require "sandbox.loader"

return function(t)
  local simulated = loader.new { host = host, scripts = { t.root }, user = false }
  local testing = simulated.require("cloudsim.testing")
  local faults = simulated.require("cloudsim.faults")
  local models = simulated.require("cloudsim.registry.models")
  local sorted = simulated.require("base.sorted")
  local files = require "base.files"

  t:case("boots that fail", function()
    local sim = testing.new()
    sim:fault { name = "boot.stuck" }
    local id = sim:rent()
    sim:pass(86400)
    t:equal(sim:get(id).actual_status, "loading")
    sim:fault { name = "boot.oci_failure" }
    id = sim:rent()
    sim:pass(86400)
    local row = sim:get(id)
    t:equal(row.actual_status, "created")
    t:ok(row.status_msg:find(": OCI runtime create failed:", 1, true))
    sim:fault { name = "boot.exited" }
    id = sim:rent()
    sim:pass(60)
    t:equal({ sim:get(id).actual_status, sim:get(id).intended_status }, { "exited", "running" })
    sim:fault { name = "boot.no_udp" }
    id = sim:rent()
    t:equal({ sim.world.vast.instances[id].udp_blocked, sim.world.vast.instances[id].tcp_blocked },
      { true, false })
    sim:fault { name = "boot.no_tunnel" }
    local silent = sim.world.vast.instances[sim:rent()]
    t:equal({ silent.udp_blocked, silent.tcp_blocked, silent.tunnel_blocked }, { true, false, true })
    t:equal(sim.world.faults.fired,
      { "boot.stuck", "boot.oci_failure", "boot.exited", "boot.no_udp", "boot.no_tunnel" })
  end)

  t:case("lists that lie", function()
    local sim = testing.new()
    local id = sim:rent()
    sim:rent()
    local function list(after)
      return sim:call("GET", "/api/v1/instances/" .. (after and "?after_token=" .. after or ""))
    end
    sim:fault { name = "list.empty" }
    t:equal(select(2, list()).instances, {})
    t:equal(#select(2, list()).instances, 2)
    sim:fault { name = "list.html" }
    local status, value, response = list()
    t:equal({ status, value }, { 200, nil })
    t:ok(response.body:find("<html", 1, true))
    sim:fault { name = "list.500" }
    t:equal((list()), 500)
    sim:fault { name = "list.partial" }
    status, value = list()
    t:equal({ status, #value.instances, type(value.next_token) }, { 200, 1, "string" })
    t:equal((list(value.next_token)), 500)
    sim:fault { name = "list.stale", seconds = 60 }
    sim:pass(100)
    sim:call("DELETE", "/api/v0/instances/" .. id .. "/")
    local fresh = sim:rent()
    local ids = {}
    for i, row in ipairs(select(2, list()).instances) do
      ids[i] = row.id
    end
    t:equal(ids, { id, sim.world.vast.order[2] }, "the picture of a minute ago")
    t:equal(select(2, list()).instances[2].id, fresh)
  end)

  t:case("gets that lie", function()
    local sim = testing.new()
    local id = sim:rent()
    for name, wanted in sorted { ["get.500"] = 500, ["get.html"] = 200 } do
      sim:fault { name = name }
      local row, status = sim:get(id)
      t:equal({ row, status }, { nil, wanted })
    end
    sim:fault { name = "get.null_fields" }
    local row = sim:get(id)
    t:equal({ row.id, row.gpu_name, row.intended_status, row.ports }, { id, nil, nil, nil })
    sim:fault { name = "get.false_null" }
    t:equal((sim:get(id)), nil)
    sim:fault { name = "get.unknown_status" }
    t:equal(sim:get(id).actual_status, "hibernating")
    t:equal(sim:get(id).id, id)
  end)

  t:case("destroys that do not destroy, and one that does in spite of its answer", function()
    local sim = testing.new()
    local id = sim:rent()
    local path = "/api/v0/instances/" .. id .. "/"
    sim:fault { name = "destroy.500" }
    t:equal((sim:call("DELETE", path)), 500)
    t:ok(sim:get(id))
    sim:fault { name = "destroy.hang" }
    t:equal(select(3, sim:call("DELETE", path)).hang, true)
    sim:fault { name = "destroy.accepted_not_done", polls = 3 }
    t:equal(select(2, sim:call("DELETE", path)).success, true)
    for _ = 1, 3 do
      t:ok(sim:get(id), "still there")
      t:ok(#sim.world.ledger:open() > 0, "still billed")
    end
    t:equal((sim:get(id)), nil)
    t:equal(sim.world.ledger:open(), {})
    id = sim:rent()
    sim:fault { name = "destroy.accepted_not_done", polls = 1, released = true }
    sim:call("DELETE", "/api/v0/instances/" .. id .. "/")
    t:equal(sim.world.ledger:open(), {}, "the money ends")
    t:equal({ sim:get(id).cur_state, (sim:get(id)) }, { "unloaded" })
    id = sim:rent()
    sim:fault { name = "destroy.accepted_not_done" }
    sim:call("DELETE", "/api/v0/instances/" .. id .. "/")
    for _ = 1, 50 do
      t:ok(sim:get(id), "for ever")
    end
    sim:fault { name = "destroy.500", done = true }
    t:equal((sim:call("DELETE", "/api/v0/instances/" .. id .. "/")), 500)
    t:equal((sim:get(id)), nil)
  end)

  t:case("the whole service", function()
    local sim = testing.new()
    sim:fault { name = "api.down", sticky = true }
    t:equal(select(3, sim:call("GET", "/api/v1/instances/")).drop, true)
    sim.world.faults:clear("api.down")
    sim:fault { name = "api.429" }
    local status, _, response = sim:call("GET", "/api/v1/instances/")
    t:equal({ status, response.body }, { 429, "API requests too frequent" })
    sim:fault { name = "api.auth" }
    t:equal(select(2, sim:call("GET", "/api/v1/instances/")).error, "auth_error")
    sim:fault { name = "api.html" }
    t:ok(select(3, sim:call("GET", "/api/v1/instances/")).body:find("<html", 1, true))
    sim:fault { name = "api.endless_body" }
    local size = 0
    t:raises("enough", select(3, sim:call("GET", "/api/v1/instances/")).stream, function(piece)
      size = size + #piece
      if size > 1e6 then error("enough") end
    end)
    sim:fault { name = "api.slow", seconds = 7 }
    t:equal(select(3, sim:call("GET", "/api/v1/instances/")).delay, 7)
    sim:fault { name = "offers.nulls" }
    t:equal(sim:search()[1].dph_base, nil)
    sim:fault { name = "offers.empty" }
    t:equal(sim:search(), {})
    t:ok(#sim:search() > 0)
  end)

  t:case("the control address: ledger, machines, requests without secrets, settings, reset", function()
    local sim = testing.new()
    local control = { face = "control" }
    local id, _, made = sim:rent()
    sim:get(id, { key = made.instance_api_key })
    sim:call("GET", "/api/v1/instances/?api_key=" .. sim.key, nil, { key = false })
    local _, value, response = sim:call("GET", "/requests", nil, control)
    t:ok(not response.body:find(sim.key, 1, true), "the account's key is shown")
    t:ok(not response.body:find(made.instance_api_key, 1, true), "the machine's key is shown")
    local list = value.requests
    t:equal({ list[#list].key, list[#list].legacy_key, list[#list - 1].key, list[2].status },
      { "account", true, "instance", 200 })
    t:equal(list[2].body.label, "cplz-test-1")
    _, value = sim:call("GET", "/ledger", nil, control)
    t:equal({ #value.rows, #value.open }, { 4, 4 })
    t:equal(select(2, sim:call("GET", "/ledger?token=other", nil, control)).total, 0)
    t:equal(select(2, sim:call("GET", "/machines", nil, control)).machines[1].id, id)
    t:equal((sim:call("POST", "/fault", { name = "no.such" }, control)), 400)
    t:equal((sim:call("POST", "/fault", { name = "api.down", sticky = true }, control)), 200)
    t:equal(#select(2, sim:call("GET", "/world", nil, control)).faults, 1)
    t:equal((sim:call("DELETE", "/fault", nil, control)), 200)
    t:equal((sim:call("POST", "/set", { time_scale = 50, key = "second-key" }, control)), 200)
    t:equal(sim.world.settings.time_scale, 50)
    t:equal((sim:call("GET", "/api/v0/users/current/", nil, { key = "second-key" })), 200)
    t:equal((sim:call("POST", "/set", { revoke = "second-key" }, control)), 200)
    t:equal((sim:call("GET", "/api/v0/users/current/", nil, { key = "second-key" })), 404)
    t:equal((sim:call("POST", "/set", { tme_scale = 50 }, control)), 400)
    t:equal((sim:call("POST", "/instance/" .. id, { action = "fly" }, control)), 400)
    t:equal((sim:call("POST", "/instance/1", { action = "outbid" }, control)), 404)
    local before = sim.world.time
    sim:call("POST", "/advance", { seconds = 3600 }, control)
    t:equal(sim.world.time - before, 3615)
    t:equal((sim:call("POST", "/reset", {}, control)), 200)
    t:equal(#sim.world.ledger.rows, 0)
  end)

  t:case("after a reset the stock is as it was, and no id or key of a machine comes back", function()
    local sim = testing.new { lambda_keys = { "lambda-key" } }
    local seen, stock = {}, nil
    for _ = 1, 4 do
      local offers = {}
      for i, offer in ipairs(sim.world.vast.offers) do
        offers[i] = { offer.id, offer.machine_id, offer.gpu_name, offer.dph_base }
      end
      stock = stock or offers
      t:equal(offers, stock)
      local ids = {}
      for _ = 1, 3 do
        local id, _, made = sim:rent()
        ids[#ids + 1], ids[#ids + 2] = id, made.instance_api_key
        local key = sim.world.lambda.random:hex(32) -- as a launch makes ids
        ids[#ids + 1] = key
      end
      for _, id in ipairs(ids) do
        t:equal(seen[id], nil, "it came back")
        seen[id] = true
      end
      t:equal((sim:call("POST", "/reset", {}, { face = "control" })), 200)
    end
  end)

  -- One look at everything, at which any fault can happen.
  local function tour(sim)
    local control, registry = { face = "control" }, { face = "registry", key = false }
    sim:call("POST", "/api/v0/bundles/", {})
    for _, price in ipairs { 0.4, 0.4, false } do
      local offer = sim.world.vast.offers[1]
      for _, each in ipairs(sim.world.vast.offers) do
        offer = not each.rented_by and (each.min_bid or 9) < 0.4 and each or offer
      end
      sim:call("PUT", "/api/v0/asks/" .. offer.id .. "/", { image = "x", label = "tour",
        price = price or nil })
    end
    sim:pass(100)
    local _, page = sim:call("GET", "/api/v1/instances/")
    sim:call("GET", "/api/v1/instances/?after_token=" .. (page and page.next_token or ""))
    for _, instance in ipairs(sim.world.vast:each()) do
      sim:call("GET", "/api/v0/instances/" .. instance.id .. "/")
      sim:call("GET", "/api/v0/instances/" .. instance.id .. "/", nil, { key = instance.key })
      sim:call("POST", "/instance/" .. instance.id, { action = "outbid" }, control)
      sim:call("DELETE", "/api/v0/instances/" .. instance.id .. "/")
    end
    sim:call("GET", "/v2/library/tiny-sim/manifests/latest", nil, registry)
    sim.world.hooks.downloads = function() return { tgz = "archive" } end
    for _ = 1, 2 do
      sim:call("GET", "/asset/ollama-linux-amd64.tgz", nil, registry)
    end
    for _, name in ipairs { "pull.stall", "pull.error", "pull.slow", "gpu.unused" } do
      sim:call("POST", "/take", { name = name }, control)
    end
  end

  t:case("every fault that can be ordered happens, once, at its place", function()
    local here = faults.at("vast") -- what happens at Lambda alone: test_cloudsim_lambda_faults.lua
    t:equal(here["boot.unhealthy"], nil)
    for name in sorted(faults.names) do
      local sim = testing.new()
      sim:fault { name = name, mode = "drop", seconds = 1, polls = 1 }
      tour(sim)
      t:equal(sim.world.faults.fired, here[name] and { name } or {})
      tour(sim)
      t:equal(sim.world.faults.fired, here[name] and { name } or {}, "it happened twice")
    end
  end)

  t:case("every fault that can be ordered is in the README", function()
    local text = assert(files.read(files.join(t.root, "cloudsim", "README.md")))
    for name in sorted(faults.names) do
      t:ok(text:find("`" .. name .. "`", 1, true), name .. " is not described")
    end
    local wanted = table.concat(faults.lines(), "\n")
    t:ok(text:find(wanted, 1, true), "tests/cloudsim/README.md must hold:\n" .. wanted)
  end)

  t:case("registry: exact sums, unknown names, cloud names without layers", function()
    local sim = testing.new()
    local registry = { face = "registry", key = false }
    for name, bytes in sorted { ["qwen3-coder:30b"] = 18556700761, ["qwen2.5-coder:32b"] = 19851349898,
      ["gpt-oss:120b"] = 65369818941, ["codellama:70b"] = 38872431643,
      ["deepseek-coder-v2:236b"] = 132912470986 } do
      local model, tag = name:match("^(.*):(.*)$")
      local _, value = sim:call("GET", ("/v2/library/%s/manifests/%s"):format(model, tag), nil, registry)
      local sum = 0
      for _, layer in ipairs(value.layers) do
        sum = sum + layer.size
        t:ok(layer.digest:find("^sha256:%x+$") and #layer.digest == 71)
      end
      t:equal(sum, bytes, name)
      t:equal(value.layers[1].mediaType, "application/vnd.ollama.image.model")
    end
    t:equal((sim:call("GET", "/v2/library/qwen2.5-coder/manifests/72b", nil, registry)), 404)
    t:equal((sim:call("GET", "/v2/somebody/qwen3-coder/manifests/30b", nil, registry)), 404)
    local status, value = sim:call("GET", "/v2/library/qwen3-coder/manifests/480b-cloud", nil, registry)
    t:equal({ status, value.layers }, { 200, {} })
    sim:fault { name = "registry.down" }
    t:equal(select(3, sim:call("GET", "/v2/library/qwen3-coder/manifests/30b", nil, registry)).drop, true)
  end)

  t:case("registry: a blob redirects to storage, which knows ranges", function()
    local sim = testing.new()
    local layer = models.layers(models.find("qwen3-coder:30b"))[1]
    local registry = { face = "registry", key = false, headers = {} }
    local status, _, response = sim:call("GET", "/v2/library/qwen3-coder/blobs/" .. layer.digest, nil,
      registry)
    t:equal(status, 307)
    local path = response.headers.Location:match("^http://[^/]+(/.*)$")
    registry.headers.range = "bytes=0-999"
    status, _, response = sim:call("GET", path, nil, registry)
    t:equal({ status, #response.body, response.body:sub(1, 4) }, { 206, 1000, "GGUF" })
    t:equal(response.headers["Content-Range"], "bytes 0-999/" .. layer.size)
    registry.headers.range = ("bytes=%d-"):format(layer.size - 5)
    t:equal(#select(3, sim:call("GET", path, nil, registry)).body, 5)
    registry.headers.range = ("bytes=%d-"):format(layer.size)
    t:equal((sim:call("GET", path, nil, registry)), 416)
    registry.headers.range = nil
    t:equal(select(3, sim:call("HEAD", path, nil, registry)).headers["Content-Length"], tostring(layer.size))
    t:equal((sim:call("GET", "/v2/library/x/blobs/sha256:00", nil, registry)), 404)
  end)
end
