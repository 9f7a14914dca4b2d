-- SPDX-License-Identifier: MIT
-- Everything replaceable: each example of the table in docs/overrides.md at work (the comment of
-- a case names its file).
local expect = require "e2e.expect"
local files = require "base.files"
local net = require "base.net"
local nova = require "lua.nova"
local server = require "base.server"
local watcher = require "e2e.watcher"

local MODEL = "--model=qwen3-coder:30b"
local cases = {}

local function case(name, run, options) cases[#cases + 1] = { name = name, run = run, options = options } end

local function use(r, example, as)
  return r:put(as or example, assert(files.read("examples/" .. example)))
end

local function stops(r)
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end

case("policy.lua decides; --no-user does without", function(r)
  use(r, "policy.lua")
  local mine = expect.json(expect.ends(r:run("--cheapest", MODEL, "--dry-run", "--output=json"), 0))
  local plain =
    expect.json(expect.ends(r:run("--cheapest", MODEL, "--dry-run", "--output=json", "--no-user"), 0))
  expect.that(mine.offers[1].region:sub(1, 2) == "eu" and #mine.offers < #plain.offers,
    "the policy changed nothing")
end)

local function with_toy(r, text)
  r:put("providers/toy.lua", text or assert(files.read("examples/providers/toy.lua")))
  r:write_env { TOY_API_KEY = r.account_key, TOY_BASE_URL = r.address.toy }
end

case("providers/toy.lua: a third cloud is asked, rented from, proven", function(r)
  with_toy(r)
  local object = expect.json(expect.ends(r:run("offers", MODEL, "--output=json"), 0))
  local told = {}
  for _, each in ipairs(object.providers) do told[each.name] = each.ok end
  expect.that(told.vast and told.toy, "both clouds must answer")
  expect.ends(r:run("--cheapest", MODEL, "--provider=toy"), 0, "Toy Cloud", "READY")
  expect.machines(r, 1)
  local status = expect.json(expect.ends(r:run("status", "--output=json"), 0))
  expect.that(status.instance.provider == "toy" and status.deadman.active,
    "it is no guarded machine of the toy cloud")
  expect.lacks(expect.ends(r:run("stop"), 0, "Confirmed"), r.account_key)
  expect.all_over(r)
end)

case("providers/toy.lua without its key, and with a setting it does not know", function(r)
  use(r, "providers/toy.lua")
  expect.ends(r:run("--cheapest", MODEL, "--provider=toy"), 3, "TOY_API_KEY")
  r:write_env { TOY_API_KYE = "x" }
  expect.ends(r:run("--cheapest", MODEL, "--provider=toy"), 3, "TOY_API_KYE", "TOY_API_KEY")
  expect.all_over(r)
end)

case("a built-in cloud by its folder alone: set up, looked at, rented from by its alias, proven", function(r)
  local scripts = files.join(r.dir, "built-in")
  for path, text in pairs(nova.files(".")) do -- order: free
    assert(files.mkdir(files.dirname(files.join(scripts, path))))
    assert(files.write(files.join(scripts, path), text, 384))
  end
  r.more_env = { "CONTINUEPLZ_SCRIPTS=" .. scripts }
  r:write_env { NOVA_BASE_URL = r.address.toy, VAST_API_KEY = "" }
  r.input = r.account_key .. "\n"
  expect.ends(r:run("init", "-y", "--provider=nova"), 0, "Nova Cloud key valid", "NOVA_API_KEY")
  r.input = nil
  expect.ends(r:run("doctor"), 0, "key nova", "0 machines in the account")
  expect.ends(r:run("--cheapest", MODEL, "--provider=novacloud"), 0, "Nova Cloud", "READY")
  expect.machines(r, 1)
  local status = expect.json(expect.ends(r:run("status", "--output=json"), 0))
  expect.that(status.instance.provider == "nova" and status.deadman.active, "no guarded machine of nova")
  expect.lacks(expect.ends(r:run("stop"), 0, "Confirmed"), r.account_key)
  expect.all_over(r)
end)

case("a provider of one's own that raises in destroy: the guard ends the machine", function(r)
  local text = assert(files.read("examples/providers/toy.lua"))
  with_toy(r, (text:gsub("return toy\n$", "function toy.destroy() error('my destroy') end\nreturn toy\n")))
  expect.ends(r:run("--cheapest", MODEL, "--provider=toy"), 0)
  expect.ends(r:run("stop"), 0, "my destroy")
  local by_guard = false
  for _, request in ipairs(r:control("GET", "/requests").requests) do
    by_guard = by_guard or request.face == "toy" and request.method == "DELETE" and request.key == "instance"
  end
  expect.that(by_guard, "it was not the guard that ended it")
  expect.all_over(r)
end)

local RAISES = "local m = require 'builtin.providers.vast'\nfunction m.destroy() error('my destroy') end\n"
  .. "function m.list() error('my list') end\nreturn m\n"

case("a provider that raises in destroy: the start's own undo still destroys", function(r)
  r:put("providers/vast.lua", RAISES)
  r:fault { name = "boot.exited", sticky = true }
  expect.ends(r:run("--cheapest", MODEL), 4, "failed to come up")
  expect.nothing_bills(r)
  expect.that(not r:journal():find('"kind":"unproven"', 1, true), "an end was not proven")
  expect.all_over(r)
end)

case("a provider that says it destroyed and did not: the built-in one does", function(r)
  r:put("providers/vast.lua",
    "local m = require 'builtin.providers.vast'\nfunction m.destroy() return true end\nreturn m\n")
  expect.ends(r:run("--cheapest", MODEL), 0)
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end)

case("templates/start.sh: one line more on the machine", function(r)
  use(r, "templates/start.sh")
  expect.ends(r:run("--cheapest", MODEL), 0, "READY")
  r.wait_for("the file of the added line", 20, function()
    return r:on_machine("about"):find("Filesystem", 1, true)
  end)
  stops(r)
end)

case("a start script without the guard: the machine is destroyed before READY", function(r)
  r:put("templates/start.sh", ": {{request:sh}} {{body:sh}} {{fire:sh}} {{push_port:raw}} {{total:raw}} "
    .. "{{sha256:raw}} {{program:raw}} {{config_at:raw}}\n"
    .. ": {{config:raw}} {{ca_at:raw}} {{last_resort:raw}} {{retry:raw}}\nexec sleep 1000\n")
  expect.lacks(expect.ends(r:run("--cheapest", MODEL), 3, "templates/start.sh", "destroyed"), "READY",
    "traceback")
  expect.all_over(r)
  expect.that(select(2, r:journal():gsub('"kind":"sent"', "")) == 1,
    "more than one machine was tried with it")
end, { scale = 200 })

case("a start script without a hole: nothing is sent", function(r)
  r:put("templates/start.sh", "exec ollama serve {{nothing:sh}}\n")
  expect.lacks(expect.ends(r:run("--cheapest", MODEL), 3, "templates/start.sh", "nothing"), "traceback",
    "attempt to")
  expect.that(not r:journal():find('"kind":"sent"', 1, true), "a create was sent")
  expect.all_over(r)
end)

case("engines/flash.lua by --engine, and under the built-in's name", function(r)
  use(r, "engines/flash.lua")
  expect.ends(r:run("--cheapest", MODEL, "--engine=flash"), 0, "READY")
  expect.that(r:on_machine("config"):find("OLLAMA_FLASH_ATTENTION=1", 1, true),
    "the engine's setting is not on the machine")
  expect.ends(r:run("ping"), 0, "answers")
  stops(r)
  expect.ends(r:run("--cheapest", MODEL, "--engine=falsh"), 2, "falsh")
  use(r, "engines/flash.lua", "engines/ollama.lua")
  expect.ends(r:run("--cheapest", MODEL), 0)
  expect.that(r:on_machine("config"):find("OLLAMA_KV_CACHE_TYPE=q8_0", 1, true),
    "the engine of the same name was not used")
  stops(r)
end)

case("commands/spent.lua: a command like the others", function(r)
  use(r, "commands/spent.lua")
  expect.ends(r:run("spent"), 0, "0 sessions")
  expect.ends(r:run("--cheapest", MODEL), 0)
  stops(r)
  expect.ends(r:run("spent"), 0, "1 session,", "qwen3-coder:30b", "Money: none")
  local object = expect.json(expect.ends(r:run("spent", "--output=json"), 0))
  expect.that(object.sessions == 1 and object.total > 0, "no cost is told")
  expect.ends(r:run("spent", "never"), 2, "never")
  expect.ends(r:run("spent", "2001-01"), 0, "0 sessions")
  expect.ends(r:run("help", "--all"), 0, "continueplz spent", "add up what was spent")
  expect.ends(r:run("help", "spent"), 0, "[YYYY-MM]")
  expect.lacks(expect.ends(r:run("help", "--all", "--no-user"), 0), "continueplz spent")
end)

case("ui/status.lua: the text of a screen", function(r)
  use(r, "ui/status.lua")
  expect.ends(r:run("--cheapest", MODEL), 0, "READY", "export OPENAI_BASE_URL=http://127.0.0.1:")
  r:put("ui/status.lua", "return { lines = function() error('my lines') end }\n")
  expect.ends(r:run("status"), 0, "my lines", "built-in", "Active")
  stops(r)
end)

case("a screen of one's own that breaks costs no machine", function(r)
  r:put("ui/status.lua", "return { ready = function() error('my panel') end }\n")
  r:put("ui/progress.lua", "local b, n = require 'builtin.ui.progress', 0\n"
    .. "return { new = function(ctx) local s = b.new(ctx)\n" .. "local step = s.step s.step = function(...) "
    .. "n = n + 1 if n > 4 then error('my step') end return step(...) end return s end }\n")
  expect.ends(r:run("--cheapest", MODEL), 0, "my panel", "my step", "READY")
  stops(r)
end)

-- A webhook on loopback. → address, list of what was posted
local function webhook()
  local got, listener = {}, net.listen { host = "127.0.0.1", port = 0 }
  local _, port = listener:name()
  local service = server.serve(listener, function(request)
    got[#got + 1] = request.body
    return { status = 200, body = "ok" }
  end)
  return ("http://127.0.0.1:%d/hook"):format(port), got, service
end

local function said(got, text)
  return function() return table.concat(got, "\n"):find(text, 1, true) end
end

case("reactions.lua: alerts, and a successor for a spot machine that was taken", function(r)
  local address, got, service = webhook()
  r:write_env { ALERT_WEBHOOK_URL = address }
  use(r, "reactions.lua")
  expect.ends(r:run("--cheapest", MODEL), 0, "READY")
  r.wait_for("the alert of `ready`", 30, said(got, "answers on"))
  local first = r:instances()[1].id
  require("base.task").sleep(4) -- ten minutes at this scale
  r:control("POST", "/instance/" .. first, { action = "outbid" })
  r.wait_for("the successor", 60, function()
    local list = r:instances()
    return #list == 1 and list[1].id ~= first and select(2, r:journal():gsub('"kind":"ready"', "")) == 2
  end)
  expect.machines(r, 1)
  r.wait_for("the end of the start", 30, function()
    return not files.owner(files.join(r.home, "home.lock"))
  end)
  stops(r)
  service.stop()
end, { scale = 200 })

case("reactions that break or never end: the agent's own duties go on", function(r)
  r:put("reactions.lua",
    "return { ready = function() while true do pcall(function() while true do end end) end end,\n"
      .. "spot_lost = function() error('my reaction') end }\n")
  expect.ends(r:run("--cheapest", MODEL), 0)
  local id = r:instances()[1].id
  r.wait_for("the warning", 30, function()
    return r:run("status").out:find("reactions.lua failed at ready", 1, true)
  end)
  r:control("POST", "/instance/" .. id, { action = "outbid" })
  r.wait_for("the end of the machine", 60, function() return #r:instances() == 0 and not r:agent() end)
  expect.all_over(r)
  expect.that(r:log():find("my reaction", 1, true), "the broken reaction is not in the log")
end)

case("a reaction ends the machine", function(r)
  r:put("reactions.lua", "return { ready = function(event, act) act.stop('enough') end }\n")
  expect.ends(r:run("--cheapest", MODEL), 0)
  r.wait_for("the end of the machine", 60, function() return #r:instances() == 0 and not r:agent() end)
  expect.all_over(r)
  expect.that(r:log():find("enough", 1, true), "the reason is not in the log")
end)

case("init.lua: settings and override", function(r)
  use(r, "init.lua")
  local object = expect.json(expect.ends(r:run("--cheapest", "--dry-run", "--output=json"), 0))
  local plain = expect.json(expect.ends(r:run("--cheapest", "--dry-run", "--output=json", "--no-user"), 0))
  expect.that(object.model ~= plain.model, "the setting of init.lua is not in force")
  expect.ends(r:run("--cheapest"), 0, " a day)", "30m")
  stops(r)
  r:put("init.lua",
    "override('providers.vast', 'offers', function(base, want) return { base(want)[1] } end)\n"
      .. "override('providers.vast', 'offers', function(base, want) local l = base(want) if #l ~= 1 then "
      .. "error('no stack') end return l end)\n")
  local one = expect.json(expect.ends(r:run("offers", "--model=qwen2.5-coder:1.5b", "--output=json"), 0))
  expect.that(one.providers[1].offers == 1, "overrides of one function do not stack")
end)

case("ui/screens/rejected.lua is the full screen's; one that breaks gives way to the built-in", function(r)
  use(r, "ui/screens/rejected.lua")
  local p = watcher.start(r)
  p:sees "Offers:"
  p:type "x"
  p:sees "at 1 clouds"
  p:type "q"
  p:sees "Offers:"
  p:type "q"
  p:finish()
  r:put("ui/screens/rejected.lua", "return { draw = function() return { 'too few' } end }\n")
  r:put("ui/screens/bottom.lua", "return { draw = function() return { 'x', 'x' } end }\n")
  p = watcher.start(r)
  p:sees "Offers:"
  p:sees "Money: nothing runs"
  p:type "x"
  p:sees "Left out:"
  p:sees "your own ui/screens/rejected.lua failed"
  p:type "qq"
  p:finish()
end)

case("an override that raises where a machine is ended: the built-in function is used", function(r)
  expect.ends(r:run("--cheapest", MODEL), 0)
  r:put("init.lua", "local function no() error('my override') end\noverride('ui.stopped', 'lines', no)\n"
    .. "override('providers.vast', 'destroy', no)\n" .. "override('commands.stop', 'run', no)\n")
  expect.ends(r:run("stop"), 0, "my override", "built-in", "Session cost")
  expect.all_over(r)
end)

return cases
