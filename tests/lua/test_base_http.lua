-- SPDX-License-Identifier: MIT
local fail = require "base.fail"
local files = require "base.files"
local http = require "base.http"
local log = require "base.log"
local net = require "base.net"
local rows = require "base.rows"
local server = require "base.server"
local task = require "base.task"
local ticket = require "base.ticket"

-- A server on loopback that answers with handler. → its address, its handle
local function serve(handler, opts)
  local listener = net.listen { host = "127.0.0.1", port = 0 }
  local _, port = listener:name()
  return ("http://127.0.0.1:%d"):format(port), server.serve(listener, handler, opts), port
end

local function echo(request)
  return { json = { method = request.method, path = request.path, query = request.query,
    raw = request.raw_query, headers = request.headers, body = request.body } }
end

return function(t)
  local fake = t:load("fakehost")

  t:case("a request arrives as it was meant", function()
    local base, running = serve(echo)
    local seen = http.request { method = "PUT", url = base .. "/a%20b", query = { z = "1 2", a = "ü&=" ,
      list = { 1, 2 } }, headers = { ["X-One"] = "1" }, json = { b = 1, a = { true } } }.json()
    t:equal({ seen.method, seen.path, seen.raw }, { "PUT", "/a b", "a=%C3%BC%26%3D&list=1&list=2&z=1%202" })
    t:equal(seen.query, { a = "ü&=", list = "2", z = "1 2" })
    t:equal({ seen.headers["x-one"], seen.headers["content-type"], seen.headers.accept,
      seen.headers["user-agent"] },
      { "1", "application/json", "application/json", "continueplz/" .. require "base.version" })
    t:equal(seen.body, '{"a":[true],"b":1}')
    running.stop()
  end)

  -- What fn(require) gives in a replaced world whose answers are those of `answer`.
  local function replaced(answer, fn)
    local s = fake.new { http = answer }
    local p = s:start(fn)
    s:run()
    return p:result()
  end

  t:case("the clock is compared with the answer that agrees best", function()
    local function ahead(...)
      local offs = { ... }
      return replaced(function(request)
        local off = offs[tonumber(request.path:sub(2))]
        local iso = off and require("base.clock").iso(fake.EPOCH + off)
        return { body = "", headers = { Date = off
          and ("Fri, %s Nov 2026 %s GMT"):format(iso:sub(9, 10), iso:sub(12, 19)) or "yesterday" } }
      end, function(require)
        for index in ipairs(offs) do
          require("base.http").request { url = "https://example.org/" .. index }
        end
        local seconds, host = require("base.http").clock_ahead()
        return seconds and math.floor(seconds + 0.5), host
      end)
    end
    t:equal({ ahead(false) }, {})
    t:equal({ ahead(0) }, { 0, "example.org" })
    t:equal({ ahead(-7200) }, { 7199, "example.org" }, "a second is no more than the header tells")
    t:equal((ahead(7200)) <= -7199, true, "behind")
    t:equal({ ahead(-7200, 0, 90000, false) }, { 0, "example.org" })
  end)

  t:case("a certificate that is not valid yet or any more names this computer's clock", function()
    local function said(text, code)
      return replaced(function() return { error = text, code = code, sent = false } end, function(require)
        local _, failure = require("base.fail").try(require("base.http").request,
          { url = "https://example.org/" })
        return failure.message
      end)
    end
    local early = said("SSL certificate problem: certificate is not yet valid", "tls")
    t:ok(early:find("not yet valid; this computer's clock says 2026-11-20T08:00:0", 1, true)
      and early:find("Z, is that right?", 1, true), early)
    t:ok(said("SSL certificate problem: certificate has expired", "tls")
      :find("expired; this computer's clock says 2026", 1, true))
    t:ok(not said("SSL certificate problem: self-signed certificate", "tls"):find("clock", 1, true))
    t:ok(not said("the token has expired", "reset"):find("clock", 1, true))
  end)

  t:case("statuses become kinds, with status, address and body", function()
    local base, running = serve(function(request)
      return { status = tonumber(request.path:sub(2)), body = '{"why":"told"}',
        headers = { ["Retry-After"] = "7" } }
    end)
    for status, kind in pairs { [401] = "auth", [403] = "auth", [402] = "funds", -- order: free
      [429] = "rate", [500] = "transient",
      [503] = "transient", [404] = "refused", [400] = "refused", [409] = "refused" } do
      local failure = t:raises(kind, http.request,
        { url = base .. "/" .. status .. "?key=geheim", headers = { A = "geheim" } })
      t:equal({ failure.status, failure.body, failure.sent, failure.retry_after },
        { status, '{"why":"told"}', true, 7 })
      t:equal(failure.url, base .. "/" .. status)
      t:ok(not failure.message:find("geheim"), "the message without secrets")
      t:ok(failure.message:find('told', 1, true), "the excerpt")
    end
    t:equal(http.request { url = base .. "/404", ok = { 404 } }.status, 404)
    t:equal(http.request { url = base .. "/503", ok = "any" }.status, 503)
    running.stop()
  end)

  t:case("an edge's refusal is named as such: never the key's fault, whoever classifies", function()
    local said
    local base, running = serve(function() return { status = 403, body = said } end)
    local function classify() return { kind = "auth", message = "wrong key" } end
    for _, text in ipairs { "error code: 1010", "error code: 1020\n",
      "<html><title>Access denied</title>Error code 1005</html>" } do
      said = text
      for _, how in ipairs { false, classify } do
        local failure = t:raises("refused", http.request, { url = base .. "/", classify = how or nil })
        t:equal({ failure.status, failure.edge, failure.sent }, { 403, text:match("10%d%d"), true })
        t:ok(failure.message:find("nothing is wrong with the key", 1, true), failure.message)
      end
    end
    for _, text in ipairs { '{"error":"error code: 1010"}', "forbidden", "error code: 9010" } do
      said = text
      t:raises("auth", http.request, { url = base .. "/" })
    end
    running.stop()
  end)

  t:case("secrets in an error body are hidden", function()
    log.hide("opensesame-1234")
    local base, running = serve(function()
      return { status = 500, body = "key opensesame-1234 is wrong" .. ("x"):rep(999) }
    end)
    local failure = t:raises("transient", http.request, { url = base .. "/" })
    t:ok(failure.message:find("key [hidden] is wrong", 1, true), failure.message)
    t:ok(#failure.message < 300, "a short message")
    running.stop()
  end)

  t:case("what is not JSON is broken, and shown", function()
    local base, running = serve(function() return { body = "<html>maintenance</html>" } end)
    local failure = t:raises("broken", http.request { url = base .. "/" }.json)
    t:ok(failure.message:find("<html>maintenance</html>", 1, true), failure.message)
    running.stop()
  end)

  t:case("an endless body, silence and a closed door end in sentences", function()
    local base, running, port = serve(function(request)
      if request.path == "/hang" then return { hang = true } end
      if request.path == "/drop" then return { drop = true } end
      return { stream = function(write) for _ = 1, 100 do write(("x"):rep(10000)) end end }
    end)
    t:equal(t:raises("broken", http.request, { url = base .. "/long", max_bytes = 5000 }).code, "toolarge")
    t:equal(t:raises("transient", http.request, { url = base .. "/hang", timeout = 0.2 }).code, "timeout")
    t:equal(t:raises("transient", http.request, { url = base .. "/drop" }).sent, true)
    running.stop()
    local refused = t:raises("transient", http.request, { url = ("http://127.0.0.1:%d/"):format(port) })
    t:equal(refused.sent, false)
    t:equal(t:raises("refused", http.request, { url = "http://192.0.2.1/" }).code, "insecure")
  end)

  t:case("pieces of a stream arrive one by one, errors are not streamed", function()
    local base, running = serve(function(request)
      if request.path == "/bad" then
        return { status = 500, stream = function(write) write("bro") write("ken") end }
      end
      return { stream = function(write)
        for i = 1, 3 do
          write("piece " .. i)
          task.sleep(0.02)
        end
      end }
    end)
    local pieces = {}
    local function collect(piece) pieces[#pieces + 1] = piece end
    http.request { url = base .. "/", stream = collect }
    t:equal(table.concat(pieces), "piece 1piece 2piece 3")
    t:ok(#pieces > 1, "several pieces")
    pieces = {}
    local failure = t:raises("transient", http.request, { url = base .. "/bad", stream = collect })
    t:equal({ failure.body, #pieces }, { "broken", 0 })
    running.stop()
  end)

  t:case("a reader has the body of a good answer, in its place is what it leaves", function()
    local base, running = serve(function(request)
      local bad = request.path == "/bad" and 500
      return { status = bad or 200, stream = function(write)
        for _, piece in ipairs { '{"l":[{"a":', "1},{", '"a":2}],"b":3', "}" } do write(piece) end
      end }
    end)
    local function ask(path, more)
      local list = {}
      local reader = rows.reader("l", { "a" }, { begin = function() end,
        row = function(row) list[#list + 1] = row.a end })
      local spec = { url = base .. path, reader = reader, ok = more }
      local ok, answer = fail.try(http.request, spec)
      return ok and answer.body or answer.body, list
    end
    local seen = {}
    local before = http.watch(function() return function(answer) seen[#seen + 1] = answer.body end end)
    t:equal({ ask "/" }, { '{"l":[],"b":3}', { 1, 2 } })
    t:equal({ ask "/bad" }, { '{"l":[{"a":1},{"a":2}],"b":3}', {} }, "of an error all is kept")
    t:equal({ ask("/bad", "any") }, { '{"l":[],"b":3}', { 1, 2 } })
    http.watch(before)
    t:equal({ ask "/" }, { '{"l":[],"b":3}', { 1, 2 } })
    local whole = '{"l":[{"a":1},{"a":2}],"b":3}'
    t:equal(seen, { whole, whole, whole }, "who watches sees all of it")
    local rehearsed
    http.rehearse(function()
      local list = {}
      local reader = rows.reader("l", { "a" }, { begin = function() end,
        row = function(row) list[#list + 1] = row.a end })
      local spec = { method = "POST", url = base .. "/", reader = reader }
      rehearsed = { http.request(spec).body, list }
    end, function() return whole end)
    t:equal(rehearsed, { '{"l":[],"b":3}', { 1, 2 } }, "what a rehearsal answers is read, too")
    running.stop()
  end)

  t:case("a stream that is cancelled lets go of the transfer", function()
    local refused = task.channel()
    local base, running = serve(function()
      return { stream = function(write)
        local _, why = fail.try(function() while true do write("tick") task.sleep(0.01) end end)
        refused.put(fail.message(why))
      end }
    end)
    t:raises("transient", task.deadline, 0.1, function()
      http.request { url = base .. "/", timeout = 0, idle_timeout = 5, stream = function() end }
    end)
    local _, kept = task.leftovers()
    t:equal(kept, 0)
    t:ok(refused.take(10), "whoever sends it is not listened to any more")
    running.stop()
  end)

  t:case("over a unix socket", function()
    local path = files.join(t:directory(), "s")
    local running = server.serve(net.listen { unix = path }, echo)
    t:equal(http.request { method = "POST", url = "http://localhost/x", unix = path,
      body = "b" }.json().body, "b")
    running.stop()
  end)

  t:case("a client adds its base and headers, and lets only declared writes through", function()
    local base, running = serve(echo)
    local client = http.client { base = base .. "/",
      headers = function() return { Authorization = "Bearer k" } end, writes = { "PUT ^/change/%d+$" } }
    local seen = client:get("/list", { query = { a = 1 } }).json()
    t:equal({ seen.path, seen.headers.authorization, seen.raw }, { "/list", "Bearer k", "a=1" })
    t:equal(client:put("/change/5", { json = {} }).json().body, "{}")
    t:raises("not declared", client.put, client, "/change/x")
    t:raises("not declared", client.post, client, "/change/5")
    t:raises("with a colon", client.get, "/list")
    t:raises("foreign host", http.request, { method = "POST", url = "https://example.com/create" })
    running.stop()
  end)

  t:case("a create needs a ticket, uses it once, and journals before it sends", function()
    local arrived = 0
    local base, running = serve(function() arrived = arrived + 1 return { json = { id = 7 } } end)
    local client = http.client { base = base }
    local sent = 0
    local mine = ticket.new(function()
      t:equal(arrived, 0)
      sent = sent + 1
    end, { token = "t" })
    t:raises("ticket of the journal", client.create, client, nil, "POST", "/x")
    t:raises("ticket of the journal", client.create, client, { send = function() end, token = "t" },
      "POST", "/x")
    t:raises("ticket of the journal", client.create, client, setmetatable({}, getmetatable(mine)),
      "POST", "/x")
    t:equal(client:create(mine, "POST", "/x").json().id, 7)
    t:raises("used before", client.create, client, mine, "POST", "/x")
    t:equal({ arrived, sent }, { 1, 1 })
    local failing = ticket.new(function() fail.raise("config", "disk full") end)
    t:raises("disk full", client.create, client, failing, "POST", "/x")
    t:equal(arrived, 1)
    running.stop()
  end)

  t:case("classify names what a friendly status hides", function()
    local base, running = serve(function() return { json = { success = false, msg = "no credit" } } end)
    local client = http.client { base = base, classify = function(response)
      local value = response.json()
      if not value.success then
        return { kind = "funds", message = value.msg }
      end
    end }
    local failure = t:raises("funds", client.get, client, "/")
    t:equal({ failure.message, failure.status }, { "no credit", 200 })
    running.stop()
  end)

  t:case("requests of one class keep their distance, others do not wait", function()
    local s = fake.new { http = function() return { json = {} } end }
    local p = s:start(function(require)
      local inner = require "base.task"
      local client = require("base.http").client { base = "https://cloud.example",
        interval = { ["GET ^/slow"] = 2 } }
      inner.map({ 1, 2, 3, 4 }, function(i) client:get(i == 4 and "/fast" or "/slow/" .. i) end)
    end)
    s:run()
    p:result()
    local times = {}
    for i, entry in ipairs(s.requests) do
      times[i] = { entry.request.path, entry.at - fake.START - s.latency }
    end
    for _, entry in ipairs(times) do entry[2] = math.floor(entry[2] * 1000 + 0.5) end
    t:equal(times, { { "/slow/1", 0 }, { "/fast", 0 }, { "/slow/2", 2000 }, { "/slow/3", 4000 } })
  end)

  t:case("retry: only kinds that may pass, with growing pauses or what the server asks", function()
    local answers = { { status = 500 }, { status = 429, headers = { ["Retry-After"] = "9" } },
      { json = { fine = true } } }
    local s = fake.new { http = function() return table.remove(answers, 1) end }
    local p = s:start(function(require)
      local inner = require "base.http"
      return inner.retry(function() return inner.request { url = "https://a.example/" }.json() end)
    end)
    s:run()
    t:equal(p:result(), { fine = true })
    t:equal(#s.requests, 3)
    t:ok(s.requests[2].at - s.requests[1].at >= 1 and s.requests[3].at - s.requests[2].at >= 9, "the pauses")
    local q = fake.new { http = t:expect(function() return { status = 403 } end) }
    local denied = q:start(function(require)
      local inner = require "base.http"
      inner.retry(function() return inner.request { url = "https://a.example/" } end)
    end)
    q:run()
    t:raises("auth", denied.result, denied)
  end)

  t:case("each request is in the log, without its query", function()
    local s = fake.new { http = function() return { json = {} } end }
    s:start(function(require)
      require("base.http").request { url = "https://a.example/x?secret=1", query = { b = 2 } }
    end)
    s:run()
    t:equal({ s.log[1].level, s.log[1].fields },
      { "DEBUG", { "method=GET", "ms=20", "status=200", "url=https://a.example/x" } })
  end)

  t:case("headers cannot be smuggled", function()
    t:raises("cannot have", http.request, { url = "http://127.0.0.1:1/", headers = { A = "x\r\nB: y" } })
    t:raises("cannot have", http.request, { url = "http://127.0.0.1:1/", headers = { ["A: x"] = "y" } })
  end)
end
