-- SPDX-License-Identifier: MIT
-- The RunPod provider: what its answers mean, and what it sends, against scripted answers.
local json = require "base.json"
local parse = require "providers.runpod.parse"

local HOME = "/home/user/.continueplz"
local KEY = "rpa_continueplz0123456789abcdef"
local ID = "q7x2m9k4t1"
local GONE = { status = 404, json = { title = "Not Found", status = 404, detail = "pod not found" } }

local function problem(status, value)
  local text = type(value) == "table" and json.encode(value) or value
  return parse.problem(status, text, json.decode(text))
end

local function pod(more)
  local row = { id = ID, name = "cplz-1", status = "RUNNING", cost = 0.44, disk = 72, locked = false,
    gpu = { id = "NVIDIA A40", count = 1 }, runtime = { uptime = 20, ports = {
      { private = 24001, public = 22042, type = "tcp", ip = "194.68.245.7" },
      { private = 8888, public = 60001, type = "http", ip = "100.65.0.1" } } } }
  for name, value in pairs(more or {}) do row[name] = value end -- order: free
  return row
end

local function kind(more)
  local row = { id = "NVIDIA A40", manufacturer = "NVIDIA", memory = 48, secure = true, community = true,
    price = { secure = 0.44, community = 0.3 }, maxCount = { secure = 8, community = 4 },
    availability = "HIGH", dataCenters = { { id = "EU-SE-1", availability = "HIGH" },
      { id = "EUR-NO-1", availability = "LOW" }, { id = "US-TX-3", availability = "NONE" },
      { id = "CA-MTL-1", availability = "LOW" } } }
  for name, value in pairs(more or {}) do row[name] = value end -- order: free
  return row
end

return function(t)
  local fake = t:load("fakehost")

  -- Runs fn(provider) in a replaced world whose cloud answers with `http`. → ok, result, requests
  local function run(http, fn)
    local s = fake.new { http = http, env = { HOME = "/home/user", RUNPOD_API_KEY = KEY } }
    local p = s:start(function(require)
      require("config.effective").load(HOME)
      return require("base.fail").try(fn, require "providers.runpod", require)
    end)
    s:run()
    local sent = {}
    for index, each in ipairs(s.requests) do sent[index] = each.request end
    local ok, result = p:result()
    return ok, result, sent
  end

  t:case("errors: no capacity and a broken rule are told apart by words, the edge is no word about the key",
    function()
      local none = "There are no longer any instances available with the requested specifications."
      for _, row in ipairs {
        { 400, { detail = none }, "capacity" }, { 400, { detail = "at most 8 GPUs" }, "refused" },
        { 401, { detail = "invalid bearer token" }, "auth" }, { 403, { detail = "access denied" }, "auth",
          "rights" }, { 403, "<html>blocked</html>", "transient" }, { 402, { detail = "x" }, "funds" },
        { 404, { detail = "pod not found" }, "refused", "gone" },
        { 404, { detail = "not found" }, "refused" },
        { 409, { detail = "x" }, "refused", "conflict" }, { 422, { detail = "x" }, "broken" },
        { 429, "", "rate" }, { 500, { detail = "x" }, "transient" }, { 502, "<html>", "transient" },
        { 200, "<html>", "broken" },
      } do
        local failure = problem(row[1], row[2])
        t:equal({ failure.kind, failure.code }, { row[3], row[4] }, row[1] .. " " .. tostring(row[2].detail))
      end
      t:equal({ problem(200, "{}"), problem(204, "") }, {})
      t:ok(problem(403, { detail = "x" }).message:find("Read/Write for the REST API", 1, true))
    end)

  t:case("an instance: its ports in runtime alone; a stopped one bills", function()
    local row = parse.instance(pod(), 180)
    t:equal({ row.status, row.ip, row.ports, row.spot, row.hourly, row.gpu, row.fault },
      { "running", "194.68.245.7", { ["24001/tcp"] = 22042 }, false, 0.44, "a40" })
    t:equal({ parse.instance(pod { status = "EXITED", cost = 0.0, runtime = false }, 180).status,
      parse.instance(pod { status = "EXITED", cost = 0.0 }, 180).hourly }, { "stopped" })
    t:equal({ parse.instance(pod { status = "TERMINATED" }, 180).status,
      parse.instance(pod { status = "ERROR" }, 180).status, parse.instance(pod { status = "NEW" }, 1).status,
      parse.instance({ id = ID }, 1).native }, { "gone", "exited", "unknown", "unknown" })
    t:equal(parse.instance(pod { runtime = { uptime = 179, ports = {} } }, 180).fault, nil)
    t:equal(parse.instance(pod { runtime = { uptime = 180, ports = {} } }, 180).fault,
      "its host gives it no public port")
    t:equal(select(2, parse.instance({ name = "cplz-1" }, 1)), "a pod without an id")
    t:equal({ parse.instance(pod { startedAt = "2026-11-20T08:00:00Z" }, 1).started,
      parse.instance(pod(), 1).started, parse.instance(pod { locked = true }, 1).locked,
      parse.instance(pod(), 1).token }, { 1795161600, nil, true, "cplz-1" })
  end)

  t:case("offers: Secure by region, Community without one, no spot, no price of 0", function()
    local want = { disk_gb = 72 }
    local list = parse.offers(kind(), "SECURE", 2, want, 5)
    t:equal({ #list, list[1].region, list[1].native.centres, list[2].region, list[1].on_demand,
      list[1].spot, list[1].gpus, list[1].vram_gb, list[1].disk_hour },
      { 2, "eu-north", { "EU-SE-1", "EUR-NO-1" }, "ca", 0.88, nil, 2, 48, 0.01 })
    local community = parse.offers(kind(), "COMMUNITY", 1, want, 5)
    t:equal({ #community, community[1].region, community[1].on_demand, community[1].native.centres },
      { 1, nil, 0.3 })
    t:equal(#parse.offers(kind(), "COMMUNITY", 1, { disk_gb = 1, region = "eu" }, 5), 0)
    t:equal({ list[1].native.firm, parse.offers(kind(), "SECURE", 1, { disk_gb = 1, region = "eu" }, 5)[1]
      .native.firm, community[1].native.cloud, list[1].native.type, list[1].from_create }, { false, true,
      "COMMUNITY", "NVIDIA A40", true })
    for _, level in ipairs { "LOW", "MEDIUM", "HIGH" } do
      t:equal(#parse.offers(kind { availability = level }, "COMMUNITY", 4, want, 5), 1, level)
    end
    t:equal({ #parse.offers(kind { secure = false }, "COMMUNITY", 4, want, 5),
      #parse.offers(kind { community = false }, "COMMUNITY", 4, want, 5),
      #parse.offers(kind(), "COMMUNITY", 5, want, 5) }, { 1, 0, 0 }, "each cloud has words of its own")
    for why, row in pairs { -- order: free
      ["no price"] = { price = { secure = 0 } }, ["not in this cloud"] = { secure = false },
      ["none free"] = { availability = "NONE" }, ["nowhere"] = { dataCenters = false },
      ["not so many in one pod"] = { maxCount = { secure = 1 } },
      ["not a card of NVIDIA"] = { manufacturer = "AMD" }, ["no memory size"] = { memory = false } } do
      t:equal(select(2, parse.offers(kind(row), "SECURE", 2, want, 5)), why)
    end
    t:equal({ parse.region "US-TX-3", parse.region "US-CA-2", parse.region "EUR-IS-1", parse.region "AP-JP-1",
      parse.region "MARS" }, { "us-central", "us-west", "eu-north", "ap-east" })
  end)

  t:case("what is left out says why, each kind of card by its own id", function()
    local rows = { kind(), kind { id = "A", manufacturer = "AMD" }, kind { id = "B", memory = false } }
    local _, told = run(function() return { json = { gpus = rows } } end, function(provider)
      local list, left = provider.offers { disk_gb = 72, vram_gb = 20, datacenter = true, hours = 8 }
      local why = { offered = #list > 0 }
      for _, each in ipairs(left) do why[each.id] = each.reason end
      return why
    end)
    t:equal({ told.offered, told.A, told.B }, { true, "not a card of NVIDIA", "no memory size" })
  end)

  t:case("several cards are offered where one is too small, the cheapest in all first", function()
    local rows = { kind(), kind { id = "NVIDIA GeForce RTX 4090", memory = 24, price = { secure = 0.59,
      community = 0.34 } }, kind { id = "NVIDIA A100 80GB PCIe", memory = 80, price = { secure = 1.79,
      community = 1.19 } } }
    for _, row in ipairs(rows) do row.dataCenters = { { id = "EU-SE-1", availability = "LOW" } } end
    -- → "cloud cards", … in order; the counts that were asked for
    local function ranked(more)
      local want = { disk_gb = 72, vram_gb = 90, hours = 8, download_gb = 10 }
      for name, value in pairs(more) do want[name] = value end -- order: free
      local ok, told, sent = run(function() return { json = { gpus = rows } } end,
        function(provider, require)
          local candidates, told = {}, {}
          for _, offer in ipairs(provider.offers(want)) do
            table.move(require("home.cost").candidates(offer, want), 1, 1, #candidates + 1, candidates)
          end
          for index, each in ipairs((require("policies.cheapest")(candidates, want))) do
            told[index] = ("%s %d %s"):format(each.offer.native.cloud:sub(1, 1), each.offer.gpus,
              each.offer.gpu)
          end
          return told
        end)
      local counts = {}
      for index, request in ipairs(sent) do
        counts[#counts + 1] = request.query.count
        local cloud = request.query.cloud
        t:ok(index == 1 or cloud == "SECURE" or cloud == "COMMUNITY" and not more.datacenter, "which cloud")
      end
      return ok and told or tostring(told), table.concat(counts, " ")
    end
    local told, counts = ranked { datacenter = true }
    t:equal(told, { "S 2 a40", "S 4 a40", "S 4 rtx4090", "S 2 a100-80", "S 4 a100-80" })
    t:equal(counts, "2 4", "one card is none, and eight are more than any needs")
    t:equal(ranked {}, { "C 2 a40", "S 2 a40", "C 4 a40", "C 4 rtx4090", "S 4 a40", "S 4 rtx4090",
      "C 2 a100-80", "S 2 a100-80", "C 4 a100-80", "S 4 a100-80" })
    t:equal({ ranked { datacenter = true, gpus = 4 } }, { { "S 4 a40", "S 4 rtx4090", "S 4 a100-80" }, "4" })
    t:equal({ ranked { vram_gb = 170 } }, { { "C 4 a40", "S 4 a40", "S 8 a40", "S 8 rtx4090",
      "C 4 a100-80", "S 4 a100-80", "S 8 a100-80" }, "4 8 4 8" }, "the Community Cloud has four in one pod")
    t:equal({ ranked { vram_gb = 700 } }, { {}, "8 8" }, "what is too small is told of")
  end)

  t:case("gone is what it says in so many words; anything else raises", function()
    local function get(answer)
      local ok, result = run(function() return answer end, function(provider) return provider.get(ID) end)
      return ok and result.status or result.kind
    end
    t:equal({ get(GONE), get { status = 404, json = { detail = "resource not found" } },
      get { status = 404, body = "<html>" }, get { json = pod { id = "other" } }, get { json = pod() } },
      { "gone", "refused", "broken", "broken", "running" })
    for seconds, fault in pairs { [179] = false, [180] = true } do -- order: free
      local _, row = run(function() return { json = pod { runtime = { uptime = seconds, ports = {} } } } end,
        function(provider) return provider.get(ID) end)
      t:equal(row.fault ~= nil, fault, "a port is waited for so long")
    end
    local function list(answer)
      local ok, result = run(function() return answer end, function(provider) return provider.list() end)
      return ok and #result or result.kind
    end
    t:equal({ list { body = '{"pods":[]}' }, list { body = '{"pods":null}' }, list { body = "{}" },
      list { json = { pods = { pod { status = "EXITED" }, pod { status = "TERMINATED" } } } },
      list { json = { pods = { pod { status = "ERROR" }, pod { status = "NEW" }, pod { cost = 0 } } } },
      list { json = { pods = { { name = "cplz-1" } } } }, list { body = '{"pods":{}}' },
      list { body = '{"pods":{"0":{}}}' }, list { json = { pods = { pod { id = "a/b" } } } } },
      { 0, "broken", "broken", 1, 3, "broken", "broken", "broken", "broken" })
  end)

  -- An order as money.rent gives it; `native` and `more` change it.
  local function order_of(native, more)
    local order = { token = "cplz-1", image = "runpod/base:1", disk_gb = 72, script = "echo hello",
      env = { CPLZ_A = "a" }, ports = { { port = 24001, protocol = "tcp" } }, candidate = { offer = {
        gpus = 2, native = native or { type = "NVIDIA A40", cloud = "COMMUNITY" } } } }
    for name, value in pairs(more or {}) do order[name] = value end -- order: free
    return order
  end

  -- A create that is answered so. → ok, result or failure, requests
  local function create(answer, order)
    return run(function() return answer end, function(provider, require)
      return provider.create(order or order_of(), require("base.ticket").new(function() end))
    end)
  end

  t:case("create: all that an order says, once", function()
    local native = { type = "NVIDIA A40", cloud = "SECURE", centres = { "EU-SE-1", "EU-NL-1" }, firm = true }
    local ok, made, sent = create({ status = 201, json = pod { dataCenterId = "EU-NL-1" } },
      order_of(native))
    t:equal({ ok, made, #sent, sent[1].method, sent[1].path }, { true, { id = ID }, 1, "POST", "/v2/pods" })
    local body = json.decode(sent[1].body)
    t:ok(body.args:find("$CPLZ_BOOT", 1, true), "its first program is the start script")
    body.args = nil
    t:equal(body, { name = "cplz-1", image = "runpod/base:1", cloud = "SECURE", disk = 72,
      gpu = { id = "NVIDIA A40", count = 2, minCudaVersion = "12.4" },
      dataCenterIds = { "EU-SE-1", "EU-NL-1" }, ports = { "24001/tcp" },
      env = { CPLZ_A = "a", CPLZ_BOOT = "ZWNobyBoZWxsbw==",
        NVIDIA_DRIVER_CAPABILITIES = "compute,utility" } })
    body = json.decode(select(3, create { status = 201, json = pod() })[1].body)
    t:equal({ body.cloud, body.dataCenterIds }, { "COMMUNITY" })
  end)

  t:case("create: what it made is known by its id, also where it is in a wrong place", function()
    local firm = { type = "NVIDIA A40", cloud = "SECURE", centres = { "EU-SE-1" }, firm = true }
    local elsewhere = { status = 201, json = pod { dataCenterId = "US-TX-3" } }
    local ok, why = create(elsewhere, order_of(firm))
    t:equal({ ok, why.kind, why.created_id }, { false, "refused", ID })
    firm.firm = false
    t:equal((create(elsewhere, order_of(firm))), true, "any place is good where no region is wanted")
    for _, answer in ipairs { { body = "{}" }, { body = "[]" }, { json = { id = 7 } },
      { json = { id = "../x" } }, { json = { id = "a/b" } }, { json = { id = json.null } },
      { body = "<html>" }, { body = '{"success":false}' } } do
      ok, why = create(answer)
      t:equal({ ok, why.kind, why.created_id }, { false, "broken" }, tostring(answer.body))
    end
  end)

  t:case("create: what is refused; a pool that this key may not use costs only itself", function()
    for _, row in ipairs { { 403, { detail = "access denied" }, "refused" },
      { 401, { detail = "invalid bearer token" }, "auth" }, { 402, { detail = "x" }, "funds" },
      { 500, { detail = "There are no longer any instances available" }, "transient" },
      { 302, { detail = "x" }, "refused" }, { 429, { detail = "x" }, "rate" } } do
      local ok, why, sent = create { status = row[1], json = row[2] }
      t:equal({ ok, why.kind, why.created_id, #sent }, { false, row[3], nil, 1 }, row[1])
    end
    local full = {}
    for n = 1, 48 do full["V" .. n] = n end
    t:equal((create({ status = 201, json = pod() }, order_of(nil, { env = full }))), true)
    full.V49 = 49
    local udp = { { port = 24001, protocol = "udp" } }
    for words, order in pairs { ["51 variables"] = { env = full }, -- order: free
      ["TCP alone"] = { ports = udp } } do
      local ok, why, sent = create({}, order_of(nil, order))
      t:ok(not ok and #sent == 0 and tostring(why.message):find(words, 1, true), words)
    end
  end)

  t:case("what comes too fast is asked again; what bills again when it is started is a create", function()
    local count = 0
    local ok, list = run(function()
      count = count + 1
      return count < 3 and { status = 429, json = { detail = "x" } } or { body = '{"pods":[]}' }
    end, function(provider) return provider.list() end)
    t:equal({ ok, list, count }, { true, {}, 3 })
    local sent
    ok, list, sent = run(function() return { json = {} } end, function(_, require)
      local client = require("base.http").client { base = "https://api.runpod.io", writes = { "POST ^/" } }
      client:post("/v2/pods/" .. ID .. "/action", { json = { action = "start" } })
    end)
    t:ok(not ok and #sent == 0 and tostring(list):find("needs client:create", 1, true), tostring(list))
  end)

  t:case("each key is an account of its own", function()
    local ids = {}
    local ok, account, sent = run(function() return { body = '{"pods":[]}' } end, function(provider, require)
      local config = require "config.effective"
      for index, key in ipairs { KEY, KEY .. "2" } do
        config.use("RUNPOD_API_KEY", key, "here")
        ids[index] = provider.account().id
      end
      return provider.account()
    end)
    t:ok(ok and ids[1] ~= ids[2] and ids[1]:find "^key%-%x+$", tostring(account))
    t:ok(json.encode(sent[1].headers):find(KEY, 1, true) and json.encode(sent[3].headers)
      :find(KEY .. "2", 1, true), "each is asked with its own key")
    ok, account = run(function() return { status = 403, json = { detail = "x" } } end, function(provider)
      return provider.account()
    end)
    t:equal({ ok, account.kind }, { false, "auth" }, "a key that may not read pods is none")
  end)

  t:case("proof: whatever the list lacks, a pod that answers is there", function()
    for status, state in pairs { RUNNING = "running", EXITED = "running", ERROR = "running", -- order: free
      PROVISIONING = "running", NEW = "running", TERMINATED = "stopped" } do
      local _, proof = run(function(request)
        return request.path == "/v2/pods" and { body = '{"pods":[]}' } or { json = pod { status = status } }
      end, function(provider) return provider.proof { id = ID, token = "cplz-1" } end)
      t:equal({ proof.state, proof.evidence.get }, { state, status })
    end
  end)

  t:case("proof: a stopped pod of the token is none that is gone", function()
    local function state(rows)
      local _, result = run(function(request)
        return request.path == "/v2/pods" and { json = { pods = json.array(rows) } } or GONE
      end, function(provider) return provider.proof { id = ID, token = "cplz-1" }.state end)
      return result
    end
    t:equal({ state {}, state { pod { id = "else", name = "mine" } },
      state { pod { id = "twin", status = "EXITED" } } }, { "stopped", "stopped", "running" })
  end)

  t:case("a pod's storage: a volume costs twice as much when it is stopped, its disk the same", function()
    local mounts = { persistent = { size = 360, path = "/workspace" } }
    local function hour(more) return parse.instance(pod(more), 180).disk_hour end
    for index, each in ipairs { { hour(), 0.01 }, { hour { mounts = mounts }, 0.06 },
      { hour { mounts = mounts, status = "EXITED" }, 0.11 },
      { hour { mounts = { network = { { volumeId = "v1" } } }, status = "EXITED" }, 0.01 } } do
      t:ok(math.abs(each[1] - each[2]) < 1e-9, ("row %d: %s"):format(index, each[1]))
    end
    t:equal(hour { disk = false }, nil)
  end)

  local around = { ["network-volumes"] = { networkVolumes = {
      { id = "agv6w2qcg7", name = "cplz-1", size = 72, dataCenter = "EU-RO-1", type = "STANDARD" },
      { id = "v2", name = "large", size = 1720, dataCenter = "EU-RO-1", type = "STANDARD" },
      { id = "v3", name = "fast", size = 72, dataCenter = "EU-RO-1", type = "HIGH_PERFORMANCE" } } },
    templates = { templates = { { id = "tpl1", name = "cplz-1" } } } }

  t:case("belongings: network volumes bill, templates do not; each is removed at its own path", function()
    local ok, list, sent = run(function(request)
      if request.method == "GET" then return { json = around[request.path:match "[%w-]+$"] } end
      return request.path:find "v2$" and { status = 404, json = { detail = "network volume not found" } }
        or { status = 204, body = "" }
    end, function(provider)
      local list = provider.belongings()
      for _, each in ipairs(list) do provider.remove(each) end
      return list
    end)
    t:ok(ok, tostring(list))
    local told, deleted = {}, {}
    for index, each in ipairs(list) do
      told[index] = { each.kind, each.id, each.token, each.bills,
        each.hourly and math.floor(each.hourly * 1000 + 0.5) }
    end
    for _, request in ipairs(sent) do
      deleted[#deleted + 1] = request.method == "DELETE" and request.path or nil
    end
    t:equal(told, { { "network volume", "agv6w2qcg7", "cplz-1", true, 7 },
      { "network volume", "v2", "large", true, 147 }, { "network volume", "v3", "fast", true },
      { "template", "tpl1", "cplz-1", false } })
    t:equal(deleted, { "/v2/network-volumes/agv6w2qcg7", "/v2/network-volumes/v2", "/v2/network-volumes/v3",
      "/v2/templates/tpl1" })
  end)

  t:case("belongings: a list that is not whole raises, and so does what cannot be removed", function()
    local function kind_of(answers, fn)
      local _, result = run(function(request)
        local answer = answers[request.path:match "^/v2/([%w-]+)"]
        return answer or { json = around[request.path:match "[%w-]+$"] }
      end, fn)
      return result.kind
    end
    local function belongings(provider) return provider.belongings() end
    for _, broken in ipairs { '{"networkVolumes":null}', "{}", '{"networkVolumes":[{"name":"cplz-1"}]}' } do
      t:equal(kind_of({ ["network-volumes"] = { body = broken } }, belongings), "broken", broken)
    end
    t:equal(kind_of({ templates = { status = 500, json = { detail = "x" } } }, belongings), "transient")
    local function remove(path)
      return function(provider) return provider.remove { path = path, id = "x1" } end
    end
    local used = { status = 400, json = { detail = "template is in use by a pod and cannot be deleted" } }
    t:equal(kind_of({ templates = used }, remove "/v2/templates"), "refused")
    t:equal(kind_of({ templates = { status = 404, body = "<html>" } }, remove "/v2/templates"), "broken")
  end)

  t:case("charges: of this pod alone, told up to now once nothing was billed for hours", function()
    local function record(first, last, amount, id)
      local day = "2026-11-20T%02d:00:00Z"
      return { podId = id or ID, startTime = day:format(first), endTime = day:format(last),
        totalAmount = amount }
    end
    local function charges(at, ...)
      return parse.charges({ records = json.array { ... } }, ID, at, 3 * 3600)
    end
    local noon = require("base.clock").parse_iso "2026-11-20T12:00:00Z"
    local early, late = record(8, 9, 0.5), record(9, 10, 0.25)
    t:equal(charges(noon, early), { amount = 0.5, currency = "USD", upto = noon })
    t:equal(charges(noon, early, late), { amount = 0.75, currency = "USD", upto = noon - 3 * 3600 })
    t:equal(charges(noon, late, early, record(11, 12, 0)).amount, 0.75)
    t:equal(charges(noon + 3600, late, early, record(11, 12, 0)).upto, noon + 3600, "nothing is no amount")
    t:equal(charges(noon, early, record(9, 10, 9, "q7x2m9k4t2")), nil, "another pod's")
    for _, broken in ipairs { record(9, 10, "1"), record(9, 10, -1), { podId = ID, totalAmount = 1 }, 7 } do
      t:equal(charges(noon, early, broken), nil)
    end
    t:equal({ charges(noon), charges(noon, record(8, 9, 0)), parse.charges({}, ID, noon, 1),
      parse.charges(nil, ID, noon, 1) }, {})
  end)

  t:case("charges: asked by pod and hour; a key that may not read them knows none", function()
    local session = { id = ID, started = 1795161600.7 }
    local function charges(answer)
      local ok, result, sent = run(function() return answer end, function(provider)
        return provider.charges(session) or "none"
      end)
      return ok and result, sent[1]
    end
    local found, request = charges { json = { records = { { podId = ID, totalAmount = 0.5,
      startTime = "2026-11-20T08:00:00Z", endTime = "2026-11-20T09:00:00Z" } } } }
    t:equal({ found.amount, request.method, request.path, request.query }, { 0.5, "GET", "/v2/billing/pods",
      { podId = ID, bucketSize = "hour", startTime = "2026-11-19T08:00:00Z" } })
    for _, answer in ipairs { { status = 403, json = { detail = "access denied" } }, { error = "reset" },
      { body = "<html>" }, { json = { records = json.null } } } do
      t:equal((charges(answer)), "none")
    end
  end)

  t:case("destroy: already gone is success, a locked pod is unlocked first", function()
    local locked = true
    local ok, result, sent = run(function(request)
      if request.method == "PATCH" then locked = json.decode(request.body).locked end
      if request.method == "DELETE" and not locked then return { status = 204, body = "" } end
      return request.method == "DELETE" and { status = 409, json = { detail = "pod is locked" } }
        or { json = pod { locked = locked } }
    end, function(provider) return provider.destroy(ID) end)
    t:equal({ ok, result, #sent, sent[3].method }, { true, true, 4, "PATCH" })
    t:equal({ sent[1].fresh, sent[4].fresh }, { true, true }, "on connections of their own")
    t:equal(select(2, run(function() return GONE end, function(provider) return provider.destroy(ID) end)),
      "gone")
    ok = run(function() return { status = 404, json = { detail = "resource not found" } } end,
      function(provider) return provider.destroy(ID) end)
    t:equal(ok, false)
  end)

  t:case("the balance may be unknown; GraphQL is asked for nothing else", function()
    local function balance(answer)
      local ok, result, sent = run(function(request)
        return request.path == "/graphql" and answer or { body = '{"pods":[]}' }
      end, function(provider) return provider.account() end)
      return ok and (result.balance or "unknown"), #sent
    end
    t:equal({ balance { json = { data = { myself = { clientBalance = 7.5 } } } } }, { 7.5, 2 })
    for _, answer in ipairs { { json = { data = { myself = json.null } } }, { status = 410, body = "" },
      { json = { errors = { { message = "Unauthorized" } } } }, { hang = true }, { error = "reset" } } do
      t:equal((balance(answer)), "unknown")
    end
    local ok, why, sent = run(function() return { json = {} } end, function(_, require)
      local client = require("base.http").client { base = "https://api.runpod.io", writes = { "POST ^/" } }
      client:post("/graphql", { json = { query = "mutation { podResume(input: {podId: \"x\"}) { id } }" } })
    end)
    t:ok(not ok and #sent == 0 and tostring(why):find("needs client:create", 1, true), tostring(why))
  end)

  t:case("the guard's calls: the end, a stop where that is refused, a look; its own key alone", function()
    local _, request = run(function() return {} end, function(provider)
      return provider.terminate_request()
    end)
    t:equal({ request.method, request.otherwise.body, request.rehearse.url == request.url, request.key_env },
      { "DELETE", '{"action":"stop"}', true, "RUNPOD_API_KEY" })
    t:equal({ request.url, request.otherwise.method, request.otherwise.url },
      { "https://api.runpod.io/v2/pods/${RUNPOD_POD_ID}", "POST", request.url .. "/action" })
    t:ok(not json.encode(request):find(KEY, 1, true), "the account's key is in it")
  end)
end
