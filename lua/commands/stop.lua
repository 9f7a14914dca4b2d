-- SPDX-License-Identifier: MIT
-- What came of it in one word, for whoever follows it by the home's file (home.progress).
local function outcome_of(results, more)
  if more.doubt then return "unknown" end
  local found = {}
  for _, list in ipairs { results, more.things } do
    for _, row in ipairs(list) do found[row.outcome] = true end
  end
  for _, outcome in ipairs { "unproven", "unresolved", "unverifiable", "proven" } do
    if found[outcome] then return outcome end
  end
  return "nothing"
end

return {
  name = "stop",
  summary = "end the machine and prove that billing ended",
  order = 30, daily = 5, enduring = true,
  aliases = { "destroy", "down", "rm" },
  meant = { "delete", "kill", "terminate", "halt", "shutdown", "off", "end", "quit" },
  details = "Can be repeated at any time. Exit {ok}: proven ended (or the cloud gives no proof and says it "
    .. "is gone), {failed}: not proven.",
  options = { "stop", "alert" },
  tolerant = true,
  logged = true,
  answer = [[
    outcome: text; sessions: [{
      id, token, provider, outcome, reason: text; duration_seconds: number;
      cost: { total: number; currency, source: text; at_most: boolean }
    }]; things: [{ id, kind, token, provider, outcome, reason: text }];
    euro_rate: { per_dollar: number; date, source: text }; warnings: [text]
  ]],
  run = function(ctx)
    local config = require "config.effective"
    local steady = require "cli.steady"
    local screen = require("cli.followed").screen(ctx, steady.screen(ctx), require("money.stop").TITLES)
    screen:title("Stopping instance")
    local results, more = require("money.stop").run(screen)
    screen:close()
    local failed = require("cli.ended").tell(ctx, screen, results) or more.doubt ~= nil
    for _, row in ipairs(more.things) do failed = failed or row.outcome ~= "proven" end
    ctx.outcome = outcome_of(results, more)
    local missing = #results == 0 and require("home.folder").missing(ctx.home) or nil
    if more.doubt then
      ctx.problem("it is not known whether a machine of this folder runs: " .. more.doubt)
    elseif #results + #more.things == 0 then
      ctx.print(missing and missing:gsub("^%l", string.upper) .. "."
        or "Nothing is running in " .. ctx.home .. ".")
    end
    local object = steady.call(ctx, "ui.stopped", function(view)
      return view.object(results, config.rate(), more.things)
    end)
    if type(object) == "table" then -- a screen of the user's may give anything
      require("cli.money").after_stop(object, results, more)
      object.warnings = missing and { missing } or more.doubt and { more.doubt }
        or more.unrecorded and { more.unrecorded } or nil
    end
    ctx.emit(object)
    ctx.money = require("ui.money").after_stop(results, more)
    return failed and "failed" or 0
  end,
}
