-- SPDX-License-Identifier: MIT
-- What it takes, before it begins.
local function told(change, session)
  local clock, format = require "base.clock", require "ui.format"
  local hourly = require("home.cost").hourly(session)
  local download = change.download_gb > 0 and ("%.1f GB to download%s"):format(change.download_gb,
    change.seconds and ", about " .. clock.duration(change.seconds) or "") or "it is on the machine already"
  local price = change.seconds and ("that time costs %s at %s"):format(
    format.dollars(hourly * change.seconds / 3600 + change.traffic), format.hourly(hourly))
    or ("the machine costs %s meanwhile"):format(format.hourly(hourly))
  return ("%s instead of %s: %s; %s. Until it is loaded %s answers."):format(change.name, change.before,
    download, price, change.before)
end

return {
  name = "use",
  summary = "serve another MODEL on the machine that runs",
  order = 43,
  meant = { "switch", "swap", "change" },
  details = "It is measured first: a model that does not fit the memory or the disk is refused. Then it is "
    .. "pulled through the tunnel beside the old one, loaded in its place and asked for a token; what fails "
    .. "leaves the old one serving. It costs time only, which is said, so nothing is asked.",
  options = {},
  args = "MODEL",
  words = 1,
  logged = true,
  answer = [[
    id, provider, model, before: text; context: integer; tokens_per_second, seconds, downloaded_gb: number;
    warnings: [text]
  ]],
  run = function(ctx)
    local fail = require "base.fail"
    local name = ctx.args[1]
    if not name then fail.raise("usage", "say which model, as in continueplz use gpt-oss:20b") end
    local session, code = require "cli.ready"(ctx)
    if not session then return code end
    require("home.agent_client").ensure()
    local swap, screen = require "start.swap", require("cli.steady").screen(ctx)
    local warnings = {}
    local function warn(text)
      warnings[#warnings + 1] = text
      screen:warn(text)
    end
    screen:title("Changing the model")
    local change = swap.plan(session, name)
    for _, note in ipairs(change.notes) do warn(note) end
    screen:note(told(change, session))
    local result = swap.run(ctx.home, session, change, function(progress) screen:progress(progress) end, warn)
    screen:close()
    if result.unrecorded then
      ctx.problem(("%s serves %s now, but that could not be recorded, so status tells of %s: %s"):format(
        session.id, name, change.before, result.unrecorded))
    end
    local clock, speed = require "base.clock", result.tokens_per_second
    ctx.print(("%s serves %s now%s, after %s. Clients must name it: continueplz endpoint --for "
        .. "CLIENT."):format(
      session.id, name, speed and (" at %.0f tokens/s"):format(speed) or "", clock.duration(result.seconds)))
    ctx.emit { status = "ready", id = session.id, provider = session.provider, model = name,
      before = change.before, context = result.context or change.context, tokens_per_second = speed
        and math.floor(speed * 10 + 0.5) / 10, seconds = math.floor(result.seconds * 10 + 0.5) / 10,
      downloaded_gb = math.floor(change.download_gb * 100 + 0.5) / 100,
      warnings = warnings[1] and warnings or nil }
    return result.unrecorded and "failed" or 0
  end,
}
