-- SPDX-License-Identifier: MIT
-- A progress screen for work that nobody watches: everything goes to the log.
local log = lazy "base.log"

local null_screen = {}

function null_screen.step(_, number, total, title) log.info(("[%d/%d] %s"):format(number, total, title)) end
function null_screen.note(_, text) log.info(text) end
function null_screen.done(_, text) log.info(text) end
function null_screen.warn(_, text) log.warn(text) end
function null_screen.fail(_, text) log.error(text) end
function null_screen.progress() end

function null_screen.ended(_, result)
  log.info("Session ended",
    { token = result.session.token, outcome = result.outcome, cost = result.cost.amount })
end

return null_screen
