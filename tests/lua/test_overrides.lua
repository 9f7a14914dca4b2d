-- SPDX-License-Identifier: MIT
-- What keeps the user's scripts within their rooms: bounds, copies of modules, init.lua's override,
-- creates only by ticket.
local files = require "base.files"

local HOME = "/home/user/.continueplz"

return function(t)
  local fake = t:load("fakehost")

  -- A world with these files in the home.
  local function world_of(texts, options)
    local s = fake.new()
    for name, text in pairs(texts) do -- order: free
      s.disk[HOME .. "/" .. name] = { data = text, mode = 384, mtime = 0 }
    end
    return s:start(function() end, options).world, s
  end

  t:case("a bound cuts off every kind of loop, and only the loop", function()
    local w = world_of {}
    local loops = {
      "while true do end", "while true do pcall(function() while true do end end) end",
      "coroutine.wrap(function() while true do end end)()", "xpcall(error, function() while true do end end)",
      "while true do pcall(coroutine.wrap(function() error() end)) end",
      "local t <close> = setmetatable({}, { __close = function() while true do end end }) error('x')",
      "error(setmetatable({}, { __tostring = function() while true do end end }))",
      "table.sort({ 1, 2, 3 }, function() while true do end end)",
    }
    for index, text in ipairs(loops) do
      local name = "ui.loop" .. index
      local world = world_of { ["ui/loop" .. index .. ".lua"] = "return function() " .. text .. " end" }
      t:raises("^too long$", world.bounded, 200000, "too long", world.require(name))
    end
    t:equal({ w.bounded(1000000, "too long", function(a, b) return b, a, nil end, 1, 2) }, { 2, 1, nil })
    t:raises("^no$", w.bounded, 1000000, "too long", error, "no")
    t:equal(w.bounded(1000000, "too long", w.bounded, 5, "inner", function() return 7 end), 7)
  end)

  t:case("a script's coroutine cannot yield to the tasks, and has no finalizers", function()
    local w = world_of { ["ui/x.lua"] = "return { yield = function() coroutine.yield(1) end, gc = function() "
      .. "setmetatable({}, { __gc = error }) end,\n"
      .. "own = function() return coroutine.wrap(function() coroutine.yield(5) end)() end }" }
    t:raises("belongs into a coroutine of your own", w.require("ui.x").yield)
    t:raises("cannot have __gc", w.require("ui.x").gc)
    t:equal(w.require("ui.x").own(), 5)
  end)

  t:case("scripts get copies of modules and libraries: nobody else sees what they change", function()
    local w = world_of {
      ["ui/a.lua"] = "local json = require 'base.json' json.encode = nil string.rep = nil math.min = nil\n"
        .. "return { json = json, same = require 'base.json' == json }",
      ["commands/b.lua"] = "return { rep = string.rep, encode = require('base.json').encode }",
      ["providers/vast.lua"] = "local m = require 'builtin.providers.vast' m.destroy = nil "
        .. "m.name = 'mine' return m",
    }
    t:equal({ w.require("ui.a").json.encode, w.require("ui.a").same }, { nil, true })
    t:ok(w.require("base.json").encode and w.require("commands.b").rep and w.require("commands.b").encode,
      "what others use")
    t:equal({ w.require("providers.vast").name, w.builtin("providers.vast").name }, { "mine", "vast" })
    t:ok(w.builtin("providers.vast").destroy, "the built-in destroy")
  end)

  t:case("modules of which scripts see a part", function()
    local w = world_of { ["commands/x.lua"] = "return { http = require 'base.http', config = require "
        .. "'config.effective', task = require 'base.task',\n"
        .. "link = require 'home.agent_client', log = require 'base.log' }",
      ["providers/x.lua"] = "return require 'base.http'" }
    local seen = w.require("commands.x")
    t:equal({ seen.http.client, seen.config.load, seen.config.borrow, seen.task.run, seen.link.end_machine,
      seen.log.open }, {})
    t:ok(seen.http.request and seen.config.get and seen.task.sleep and seen.link.engine and seen.log.info,
      "the other parts")
    t:ok(w.require("providers.x").client, "a provider has clients")
  end)

  t:case("names of the last release: what was allowed stays allowed, what was not stays refused", function()
    local function sees(room, name)
      local w = world_of { [room .. "/x.lua"] = "return { ok = pcall(require, '" .. name .. "') }" }
      return w.require(room .. ".x").ok
    end
    t:equal({ sees("commands", "work.link"), sees("commands", "facts.vast"),
      sees("providers", "facts.vast") }, { true, true, true })
    t:equal({ sees("commands", "providers.vast.parse"), sees("providers", "work.link"),
      sees("ui", "work.history") }, { false, false, false })
    local w = world_of { ["commands/x.lua"] = "return { require 'work.link', lazy 'facts.vast' }" }
    local link, parse = table.unpack(w.require("commands.x"))
    t:equal(table.concat(require("base.sorted").keys(link), " "), "engine engine_probe ensure guard status")
    t:ok(next(getmetatable(parse)) and parse.none == nil, "it is loaded when it is first read")
  end)

  t:case("no client and no request sends a known create without a ticket, however it is spelled", function()
    local w, s = world_of { ["providers/x.lua"] = "local http = require 'base.http'\nreturn {\n"
      .. "client = function(base) return http.client { base = base, writes = { 'PUT ^/', 'POST ^/', 'PUT .' "
      .. "} } end, request = http.request }" }
    local provider = w.require("providers.x")
    local client = provider.client("https://console.vast.ai")
    for _, path in ipairs { "/api/v0/asks/5/", "/api/v0/asks/5", "/api/v0//asks/5/", "/api/v0/%61sks/5/?x=1",
      "/api/v0/./asks/5/",
      "/api/v0/././asks/5/", "/api/v0/x/../asks/5/", "/api/v0/x/%2e%2e/asks/5/", "/../api/v0/asks/./5/." } do
      t:raises("needs client:create and a ticket", client.put, client, path, { json = {} })
      t:raises("needs client:create and a ticket", provider.request,
        { method = "PUT", url = "http://127.0.0.1:7001" .. path })
    end
    local below = provider.client("https://console.vast.ai/api/v0")
    t:raises("needs client:create and a ticket", below.put, below, "/asks/5/", { json = {} })
    local lambda = provider.client("https://cloud.lambda.ai")
    t:raises("needs client:create and a ticket", lambda.post, lambda, "/api/v1/instance-operations/launch",
      { json = {} })
    t:raises("only created with a ticket", client.create, client, { token = "forged" }, "PUT",
      "/api/v0/asks/5/", { json = {} })
    t:raises("to a foreign host", provider.request, { method = "POST", url = "https://toy.example/machines" })
    t:equal(#s.requests, 0)
  end)

  t:case("init.lua: override stacks, works for lazy users, leaves the built-in alone", function()
    local w = world_of {
      ["init.lua"] = "override('ui.format', 'dollars', function(base, x) return base(x) .. '!' end)\n"
        .. "override('ui.format', 'dollars', function(base, x) return '<' .. base(x) .. '>' end)\n",
      ["ui/mine.lua"] = "local format = lazy 'ui.format' return function() return format.dollars(1) end",
    }
    t:equal({ w.run_home("init.lua") }, { true, nil })
    w.run_home("init.lua")
    t:equal(w.require("ui.format").dollars(1), "<$1.00!>")
    t:equal(w.require_safe("ui.format").dollars(1), "<$1.00!>")
    t:equal(w.require("ui.mine")(), "<$1.00!>")
    t:equal(w.require("ui.boxes") and w.builtin("ui.format").dollars(1), "$1.00")
    local plain = world_of({ ["init.lua"] = "error('not run')" }, { user = false })
    t:equal({ plain.run_home("init.lua") }, { nil, "missing" })
    t:equal(plain.require("ui.format").dollars(1), "$1.00")
  end)

  t:case("an init.lua that breaks half way has changed nothing", function()
    local w = world_of { ["init.lua"] = "override('ui.format', 'dollars', function() return 'x' end)\n"
      .. "error('half')\n" }
    t:raises("config", w.run_home, "init.lua")
    t:equal({ w.require("ui.format").dollars(1), w.require_safe("ui.format").dollars(1) },
      { "$1.00", "$1.00" })
  end)

  t:case("own: the user's files of a room, sorted", function()
    local w = world_of { ["commands/b.lua"] = "return 1", ["commands/a.lua"] = "return 1",
      ["commands/notes.txt"] = "x" }
    t:equal({ w.own("commands"), w.own("ui") }, { { "a", "b" }, {} })
  end)

  t:case("settings that a provider of one's own declares", function()
    local toy = assert(files.read(files.join(files.dirname(t.root), "examples/providers/toy.lua")))
    local function load(text, env)
      local _, s = world_of { ["providers/toy.lua"] = text, [".env"] = env }
      local p = s:start(function(require)
        local config = require "config.effective"
        local problems = config.load(HOME)
        return problems[1] and problems[1].message or "", pcall(config.get, "TOY_API_KEY")
      end)
      s:run()
      return p:result()
    end
    t:equal({ load(toy, "TOY_API_KEY=abcdefgh\nTOY_BASE_URL=http://127.0.0.1:1\n") },
      { "", true, "abcdefgh" })
    t:ok(load(toy,
      "TOY_API_KYE=abc\n"):find("unknown setting TOY_API_KYE; did you mean TOY_API_KEY", 1, true), "a hint")
    t:ok(load(toy, "TOY_BASE_URL=ftp://x\n"):find("TOY_BASE_URL", 1, true), "it is read like every other one")
    for settings, sentence in pairs { ["{ { name = 'VAST_API_KEY', type = 'secret' } }"] = -- order: free
        "another one's setting", ["{ { name = 'toy', type = 'secret' } }"] = "needs a name in capitals",
      ["{ { name = 'TOY', type = 'colour' } }"] = "needs a type", ["{ 5 }"] = "needs a name" } do
      t:ok(load("return { settings = " .. settings .. " }", ""):find(sentence, 1, true),
        load("return { settings = " .. settings .. " }", ""))
    end
    t:ok(load("return {", "TOY_API_KEY=abcdefgh\n"):find("toy.lua", 1, true),
      "a broken provider is named before its settings are missed")
  end)

  t:case("reactions: once for each thing that happens, within bounds, and "
    .. "only what may be asked for", function()
    local _, s = world_of { ["reactions.lua"] = "return { ready = function(e, act) for i = 1, 9 do "
      .. "act.alert(e.model .. i) end act.stop() act.restart() end,\n"
      .. "idle = function() while true do pcall(function() while true do end end) end end, price = "
      .. "function(e) return require 'money.rent' end }" }
    local p = s:start(function(require)
      require("config.effective").load(HOME)
      local reactions = require "agent.reactions"
      local session = { token = "t", id = "5", provider = "vast", model = "m", hourly = 0.5,
        plan = { idle = 3600 }, ready_at = 5, started = 1 }
      local memory, news = {}, {}
      local function look(guest, instance)
        for _, each in ipairs(reactions.news(memory, session, guest, instance)) do
          news[#news + 1] = each[1]
        end
      end
      look({ state = "armed", idle_left = 3000 }, { id = 5, hourly = 0.5 })
      look({ state = "armed", idle_left = 800 }, { id = 5, hourly = 0.6 })
      look({ state = "armed", idle_left = 700 }, { id = 5, hourly = 0.6 })
      look({ state = "armed", idle_left = 3600 }, { id = 4, hourly = 9 })
      look({ state = "ending", idle_left = 600 }, nil)
      local self = {}
      local ready = reactions.ask(self, "ready", session)
      local before = self.reaction_problem
      local idle = reactions.ask(self, "idle", session)
      local why = self.reaction_problem
      local price = reactions.ask(self, "price", session)
      return news, ready, before, #idle.alerts, why, #price.alerts, self.reaction_problem
    end)
    s:run()
    local news, ready, before, idle, why, price, last = p:result()
    t:equal(news, { "ready", "idle", "price", "guard_ending", "idle" })
    t:equal({ ready.alerts, ready.stop, ready.restart, before },
      { { "m1", "m2", "m3" }, "a reaction asked for it", true, nil })
    t:equal({ idle, price }, { 0, 0 })
    t:ok(why:find("reactions.lua failed at idle", 1, true) and why:find("loop", 1, true), why)
    t:ok(last:find("may not require \"money.rent\"", 1, true), last)
  end)

  t:case("examples/templates/start.sh is the built-in script with one line more", function()
    local root = files.dirname(t.root)
    local mine = assert(files.read(files.join(root, "examples/templates/start.sh")))
    local builtin = assert(files.read(files.join(root, "lua/templates/start.sh")))
    local without = mine:gsub("^#[^\n]*\n", ""):gsub("{ nvidia%-smi[^\n]*\n", "")
    t:equal(without, builtin)
  end)
end
