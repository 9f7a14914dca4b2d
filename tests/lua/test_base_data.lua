-- SPDX-License-Identifier: MIT
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local json = require "base.json"
local keys = require "base.keys"
local sorted = require "base.sorted"
local template = require "base.template"
local term = require "base.term"
local url = require "base.url"

return function(t)
  local fake = t:load("fakehost")

  t:case("json: what decoding makes of numbers, null and empty things", function()
    t:equal(json.decode('{"id":21874410,"f":1.5,"n":null,"t":true,"l":[1,2.0],"o":{}}'),
      { id = 21874410, f = 1.5, t = true, l = { 1, 2 }, o = {} })
    local path = "/asks/" .. json.decode('{"id":21874410}').id .. "/" .. json.decode("[2.0]")[1]
    t:equal(path, "/asks/21874410/2")
    t:equal(json.decode("[1,null,3]")[2], json.null)
    t:equal(json.decode("[null]")[1], json.null)
    t:equal({ json.decode("7"), json.decode('"x"'), json.decode("false") }, { 7, "x", false })
    t:equal(math.type(json.decode("9007199254740991")), "integer")
    t:equal(math.type(json.decode("1e300")), "float")
  end)

  t:case("json: what is refused, with a sentence", function()
    for _, text in ipairs { "", "{", "[1,]", "NaN", "[Infinity]", "[0x10]", "{} x", "<html>", "'a'", "null",
      ("["):rep(300) .. ("]"):rep(300) } do
      local value, sentence = json.decode(text)
      t:equal(value, nil, text:sub(1, 20))
      t:ok(sentence:find("^not JSON: "), sentence)
    end
    t:raises("needs a text", json.decode, nil)
  end)

  t:case("json: encoding is sorted, exact and reversible", function()
    t:equal(json.encode { b = 1, a = { 1, 2.5, "x" }, c = false, [json and "d"] = json.null },
      '{"a":[1,2.5,"x"],"b":1,"c":false,"d":null}')
    t:equal(json.encode { json.array {}, json.object {}, {} }, "[[],{},{}]")
    t:equal(json.encode { 3.0, 1e15, 0.1, 1 / 3, 123456789012345678, -0.5, 1e300 },
      "[3,1000000000000000,0.1,0.33333333333333331,123456789012345678,-0.5,1e+300]")
    t:equal(json.encode 'a"\\\n\1\127/ü', '"a\\"\\\\\\n\\u0001\\u007f/ü"')
    t:equal(json.encode({ a = { 1, 2 }, b = {} }, 2), '{\n  "a": [\n    1,\n    2\n  ],\n  "b": {}\n}')
    local value = { list = { { x = 0.1 }, { y = "é" } }, n = -12 }
    t:equal(json.decode(json.encode(value)), value)
  end)

  t:case("json: what cannot be encoded raises", function()
    local circle = {}
    circle.a = circle
    t:raises("deeper", json.encode, circle)
    t:raises("cannot be JSON", json.encode, { 0 / 0 })
    t:raises("cannot be JSON", json.encode, { 1 / 0 })
    t:raises("cannot be JSON", json.encode, { 1, 2, nil, 4 })
    t:raises("cannot be JSON", json.encode, { 1, x = 2 })
    t:raises("cannot be JSON", json.encode, { f = tostring })
    t:raises("must be a text", json.encode, { [5] = 1 })
  end)

  t:case("sorted: numbers, strings, booleans", function()
    local seen = {}
    for key in sorted { b = 1, [2] = 1, a = 1, [1] = 1, [true] = 1, [1.5] = 1 } do seen[#seen + 1] = key end
    t:equal(seen, { 1, 1.5, 2, "a", "b", true })
    t:raises("has no order", sorted, { [{}] = 1 })
    local left = { 1, 2, 3 }
    for key in sorted(left) do left[key + 1] = nil end
    t:equal(left, { 1, nil, 3 })
  end)

  t:case("fail: kinds, messages and what try makes of errors", function()
    local one = fail.new { kind = "rate", message = "slow down", status = 429 }
    t:equal({ fail.is(one), fail.is(one, "rate"), fail.is(one, "auth"), fail.is("x"), tostring(one) },
      { true, true, false, false, "slow down" })
    t:raises("no kind", fail.new, { kind = "odd", message = "" })
    t:raises("needs a message", fail.new, { kind = "auth" })
    t:equal({ fail.try(function(a) return a, 2 end, 1) }, { true, 1, 2 })
    local _, bug = fail.try(error, { strange = true })
    t:equal({ bug.kind, (bug.message:find("an error that is a table", 1, true)) }, { "internal", 1 })
  end)

  t:case("clock: calendar both ways", function()
    for _, case in ipairs { { 0, "1970-01-01T00:00:00Z" }, { 951782400, "2000-02-29T00:00:00Z" },
      { 1795161600, "2026-11-20T08:00:00Z" },
      { 4102444799, "2099-12-31T23:59:59Z" }, { -1, "1969-12-31T23:59:59Z" } } do
      t:equal(clock.iso(case[1]), case[2])
      t:equal(clock.parse_iso(case[2]), case[1])
    end
    t:equal(clock.parse_iso("2026-11-20T09:00:00.5+01:00"), 1795161600.5)
    t:equal(clock.parse_iso("yesterday"), nil)
    t:equal(clock.iso(1795161600.99), "2026-11-20T08:00:00Z")
  end)

  t:case("clock: the user's zone", function()
    for _, case in ipairs { { "Europe/Amsterdam", 1795161600, "2026-11-20 09:00:00", 3600 },
      { "Europe/Amsterdam", 1781000000, nil, 7200 }, { "America/New_York", 1795161600,
        "2026-11-20 03:00:00", -18000 }, { "No/Where", 1795161600, "2026-11-20 08:00:00", 0 } } do
      local data = files.read("/usr/share/zoneinfo/" .. case[1])
      if not data and case[1] ~= "No/Where" then t:skip("no time zones installed") end
      local s = fake.new { env = { TZ = case[1] } }
      if data then s.disk["/usr/share/zoneinfo/" .. case[1]] = { data = data, mode = 420, mtime = 0 } end
      local text, offset = s:world().require("base.clock").local_time(case[2])
      t:equal({ case[3] and text, offset }, { case[3], case[4] })
    end
    local s = fake.new { env = { TZ = "Bad" } }
    s.disk["/usr/share/zoneinfo/Bad"] = { data = "TZif2" .. ("\255"):rep(60), mode = 420, mtime = 0 }
    t:equal(select(2, s:world().require("base.clock").local_time(0)), 0)
  end)

  t:case("clock: durations as people write and read them", function()
    for text, seconds in pairs { ["1h30m"] = 5400, ["30m"] = 1800, ["10h"] = 36000, -- order: free
      ["45s"] = 45, ["2d"] = 172800, ["1d 12h"] = 129600, ["1.5h"] = 5400, ["0s"] = 0, ["2H"] = 7200 } do
      t:equal(clock.parse_duration(text), seconds, text)
    end
    for _, text in ipairs { "", "10", "h", "30m1h", "1h1h", "-5m", "1h30", "five minutes", "1w", "1..5h",
      "1e3s", "0x10s", "∞" } do
      local value, sentence = clock.parse_duration(text)
      t:equal(value, nil, text)
      t:ok(sentence:find(text, 1, true), "the sentence names it")
    end
    t:equal({ clock.duration(0), clock.duration(59.4), clock.duration(200), clock.duration(16080),
      clock.duration(93600), clock.duration(-5) }, { "0s", "59s", "3m 20s", "4h 28m", "1d 2h", "-5s" })
  end)

  t:case("url: escaping, queries, parts", function()
    t:equal(url.escape("a b/ü~-._"), "a%20b%2F%C3%BC~-._")
    t:equal(url.unescape(url.escape("\0\255x%")), "\0\255x%")
    t:equal(url.parse_query("a=1&b=x+y%26&c&a=2"), { a = "2", b = "x y&", c = "" })
    t:equal(url.with_query("http://h/p?x=1", { b = true, a = 1.5, c = false }), "http://h/p?x=1&a=1.5&b=true")
    t:equal(url.parse("https://Example.com:8443/a/b?c#d"),
      { scheme = "https", host = "example.com", port = 8443, path = "/a/b" })
    t:equal(url.parse("http://[::1]:80"), { scheme = "http", host = "[::1]", port = 80, path = "/" })
    t:equal(url.parse("ftp://x"), nil)
    t:equal(url.parse("http://user:pw@x/"), nil)
    t:equal(url.shown("https://user:pw@x/a?key=1#f"), "https://x/a")
  end)

  t:case("template: quoting, and nothing unfilled or unused", function()
    t:equal(template.render("run {{a:sh}} {{b:json}} {{c:raw}} {{a:raw}}", { a = "it's", b = { 1 }, c = 5 }),
      "run 'it'\\''s' [1] 5 it's")
    t:equal(template.render("100% {{a:raw}}", { a = "%1" }), "100% %1")
    t:raises("nothing fills", template.render, "{{a:sh}}", {})
    t:raises("has no hole", template.render, "x", { a = 1 })
    t:raises("is not like", template.render, "{{a}}", { a = 1 })
    t:raises("is not like", template.render, "{{a:html}}", { a = 1 })
    t:raises("zero byte", template.render, "{{a:sh}}", { a = "\0" })
  end)

  t:case("keys: hashes, encodings and fair numbers", function()
    t:equal(keys.sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    t:equal(keys.unbase64(keys.base64("\0\1\255")), "\0\1\255")
    t:equal(#keys.random_hex(8), 16)
    local seen, low, high = {}, 9, 0
    for _ = 1, 400 do
      local n = keys.random_int(1, 6)
      seen[n] = true
      low, high = math.min(low, n), math.max(high, n)
    end
    t:equal({ low, high, #seen }, { 1, 6, 6 })
    local key = keys.fresh()
    t:equal(#key:public(), 44)
    key:close()
  end)

  t:case("files: write, append, list, locks and whole trees", function()
    local dir = t:directory()
    local path = files.join(dir, "a/b/file")
    t:equal(select(3, files.read(path)), "missing")
    t:ok(files.mkdir(files.dirname(path)))
    t:ok(files.write(path, "one"))
    t:ok(files.append(path, "two"))
    t:ok(files.replace(path .. "2", "three"))
    t:equal({ files.read(path .. "2"), files.stat(path .. "2").mode & 511 }, { "three", 384 })
    t:ok(files.replace(path .. "2", "four"))
    t:equal(files.read(path .. "2"), "four")
    t:equal(select(3, files.replace(files.dirname(path), "x")), "io", "a directory")
    t:ok(files.remove(path .. "2"))
    t:equal({ files.read(path), files.stat(path).mode & 511, files.list(files.dirname(path)) },
      { "onetwo", 384, { "file" } })
    local lock = t:ok(files.lock(files.join(dir, "lock")))
    t:equal(select(3, files.lock(files.join(dir, "lock"))), "busy")
    lock:release()
    t:ok(files.lock(files.join(dir, "lock"))):release()
    t:ok(files.remove_tree(files.join(dir, "a")))
    t:equal(files.exists(path), false)
    t:equal({ files.join("a", "b", "/c", "d"), files.join("a/", "b"), files.dirname("/x"), files.dirname("x"),
      files.basename("/a/b") }, { "/c/d", "a/b", "/", ".", "b" })
  end)

  t:case("term: styles only where a person looks", function()
    local function styled(options) return fake.new():world(options).require("base.term").style("red", "x") end
    t:equal(styled {}, "x")
    t:equal(styled { tty = { out = true }, env = {} }, "\27[31mx\27[0m")
    t:equal(styled { tty = { out = true }, env = { NO_COLOR = "1" } }, "x")
    t:equal(styled { tty = { out = true }, env = { TERM = "dumb" } }, "x")
    t:raises("no style", term.style, "loud", "x")
  end)

  t:case("term: without a terminal the environment says how large it is, or 80 by 24", function()
    local function size(env)
      local s = fake.new { env = env }
      local p = s:start(function(require)
        return require("base.term").size()
      end)
      p.host.terminal.size = function() return 0, 0 end
      s:run()
      return { p:result() }
    end
    t:equal(size {}, { 80, 24 })
    t:equal(size { COLUMNS = "120", LINES = "50" }, { 120, 50 })
    t:equal(size { COLUMNS = "wide", LINES = "-3" }, { 80, 24 })
    t:equal(size { COLUMNS = "10001" }, { 80, 24 })
  end)

  t:case("term: questions go to stderr, answers come from stdin", function()
    local s = fake.new()
    local p = s:start(function(require)
      local inner = require "base.term"
      return inner.ask("name? "), inner.hidden("key? "), inner.ask()
    end, { input = "me\nsecret\n" })
    s:run()
    t:equal({ p:result() }, { "me", "secret" })
    t:equal({ p.out, p.err }, { "", "name? key? " })
  end)

  t:case("log: fields sorted and quoted", function()
    local s = fake.new()
    local log = s:world().require("base.log")
    log.hide("topsecret")
    log.info("hello", { z = "a b", a = 1, q = 'say "x"\n', e = "" })
    log.error("has topsecret inside")
    t:equal(s.log[1].fields, { "a=1", "e=", 'q=say "x"\n', "z=a b" })
    t:equal({ s.log[1].level, s.log[2].message }, { "INFO", "has [hidden] inside" })
  end)
end
