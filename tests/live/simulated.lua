-- SPDX-License-Identifier: MIT
-- What the simulator would have answered: each request that went to a cloud is played to the cloud's face, in
-- a fresh world, for its shape.
local clock = require "base.clock"
local control = require "cloudsim.control"
local faces = require "cloudsim.faces"
local fail = require "base.fail"
local json = require "base.json"
local url = require "base.url"
local worlds = require "cloudsim.world"

local BOOTED = 1200 -- simulated seconds after which a machine runs
local LABEL = "cplz-00000000-000000000001"

local simulated = {}

local function fresh()
  local ahead = 0
  local world = worlds.new { now = function() return clock.wall() + ahead end, seed = 1,
    keys = { worlds.DEFAULT_KEY } }
  return world, function(seconds)
    ahead = ahead + seconds
    world:tick()
  end
end

-- A world in which a machine of ours runs. → world, its id
local function with_machine(name)
  local world, pass = fresh()
  local id = require("dst.clouds")[name].rent(world, worlds.DEFAULT_KEY, LABEL, 1)
  for _ = 1, 12 do pass(BOOTED / 12) end
  return world, tostring(id)
end

local function headers_of(exchange, key)
  local headers = {}
  for _, line in ipairs(exchange.headers) do
    local name, value = line:match("^([^:]+): ?(.*)$")
    local at = value:find(key, 1, true)
    headers[name:lower()] = at and value:sub(1, at - 1) .. worlds.DEFAULT_KEY or value
  end
  return headers
end

--- The answer to an exchange of live.watching. key: the account's; id: of a machine that is rented, or nil
-- → status, decoded answer or nil; or nil, sentence
function simulated.answer(name, exchange, key, id)
  local face = faces.by_name[name]
  if not face then return nil, "the simulator has no such cloud" end
  local ok, response = fail.try(function()
    local path, world = exchange.path, (fresh())
    if id then
      local own
      world, own = with_machine(name)
      path = url.unescape(path):gsub(id:gsub("%p", "%%%0"), (own:gsub("%%", "%%%%")))
    end
    return control.handler_of(name)({ method = exchange.method, path = path, body = exchange.body,
      query = url.parse_query(exchange.query), headers = headers_of(exchange, key),
      peer = "127.0.0.1" }, world)
  end)
  if not ok then return nil, fail.message(response) end
  return response.status, response.body and json.decode(response.body, true) or nil
end

return simulated
