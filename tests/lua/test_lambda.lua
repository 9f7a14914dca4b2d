-- SPDX-License-Identifier: MIT
-- The Lambda provider: what its fake.answers mean, and what it sends, against scripted answers.
local json = require "base.json"
local keys = require "base.keys"
local facts = require "providers.lambda.parse"

local HOME = "/home/user/.continueplz"
local KEY = "secret_continueplz_0123456789abcdef"
local ID = "0920582c7ff041399e34823a0be62549"

local function problem(status, text)
  return facts.problem(status, text, json.decode(text))
end

local function wrong(code, message)
  return json.encode { error = { code = code, message = message or "Some words." } }
end

return function(t)
  local fake = t:load("fakehost")

  -- Runs fn(provider, require) in a replaced world whose cloud fake.answers with `http`. → results, the
  -- requests that were sent, the world
  local function run(http, fn, env)
    local s = fake.new { http = http, env = { HOME = "/home/user", LAMBDA_API_KEY = env or KEY } }
    local p = s:start(function(require)
      require("config.effective").load(HOME)
      return fn(require "providers.lambda", require)
    end)
    s:run()
    local sent = {}
    for index, each in ipairs(s.requests) do
      sent[index] = each.request
      sent[index].at = each.at
    end
    return table.pack(p:result()), sent, s
  end

  -- kind, code and message of the failure of fn, and what was sent
  local function failing(http, fn)
    local results, sent = run(http, function(provider, require)
      local ok, failure = require("base.fail").try(fn, provider, require)
      return ok, type(failure) == "table" and failure.kind or failure,
        type(failure) == "table" and failure.code or nil, type(failure) == "table" and failure.message or nil
    end)
    t:equal(results[1], false, "it fails")
    return results[2], results[3], results[4], sent
  end

  local function paths(sent)
    local list = {}
    for index, each in ipairs(sent) do
      list[index] = each.method .. " " .. each.path
    end
    return list
  end

  t:case("error bodies: the code decides, a page is never data", function()
    local rows = {
      { 401, wrong "global/invalid-api-key", "auth" }, { 403, wrong "global/account-inactive", "funds" },
      { 403, wrong "global/invalid-address", "funds" }, { 403, wrong "global/forbidden", "refused" },
      { 400, wrong "global/invalid-parameters", "refused" },
      { 404, wrong "global/object-does-not-exist", "refused", "gone" },
      { 400, wrong "global/object-does-not-exist", "refused" }, { 404, wrong "global/not-found", "refused" },
      { 404, "{}", "refused" }, { 401, "{}", "auth" }, { 404, "<html>proxy</html>", "broken" },
      { 401, "<html>proxy</html>", "broken" }, { 400, wrong "global/quota-exceeded", "quota" },
      { 400, wrong "global/duplicate", "refused", "duplicate" }, { 409, wrong "global/conflict",
        "transient", "busy" }, { 500, wrong "global/internal-error", "transient" },
      { 400, wrong "global/unknown", "transient", "unknown" },
      { 503, wrong "provider/internal-unavailable", "transient" },
      { 400, wrong "instance-operations/launch/insufficient-capacity", "capacity" },
      { 400, wrong "brand/new", "refused" }, { 429, wrong "global/rate", "rate" }, { 429, "", "rate" },
      { 429, "<html>You have been banned you temporarily</html>", "rate" },
      { 403, "<html>banned you temporarily</html>", "rate" }, { 502, "<html>", "transient" },
      { 200, "<html>", "broken" }, { 200, "", "broken" }, { 200, "{}", "broken" },
      { 200, wrong "global/invalid-api-key", "auth" }, { 200, '"text"', "broken" },
    }
    for _, row in ipairs(rows) do
      local found = problem(row[1], row[2])
      t:equal({ found.kind, found.code }, { row[3], row[4] }, row[1] .. " " .. row[2])
      t:ok(#found.message > 10 and not found.message:find("\n"), "a sentence")
    end
    t:equal(problem(200, '{"data":{}}'), nil)
    t:equal(problem(200, '{"data":[],"page_token":null,"new":1}'), nil)
  end)

  local function kind(name, description, cents, gpus, regions, more)
    local row = {
      instance_type = { name = name, description = gpus .. "x " .. description, gpu_description = description,
        price_cents_per_hour = cents,
        specs = { vcpus = 14, memory_gib = 100, storage_gib = 512, gpus = gpus } },
      regions_with_capacity_available = json.array {},
    }
    for index, region in ipairs(regions) do
      row.regions_with_capacity_available[index] = { name = region, description = "somewhere" }
    end
    for key, value in pairs(more or {}) do -- order: free
      row.instance_type.specs[key] = value
    end
    return row
  end

  local want = { disk_gb = 44, vram_gb = 20, hours = 8 }

  t:case("an offer: cents in dollars, one per region with capacity, memory from the description", function()
    local list, left_out = facts.offers(kind("gpu_1x_a6000", "A6000 (48 GB)", 109, 1,
      { "us-west-1", "europe-central-1" }), want, 77)
    t:equal(#list, 2)
    local offer = list[1]
    t:equal({ offer.id, offer.gpu, offer.gpus, offer.vram_gb, offer.region, offer.native_region,
      offer.on_demand, offer.spot, offer.disk_hour, offer.down_gb, offer.currency, offer.source, offer.at,
      offer.minimum_seconds }, { "gpu_1x_a6000@us-west-1", "a6000", 1, 48, "us-west", "us-west-1", 1.09, nil,
        0, 0, "USD", "api", 77, 60 })
    t:equal({ list[2].region, #left_out }, { "eu-west", 0 })
    t:equal(facts.offers(kind("gpu_1x_a6000", "A6000 (48 GB)", 109, 1, {}), want, 77), {})
  end)

  t:case("cards by name and memory", function()
    local rows = {
      { "gpu_1x_a100_sxm4", "A100 (40 GB SXM4)", 1, "a100-40" }, { "gpu_1x_a100", "A100 (40 GB PCIe)", 1,
        "a100-40" }, { "gpu_8x_a100_80gb_sxm4", "A100 (80 GB SXM4)", 8, "a100-80" }, { "gpu_1x_h100_pcie",
          "H100 (80 GB PCIe)", 1, "h100" }, { "gpu_8x_h100_sxm5gdr", "H100 (80 GB SXM5)", 8, "h100" },
      { "gpu_1x_b200_sxm6", "B200 (180 GB SXM6)", 1, "b200" }, { "gpu_8x_v100_n", "Tesla V100 (16 GB)",
        8, "v100" }, { "gpu_1x_rtx6000", "Quadro RTX 6000 (24 GB)", 1, "rtx6000" },
      { "gpu_1x_a10", "A10 (24 GB PCIe)", 1, "a10" }, { "gpu_2x_x9", "X9 (300 GB)", 2, "x9" },
    }
    for _, row in ipairs(rows) do
      local offer = facts.offers(kind(row[1], row[2], 100, row[3], { "us-east-1" }), want, 1)[1]
      t:equal({ offer.gpu, offer.gpus }, { row[4], row[3] }, row[1])
    end
    local function bandwidth(name, description)
      return facts.offers(kind(name, description, 100, 1, { "us-east-1" }), want, 1)[1].gpu_bandwidth
    end
    t:ok(bandwidth("gpu_1x_h100_sxm5", "H100 (80 GB SXM5)") > bandwidth("gpu_1x_h100_pcie",
      "H100 (80 GB PCIe)"), "form counts")
  end)

  t:case("what is left out says why", function()
    local rows = {
      { kind("gpu_1x_gh200", "GH200 (96 GB)", 229, 1, { "us-east-3" }), "ARM" },
      { kind("gpu_1x_new", "New (96 GB)", 229, 1, { "us-east-3" }, { architecture = "arm64" }), "ARM" },
      { kind("cpu_4x_general", "CPU", 20, 0, { "us-east-3" }), "GPU" },
      { kind("gpu_1x_a10", "A10 (24 GB)", 0, 1, { "us-east-3" }), "price" },
      { kind("gpu_1x_a10", "A10", 75, 1, { "us-east-3" }), "memory" },
      { kind("gpu_1x_a10", "A10 (24 GB)", 75, 1, { "us-east-3" }, { storage_gib = 30 }), "disk" },
      { kind("gpu_1x_a10", "A10 (24 GB)", 75, 1, { "us-south-1" }), "firewall" }, { json.null, "incomplete" },
      { {}, "incomplete" },
    }
    for index, row in ipairs(rows) do
      local list, left_out = facts.offers(row[1], want, 1)
      t:equal({ #list, #left_out }, { 0, 1 }, index)
      t:ok(left_out[1].reason:find(row[2], 1, true), left_out[1].reason)
    end
  end)

  t:case("regions by prefix, unknown ones by none", function()
    for native, ours in pairs { ["us-west-3"] = "us-west", ["us-south-2"] = "us-central", -- order: free
      ["us-midwest-1"] = "us-central", ["us-east-9"] = "us-east", ["europe-south-1"] = "eu-west",
      ["asia-northeast-1"] = "ap-east", ["asia-south-1"] = "ap-south",
      ["australia-east-1"] = "oceania", ["me-west-1"] = "me" } do
      t:equal(facts.region(native), ours, native)
    end
    t:equal(facts.region "moon-1", nil)
  end)

  t:case("states of a machine, its token, its price", function()
    local rows = { booting = "booting", active = "running", unhealthy = "running", terminating = "exited",
      preempted = "exited", terminated = "gone", ["brand-new"] = "unknown" }
    for native, ours in pairs(rows) do -- order: free
      t:equal(facts.instance({ id = ID, status = native }).status, ours, native)
    end
    t:equal(facts.instance({ id = ID }).status, "unknown")
    local instance = facts.instance {
      id = ID, name = "renamed", status = "active", ip = "198.51.100.2",
      tags = { { key = "other", value = "x" }, { key = "cplz:run", value = "cplz-a-b" } },
      instance_type = { name = "gpu_1x_a6000", gpu_description = "A6000 (48 GB)",
        price_cents_per_hour = 109 }, is_reserved = false,
    }
    t:equal({ instance.token, instance.ip, instance.hourly, instance.spot, instance.gpu, instance.native },
      { "cplz-a-b", "198.51.100.2", 1.09, false, "a6000", "active" })
    t:equal(facts.instance({ id = ID, name = "cplz-x", status = "booting" }).token, "cplz-x")
    t:equal(facts.instance { id = 7 }, nil)
    t:equal(facts.instance { id = "../x", status = "active" }, nil)
    t:equal(facts.instance(json.null), nil)
  end)

  t:case("offers are asked once, with patience for the limiter", function()
    local body =
      { data = { gpu_1x_a6000 = kind("gpu_1x_a6000", "A6000 (48 GB)", 109, 1, { "us-west-1" }), zzz = 5 } }
    local results, sent = run(fake.answers { { status = 429, body = "<html>banned you temporarily</html>" },
      { json = body } }, function(provider)
      return provider.offers(want)
    end)
    t:equal({ #results[1], results[1][1].id }, { 1, "gpu_1x_a6000@us-west-1" })
    t:equal(paths(sent), { "GET /api/v1/instance-types", "GET /api/v1/instance-types" })
    t:equal(sent[1].headers.authorization, "Bearer " .. KEY)
    for _, bad in ipairs { '{"data":[{"a":1}]}', "<html>", '{"data":5}' } do
      t:equal((failing(fake.answers { { body = bad } }, function(provider) return provider.offers(want) end)),
        "broken", bad)
    end
  end)

  t:case("gone is only what is said in so many words", function()
    local function status_of(answer)
      return run(fake.answers { answer }, function(provider) return provider.get(ID).status end)[1]
    end
    t:equal(status_of { status = 404, body = wrong "global/object-does-not-exist" }, "gone")
    t:equal(status_of { json = { data = { id = ID, status = "terminated" } } }, "gone")
    t:equal(status_of { json = { data = { id = ID, status = "terminating" } } }, "exited")
    local function refused(answer)
      return (failing(fake.answers { answer }, function(provider) return provider.get(ID) end))
    end
    t:equal(refused { status = 404, body = wrong "global/not-found" }, "refused")
    t:equal(refused { status = 400, body = wrong "global/object-does-not-exist" }, "refused")
    t:equal(refused { status = 401, body = wrong "global/invalid-api-key" }, "auth")
    t:equal(refused { status = 403, body = wrong "global/forbidden" }, "refused")
    t:equal(refused { status = 404, body = "<html>" }, "broken")
    t:equal(refused { json = { data = { id = "other1", status = "active" } } }, "broken")
    t:equal(refused { json = { data = json.array {} } }, "broken")
    t:equal(refused { lost = true }, "transient")
  end)

  t:case("a list is complete or it is no list; what is terminated is not in it", function()
    local function list(answer)
      return run(fake.answers { answer }, function(provider)
        local ids = {}
        for index, each in ipairs(provider.list()) do
          ids[index] = each.id
        end
        return ids
      end)[1]
    end
    t:equal(list { json = { data = json.array {} } }, {})
    t:equal(list { json = { data = { { id = "a1", status = "active" }, { id = "a2", status = "terminated" },
      { id = "a3", status = "terminating" } } } }, { "a1", "a3" })
    for _, bad in ipairs { '{"data":null}', '{"data":{}}', '{"data":[null]}', '{"data":[{"name":"x"}]}',
      "[]", "" } do
      local found = failing(fake.answers { { body = bad } }, function(provider) return provider.list() end)
      t:equal(found, "broken", bad)
    end
  end)

  local function order(more)
    local made = {
      candidate = { offer = { native = { type = "gpu_1x_a6000", region = "us-west-1" } } },
      token = "cplz-12345678-0123456789ab", user_data = "#cloud-config\n{}\n",
      ports = { { port = 20123, protocol = "udp" } }, extras = { ruleset = "c4d2" },
    }
    for key, value in pairs(more or {}) do -- order: free
      made[key] = value
    end
    return made
  end

  local function ticket(require)
    return require("base.ticket").new(function() end)
  end

  t:case("a launch says what it means", function()
    local results, sent =
      run(fake.answers { { json = { data = { instance_ids = { ID } } } } }, function(provider, require)
        return provider.create(order(), ticket(require)).id
      end)
    t:equal(results[1], ID)
    t:equal({ paths(sent)[1], sent[1].fresh }, { "POST /api/v1/instance-operations/launch", true })
    t:equal(json.decode(sent[1].body), {
      region_name = "us-west-1", instance_type_name = "gpu_1x_a6000", ssh_key_names = { order().token },
      name = order().token,
      hostname = order().token, image = { family = "lambda-stack-24-04" }, user_data = order().user_data,
      tags = { { key = "cplz:run", value = order().token } }, firewall_rulesets = { { id = "c4d2" } },
    })
    t:ok(order().token:match("^[a-z0-9][0-9a-z-]+$") and #order().token <= 63, "a host name")
  end)

  t:case("a launch that fails is sent once and told as what it is", function()
    local function create(answer)
      local found, _, _, sent = failing(fake.answers { answer }, function(provider, require)
        return provider.create(order(), ticket(require))
      end)
      t:equal(#sent, 1, "sent once")
      return found
    end
    t:equal(create { status = 400,
      body = wrong "instance-operations/launch/insufficient-capacity" }, "capacity")
    t:equal(create { status = 400, body = wrong "global/quota-exceeded" }, "quota")
    t:equal(create { status = 429, body = "" }, "rate")
    t:equal(create { json = { data = { instance_ids = json.array {} } } }, "broken")
    t:equal(create { lost = true }, "transient")
    local _, sent = run(fake.answers {}, function(provider, require)
      t:raises("Lambda takes", provider.create, order { user_data = ("x"):rep(1000001) }, ticket(require))
      t:raises("ticket", provider.create, order(), {})
    end)
    t:equal(#sent, 0)
  end)

  t:case("before a launch: an SSH key that opens nothing, a ruleset for the tunnel's port only", function()
    local results, sent = run(fake.answers { { json = { data = { id = "k1" } } },
      { json = { data = { id = "r1" } } } }, function(provider)
      return provider.prepare(order())
    end)
    t:equal(results[1], { ruleset = "r1" })
    t:equal(paths(sent), { "POST /api/v1/ssh-keys", "POST /api/v1/firewall-rulesets" })
    local key, rules = json.decode(sent[1].body), json.decode(sent[2].body)
    t:equal({ key.name, rules.name, rules.region }, { order().token, order().token, "us-west-1" })
    t:equal(rules.rules, { { protocol = "udp", port_range = { 20123, 20123 }, source_network = "0.0.0.0/0",
      description = "continueplz tunnel" } })
    local blob = keys.unbase64(key.public_key:match("^ssh%-ed25519 (%S+) "))
    t:equal({ (">s4s4"):unpack(blob) }, { "ssh-ed25519", blob:sub(-32), #blob + 1 })
    t:ok(keys.sealed() ~= keys.sealed() and #keys.sealed() == 32, "real keys, each its own")
  end)

  t:case("what was perhaps made is looked for before it is made again", function()
    local named =
      { json = { data = { { id = "other", name = "mine" }, { id = "k7", name = order().token } } } }
    for _, answer in ipairs { { lost = true }, { status = 500, body = "x" },
      { status = 400, body = wrong "global/duplicate" } } do
      local _, sent = run(fake.answers { answer, named, { json = { data = { id = "r1" } } } },
        function(provider) return provider.prepare(order()) end)
      t:equal(paths(sent),
        { "POST /api/v1/ssh-keys", "GET /api/v1/ssh-keys", "POST /api/v1/firewall-rulesets" })
    end
    local _, sent = run(fake.answers { { status = 429, body = "" }, { json = { data = json.array {} } },
      { json = { data = { id = "k" } } }, { json = { data = { id = "r1" } } } }, function(provider)
      return provider.prepare(order())
    end)
    t:equal(#sent, 4, "not there: made again")
    local found, _, _, all =
      failing(fake.answers { { status = 400, body = wrong "global/quota-exceeded" } }, function(provider)
        return provider.prepare(order())
      end)
    t:equal({ found, #all }, { "quota", 1 })
  end)

  local session = { id = ID, token = order().token }

  t:case("beside machines: keys and rulesets cost nothing, file systems bill by their bytes", function()
    local rows = { ["ssh-keys"] = { { id = "k1", name = "laptop" } }, ["firewall-rulesets"] = {},
      ["file-systems"] = { { id = "f1", name = "data", bytes_used = 730 << 30,
        created = "2026-11-20T08:00:00Z" }, { id = "f2" } } }
    local results = run(function(request)
      return { json = { data = json.array(rows[request.path:match "[^/]+$"]) } }
    end, function(provider) return provider.belongings() end)
    local told = {}
    for index, each in ipairs(results[1]) do
      told[index] = { each.kind, each.id, each.bills, each.hourly or "-", each.since or "-" }
    end
    t:equal(told, { { "SSH key", "k1", false, "-", "-" }, { "file system", "f1", true, 0.2, 1795161600 },
      { "file system", "f2", true, "-", "-" } })
  end)

  t:case("afterwards exactly what bears the token is removed, as often as it is asked", function()
    local function world()
      local here = { ["ssh-keys"] = { a1 = "laptop", a2 = session.token, a3 = session.token },
        ["firewall-rulesets"] = { b1 = session.token, b2 = "web" } }
      return here, function(request)
        local name, id = request.path:match("^/api/v1/([^/]+)/?(.*)$")
        if request.method == "DELETE" then
          if here.late then
            return { status = 404, body = wrong "global/object-does-not-exist" }
          end
          if here.busy and name == "firewall-rulesets" then
            return { status = 400, body = wrong "global/invalid-parameters" }
          end
          if not here[name][id] then
            return { status = 404, body = wrong "global/object-does-not-exist" }
          end
          here[name][id] = nil
          return { body = '{"data":{}}' }
        end
        local rows = json.array {}
        for each, title in pairs(here[name]) do -- order: free
          rows[#rows + 1] = { id = each, name = title, workspace_id = "w" }
        end
        return { json = { data = rows } }
      end
    end
    local here, http = world()
    run(http, function(provider)
      provider.tidy(session)
      provider.tidy(session)
    end)
    t:equal(here, { ["ssh-keys"] = { a1 = "laptop" }, ["firewall-rulesets"] = { b2 = "web" } })
    here, http = world()
    here.busy = true
    t:equal((failing(http, function(provider) provider.tidy(session) end)), "refused")
    t:equal(here["ssh-keys"], { a1 = "laptop" }, "the key is gone all the same")
    here, http = world()
    here.late = true -- somebody else was faster than the list
    t:equal(run(http, function(provider)
      provider.tidy(session)
      return "done"
    end)[1], "done")
  end)

  t:case("terminate: one id, gone or ending is success, doubt is none", function()
    local function destroy(...)
      local list = { ... }
      return run(fake.answers(list), function(provider) return provider.destroy(ID) end)
    end
    local results, sent =
      destroy { json = { data = { terminated_instances = { { id = ID, status = "terminating" } } } } }
    t:equal({ results[1], json.decode(sent[1].body) }, { true, { instance_ids = { ID } } })
    t:equal(destroy({ status = 404, body = wrong "global/object-does-not-exist" })[1], "gone")
    t:equal(destroy({ status = 400, body = wrong "global/unknown" },
      { json = { data = { id = ID, status = "terminating" } } })[1], true)
    t:equal((failing(fake.answers { { status = 400, body = wrong "global/unknown" },
      { json = { data = { id = ID, status = "active" } } } },
      function(provider) return provider.destroy(ID) end)), "transient")
    t:equal((failing(fake.answers { { status = 404, body = wrong "global/not-found" } },
      function(provider) return provider.destroy(ID) end)), "refused")
  end)

  t:case("proof: get and the complete list, by id and by token", function()
    local gone = { status = 404, body = wrong "global/object-does-not-exist" }
    local function proof(first, rows)
      return run(fake.answers { first, { json = { data = json.array(rows) } } },
        function(provider) return provider.proof(session).state end)[1]
    end
    t:equal(proof(gone, {}), "stopped")
    t:equal(proof(gone, { { id = "x1", name = "somebody else's", status = "active" } }), "stopped")
    t:equal(proof(gone, { { id = ID, status = "active" } }), "running")
    t:equal(proof(gone, { { id = "x1", name = session.token, status = "booting" } }), "running")
    local ending = { json = { data = { id = ID, status = "terminating" } } }
    t:equal(proof(ending, {}), "ending")
    t:equal(proof(ending, { { id = ID, status = "terminating" } }), "ending")
    t:equal(proof(ending, { { id = ID, status = "terminating" },
      { id = "x2", name = session.token, status = "active" } }), "running")
    t:equal(proof({ json = { data = { id = ID, status = "terminated" } } },
      { { id = ID, status = "terminated" } }), "stopped")
  end)

  t:case("the account is the key's fingerprint, and tells nothing of the key", function()
    local empty = fake.answers { { json = { data = json.array {} } }, { json = { data = json.array {} } } }
    local mine = run(empty, function(provider) return provider.account() end)[1]
    local other = run(fake.answers { { json = { data = json.array {} } } },
      function(provider) return provider.account() end, "another-key-1")[1]
    t:ok(mine.id:match("^key%-%x+$") and mine.id ~= other.id and mine.balance == nil, mine.id)
    t:ok(not (mine.id .. mine.name):find(KEY:sub(8, 16), 1, true), "nothing of the key")
    t:equal((failing(fake.answers { { status = 401, body = wrong "global/invalid-api-key" } },
      function(provider) return provider.account() end)), "auth")
  end)

  t:case("one request a second whatever it is, launches far apart, secrets hidden", function()
    local function http(request)
      if request.method == "POST" then
        return { json = { data = { instance_ids = { ID } } } }
      end
      return { json = { data = json.array { { id = ID, status = "active", jupyter_token = "leak-token-1",
        jupyter_url = "https://x/leak-url-2" } } } }
    end
    local _, sent, s = run(http, function(provider, require)
      provider.list()
      provider.destroy(ID)
      provider.create(order(), ticket(require))
      provider.create(order(), ticket(require))
    end)
    for index = 2, #sent do
      t:ok(sent[index].at - sent[index - 1].at >= 1, "a second between")
    end
    t:ok(sent[4].at - sent[3].at >= 12, "twelve between launches")
    local hidden = {}
    for _, secret in ipairs(s.secrets) do
      hidden[secret] = true
    end
    t:ok(hidden[KEY] and hidden["leak-token-1"] and hidden["https://x/leak-url-2"], "hidden")
  end)

  t:case("the guard's requests name the key only by its variable", function()
    local request = run(fake.answers {},
      function(provider) return provider.terminate_request("cplz-t") end)[1]
    t:equal({ request.method, request.url, request.body, request.key_env, request.find.url,
      request.find.token },
      { "POST", "https://cloud.lambda.ai/api/v1/instance-operations/terminate", '{"instance_ids":["${ID}"]}',
        "CPLZ_ACCOUNT_KEY", "https://cloud.lambda.ai/api/v1/instances", "cplz-t" })
    t:ok(request.retry >= 1 and request.find.pause >= 1, "within the rate")
    t:ok(not json.encode(request):find(KEY, 1, true), "no key")
  end)
end
