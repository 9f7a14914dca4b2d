-- SPDX-License-Identifier: MIT
-- Closes the record of a machine whose end could not be proven, once the user has seen for
-- himself that it is gone.
return {
  name = "ack",
  summary = "close the record of a machine that you saw to be gone",
  order = 110,
  details = "Without ID: the one machine that waits for it. A machine that is simply running is ended "
    .. "with stop, not with ack.",
  options = {},
  args = "[ID]",
  words = 1,
  tolerant = true,
  answer = "id, token: text",
  run = function(ctx)
    local fail = require "base.fail"
    local term = require "base.term"
    local journal = require("home.journal").open(ctx.home)
    local waiting = {}
    for _, session in ipairs(journal:shown()) do
      local wanted = ctx.args[1]
      if (session.unproven or session.unverifiable or session.lost) and (not wanted or wanted == session.id
        or wanted == session.token) then
        waiting[#waiting + 1] = session
      end
    end
    if #waiting == 0 then
      ctx.print(ctx.args[1] and ("No record named %s waits to be closed."):format(ctx.args[1])
        or "No record waits to be closed.")
      ctx.emit { status = "none" }
      return "nothing"
    end
    if #waiting > 1 then
      local names = {}
      for index, session in ipairs(waiting) do
        names[index] = session.id or session.token
      end
      fail.raise("usage", "several records wait: name one of " .. table.concat(names, ", "))
    end
    local session = waiting[1]
    local name = session.id or session.token
    if not ctx.yes then
      if not ctx.asks then
        ctx.problem(("say -y to confirm that you saw in the console of %s that %s is gone")
          :format(session.provider, name))
        return "limit"
      end
      local answer =
        term.ask(("Did you see in the console of %s that %s is gone? [y/N] "):format(session.provider, name))
      if not term.agrees(answer) then
        ctx.print("The record stays.")
        return "limit"
      end
    end
    local ok, why = journal:acquire("ack")
    if not ok then
      ctx.problem(why)
      return "busy"
    end
    local done, problem = fail.try(journal.append, journal, "ack", session.token, { by = "user" })
    journal:release()
    if not done then error(problem, 0) end
    require("home.agent_client").reload()
    ctx.print(("The record of %s is closed."):format(name))
    ctx.emit { status = "acknowledged", id = session.id, token = session.token }
    return 0
  end,
}
