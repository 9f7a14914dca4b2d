-- SPDX-License-Identifier: MIT
local http = require "base.http"
local net = require "base.net"
local server = require "base.server"
local task = require "base.task"

-- Sends raw bytes to a fresh server. → everything that it answers
local function raw(bytes, handler, opts)
  local listener = net.listen { host = "127.0.0.1", port = 0 }
  local _, port = listener:name()
  local running = server.serve(listener, handler or function(request)
    return { body = request.method .. " " .. request.path .. " " .. #request.body }
  end, opts)
  local conn = net.connect { host = "127.0.0.1", port = port }
  conn:write(bytes)
  conn:shutdown()
  local all = {}
  pcall(function()
    for piece in function() return conn:read(nil, 10) end do all[#all + 1] = piece end
  end)
  conn:close()
  running.stop()
  return table.concat(all)
end

local function statuses(text)
  local list = {}
  for status in text:gmatch("HTTP/1%.1 (%d+) ") do list[#list + 1] = tonumber(status) end
  return list
end

return function(t)
  t:case("several requests on one connection, with both kinds of body", function()
    local got = raw("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcPOST /b HTTP/1.1\r\n"
      .. "Transfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n5;x=1\r\npedia\r\n0\r\nT: 1\r\n\r\n"
      .. "GET /c%2F?q=1 HTTP/1.1\r\nConnection: close\r\n\r\n")
    t:equal(statuses(got), { 200, 200, 200 })
    t:ok(got:find("POST /a 3", 1, true) and got:find("POST /b 9", 1, true)
      and got:find("GET /c/ 0", 1, true), got)
    t:ok(got:find("Connection: close", 1, true), "the close is announced")
  end)

  t:case("HEAD, 204 and HTTP/1.0", function()
    local got = raw("HEAD / HTTP/1.1\r\n\r\nDELETE / HTTP/1.1\r\n\r\nGET / HTTP/1.0\r\n\r\n"
      .. "GET /never HTTP/1.1\r\n\r\n",
      function(request) return request.method == "DELETE" and { status = 204 } or { body = "body" } end)
    t:equal(statuses(got), { 200, 204, 200 })
    t:equal(select(2, got:gsub("\r\n\r\nbody", "")), 1)
  end)

  t:case("garbage gets a clean refusal, never a crash", function()
    local long = ("x"):rep(9000)
    for what, case in pairs { -- order: free
      ["no request"] = { "hello\r\n\r\n", { 400 } },
      ["binary"] = { "\0\1\2\255\r\n\r\n", { 400 } },
      ["a line without end"] = { long, { 431 } },
      ["a long header"] = { "GET / HTTP/1.1\r\nA: " .. long .. "\r\n\r\n", { 431 } },
      ["many headers"] = { "GET / HTTP/1.1\r\n" .. ("A: b\r\n"):rep(200) .. "\r\n", { 431 } },
      ["a header without colon"] = { "GET / HTTP/1.1\r\nfoo\r\n\r\n", { 400 } },
      ["a space before the colon"] = { "GET / HTTP/1.1\r\nA : b\r\n\r\n", { 400 } },
      ["a negative length"] = { "POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", { 400 } },
      ["two lengths"] = { "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", { 400 } },
      ["a length and chunks"] = { "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"
          .. "\r\n", { 400 } },
      ["a huge length"] = { "POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", { 413 } },
      ["an unknown encoding"] = { "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", { 501 } },
      ["a broken chunk size"] = { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", { 400 } },
      ["a chunk that is too long"] = { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
          .. "fffffff\r\n", { 413 } },
      ["a body that stops"] = { "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab", {} },
      ["nothing"] = { "", {} },
    } do
      t:equal(statuses(raw(case[1])), case[2], what)
    end
  end)

  t:case("a handler that raises is a 500 and does not end the server", function()
    local listener = net.listen { host = "127.0.0.1", port = 0 }
    local _, port = listener:name()
    local running = server.serve(listener, function(request)
      if request.path == "/bug" then error("bug") end
      if request.path == "/none" then return nil end
      return { body = "fine" }
    end)
    local base = ("http://127.0.0.1:%d"):format(port)
    t:equal(http.request { url = base .. "/bug", ok = "any" }.status, 500)
    t:equal(http.request { url = base .. "/none", ok = "any" }.status, 404)
    t:equal(http.request { url = base .. "/" }.body, "fine")
    running.stop()
  end)

  t:case("a hundred connections at once", function()
    local listener = net.listen { host = "127.0.0.1", port = 0 }
    local _, port = listener:name()
    local running = server.serve(listener, function(request)
      task.sleep(0.01)
      return { body = request.path }
    end)
    local items = {}
    for i = 1, 100 do items[i] = "/" .. i end
    local found = task.map(items, function(path)
      return http.request { url = ("http://127.0.0.1:%d%s"):format(port, path) }.body
    end)
    for i = 1, 100 do t:equal(found[i].ok and found[i].value, "/" .. i) end
    running.stop()
  end)
end
