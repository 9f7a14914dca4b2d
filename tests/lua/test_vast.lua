-- SPDX-License-Identifier: MIT
-- The Vast provider: what its fake.answers mean, and what it sends, against scripted fake.answers and against
-- the simulator's pure handler.
local host = require "sandbox.host"
local loader = require "sandbox.loader"
local json = require "base.json"
local facts = require "providers.vast.parse"

local HOME = "/home/user/.continueplz"

local function problem(status, text)
  return facts.problem(status, text, json.decode(text))
end

return function(t)
  local fake = t:load("fakehost")

  local function want(more)
    local made = { vram_gb = 20, disk_gb = 44, hours = 8, datacenter = true, min_reliability = 0.95,
      spot = true }
    for key, value in pairs(more or {}) do -- order: free
      made[key] = value
    end
    return made
  end

  -- Runs fn(provider, require) in a replaced world whose cloud fake.answers with `http`.
  -- → results, the requests that were sent
  local function run(http, fn)
    local s = fake.new { http = http, env = { HOME = "/home/user", VAST_API_KEY = "account-key-1" } }
    local p = s:start(function(require)
      require("config.effective").load(HOME)
      return fn(require "providers.vast", require)
    end)
    s:run()
    local sent = {}
    for index, each in ipairs(s.requests) do
      sent[index] = each.request
    end
    return table.pack(p:result()), sent, s
  end

  local function ticket(require)
    return require("base.ticket").new(function() end)
  end

  -- The failure of fn as fields.
  local function failing(http, fn)
    local results = run(http, function(provider, require)
      local ok, failure = require("base.fail").try(fn, provider, require)
      return ok, type(failure) == "table" and failure.kind or failure,
        type(failure) == "table" and failure.code or nil, type(failure) == "table" and failure.created_id
        or nil, type(failure) == "table" and failure.message or nil
    end)
    return { results[2], results[3], results[4] }, results[5], results[1]
  end

  t:case("error bodies: the body decides, not the status", function()
    local rows = {
      { 404, '{"success":false,"error":"auth_error","msg":"Invalid user key"}', "auth" },
      { 403, '{"success":false,"error":"auth_error","msg":"This action requires login."}', "auth" },
      { 404, '{"success":false,"error":"no_such_instance","msg":"Instance not found"}', "refused", "gone" },
      { 404, '{"error":"not_found","msg":"Instance not found"}', "refused", "gone" },
      { 404, '{"detail":"Not Found"}', "refused" },
      { 404, '{"error":"invalid_args","msg":"error 404/3603: no_such_ask Instance type by id 1 is '
          .. 'not available.","ask_id":1}', "capacity" },
      { 410, '{"error":"no_such_ask","msg":"error 410/3907: no_such_ask"}', "capacity" },
      { 403, '{"error":"invalid_args","msg":"error 403/3586: no","ask_id":1}', "capacity" },
      { 400, '{"error":"insufficient_credit","msg":"no money"}', "funds" },
      { 400, '{"success":false,"error":"invalid_price","msg":"bid"}', "capacity" },
      { 429, "API requests too frequent: endpoint threshold=2.0", "rate" },
      { 429, '{"detail":"API requests too frequent endpoint threshold=4.5"}', "rate" },
      { 200, '{"success":false,"error":"rate_limit_exceeded","msg":"API requests too frequent"}', "rate" },
      { 410, '{"error":"deprecated_endpoint","msg":"use v1"}', "broken" },
      { 200, "<html>proxy</html>", "broken" },
      { 404, "<html>proxy</html>", "broken" },
      { 403, "<html>proxy</html>", "broken" },
      { 502, "<html>bad gateway</html>", "transient" },
      { 200, '"text"', "broken" },
      { 200, "", "broken" },
      { 500, '{"error":"oops"}', "transient" },
      { 404, '{"success":false,"error":"not_found","msg":"Invalid user key"}', "auth" },
      { 404, '{"detail":"Invalid user key"}', "auth" },
      { 404, '{"msg":"auth_error: Invalid user key"}', "auth" },
    }
    for _, row in ipairs(rows) do
      local found = problem(row[1], row[2])
      t:equal({ found.kind, found.code }, { row[3], row[4] }, row[1] .. " " .. row[2])
      t:ok(#found.message > 10 and not found.message:find("\n"), "a sentence")
    end
    t:equal(problem(200, '{"instances":null}'), nil)
    t:equal(problem(200, '{"success":true}'), nil)
    t:equal(problem(400,
      '{"success":false,"error":"invalid_price","msg":"low","new_contract":77}').created_id, "77")
  end)

  t:case("the day's searches are used up: not asked again, and said until when", function()
    local noon = 1786017600 // 86400 * 86400 + 43200
    local quota = '{"success":false,"error":"search_quota_exceeded","msg":"Daily search quota exceeded"}'
    local function until_(body, headers)
      local found = facts.problem(429, body, json.decode(body), headers, noon)
      return found.kind == "quota" and found.message:match(
        "^Vast takes no more searches of this account until (%S+ %b()): its daily quota") or found.kind
    end
    local rows = {
      { quota, { ["x-ratelimit-reset"] = ("%d"):format(noon + 3600) }, "2026-08-06T13:00:00Z (in 1h 00m)" },
      { quota, { ["x-ratelimit-reset"] = "7200" }, "2026-08-06T14:00:00Z (in 2h 00m)" },
      { quota, { ["x-ratelimit-reset"] = "2026-08-06T15:00:00Z" }, "2026-08-06T15:00:00Z (in 3h 00m)" },
      { quota, { ["retry-after"] = "600" }, "2026-08-06T12:10:00Z (in 10m 00s)" },
      { quota, {}, "2026-08-07T00:00:00Z (in 12h 00m)" },
      { quota, { ["x-ratelimit-reset"] = "soon" }, "2026-08-07T00:00:00Z (in 12h 00m)" },
      { quota, { ["x-ratelimit-reset"] = ("%d"):format(noon - 60) }, "2026-08-07T00:00:00Z (in 12h 00m)" },
      { '{"detail":"search_quota_exceeded"}', {}, "2026-08-07T00:00:00Z (in 12h 00m)" },
      { "search_quota_exceeded", {}, "2026-08-07T00:00:00Z (in 12h 00m)" },
      { "API requests too frequent", {}, "rate" },
    }
    for _, each in ipairs(rows) do t:equal(until_(each[1], each[2]), each[3]) end
    local results, sent = run(fake.answers { { status = 429, body = quota,
      headers = { ["x-ratelimit-reset"] = "7200" } } }, function(provider, require)
      local ok, failure = require("base.fail").try(provider.offers, want())
      return ok, failure.kind
    end)
    t:equal({ results[1], results[2], #sent }, { false, "quota", 1 })
  end)

  local row = {
    id = 21874410, num_gpus = 1, gpu_name = "A100 SXM4", gpu_ram = 81920, gpu_mem_bw = 1690.2,
    verification = "verified",
    hosting_type = 1,
    rentable = true, rented = false, cpu_arch = "amd64", direct_port_count = 124, disk_space = 1893.4,
    duration = 7689999.2, reliability2 = 0.9987, dph_base = 0.89, min_bid = 0.41, storage_cost = 0.15,
    inet_down_cost = 0.002, inet_up_cost = 0.004,
    geolocation = "Sweden, SE", driver_version = "570.133.20", inet_down = 2804.9,
  }

  local function with(changes)
    local copy = {}
    for key, value in pairs(row) do -- order: free
      copy[key] = value
    end
    for key, value in pairs(changes) do -- order: free
      if value == json.null then
        copy[key] = nil
      else
        copy[key] = value
      end
    end
    return copy
  end

  t:case("an offer's fields and their arithmetic", function()
    local offer = facts.offers(want { disk_gb = 120 }, 100)(row)
    t:equal({ offer.id, offer.gpu, offer.region, offer.on_demand, offer.min_bid, offer.disk_hour,
      offer.down_gb, offer.seconds_left, offer.at },
      { "21874410", "a100-80", "eu-north", 0.89, 0.41, 0.025, 0.002, 7689999.2, 100 })
    t:ok(math.abs(offer.vram_gb - 85.899) < 0.001, "GB of MiB")
    local bare = facts.offers(want(), 1)(with { min_bid = json.null, geolocation = json.null,
      gpu_mem_bw = json.null, inet_down_cost = json.null })
    t:equal({ bare.min_bid, bare.region, bare.gpu_bandwidth, bare.down_gb }, { nil, nil, 1935, 0 })
    t:equal(facts.offers(want(), 1)(with { min_bid = 0, dph_base = 0 }).on_demand, nil)
    t:equal(facts.offers(want(), 1)(with { gpu_name = "New Card" }).gpu, "New Card")
  end)

  t:case("what Vast was asked to filter is checked again", function()
    local changes = {
      { verification = "unverified" }, { verification = json.null }, { hosting_type = 0 },
      { rentable = false },
      { rented = true },
      { external = true }, { cpu_arch = "arm64" }, { cpu_arch = json.null }, { direct_port_count = 2 },
      { direct_port_count = json.null },
      { disk_space = 14 }, { disk_space = json.null }, { duration = 3600 }, { reliability2 = 0.9 },
      { reliability2 = json.null },
      { driver_version = "535.1" },
      { gpu_ram = json.null }, { num_gpus = 0 }, { id = "x" }, { gpu_name = json.null },
    }
    for _, change in ipairs(changes) do
      local offer, why = facts.offers(want(), 1)(with(change))
      t:equal(offer, nil, json.encode(change))
      t:ok(type(why) == "string", "a reason")
    end
    t:ok(facts.offers(want { datacenter = false }, 1)(with { verification = "unverified", hosting_type = 0 }),
      "private hosts when wanted")
    t:ok(facts.offers(want(), 1)(with { duration = json.null, driver_version = json.null }),
      "what is not told is no reason")
    t:equal(facts.offers(want(), 1)(json.null), nil)
  end)

  -- What a search comes to that is answered so. → offers, left out; or nil, kind, message
  local function searched(body, more)
    local results = run(fake.answers { { body = body } }, function(provider, require)
      local ok, list, left = require("base.fail").try(provider.offers, want(more))
      if ok then return list, left end
      return nil, list.kind, list.message
    end)
    return results[1], results[2], results[3]
  end

  t:case("a row of the answer's text is the offer that it is as a table", function()
    local whole = with { machine_id = 50001, host_id = 7, reliability = 0.9, end_date = 2e9, inet_up = 5,
      external = false, more = { 1, { a = "]" } } }
    local bare = with { duration = json.null, reliability2 = json.null, end_date = 4e9, reliability = 0.97 }
    local odd = with { gpu_name = 'New "\xc2\xb5" Card', geolocation = "S\xc3\xa3o Paulo, BR" }
    local list, left = searched(json.encode { offers = { whole, bare, odd, 5, json.null, { 1 },
      with { cpu_arch = "arm64" } }, success = true })
    t:equal(#list, 3)
    for index, each in ipairs { whole, bare, odd } do
      t:equal(list[index], facts.offers(want(), list[index].at)(each))
    end
    t:equal(list[3].native_region, "São Paulo, BR")
    t:equal(left, { { id = "nil", reason = "no object" }, { id = "nil", reason = "no object" },
      { id = "nil", reason = "incomplete" },
      { id = "21874410", gpu = "A100 SXM4", reason = "not an amd64 machine" } })
  end)

  t:case("an answer to a search that is no whole list is none", function()
    local good = json.encode { offers = { row, row }, success = true }
    t:equal(#searched(good), 2)
    for length = 0, #good - 1, 13 do
      t:equal({ searched(good:sub(1, length)) }, { nil, "broken",
        "Vast answered HTTP 200 with something that is no JSON object" }, good:sub(1, length))
    end
    local one = json.encode(row)
    for _, each in ipairs {
      { '""', "broken", "is no JSON object" }, { "<html>", "broken", "a web page" }, { "[]", "broken" },
      { '{"success":false}', "refused" }, { '{"success":true}', "broken", "without a list" },
      { '{"offers":[' .. one .. '],"success":false,"error":"no_such_ask"}', "capacity" },
      { '{"offers":null}', "broken" }, { '{"offers":{"0":' .. one .. "}}", "broken", "without a list" },
      { '{"offers":[' .. one .. ",]}", "broken", "is no JSON object" },
      { '{"offers":[' .. one .. '],"offers":null}', "broken" },
      { '{"offers":[' .. one .. "]} x", "broken" }, { '{"data":{"offers":[' .. one .. "]}}", "broken" },
      { '{"offers":[' .. ("0,"):rep(100000) .. "0]}", "broken", "more than 100000 offers" },
    } do
      local list, kind, message = searched(each[1])
      t:equal({ list, kind }, { nil, each[2] }, each[1]:sub(1, 80))
      t:ok(message:find(each[3] or "", 1, true), message)
    end
    t:equal(#searched('{"offers":[]}'), 0)
    t:equal(#searched('{"offers":[' .. one .. '],"offers":[]}'), 0, "the last list counts")
    t:equal(#searched('{"offers":[],"offers":[' .. one .. ", " .. one .. "]}"), 2)
    local large = json.encode(with { more = ("x"):rep(9000) })
    t:equal(#searched('{"offers":[' .. (large .. ","):rep(1000) .. large .. "]}"), 1001, "9 MB of it")
  end)

  t:case("states of a machine", function()
    local rows = {
      { {}, "booting" }, { { actual_status = "created" }, "booting" },
      { { actual_status = "loading" }, "booting" }, { { actual_status = "running" }, "running" },
      { { actual_status = "stopped" }, "stopped" }, { { actual_status = "frozen" }, "stopped" },
      { { actual_status = "exited" }, "exited" }, { { actual_status = "offline" }, "lost" },
      { { actual_status = "unknown" }, "unknown" },
      { { actual_status = "brand-new" }, "unknown" }, { { actual_status = "rebooting" }, "booting" },
      { { actual_status = "created", status_msg = "Error: OCI runtime create failed: x" }, "exited" },
      { { actual_status = "created", status_msg = "response: OCI runtime create failed: x" }, "exited" },
      { { actual_status = "running", cur_state = "stopped", intended_status = "stopped",
        next_state = "stopped" }, "stopped" },
      { { actual_status = "exited", cur_state = "running", intended_status = "running",
        next_state = "running" }, "exited" },
    }
    for _, each in ipairs(rows) do
      each[1].id = 5
      t:equal(facts.instance(each[1]).status, each[2], json.encode(each[1]))
    end
    local exited = { id = 5, actual_status = "exited", intended_status = "running" }
    t:equal(facts.instance(exited).restarting, true, "its cloud means it to run")
    exited.intended_status = "stopped"
    t:equal(facts.instance(exited).restarting, nil, "its cloud does not")
    t:equal(facts.instance { label = "x" }, nil)
    t:equal(facts.instance(json.null), nil)
  end)

  t:case("address and ports of a machine", function()
    local instance = facts.instance {
      id = 5, label = "cplz-1", public_ipaddr = "203.0.113.77\n", is_bid = true, dph_base = 0.45,
      storage_total_cost = 0.025,
      gpu_name = "A100 SXM4", gpu_ram = 81920, actual_status = "running", status_msg = " success,\n running ",
      ports = { ["51820/udp"] = { { HostIp = "0.0.0.0", HostPort = "40188" } },
        ["22/tcp"] = { { HostPort = 40112 } }, odd = "x", ["1/tcp"] = {} },
    }
    t:equal({ instance.ip, instance.ports, instance.spot, instance.hourly, instance.disk_hour, instance.gpu,
      instance.token, instance.message }, { "203.0.113.77", { ["51820/udp"] = 40188, ["22/tcp"] = 40112 },
        true, 0.45, 0.025, "a100-80", "cplz-1", "success, running" })
    t:equal(facts.instance({ id = 5, ports = json.null }).ports, {})
  end)

  t:case("gone is only what is said in so many words", function()
    local function status_of(answer)
      local results = run(fake.answers { answer }, function(provider)
        return provider.get("5").status
      end)
      return results[1]
    end
    t:equal(status_of { body = '{"instances": null}' }, "gone")
    t:equal(status_of { status = 404, json = { error = "no_such_instance", success = false } }, "gone")
    t:equal(status_of { json = { instances = json.array { { id = 5, actual_status = "running" } } } },
      "running")
    local function refused(answer)
      return failing(fake.answers { answer }, function(provider)
        return provider.get("5")
      end)[1]
    end
    t:equal(refused { json = json.object {} }, "broken")
    t:equal(refused { body = '{"instances": []}' }, "broken")
    t:equal(refused { json = { instances = { id = 6 } } }, "broken")
    t:equal(refused { status = 404, json = { error = "auth_error", success = false } }, "auth")
    t:equal(refused { status = 404, json = { detail = "Not Found" } }, "refused")
    t:equal(refused { status = 404, body = "<html>" }, "broken")
    t:equal(refused { lost = true }, "transient")
  end)

  t:case("a list is complete or it is no list", function()
    local function list(all)
      local results, sent = run(fake.answers(all), function(provider)
        local ids = {}
        for index, each in ipairs(provider.list()) do
          ids[index] = each.id
        end
        return ids
      end)
      return results[1], sent
    end
    local function page(first, last, token)
      local rows = {}
      for id = first, last do
        rows[#rows + 1] = { id = id, actual_status = "running" }
      end
      return { json = { success = true, instances = json.array(rows), next_token = token } }
    end
    local ids, sent = list { page(1, 25, "t1"), page(26, 27) }
    t:equal(#ids, 27)
    t:equal({ sent[1].query, sent[2].query.after_token }, { { limit = "25" }, "t1" })
    t:equal(list { page(1, 0) }, {})
    local bad = {
      { { json = { success = true } } }, { { json = { instances = json.object {} } } },
      { { body = '{"instances":null}' } }, { page(1, 25, "t1"), { status = 500, body = "x" } },
      { page(1, 2, "t1"), page(3, 4, "t1"), page(5, 6, "t1") },
      { { json = { instances = json.array { { label = "no id" } } } } },
      { { status = 410, json = { error = "deprecated_endpoint" } } },
      { { json = { instances = json.array {}, next_token = 7 } } }, { { body = '{"instances":[null]}' } },
    }
    for index, all in ipairs(bad) do
      local kind = failing(fake.answers(all), function(provider)
        return provider.list()
      end)[1]
      t:ok(kind == "broken" or kind == "transient", index .. " is " .. tostring(kind))
    end
  end)

  local function order(spot)
    return {
      candidate = { offer = { id = "21874410" }, spot = spot, bid = spot and 0.451 or nil, hourly = 0.5 },
      token = "cplz-1-2",
      image = "ollama/ollama:1",
      disk_gb = 44, script = "echo hello", env = { CPLZ_KEY = "k" },
      ports = { { port = 5, protocol = "udp" }, { port = 6, protocol = "tcp" } },
    }
  end

  t:case("a create says what it means: price only for spot", function()
    for _, spot in ipairs { true, false } do
      local results, sent, s = run(fake.answers { { json = { success = true, new_contract = 99,
        instance_api_key = "secret-key-9" } } }, function(provider, require)
        local made = provider.create(order(spot), ticket(require))
        return made.id, made.guard_key
      end)
      t:equal({ results[1], results[2] }, { "99", "secret-key-9" })
      t:ok((" " .. table.concat(s.secrets, " ") .. " "):find(" secret-key-9 ", 1, true),
        "the machine's own key is hidden")
      t:equal({ sent[1].method, sent[1].path, sent[1].fresh, sent[1].headers.authorization },
        { "PUT", "/api/v0/asks/21874410/", true, "Bearer account-key-1" })
      local body = json.decode(sent[1].body)
      t:equal(body.price, spot and 0.451 or nil)
      t:equal({ body.label, body.cancel_unavail, body.runtype, body.onstart, body.args, body.image, body.disk,
        body.user, body.target_state }, { "cplz-1-2", true, "args", "/bin/sh", { "-c", "echo hello" },
          "ollama/ollama:1", 44, "root", "running" })
      t:equal(body.env, { CPLZ_KEY = "k", ["-p 5:5/udp"] = "1", ["-p 6:6"] = "1" })
    end
  end)

  t:case("a create that fails: what may have been made is told", function()
    local function create(answer)
      return failing(fake.answers { answer }, function(provider, require)
        return provider.create(order(true), ticket(require))
      end)
    end
    t:equal(create { status = 404, json = { error = "invalid_args", msg = "no_such_ask", ask_id = 1 } },
      { "capacity", nil, nil })
    t:equal(create { status = 400, json = { success = false, error = "invalid_price", new_contract = 7 } },
      { "capacity", nil, "7" })
    t:equal(create { json = { success = false, msg = "no", new_contract = 8 } }, { "refused", nil, "8" })
    t:equal(create { json = { success = true } }[1], "broken")
    t:equal(create { lost = true }[1], "transient")
    t:equal(create { status = 400, json = { error = "insufficient_credit" } }[1], "funds")
    local _, sent = run(fake.answers { { lost = true } }, function(provider, require)
      pcall(provider.create, order(true), ticket(require))
    end)
    t:equal(#sent, 1, "sent once")
  end)

  t:case("misuse raises before anything is sent", function()
    local _, sent = run(fake.answers {}, function(provider, require)
      local long = order(true)
      long.script = ("x"):rep(5000)
      t:raises("Vast takes", provider.create, long, ticket(require))
      local wide = order(true)
      wide.env.X = ("y"):rep(300)
      t:raises("longer than", provider.create, wide, ticket(require))
      t:raises("ticket", provider.create, order(true), {})
    end)
    t:equal(#sent, 0)
  end)

  t:case("secrets inside fake.answers are hidden", function()
    local _, _, s = run(fake.answers {
      { json = { id = 1, username = "a", credit = 2, api_key = "leak-key-1", sid = "leak-sid-2" } },
      { json = { instances = { id = 5, jupyter_token = "leak-token-3" } } },
      { json = { instances = json.array { { id = 5, jupyter_token = "leak-token-4" } } } },
    }, function(provider)
      provider.account()
      provider.get("5")
      provider.list()
    end)
    local hidden = {}
    for _, secret in ipairs(s.secrets) do
      hidden[secret] = true
    end
    for _, secret in ipairs { "account-key-1", "leak-key-1", "leak-sid-2", "leak-token-3", "leak-token-4" } do
      t:ok(hidden[secret], secret)
    end
  end)

  t:case("credit is what is left, not what is owed", function()
    local function balance(user)
      user.id = 1
      return run(fake.answers { { json = user } },
        function(provider) return provider.account().balance end)[1]
    end
    t:equal({ balance { credit = 2.5, balance = -7 }, balance { balance = 3 },
      balance { credit = json.null } }, { 2.5, 3, nil })
  end)

  t:case("proof: get and the complete list, by number and by token", function()
    local session = { id = "5", token = "cplz-a" }
    local function state(get, rows)
      local results = run(fake.answers { get,
        { json = { success = true, instances = json.array(rows) } } }, function(provider)
        return provider.proof(session).state
      end)
      return results[1]
    end
    local null = { body = '{"instances":null}' }
    t:equal(state(null, {}), "stopped")
    t:equal(state(null, { { id = 6, label = "other" } }), "stopped")
    t:equal(state(null, { { id = 5 } }), "running")
    t:equal(state(null, { { id = 9, label = "cplz-a" } }), "running")
    t:equal(state({ json = { instances = { id = 5, actual_status = "exited" } } }, {}), "running")
  end)

  t:case("destroy: already gone is success, a bad key is not", function()
    local function destroy(answer)
      local results = run(fake.answers { answer }, function(provider, require)
        local ok, result = require("base.fail").try(provider.destroy, "5")
        return ok and result or result.kind
      end)
      return results[1]
    end
    t:equal(destroy { json = { success = true } }, true)
    t:equal(destroy { status = 404, json = { error = "no_such_instance" } }, "gone")
    t:equal(destroy { status = 404, json = { error = "auth_error" } }, "auth")
    t:equal(destroy { json = { success = false, msg = "try later" } }, "refused")
    t:equal(destroy { status = 502, body = "x" }, "transient")
  end)

  t:case("the machine's own terminate request names no account key", function()
    local results = run(fake.answers {}, function(provider)
      return provider.terminate_request()
    end)
    local own = { url = "https://console.vast.ai/api/v0/instances/${CONTAINER_ID}/",
      headers = { "Authorization: Bearer ${CONTAINER_API_KEY}" } }
    t:equal(results[1], { method = "DELETE", url = own.url, headers = own.headers, rehearse = own })
  end)

  t:case("charges: of this instance only, nil when they may not be read", function()
    local session = { id = "5", started = 1000 }
    local function charges(answer)
      return run(fake.answers { answer }, function(provider)
        return provider.charges(session)
      end)[1]
    end
    t:equal(charges { json = { success = true, results = json.array {
      { source = "instance-5", amount = 0.5, ["end"] = 10 }, { source = "instance-55", amount = 9 },
      { source = "instance-5", amount = 0.25, ["end"] = 20 },
    } } }, { amount = 0.75, currency = "USD", upto = 20 })
    t:equal(charges { json = { results = json.array {} } }, nil)
    t:equal(charges { status = 403, json = { error = "auth_error" } }, nil)
    t:equal(charges { body = "<html>" }, nil)
  end)

  t:case("calls keep their distance", function()
    local _, _, s = run(function()
      return { body = '{"instances":null}' }
    end, function(provider)
      for _ = 1, 4 do
        provider.get("5")
      end
    end)
    for index = 2, 4 do
      t:ok(s.requests[index].at - s.requests[index - 1].at >= 1.99, "2 s between two gets")
    end
  end)

  t:case("against the simulator: search, rent, see, prove", function()
    local testing = loader.new { host = host, scripts = { t.root }, user = false }.require("cloudsim.testing")
    local sim = testing.new()
    local made
    local function http(request)
      sim:pass(7)
      local status, _, response = sim:send(request.method, request.path .. (request.raw_query ~= ""
        and "?" .. request.raw_query or ""), request.body ~= "" and request.body or nil, { key = sim.key })
      return { status = status, body = response.body, headers = response.headers }
    end
    run(http, function(provider, require)
      t:equal(provider.account().id, "48211")
      local offers = provider.offers(want { vram_gb = 60, region = "eu" })
      t:ok(#offers >= 2, "several offers")
      for _, offer in ipairs(offers) do
        t:ok(offer.vram_gb * offer.gpus > 60 * 0.9 and offer.on_demand > 0, offer.id)
      end
      local one = order(true)
      one.candidate.offer, one.candidate.bid = offers[1], offers[1].min_bid + 0.05
      made = provider.create(one, ticket(require)).id
      local instance = provider.get(made)
      t:equal({ instance.token, instance.spot, instance.hourly }, { "cplz-1-2", true, one.candidate.bid })
      t:equal(#provider.list(), 1)
      t:equal(provider.proof({ id = made, token = "cplz-1-2" }).state, "running")
      t:equal(provider.destroy(made), true)
      t:equal(provider.destroy(made), "gone")
      t:equal(provider.proof({ id = made, token = "cplz-1-2" }).state, "stopped")
    end)
    t:ok(made, "it ran")
  end)
end
