-- SPDX-License-Identifier: MIT
-- The REPL shows values, and no secrets; it rents and ends nothing past the journal.
local json = require "base.json"
local pretty = require "ui.pretty"

return function(t)
  local rig = t:load("repl_world")
  local repl, has, http = rig.run, rig.has, rig.cloud

  local function shown(value, options) return table.concat(pretty.lines(value, options), "\n") end

  t:case("pretty: keys in order, cuts, cycles, nothing that moves the cursor", function()
    local loop = { a = 1 }
    loop.self = loop
    local rows = {
      { nil, "nil" }, { 1.5, "1.5" }, { 3, "3" }, { "a\n\27[31m\"\xff", '"a\\n\\x1b[31m\\"\\xff"' },
      { {}, "{}" }, { 0 / 0, "nan" }, { { 1, 2, x = "y", [true] = 1, ["a b"] = 2 },
        '{ 1, 2, ["a b"] = 2, x = "y", [true] = 1 }' }, { loop, "{ a = 1, self = <cycle> }" },
      { { f = function() end, [{}] = 1 }, "{ f = <function>, [<table>] = 1 }" }, { json.null, "null" },
      { "日本", '"日本"' },
      { { a = { b = { c = { d = { e = { f = { g = 1 } } } } } } },
        "{ a = { b = { c = { d = { e = { f = {…} } } } } } }" },
    }
    for index = 1, #rows do
      t:equal(shown(rows[index][1]), rows[index][2])
    end
    has(shown(("x"):rep(5000)), "xxx\"… (5000 bytes)")
    t:equal(shown({ long = ("a"):rep(50), more = { 1, 2 } }, { width = 40 }),
      "{\n  long = \"" .. ("a"):rep(50) .. "\"\n  more = { 1, 2 }\n}")
    local many = {}
    for index = 1, 100 do
      many[index] = ("text %d"):format(index)
    end
    has(shown(many), "… and 40 more\n}")
    local hostile = setmetatable({ x = 1 }, { __index = function() error "no" end, __pairs = function()
      error "no"
    end, __tostring = function() error "no" end,
      __len = function() return 0 end })
    t:equal(shown(hostile), "{ x = 1 }")
  end)

  t:case("pretty: rows that are alike as a table; what is the same is said "
    .. "once; secrets are not said", function()
    local rows = {}
    for index = 1, 3 do
      rows[index] = { id = index * 10, gpu = index == 2 and "日本" or "l4", currency = "USD",
        spot = index ~= 3 and index / 10 or nil, api_key = "abcdefgh" }
    end
    t:equal(shown(rows), "3 rows:\n  id  gpu   spot\n  10  l4     0.1\n  20  日本   0.2\n  30  l4\n"
      .. "  the same in all: api_key = [hidden], currency = USD")
    for index = 1, 40 do
      rows[index] = { id = index, a = ("a"):rep(30), b = "b" .. index, c = ("c"):rep(20) .. index }
    end
    local text = shown(rows, { width = 30 })
    has(text, "… and 10 more rows", "not shown: c", ("a"):rep(28) .. "…")
    t:equal(shown { { a = 1 }, { b = 2 } }, "{ { a = 1 }, { b = 2 } }")
    t:equal(shown({ instance_api_key = "s3cret", token = "cplz-12ab-34cd", public_key = "pub",
      password = 12345, sid = "" }, { width = 200 }), '{ instance_api_key = [hidden], password = [hidden], '
        .. 'public_key = "pub", sid = "", token = "cplz-12ab-34cd" }')
  end)

  local ATTEMPTS = {
    "vast.create(ORDER)", "vast.create(ORDER, {})",
    "vast.create(ORDER, setmetatable({}, { __index = function() return true end }))",
    "http.request { method = 'PUT', url = 'http://127.0.0.1:80/api/v0/asks/1/' }",
    "http.request { method = 'POST', url = 'http://127.0.0.1:80/api/v0/asks/1/' }",
    "http.request { method = 'DELETE', url = URL }", "http.request { method = 'put', url = URL }",
    "http.request(setmetatable({ url = URL }, { __index = { method = 'PUT' } }))",
    "http.request(setmetatable({ method = 'PUT', url = URL }, { __pairs = function() return next, { method = "
      .. "'GET', url = URL } end }))",
    "http.request { method = setmetatable({}, { __eq = function() return true end, __tostring = function() "
      .. "return 'PUT' end }), url = URL }",
    "http.client { base = 'https://console.vast.ai', writes = { 'PUT ^/' } }:put('/api/v0/asks/1/')",
    "http.retry(function() return http.request { method = 'PUT', url = URL } end)",
    "require 'base.ticket'.new(function() end)", "require 'sandbox.host'", "require 'sandbox.world'",
    "require 'base.client'", "require 'sandbox.chunk'", "require 'home.journal'", "require 'money.rent'",
    "require 'builtin.base.http'", "require 'engines.ollama'", "require 'commands.up'",
    "require 'base.http'.request { method = 'PUT', url = URL }", "require 'providers.vast'.create(ORDER, {})",
    "require 'builtin.providers.vast'.create(ORDER, {})", "require 'builtin.config.effective'",
    "require { 'sandbox.host' }", "getmetatable('').__index.find = function() return 1 end",
    "rawset(getmetatable('').__index, 'find', function() return 1 end)",
    "require 'base.url'.with_query = function() return URL end vast.offers(WANT)",
    "json.encode = function() return '' end vast.offers(WANT)",
    "require 'providers.vast.parse'.search = function() return {} end vast.offers(WANT)",
    "string.find = function() return 1 end vast.list()",
    "fail.is = function() return false end vast.destroy(1)", "task.run(print)",
    "task.spawn(function() vast.create(ORDER, {}) end)", "getmetatable(_G)", "load('return 1')",
    "os.execute 'true'", "io.open '/etc/passwd'", "debug.getregistry()", "setmetatable(vast, nil)",
  }

  t:case("no line sends a create without a ticket of the journal, or ends what is not ours", function()
    local lines = { "URL = 'https://console.vast.ai/api/v0/asks/1/'",
      "WANT = { disk_gb = 44, hours = 8, vram_gb = 20, spot = true }", "ORDER = { script = '', image = 'i', "
        .. "disk_gb = 1, token = 'cplz-1-2', ports = {}, candidate = { offer = { id = 1 } } }" }
    for index, attempt in ipairs(ATTEMPTS) do
      lines[#lines + 1] = ("ok%d, why = pcall(function() %s end) print(%d, ok%d, why)"):format(index, attempt,
        index, index)
    end
    lines[#lines + 1] = "print 'all of them'"
    local function cloud(request)
      if request.path:find("/instances/%d+/$") then
        return { json = { instances = { id = 1, actual_status = "running", intended_status = "running",
          cur_state = "running", label = "theirs" } } }
      end
      return http(request)
    end
    local code, out, err, s = repl(table.concat(lines, "\n") .. "\n", { http = cloud })
    t:equal(code, 0, err .. out)
    has(out, "all of them")
    for index = 1, 27 do
      has(out, ("%d\tfalse\t"):format(index))
    end
    t:ok(#s.requests > 3, "the allowed calls were sent")
    for _, each in ipairs(s.requests) do
      local request = each.request
      t:ok(request.method == "GET" or request.method == "POST" and request.path == "/api/v0/bundles/",
        request.method .. " " .. request.url)
    end
  end)

  t:case("a machine with our mark can be ended, another cannot", function()
    local label = "theirs"
    local function cloud(request)
      if request.method == "DELETE" then
        return { json = { success = true } }
      end
      return { json = { instances = { id = 5, actual_status = "running", intended_status = "running",
        cur_state = "running", label = label } } }
    end
    local code, _, err, s = repl("vast.destroy(5)\n", { http = cloud })
    t:equal(code, 5)
    has(err, "machine 5 does not carry a mark")
    t:equal(#s.requests, 1)
    label = "cplz-12ab34cd-aabbccddeeff"
    code, _, _, s = repl("vast.destroy(5)\n", { http = cloud })
    t:equal({ code, s.requests[2].request.method }, { 0, "DELETE" })
  end)

  t:case(":trace shows requests and answers, and no secret anywhere", function()
    local function cloud(request)
      if request.path == "/plain" then
        return { body = "api_key=canary-body-text&x=1", headers = { ["Set-Cookie"] = "s=canary-cookie" } }
      end
      if request.path == "/refused" then
        return { status = 500, json = { message = "no", access_token = "canary-refused" } }
      end
      return { json = { id = 7, username = "ada", credit = 1, instance_api_key = "canary-instance-key",
        echo = "it is canary-instance-key",
        gone = json.null, nested = json.array { { jupyter_token = "canary-jupyter" } } },
        headers = { ["X-Auth-Token"] = "canary-header" } }
    end
    local input = table.concat({ ":trace on", "vast.account()",
      "r = http.request { url = 'https://x.test/plain?api_key=canary-query&page=2', headers = { "
        .. "Authorization = 'Bearer canary-bearer' }, query = { token = 'canary-q2' } }", "r.body",
      "r.headers", "r", "http.request { url = 'https://x.test/other' }.json()", "config.get 'VAST_API_KEY'",
      "config.all()", "config.secret 'VAST_API_KEY'", "require 'config.effective'.get 'VAST_API_KEY'",
      "{ api_key = 'canary-own', 'canary-instance-key' }", "print('it is canary-jupyter')",
      "http.request { url = 'https://x.test/refused' }" }, "\n") .. "\n"
    for _, words in ipairs { {}, { "--output=json" }, { "--trace" } } do
      local code, out, err, s = repl(input, { http = cloud, words = words })
      t:equal(code, 5)
      local all = out .. err
      t:equal({ all:match("canary[%w-]*"), all:match("key%-of%-a%-test") }, {}, all)
      has(err, "→ GET https://console.vast.ai/api/v0/users/current/", "authorization: [hidden]",
        "← 200 in 0.02 s", "username = \"ada\"", "gone = null", "page=2", "← 500 in")
      for _, record in ipairs(s.log) do
        t:ok(not (record.message .. table.concat(record.fields)):find("canary"), record.message)
      end
    end
    local _, _, err = repl(":trace on\n:trace off\nvast.account()\n")
    t:ok(not err:find("GET"), err)
    _, _, err = repl(":trace on\nhttp.request { url = 'https://x.test/', timeout = 1 }\n", { http = function()
      return { hang = true }
    end })
    has(err, "← no answer after 1.0")
  end)
end
