-- SPDX-License-Identifier: MIT
-- An HTTP/1.1 server: a task per connection, one request after the other, robust against whatever arrives.

local fail = require "base.fail"
local json = require "base.json"
local log = require "base.log"
local sorted = require "base.sorted"
local task = require "base.task"
local url = require "base.url"

local server = {}

local REASONS = {
  [200] = "OK", [201] = "Created", [202] = "Accepted", [204] = "No Content", [304] = "Not Modified",
  [400] = "Bad Request", [401] = "Unauthorized", [402] = "Payment Required", [403] = "Forbidden",
  [404] = "Not Found",
  [405] = "Method Not Allowed", [408] = "Request Timeout", [409] = "Conflict", [411] = "Length Required",
  [413] = "Content Too Large", [422] = "Unprocessable Content", [429] = "Too Many Requests",
  [431] = "Request Header Fields Too Large", [500] = "Internal Server Error", [501] = "Not Implemented",
  [502] = "Bad Gateway", [503] = "Service Unavailable", [504] = "Gateway Timeout",
}

local LIMITS = { line = 8192, headers = 100, body = 16 * 1024 * 1024, idle = 75, patience = 30 }

-- Raised inside a connection: answer this and close.
local function bad(status, sentence)
  fail.raise("broken", sentence, { answer = status })
end

local function read_headers(conn, limits)
  local headers = {}
  for _ = 1, limits.headers + 1 do
    local line = conn:read_line(limits.line, limits.patience)
    if not line then bad(400, "the headers have no end") end
    if line == "" then return headers end
    local name, value = line:match("^([%w!#$%%&'*+%-.^_`|~]+):[ \t]*(.-)[ \t]*$")
    if not name then bad(400, "a header line without a name") end
    name = name:lower()
    if name == "content-length" and headers[name] and headers[name] ~= value then bad(400, "two lengths") end
    headers[name] = headers[name] and name ~= "content-length" and headers[name] .. ", " .. value or value
  end
  bad(431, "too many headers")
end

local function read_chunked(conn, limits)
  local pieces, total = {}, 0
  while true do
    local line = conn:read_line(256, limits.patience)
    local size = line and line:match("^(%x%x?%x?%x?%x?%x?%x?)[ \t]*;?.*$")
    if not size or not line:find("^%x+[ \t]*$") and not line:find("^%x+[ \t]*;") then
      bad(400, "a broken chunk size")
    end
    local count = tonumber(size, 16)
    total = total + count
    if total > limits.body then bad(413, "the body is too long") end
    if count == 0 then
      read_headers(conn, limits) -- trailers, of no use
      return table.concat(pieces)
    end
    pieces[#pieces + 1] = conn:read_exact(count, limits.patience)
    if conn:read_line(2, limits.patience) ~= "" then bad(400, "a chunk without its end") end
  end
end

local function read_body(conn, headers, limits)
  local encoding, length = headers["transfer-encoding"], headers["content-length"]
  if encoding then
    if length then bad(400, "a length and an encoding") end
    if encoding:lower() ~= "chunked" then bad(501, "an unknown transfer encoding") end
    return read_chunked(conn, limits)
  end
  if not length then return "" end
  if not length:find("^%d+$") or #length > 15 then bad(400, "a broken length") end
  local count = math.tointeger(tonumber(length))
  if count > limits.body then bad(413, "the body is too long") end
  return conn:read_exact(count, limits.patience)
end

-- → request, whether the connection may stay; or nil when the client has closed
local function read_request(conn, limits)
  local line = conn:read_line(limits.line, limits.idle)
  if line == "" then line = conn:read_line(limits.line, limits.idle) end
  if not line then return nil end
  local method, target, minor = line:match("^(%u+) (%S+) HTTP/1%.([01])$")
  if not method then bad(400, "not a request of HTTP/1.1") end
  local headers = read_headers(conn, limits)
  if (headers.expect or ""):lower() == "100-continue" then
    conn:write("HTTP/1.1 100 Continue\r\n\r\n", limits.patience)
  end
  local path, raw_query = target:gsub("^https?://[^/]*", ""):match("^([^?#]*)%??([^#]*)")
  if path:sub(1, 1) ~= "/" then bad(400, "a path that does not start with /") end
  local connection = (headers.connection or ""):lower()
  local stay = minor == "1" and not connection:find("close", 1, true)
    or connection:find("keep-alive", 1, true) ~= nil
  return {
    method = method, path = url.unescape(path), raw_path = path, raw_query = raw_query,
    query = url.parse_query(raw_query),
    headers = headers, body = read_body(conn, headers, limits), peer = conn:peer(),
  }, stay
end

local function head(response, extra)
  local status = response.status or 200
  local lines, given = { ("HTTP/1.1 %d %s"):format(status, REASONS[status] or "Status") }, {}
  for name, value in sorted(response.headers or {}) do
    given[name:lower()] = true
    for _, one in ipairs(type(value) == "table" and value or { value }) do
      lines[#lines + 1] = name .. ": " .. tostring(one):gsub("[\r\n]", " ")
    end
  end
  for name, value in sorted(extra) do
    if not given[name:lower()] then lines[#lines + 1] = name .. ": " .. value end
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

local function write_stream(conn, response, extra, limits)
  extra["Transfer-Encoding"] = "chunked"
  conn:write(head(response, extra), limits.patience)
  response.stream(function(data)
    if data ~= "" then conn:write(("%x\r\n%s\r\n"):format(#data, data), limits.patience) end
  end)
  conn:write("0\r\n\r\n", limits.patience)
end

local function write_response(conn, request, response, stay, limits)
  local extra = { Connection = stay and "keep-alive" or "close" }
  local status = response.status or 200
  if response.stream and request.method ~= "HEAD" then
    return write_stream(conn, response, extra, limits)
  end
  local body = response.body or ""
  if response.json ~= nil then
    body, extra["Content-Type"] = json.encode(response.json), "application/json"
  end
  if status ~= 204 and status ~= 304 then extra["Content-Length"] = #body else body = "" end
  if request.method == "HEAD" then body = "" end
  conn:write(head(response, extra) .. body, limits.patience)
end

-- One request and its answer. → whether another may follow
local function exchange(conn, handler, limits)
  local request, stay = read_request(conn, limits)
  if not request then return false end
  local ok, response = fail.try(handler, request, conn)
  if not ok then
    log.error("a request handler failed",
      { error = response.message, path = request.path, trace = response.trace })
    response = { status = 500, json = { error = response.message } }
  end
  if response == nil then response = { status = 404, json = { error = "not found" } } end
  if response.drop then return false end
  if response.hang then
    while conn:read() do end -- until the client gives up
    return false
  end
  stay = stay and not response.close
  write_response(conn, request, response, stay, limits)
  return stay
end

local function converse(conn, handler, limits)
  local _ <close> = conn
  local ok, problem = fail.try(function()
    repeat until not exchange(conn, handler, limits)
  end)
  if ok then return end
  if problem.kind == "internal" then error(problem, 0) end
  local status = problem.answer or problem.code == "toolarge" and 431
  if not status then return end -- the client is gone
  fail.try(function()
    local response = { status = status, json = { error = problem.message } }
    write_response(conn, { method = "GET" }, response, false, limits)
    conn:shutdown()
  end)
end

--- Serves `listener` in tasks of the current one until stop(): handler(request, reply) → response, see
-- docs/lua.md. opts: {line=, headers=, body=, idle=, patience=} limits in bytes and seconds.
-- → handle with stop()
function server.serve(listener, handler, opts)
  local limits = {}
  for name, value in sorted(LIMITS) do limits[name] = opts and opts[name] or value end
  local acceptor = task.spawn(function()
    local _ <close> = listener
    while true do
      local ok, conn = fail.try(listener.accept, listener)
      if ok then
        task.spawn(function()
          local fine, problem = fail.settle(converse, conn, handler, limits)
          if not fine and problem.kind ~= "interrupted" then
            log.error("a connection failed", { error = problem.message, trace = problem.trace })
          end
        end)
      elseif conn.code == "closed" then
        return
      else
        log.warn("no connection accepted", { error = conn.message })
        task.sleep(0.1)
      end
    end
  end)
  return {
    -- Stops listening and ends the open connections.
    stop = function()
      task.cancel(acceptor, fail.new { kind = "interrupted", message = "the server was stopped" })
      fail.settle(task.await, acceptor)
    end,
  }
end

return server
