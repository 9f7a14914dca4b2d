-- SPDX-License-Identifier: MIT
-- The HTTP client. Every failure says what it was, never what was secret in it,
-- and nothing is repeated by itself.

local host = ...

local clean = require "base.clean"
local clock = require "base.clock"
local fail = require "base.fail"
local json = require "base.json"
local log = require "base.log"
local sorted = require "base.sorted"
local surroundings = require "base.surroundings"
local task = require "base.task"
local url = require "base.url"

local http = {}

local MAX_BYTES = 8 * 1024 * 1024
local EXCERPT = 200
local ERROR_BODY = 65536

local CODES = { toolarge = "broken", tls = "broken", insecure = "refused" }

local function kind_of_status(status)
  if status == 401 or status == 403 then return "auth" end
  if status == 402 then return "funds" end
  if status == 429 then return "rate" end
  if status >= 500 or status == 408 then return "transient" end
  if status >= 400 then return "refused" end
  return "broken"
end

-- The start of a body in one line, secrets hidden.
local function excerpt(body)
  return clean.line(log.redact(clean.cut(body, 4096)), EXCERPT)
end

-- The number of an edge's refusal (Cloudflare's "error code: 1010"): what stands before a cloud let nothing
-- through to it. → text or nil
local function edge_code(event)
  if event.status ~= 403 or (event.body or ""):find("^%s*[{[]") then
    return nil
  end
  return event.body and event.body:sub(1, 65536):match("[Ee]rror code:?%s*(10%d%d)")
end

-- The key was never looked at, so this is no `auth`.
local function raise_edge(spec, shown, code)
  fail.raise("refused", ("%s %s was turned away by the protection in front of the service (error code: %s): "
    .. "nothing is wrong with the key; try again later or from another network"):format(spec.method,
      shown, code), { status = 403, url = shown, method = spec.method, sent = true, edge = code })
end

local function retry_after(headers)
  return headers and tonumber(headers["retry-after"]) or nil
end

local function raise_status(spec, shown, response, kind)
  local text = excerpt(response.body)
  fail.raise(kind or kind_of_status(response.status),
    ("%s %s answered %d%s"):format(spec.method, shown, response.status, text ~= "" and ": " .. text or ""), {
      status = response.status, url = shown, method = spec.method, sent = true, body = response.body,
      retry_after = retry_after(response.headers),
    })
end

local function header_list(headers, extra)
  local merged, names = {}, {}
  for _, list in ipairs { extra, headers or {} } do
    for name, value in sorted(list) do
      value = tostring(value)
      if (name .. value):find("[\r\n%z]") or not name:find("^[%w-]+$") then
        error(("the header %q has a character that headers cannot have"):format(name), 0)
      end
      names[name:lower()] = name
      merged[name:lower()] = value
    end
  end
  local lines = {}
  for name, value in sorted(merged) do lines[#lines + 1] = names[name] .. ": " .. value end
  return lines
end

-- What host.http.start wants.
local function prepare(spec)
  local extra, body = { Accept = "application/json",
    ["User-Agent"] = "continueplz/" .. host.version }, spec.body
  if spec.json ~= nil then
    if body then error("a request has json or body, not both", 0) end
    body = json.encode(spec.json)
    extra["Content-Type"] = "application/json"
  end
  local proxy, no_proxy, trusted, folder
  local streams = spec.stream ~= nil or spec.reader ~= nil
  if not spec.unix then
    proxy, no_proxy = surroundings.proxy()
    if not spec.ca_file and not spec.ca_pem then trusted, folder = surroundings.trust() end
  end
  return {
    method = spec.method, url = url.with_query(spec.url, spec.query),
    headers = header_list(spec.headers, extra), body = body, timeout = spec.timeout or 30,
    connect_timeout = spec.connect_timeout, idle_timeout = spec.idle_timeout,
    max_bytes = spec.max_bytes or MAX_BYTES, stream = streams or nil, fresh = spec.fresh,
    unix = spec.unix, ca_file = spec.ca_file or trusted, ca_dir = folder, proxy = proxy, no_proxy = no_proxy,
    ca_pem = spec.ca_pem, client_pem = spec.client_pem, client_key = spec.client_key,
  }
end

local function good(spec, status)
  if spec.ok == "any" then return true end
  if not spec.ok then return status >= 200 and status < 300 end
  for _, wanted in ipairs(spec.ok) do
    if wanted == status then return true end
  end
  return false
end

-- Hands pieces on until the last event, which it returns. The body of an error is kept, not streamed.
-- whole: all of it is kept besides, as event.whole
local function receive(id, spec, whole)
  local kept, size, reader = {}, 0, spec.reader
  while true do
    local event = task.park(id)
    local fine = event.status and good(spec, event.status)
    if event.data and fine then
      if reader then reader:feed(event.data) else spec.stream(event.data) end
    end
    if event.data and (not fine and size < ERROR_BODY or reader and whole) then
      kept[#kept + 1], size = event.data, size + #event.data
    end
    if event.done then
      if kept[1] then event.body = table.concat(kept) .. (event.body or "") end
      if reader and fine then event.whole, event.body = event.body, reader:finish() end
      return event
    end
  end
end

local told -- what the dated answer that agrees best says of this computer's clock: { ahead =, host = }

-- Compares this computer's clock with an answer's: only what it is off by for certain counts,
-- as the answer was on its way.
local function compare_clock(spec, event, began)
  local date = not spec.unix and event.headers and clock.parse_http(event.headers.date)
  if not date then return end
  local ended, ahead = clock.wall(), 0
  local left = ended - (clock.now() - began)
  if left > date + 1 then ahead = left - date - 1 elseif ended < date then ahead = ended - date end
  if told and math.abs(told.ahead) <= math.abs(ahead) then return end
  told = { ahead = ahead, host = (url.parse(spec.url) or {}).host }
end

--- By how many seconds this computer's clock is ahead (negative: behind) of every service that told a time so
-- far, and the host of the one that agrees best; nil when none did.
function http.clock_ahead()
  if told then return told.ahead, told.host end
end

local watcher, rehearsal -- see http.watch, http.rehearse

local function transfer(spec, shown, tell)
  local options = prepare(spec)
  if tell then tell.request(options) end
  local id, sentence, code = host.http.start(options)
  if not id then
    fail.raise(CODES[code] or "refused", ("%s %s: %s"):format(spec.method, shown, sentence),
      { url = shown, method = spec.method, code = code, sent = false })
  end
  local finished = false
  local _ <close> = setmetatable({}, { __close = function()
    if not finished then host.http.cancel(id) end
    task.discard(id)
  end })
  local event = receive(id, spec, tell ~= nil)
  finished = true
  return event
end

local function note(spec, shown, started, outcome)
  if spec.quiet then return end
  outcome.method, outcome.url = spec.method, shown
  outcome.ms = math.floor((clock.now() - started) * 1000 + 0.5)
  log.debug("http", outcome)
end

local function broken(spec, response, what)
  fail.raise("broken", ("%s %s answered %d with what is %s: %s"):format(spec.method, response.url,
    response.status, what, excerpt(response.body)),
    { status = response.status, url = response.url, method = spec.method, sent = true, body = response.body })
end

local function finish(spec, shown, event)
  local response = { status = event.status, headers = event.headers or {}, body = event.body or "",
    url = shown }
  -- The body as a value whose texts are text, whatever the service sent; raises `broken` when it is not JSON.
  response.json = function()
    local value, sentence = json.decode(response.body)
    if value == nil then broken(spec, response, sentence) end
    return clean.deep(value)
  end
  -- The same of a body that must be an object or an array.
  response.object = function()
    local value = response.json()
    if type(value) ~= "table" then broken(spec, response, "no object") end
    return value
  end
  local edge = spec.ok ~= "any" and edge_code(event)
  if edge then raise_edge(spec, shown, edge) end
  local refusal = spec.classify and spec.classify(response)
  if refusal then
    refusal.status, refusal.url, refusal.method = refusal.status or response.status, shown, spec.method
    refusal.sent, refusal.body = true, refusal.body or response.body
    refusal.retry_after = refusal.retry_after or retry_after(response.headers)
    error(fail.is(refusal) and refusal or fail.new(refusal), 0)
  end
  if not good(spec, response.status) then raise_status(spec, shown, response) end
  return response
end

-- What tells the watcher of one exchange: of the request when it leaves, of the answer when
-- all is done with it.
local function telling(spec)
  local watch, started, answered = watcher, clock.now(), nil
  local tell = {}
  function tell.request(options)
    answered = watch { method = options.method, url = options.url, headers = options.headers,
      body = options.body }
  end
  function tell.__close(_, problem)
    if not answered then return end
    local event = tell.event or { error = fail.message(problem or "interrupted") }
    answered { status = event.status, headers = event.headers, body = event.whole or event.body,
      error = event.error, seconds = clock.now() - started,
      streamed = spec.stream ~= nil and event.body == nil }
  end
  return setmetatable(tell, tell)
end

local READS = { GET = true, HEAD = true, OPTIONS = true }

-- What a rehearsal tells of instead of sending it; what it answers itself goes on.
local function rehearsed(spec, shown)
  local prepared = prepare(spec)
  local request = { method = prepared.method, url = prepared.url, headers = prepared.headers,
    body = prepared.body }
  table.insert(rehearsal.list, request)
  local body = rehearsal.answer and rehearsal.answer(request)
  if body and spec.reader then
    spec.reader:feed(body)
    body = spec.reader:finish()
  end
  if body then return finish(spec, shown, { status = 200, body = body }) end
  return fail.raise("refused", ("%s %s was not sent: this is a rehearsal"):format(spec.method, shown),
    { url = shown, method = spec.method, code = "rehearsed", sent = false })
end

local function perform(spec)
  local shown = url.shown(spec.url)
  if rehearsal and not READS[spec.method] then return rehearsed(spec, shown) end
  local started = clock.now()
  local tell <close> = watcher and telling(spec)
  local event = transfer(spec, shown, tell)
  if tell then tell.event = event end
  compare_clock(spec, event, started)
  if event.error then
    note(spec, shown, started, { error = event.code or event.error })
    local text = log.redact(event.error)
    if event.code == "tls" and text:find "not yet valid" or event.code == "tls" and text:find "expired" then
      text = ("%s; this computer's clock says %s, is that right?"):format(text, clock.iso())
    end
    -- the host says already which request it was
    local named = text:sub(1, #spec.method + 1) == spec.method .. " "
    fail.raise(CODES[event.code] or "transient", named and text or ("%s %s: %s"):format(spec.method,
      shown, text), { url = shown, method = spec.method, code = event.code, sent = event.sent ~= false })
  end
  note(spec, shown, started, { status = event.status })
  return finish(spec, shown, event)
end

local SAFE = { GET = true, HEAD = true, DELETE = true, OPTIONS = true }

local function is_near(spec)
  if spec.unix then return true end
  local parts = url.parse(spec.url)
  local name = parts and parts.host or ""
  return name == "localhost" or name == "[::1]" or name:find("^127%.") ~= nil
    or name:find("^10%.13%.37%.") ~= nil
end

--- One request: {method=, url=, headers={name = value}, query={name = value}, json= | body=, timeout=30 s,
-- max_bytes=8 MiB, fresh=, unix=, quiet=bool (not logged: what is asked all the time),
-- stream=function(piece), reader= of base.rows, which has the body of a good answer and leaves what it makes
-- of it in its place, ok={200, …}|"any"}. → {status=, headers=, body=, json()}
function http.request(spec)
  local copy = {}
  for key, value in pairs(spec) do copy[key] = value end -- order: free
  copy.method = copy.method or "GET"
  if not SAFE[copy.method] and not is_near(copy) then
    error(("http.request sends no %s to a foreign host: declare it in a client's "
      .. "`writes`, or create with a ticket"):format(copy.method), 2)
  end
  return perform(copy)
end

--- Calls fn() again after failures of `kinds` (transient, rate), `attempts` times (3) in all, after `pause`
-- seconds (1) that double each time, or what the server asked for. Only for requests that may be repeated.
function http.retry(fn, options)
  options = options or {}
  local kinds = {}
  for _, kind in ipairs(options.kinds or { "transient", "rate" }) do kinds[kind] = true end
  local pause = options.pause or 1
  for attempt = 1, options.attempts or 3 do
    local result = table.pack(fail.try(fn))
    if result[1] then return table.unpack(result, 2, result.n) end
    local failure = result[2]
    if attempt == (options.attempts or 3) or not kinds[failure.kind] or failure.code == "deadline" then
      error(failure, 0)
    end
    log.debug("trying again", { error = failure.message, attempt = attempt })
    task.sleep(math.max(pause, math.min(failure.retry_after or 0, 60)))
    pause = pause * 2
  end
end

--- Has fn(request) called for every request that leaves, {method=, url=, headers={"Name: value", …}, body=},
-- secrets included. The function that it returns is called with the answer: {status=, headers=, body=,
-- error=, seconds=, streamed=}. Neither may wait or raise. nil: nobody watches. → who watched before
function http.watch(fn)
  local before = watcher
  watcher = fn
  return before
end

--- Calls fn() while nothing leaves that could change anything: requests other than GET, HEAD and OPTIONS are
-- not sent, nor are creates, which then want no ticket. One at a time.
-- @param answer function(request) → the body with which such a request goes on as if it had been answered;
-- nil, also for no function: it fails (`refused`, code "rehearsed")
-- → array of them, as http.watch tells of requests
-- @raise what else goes wrong in fn
function http.rehearse(fn, answer)
  if rehearsal then error("a rehearsal is under way already", 2) end
  local mine = { list = {}, answer = answer }
  rehearsal = mine
  local ok, problem = fail.settle(fn)
  rehearsal = nil
  if not ok and problem.code ~= "rehearsed" then error(problem, 0) end
  return mine.list
end

--- A client of one service, see base.client.
function http.client(options)
  return require("base.client").new(options, perform, function() return rehearsal ~= nil end)
end

return http
