-- SPDX-License-Identifier: MIT
-- What the commands that use the model begin with.
local journal = require "home.journal"

local function why_not(session, home)
  if not session then
    return require("home.folder").missing(home)
      or ("no model is ready in %s; start one with continueplz --cheapest"):format(home)
  end
  local name = ("%s on %s"):format(session.id, session.provider)
  if session.unproven then
    return ("%s could not be proven ended, so its model is not used; type continueplz --stop"):format(name)
  end
  if session.stopping then return name .. " is being ended" end
  return ("the model of %s is not ready yet; continueplz status tells how far it is"):format(name)
end

--- The session whose model can be asked; else nil and the name of the exit code, after telling why not.
return function(ctx)
  local session = journal.open(ctx.home):current()
  if session and session.ready_at and not session.stopping and not session.unproven then
    return session
  end
  ctx.problem(why_not(session, ctx.home))
  ctx.emit { status = "none" }
  return nil, "nothing"
end
