-- SPDX-License-Identifier: MIT
-- Answers as servers give them, and what leaves towards them.
local host, kit = ...
local ok, is, http, one = kit.ok, kit.is, kit.http, kit.one
local OK = "HTTP/1.1 200 OK\r\n"
local EMPTY = OK .. "Content-Length: 0\r\n\r\n"

local function answers()
  local e = one(OK .. "Content-Length: 5\r\nX-A: one\r\nx-a:two\r\nX-Empty:\r\n\r\nhello")
  ok(e.status == 200 and e.body == "hello", "an answer", e.error)
  is(e.headers["x-a"], "one, two", "repeated headers are joined")
  is(e.headers["x-empty"], "", "an empty header")
  is(e.headers["content-length"], "5", "header names are lowercase")
  e = one("HTTP/1.1 103 Early\r\nX-Early: 1\r\n\r\nHTTP/1.1 201 C\r\nContent-Length: 0\r\n\r\n")
  ok(e.status == 201 and e.body == "" and not e.headers["x-early"],
    "a 1xx answer before is dropped", e.status)
  e = one("HTTP/1.1 204 No\r\n\r\n")
  ok(e.status == 204 and e.body == "", "204", e.status)
  e = one("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 0\r\n\r\n")
  ok(e.status == 302 and e.headers.location == "http://127.0.0.1:1/x", "a redirect is not followed", e.error)
  e = one(OK .. "Content-Length: 500000000\r\n\r\n", { method = "HEAD", max_bytes = 10 })
  ok(e.status == 200 and e.body == "", "HEAD", e.error)
  e = one("HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno")
  ok(e.status == 500 and e.body == "no" and not e.error, "500 is an answer", e.error)
  is(one("HTTP/1.0 200 OK\r\n\r\nuntil close").body, "until close", "a body that ends with the connection")
  e = one(OK .. "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: t\r\n\r\n")
  ok(e.body == "abcde" and e.headers["x-trailer"] == "t", "chunks and a trailer", e.error)
  is(one(OK .. "X-Fold: a\r\n b\r\n\tc\r\nContent-Length: 0\r\n\r\n").headers["x-fold"], "a b c",
    "a folded header")
end

local function requests()
  local head, body
  local server = kit.serve(function(socket)
    head, body = kit.request(socket)
    kit.send(socket, EMPTY)
  end)
  local function send(method, data, headers, path)
    http { url = kit.url(server, path), method = method, body = data, headers = headers }
  end
  send("POST", "a\0b", { "Authorization: Bearer x", "X-Empty:", "X-Two: a b" }, "/p?q=1")
  ok(head:find("^POST /p%?q=1 HTTP/1.1\r\n"), "request line", head)
  is(body, "a\0b", "request body with a zero byte")
  for _, line in ipairs { "Authorization: Bearer x\r\n", "X-Empty:\r\n", "X-Two: a b\r\n" } do
    ok(head:find(line, 1, true), "sends " .. line:match("^[^:]+"), head)
  end
  for _, name in ipairs { "content-type", "expect", "accept-encoding" } do
    ok(not head:lower():find(name, 1, true), "does not add " .. name, head)
  end
  send("POST")
  ok(head:find("Content-Length: 0\r\n", 1, true), "POST without a body says so", head)
  send("DELETE")
  ok(head:find("^DELETE / ") and not head:find("Content-Length", 1, true), "DELETE", head)
  send("DELETE", "{}")
  is(body, "{}", "DELETE with a body")
  send("PUT", ("z"):rep(3000000), { "content-type: application/json" })
  is(#body, 3000000, "3 MB up")
  ok(head:find("application/json", 1, true) and not head:find("Expect", 1, true), "own content type", head)
  send("PATCH", "p", nil, "/a/../b")
  ok(head:find("^PATCH /b "), "PATCH, dots resolved", head)
  server.stop()
end

local function large()
  local bytes = host.crypto.random(100000):rep(200)
  local server = kit.serve(kit.answer(OK .. "Content-Length: " .. #bytes .. "\r\n\r\n" .. bytes))
  local e = http { url = kit.url(server), max_bytes = #bytes }
  ok(e.body == bytes, "20 MB, exactly the limit", e.error)
  e = http { url = kit.url(server), max_bytes = #bytes, stream = true }
  ok(e.pieces == bytes and e.body == nil, "20 MB as a stream", e.error)
  server.stop()
end

local function compressed()
  local plain = ("bomb"):rep(500000)
  local child = host.process.spawn { argv = { "/bin/gzip", "-c" }, env = {}, stdin = "pipe", stdout = "pipe" }
  kit.spawn(function()
    kit.send(child.stdin, plain)
    child.stdin:close()
  end)
  local packed, data = "", ""
  while data do
    packed = packed .. data
    data = kit.read(child.stdout)
  end
  kit.park(child.id)
  local text = OK .. "Content-Encoding: gzip\r\nContent-Length: " .. #packed .. "\r\n\r\n" .. packed
  is(one(text).body, packed, "not unpacked unasked")
  is(one(text, { compressed = true }).body, plain, "unpacked when asked")
  is(one(text, { compressed = true, max_bytes = 100000 }).code, "toolarge", "the limit counts unpacked bytes")
end

local function addresses()
  local text = OK .. "Content-Length: 4\r\n\r\nhere"
  local server = kit.serve(kit.answer(text), { host = "::1", port = 0 })
  is(http { url = "http://[::1]:" .. server.port .. "/" }.body, "here", "IPv6 loopback")
  server.stop()
  server = kit.serve(kit.answer(text))
  is(http { url = "http://localhost:" .. server.port .. "/" }.body, "here", "localhost")
  is(http { url = "http://0x7f.1:" .. server.port .. "/" }.body, "here", "another spelling of loopback")
  server.stop()
  for _, path in ipairs { kit.dir .. "/h.sock", kit.dir .. "/" .. ("d"):rep(120) .. "/h.sock" } do
    server = kit.serve(kit.answer(text), { unix = path })
    is(http { url = "http://whatever.example/v", unix = path }.body, "here",
      "unix socket, " .. #path .. " bytes of path")
    server.stop()
  end
end

answers()
requests()
large()
compressed()
addresses()
