-- SPDX-License-Identifier: MIT
-- Takes a machine of ours that this folder's record does not tell of into it: the folder that rented it was
-- deleted, restored or copied.
local function words_of(row)
  return ("machine %s at %s (%s)"):format(row.id, row.cloud, row.token)
end

-- What may be meant: machines of ours that the record does not hold open; without a word this folder's own,
-- where there are any. @raise `usage`
local function candidates(journal, found, word)
  local list, own = {}, {}
  for _, row in ipairs(word and require("money.inventory").find(found, word) or found.rows) do
    if word and row.whose == "foreign" then
      require("base.fail").raise("usage", ("%s %s at %s was not made by continueplz, so it cannot be adopted")
        :format(row.kind, row.id, row.cloud))
    end
    local session = row.token and journal:session(row.token)
    local unknown = not session or session.closed or not session.provider
    if row.kind == "machine" and row.whose ~= "foreign" and unknown then
      list[#list + 1] = row
      if row.whose == "this" then own[#own + 1] = row end
    end
  end
  return not word and own[1] and own or list
end

-- A machine of another folder may be in use there: only a person at the terminal takes it away.
local function agreed(ctx, row)
  if row.whose == "this" then return true end
  local person = require "cli.person"
  if not person.there(ctx) then
    require("base.fail").raise("limit", words_of(row) .. " bears the name of another folder, which may use "
      .. "it; say so at a terminal, without -y")
  end
  return person.agrees(ctx, { words_of(row) }, "Take it from that folder? It is ended by this one's limits")
end

-- The record of it. @raise `busy`
local function take(journal, found, row, screen)
  local fail, limits = require "base.fail", require("money.limits").in_force()
  local locked, why, code = journal:acquire "adopt"
  if not locked then fail.raise(code == "busy" and "busy" or "config", why) end
  local ok, problem = fail.settle(function()
    require("money.recover").refuse_second(journal)
    if #journal:open_sessions() > 0 then
      fail.raise("busy", "something of this folder is not over yet; continueplz stop ends it")
    end
    local account
    for _, cloud in ipairs(found.clouds) do account = cloud.name == row.cloud and cloud.account or account end
    require("money.look").adopt(journal, row.cloud, account, row.instance, screen, { by = "user",
      from = row.whose == "other" and row.home or nil, silence = limits.silence, life = limits.life })
    if journal.unrecorded then fail.raise("config", "it could not be recorded: " .. journal.unrecorded) end
  end)
  journal:release()
  if not ok then error(problem, 0) end
  fail.try(require("home.agent_client").ensure)
end

return {
  name = "adopt",
  summary = "take over a machine of yours that this folder does not know of",
  order = 106,
  meant = { "attach", "takeover", "import" },
  details = "For a machine that continueplz rented from a folder that was deleted or copied. It cannot "
    .. "be used from here (its keys were in that folder); it is shown, ended by stop, and by the "
    .. "limits of silence and life in force, counted from now. Another folder's name on it: asked "
    .. "at the terminal. Exit {ok}: adopted, {busy}: a machine of this folder is open, {nothing}: "
    .. "none found, {cloud}: not every cloud could be asked, {limit}: you said no.",
  options = {},
  args = "[ID|TOKEN]",
  words = 1,
  logged = true,
  answer = "id, token, provider: text; hourly: number",
  run = function(ctx)
    local fail, inventory = require "base.fail", require "money.inventory"
    local screen = require("cli.steady").screen(ctx)
    local journal = require("money.recover").any(screen)
    require("money.recover").refuse_second(journal)
    local found = inventory.take(journal)
    local list, doubt = candidates(journal, found, ctx.args[1]), inventory.doubt(found)
    screen:close()
    if #list == 0 then
      if doubt then ctx.problem("not every cloud could be asked: " .. doubt) end
      ctx.print "No machine of yours was found that this folder does not know of."
      ctx.emit { status = doubt and "unknown" or "none" }
      return doubt and "cloud" or "nothing"
    elseif #list > 1 then
      local names = {}
      for index, row in ipairs(list) do names[index] = words_of(row) end
      fail.raise("usage", "name one of: " .. table.concat(names, ", "))
    end
    local row = list[1]
    if not agreed(ctx, row) then
      ctx.print "Nothing was adopted."
      return "limit"
    end
    take(journal, found, row, screen)
    ctx.print(("Adopted %s; continueplz stop ends it."):format(words_of(row)))
    ctx.emit { status = "adopted", id = row.id, token = row.token, provider = row.cloud,
      hourly = require("ui.format").rounded(row.hourly, 5) }
    return 0
  end,
}
