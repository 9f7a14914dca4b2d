-- SPDX-License-Identifier: MIT
-- Whose fault it is that a machine cannot be reached follows from what is said. What this computer's own
-- kernel or network answers is no fault of a machine: another one would not be reached either,
-- so none is rented for it.
local fail = require "base.fail"
local agent_client = require "home.agent_client"

local blame = {}

local UNREACHED = 2 -- machines in a row that could not be reached: suspect the user's own network

--- OWN_SECONDS: so long it must be this computer's fault; a network that changes is back sooner.
blame.OWN_SECONDS = 30

--- Is it this computer's own kernel that a connection failed by? → a sentence, or nil
function blame.no_way(problem)
  if problem.code ~= "route" then return nil end
  return "this computer has no way to the machine: " .. fail.message(problem)
end

--- Did something else answer where a machine was asked, as networks do that want a login first?
-- → a sentence, or nil
function blame.stranger(answer)
  local line = type(answer) == "string" and answer:match("^HTTP/%d.*$")
  return line and ("something in your own network answers in the machine's place (%s)"):format(line) or nil
end

--- Does this computer not send what the tunnel gives it? state: of agent_client.status, or nil
-- → a sentence, or nil
function blame.unsent(state)
  local why = state and state.tunnel and state.tunnel.unsent
  return why and ("this computer does not send to the machine: %s"):format(why) or nil
end

--- The same at this moment, of the agent that runs.
function blame.now() return agent_client.pid() and blame.unsent(agent_client.status()) or nil end

--- Raises what ends a start: no other machine is rented for it.
function blame.raise(sentence)
  fail.raise("refused", sentence .. "; no other machine is rented for that, look at your own network")
end

--- A machine could not be reached. Raises kind `machine`, or what ends the start when it was not
-- the first one in a row.
-- @param counters of start.state; `unreached` counts them
-- @param did, blocks words: "gave no answer", "UDP"
function blame.unreached(counters, sentence, did, blocks)
  counters.unreached = counters.unreached + 1
  if counters.unreached < UNREACHED then fail.raise("machine", sentence) end
  fail.raise("refused", ("%d machines in a row %s; your own network probably blocks %s, "
    .. "so no third one is rented"):format(counters.unreached, did, blocks))
end

return blame
