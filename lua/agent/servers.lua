-- SPDX-License-Identifier: MIT
-- Do all the servers answer that serve a model behind one address? A lost one is paid for on, as its node is.
local fail = require "base.fail"
local alert = require "home.alert"
local cost = require "home.cost"
local provider_of = require "money.provider_of"
local replicas = require "start.replicas"

local LOOKS = 2 -- in a row, before it is said: one may be starting again at this moment

local servers = {}

local function read(session)
  return provider_of.provider(session.provider).replicas(session)
end

local function sentence_of(state, session)
  return ("%s%s; it costs $%.3f/h all the same"):format(replicas.text(state),
    state.trouble and " (" .. replicas.trouble_text(state.trouble) .. ")" or "", cost.hourly(session))
end

--- One look of the agent at a session that is ready; too few are told of once, until all answer again. What
-- the cloud does not say is not told.
-- @param memory table that the agent keeps; memory.state is what was read last: { ready=, wanted= }, or nil
-- @return a sentence, or nil
function servers.watch(memory, session)
  if not session.plan.nodes then return nil end
  local ok, state = fail.try(read, session)
  if not ok then return nil end
  if memory.token ~= session.token or state.ready >= state.wanted then
    memory.token, memory.count = session.token, 0
  end
  memory.state = state
  if state.ready >= state.wanted then return nil end
  memory.count = memory.count + 1
  if memory.count < LOOKS then return nil end
  if memory.count == LOOKS then
    alert.warn(sentence_of(state, session), { instance_id = session.id, provider = session.provider })
  end
  return sentence_of(state, session)
end

return servers
