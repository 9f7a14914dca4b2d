-- SPDX-License-Identifier: MIT
-- Certificates, made for this run and served by openssl.
-- luacheck: globals print
local host, kit = ...
local ok, is, http = kit.ok, kit.is, kit.http
local OPENSSL = "/usr/bin/openssl"
local dir = kit.dir .. "/tls"

local function run(...)
  local child = assert(host.process.spawn {
    argv = { OPENSSL, ... }, env = {}, cwd = dir, stdin = "null", stdout = "null",
    stderr = "file:" .. dir .. "/errors",
  })
  local event = kit.park(child.id)
  if event.status ~= 0 then
    error("openssl " .. (...) .. ": " .. host.state.read(dir .. "/errors"))
  end
end

local function key(name)
  run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", name .. ".key")
end

local function self_signed(name, subject, extension)
  key(name)
  run("req", "-x509", "-new", "-key", name .. ".key", "-out", name .. ".pem", "-days", "30", "-subj",
    "/CN=" .. subject, "-addext", extension)
end

local function signed(name, alternative, days)
  key(name)
  host.state.write(dir .. "/" .. name .. ".ext", "subjectAltName=" .. alternative .. "\n")
  run("req", "-new", "-key", name .. ".key", "-out", name .. ".csr", "-subj", "/CN=" .. name)
  run("x509", "-req", "-in", name .. ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days",
    days or "30", "-extfile", name .. ".ext", "-out", name .. ".pem")
end

local function free_port()
  local listener = host.net.listen { host = "127.0.0.1", port = 0 }
  local _, port = listener:name()
  listener:close()
  return port
end

local function is_up(port)
  local socket = host.net.connect { host = "127.0.0.1", port = port }
  if not socket then return false end
  kit.wait(socket, "write")
  local connected = socket:connected()
  socket:close()
  return connected
end

local function try(certificate, ca, name, ...)
  return kit.tried(certificate, { ca_file = ca and dir .. "/" .. ca }, name, ...)
end

function kit.tried(certificate, trust, name, ...)
  local port = free_port()
  local child = assert(host.process.spawn {
    argv = {
      OPENSSL, "s_server", "-quiet", "-www", "-accept", "127.0.0.1:" .. port,
      "-cert", certificate .. ".pem", "-key", certificate .. ".key", ...,
    },
    env = {}, cwd = dir, stdin = "null", stdout = "null", stderr = "null",
  })
  while not is_up(port) do kit.sleep(0.02) end
  local e = http { url = ("https://%s:%d/?secret=hunter2"):format(name or "127.0.0.1", port),
    ca_file = trust.ca_file, ca_dir = trust.ca_dir }
  host.process.kill(child.pid, "KILL")
  kit.park(child.id)
  return e
end

local function refused(name, e)
  ok(e.code == "tls" and e.sent == false and not e.error:find("hunter2"),
    name .. ": " .. tostring(e.error), e.code)
end

if not host.state.stat(OPENSSL) then
  print("skip - TLS: no openssl program")
  return
end
kit.mkdir(dir)
self_signed("ca", "test authority", "basicConstraints=critical,CA:TRUE")
self_signed("self", "127.0.0.1", "subjectAltName=IP:127.0.0.1")
signed("good", "IP:127.0.0.1,DNS:localhost")
signed("wrong", "DNS:other.example")
signed("expired", "IP:127.0.0.1", "-1")
is(try("good", "ca.pem").status, 200, "a good certificate")
is(try("good", "ca.pem", "localhost").status, 200, "a good certificate by name")
is(try("good", "ca.pem", nil, "-tls1_2").status, 200, "TLS 1.2")
is(try("self", "self.pem").status, 200, "a self-signed certificate that is its own authority")
refused("unknown authority", try("good"))
refused("self-signed", try("self"))
refused("another authority", try("self", "ca.pem"))
refused("wrong name", try("wrong", "ca.pem"))
refused("expired", try("expired", "ca.pem"))
refused("TLS 1.1", try("good", "ca.pem", nil, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"))
refused("no file of authorities", try("good", "nothere.pem"))
kit.mkdir(dir .. "/hashed")
host.state.write(dir .. "/hashed/ca.pem", assert(host.state.read(dir .. "/ca.pem")))
run("rehash", dir .. "/hashed")
is(kit.tried("good", { ca_dir = dir .. "/hashed" }).status, 200, "a folder of authorities")
is(kit.tried("good", { ca_file = dir .. "/self.pem", ca_dir = dir .. "/hashed" }).status, 200,
  "a folder beside a file of others")
refused("a folder without it", kit.tried("good", { ca_dir = dir }))
local asked
local server = kit.serve(function(socket)
  asked = kit.read(socket)
  kit.send(socket, "HTTP/1.1 403 Forbidden\r\n\r\n")
end)
local through = "http://127.0.0.1:" .. server.port
local answer = http { url = "https://cloud.example/", proxy = through }
ok(asked and asked:find("^CONNECT cloud.example:443 ") and answer.error,
  "through the proxy that is named", asked)
asked = nil
http { url = "https://cloud.invalid/", proxy = through, no_proxy = "other.example,cloud.invalid" }
http { url = "https://127.0.0.1:" .. free_port() .. "/", proxy = through }
is(asked, nil, "not for hosts that need none, nor for this computer")
server.stop()
server = kit.serve(function(socket)
  kit.read(socket)
  kit.send(socket, "HTTP/1.1 400 Bad\r\n\r\n")
end)
refused("a server without TLS", http { url = "https://127.0.0.1:" .. server.port .. "/" })
server.stop()
server = kit.serve(function(socket) kit.read(socket) end)
refused("dies in the handshake", http { url = "https://127.0.0.1:" .. server.port .. "/" })
server.stop()
