-- SPDX-License-Identifier: MIT
-- The Lambda face against facts/lambda.md §2.1–2.6, §2.8, by its pure handler.
local host = require "base.host"
local keys = require "base.keys"
local loader = require "base.loader"
local sorted = require "base.sorted"

local LAMBDA = {face = "lambda"}
local PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Zp0wq1mVxk9c5J3uS2o8bq7tQe4n6fYhR2aLwK1dX me"

return function(t)
  local testing = loader.new{host = host, scripts = {t.root}, user = false}.require("cloudsim.testing")

  -- A call after a pause: → data or nil, status, error's code, whole answer, response
  local function ask(sim, method, path, body, options)
    local status, value, response = sim:call(method, "/api/v1" .. path, body, options or LAMBDA)
    return value and value.data, status, value and value.error and value.error.code, value, response
  end

  local function refused(sim, status, code, ...)
    local _, got, why, value = ask(sim, ...)
    t:equal({got, why}, {status, code})
    t:equal(type(value.error.message), "string")
  end

  local function order(more)
    local body = {region_name = "us-west-1", instance_type_name = "gpu_1x_a6000", ssh_key_names = {"run"}, name = "cplz-1",
      hostname = "cplz-1", tags = {{key = "cplz:run", value = "7f3a"}}}
    for name, value in sorted(more or {}) do
      body[name] = value or nil
    end
    return body
  end

  local function ready(options)
    local sim = testing.new(options)
    local key = ask(sim, "POST", "/ssh-keys", {name = "run", public_key = PUBLIC})
    return sim, key
  end

  local function launch(sim, more)
    local data, status, code = ask(sim, "POST", "/instance-operations/launch", order(more))
    return data and data.instance_ids[1], status, code
  end

  local function get(sim, id)
    return ask(sim, "GET", "/instances/" .. id)
  end

  local function terminate(sim, ...)
    return ask(sim, "POST", "/instance-operations/terminate", {instance_ids = {...}})
  end

  local function open_rows(sim)
    return #sim.world.ledger:open()
  end

  t:case("the key: Bearer or Basic; 401 without, 403 when inactive; each cloud may have its own", function()
    local sim = testing.new()
    t:equal(select(2, ask(sim, "GET", "/instances")), 200)
    for _, header in ipairs{"Basic " .. keys.base64(sim.key .. ":"), "bearer " .. sim.key} do
      t:equal(select(2, ask(sim, "GET", "/instances", nil, {face = "lambda", key = false, headers = {authorization = header}})), 200)
    end
    refused(sim, 401, "global/invalid-api-key", "GET", "/instances", nil, {face = "lambda", key = "wrong"})
    refused(sim, 401, "global/invalid-api-key", "GET", "/instances", nil, {face = "lambda", key = false})
    for mode, code in sorted{inactive = "global/account-inactive", forbidden = "global/forbidden"} do
      sim:fault{name = "api.auth", mode = mode}
      refused(sim, 403, code, "GET", "/instances")
    end
    sim = testing.new{keys = {"v"}, lambda_keys = {"l"}}
    refused(sim, 401, "global/invalid-api-key", "GET", "/instances", nil, {face = "lambda", key = "v"})
    t:equal(select(2, ask(sim, "GET", "/instances", nil, {face = "lambda", key = "l"})), 200)
    t:equal((sim:call("GET", "/api/v1/instances/", nil, {key = "v"})), 200)
    t:equal((sim:call("GET", "/api/v1/instances/", nil, {key = "l"})), 404)
  end)

  t:case("unknown routes, bodies that are no JSON", function()
    local sim = testing.new()
    refused(sim, 404, "global/not-found", "GET", "/nothing")
    refused(sim, 404, "global/not-found", "DELETE", "/instances")
    refused(sim, 400, "global/invalid-parameters", "POST", "/ssh-keys", "{broken")
    refused(sim, 400, "global/invalid-parameters", "POST", "/ssh-keys", "7")
    refused(sim, 400, "global/invalid-parameters", "POST", "/instance-operations/launch")
  end)

  t:case("one call a second, one launch in twelve; three shapes of 429", function()
    local sim = testing.new{settings = {lambda_burst = 1}}
    local function send(method, path, body)
      return sim:send(method, "/api/v1" .. path, body, LAMBDA)
    end
    t:equal((send("GET", "/instances")), 200)
    t:equal((send("GET", "/regions")), 429)
    sim:pass(1)
    t:equal((send("GET", "/regions")), 200)
    for shape, pattern in sorted{json = '"error"', empty = "^$", html = "banned you temporarily"} do
      sim.world.settings.lambda_429 = shape
      local status, _, response = send("GET", "/regions")
      t:equal(status, 429)
      t:ok(response.body:find(pattern), shape)
      t:equal(response.headers["Retry-After"], nil)
    end
    sim.world.settings.lambda_retry_after = 2
    t:equal(select(3, send("GET", "/regions")).headers["Retry-After"], "2")
    sim:pass(20)
    t:equal((send("POST", "/instance-operations/launch", {})), 400)
    sim:pass(11)
    t:equal((send("POST", "/instance-operations/launch", {})), 429)
    sim:pass(1)
    t:equal((send("POST", "/instance-operations/launch", {})), 400)
    local fast = testing.new{time_scale = 100, settings = {lambda_burst = 2}}
    local seen = {}
    for i = 1, 4 do
      seen[i] = fast:send("GET", "/api/v1/regions", nil, LAMBDA)
      fast:pass(i == 3 and 0.01 or 0)
    end
    t:equal(seen, {200, 200, 429, 200})
  end)

  t:case("instance types: a map by name, prices in whole cents, VRAM in the description", function()
    local sim = testing.new()
    local map, _, _, _, response = ask(sim, "GET", "/instance-types")
    t:equal(map.gpu_1x_a6000, {instance_type = {name = "gpu_1x_a6000", description = "1x A6000 (48 GB)",
      gpu_description = "A6000 (48 GB)", price_cents_per_hour = 109,
      specs = {vcpus = 14, memory_gib = 100, storage_gib = 512, gpus = 1}}, regions_with_capacity_available = {
      {name = "us-west-1", description = "California, USA"}, {name = "us-south-1", description = "South Texas, USA"}}})
    t:equal(map.gpu_1x_a100.regions_with_capacity_available, {})
    t:ok(response.body:find('"regions_with_capacity_available":[]', 1, true), "an empty array")
    t:equal(map.gpu_1x_gh200.instance_type.specs.architecture, nil)
    sim.world.settings.lambda_architecture = true
    t:equal(ask(sim, "GET", "/instance-types").gpu_1x_gh200.instance_type.specs.architecture, "arm64")
    sim:fault{name = "offers.empty"}
    for _, row in sorted(ask(sim, "GET", "/instance-types")) do
      t:equal(row.regions_with_capacity_available, {})
    end
    sim:fault{name = "offers.empty", mode = "data"}
    t:equal(ask(sim, "GET", "/instance-types"), {})
    sim:fault{name = "offers.nulls", fields = {"price_cents_per_hour"}}
    local row = ask(sim, "GET", "/instance-types").gpu_1x_a10.instance_type
    t:equal({row.price_cents_per_hour, row.name}, {nil, "gpu_1x_a10"})
  end)

  t:case("regions, images per region and architecture, file systems", function()
    local sim = testing.new()
    t:equal(ask(sim, "GET", "/regions")[1], {name = "us-west-1", description = "California, USA"})
    local seen = {}
    for _, row in ipairs(ask(sim, "GET", "/images")) do
      if row.region.name == "us-east-1" then
        seen[#seen + 1] = row.family .. " " .. row.architecture
      end
      t:ok(row.id:find("^%x+$") and #row.id == 32 and row.created_time and row.version)
    end
    t:equal(seen[#seen], "lambda-stack-24-04 arm64")
    t:equal(ask(sim, "GET", "/file-systems")[1].created_by.email, "ada@example.org")
  end)

  t:case("SSH keys: names are unique, a key may be made by the server, unknown ones are missing", function()
    local sim, key = ready()
    t:equal({key.name, key.public_key, #key.id, #key.workspace_id}, {"run", PUBLIC, 32, 32})
    refused(sim, 400, "global/duplicate", "POST", "/ssh-keys", {name = "run", public_key = PUBLIC})
    refused(sim, 400, "global/invalid-parameters", "POST", "/ssh-keys", {name = ("x"):rep(65), public_key = PUBLIC})
    refused(sim, 400, "global/invalid-parameters", "POST", "/ssh-keys", {name = "x", public_key = "no key"})
    refused(sim, 400, "global/invalid-parameters", "POST", "/ssh-keys", {name = "x", public_key = PUBLIC .. ("x"):rep(4096)})
    local made = ask(sim, "POST", "/ssh-keys", {name = "made"})
    t:ok(made.private_key:find("PRIVATE KEY") and made.public_key:find("^ssh%-rsa "))
    local list = ask(sim, "GET", "/ssh-keys")
    t:equal({#list, list[3].name, list[3].private_key}, {3, "made", nil})
    t:equal({ask(sim, "DELETE", "/ssh-keys/" .. key.id)}, {{}, 200, nil, {data = {}}, select(5, ask(sim, "DELETE", "/ssh-keys/" .. made.id))})
    refused(sim, 404, "global/object-does-not-exist", "DELETE", "/ssh-keys/" .. key.id)
  end)

  t:case("launch: the rule of every field", function()
    local sim = ready()
    local invalid = {{region_name = false}, {instance_type_name = false}, {ssh_key_names = false}, {ssh_key_names = {}},
      {ssh_key_names = {"run", "ada-laptop"}}, {ssh_key_names = "run"}, {region_name = "mars-1"}, {name = ("n"):rep(65)},
      {hostname = "Big"}, {hostname = "-a"}, {hostname = ("h"):rep(64)}, {user_data = ("u"):rep(1048577)}, {user_data = {}},
      {image = {}}, {image = {id = "1", family = "2"}}, {image = "x"}, {tags = {key = "x"}}, {tags = {{key = "A:b", value = ""}}},
      {tags = {{key = "a" .. ("b"):rep(55), value = ""}}}, {tags = {{key = "ab", value = ("v"):rep(129)}}}, {tags = {{key = "ab"}}},
      {file_system_mounts = {{mount_point = "/etc", file_system_id = "1"}}}, {firewall_rulesets = "x"}, {file_system_names = "x"}}
    for _, more in ipairs(invalid) do
      refused(sim, 400, "global/invalid-parameters", "POST", "/instance-operations/launch", order(more))
    end
    local missing = {{instance_type_name = "gpu_9x"}, {ssh_key_names = {"nobody"}}, {image = {family = "windows"}},
      {image = {id = "00"}}, {firewall_rulesets = {{id = "00"}}}, {file_system_names = {"none"}}}
    for _, status in ipairs{404, 400} do
      sim.world.settings.lambda_missing_status = status
      for _, more in ipairs(missing) do
        refused(sim, status, "global/object-does-not-exist", "POST", "/instance-operations/launch", order(more))
      end
    end
    refused(sim, 400, "instance-operations/launch/file-system-in-wrong-region", "POST", "/instance-operations/launch",
      order{file_system_names = {"ada-data"}, region_name = "us-south-1"})
    for _, row in ipairs(ask(sim, "GET", "/images")) do
      if row.region.name == "us-east-1" and row.family == "ubuntu-22-04" then
        refused(sim, 400, "global/object-does-not-exist", "POST", "/instance-operations/launch", order{image = {id = row.id}})
      end
    end
    t:equal(#sim.world.lambda.order, 0)
    t:equal(select(2, launch(sim, {quantity = 1, file_system_names = {"ada-data"}, user_data = ("u"):rep(1048576),
      image = {family = "lambda-stack-22-04"}, unknown_field = 1})), 200)
  end)

  t:case("no stock: the normal 400; the last one empties the list; quota", function()
    local sim = ready()
    t:equal({launch(sim, {instance_type_name = "gpu_1x_a100"})}, {nil, 400, "instance-operations/launch/insufficient-capacity"})
    sim:fault{name = "create.no_capacity"}
    t:equal({launch(sim)}, {nil, 400, "instance-operations/launch/insufficient-capacity"})
    t:equal(#ask(sim, "GET", "/instance-types").gpu_1x_a6000.regions_with_capacity_available, 1)
    t:equal({launch(sim)}, {nil, 400, "instance-operations/launch/insufficient-capacity"})
    for _ = 1, 3 do
      t:ok(launch(sim, {region_name = "us-south-1"}))
    end
    t:equal(ask(sim, "GET", "/instance-types").gpu_1x_a6000.regions_with_capacity_available, {})
    sim.world.settings.lambda_instance_quota = 3
    t:equal({launch(sim, {region_name = "us-east-1", instance_type_name = "gpu_1x_a10"})}, {nil, 400, "global/quota-exceeded"})
  end)

  t:case("booting without ip, with ip, active; the object as the facts show it", function()
    local sim = ready()
    local id = launch(sim)
    t:ok(id:find("^%x+$") and #id == 32)
    local seen = {}
    for _ = 1, 25 do
      sim:pass(1)
      local row = select(2, sim:send("GET", "/api/v1/instances/" .. id, nil, LAMBDA)).data
      local look = row.status .. (row.ip and " ip" or "") .. (row.actions.terminate.available and " end" or "")
      seen[#seen + 1] = seen[#seen] ~= look and look or nil
    end
    t:equal(seen, {"booting", "booting end", "booting ip end", "active ip end"})
    local row = get(sim, id)
    t:equal({row.id, row.name, row.hostname, row.tags, row.ssh_key_names, row.region.name, row.file_system_names, row.firewall_rulesets},
      {id, "cplz-1", "cplz-1", {{key = "cplz:run", value = "7f3a"}}, {"run"}, "us-west-1", {}, {}})
    t:equal({row.instance_type.price_cents_per_hour, row.is_reserved, #row.workspace_id}, {109, false, 32})
    t:ok(row.jupyter_url:find(row.jupyter_token, 1, true))
    t:equal(row.actions.migrate.reason_code, "vm-is-too-old")
    t:equal({row.user_data, row.created}, {nil, nil})
    t:equal(ask(sim, "GET", "/instances"), {row})
    t:equal(ask(sim, "GET", "/instances?cluster_id=1"), {})
    t:equal(ask(sim, "POST", "/instances/" .. id, {name = "other"}).name, "other")
    refused(sim, 400, "global/invalid-parameters", "POST", "/instances/" .. id, {name = ("x"):rep(65)})
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
    t:equal({row.provider, row.id, row.kind, row.rate, row.token, row.step}, {"lambda", id, "gpu", 1.09, "cplz-1", 60})
    sim:pass(59.5)
    local ledger = function(token) return select(2, sim:call("GET", "/ledger?token=" .. token, nil, {face = "control"})) end
    t:equal(ledger("7f3a").total, 2 * 60 * 1.09 / 3600)
    t:equal({ledger("cplz-1").total, ledger("other").total}, {2 * 60 * 1.09 / 3600, 0})
    local shown, status = terminate(sim, id)
    t:equal({status, shown.terminated_instances[1].status, shown.terminated_instances[1].id}, {200, "terminating", id})
    t:equal(open_rows(sim), 0)
    t:equal(sim.world:credit(sim.world.accounts[48211]), 18.42, "the credit at Vast")
    sim = ready{settings = {lambda_bill_until = "terminated"}}
    id = launch(sim)
    sim:pass(30)
    terminate(sim, id)
    t:equal(open_rows(sim), 1)
    sim:pass(60)
    t:equal(open_rows(sim), 0)
  end)

  t:case("terminate: some looks later it is gone; or it still answers, or is still listed", function()
    for style, wanted in sorted{gone = {404, 0}, get = {200, 0}, listed = {200, 1}} do
      local sim = ready{settings = {lambda_terminated = style}}
      local id = launch(sim)
      sim:pass(30)
      terminate(sim, id)
      t:equal(get(sim, id).status, "terminating")
      t:equal(ask(sim, "GET", "/instances")[1].status, "terminating")
      local row, status = get(sim, id)
      t:equal({status, #ask(sim, "GET", "/instances"), row and row.status}, {wanted[1], wanted[2], status == 200 and "terminated" or nil})
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
      local status, value = sim:send("POST", "/api/v1/instance-operations/terminate", {instance_ids = {...}}, LAMBDA)
      return status, value.error and value.error.code
    end
    t:equal({now(id)}, {409, "global/conflict"})
    t:equal(now(id), 200)
    t:equal({now(id)}, {404, "global/object-does-not-exist"})
    sim.world.settings.lambda_second_terminate = "unknown"
    t:equal({now(id)}, {500, "global/unknown"})
    sim.world.settings.lambda_second_terminate = "ok"
    t:equal(now(id), 200)
    t:equal({now("00")}, {404, "global/object-does-not-exist"})
    for _, body in ipairs{{}, {instance_ids = {}}, {instance_ids = {7}}, {instance_ids = "x"}} do
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
    local status = sim:send("POST", "/api/v1/instance-operations/restart", {instance_ids = {id}}, LAMBDA)
    t:equal(status, 409)
    sim:pass(30)
    local data = ask(sim, "POST", "/instance-operations/restart", {instance_ids = {id}})
    t:equal(data.restarted_instances[1].status, "booting")
    sim:pass(10)
    t:equal(get(sim, id).status, "active")
    t:equal(#sim.world.ledger.rows, 1)
    refused(sim, 404, "global/object-does-not-exist", "POST", "/instance-operations/restart", {instance_ids = {"00"}})
  end)

  t:case("audit events: pages, a window of time, the one key beside data", function()
    local sim = ready{settings = {lambda_page = 2}}
    local id = launch(sim)
    sim:pass(30)
    terminate(sim, id)
    local data, _, _, value = ask(sim, "GET", "/audit-events")
    t:equal({#data, data[1].action, data[2].resource_name}, {2, "create", "instance"})
    data, _, _, value = ask(sim, "GET", "/audit-events?page_token=" .. value.page_token)
    t:equal({#data, data[1].action, value.page_token}, {1, "terminate", nil})
    t:equal(ask(sim, "GET", "/audit-events?start=2030-01-01T00:00:00Z"), {})
    t:equal(#ask(sim, "GET", "/audit-events?start=2026-01-01T00:00:00Z&end=2030-01-01T00:00:00Z"), 2)
    refused(sim, 400, "global/invalid-parameters", "GET", "/audit-events?start=yesterday")
    refused(sim, 400, "global/invalid-parameters", "GET", "/audit-events?page_token=zz")
  end)
end
