-- SPDX-License-Identifier: MIT
-- The Paperspace provider: what its answers mean, and what it sends, against scripted answers.
local json = require "base.json"
local parse = require "providers.paperspace.parse"

local HOME = "/home/user/.continueplz"
local KEY = "paperspace_0123456789abcdef0123"
local ID, TOKEN = "psg7k2m1x", "cplz-12345678-0123456789ab"

local function problem(status, text)
  return parse.problem(status, text, json.decode(text))
end

local function wrong(code, message)
  return json.encode { code = code, message = message or "Some words" }
end

-- A machine as the facts show it; `more` changes it.
local function machine(more)
  local row = { id = ID, name = TOKEN, state = "ready", machineType = "A6000", usageRate = 1.89,
    storageRate = 5, publicIp = "203.0.113.7", publicIpType = "dynamic", dtDeleted = json.null,
    storageTotal = 100 << 30 }
  for name, value in pairs(more or {}) do row[name] = value end -- order: free
  return row
end

local function page(items, next_page)
  return { json = { items = json.array(items), hasMore = next_page ~= nil,
    nextPage = next_page or json.null } }
end

local NOT_FOUND = { status = 404, json = { code = "NOT_FOUND", message = "Machine not found" } }

return function(t)
  local fake = t:load("fakehost")

  -- Runs fn(provider, require) in a replaced world whose cloud answers with `http`. → results, what was
  -- sent
  local function run(http, fn)
    local s = fake.new { http = http, env = { HOME = "/home/user", PAPERSPACE_API_KEY = KEY } }
    local p = s:start(function(require)
      require("config.effective").load(HOME)
      return fn(require "providers.paperspace", require)
    end)
    s:run()
    local sent = {}
    for index, each in ipairs(s.requests) do sent[index] = each.request end
    return table.pack(p:result()), sent
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
    for index, each in ipairs(sent) do list[index] = each.method .. " " .. each.path end
    return list
  end

  t:case("error bodies: the code decides, a page of the web is never data", function()
    local rows = {
      { 401, wrong "UNAUTHORIZED", "auth" }, { 403, wrong "FORBIDDEN", "refused" },
      { 403, wrong("FORBIDDEN", "Your account is not in good standing"), "funds" },
      { 403, wrong("FORBIDDEN", "You have reached your limit"), "quota" },
      { 404, wrong "NOT_FOUND", "refused", "gone" }, { 404, wrong "BAD_REQUEST", "refused" },
      { 400, wrong "NOT_FOUND", "refused" }, { 404, "{}", "refused" }, { 404, "<html>", "broken" },
      { 200, wrong "NOT_FOUND", "refused" }, { 200, wrong "UNAUTHORIZED", "auth" },
      { 409, wrong("CONFLICT", "This machine is currently starting."), "refused", "busy" },
      { 429, wrong "TOO_MANY_REQUESTS", "rate" }, { 429, "", "rate" }, { 429, wrong "NOT_FOUND", "rate" },
      { 500, wrong "INTERNAL_SERVER_ERROR", "transient" }, { 408, wrong "TIMEOUT", "transient" },
      { 502, "<html>", "transient" }, { 200, "<html>", "broken" }, { 200, "", "broken" },
      { 200, '"text"', "broken" }, { 503, "{}", "transient" }, { 401, "{}", "auth" },
      { 412, wrong "PRECONDITION_FAILED", "refused" },
    }
    for _, row in ipairs(rows) do
      local found = problem(row[1], row[2])
      t:ok(found, row[1] .. " " .. row[2])
      t:equal({ found.kind, found.code }, { row[3], row[4] }, row[1] .. " " .. row[2])
      t:ok(#found.message > 10 and not found.message:find("\n"), "a sentence")
    end
    t:equal({ problem(200, "{}"), problem(200, "null"), problem(200, json.encode(machine())) }, {})
    t:equal({ problem(404, "null").kind, problem(500, "null").kind }, { "broken", "transient" })
    local issue = problem(400, '{"code":"BAD_REQUEST","message":"Input","issues":[{"message":"no name"}]}')
    t:equal({ issue.form, issue.message:find("no name", 1, true) ~= nil }, { true, true })
  end)

  local function template(id, name, os, least, types)
    local list = {}
    for index, label in ipairs(types) do list[index] = { machineTypeLabel = label, isAvailable = true } end
    return { id = id, name = name, operatingSystemLabel = os, defaultSizeGb = least,
      availableMachineTypes = list }
  end

  t:case("templates: one with drivers first, then the newest Ubuntu; nothing else", function()
    local best = parse.templates { template("a", "Plain", "Ubuntu 20.04", 50, { "A6000" }),
      template("b", "Plain", "Ubuntu 22.04", 50, { "A6000", "V100" }),
      template("c", "ML-in-a-Box", "Ubuntu 20.04", 100, { "A6000" }),
      template("d", "CentOS", "CentOS 7", 50, { "H100" }), json.null, {},
      { id = "e", operatingSystemLabel = "Ubuntu 24.04", name = "x",
        availableMachineTypes = { { machineTypeLabel = "P6000", isAvailable = false }, json.null } } }
    t:equal({ best.A6000.id, best.A6000.least, best.V100.id, best.H100, best.P6000 }, { "c", 100, "b" })
  end)

  local want = { disk_gb = 44, vram_gb = 40, hours = 8 }

  t:case("an offer: the dated table, the disk that can be ordered, one for each region", function()
    local list, left_out = parse.offers({ A6000 = { id = "c", least = 50 },
      H100x8 = { id = "h", least = 100 } }, want)
    t:equal(#list, 3)
    local offer, eight = list[1], list[3]
    t:equal({ offer.id, offer.gpu, offer.gpus, offer.vram_gb, offer.region, offer.native_region,
      offer.on_demand, offer.spot, offer.down_gb, offer.currency, offer.source, offer.minimum_seconds,
      offer.estimate, offer.native.disk, offer.native.template }, { "A6000@NY2", "a6000", 1, 48, "us-east",
        "East Coast (NY2)", 1.89, nil, 0, "USD", "table", 3600, true, 50, "c" })
    t:equal({ require("base.clock").iso(offer.at):sub(1, 10), offer.disk_hour }, { "2026-09-20",
      0.10 * 50 / 730 })
    t:equal({ eight.gpu, eight.gpus, eight.on_demand, eight.native.disk }, { "h100", 8, 47.6, 100 })
    t:ok(#left_out > 5 and left_out[1].reason:find("template", 1, true), "what has none says so")
    t:equal(#parse.offers({ A6000 = { id = "c", least = 50 } }, { disk_gb = 2001, vram_gb = 1 }), 0)
    t:equal({ parse.disk(1), parse.disk(51), parse.disk(2000), parse.disk(2001) }, { 50, 100, 2000 })
  end)

  -- What the policy makes of the dated table for so many GB. → "N types, …" in order, reasons
  local function ranked(gigabytes)
    local templates, wanted = {}, { disk_gb = 44, vram_gb = gigabytes, hours = 8, download_gb = 10 }
    for _, row in ipairs(require("providers.paperspace.card").prices.types) do
      templates[row.type] = { id = "c", least = 50 }
    end
    local candidates = {}
    for _, offer in ipairs(parse.offers(templates, wanted)) do
      table.move(require("home.cost").candidates(offer, wanted), 1, 1, #candidates + 1, candidates)
    end
    local ordered, rejected = require("policies.cheapest")(candidates, wanted)
    local told, why = {}, {}
    for index, each in ipairs(ordered) do
      told[index] = ("%d %s"):format(each.offer.gpus, each.offer.native_gpu)
    end
    for _, each in ipairs(rejected) do why[each.candidate.offer.native_gpu] = each.reason end
    return told, why
  end

  t:case("several cards are offered where one is too small, the cheapest in all first", function()
    local told, why = ranked(60)
    t:equal(told, { "4 A4000x4", "1 A100-80G", "2 A6000x2", "2 V100-32Gx2", "4 A5000x4", "1 H100",
      "4 A6000x4", "4 V100-32Gx4", "8 A100-80Gx8", "8 H100x8" })
    t:equal(why.A6000, "too small: 48.0 GB of memory, and 60.0 GB are needed")
    t:equal(table.move(ranked(90), 1, 3, 1, {}), { "2 A6000x2", "4 A5000x4", "4 A6000x4" })
    t:equal(ranked(200), { "8 A100-80Gx8", "8 H100x8" })
    t:equal(ranked(95.4)[1], "2 A6000x2")
    t:equal(ranked(95.5)[1], "4 A6000x4", "each card after the first costs half a GiB")
  end)

  t:case("a machine: what is off bills, what was deleted is gone, rates with their unit", function()
    local function read(more) return parse.instance(machine(more)) end
    local it = read()
    t:equal({ it.id, it.token, it.status, it.ip, it.hourly, it.disk_hour, it.spot }, { ID, TOKEN, "running",
      "203.0.113.7", 1.89, 5 / 730, false })
    for state, status in pairs { off = "stopped", stopping = "exited", -- order: free
      provisioning = "booting", serviceready = "running", hibernating = "unknown" } do
      t:equal({ read { state = state }.status, read { state = state }.native }, { status, state })
    end
    t:equal(read({ dtDeleted = "2026-11-20T20:00:00.000Z" }).status, "gone")
    t:equal({ read({ usageRate = 0 }).hourly, read({ usageRate = json.null }).hourly,
      read({ storageRate = 0.007 }).disk_hour }, { nil, nil, 0.007 })
    t:equal({ read({ publicIp = json.null }).ip, read({ state = json.null }).status }, { nil, "unknown" })
    t:equal({ read({ publicIp = "evil.example/x" }).ip, read({ publicIp = "" }).ip }, {})
    for _, row in ipairs { json.null, {}, { id = 5 }, { id = "../x" } } do
      t:equal((parse.instance(row)), nil)
    end
  end)

  t:case("the list: every page, and complete or not at all", function()
    local pages = { [""] = page({ machine() }, "two"), two = page { machine { id = "p2", name = "other" },
      machine { id = "p3", dtDeleted = "2026-11-20T20:00:00.000Z" } } }
    local function serve(request) return pages[request.query.after or ""] end
    local results, sent = run(serve, function(provider)
      local list = provider.list()
      return #list, list[1].token, list[2].id
    end)
    t:equal({ results[1], results[2], results[3], #sent }, { 2, TOKEN, "p2", 2 })
    t:equal({ sent[1].query.limit, sent[2].query.after, json.encode(sent[1].headers):match("Bearer") },
      { "120", "two", "Bearer" })
    local bad = { { json = { items = json.array {} } }, { json = { hasMore = false } }, { json = {} },
      { json = { items = json.array {}, hasMore = true } }, page({ machine() }, ""), { body = "<html>" },
      { body = "" }, { body = "[]" }, page { json.null }, page { { name = TOKEN } },
      page({ machine() }, "again"), { body = "null" }, { body = '{"items":{},"hasMore":false}' },
      { body = '{"items":{"0":{}},"hasMore":false}' } }
    for index, answer in ipairs(bad) do
      local kind = failing(function() return answer end, function(provider) return provider.list() end)
      t:equal(kind, "broken", "answer " .. index)
    end
    results = run(function()
      return page { machine { id = "p4", state = "off" }, machine { id = "p5", state = "stopping" },
        machine { id = "p6", state = "hibernating" } }
    end, function(provider) return #provider.list() end)
    t:equal(results[1], 3, "all that may bill, whatever they do")
    local count = 0
    local kind, _, _, endless = failing(function()
      count = count + 1
      return page({}, "t" .. count)
    end, function(provider) return provider.list() end)
    t:equal({ kind, #endless }, { "broken", 100 }, "a list without an end")
    count = 0
    results = run(function()
      count = count + 1
      return count < 3 and { status = 429, body = "" } or page { machine() }
    end, function(provider) return #provider.list() end)
    t:equal({ results[1], count }, { 1, 3 }, "too fast is asked again")
    t:equal(failing(function(request)
      return request.query.after
        and { status = 500, json = { code = "INTERNAL_SERVER_ERROR", message = "x" } }
        or page({ machine() }, "two")
    end, function(provider) return provider.list() end), "transient")
  end)

  t:case("get: gone only where that is said in so many words; another machine's answer is none", function()
    local results = run(function() return NOT_FOUND end, function(provider)
      return provider.get(ID).status
    end)
    t:equal(results[1], "gone")
    t:equal(failing(function() return { json = machine { id = "another" } } end,
      function(provider) return provider.get(ID) end), "broken")
    for _, answer in ipairs { { status = 404, body = "<html>" }, { status = 404, json = {} },
      { status = 401, json = { code = "UNAUTHORIZED", message = "x" } } } do
      failing(function() return answer end, function(provider) return provider.get(ID) end)
    end
  end)

  -- A cloud with these machines, addresses and snapshots, whose delete answers so.
  local function cloud(machines, around, delete)
    return function(request)
      if request.method == "DELETE" then
        return request.path:find("/machines/", 1, true) and delete or { json = {} }
      end
      if request.path:find("/machines/", 1, true) then
        for _, each in ipairs(machines) do
          if request.path:find(each.id, 1, true) then return { json = each } end
        end
        return NOT_FOUND
      end
      if request.path:find "machines$" then return page(machines) end
      return page(request.path:find "ips$" and around.ips or around.snapshots or {})
    end
  end

  t:case("destroy: the machine, then the addresses and snapshots that are its own, nothing else", function()
    local around = { ips = { { ip = "198.51.100.1", assignedMachineId = ID }, { ip = "198.51.100.2" },
      { ip = "198.51.100.3", assignedMachineId = "another" } },
      snapshots = { { id = "z1", machineId = ID }, { id = "z2", machineId = "another" } } }
    local done = { json = { data = machine(), event = {} } }
    local results, sent = run(cloud({ machine() }, around, done), function(provider)
      return provider.destroy(ID)
    end)
    t:equal(results[1], true)
    local ends = {}
    for _, each in ipairs(paths(sent)) do ends[#ends + 1] = each:match("^DELETE (.*)$") end
    t:equal(ends, { "/v1/machines/" .. ID, "/v1/public-ips/198.51.100.1", "/v1/snapshots/z1" })
    results, sent = run(cloud({}, around, NOT_FOUND), function(provider) return provider.destroy(ID) end)
    t:equal({ results[1], #sent }, { "gone", 5 }, "what it left bills on, and is let go")
    for _, plural in ipairs { "public%-ips", "snapshots" } do
      t:equal(failing(function(request)
        if request.method == "DELETE" and request.path:find(plural .. "/") then
          return { status = 500, json = { code = "INTERNAL_SERVER_ERROR", message = "x" } }
        end
        return cloud({}, around, done)(request)
      end, function(provider) return provider.destroy(ID) end), "transient", plural .. " that stay are told")
    end
    t:equal(failing(function(request)
      if request.path:find "ips$" then return page { { ip = "../machines", assignedMachineId = ID } } end
      return cloud({}, {}, done)(request)
    end, function(provider) return provider.destroy(ID) end), "broken", "no address leads elsewhere")
    local busy = { status = 409, json = { code = "CONFLICT", message = "This machine is currently busy" } }
    results = run(cloud({ machine { state = "stopping" } }, {}, busy), function(provider)
      return provider.destroy(ID)
    end)
    t:equal(results[1], true)
    for _, state in ipairs { "ready", "off", "provisioning" } do
      local kind, code = failing(cloud({ machine { state = state } }, {}, busy), function(provider)
        return provider.destroy(ID)
      end)
      t:equal({ kind, code }, { "refused", "busy" }, state)
    end
    t:equal(failing(cloud({ machine() }, {}, { status = 404, body = "<html>" }), function(provider)
      return provider.destroy(ID)
    end), "broken")
  end)

  t:case("belongings: all that the team has, and each is removed at its own path", function()
    local rows = { ["public-ips"] = { { ip = "198.51.100.1" } },
      snapshots = { { id = "z1", name = "before" } },
      ["startup-scripts"] = { { id = "s1", name = TOKEN, dtCreated = "2026-11-20T08:00:00.000Z" } },
      ["custom-templates"] = { { id = "t1", name = TOKEN, dtDeleted = json.null },
        { id = "t2", name = TOKEN, dtDeleted = "2026-11-20T08:00:00.000Z" } },
      ["shared-drives"] = { { id = "d1", name = TOKEN, password = "drive_canary" } },
      ["private-networks"] = { { id = "n1", name = "office" } } }
    local results, sent = run(function(request)
      if request.method == "DELETE" and request.path:find "z1$" then return NOT_FOUND end
      local list = rows[request.path:match "^/v1/([%l-]+)$"]
      return list and page(list) or { json = {} }
    end, function(provider, require)
      local list = provider.belongings()
      for _, each in ipairs(list) do provider.remove(each) end
      return list, require("base.log").redact "drive_canary"
    end)
    t:ok(not results[2]:find("canary", 1, true), "a drive's password may be printed")
    local told = {}
    for index, each in ipairs(results[1]) do
      told[index] = { each.kind, each.id, each.token or "-", each.bills, each.since or 0 }
    end
    t:equal(told, { { "startup script", "s1", TOKEN, false, 1795161600 },
      { "public address", "198.51.100.1", "-", true, 0 }, { "snapshot", "z1", "before", true, 0 },
      { "template", "t1", TOKEN, true, 0 }, { "shared drive", "d1", TOKEN, true, 0 },
      { "private network", "n1", "office", false, 0 } })
    t:equal({ table.unpack(paths(sent), 7) }, { "DELETE /v1/startup-scripts/s1",
      "DELETE /v1/public-ips/198.51.100.1", "DELETE /v1/snapshots/z1", "DELETE /v1/custom-templates/t1",
      "DELETE /v1/shared-drives/d1", "DELETE /v1/private-networks/n1" })
    local unnamed = function(provider) return provider.belongings() end
    t:equal(failing(function(request)
      return page(request.path:find "ips$" and { { region = "x" } } or {})
    end, unnamed), "broken")
    for kind, answer in pairs { transient = { status = 500, json = {} }, -- order: free
      refused = { status = 404, json = { code = "BAD_REQUEST", message = "x" } } } do
      t:equal(failing(function() return answer end, function(provider)
        provider.remove { path = "/v1/snapshots", id = "z1" }
      end), kind)
    end
  end)

  t:case("proof: by id and by token, in the get and in the list", function()
    local session = { id = ID, token = TOKEN }
    local rows = {
      { {}, "stopped" }, { { machine() }, "running" }, { { machine { state = "off" } }, "running" },
      { { machine { state = "stopping" } }, "ending" },
      { { machine { id = "another", name = TOKEN } }, "running" },
      { { machine { id = "another", name = "foreign" } }, "stopped" },
      { { machine { dtDeleted = "2026-11-20T20:00:00.000Z" } }, "stopped" },
    }
    for index, row in ipairs(rows) do
      local results = run(cloud(row[1], {}, NOT_FOUND), function(provider)
        return provider.proof(session).state
      end)
      t:equal(results[1], row[2], "row " .. index)
    end
    t:equal(parse and run(function(request)
      return request.path:find "machines$" and page {} or { json = machine() }
    end, function(provider) return provider.proof(session).state end)[1], "running", "the list hides it")
    t:equal(run(function(request)
      return request.path:find "machines$" and page {} or { json = machine { state = "stopping" } }
    end, function(provider) return provider.proof(session).state end)[1], "ending", "and what is ending")
  end)

  local function ordered(more)
    local order = { token = TOKEN, script = "#!/bin/sh\n", life = 43200, extras = { script = "s1" },
      candidate = { offer = { native = { type = "A6000", region = "West Coast (CA1)", template = "c",
        disk = 50 } } } }
    for name, value in pairs(more or {}) do order[name] = value end -- order: free
    return order
  end

  local function create(answer, more)
    return function(request)
      if request.method == "POST" then return answer end
      error("nothing else is asked: " .. request.path)
    end, function(provider, require)
      return provider.create(ordered(more), require("base.ticket").new(function() end))
    end
  end

  t:case("create: the token as its name, the cloud's own timer, nothing that bills by itself", function()
    local http, fn = create { json = { data = machine(), event = {} } }
    local results, sent = run(http, fn)
    t:equal(results[1].id, ID)
    local body = json.decode(sent[1].body)
    t:equal(body, { name = TOKEN, machineType = "A6000", templateId = "c", region = "West Coast (CA1)",
      diskSize = 50, publicIpType = "dynamic", startupScriptId = "s1", startOnCreate = true,
      emailPassword = false, takeInitialSnapshot = false, autoSnapshotEnabled = false,
      autoShutdownEnabled = true, autoShutdownTimeout = 24, autoShutdownForce = true })
    http, fn = create({ json = { data = machine() } }, { life = 0 })
    sent = select(2, run(http, fn))
    body = json.decode(sent[1].body)
    t:equal({ body.autoShutdownEnabled, body.autoShutdownTimeout }, { false, nil })
    t:equal({ parse.timer_hours(3599), parse.timer_hours(3600), parse.timer_hours(8 * 3600),
      parse.timer_hours(24 * 3600), parse.timer_hours(200 * 3600), parse.timer_hours(0) }, { 1, 8, 24, 168 })
    for _, row in ipairs { { 412, wrong "PRECONDITION_FAILED", "capacity" },
      { 400, wrong "BAD_REQUEST", "capacity" }, { 403, wrong "FORBIDDEN", "capacity" },
      { 404, wrong "NOT_FOUND", "capacity" }, { 401, wrong "UNAUTHORIZED", "auth" },
      { 400, '{"code":"BAD_REQUEST","message":"x","issues":[{"message":"y"}]}', "refused" },
      { 500, wrong "INTERNAL_SERVER_ERROR", "transient" }, { 200, "{}", "broken" },
      { 200, '{"data":{"id":5}}', "broken" }, { 200, "<html>", "broken" } } do
      http, fn = create { status = row[1], body = row[2] }
      local kind, _, _, tried = failing(http, fn)
      t:equal({ kind, #tried }, { row[3], 1 }, row[2])
    end
  end)

  t:case("prepare: standing first, then one script; a lost answer is looked up, not repeated", function()
    local function standing(good)
      return { json = { isInGoodStanding = good, messages = json.array { "Pay" } } }
    end
    local results, sent = run(function(request)
      return request.path:find "standing" and standing(true) or { json = { id = "s9" } }
    end, function(provider) return provider.prepare(ordered()).script end)
    t:equal({ results[1], paths(sent) }, { "s9", { "GET /v1/billing/account-standing",
      "POST /v1/startup-scripts" } })
    t:equal(json.decode(sent[2].body), { name = TOKEN, script = "#!/bin/sh\n", isRunOnce = true })
    local kind, _, message, tried = failing(function() return standing(false) end, function(provider)
      return provider.prepare(ordered())
    end)
    t:equal({ kind, #tried, message:find("Pay", 1, true) ~= nil }, { "funds", 1, true })
    for _, unsaid in ipairs { "{}", '{"isInGoodStanding":null}', "[]" } do
      local made = run(function(request)
        return request.path:find "standing" and { body = unsaid } or { json = { id = "s9" } }
      end, function(provider) return provider.prepare(ordered()).script end)
      t:equal(made[1], "s9", unsaid)
    end
    kind, _, _, tried = failing(function(request)
      return request.path:find "standing" and standing(true) or { status = 403, body = wrong "FORBIDDEN" }
    end, function(provider) return provider.prepare(ordered()) end)
    t:equal({ kind, #tried }, { "refused", 2 }, "what is refused is not asked for again")
    local posts = 0
    results, sent = run(function(request)
      if request.path:find "standing" then return standing(true) end
      if request.method == "GET" then
        return page { { id = "s5", name = TOKEN }, { id = "s6", name = "x" } }
      end
      posts = posts + 1
      return { status = 500, json = { code = "INTERNAL_SERVER_ERROR", message = "x" } }
    end, function(provider) return provider.prepare(ordered()).script end)
    t:equal({ results[1], posts, #sent }, { "s5", 1, 3 })
    t:raises("16384", function()
      return run(function() return standing(true) end, function(provider)
        return provider.prepare(ordered { script = ("x"):rep(16385) })
      end)
    end)
  end)

  t:case("tidy and settled: what bears the token as its whole name, and nothing else", function()
    for _, call in ipairs { "tidy", "settled" } do
      local _, sent = run(function(request)
        return request.method == "DELETE" and NOT_FOUND or page { { id = "s1", name = TOKEN },
          { id = "s2", name = TOKEN .. "0" }, { id = "s3", name = "theirs" } }
      end, function(provider) return provider[call] { token = TOKEN } end)
      t:equal(paths(sent), { "GET /v1/startup-scripts", "DELETE /v1/startup-scripts/s1" })
    end
    local kind, _, _, tried = failing(function(request)
      return request.method == "DELETE" and (request.path:find "s1$" and { status = 500, body = "" }
        or { json = {} }) or page { { id = "s1", name = TOKEN }, { id = "s2", name = TOKEN } }
    end, function(provider) return provider.tidy { token = TOKEN } end)
    t:equal({ kind, tried[#tried].path }, { "transient", "/v1/startup-scripts/s2" }, "each is tried")
  end)

  t:case("whose key it is: the team's, told apart when it is shared; null is no account", function()
    local function session(private)
      return function()
        return { json = { team = { id = "t123", namespace = "acme", isPrivate = private },
          user = { email = "ada@example.org" } } }
      end
    end
    local function account(provider)
      local it = provider.account()
      return it.id, it.name, it.balance
    end
    local results = run(session(true), account)
    t:equal({ results[1], results[2], results[3] }, { "t123", "ada@example.org" })
    t:ok(run(session(false), account)[2]:find("for the team acme", 1, true), "shared")
    t:equal(failing(function() return { body = "null" } end, account), "auth")
    t:equal(failing(function() return { json = { user = {} } } end, account), "broken")
  end)

  t:case("offers: only what fits is asked for; what is not to be had is left out", function()
    local asked = {}
    local results = run(function(request)
      if request.path:find "os%-templates" then
        return page { template("c", "ML-in-a-Box", "Ubuntu 22.04", 50, { "A6000", "P6000", "A100-80G" }) }
      end
      asked[#asked + 1] = request.query.machineType
      local kind = request.query.machineType
      return kind == "A100-80G" and { status = 404, json = { code = "NOT_FOUND", message = "x" } }
        or { json = { available = request.query.region:find "East" ~= nil } }
    end, function(provider)
      local list, left = provider.offers(want)
      local seen, why = {}, {}
      for index, offer in ipairs(list) do seen[index] = offer.id .. " " .. tostring(offer.availability) end
      for _, each in ipairs(left) do why[each.id] = each.reason end
      return table.concat(seen, ", "), why
    end)
    t:equal({ results[2]["A6000@CA1"], results[2].H100 },
      { "none is to be had", "no template is available for it" })
    t:equal(results[1], "P6000@NY2 nil, P6000@CA1 nil, P6000@AMS1 nil, A6000@NY2 1, A100-80G@NY2 nil")
    table.sort(asked)
    t:equal(asked, { "A100-80G", "A6000", "A6000" })
  end)

  t:case("offers: a key that is refused, or asks too fast, is told", function()
    for kind, status in pairs { auth = 401, rate = 429 } do -- order: free
      t:equal(failing(function(request)
        return request.path:find "os%-templates" and page { template("c", "ML-in-a-Box", "Ubuntu 22.04", 50,
          { "A6000" }) } or { status = status, json = { code = "X", message = "x" } }
      end, function(provider) return provider.offers(want) end), kind)
    end
  end)

  t:case("what is switched on, claimed or kept bills, and is a create", function()
    for _, row in ipairs { { "patch", "/v1/machines/m1/start" }, { "post", "/v1/public-ips" },
      { "post", "/v1/snapshots" }, { "post", "/v1/shared-drives" }, { "post", "/v1/custom-templates" },
      { "post", "/v1/machines" } } do
      local results, sent = run(function() return { json = {} } end, function(_, require)
        local client = require("base.http").client { base = "https://api.paperspace.com",
          writes = { "POST ^/", "PATCH ^/" } }
        return require("base.fail").try(client[row[1]], client, row[2], { json = {} })
      end)
      t:ok(not results[1] and #sent == 0, row[2])
      t:ok(tostring(results[2]):find("needs client:create", 1, true), tostring(results[2]))
    end
  end)

  t:case("the guard's request: by its own id, without the key in it", function()
    local results = run(function() return {} end, function(provider)
      return provider.terminate_request(TOKEN)
    end)
    local request = results[1]
    t:equal({ request.method, request.url:match("/v1/.*$"), request.key_env, request.find.token },
      { "DELETE", "/v1/machines/${ID}", "CPLZ_ACCOUNT_KEY", TOKEN })
    t:equal(request.find.url:match("/v1/.*$"), "/v1/machines?limit=120&name=" .. TOKEN)
    t:ok(not json.encode(request):find(KEY, 1, true), "no key")
    t:equal({ request.retry, request.power_off_after }, { 10, 90 }, "docs/guest.md: an hour and a half")
  end)
end
