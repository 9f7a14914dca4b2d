-- SPDX-License-Identifier: MIT
-- The requests by which the clouds we know are asked for something that bills. Whatever a script declares, only client:create sends
-- them, with a ticket of the journal.

local url = require "base.url"

local creates = {}

local KNOWN = {
  { "PUT", "/api/v%d+/asks/[^/]+$" },                      -- facts/vast.md §1.7
  { "POST", "/api/v%d+/instance%-operations/launch$" },    -- facts/lambda.md §2.5
}

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

--- Does this request rent something at a cloud that we know?
function creates.is(method, address)
  local path = path_of(tostring(address))
  for _, known in ipairs(KNOWN) do
    if known[1] == method:upper() and path:find(known[2]) then return true end
  end
  return false
end

--- Raises when it does.
function creates.refuse(method, address)
  if creates.is(method, address) then
    error(("%s %s rents a machine: that needs client:create and a ticket of the journal"):format(method, url.shown(address)), 0)
  end
end

return creates
