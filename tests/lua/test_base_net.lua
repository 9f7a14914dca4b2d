-- SPDX-License-Identifier: MIT
local net = require "base.net"
local process = require "base.process"
local task = require "base.task"

local function pair()
  local listener = net.listen { host = "127.0.0.1", port = 0 }
  local _, port = listener:name()
  local client = net.connect { host = "127.0.0.1", port = port }
  local served = listener:accept(5)
  listener:close()
  return client, served
end

return function(t)
  t:case("lines, exact counts and the end", function()
    local a, b = pair()
    a:write("one\r\ntwo\n12345rest")
    a:shutdown()
    t:equal({ b:read_line(), b:read_line(), b:read_exact(5), b:read_line(), b:read_line() },
      { "one", "two", "12345", "rest" })
    t:equal(b:read(), nil)
    b:write("still open this way")
    t:equal(a:read(5), "still")
    a:close()
    b:close()
    b:close()
  end)

  t:case("a megabyte against a slow reader", function()
    local a, b = pair()
    local text = ("0123456789abcdef"):rep(65536)
    local writer = task.spawn(function()
      a:write(text)
      a:shutdown()
    end)
    task.sleep(0.05)
    local got = {}
    for piece in function() return b:read(4096) end do got[#got + 1] = piece end
    task.await(writer)
    t:ok(table.concat(got) == text, "the same bytes")
    a:close()
    b:close()
  end)

  t:case("timeouts, early ends, refused connections and closed handles are sentences", function()
    local a, b = pair()
    t:equal(t:raises("transient", b.read, b, 10, 0.05).code, "timeout")
    a:write("ab")
    a:shutdown()
    t:equal(t:raises("transient", b.read_exact, b, 5).code, "eof")
    a:close()
    t:equal(t:raises("transient", a.read, a).code, "closed")
    b:close()
    t:equal(t:raises("transient", net.connect, { host = "127.0.0.1", port = 1 }).code, "refused")
    t:raises("refused", net.connect, { host = "not-an-address", port = 1 })
  end)

  t:case("closing wakes the task that reads", function()
    local a, b = pair()
    local reader = task.spawn(function() b:read() end)
    task.sleep(0.02)
    b:close()
    t:equal(t:raises("transient", task.await, reader).code, "closed")
    a:close()
  end)

  t:case("a line that is too long is refused", function()
    local a, b = pair()
    a:write(("x"):rep(300))
    t:equal(t:raises("broken", b.read_line, b, 100).code, "toolarge")
    a:close()
    b:close()
  end)

  t:case("datagrams", function()
    local one, two = net.udp { host = "127.0.0.1", port = 0 }, net.udp { host = "127.0.0.1", port = 0 }
    local _, port = two:name()
    one:send("hello", "127.0.0.1", port)
    local data, host, from = two:recv(5)
    local _, mine = one:name()
    t:equal({ data, host, from }, { "hello", "127.0.0.1", mine })
    t:equal(t:raises("transient", two.recv, two, 0.02).code, "timeout")
    one:close()
    two:close()
  end)

  t:case("a child's output, exit code, signal and environment", function()
    local child = process.spawn { argv = { "/bin/sh", "-c", "read x; echo got $x $A; exit 7" },
      env = { "A=1" }, stdin = "pipe", stdout = "pipe", stderr = "null" }
    child.stdin:write("line\n")
    t:equal(child.stdout:read_line(nil, 10), "got line 1")
    t:equal(child:wait(10).status, 7)
    t:equal(child:wait().status, 7)
    child:close()
    local long = process.spawn { argv = { "/bin/sleep", "100" } }
    t:equal(long:wait(0.02), nil)
    t:ok(process.alive(long.pid), "alive")
    t:ok(long:kill("TERM"))
    t:equal(long:wait(10).signal, "TERM")
    t:equal(process.alive(long.pid), false)
    t:raises("refused", process.spawn, { argv = { "/nonexistent/program" } })
  end)
end
