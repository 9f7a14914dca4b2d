-- SPDX-License-Identifier: MIT
--- The same handlers for clients that run in the same process in a replaced world: what a handler says, in
--- the words of the replaced HTTP (tests/lua/fake_http.lua): {status, headers, body | pieces, delay},
--- {hang=true} or {lost=true}.
local control = require "cloudsim.control"
local sorted = require "base.sorted"

local inprocess = {}

local MOST = 20 * 1024 * 1024

-- The pieces of a stream; what is longer than anybody reads ends there.
local function pieces_of(stream)
  local list, size = {}, 0
  local function write(data)
    list[#list + 1] = { data = data }
    size = size + #data
    if size >= MOST then error(inprocess) end
  end
  local ok, problem = pcall(stream, write)
  if not ok and problem ~= inprocess then error(problem, 0) end
  return list
end

--- → the answer of a face, or of "control", to a request {method, path, query, headers, body, peer}.
function inprocess.answer(face, request, world)
  local response = control.handler_of(face)(request, world)
  if response.hang then
    return { hang = true }
  elseif response.drop then
    return { lost = true }
  end
  return { status = response.status, headers = response.headers, body = response.body,
    pieces = response.stream and pieces_of(response.stream) or nil, delay = response.delay }
end

--- A function for sim.http of the replaced world: addresses are 127.0.0.1 with `ports` {NAME=, control=}.
function inprocess.http(world, ports)
  return function(request)
    for face, port in sorted(ports) do
      if request.port == port then
        return inprocess.answer(face, request, world)
      end
    end
    return { error = "connection refused", code = "connect", sent = false }
  end
end

return inprocess
