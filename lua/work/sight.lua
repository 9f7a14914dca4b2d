-- SPDX-License-Identifier: MIT
-- What keeps the agent from being blind: keys are read again, a cloud that cannot be asked for long is told of, and a key that was
-- changed is recognised as one of the same account by what it shows. memory: a table that the agent keeps.
local clock = require "base.clock"
local fail = require "base.fail"
local log = require "base.log"
local config = require "facts.config"
local alert = require "work.alert"
local proof = require "work.proof"

local REFUSED = 3  -- looks in a row that a cloud refused for the key's sake, before that is CRITICAL
local SILENT = 30  -- the same for all other failures: this computer may just have no network
local AGAIN = 60   -- looks after which it is told again

local sight = {}

--- Keys that were written into `.env` since are used from now on. provider: the cloud of the machine in use, or nil
function sight.renew(memory, provider)
  local refused = memory.refused and provider and provider.key_setting or nil
  for _, name in ipairs(config.renew(refused)) do log.info("A key was changed in .env and is used from now on", { setting = name }) end
end

--- A look failed. It is CRITICAL when the agent has been blind for long.
function sight.failed(memory, session, problem)
  if memory.token ~= session.token then memory.token, memory.blind, memory.keyless = session.token, 0, 0 end
  memory.refused = fail.is(problem, "auth") or fail.is(problem, "config")
  memory.blind = (memory.blind or 0) + 1
  memory.keyless = memory.refused and (memory.keyless or 0) + 1 or 0
  memory.since = memory.since or clock.wall()
  local keyless = memory.keyless >= REFUSED and (memory.keyless - REFUSED) % AGAIN == 0
  if not keyless and not (memory.blind >= SILENT and (memory.blind - SILENT) % AGAIN == 0) then return end
  alert.critical(keyless and "The key is refused, so the machine in use can be neither watched nor ended from here; put one of the same account into .env"
    or "The cloud cannot be asked about the machine in use", { instance_id = session.id, provider = session.provider, reason = fail.message(problem),
    since = clock.iso(memory.since) }, "blind " .. session.token)
end

--- A look succeeded.
function sight.seen(memory, book, session, provider, instance)
  memory.blind, memory.keyless, memory.refused, memory.since = 0, 0, nil, nil
  if not proof.is_strange(provider, session) or not book:acquire("agent") then return end
  proof.recognise(book, provider, session, instance)
  book:release()
end

return sight
