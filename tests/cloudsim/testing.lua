-- SPDX-License-Identifier: MIT
--- A world with a clock that a test turns, and calls as a client would make them. For tests in process.
local control = require "cloudsim.control"
local json = require "base.json"
local world = require "cloudsim.world"

local testing = { START = 1786000000 }
testing.__index = testing

--- options as world.new, without `now`.
function testing.new(options)
  local self = setmetatable({ time = testing.START }, testing)
  local wanted = { now = function() return self.time end }
  for key, value in pairs(options or {}) do -- order: free
    wanted[key] = value
  end
  self.world = world.new(wanted)
  self.key = world.DEFAULT_KEY
  return self
end

--- Lets `seconds` pass.
function testing:pass(seconds)
  self.time = self.time + seconds
  self.world:tick()
end

local function unescape(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(pair) return string.char(tonumber(pair, 16)) end))
end

local function split(target)
  local path, raw = target:match("^([^?]*)%??(.*)$")
  local query = {}
  for name, value in raw:gmatch("([^&=]+)=([^&]*)") do
    query[unescape(name)] = unescape(value)
  end
  return path, query
end

--- One request. options: face ("vast"), key (false: none), headers (false: not that one), peer. → status,
--- decoded body or nil, response
function testing:send(method, target, body, options)
  options = options or {}
  local path, query = split(target)
  local headers = { host = "127.0.0.1:1", ["user-agent"] = "tests/1" }
  for name, value in pairs(options.headers or {}) do -- order: free
    headers[name] = value or nil
  end
  if options.key ~= false then
    headers.authorization = "Bearer " .. (options.key or self.key)
  end
  local text = type(body) == "table" and json.encode(body) or body
  local response = control.handler_of(options.face or "vast")({ method = method, path = path, query = query,
    headers = headers, body = text, peer = options.peer or "127.0.0.1" }, self.world)
  local value = response.body and response.body ~= "" and json.decode(response.body) or nil
  return response.status, value, response
end

--- The same after a pause that keeps clear of every minimum interval.
function testing:call(method, target, body, options)
  self:pass(15)
  return self:send(method, target, body, options)
end

--- Offers of a search.
function testing:search(query)
  local status, value = self:call("POST", "/api/v0/bundles/", query or {})
  assert(status == 200, "search answered " .. tostring(status))
  return value.offers
end

--- Orders a fault.
function testing:fault(order)
  return assert(self.world.faults:add(order))
end

--- Rents the first offer that fits `query`; `more` changes the body. → id or nil, status, answer, response,
--- offer
function testing:rent(query, more)
  local offer = assert(self:search(query)[1], "no offer fits")
  local body = { client_id = "me", image = "ollama/ollama:0.33.0", disk = 72, label = "cplz-test-1",
    runtype = "args", args = { "serve" }, env = { ["-p 51820:51820/udp"] = "1", NAME = "value" } }
  for name, value in pairs(more or {}) do -- order: free
    body[name] = value ~= json.null and value or nil
  end
  local status, value, response = self:call("PUT", "/api/v0/asks/" .. offer.id .. "/", body)
  return value and value.new_contract, status, value, response, offer
end

--- The instance object of get.
function testing:get(id, options)
  local status, value = self:call("GET", "/api/v0/instances/" .. id .. "/", nil, options)
  return value and value.instances, status, value
end

return testing
