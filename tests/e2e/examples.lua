-- SPDX-License-Identifier: MIT
-- What users copied from the last release goes on working: its examples (tests/examples-0.1) run unchanged,
-- and every module that its scripts could require is there under the name that it had.
local clock = require "base.clock"
local expect = require "e2e.expect"
local files = require "base.files"
local process = require "base.process"

local OLD = "tests/examples-0.1"
local MODEL = "--model=qwen3-coder:30b"
local cases = {}

local function case(name, run, options) cases[#cases + 1] = { name = name, run = run, options = options } end

local function use(r, ...)
  for _, name in ipairs { ... } do r:put(name, assert(files.read(files.join(OLD, name)))) end
end

local function script(name) return files.join(process.cwd(), OLD, name) end

case("policy, settings, reactions, a command, an engine, a screen and a start "
  .. "script, all in one folder", function(r)
  use(r, "policy.lua", "init.lua", "reactions.lua", "commands/spent.lua", "engines/flash.lua",
    "templates/start.sh", "ui/status.lua")
  local mine = expect.json(expect.ends(r:run("--cheapest", MODEL, "--dry-run", "--output=json"), 0))
  local plain =
    expect.json(expect.ends(r:run("--cheapest", MODEL, "--dry-run", "--output=json", "--no-user"), 0))
  expect.that(mine.offers[1].region:sub(1, 2) == "eu" and #mine.offers < #plain.offers,
    "policy.lua changed nothing")
  local up = expect.ends(r:run("--cheapest", MODEL, "--engine=flash"), 0, "READY",
    "export OPENAI_BASE_URL=http://127.0.0.1:", " a day)", "30m")
  expect.lacks(up, "cannot be used", "the built-in one is used")
  r.wait_for("the line of start.sh", 20, function()
    return r:on_machine("about"):find("Filesystem", 1, true)
  end)
  expect.that(r:on_machine("config"):find("OLLAMA_FLASH_ATTENTION=1", 1, true),
    "engines/flash.lua changed nothing")
  r.wait_for("the alert of reactions.lua", 30, function() return r:log():find("answers on", 1, true) end)
  expect.ends(r:run(script "ask.lua", "Why", "is the sky blue?"), 0, "(qwen3-coder:30b, ", " tokens/s)")
  expect.lacks(expect.ends(r:run("status"), 0, "Active"), "the built-in one is used")
  expect.ends(r:run("stop"), 0, "Confirmed")
  expect.ends(r:run("spent"), 0, "1 session,", "qwen3-coder:30b", "Money: none")
  expect.all_over(r)
end)

case("a cloud of one's own", function(r)
  use(r, "providers/toy.lua")
  r:write_env { TOY_API_KEY = r.account_key, TOY_BASE_URL = r.address.toy }
  expect.ends(r:run("--cheapest", MODEL, "--provider=toy"), 0, "Toy Cloud", "READY")
  expect.machines(r, 1)
  expect.lacks(expect.ends(r:run("stop"), 0, "Confirmed"), r.account_key)
  expect.all_over(r)
end)

case("a script that keeps working hours", function(r)
  if not files.exists("/usr/share/zoneinfo/Etc/GMT-6") then
    return "no time zones installed"
  end
  local east = (clock.wall() % 86400) // 3600 < 12 -- neither shortly before nor shortly after midnight
  r.more_env = { east and "TZ=Etc/GMT-6" or "TZ=Etc/GMT+6" }
  local function at(seconds)
    return clock.iso(clock.wall() + (east and 21600 or -21600) + seconds):match("T(%d%d:%d%d:%d%d)")
  end
  expect.plain(expect.ends(r:run(script "workday.lua", MODEL, "--days=daily", "--once=yes",
    "--start=" .. at(3), "--stop=" .. at(18)), 0,
    "waiting for", "ready: qwen3-coder:30b at http", "stopped: proven", "Money: none is running"))
  expect.that(#r:ledger().rows > 0, "nothing was rented")
  expect.all_over(r)
end)

-- What a command could require in the last release, and uses of it, while a machine runs.
local OLD_NAMES = [[
local names = { "base.clock", "base.fail", "base.files", "base.http", "base.json", "base.log",
  "base.process", "base.sorted", "base.task", "base.template", "base.term", "base.url", "base.version",
  "facts.calendar", "facts.clouds", "facts.config", "facts.currencies", "facts.declared", "facts.dotenv",
  "facts.exitcodes", "facts.flags", "facts.gguf", "facts.gpus", "facts.jsontext", "facts.lambda",
  "facts.models", "facts.numbers", "facts.pasted", "facts.regions", "facts.settings", "facts.shapes",
  "facts.shown", "facts.suggest", "facts.values", "facts.vast", "ui.boxes", "ui.clients", "ui.doctor",
  "ui.format", "ui.help", "ui.models", "ui.money", "ui.offers", "ui.pretty", "ui.progress", "ui.status",
  "ui.stopped", "engines.ollama", "engines.ollama_pull", "engines.ollama_registry", "commands.status",
  "builtin.commands.status", "work.alert", "work.history", "work.link", "work.report", "api" }
return { name = "old", summary = "require what the last release had", run = function(ctx)
  for _, name in ipairs(names) do
    local ok, module = pcall(require, name)
    if not ok then ctx.print("missing: " .. name .. ": " .. tostring(module)) end
  end
  local link = require "work.link"
  local http = require "base.http"
  link.ensure()
  ctx.print("agent " .. link.status().session .. ", guard " .. link.guard().state)
  local probe = link.engine_probe()
  probe.url = probe.url .. "/api/version"
  ctx.print("engine " .. link.engine().url .. ", answer " .. http.request(probe).status)
  ctx.print("sessions " .. #require("work.history").sessions() .. ", "
    .. require("work.report").status().state)
  return 0
end }
]]

case("the modules that its commands could require, work.link and its functions among them", function(r)
  r:put("commands/old.lua", OLD_NAMES)
  expect.ends(r:run("--cheapest", MODEL), 0)
  local token = r:journal():match('"token":"([^"]+)"')
  local result = expect.ends(r:run("old"), 0, "agent " .. token .. ", guard ", "engine http://127.0.0.1:",
    ", answer 200", "sessions 1, ready")
  expect.lacks(result, "missing: ")
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end)

return cases
