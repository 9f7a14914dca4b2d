-- SPDX-License-Identifier: MIT
-- luacheck: globals collectgarbage
local host, kit = ...
local ok, is, net = kit.ok, kit.is, host.net

local function pair(address)
  local listener = assert(net.listen { host = address, port = 0 })
  local _, port = listener:name()
  local client = assert(net.connect { host = address, port = port })
  local server = kit.accept(listener)
  kit.wait(client, "write")
  return client, server, listener
end

local function streams(address)
  local client, server, listener = pair(address)
  is((listener:name()), address, address .. " name of the listener")
  local _, port = client:name()
  local peer_host, peer_port = server:peer()
  ok(peer_host == address and peer_port == port, address .. " peer", peer_port)
  is(client:connected(), true, address .. " connected")
  is(select(3, server:read(10)), "again", address .. " nothing to read")
  is(client:write("hello"), 5, address .. " write")
  is(kit.read(server, 3), "hel", address .. " read no more than asked")
  is(kit.read(server), "lo", address .. " read the rest")
  client:shutdown()
  is(select(3, kit.read(server)), "eof", address .. " half-close is seen")
  is(server:write("back"), 4, address .. " write to the half-closed")
  is(kit.read(client), "back", address .. " read while half-closed")
  local total, code = 0
  while not code do
    local n, _, full = server:write(("x"):rep(1 << 20))
    total, code = total + (n or 0), full
  end
  is(code, "again", address .. " a full socket")
  server:close()
  local got = 0
  repeat
    local data, _, ended = kit.read(client)
    got, code = got + #(data or ""), ended
  until not data
  is(code, "eof", address .. " end of the flood")
  is(got, total, address .. " no byte was lost")
  client:close()
  client:close()
  local good, why = pcall(client.read, client)
  ok(not good and why:find("socket is closed"), address .. " a closed socket raises", why)
  listener:close()
end

local function refusals()
  local listener = net.listen { host = "127.0.0.1", port = 0 }
  local _, port = listener:name()
  is(select(3, net.listen { host = "127.0.0.1", port = port }), "busy", "port in use")
  listener:close()
  local client, _, code = net.connect { host = "127.0.0.1", port = port }
  if client then
    kit.wait(client, "write")
    client:connected()
    code = select(3, client:connected())
  end
  is(code, "refused", "refused port, asked twice")
  is(select(3, net.connect { host = "example.org", port = 80 }), "resolve", "a name is no address")
  is(select(3, net.listen { host = "192.0.2.1", port = 0 }), "connect", "an address of somebody else")
  for _, bad in ipairs { 65536, 1.5, -1, "80" } do
    kit.raises("port " .. bad, net.connect, { host = "127.0.0.1", port = bad })
  end
  kit.raises("no port", net.connect, { host = "127.0.0.1" })
  kit.raises("no host", net.connect, {})
  local a, b, l = pair("127.0.0.1")
  a:write("unread")
  kit.wait(b, "read")
  b:close()
  is(select(3, kit.read(a)), "reset", "reset")
  l:close()
end

local function unix(path)
  local listener, why = net.listen { unix = path }
  ok(listener, "unix path of " .. #path .. " bytes", why)
  local stat = host.state.stat(path)
  ok(stat.mode & 511 == 384 and stat.kind == "socket", "unix socket is 0600", stat.mode)
  local client = assert(net.connect { unix = path })
  local server = kit.accept(listener)
  is(client:connected(), true, "unix connected")
  server:write("u")
  is(kit.read(client), "u", "unix byte")
  is(select(3, net.listen { unix = path }), "busy", "unix path in use")
  is(select(3, client:name()), "missing", "unix socket has no port")
  listener:close()
  is(select(3, net.connect { unix = path }), "refused", "stale unix socket refuses")
  listener, why = net.listen { unix = path }
  ok(listener, "stale unix socket is replaced", why)
  listener:close()
end

local function unix_refusals()
  local file = kit.dir .. "/file"
  host.state.write(file, "x")
  is(select(3, net.listen { unix = file }), "exists", "a plain file is not replaced")
  is(host.state.read(file), "x", "the plain file is intact")
  is(select(3, net.connect { unix = kit.dir .. "/none" }), "missing", "no such unix socket")
  ok(not net.listen { unix = kit.dir .. "/" .. ("n"):rep(200) }, "a file name that fits nowhere", "listened")
end

local function datagrams()
  local a, b = net.udp { host = "127.0.0.1", port = 0 }, net.udp { host = "127.0.0.1", port = 0 }
  local _, a_port = a:name()
  local _, b_port = b:name()
  is(select(3, b:recvfrom()), "again", "no datagram")
  is(a:sendto("ping", "127.0.0.1", b_port), 4, "send a datagram")
  a:sendto("", "127.0.0.1", b_port)
  kit.wait(b, "read")
  local data, from, port = b:recvfrom(100)
  ok(data == "ping" and from == "127.0.0.1" and port == a_port, "receive a datagram", data)
  is(b:recvfrom(), "", "an empty datagram")
  is(select(3, a:sendto(("x"):rep(70000), "127.0.0.1", b_port)), "toolarge", "datagram too large")
end

local function lifetimes()
  local listener = net.listen { host = "127.0.0.1", port = 0 }
  kit.spawn(function() listener:close() end)
  kit.wait(listener, "read")
  kit.raises("a watch ends at close; accept", listener.accept, listener)
  local port = select(2, net.listen { host = "127.0.0.1", port = 0 }:name())
  collectgarbage()
  collectgarbage()
  ok(net.listen { host = "127.0.0.1", port = port }, "a forgotten socket is closed")
  local kept
  do
    local closing <close> = net.listen { host = "127.0.0.1", port = 0 }
    kept = closing
  end
  kit.raises("closed at the end of its block; name", kept.name, kept)
  local child = host.process.spawn { argv = { "/bin/cat" }, env = {}, stdin = "pipe", stdout = "pipe" }
  kit.send(child.stdin, "through cat")
  child.stdin:close()
  is(kit.read(child.stdout), "through cat", "pipe of a child")
  is(select(3, kit.read(child.stdout)), "eof", "end of a child's pipe")
  kit.park(child.id)
end

streams("127.0.0.1")
streams("::1")
refusals()
unix(kit.dir .. "/a.sock")
unix(kit.dir .. "/" .. ("n"):rep(80))
kit.mkdir(kit.dir .. "/" .. ("d"):rep(120))
unix(kit.dir .. "/" .. ("d"):rep(120) .. "/b.sock")
unix_refusals()
datagrams()
lifetimes()
