-- SPDX-License-Identifier: MIT
-- A progress screen for work that nobody watches: everything goes to the log.
local log = require "base.log"

local silent = {}

function silent:step(number, total, title) log.info(("[%d/%d] %s"):format(number, total, title)) end
function silent:note(text) log.info(text) end
function silent:done(text) log.info(text) end
function silent:warn(text) log.warn(text) end
function silent:fail(text) log.error(text) end
function silent:progress() end

function silent:ended(result)
  log.info("Session ended", { token = result.session.token, outcome = result.outcome, cost = result.cost.amount })
end

return silent
