-- SPDX-License-Identifier: MIT
-- Counts cases and runs tasks over host.loop.wait, without lua/base: these tests are about
-- the primitives alone.
-- luacheck: globals print
local host = ...
local kit = { failed = 0 }
local waiting, queues, sleepers, ready = {}, {}, {}, {}
local HANG = 240 -- seconds; a guard only

-- A private directory, so that two runs can go on at once.
kit.dir = (host.process.getenv("TMPDIR") or "/tmp") .. "/primitives-" .. host.process.pid()
assert(host.state.mkdir(kit.dir))
local directories = { kit.dir }

function kit.mkdir(path)
  assert(host.state.mkdir(path))
  directories[#directories + 1] = path
end

function kit.clean()
  for i = #directories, 1, -1 do
    for _, name in ipairs(host.state.list(directories[i])) do
      host.state.remove(directories[i] .. "/" .. name)
    end
    host.state.remove(directories[i])
  end
end

function kit.ok(condition, name, why)
  if condition then return print("ok - " .. name) end
  kit.failed = kit.failed + 1
  print("not ok - " .. name .. ": " .. tostring(why))
end

function kit.is(got, want, name)
  kit.ok(got == want, name, ("got %s, wanted %s"):format(tostring(got), tostring(want)))
end

function kit.raises(name, fn, ...)
  kit.ok(not pcall(fn, ...), name .. " raises", "it did not")
end

function kit.spawn(fn) ready[#ready + 1] = coroutine.create(fn) end

-- The next event of an id.
function kit.park(id)
  if queues[id] and #queues[id] > 0 then return table.remove(queues[id], 1) end
  waiting[id] = coroutine.running()
  return coroutine.yield()
end

function kit.pending(id) return queues[id] end

function kit.sleep(seconds)
  sleepers[#sleepers + 1] = { at = host.loop.monotonic() + seconds, co = coroutine.running() }
  coroutine.yield()
end

local function resume(co, event)
  local good, why = coroutine.resume(co, event)
  if not good then kit.ok(false, "task", tostring(why)) end
end

local function wake(now)
  local nearest
  for i = #sleepers, 1, -1 do
    if sleepers[i].at <= now then
      ready[#ready + 1] = table.remove(sleepers, i).co
    elseif not nearest or sleepers[i].at < nearest then
      nearest = sleepers[i].at
    end
  end
  return nearest
end

local function run_ready()
  local batch = ready
  ready = {}
  for _, co in ipairs(batch) do resume(co) end
end

local function wait_for_events(deadline)
  local now = host.loop.monotonic()
  local nearest = wake(now) or deadline
  for _, event in ipairs(host.loop.wait(#ready > 0 and 0 or math.max(nearest - now, 0))) do
    local co = waiting[event.id]
    waiting[event.id] = nil
    if co then
      resume(co, event)
    else
      queues[event.id] = queues[event.id] or {}
      table.insert(queues[event.id], event)
    end
  end
end

function kit.run(fn)
  local deadline = host.loop.monotonic() + HANG
  kit.spawn(fn)
  local main = ready[#ready]
  while true do
    run_ready()
    if coroutine.status(main) == "dead" then return end
    if host.loop.monotonic() > deadline then
      return kit.ok(false, "hang guard", "still waiting after " .. HANG .. " s")
    end
    wait_for_events(deadline)
    if coroutine.status(main) == "dead" then return end
  end
end

function kit.wait(socket, what) return kit.park(host.loop.watch(socket, what)) end

function kit.read(socket, max)
  while true do
    local data, why, code = socket:read(max or 65536)
    if data or code ~= "again" then return data, why, code end
    kit.wait(socket, "read")
  end
end

function kit.send(socket, data)
  while #data > 0 do
    local n, why, code = socket:write(data)
    if n then
      data = data:sub(n + 1)
    elseif code == "again" then
      kit.wait(socket, "write")
    else
      return nil, why, code
    end
  end
  return true
end

function kit.accept(listener, state)
  while not (state and state.closed) do
    local socket, why, code = listener:accept()
    if socket then return socket end
    if code ~= "again" then error(why) end
    kit.wait(listener, "read")
  end
end

-- Reads one HTTP request: head, body; nil when there is none.
function kit.request(socket)
  local seen = ""
  while not seen:find("\r\n\r\n", 1, true) do
    local data = kit.read(socket)
    if not data then return nil end
    seen = seen .. data
  end
  local head, body = seen:match("^(.-\r\n\r\n)(.*)$")
  local length = tonumber(head:lower():match("content%-length: (%d+)") or 0)
  while #body < length do
    local data = kit.read(socket)
    if not data then return nil end
    body = body .. data
  end
  return head, body
end

-- Calls fn(socket, number) for every connection; returns {port=, n=, stop()}.
function kit.serve(fn, where)
  local listener = assert(host.net.listen(where or { host = "127.0.0.1", port = 0 }))
  local state = { n = 0 }
  if not (where and where.unix) then state.port = select(2, listener:name()) end
  function state.stop()
    state.closed = true
    listener:close()
  end
  kit.spawn(function()
    while not state.closed do
      local socket = kit.accept(listener, state)
      if not socket then break end
      state.n = state.n + 1
      local number = state.n
      kit.spawn(function()
        fn(socket, number)
        socket:close()
      end)
    end
  end)
  return state
end

function kit.answer(text)
  return function(socket)
    kit.request(socket)
    kit.send(socket, text)
  end
end

function kit.url(server, path) return ("http://127.0.0.1:%d%s"):format(server.port, path or "/") end

-- One request: its last event, with the pieces of a stream in .pieces and their number in .turns.
function kit.http(options)
  options.timeout = options.timeout or 60
  options.max_bytes = options.max_bytes or 1 << 25
  local id, why, code = host.http.start(options)
  if not id then return { error = why, code = code, refused = true } end
  local pieces = {}
  while true do
    local event = kit.park(id)
    if event.done then
      event.pieces, event.turns = table.concat(pieces), #pieces
      return event
    end
    pieces[#pieces + 1] = event.data
  end
end

-- One request to a server that answers every request with `text`.
function kit.one(text, options)
  local server = kit.serve(kit.answer(text))
  options = options or {}
  options.url = kit.url(server)
  local event = kit.http(options)
  server.stop()
  return event
end

return kit
