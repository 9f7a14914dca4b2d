-- SPDX-License-Identifier: MIT
-- Connections, streams, cancelling, many at once.
local host, kit = ...
local ok, is, http = kit.ok, kit.is, kit.http
local ONE = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nk"

local function reuse()
  local server = kit.serve(function(socket)
    while kit.request(socket) do kit.send(socket, ONE) end
  end)
  for _ = 1, 3 do http { url = kit.url(server) } end
  is(server.n, 1, "a connection is used again")
  http { url = kit.url(server), fresh = true }
  is(server.n, 2, "fresh: a connection of its own")
  http { url = kit.url(server), fresh = true }
  is(server.n, 3, "fresh: not used again")
  http { url = kit.url(server) }
  is(server.n, 3, "the first connection is still there")
  server.stop()
end

local function never_repeated()
  local hits = 0
  local server = kit.serve(function(socket, number)
    while kit.request(socket) do
      hits = hits + 1
      if number > 1 then return end
      kit.send(socket, ONE)
    end
  end)
  http { url = kit.url(server) }
  hits = 0
  local e = http { url = kit.url(server), method = "POST", body = "create", fresh = true }
  ok(e.code == "closed" and e.sent == true, "the answer of a fresh request is lost", e.code)
  is(hits, 1, "a fresh request is sent once")
  server.stop()
end

local function streams()
  local server = kit.serve(function(socket)
    kit.request(socket)
    kit.send(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for i = 1, 5 do
      kit.send(socket, ("5\r\nline%d\r\n"):format(i))
      kit.sleep(0.05)
    end
    kit.send(socket, "0\r\n\r\n")
  end)
  local e = http { url = kit.url(server), stream = true }
  is(e.pieces, "line1line2line3line4line5", "a stream")
  ok(e.turns > 1 and e.status == 200 and e.body == nil, "a stream comes in pieces", e.turns)
  e = http { url = kit.url(server), timeout = 0, idle_timeout = 20 }
  is(e.body, "line1line2line3line4line5", "only an idle limit")
  local id = host.http.start { url = kit.url(server), stream = true, timeout = 60, max_bytes = 1000 }
  local piece = kit.park(id)
  ok(piece.data and piece.status == 200 and not piece.done, "the first piece", piece.error)
  host.http.cancel(id)
  host.http.cancel(id)
  host.http.cancel(987654321)
  kit.sleep(0.3)
  is(kit.pending(id), nil, "no event after cancel")
  id = host.http.start { url = kit.url(server), timeout = 60, max_bytes = 1000 }
  host.http.cancel(id)
  kit.sleep(0.1)
  is(kit.pending(id), nil, "cancelled before the first wait")
  -- runs when the state closes
  host.http.start { url = kit.url(server), stream = true, timeout = 60, max_bytes = 1000 }
end

local function many()
  local server = kit.serve(function(socket, number)
    kit.request(socket)
    kit.sleep(0.01)
    local body = ("%05d"):format(number):rep(20000)
    kit.send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nConnection: close\r\n\r\n" .. body)
  end)
  local left, good = 200, 0
  for _ = 1, left do
    kit.spawn(function()
      local e = http { url = kit.url(server) }
      if e.body and #e.body == 100000 and e.body == e.body:sub(1, 5):rep(20000) then good = good + 1 end
      left = left - 1
    end)
  end
  while left > 0 do kit.sleep(0.01) end
  is(good, 200, "200 at once")
  server.stop()
end

reuse()
never_repeated()
many()
streams()
