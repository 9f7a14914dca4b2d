-- SPDX-License-Identifier: MIT
-- What keeps the agent from being blind: keys are read again, a cloud that cannot be asked for long is told
-- of, and a key that was changed is recognised as one of the same account by what it shows.
-- memory: a table that the agent keeps.
local clock = require "base.clock"
local fail = require "base.fail"
local log = require "base.log"
local config = require "config.effective"
local alert = require "home.alert"
local guest_client = require "home.guest_client"
local guard_policy = require "money.guard_policy"
local proof = require "money.proof"

local REFUSED = 3  -- looks in a row that a cloud refused for the key's sake, before that is CRITICAL
local SILENT = 30  -- the same for all other failures: this computer may just have no network
local AGAIN = 60   -- looks after which it is told again

local sight = {}

--- Keys that were written into `.env` since are used from now on. provider: the cloud of the machine in use,
-- or nil
function sight.renew(memory, provider)
  local setting = provider and provider.key_setting
  for _, name in ipairs(config.renew(memory.refused and setting or nil)) do
    log.info("A key was changed in .env and is used from now on", { setting = name })
    memory.owed = memory.owed or name == setting
  end
end

-- A guard that holds the account's key by consent gets the one that just worked, for its own may be refused
-- now. It travels inside the tunnel; a machine that does not answer is told at the next look.
local function hand_over(memory, session, provider)
  local key = memory.owed and guard_policy.account_key(provider, session.plan.guard)
  if not key then return end
  local ok, problem = fail.try(guest_client.tell, session.token, "/key", { key = key }, "PUT")
  if not ok then
    return log.warn("the guard did not get the changed key yet", { error = fail.message(problem) })
  end
  memory.owed = nil
  log.info("The guard on the machine has the changed key too", { instance_id = session.id })
end

--- A look failed. It is CRITICAL when the agent has been blind for long.
function sight.failed(memory, session, problem)
  if memory.token ~= session.token then memory.token, memory.blind, memory.keyless = session.token, 0, 0 end
  memory.refused = fail.is(problem, "auth") or fail.is(problem, "config")
  memory.blind = (memory.blind or 0) + 1
  memory.keyless = memory.refused and (memory.keyless or 0) + 1 or 0
  memory.since = memory.since or clock.wall()
  local keyless = memory.keyless >= REFUSED and (memory.keyless - REFUSED) % AGAIN == 0
  if not keyless and not (memory.blind >= SILENT and (memory.blind - SILENT) % AGAIN == 0) then
    return
  end
  alert.critical(keyless and "The key is refused, so the machine in use can be neither watched nor ended "
    .. "from here; put one of the same account into .env"
    or "The cloud cannot be asked about the machine in use",
    { instance_id = session.id, provider = session.provider, reason = fail.message(problem),
      since = clock.iso(memory.since) }, "blind " .. session.token)
end

--- A look succeeded.
function sight.seen(memory, journal, session, provider, instance)
  memory.blind, memory.keyless, memory.refused, memory.since = 0, 0, nil, nil
  if not proof.is_strange(provider, session) then
    return hand_over(memory, session, provider)
  end
  if not journal:acquire("agent") then return end
  proof.recognise(journal, provider, session, instance)
  memory.owed = true
  journal:release()
end

return sight
