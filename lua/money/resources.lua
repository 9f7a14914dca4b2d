-- SPDX-License-Identifier: MIT
-- What some clouds want around a machine (an SSH key, a firewall ruleset): made before it, removed when it is
-- gone. It costs nothing, and nothing of it is forgotten: the journal says so before it is made and when it
-- is gone, in between every command and the agent try again. Providers look for it by the session's token, so
-- it does not matter where a crash cut in.
local clock = require "base.clock"
local fail = require "base.fail"
local log = require "base.log"
local timing = require "home.timing"
local provider_of = require "money.provider_of"

local PAUSE = 60 -- seconds between two tries by commands that come by

local resources = {}

--- Has the provider make what `order` needs (order.extras). The caller holds home.lock.
function resources.prepare(journal, provider, order)
  if not provider.prepare then return end
  journal:append("preparing", order.token)
  order.extras = provider.prepare(order)
end

--- Removes what was made for a session whose machine is gone, or would be ended if it showed. → true, or nil
-- and a sentence; nothing is lost then
function resources.away(journal, provider, token)
  local session = journal:session(token)
  if not session or not session.untidy then return true end
  local ok, problem = fail.try(provider.tidy, session)
  if ok then
    journal:try_append("tidied", token)
    return true
  end
  local reason = fail.message(problem)
  journal:try_append("untidied", token, { reason = reason })
  log.warn("what was made around a machine could not be removed yet",
    { token = token, provider = provider.name, reason = reason })
  return nil, ("what was made for %s besides the machine could not be removed yet (%s); it costs "
    .. "nothing and is tried again"):format(token, reason)
end

local function due(session, now, before)
  local tried = session.untidied
  return not tried or now < tried or now - tried >= timing.seconds(PAUSE) or before ~= nil and tried <= before
end

--- Tries again what earlier ones could not remove. The caller holds home.lock.
-- Never raises for a cloud's failure.
-- @param before unix seconds: without a pause what was last tried until then, nil: what was tried a moment
-- ago is left to the next
function resources.rest(journal, before)
  for _, session in ipairs(journal:untidy()) do
    if due(session, clock.wall(), before) then
      local ok, provider = fail.try(provider_of.provider, session.provider)
      if ok and provider.tidy then resources.away(journal, provider, session.token) end
    end
  end
end

return resources
