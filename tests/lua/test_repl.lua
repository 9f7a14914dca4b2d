-- SPDX-License-Identifier: MIT
-- The REPL in a replaced world: what lines give, what is printed, what is never sent, and the prompt.
local json = require "base.json"
local pretty = require "ui.pretty"

local HOME = "/home/user/.continueplz"

local TOY = [[
local fail = require "base.fail"
local task = require "base.task"
local toy = { name = "toy" }
local function rows(body)
  return body.rows.list
end
function toy.offers(want)
  local list = rows(want)
  return list
end
function toy.get() fail.raise("transient", "Toy answered 503", { status = 503 }) end
function toy.slow() task.sleep(600) return "slept" end
return toy
]]

return function(t)
  local fake = t:load("fakehost")

  local function http(request)
    if request.path:find("^/v2/") then
      return { status = 503, body = "down" }
    end
    if request.path:find("users/current", 1, true) then
      return { json = { id = 7, username = "ada", credit = 5.5 } }
    end
    return { json = { success = true, offers = json.array {}, instances = json.array {} } }
  end

  -- `continueplz repl WORDS` with this standard input. options: tty, files, http, more(sim, process) → exit code, out, err, sim
  local function repl(input, options)
    options = options or {}
    local s = fake.new { env = { HOME = "/home/user", VAST_API_KEY = "key-of-a-test" }, http = options.http or http }
    s.disk[HOME .. "/providers/toy.lua"] = { data = TOY, mode = 384, mtime = 0 }
    for path, file in pairs(options.files or {}) do -- order: free
      s.disk[HOME .. "/" .. path] = { data = file, mode = options.mode or 384, mtime = 0 }
    end
    local p = s:start(function(require)
      return require("cli").main { "repl", table.unpack(options.words or {}) }
    end, { bare = true, tty = options.tty, input = input })
    p.stdin = options.stdin and options.stdin(s)
    if options.more then
      options.more(s, p)
    end
    s:run()
    return p:result(), p.out, p.err, s
  end

  local function has(text, ...)
    for _, part in ipairs { ... } do
      t:ok(text:find(part, 1, true), ("%q in %q"):format(part, text))
    end
  end

  local function shown(value, options) return table.concat(pretty.lines(value, options), "\n") end

  t:case("pretty: keys in order, cuts, cycles, nothing that moves the cursor", function()
    local loop = { a = 1 }
    loop.self = loop
    local rows = {
      { nil, "nil" }, { 1.5, "1.5" }, { 3, "3" }, { "a\n\27[31m\"\xff", '"a\\n\\x1b[31m\\"\\xff"' }, { {}, "{}" }, { 0 / 0, "nan" },
      { { 1, 2, x = "y", [true] = 1, ["a b"] = 2 }, '{ 1, 2, ["a b"] = 2, x = "y", [true] = 1 }' }, { loop, "{ a = 1, self = <cycle> }" },
      { { f = function() end, [{}] = 1 }, "{ f = <function>, [<table>] = 1 }" }, { json.null, "null" }, { "日本", '"日本"' },
      { { a = { b = { c = { d = { e = { f = { g = 1 } } } } } } }, "{ a = { b = { c = { d = { e = { f = {…} } } } } } }" },
    }
    for index = 1, #rows do
      t:equal(shown(rows[index][1]), rows[index][2])
    end
    has(shown(("x"):rep(5000)), "xxx\"… (5000 bytes)")
    t:equal(shown({ long = ("a"):rep(50), more = { 1, 2 } }, { width = 40 }), "{\n  long = \"" .. ("a"):rep(50) .. "\"\n  more = { 1, 2 }\n}")
    local many = {}
    for index = 1, 100 do
      many[index] = ("text %d"):format(index)
    end
    has(shown(many), "… and 40 more\n}")
    local hostile = setmetatable({ x = 1 }, { __index = function() error "no" end, __pairs = function() error "no" end, __tostring = function() error "no" end,
      __len = function() return 0 end })
    t:equal(shown(hostile), "{ x = 1 }")
  end)

  t:case("pretty: rows that are alike as a table; what is the same is said once; secrets are not said", function()
    local rows = {}
    for index = 1, 3 do
      rows[index] = { id = index * 10, gpu = index == 2 and "日本" or "l4", currency = "USD", spot = index ~= 3 and index / 10 or nil, api_key = "abcdefgh" }
    end
    t:equal(shown(rows), "3 rows:\n  id  gpu   spot\n  10  l4     0.1\n  20  日本   0.2\n  30  l4\n  the same in all: api_key = [hidden], currency = USD")
    for index = 1, 40 do
      rows[index] = { id = index, a = ("a"):rep(30), b = "b" .. index, c = ("c"):rep(20) .. index }
    end
    local text = shown(rows, { width = 30 })
    has(text, "… and 10 more rows", "not shown: c", ("a"):rep(28) .. "…")
    t:equal(shown { { a = 1 }, { b = 2 } }, "{ { a = 1 }, { b = 2 } }")
    t:equal(shown({ instance_api_key = "s3cret", token = "cplz-12ab-34cd", public_key = "pub", password = 12345, sid = "" }, { width = 200 }),
      '{ instance_api_key = [hidden], password = [hidden], public_key = "pub", sid = "", token = "cplz-12ab-34cd" }')
  end)

  t:case("lines: expressions, statements, results, globals stay and locals do not", function()
    local code, out, err = repl("1 + 1\nx = 20\nx + _\n\n-- a comment\nfor i = 1, 2 do\n  print(i, nil)\nend\n"
      .. "return 7, 8\n_2, _1\nx = nil\nx\nprint 'done'\n")
    t:equal({ code, out }, { 0, "2\n22\n1\tnil\n2\tnil\n7\n8\n8\n7\nnil\ndone\n" })
    t:ok(not (out .. err):find("\27"), "no escapes")
    code, out, err = repl("local y = 1\ny\nprint 'never'\n")
    t:equal({ code, out }, { 70, "" })
    has(err, "stdin:2: undefined global 'y'", "without `local`")
    code, out = repl("1\n:quit\n2\n")
    t:equal({ code, out }, { 0, "1\n" })
    t:equal({ (repl "") }, { 0 })
  end)

  t:case("errors: file and line, only the script's frames, a sentence for a failure, the code of the table", function()
    local words = { "toy" }
    local code, _, err = repl("1\n\ntoy.offers {}\n", { words = words })
    t:equal(code, 70)
    local path = HOME .. "/providers/toy.lua"
    has(err, "error: " .. path .. ":5: attempt to index a nil value (field 'rows')\n  " .. path .. ":5 in ",
      "\n  " .. path .. ":8 in ", "\n  stdin:3 in main chunk\n")
    t:ok(not err:find("scheduler") and not err:find("xpcall"), err)
    local rows = {
      { "provider.get(1)", 5, "error: Toy answered 503 (transient, HTTP 503)" }, { "1 +", 2, "stdin:1: the input ends in the middle" },
      { "\nx y", 2, "stdin:2: syntax error near 'y'" }, { "error 'mine'", 70, "stdin:1: mine" }, { "error { 1 }", 70, "an error that is a table" },
      { "toy.nothing()", 70, "stdin:1: attempt to call a nil value" }, { ":relod", 2, "did you mean :reload?" }, { ":get", 2, ":get needs" },
      { ":trace perhaps", 2, "'perhaps'" }, { ":quit now", 2, "'now'" }, { ":offers --gup=x", 2, "did you mean --gpu?" }, { ":deadline soon", 2, "soon" },
      { ":deadline 5s\ntoy.slow()", 5, "longer than 5s" }, { "vastt", 70, "did you mean vast?" }, { "task.deadline(3, toy.slow)", 5, "3s" },
    }
    for _, row in ipairs(rows) do
      local got, out, text = repl(row[1] .. "\n" .. (row[1] == "1 +" and "" or "print 'went on'\n"), { words = words })
      t:equal(got, row[2], row[1] .. ": " .. text)
      has(text, row[3])
      t:ok(not out:find("went on"), "the first error ends it")
    end
    code, _, err = repl("1", { words = { "tyo" } })
    t:equal(code, 2)
    has(err, "'tyo'", "did you mean toy?")
    code, _, err = repl("provider.x", { words = words, files = { ["providers/toy.lua"] = "return {\n  x = = 1\n}\n" } })
    t:equal(code, 3)
    has(err, path .. ":2: unexpected symbol near '='")
  end)

  t:case("commands: :account, :list, :time, :offers, :help, :deadline", function()
    local code, out = repl(":account\n:list\n:time 1 + 1\n:deadline 90s\n:deadline off\n:trace\n:help\n")
    t:equal(code, 0)
    has(out, 'id = "7", name = "ada"', "{}\n2\nit took 0.00 s\nthe deadline is 1m 30s\nthe deadline is off\ntrace is off\n", "provider", ":reload")
    local err
    local _
    code, _, err = repl(":offers --model=qwen3-coder:30b\n")
    t:equal(code, 4)
    has(err, "vast: 0 offers", "no offer fits")
    local answers = repl("config.get 'DEFAULT_MODEL'\n:offers --gpu=h100\nconfig.get 'DEFAULT_GPU'\n")
    t:equal(answers, 4)
  end)

  t:case("JSON: one object per result and nothing else on stdout", function()
    local code, out = repl("vast.account()\nprint 'x'\n1, nil, {1, f=print}, 1/0, '\\xff'\nnothing\n", { words = { "--output=json" } })
    local list = {}
    for line in out:gmatch("[^\n]+") do
      list[#list + 1] = assert(json.decode(line))
    end
    t:equal(code, 70)
    t:equal(list, { { status = "ok", result = { balance = 5.5, currency = "USD", id = "7", name = "ada" } }, { status = "ok", result = 1 }, { status = "ok" },
      { status = "ok", result = { ["1"] = 1, f = "function" } }, { status = "ok", result = "inf" }, { status = "ok", result = "?" },
      { status = "failed", error = { kind = "internal", exit_code = 70, message = "stdin:4: undefined global 'nothing'" } } }, out)
  end)

  t:case(":reload reads the script again and keeps the session; a broken one changes nothing", function()
    local function edits(s)
      local function put(text) s.disk[HOME .. "/providers/toy.lua"].data = text end
      s:at(1, function() put "return { name = 'second' }" end)
      s:at(3, function() put "return {" end)
    end
    local code, out, err = repl("keep = toy.name\ntask.sleep(2)\n:reload\nkeep, toy.name, provider.name\ntask.sleep(2)\n:reload\n", {
      words = { "toy" }, more = edits })
    t:equal(code, 3)
    has(out, '"toy"\n"second"\n"second"\n')
    has(err, "toy.lua:1: ")
  end)

  local ATTEMPTS = {
    "vast.create(ORDER)", "vast.create(ORDER, {})", "vast.create(ORDER, setmetatable({}, { __index = function() return true end }))",
    "http.request { method = 'PUT', url = 'http://127.0.0.1:80/api/v0/asks/1/' }",
    "http.request { method = 'POST', url = 'http://127.0.0.1:80/api/v0/asks/1/' }",
    "http.request { method = 'DELETE', url = URL }", "http.request { method = 'put', url = URL }",
    "http.request(setmetatable({ url = URL }, { __index = { method = 'PUT' } }))",
    "http.request(setmetatable({ method = 'PUT', url = URL }, { __pairs = function() return next, { method = 'GET', url = URL } end }))",
    "http.request { method = setmetatable({}, { __eq = function() return true end, __tostring = function() return 'PUT' end }), url = URL }",
    "http.client { base = 'https://console.vast.ai', writes = { 'PUT ^/' } }:put('/api/v0/asks/1/')",
    "http.retry(function() return http.request { method = 'PUT', url = URL } end)",
    "require 'base.ticket'.new(function() end)", "require 'base.host'", "require 'base.world'", "require 'base.client'", "require 'base.chunk'",
    "require 'work.journal'", "require 'work.rent'", "require 'builtin.base.http'", "require 'engines.ollama'", "require 'commands.up'",
    "require 'base.http'.request { method = 'PUT', url = URL }", "require 'providers.vast'.create(ORDER, {})",
    "require 'builtin.providers.vast'.create(ORDER, {})", "require 'builtin.facts.config'", "require { 'base.host' }",
    "getmetatable('').__index.find = function() return 1 end", "rawset(getmetatable('').__index, 'find', function() return 1 end)",
    "require 'base.url'.with_query = function() return URL end vast.offers(WANT)", "json.encode = function() return '' end vast.offers(WANT)",
    "require 'facts.vast'.search = function() return {} end vast.offers(WANT)", "string.find = function() return 1 end vast.list()",
    "fail.is = function() return false end vast.destroy(1)", "task.run(print)", "task.spawn(function() vast.create(ORDER, {}) end)",
    "getmetatable(_G)", "load('return 1')", "os.execute 'true'", "io.open '/etc/passwd'", "debug.getregistry()", "setmetatable(vast, nil)",
  }

  t:case("no line sends a create without a ticket of the journal, or ends what is not ours", function()
    local lines = { "URL = 'https://console.vast.ai/api/v0/asks/1/'", "WANT = { disk_gb = 44, hours = 8, vram_gb = 20, spot = true }",
      "ORDER = { script = '', image = 'i', disk_gb = 1, token = 'cplz-1-2', ports = {}, candidate = { offer = { id = 1 } } }" }
    for index, attempt in ipairs(ATTEMPTS) do
      lines[#lines + 1] = ("ok%d, why = pcall(function() %s end) print(%d, ok%d, why)"):format(index, attempt, index, index)
    end
    lines[#lines + 1] = "print 'all of them'"
    local function cloud(request)
      if request.path:find("/instances/%d+/$") then
        return { json = { instances = { id = 1, actual_status = "running", intended_status = "running", cur_state = "running", label = "theirs" } } }
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
      t:ok(request.method == "GET" or request.method == "POST" and request.path == "/api/v0/bundles/", request.method .. " " .. request.url)
    end
  end)

  t:case("a machine with our mark can be ended, another cannot", function()
    local label = "theirs"
    local function cloud(request)
      if request.method == "DELETE" then
        return { json = { success = true } }
      end
      return { json = { instances = { id = 5, actual_status = "running", intended_status = "running", cur_state = "running", label = label } } }
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
      return { json = { id = 7, username = "ada", credit = 1, instance_api_key = "canary-instance-key", echo = "it is canary-instance-key",
        gone = json.null, nested = json.array { { jupyter_token = "canary-jupyter" } } }, headers = { ["X-Auth-Token"] = "canary-header" } }
    end
    local input = table.concat({ ":trace on", "vast.account()",
      "r = http.request { url = 'https://x.test/plain?api_key=canary-query&page=2', headers = { Authorization = 'Bearer canary-bearer' }, "
        .. "query = { token = 'canary-q2' } }",
      "r.body", "r.headers", "r", "http.request { url = 'https://x.test/other' }.json()", "config.get 'VAST_API_KEY'", "config.all()",
      "config.secret 'VAST_API_KEY'", "require 'facts.config'.get 'VAST_API_KEY'", "{ api_key = 'canary-own', 'canary-instance-key' }", "print('it is canary-jupyter')",
      "http.request { url = 'https://x.test/refused' }" }, "\n") .. "\n"
    for _, words in ipairs { {}, { "--output=json" }, { "--trace" } } do
      local code, out, err, s = repl(input, { http = cloud, words = words })
      t:equal(code, 5)
      local all = out .. err
      t:equal({ all:match("canary[%w-]*"), all:match("key%-of%-a%-test") }, {}, all)
      has(err, "→ GET https://console.vast.ai/api/v0/users/current/", "authorization: [hidden]", "← 200 in 0.02 s",
        "username = \"ada\"", "gone = null", "page=2", "← 500 in")
      for _, record in ipairs(s.log) do
        t:ok(not (record.message .. table.concat(record.fields)):find("canary"), record.message)
      end
    end
    local _, _, err = repl(":trace on\n:trace off\nvast.account()\n")
    t:ok(not err:find("GET"), err)
    _, _, err = repl(":trace on\nhttp.request { url = 'https://x.test/', timeout = 1 }\n", { http = function() return { hang = true } end })
    has(err, "← no answer after 1.0")
  end)

  local function terminal(input, options)
    options = options or {}
    options.tty = { ["in"] = true, out = true, err = true }
    return repl(input, options)
  end

  t:case("the prompt: results, an error goes on, completion, history kept without secrets", function()
    local code, out, err, s = terminal("1 + 1\rx y\rx = 'key-of-a-test'\rx = 'key-of-a-test'\rvas\t.acc\t()\rdo\rend\r\27[A\27[A\27[A\r:quit\r",
      { files = { ["repl.history"] = "old\\nline\n" } })
    t:equal(code, 0)
    has(out, "\27[?2004h", "vast> ", "\r\n2\n", "... end", '{ balance = 5.5')
    has(err, "syntax error near 'y'", "Cloud: vast.")
    t:equal(s.disk[HOME .. "/repl.history"], { data = "old\\nline\n1 + 1\nx y\nx = '[hidden]'\nvast.account()\ndo\\nend\nvast.account()\n:quit\n", mode = 384,
      mtime = s.disk[HOME .. "/repl.history"].mtime })
    local _, opened = out:gsub("\27%[%?2004h", "")
    local _, closed = out:gsub("\27%[%?2004l", "")
    t:equal(opened, closed)
  end)

  t:case("the prompt: Ctrl-C ends a call and empties a line, Ctrl-D leaves, SIGTERM ends it", function()
    local ours
    local function stdin(s)
      local theirs
      ours, theirs = s:pair_of()
      return theirs
    end
    local function more(s, p)
      s:at(1, function() ours:write("toy.slow()\r") end)
      s:at(9, function() p:signal("INT") end)
      s:at(10, function() ours:write("half a li") end)
      s:at(11, function() p:signal("WINCH") end)
      s:at(12, function() p:signal("INT") end)
      s:at(13, function() ours:write("40 + 2\r\4") end)
    end
    local code, out, err = terminal(nil, { stdin = stdin, more = more, words = { "toy" } })
    t:equal(code, 0, err)
    has(out, "half a li", "^C", "\r\n42\n")
    has(err, "interrupted after 8.0 s")
    t:ok(not err:find("error:"), err)
    code, out = terminal(nil, { stdin = stdin, words = { "toy" }, more = function(s, p)
      s:at(1, function() ours:write("toy.slow()\r") end)
      s:at(2, function() p:signal("TERM") end)
    end })
    t:equal({ code, out:find("slept") }, { 130 })
    code, out = terminal(nil, { stdin = stdin, more = function(s, p)
      s:at(1, function() ours:write("abc") end)
      s:at(2, function() p:signal("TERM") end)
    end })
    t:equal({ code, out:match("\27%[%?2004l$") }, { 130, "\27[?2004l" })
  end)

  t:case("history: the last thousand, private, one that cannot be read is left alone", function()
    local lines = {}
    for index = 1, 1200 do
      lines[index] = "line " .. index .. "\n"
    end
    local _, _, _, s = terminal("1\r\4", { files = { ["repl.history"] = table.concat(lines) }, mode = 420 })
    local file = s.disk[HOME .. "/repl.history"]
    t:equal({ file.mode, file.data:sub(1, 9), select(2, file.data:gsub("\n", "")) }, { 384, "line 201\n", 1001 })
    local _, out, err = terminal("1 + 1\r\4", { files = { ["repl.history"] = ("x"):rep(5 << 20) } })
    has(err, "the history is not kept")
    has(out, "\r\n2\n")
  end)

  t:case("nothing of it is loaded by other commands, nor by the help", function()
    for _, words in ipairs { { "--help" }, { "status" }, { "help", "repl" } } do
      local s = fake.new {}
      local seen = {}
      local p = s:start(function(require)
        return require("cli").main(words)
      end, { bare = true })
      local load = p.host.script.load
      p.host.script.load = function(path, ...)
        seen[#seen + 1] = path
        return load(path, ...)
      end
      s:run()
      t:ok(#seen > 3, "the modules are seen")
      for _, path in ipairs(seen) do
        t:ok(not path:find("cli/repl/") and not path:find("pretty") and not path:find("conceal") and not path:find("base/chunk"), path)
      end
    end
  end)
end
