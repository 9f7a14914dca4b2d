-- SPDX-License-Identifier: MIT
-- Closes the record of a machine whose end could not be proven, once the user has seen for
-- himself that it is gone.

-- The records that a word (nil: any) may mean: sessions of home.sessions, things of home.things.
local function waiting_in(journal, word)
  local list = {}
  local function add(record)
    if not word or word == record.id or word == record.token then list[#list + 1] = record end
  end
  for _, session in ipairs(journal:shown()) do
    if session.unproven or session.unverifiable or session.lost then add(session) end
  end
  for _, thing in ipairs(journal:things()) do add(thing) end
  return list
end

local function close(journal, record)
  if not record.asked then return journal:append("ack", record.token, { by = "user" }) end
  journal:append("removed", nil, { thing = record.kind, id = record.id, provider = record.provider,
    outcome = "acknowledged" })
end

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
    local waiting = waiting_in(journal, ctx.args[1])
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
    local done, problem = fail.try(close, journal, session)
    journal:release()
    if not done then error(problem, 0) end
    require("home.agent_client").reload()
    ctx.print(("The record of %s is closed."):format(name))
    ctx.emit { status = "acknowledged", id = session.id, token = session.token }
    return 0
  end,
}
