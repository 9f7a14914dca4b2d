-- SPDX-License-Identifier: MIT
-- Servers that break off, hang or never end; requests that are refused before they leave.
local host, kit = ...
local ok, is, http, one = kit.ok, kit.is, kit.http, kit.one
local OK = "HTTP/1.1 200 OK\r\n"

local function broken()
  local listener = host.net.listen { host = "127.0.0.1", port = 0 }
  local _, port = listener:name()
  listener:close()
  local e = http { url = ("http://127.0.0.1:%d/path?token=hunter2"):format(port) }
  ok(e.code == "connect" and e.sent == false, "refused port", e.code)
  local named = e.error:find("^GET http://127.0.0.1:%d+/path: ") and not e.error:find("hunter2")
  ok(named, "the sentence names the URL without its query", e.error)
  e = one(OK .. "Content-Length: 100\r\n\r\npart")
  ok(e.code == "closed" and e.sent == true, "cut off: " .. e.error, e.code)
  is(one("").code, "closed", "closed without an answer")
  is(one("SSH-2.0-x\r\n\r\n").code, "io", "not HTTP")
  ok(one(OK .. "Transfer-Encoding: chunked\r\n\r\nzz\r\n").error, "a broken chunk", "taken")
  local server = kit.serve(function(socket) -- closing with unread bytes resets
    kit.wait(socket, "read")
    socket:read(10)
    kit.send(socket, OK .. "Content-Length: 100\r\n\r\npart")
    kit.sleep(0.1)
  end)
  e = http { url = kit.url(server, "/" .. ("x"):rep(1000)) }
  is(e.code, "reset", "reset in mid-body")
  server.stop()
end

local function hanging()
  local server = kit.serve(function(socket)
    kit.request(socket)
    kit.read(socket)
  end)
  local e = http { url = kit.url(server), timeout = 0.3 }
  ok(e.code == "timeout" and e.sent == true, "no answer: " .. e.error, e.code)
  e = http { url = kit.url(server), timeout = 0, idle_timeout = 0.3 }
  ok(e.code == "timeout" and e.sent == true, "no byte: " .. e.error, e.code)
  e = http { url = "https://127.0.0.1:" .. server.port .. "/", connect_timeout = 0.3 }
  ok(e.code == "timeout" and e.sent == false, "no handshake: " .. e.error, e.code)
  e = http { url = "https://127.0.0.1:" .. server.port .. "/", timeout = 0, idle_timeout = 0.3 }
  ok(e.code == "timeout" and e.sent == false, "no byte of a handshake: " .. e.error, e.code)
  server.stop()
end

-- One byte now and then, for ever: an answer has a time, however busy its line is.
local function dripping()
  local server = kit.serve(function(socket)
    kit.request(socket)
    while kit.send(socket, "H") do kit.sleep(0.02) end
  end)
  local e = http { url = kit.url(server), timeout = 0.3 }
  ok(e.error and e.sent == true, "a head that drips", e.code)
  server.stop()
  server = kit.serve(function(socket)
    kit.request(socket)
    kit.send(socket, OK .. "Content-Length: 1000000\r\n\r\n")
    while kit.send(socket, "x") do kit.sleep(0.02) end
  end)
  e = http { url = kit.url(server), timeout = 0.3 }
  ok(e.code == "timeout" and e.sent == true and not e.body, "a body that drips: " .. e.error, e.code)
  server.stop()
end

local function endless(start, again, options)
  local server = kit.serve(function(socket)
    kit.request(socket)
    kit.send(socket, start)
    while kit.send(socket, again) do kit.sleep(0) end
  end)
  options = options or {}
  options.url = kit.url(server)
  local e = http(options)
  server.stop()
  return e
end

local function limits()
  local bytes = ("y"):rep(65536)
  local e = endless(OK .. "\r\n", bytes, { max_bytes = 1000000 })
  ok(e.code == "toolarge" and not e.body, "endless body: " .. e.error, e.code)
  e = endless(OK .. "\r\n", bytes, { max_bytes = 1000000, stream = true })
  ok(e.code == "toolarge" and #e.pieces <= 1000000, "endless stream", e.code)
  is(endless(OK .. "\r\n", bytes, { max_bytes = 0 }).code, "toolarge", "no byte allowed")
  is(endless(OK, "X-H: " .. ("h"):rep(900) .. "\r\n").code, "toolarge", "endless header")
  is(endless("", "HTTP/1.1 100 Continue\r\n\r\n").code, "toolarge", "endless 100 Continue")
end

local function insecure()
  for _, url in ipairs {
    "http://example.org/", "http://10.13.38.1/", "http://128.0.0.1/", "http://127.0.0.1.example.org/",
    "http://localhost.example.org/", "http://[::2]/", "http://[::ffff:127.0.0.1]/", "http://localhost./",
    "ftp://127.0.0.1/", "file:///etc/passwd",
  } do
    is(http { url = url }.code, "insecure", "insecure: " .. url)
  end
  local id, why = host.http.start { url = "http://10.13.37.1:9/", timeout = 1, max_bytes = 1 }
  ok(id, "plain http into the tunnel", why)
  host.http.cancel(id) -- before the first wait: nothing leaves
  for _, url in ipairs {
    "http://user:hunter2@127.0.0.1/", "https://hunter2@example.org/", "", "nonsense", "http://",
    "http://a b/", "http://127.0.0.1:99999/", "http://127.0.0.1/\1",
  } do
    local e = http { url = url }
    local clean = not e.error:find("hunter2") and not e.error:find("%c")
    ok(e.refused and e.code == "url" and clean, "no URL: " .. e.error, e.code)
  end
  is(http { url = "http://x/", unix = kit.dir .. "/nobody.sock" }.code, "connect", "no such unix socket")
  local nowhere = kit.dir .. "/" .. ("q"):rep(120) .. "/x"
  is(http { url = "http://x/", unix = nowhere }.code, "connect", "no directory of a long unix path")
end

local function misuse()
  local good = { url = "http://127.0.0.1/", timeout = 1, max_bytes = 1 }
  for _, case in ipairs {
    { "url", 1 }, { "url", "http://x\0y" }, { "timeout", false }, { "timeout", 0 }, { "timeout", -1 },
    { "timeout", math.huge }, { "max_bytes", false }, { "max_bytes", 1.5 }, { "max_bytes", -1 },
    { "method", "G T" }, { "method", "GET\r\n" }, { "method", ("A"):rep(16) }, { "headers", { "nocolon" } },
    { "headers", { "A: b\r\nC: d" } }, { "headers", { "A: b\0" } },
    { "headers", { ": b" } }, { "headers", { "A b: c" } }, { "headers", { 5 } }, { "headers", "A: b" },
  } do
    local options = { url = good.url, timeout = good.timeout, max_bytes = good.max_bytes }
    options[case[1]] = case[2] or nil
    kit.raises(case[1] .. " " .. tostring(case[2]):gsub("%c", "?"):gsub("^table.*", "table"),
      host.http.start, options)
  end
  kit.raises("HEAD with a body", host.http.start,
    { url = good.url, timeout = 1, max_bytes = 1, method = "HEAD", body = "" })
end

broken()
hanging()
dripping()
limits()
insecure()
misuse()
