-- SPDX-License-Identifier: MIT
-- The Lambda face against facts/lambda.md §2.1–2.4, by its pure handler.
local keys = require "base.keys"
local sorted = require "base.sorted"

return function(t)
  local calls = t:load("lambda_calls")(t)
  local nth, LAMBDA, PUBLIC, ask, order = calls.nth, calls.LAMBDA, calls.PUBLIC, calls.ask, calls.order
  local launch, testing, ready, refused = calls.launch, calls.testing, calls.ready, calls.refused

  t:case("the key: Bearer or Basic; 401 without, 403 when inactive; each cloud may have its own", function()
    local sim = testing.new()
    t:equal(select(2, ask(sim, "GET", "/instances")), 200)
    for _, header in ipairs { "Basic " .. keys.base64(sim.key .. ":"), "bearer " .. sim.key } do
      t:equal(select(2, ask(sim, "GET", "/instances", nil, { face = "lambda", key = false,
        headers = { authorization = header } })), 200)
    end
    refused(sim, 401, "global/invalid-api-key", "GET", "/instances", nil, { face = "lambda", key = "wrong" })
    refused(sim, 401, "global/invalid-api-key", "GET", "/instances", nil, { face = "lambda", key = false })
    for mode, code in sorted { inactive = "global/account-inactive", forbidden = "global/forbidden" } do
      sim:fault { name = "api.auth", mode = mode }
      refused(sim, 403, code, "GET", "/instances")
    end
    sim = testing.new { keys = { "v" }, lambda_keys = { "l" } }
    refused(sim, 401, "global/invalid-api-key", "GET", "/instances", nil, { face = "lambda", key = "v" })
    t:equal(select(2, ask(sim, "GET", "/instances", nil, { face = "lambda", key = "l" })), 200)
    t:equal((sim:call("GET", "/api/v1/instances/", nil, { key = "v" })), 200)
    t:equal((sim:call("GET", "/api/v1/instances/", nil, { key = "l" })), 404)
  end)

  t:case("the edge turns away what has no name, or Python's, before anything is looked at", function()
    local sim = testing.new { settings = { lambda_burst = 1 } }
    for _, agent in ipairs { false, "", "Python-urllib/3.11", "python-requests/2.31.0" } do
      for _, key in ipairs { sim.key, "wrong" } do
        local status, _, response = sim:send("GET", "/api/v1/instances", nil, { face = "lambda", key = key,
          headers = { ["user-agent"] = agent } })
        t:equal({ status, response.body }, { 403, "error code: 1010" })
      end
    end
    for _, agent in ipairs { "continueplz/0.1.0", "curl/7.88.1" } do
      t:equal((sim:call("GET", "/api/v1/instances", nil, { face = "lambda",
        headers = { ["user-agent"] = agent } })), 200)
    end
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
    local sim = testing.new { settings = { lambda_burst = 1 } }
    local function send(method, path, body)
      return sim:send(method, "/api/v1" .. path, body, LAMBDA)
    end
    t:equal((send("GET", "/instances")), 200)
    t:equal((send("GET", "/regions")), 429)
    sim:pass(1)
    t:equal((send("GET", "/regions")), 200)
    for shape, pattern in sorted { json = '"error"', empty = "^$", html = "banned you temporarily" } do
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
    local fast = testing.new { time_scale = 100, settings = { lambda_burst = 2 } }
    local seen = {}
    for i = 1, 4 do
      seen[i] = fast:send("GET", "/api/v1/regions", nil, LAMBDA)
      fast:pass(i == 3 and 0.01 or 0)
    end
    t:equal(seen, { 200, 200, 429, 200 })
  end)

  t:case("instance types: a map by name, prices in whole cents, VRAM in the description", function()
    local sim = testing.new()
    local map, _, _, response = ask(sim, "GET", "/instance-types")
    t:equal(map.gpu_1x_a6000, { instance_type = { name = "gpu_1x_a6000", description = "1x A6000 (48 GB)",
      gpu_description = "A6000 (48 GB)", price_cents_per_hour = 109, specs = { vcpus = 14, memory_gib = 100,
      storage_gib = 512, gpus = 1, architecture = "x86_64" } },
      regions_with_capacity_available = { { name = "us-west-1", description = "California, USA" },
      { name = "us-south-1", description = "South Texas, USA" } } })
    t:equal(map.gpu_1x_a100.regions_with_capacity_available, {})
    t:ok(response.body:find('"regions_with_capacity_available":[]', 1, true), "an empty array")
    for name, row in sorted(map) do
      t:equal(row.instance_type.specs.architecture, name == "gpu_1x_gh200" and "arm64" or "x86_64", name)
    end
    sim.world.settings.lambda_architecture = false
    t:equal(ask(sim, "GET", "/instance-types").gpu_1x_gh200.instance_type.specs.architecture, nil)
    sim:fault { name = "offers.empty" }
    for _, row in sorted(ask(sim, "GET", "/instance-types")) do
      t:equal(row.regions_with_capacity_available, {})
    end
    sim:fault { name = "offers.empty", mode = "data" }
    t:equal(ask(sim, "GET", "/instance-types"), {})
    sim:fault { name = "offers.nulls", fields = { "price_cents_per_hour" } }
    local row = ask(sim, "GET", "/instance-types").gpu_1x_a10.instance_type
    t:equal({ row.price_cents_per_hour, row.name }, { nil, "gpu_1x_a10" })
  end)

  t:case("regions, images per region and architecture, file systems", function()
    local sim = testing.new()
    t:equal(ask(sim, "GET", "/regions")[1], { name = "us-west-1", description = "California, USA" })
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
    t:equal({ key.name, key.public_key, #key.id, #key.workspace_id }, { "run", PUBLIC, 32, 32 })
    refused(sim, 400, "global/duplicate", "POST", "/ssh-keys", { name = "run", public_key = PUBLIC })
    refused(sim, 400, "global/invalid-parameters", "POST", "/ssh-keys", { name = ("x"):rep(65),
      public_key = PUBLIC })
    refused(sim, 400, "global/invalid-parameters", "POST", "/ssh-keys", { name = "x", public_key = "no key" })
    refused(sim, 400, "global/invalid-parameters", "POST", "/ssh-keys", { name = "x", public_key = PUBLIC
      .. ("x"):rep(4096) })
    local made = ask(sim, "POST", "/ssh-keys", { name = "made" })
    t:ok(made.private_key:find("PRIVATE KEY") and made.public_key:find("^ssh%-rsa "))
    local list = ask(sim, "GET", "/ssh-keys")
    t:equal({ #list, list[3].name, list[3].private_key }, { 3, "made", nil })
    local machine = calls.active(sim)
    refused(sim, 400, "global/invalid-parameters", "DELETE", "/ssh-keys/" .. key.id)
    ask(sim, "POST", "/instance-operations/terminate", { instance_ids = { machine } })
    refused(sim, 400, "global/invalid-parameters", "DELETE", "/ssh-keys/" .. key.id)
    sim:pass(60)
    for _, id in ipairs { key.id, made.id } do
      t:equal(nth(4, ask(sim, "DELETE", "/ssh-keys/" .. id)).body, '{"data":{}}')
    end
    refused(sim, 404, "global/object-does-not-exist", "DELETE", "/ssh-keys/" .. key.id)
  end)

  t:case("launch: the rule of every field", function()
    local sim = ready()
    local invalid = { { region_name = false }, { instance_type_name = false }, { ssh_key_names = false },
      { ssh_key_names = {} }, { ssh_key_names = { "run", "ada-laptop" } }, { ssh_key_names = "run" },
      { region_name = "mars-1" }, { name = ("n"):rep(65) }, { hostname = "Big" }, { hostname = "-a" },
      { hostname = ("h"):rep(64) }, { user_data = ("u"):rep(1048577) }, { user_data = {} }, { image = {} },
      { image = { id = "1", family = "2" } }, { image = "x" }, { tags = { key = "x" } },
      { tags = { { key = "A:b", value = "" } } }, { tags = { { key = "a" .. ("b"):rep(55), value = "" } } },
      { tags = { { key = "ab", value = ("v"):rep(129) } } }, { tags = { { key = "ab" } } },
      { file_system_mounts = { { mount_point = "/etc", file_system_id = "1" } } },
      { firewall_rulesets = "x" }, { file_system_names = "x" } }
    for _, more in ipairs(invalid) do
      refused(sim, 400, "global/invalid-parameters", "POST", "/instance-operations/launch", order(more))
    end
    local missing = { { instance_type_name = "gpu_9x" }, { ssh_key_names = { "nobody" } },
      { image = { family = "windows" } }, { image = { id = "00" } },
      { firewall_rulesets = { { id = "00" } } }, { file_system_names = { "none" } } }
    for _, status in ipairs { 404, 400 } do
      sim.world.settings.lambda_missing_status = status
      for _, more in ipairs(missing) do
        refused(sim, status, "global/object-does-not-exist", "POST", "/instance-operations/launch",
          order(more))
      end
    end
    refused(sim, 400, "instance-operations/launch/file-system-in-wrong-region", "POST",
      "/instance-operations/launch", order { file_system_names = { "ada-data" }, region_name = "us-south-1" })
    for _, row in ipairs(ask(sim, "GET", "/images")) do
      if row.region.name == "us-east-1" and row.family == "ubuntu-22-04" then
        refused(sim, 400, "global/object-does-not-exist", "POST", "/instance-operations/launch",
          order { image = { id = row.id } })
      end
    end
    t:equal(#sim.world.lambda.order, 0)
    t:equal(select(2, launch(sim, { quantity = 1, file_system_names = { "ada-data" },
      user_data = ("u"):rep(1048576), image = { family = "lambda-stack-22-04" }, unknown_field = 1 })), 200)
  end)

  t:case("no stock: the normal 400; the last one empties the list; quota", function()
    local sim = ready()
    t:equal(nth(3, launch(sim, { instance_type_name = "gpu_1x_a100" })),
      "instance-operations/launch/insufficient-capacity")
    sim:fault { name = "create.no_capacity" }
    t:equal(nth(3, launch(sim)), "instance-operations/launch/insufficient-capacity")
    t:equal(#ask(sim, "GET", "/instance-types").gpu_1x_a6000.regions_with_capacity_available, 1)
    t:equal(nth(3, launch(sim)), "instance-operations/launch/insufficient-capacity")
    for _ = 1, 3 do
      t:ok(launch(sim, { region_name = "us-south-1" }))
    end
    t:equal(ask(sim, "GET", "/instance-types").gpu_1x_a6000.regions_with_capacity_available, {})
    sim.world.settings.lambda_instance_quota = 3
    t:equal(nth(3, launch(sim, { region_name = "us-east-1", instance_type_name = "gpu_1x_a10" })),
      "global/quota-exceeded")
  end)
end
