-- SPDX-License-Identifier: MIT
-- Calls a cloud by the provider's own functions and keeps what went over the wire, in memory only.
local fail = require "base.fail"
local http = require "base.http"
local json = require "base.json"
local url = require "base.url"

local watching = {}

local function begun(request)
  local parts = url.parse(request.url) or { path = "?" }
  return { method = request.method, path = parts.path, query = request.url:match("%?([^#]*)") or "",
    body = request.body, headers = request.headers }
end

--- Runs fn(). → { ok=, result=, more=, problem=, exchanges = array }, an exchange being { method=, path=,
-- query=, body=, headers = {"Name: value"}, status=, answer = headers, value = decoded with its nulls,
-- seconds=, error= }
function watching.run(fn, ...)
  local seen = { exchanges = {} }
  local before = http.watch(function(request)
    local exchange = begun(request)
    seen.exchanges[#seen.exchanges + 1] = exchange
    return function(answer)
      exchange.status, exchange.seconds, exchange.error = answer.status, answer.seconds, answer.error
      exchange.answer = answer.headers or {}
      exchange.value = answer.body and json.decode(answer.body, true) or nil
    end
  end)
  local ok, result, more = fail.settle(fn, ...)
  http.watch(before)
  if not ok and fail.is(result, "interrupted") then error(result, 0) end
  seen.ok, seen.result, seen.more, seen.problem = ok, ok and result or nil, ok and more or nil,
    not ok and result or nil
  return seen
end

-- What is an id in a path, or the like of one.
local function masked(path)
  return (path:gsub("[^/]+", function(part)
    return not part:find("^v%d+$") and #part > 3 and part:find("%d") and "*" or nil
  end))
end

--- An exchange as "GET /path/* ?names of its query", with nothing of its values.
function watching.name(exchange)
  local names = {}
  for name in exchange.query:gmatch("([^&=]+)=?[^&]*") do names[#names + 1] = url.unescape(name) end
  return ("%s %s%s"):format(exchange.method, masked(exchange.path),
    #names > 0 and " ?" .. table.concat(names, ",") or "")
end

return watching
