-- SPDX-License-Identifier: MIT
-- The person's yes for what bears another home's name, one question for each home: it may be in use there.
local function ask_others(ctx, found, covered)
  local asked, any = {}, false
  for _, row in ipairs(found.rows) do
    if row.whose == "other" and covered(row) and asked[row.home] == nil then
      local lines = {}
      for _, each in ipairs(found.rows) do
        if each.home == row.home and covered(each) then
          lines[#lines + 1] = ("%s %s at %s: %s"):format(each.kind, each.id, each.cloud, each.token)
        end
      end
      asked[row.home] = require("cli.person").agrees(ctx, lines,
        ("End this of another folder of yours (cplz-%s), which may be in use there?"):format(row.home))
      any = any or not asked[row.home]
    end
  end
  return asked, any
end

-- What a yes covers, and whether a question was answered with no. Unattended it is this home's alone.
local function consent(ctx, found, meant)
  local mine = {}
  for _, row in ipairs(found.rows) do
    if row.whose == "this" and meant(row) then
      mine[#mine + 1] = ("%s %s at %s: %s"):format(row.kind, row.id, row.cloud, row.token)
    end
  end
  local person = require "cli.person"
  if not person.there(ctx) then
    return function(row) return row.whose == "this" and meant(row) end, false
  end
  local own = #mine > 0 and person.agrees(ctx, mine, "End this of this folder?")
  local others, refused = ask_others(ctx, found, meant)
  return function(row)
    return meant(row) and (row.whose == "this" and own or row.whose == "other" and others[row.home] == true)
  end, refused or #mine > 0 and not own
end

-- Holds the home's lock around fn(). @raise `busy`
local function locked(journal, fn)
  local ok, why, code = journal:acquire "sweep"
  if not ok then
    require("base.fail").raise(code == "busy" and "busy" or "config",
      why .. "; nothing was ended (continueplz stop ends what runs in this folder even so)")
  end
  local done, result = require("base.fail").settle(fn)
  journal:release()
  if #journal:things() > 0 then
    require("base.fail").try(require("home.agent_client").ensure) -- it goes on asking them to go
  end
  if not done then error(result, 0) end
  return result
end

-- The requests of a dry run, secrets hidden.
local function rehearse(ctx, found, meant)
  local fail, conceal, json = require "base.fail", require "base.conceal", require "base.json"
  for _, row in ipairs(found.rows) do
    if row.whose ~= "foreign" and meant(row) then
      local ok, list = fail.try(require("money.sweep").rehearse, row)
      row.doubt, row.requests = not ok and fail.message(list) or nil, json.array {}
      ctx.print(("\nTo end %s %s at %s (%s)%s:"):format(row.kind, row.id, row.cloud, row.token,
        row.whose == "other" and ", after a yes at the terminal" or ""))
      for index, request in ipairs(ok and list or {}) do
        row.requests[index] = { method = request.method, url = conceal.text(request.url),
          body = request.body and conceal.text(request.body) }
        ctx.print("  " .. table.concat(require("repl.trace").request(request, 78), "\n  "))
      end
      if row.doubt then ctx.print("  could not be told: " .. row.doubt) end
    end
  end
  ctx.print("\nDry run: nothing was sent that changes anything.")
end

-- Which rows a word means. @raise `usage` when it means what is not ours
local function meaning(found, word)
  if not word then return function() return true end end
  local set = {}
  for _, row in ipairs(require("money.inventory").find(found, word)) do
    if row.whose == "foreign" then
      require("base.fail").raise("usage", ("%s %s at %s was not made by continueplz, so it is never touched")
        :format(row.kind, row.id, row.cloud))
    end
    set[row] = true
  end
  return function(row) return set[row] == true end
end

-- What the whole came to. → status, exit code
local function outcome(rows, doubt, declined)
  local ended, failed = 0, false
  for _, row in ipairs(rows) do
    ended = ended + (row.outcome and 1 or 0)
    failed = failed or row.outcome ~= "proven" and row.outcome ~= "unverifiable"
  end
  if failed then return "unproven", "failed" end
  if doubt then return "unknown", "cloud" end
  if declined then return "declined", "limit" end
  return ended > 0 and "swept" or "clean", 0
end

return {
  name = "sweep",
  summary = "list everything that your clouds' accounts hold; end what is ours",
  order = 105,
  meant = { "cleanup", "clean", "purge", "prune" },
  details = "Asks every cloud with a key. At a terminal it asks before it ends anything; with -y or without "
    .. "a terminal it ends what this folder rented, its machine in use too, and nothing of other folders. "
    .. "What continueplz did not make is never touched. ID or TOKEN: only that. Exit {ok}: done, {failed}: "
    .. "an end is not proven, {cloud}: a cloud gave no complete list, {limit}: you said no.",
  options = { "dry-run", "alert" },
  args = "[ID|TOKEN]",
  words = 1,
  logged = true,
  answer = [[
    clouds: [{ name, title, account, problem: text; complete: boolean }];
    things: [{
      provider, kind, id, name, token, home, whose, state, since, outcome, reason: text; hourly: number;
      bills: boolean; requests: [{ method, url, body: text }]
    }]; warnings: [text]
  ]],
  run = function(ctx)
    local inventory, sweep = require "money.inventory", require "money.sweep"
    local steady, dry = require "cli.steady", ctx.options["dry-run"]
    local screen = steady.screen(ctx)
    local journal = dry and require("home.journal").open(ctx.home) or require("money.recover").any(screen)
    local found = inventory.take(journal)
    local doubt, unsaved = inventory.doubt(found), nil
    if not dry and sweep.any_here(found) then
      local fail = require "base.fail"
      local ok, why = fail.try(locked, journal, function() sweep.remember(journal, found, screen) end)
      unsaved = not ok and fail.message(why) or nil
    end
    local current = journal:current()
    screen:finish(steady.call(ctx, "ui.sweep", function(view)
      return view.lines { found = found, home = ctx.home, now = require("base.clock").wall(),
        used = current and current.ready_at and current.token or nil }
    end))
    local meant = meaning(found, ctx.args[1])
    local chosen, declined = {}, false
    if dry then
      rehearse(ctx, found, meant)
    else
      local covered
      covered, declined = consent(ctx, found, meant)
      chosen = sweep.chosen(journal, found, covered)
      if #chosen > 0 then
        local results = locked(journal, function()
          return sweep.run(journal, found, sweep.chosen(journal, found, covered), screen)
        end)
        screen:close()
        require("cli.ended").tell(ctx, screen, results)
      end
    end
    local status, code = outcome(chosen, doubt, declined)
    if ctx.args[1] and #inventory.find(found, ctx.args[1]) == 0 and code == 0 then
      ctx.print(("Nothing called %s was found."):format(ctx.args[1]))
      status, code = "none", "nothing"
    end
    if doubt then ctx.problem("not every cloud could be asked: " .. doubt) end
    journal = require("home.journal").open(ctx.home)
    ctx.money = require("ui.money").after_sweep(found, journal:shown(), journal:things(), doubt)
    ctx.emit(steady.call(ctx, "ui.sweep", function(view)
      local object = view.object(found, dry and "dry-run" or status)
      object.warnings = unsaved and { unsaved } or nil
      if doubt and require("cli.money").running(ctx.home) ~= true then
        object.money_running = require("base.json").null
      end
      return object
    end))
    return code
  end,
}
