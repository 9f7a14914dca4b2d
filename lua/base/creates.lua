-- SPDX-License-Identifier: MIT
-- The requests by which clouds are asked for something that bills. Whatever a script declares, only
-- client:create sends them, with a ticket of the journal. Which they are is handed in where a world is
-- composed (`creates` of loader.new); in a world that was told of none, nothing is sent that changes
-- anything.

local _, tools = ...

local url = require "base.url"

local creates = {}

local READS = { GET = true, HEAD = true, OPTIONS = true }

-- { {method, pattern of the path, the one body that rents nothing or nil}, … }: a copy of our own, which no
-- script of the user's reaches
local known

--- Learns the requests now, so that no script that runs later has a say in them. → whether there are any
function creates.settle()
  if not known and tools.creates then
    local list = {}
    for index, each in ipairs(tools.creates()) do
      list[index] = { each[1], each[2], each[3] }
    end
    known = list[1] and list
  end
  return known ~= nil
end

-- The path as a server reads it: unescaped, without empty steps, "." and "..".
local function path_of(address)
  local parts, steps = url.parse(address), {}
  for step in url.unescape(parts and parts.path or address):gsub("[?#].*$", ""):gmatch("[^/]+") do
    if step == ".." then
      steps[#steps] = nil
    elseif step ~= "." then
      steps[#steps + 1] = step
    end
  end
  return "/" .. table.concat(steps, "/")
end

--- Does this request rent something at a cloud?
-- @param body as it is sent, where it is a text that is known already
-- @raise when that cannot be known, and it changes something
function creates.is(method, address, body)
  local path = path_of(tostring(address))
  if not creates.settle() and not READS[method:upper()] then
    local sentence = "%s %s is not sent: nobody told this world which requests rent"
    error(sentence:format(method, url.shown(address)), 0)
  end
  for _, each in ipairs(known or {}) do
    local harmless = each[3] ~= nil and body == each[3]
    if each[1] == method:upper() and path:find(each[2]) and not harmless then return true end
  end
  return false
end

--- Raises when it does.
function creates.refuse(method, address, body)
  if creates.is(method, address, body) then
    error(("%s %s rents a machine: that needs client:create and a ticket of the journal"):format(method,
      url.shown(address)), 0)
  end
end

return creates
