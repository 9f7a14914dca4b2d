-- SPDX-License-Identifier: MIT
-- HTTP of the replaced world. sim.http(request, process) answers {status=, headers=, body= | json= |
-- pieces={{data=, after=}, …}, delay= seconds}, or {error=, code=, sent=} (the request failed), or
-- {hang=true}, or {lost=true} (done there, no answer here). A unix socket is spoken to over the streams of
-- the replaced world instead.

local json = require "base.json"
local url = require "base.url"

local function finish(transfer, event)
  local p = transfer.process
  if not p.transfers[transfer.id] then return end
  p.transfers[transfer.id] = nil
  event.id, event.kind, event.done = transfer.id, "http", true
  p:post(event)
end

local function piece(transfer, status, data)
  local p = transfer.process
  if p.transfers[transfer.id] and data ~= "" then
    p:post { id = transfer.id, kind = "http", status = status, data = data }
  end
end

local function request_of(options)
  local parts = assert(url.parse(options.url))
  local headers = {}
  for _, line in ipairs(options.headers or {}) do
    local name, value = line:match("^([^:]+): ?(.*)$")
    headers[name:lower()] = value
  end
  local raw_query = options.url:match("%?([^#]*)") or ""
  return {
    method = options.method, url = options.url, host = parts.host, port = parts.port,
    path = url.unescape(parts.path), raw_path = parts.path, raw_query = raw_query,
    query = url.parse_query(raw_query), headers = headers, body = options.body or "",
    ca_file = options.ca_file, fresh = options.fresh or false, peer = "127.0.0.1",
  }
end

local function too_large(transfer, size)
  if size <= transfer.options.max_bytes then return false end
  finish(transfer, { error = ("the answer is longer than %d bytes"):format(transfer.options.max_bytes),
    code = "toolarge", sent = true })
  return true
end

local function deliver(sim, transfer, answer)
  local body = answer.body or ""
  local headers = {}
  for name, value in pairs(answer.headers or {}) do headers[name:lower()] = tostring(value) end -- order: free
  if answer.json ~= nil then
    body, headers["content-type"] = json.encode(answer.json), "application/json"
  end
  local status, wait, size = answer.status or 200, 0, #body
  if transfer.options.stream then
    for _, one in ipairs(answer.pieces or { { data = body } }) do
      wait = wait + (one.after or 0)
      sim:at(wait, function() piece(transfer, status, one.data) end)
    end
    body = ""
  elseif answer.pieces then
    local all = {}
    for i, one in ipairs(answer.pieces) do
      wait = wait + (one.after or 0)
      all[i] = one.data
    end
    body = table.concat(all)
    size = #body
  end
  if too_large(transfer, size) then return end
  sim:at(wait, function()
    if answer.breaks then
      return finish(transfer, { error = "the connection broke off", code = "reset", sent = true })
    end
    finish(transfer, { status = status, headers = headers, body = body })
  end)
end

local function arrive(sim, transfer)
  local request = request_of(transfer.options)
  table.insert(sim.requests,
    { at = sim.now, pid = transfer.process.pid, request = request, options = transfer.options })
  local answer = sim.http(request, transfer.process)
  if type(answer) ~= "table" then
    error("sim.http answered nothing to " .. request.method .. " " .. request.path, 0)
  end
  if answer.hang then return end
  sim:at((answer.delay or 0) + sim.latency, function()
    if answer.lost then
      finish(transfer, { error = "the connection was lost", code = "reset", sent = true })
    elseif answer.error then
      finish(transfer, { error = answer.error, code = answer.code or "reset", sent = answer.sent ~= false })
    else
      deliver(sim, transfer, answer)
    end
  end)
end

local function answer_of(text)
  local status, rest = text:match("^HTTP/1%.1 (%d+)[^\r\n]*\r\n(.*)$")
  local head, body = (rest or ""):match("^(.-)\r\n\r\n(.*)$")
  if not head then return nil end
  local headers = {}
  for name, value in (head .. "\r\n"):gmatch("([^:\r\n]+): ([^\r\n]*)\r\n") do
    headers[name:lower()] = value
  end
  if headers["transfer-encoding"] == "chunked" then
    local plain, at = {}, 1
    while true do
      local size, after = body:match("^(%x+)\r\n()", at)
      if not size then return nil end
      plain[#plain + 1] = body:sub(after, after + tonumber(size, 16) - 1)
      at = after + tonumber(size, 16) + 2
      if tonumber(size, 16) == 0 then break end
    end
    body = table.concat(plain)
  end
  return { status = tonumber(status), headers = headers, body = body }
end

-- Speaks HTTP over a stream socket of this world; the answer counts when the server closes.
local function over_stream(p, transfer)
  local options = transfer.options
  local socket, sentence, code = p.host.net.connect { unix = options.unix }
  if not socket then
    return p.sim:at(0, function()
      finish(transfer, { error = sentence, code = code == "missing" and "connect" or code, sent = false })
    end)
  end
  local path = options.url:match("^%a+://[^/]*(/[^#]*)") or "/"
  local lines = { ("%s %s HTTP/1.1"):format(options.method, path), "Host: localhost", "Connection: close",
    "Content-Length: " .. #(options.body or "") }
  for _, line in ipairs(options.headers or {}) do lines[#lines + 1] = line end
  socket:write(table.concat(lines, "\r\n") .. "\r\n\r\n" .. (options.body or ""))
  local watcher = {}
  function watcher.post()
    if not socket.ended then
      return socket:watch(transfer.id, "end", watcher)
    end
    local answer = answer_of(socket.incoming)
    socket:close()
    if not answer then
      return finish(transfer, { error = "the server closed without an answer", code = "reset", sent = true })
    end
    deliver(p.sim, transfer, answer)
  end
  local plain = socket.is_ready
  function socket.is_ready(self, interest)
    if interest == "end" then return self.ended == true end
    return plain(self, interest)
  end
  socket:watch(transfer.id, "end", watcher)
  transfer.socket = socket
end

local function start(p, options)
  local sim = p.sim
  if not options.timeout or not options.max_bytes then
    error("timeout and max_bytes are required", 3)
  end
  local transfer = { id = sim:id(), process = p, options = options }
  p.transfers[transfer.id] = transfer
  if options.timeout > 0 then
    sim:at(options.timeout, function()
      finish(transfer,
        { error = ("no answer within %s s"):format(options.timeout), code = "timeout", sent = true })
    end)
  end
  if options.unix then
    over_stream(p, transfer)
  elseif not sim.http then
    sim:at(sim.latency, function()
      finish(transfer, { error = "connection refused", code = "connect", sent = false })
    end)
  else
    sim:at(sim.latency, function() arrive(sim, transfer) end)
  end
  return transfer.id
end

return function(host, p)
  host.http = {
    start = function(options) return start(p, options) end,
    cancel = function(id)
      local transfer = p.transfers[id]
      p.transfers[id] = nil
      if transfer and transfer.socket then transfer.socket:close() end
    end,
  }
end
