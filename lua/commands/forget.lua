-- SPDX-License-Identifier: MIT
-- Gives a record up without touching its machine: for one that no command can end or prove any more.

-- Why it may not be given up without a person's own word: a sentence, or nil.
local function known_to_run(session)
  local fail = require "base.fail"
  if not session.id then return "its create may have made a machine" end
  local ok, instance = fail.try(function()
    return require("money.provider_of").provider(session.provider).get(session.id)
  end)
  if not ok then return "its cloud could not be asked about it: " .. fail.message(instance) end
  if instance.status ~= "gone" then return ("its cloud says that it is %s"):format(instance.status) end
end

-- The session that is meant. → session; or nil: none
local function meant(journal, word)
  local list = {}
  for _, session in ipairs(journal:open_sessions()) do
    if not word or word == session.id or word == session.token then list[#list + 1] = session end
  end
  if #list > 1 then
    require("base.fail").raise("usage", "several are open: name one by its ID or TOKEN")
  end
  return list[1]
end

local function agreed(ctx, session, why)
  local person = require "cli.person"
  local name = ("%s at %s (%s)"):format(session.id or "a machine", session.provider or "?", session.token)
  if not person.there(ctx) then
    require("base.fail").raise("limit", ("%s is not forgotten: %s; continueplz stop ends it, or say at a "
      .. "terminal, without -y, that it is to be forgotten"):format(name, why))
  end
  return person.agrees(ctx,
    { name .. ": " .. why .. ".", "If it runs, it bills on, and nothing here will end it." },
    "Forget it all the same?")
end

local function record(journal, token, why)
  local fail = require "base.fail"
  local locked, message, code = journal:acquire "forget"
  if not locked then fail.raise(code == "busy" and "busy" or "config", message) end
  local ok, problem = fail.settle(function()
    local now = journal:session(token)
    if now and not now.closed then journal:append("forgotten", token, { by = "user", reason = why }) end
  end)
  journal:release()
  if not ok then error(problem, 0) end
  fail.try(require("home.agent_client").reload)
end

return {
  name = "forget",
  summary = "give up the record of a machine without ending it; told until ack",
  order = 107,
  details = "For a machine that no command can end or prove any more. Nothing is sent that ends it. "
    .. "Where its cloud shows it or cannot be asked, only your yes at the terminal is enough, never "
    .. "-y. Every command tells of it until ack. Exit {ok}: forgotten, {nothing}: nothing is open, "
    .. "{limit}: you said no, or nobody could be asked.",
  options = {},
  args = "[ID|TOKEN]",
  words = 1,
  logged = true,
  answer = "id, token, provider, reason: text",
  run = function(ctx)
    local journal = require("home.journal").open(ctx.home)
    local session = meant(journal, ctx.args[1])
    if not session then
      ctx.print "Nothing of that name is open in this folder."
      ctx.emit { status = "none" }
      return "nothing"
    end
    local why = known_to_run(session)
    if why and not agreed(ctx, session, why) then
      ctx.print "The record stays."
      return "limit"
    end
    record(journal, session.token, why)
    ctx.print(("Forgotten: %s. continueplz ack closes it once you saw that it is gone.")
      :format(session.id or session.token))
    ctx.emit { status = "forgotten", id = session.id, token = session.token, provider = session.provider,
      reason = why }
    return 0
  end,
}
