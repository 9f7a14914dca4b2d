-- SPDX-License-Identifier: MIT
-- The person at the controlling terminal, for what nothing else may agree to.
local fail = require "base.fail"
local term = require "base.term"
local world = require "sandbox.world"

local person = {}

--- Is there somebody to ask? Not with -y. → bool
-- @raise `limit` when the terminal belongs to another job
function person.there(ctx)
  if ctx.alone then return false end
  local conn, why, code = term.person()
  if code == "background" then
    fail.raise("limit", why .. "; bring it to the front, or say -y to agree without being asked")
  end
  if conn then conn:close() end
  return conn ~= nil
end

--- Shows lines and asks a [y/N] question below them; no screen of the user's own answers for him. → bool
-- @raise `limit` when there is no terminal
function person.agrees(ctx, lines, question)
  if ctx.screen then ctx.screen:close() end
  local asking = world.builtin("ui.progress").new { json = ctx.json }
  return term.agrees(asking:ask(lines, question .. " [y/N] "))
end

return person
