-- SPDX-License-Identifier: MIT
-- A create may make two machines. Whatever carries a session's token and is not its machine is destroyed and
-- proven gone, right after the machine's id is known and again before READY is said: later nobody would look,
-- and guards that see two of a token end neither.
local fail = require "base.fail"
local log = require "base.log"
local task = require "base.task"
local alert = require "home.alert"
local timing = require "home.timing"
local proof = require "money.proof"
local rent = require "money.rent"

local twins = {}

-- Destroyed, and absent twice by its own id. → true, or false and a reason
local function ended(provider, session, id)
  -- The session's own machine carries the token too, so the twin is looked for by its id only: no
  -- machine bears this name.
  local one = { id = id, token = session.token .. " (second machine)", account = session.account }
  local function nothing() end
  local acknowledged, why = proof.destroy(provider, one, 3, nothing, nothing)
  local gap = timing.of(provider, acknowledged and "proof_gap" or "consistency")
  local absent, doubt = proof.verify(provider, one, 3, gap, nothing, nothing)
  return absent, absent or acknowledged and doubt or why
end

local function end_one(journal, provider, session, id, ui)
  journal:try_append("twin", session.token, { id = id })
  log.error("a second machine carries the token of this session; destroying it",
    { instance_id = id, token = session.token })
  ui:note(("the create made two machines: ending the second one, %s"):format(id))
  local gone, doubt = ended(provider, session, id)
  if not gone then
    alert.critical("A second machine of one create could not be proven ended",
      { instance_id = id, provider = provider.name, reason = doubt })
    fail.raise("machine", ("the create made a second machine, %s, which could not be proven ended: %s")
      :format(id, tostring(doubt)))
  end
  journal:try_append("twin_gone", session.token, { id = id })
  ui:warn(("the create made two machines; the second one, %s, was destroyed and is proven gone"):format(id))
end

--- Ends every other machine of the session's token. The caller holds home.lock.
-- @param sure raise the cloud's failure when no complete list can be had; else that is left to the next look
-- @return how many there were
-- @raise kind `machine` when one could not be proven gone: the whole session must be undone
function twins.end_all(journal, provider, session, ui, sure)
  return task.shield(function()
    local ok, list = fail.try(sure and rent.find or rent.look, provider, session.token, 0)
    if not ok then
      if sure then error(list, 0) end
      log.warn("could not look for a second machine of the create; looked for again before READY",
        { error = fail.message(list) })
      return 0
    end
    local found = proof.others(list, session)
    for _, instance in ipairs(found) do end_one(journal, provider, session, tostring(instance.id), ui) end
    return #found
  end)
end

return twins
