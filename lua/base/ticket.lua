-- SPDX-License-Identifier: MIT
-- Tickets to create something that bills. Only the journal makes them; http.client:create uses each one once.

local ticket = {}

-- ticket → what journals that the request is about to leave; gone after use.
local unused = setmetatable({}, { __mode = "k" })
local used = setmetatable({}, { __mode = "k" })

--- A fresh ticket; `fields` are for the reader (token …).
-- send() must have put `sent` on disk when it returns.
function ticket.new(send, fields)
  if type(send) ~= "function" then
    error("a ticket needs the function that journals the sending", 2)
  end
  local made = {}
  for key, value in pairs(fields or {}) do made[key] = value end -- order: free
  unused[made] = send
  return made
end

--- Whether t is a ticket that was not used yet.
function ticket.valid(t) return type(t) == "table" and unused[t] ~= nil end

--- Uses it up: journals the sending. Raises on anything that is no unused ticket of this module.
function ticket.use(t)
  if type(t) ~= "table" or not (unused[t] or used[t]) then
    error("something that bills is only created with a ticket of the journal", 0)
  end
  if used[t] then
    error("this ticket was used before: a create is never repeated", 0)
  end
  local send = unused[t]
  unused[t], used[t] = nil, true
  send(t)
end

return ticket
