-- SPDX-License-Identifier: MIT
-- The commands of the REPL, which begin with a colon.
local clock = require "base.clock"
local fail = require "base.fail"
local suggest = require "facts.suggest"
local format = require "ui.format"

local M = {}

local commands = {}
M.table = commands

local function usage(text) fail.raise("usage", text) end

local function none(name, rest)
  if rest ~= "" then
    usage((":%s takes no '%s'"):format(name, rest))
  end
end

local function seconds(number) return ("%.2f s"):format(number) end

commands.help = { doc = "this list" }
function commands.help.run(session, rest)
  none("help", rest)
  local rows = {}
  for _, name in ipairs(M.order) do
    local command = commands[name]
    rows[#rows + 1] = { "  :" .. name .. (command.args and " " .. command.args or ""), command.doc }
  end
  local lines = { "Type Lua; an expression shows its value, calls may wait, Ctrl-C ends a call." }
  lines[#lines + 1] = "Names: " .. table.concat(session.scope:names(), " ")
  lines = format.wrap(table.concat(lines, " "), math.min(80, session.width()))
  table.move(format.wrap("The last results are _ (the first) and _1, _2 …; a local ends with its line, a "
    .. "name without `local` stays.", math.min(80, session.width())), 1, 9, #lines + 1, lines)
  for index, line in ipairs(format.columns(rows, "ll")) do
    local hang = (" "):rep(#line - #rows[index][2])
    local pieces = format.wrap(rows[index][2], math.min(80, session.width()) - #hang)
    lines[#lines + 1] = line:sub(1, #hang) .. table.concat(pieces, "\n" .. hang)
  end
  session:say(table.concat(lines, "\n"))
end

commands.trace = { args = "on|off", doc = "show every request and answer, secrets hidden",
  words = { "on", "off" } }
function commands.trace.run(session, rest)
  if rest ~= "" and rest ~= "on" and rest ~= "off" then
    usage((":trace: '%s' is neither on nor off"):format(rest))
  end
  if rest ~= "" then
    session:trace(rest == "on")
  end
  session:say("trace is " .. (session.tracing and "on" or "off"))
end

commands.reload = { doc = "read the cloud's script from disk again; variables stay" }
function commands.reload.run(session, rest)
  none("reload", rest)
  local ok, problem = session:call(function() session.scope:reload(session.provider) end)
  if not ok then error(problem, 0) end
  session:say(("providers.%s is read again from %s"):format(session.provider,
    (require("sandbox.world").source("providers." .. session.provider))))
end

commands.offers = { args = "[OPTIONS]",
  doc = "compare offers, as continueplz offers does: :offers --gpu=h100" }
function commands.offers.run(session, rest)
  local args, runner, offers = require "cli.args", require "cli.run", session.ctx.commands.load "offers"
  local words = {}
  for word in rest:gmatch("%S+") do
    words[#words + 1] = word
  end
  local parsed, why = args.parse(words)
  local fits = parsed
  if parsed then
    fits, why = args.allowed(offers, parsed)
  end
  if not fits then
    usage(":offers: " .. why)
  end
  if parsed.words[1] then
    usage((":offers takes no '%s'"):format(parsed.words[1]))
  end
  local merged = {}
  for _, list in ipairs { session.ctx.settings, parsed.settings } do
    for name, value in next, list do -- order: free
      merged[name] = value
    end
  end
  local ctx = setmetatable({ options = parsed.options, settings = merged }, { __index = session.ctx })
  function ctx.print(text) session:say(text) end
  function ctx.emit(object)
    if session.json then
      session:emit(object)
    end
  end
  local problems = runner.load_settings { settings = merged }
  local outcome = problems[1] and { false, fail.new { kind = "usage", message = problems[1].message } }
    or table.pack(session:call(function() return fail.settle(offers.run, ctx) end))
  runner.load_settings { settings = session.ctx.settings }
  if outcome[1] and not outcome[2] then
    outcome = { false, outcome[3] }
  end
  return outcome[1] and 0 or session:failed(outcome[2])
end

commands.list = { doc = "the machines of the account: provider.list()" }
function commands.list.run(session, rest, name)
  none("list", rest)
  return session:evaluate("provider.list()", name)
end

commands.get = { args = "ID", doc = "one machine: provider.get(ID)" }
function commands.get.run(session, rest, name)
  if rest == "" or rest:find("%s") then
    usage(":get needs the number of one machine: :get 12345678")
  end
  return session:evaluate(("provider.get(%q)"):format(rest), name)
end

commands.account = { doc = "whose key it is: provider.account()" }
function commands.account.run(session, rest, name)
  none("account", rest)
  return session:evaluate("provider.account()", name)
end

commands.time = { args = "[EXPR]", doc = "how long EXPR takes, or the last line took" }
function commands.time.run(session, rest, name)
  local code = rest ~= "" and session:evaluate(rest, name) or 0
  session:say(session.seconds and ("it took %s"):format(seconds(session.seconds)) or "nothing was run yet")
  return code
end

commands.deadline = { args = "[DURATION|off]", doc = "end every line after this long, like 30s",
  words = { "off" } }
function commands.deadline.run(session, rest)
  if rest == "off" then
    session.deadline = nil
  elseif rest ~= "" then
    local limit, why = clock.parse_duration(rest)
    if not limit then
      usage(":deadline: " .. why)
    end
    session.deadline = limit
  end
  session:say("the deadline is " .. (session.deadline and clock.duration(session.deadline) or "off"))
end

commands.quit = { doc = "leave (so does Ctrl-D)" }
function commands.quit.run(session, rest)
  none("quit", rest)
  session.over = true
end

M.order = { "help", "trace", "reload", "offers", "list", "get", "account", "time", "deadline", "quit" }

--- Runs a command. Raises a `usage` failure for one that does not exist. → exit code or nil
function M.run(session, word, rest, name)
  local command = commands[word]
  if not command then
    usage(("there is no command :%s%s; :help lists them"):format(word,
      suggest.hint(word, M.order):gsub("mean ", "mean :")))
  end
  return command.run(session, rest, name)
end

return M
