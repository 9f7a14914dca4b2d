-- SPDX-License-Identifier: MIT
-- A progress screen for work that nobody watches: everything goes to the log.
local log = lazy "base.log"

local silent = {}

function silent.step(_, number, total, title) log.info(("[%d/%d] %s"):format(number, total, title)) end
function silent.note(_, text) log.info(text) end
function silent.done(_, text) log.info(text) end
function silent.warn(_, text) log.warn(text) end
function silent.fail(_, text) log.error(text) end
function silent.progress() end

function silent.ended(_, result)
  log.info("Session ended", { token = result.session.token, outcome = result.outcome, cost = result.cost.amount })
end

return silent
