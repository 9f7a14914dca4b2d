-- SPDX-License-Identifier: MIT
-- The first terminate of a stop goes ahead: the agent, which has everything loaded, sends it while the
-- command is still starting (lua/cli.lua). Records and proof are the command's own.
-- state: a table of the agent's.
local clock = require "base.clock"
local fail = require "base.fail"
local log = require "base.log"
local task = require "base.task"
local provider_of = require "money.provider_of"

local ANSWER_SECONDS = 30

local early_stop = {}

--- Was a terminate sent for this session?
function early_stop.about(state, session)
  return state.session == session.token
end

--- Whom a request to terminate is about: { home=, token= } must be this home and the session that it holds. →
-- nil, or why it is refused
function early_stop.refused(session, named, home)
  if named.home ~= home then
    return ("this is the agent of %s, not of %s"):format(home, named.home or "nothing named")
  end
  if not session then return "no machine is in use" end
  if named.token ~= session.token then
    return ("%s is in use, not %s"):format(session.token, named.token or "nothing named")
  end
end

--- Sends it, for a session that is ready and that nobody is ending yet;
-- not again while one is under way or was acknowledged.
function early_stop.send(state, session)
  if not session or not session.ready_at or session.stopping then return end
  if early_stop.about(state, session) and state.acknowledged ~= false then
    return
  end
  state.session, state.at, state.acknowledged, state.done = session.token, clock.now(), nil, task.channel()
  local done = state.done
  local ok, problem = fail.settle(function()
    return provider_of.provider(session.provider).destroy(session.id)
  end)
  state.acknowledged = ok
  log.info("Terminate sent for a stop",
    { instance_id = session.id, acknowledged = ok, error = not ok and fail.message(problem) or nil })
  done.put(true)
end

--- What became of it, once that is known: { session = token, acknowledged = bool|nil };
-- empty when none was sent.
function early_stop.outcome(state)
  if state.session and state.acknowledged == nil then
    state.done.take(ANSWER_SECONDS)
    state.done.put(true) -- for others who wait
  end
  return { session = state.session, acknowledged = state.acknowledged }
end

return early_stop
