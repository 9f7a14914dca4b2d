-- SPDX-License-Identifier: MIT
-- Undoes what a start rented: destroyed and proven, or CRITICAL (DESIGN §1.7).
local fail = require "base.fail"
local log = require "base.log"
local task = require "base.task"
local report = require "start.report"
local stop = require "money.stop"

local undo = {}

--- Undoes one session of a start.
-- @raise kind `unproven`: it may still bill, so nothing more is rented
function undo.session(start, session, provider, reason)
  log.warn("undoing an instance", { instance_id = session.id, reason = reason })
  local plan = start.plan
  local outcome, doubt = task.shield(stop.session, plan.journal, provider, session, reason, plan.ui)
  if start.attempt and start.attempt.session == session then start.attempt = nil end
  if outcome == "unproven" then
    fail.raise("unproven", ("%s on %s may still bill: %s"):format(session.id, session.provider, doubt),
      { session = session })
  end
end

local function keep(plan, session, problem)
  plan.journal:append("kept", session.token, { reason = fail.message(problem) })
  local guarded = (plan.journal:session(session.token) or session).guarded_at ~= nil
  plan.ui:note(("kept as asked: %s on %s bills on; %s; end it with `continueplz --stop`"):format(session.id,
    session.provider, guarded and "its guard ends it at its limits" or report.UNGUARDED))
end

--- Whatever ended the start, what it rented is undone, unless it is to be kept.
function undo.rest(start, problem)
  local attempt, plan = start.attempt, start.plan
  if not attempt or fail.is(problem, "unproven") then return end
  if plan.keep_on_failure and not fail.is(problem, "interrupted") then
    return keep(plan, attempt.session, problem)
  end
  plan.ui:note("undoing the start: " .. fail.message(problem))
  undo.session(start, attempt.session, attempt.provider, fail.message(problem))
end

return undo
