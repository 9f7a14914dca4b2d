-- SPDX-License-Identifier: MIT
local fail = require "base.fail"
local real = require "sandbox.host"

local HOME = "/home/user/.continueplz"

return function(t)
  local fake = t:load("fakehost")

  -- A world in which these files exist, on disk (absolute paths) or embedded.
  local function world_of(files, options)
    options = options or {}
    options.scripts = options.scripts or {}
    local s = fake.new()
    for path, text in pairs(files) do -- order: free
      if path:sub(1, 1) == "/" then s.disk[path] = { data = text, mode = options.mode or 384, mtime = 0 } end
    end
    local p = s:start(function() end, options)
    local script, embedded, has, load = p.host.script, p.host.script.embedded, p.host.script.has,
      p.host.script.load
    script.embedded = function(name) return files[name] or embedded(name) end
    script.has = function(name) return files[name] ~= nil or has(name) end
    script.load = function(name, env)
      if files[name] then
        return script.compile(files[name], "@" .. name, env)
      end
      return load(name, env)
    end
    return p.world
  end

  t:case("the user's file wins, the built-in stays reachable", function()
    local w = world_of {
      ["lua/providers/vast.lua"] = "return { name = 'vast', rank = 1 }",
      [HOME .. "/providers/vast.lua"] = "local b = require 'builtin.providers.vast'; return { name = "
        .. "b.name, rank = b.rank + 1 }",
    }
    t:equal(w.require("providers.vast").rank, 2)
    t:equal(w.require("builtin.providers.vast").rank, 1)
    t:equal(w.builtin("providers.vast").rank, 1)
    t:equal({ w.source("providers.vast") }, { HOME .. "/providers/vast.lua", "user" })
    t:ok(w.require("providers.vast") == w.require("providers.vast"), "one instance")
  end)

  t:case("--no-user skips the home", function()
    local files = { ["lua/ui/x.lua"] = "return 'embedded'", [HOME .. "/ui/x.lua"] = "return 'user'",
      [HOME .. "/init.lua"] = "return 1" }
    t:equal(world_of(files).require("ui.x"), "user")
    local w = world_of(files, { user = false })
    t:equal(w.require("ui.x"), "embedded")
    t:equal({ w.run_home("init.lua") }, { nil, "missing" })
  end)

  t:case("search order: home, script directories, embedded; layers chain down", function()
    local w = world_of({
      ["lua/ui/x.lua"] = "return 'e'",
      ["/s1/ui/x.lua"] = "return '1' .. require 'builtin.ui.x'",
      ["/s2/ui/x.lua"] = "return '2' .. require 'builtin.ui.x'",
      [HOME .. "/ui/x.lua"] = "return 'h' .. require 'builtin.ui.x'",
      ["/s2/work/y.lua"] = "return 'y2'",
      ["lua/work/y.lua"] = "return 'y'",
      [HOME .. "/work/y.lua"] = "return 'home must not replace work'",
    }, { scripts = { "/s1", "/s2" } })
    t:equal(w.require("ui.x"), "h12e")
    t:equal(w.require("work.y"), "y2")
    t:equal({ w.source("work.y") }, { "/s2/work/y.lua", "scripts" })
  end)

  t:case("base files of a script directory get the host, the home has none", function()
    local w = world_of({ ["/s1/base/extra.lua"] = "local host = ...; return host.version",
      [HOME .. "/base/other.lua"] = "return 1" }, { scripts = { "/s1" } })
    t:equal(w.require("base.extra"), real.version)
    t:raises("there is no module", w.require, "base.other")
    t:equal(world_of({ ["lua/work/z.lua"] = "return ..." }).require("work.z"), "work.z")
  end)

  t:case("a broken override breaks itself: named, recorded, with a way around", function()
    for what, text in pairs { syntax = "return = 1", raise = "error('boom')", empty = "", -- order: free
      global = "x = 1", nothing = "return nil" } do
      local w = world_of { ["lua/providers/vast.lua"] = "return { fine = true }",
        [HOME .. "/providers/vast.lua"] = text }
      local failure = t:raises("config", w.require, "providers.vast")
      t:ok(failure.message:find(HOME .. "/providers/vast.lua", 1, true), what .. ": " .. failure.message)
      t:raises("config", w.require, "providers.vast")
      t:equal(#w.problems, 1)
      t:equal({ w.problems[1].module, w.problems[1].file },
        { "providers.vast", HOME .. "/providers/vast.lua" })
      t:ok(w.require("builtin.providers.vast").fine, "the built-in")
      local module, problem = w.require_safe("providers.vast")
      t:equal({ module.fine, problem.kind }, { true, "config" })
    end
    local w = world_of { ["lua/providers/vast.lua"] = "return { fine = true }" }
    t:equal(select("#", w.require_safe("providers.vast")), 2)
    t:equal(select(2, w.require_safe("providers.vast")), nil)
  end)

  t:case("a file that others could write is refused", function()
    local w = world_of({ [HOME .. "/policy.lua"] = "return 1" }, { mode = 438 })
    local failure = t:raises("config", w.require, "policies.user")
    t:ok(failure.message:find("can be written by others", 1, true), failure.message)
  end)

  t:case("policy.lua is policies.user, without it the built-in policy is", function()
    local files = { ["lua/policies/cheapest.lua"] = "return 'cheapest'" }
    t:equal(world_of(files).require("policies.user"), "cheapest")
    files[HOME .. "/policies/cheapest.lua"] = "return 'mine'"
    t:equal(world_of(files).require("policies.user"), "mine")
    files[HOME .. "/policy.lua"] = "return require 'builtin.policies.cheapest' .. '!'"
    local w = world_of(files)
    t:equal(w.require("policies.user"), "cheapest!")
    t:equal(select(2, w.source("policies.user")), "user")
    t:equal(w.builtin("policies.user"), "cheapest")
  end)

  t:case("rooms limit what the user's files may require", function()
    local function try(path, name)
      local w = world_of { [HOME .. "/" .. path] = ("return require %q"):format(name),
        ["lua/facts/gpus.lua"] = "return {}", ["lua/money/stop.lua"] = "return {}" }
      return pcall(w.require,
        (path == "policy.lua" and "policies/user.lua" or path):gsub("/", "."):gsub("%.lua$", ""))
    end
    t:equal(try("providers/mine.lua", "base.http"), true)
    t:equal(try("providers/mine.lua", "facts.gpus"), true)
    for _, case in ipairs { { "providers/mine.lua", "base.files" }, { "providers/mine.lua", "sandbox.host" },
      { "providers/mine.lua", "money.stop" }, { "providers/mine.lua", "base.process" },
      { "policy.lua", "base.http" }, { "policies/mine.lua", "facts.gpus" } } do
      local ok, failure = try(case[1], case[2])
      t:equal({ ok, failure.kind }, { false, "config" })
      t:ok(failure.message:find("may not require", 1, true), failure.message)
    end
    t:equal(try("engines/mine.lua", "base.http"), true)
    t:equal(try("commands/mine.lua", "money.history"), true)
    for _, name in ipairs { "sandbox.host", "sandbox.world", "sandbox.loader", "base.ticket", "base.client",
      "home.journal", "money.rent", "start.deploy",
      "start.steps", "money.stop", "providers.vast", "builtin.home.journal" } do
      for _, room in ipairs { "engines", "commands", "ui", "facts", "templates", "policies" } do
        t:equal(try(room .. "/mine.lua", name), false, room .. " may require " .. name)
      end
    end
  end)

  t:case("scripts see the allowed globals and nothing else", function()
    local function run(text)
      local w = world_of { ["lua/work/x.lua"] = "local m = {}; function m.f() " .. text .. " end; return m" }
      return w.require("work.x").f()
    end
    for _, name in ipairs { "os", "io", "debug", "load", "dofile", "loadstring", "package", "print",
      "collectgarbage", "host" } do
      t:raises("undefined global '" .. name .. "'", run, "return " .. name)
    end
    t:raises("assignment to the global 'leak'", run, "leak = 1")
    t:equal(run("return math.random == nil and math.randomseed == nil and math.pi > 3"), true)
    t:raises("", run, "return getmetatable(_ENV).x")
  end)

  t:case("worlds share nothing that they can write", function()
    local files = { ["lua/work/x.lua"] = "string.mine = 1; return { list = {} }",
      ["lua/work/y.lua"] = "return string.mine or 0" }
    local one, two = world_of(files), world_of(files)
    t:ok(one.require("work.x") ~= two.require("work.x"), "two instances")
    local three = world_of(files)
    one.require("work.x")
    t:equal({ one.require("work.y"), three.require("work.y") }, { 1, 0 })
  end)

  t:case("a circle is named", function()
    local w = world_of { ["lua/work/a.lua"] = "return require 'work.b'",
      ["lua/work/b.lua"] = "return require 'work.a'" }
    t:raises("in a circle: lua/work/a.lua → lua/work/b.lua → lua/work/a.lua", w.require, "work.a")
  end)

  t:case("strange names are refused", function()
    local w = world_of {}
    for _, name in ipairs { "", ".", "a..b", "../x", "a/b", "a.b.", ".a", "a b",
      "base.task\0" .. ("."):rep(5000) } do
      t:raises("no module name", w.require, name)
    end
    t:raises("there is no module \"work.none\"", w.require, "work.none")
    t:raises("a module name, got a nil", w.require)
  end)

  t:case("nothing waits while it is being loaded", function()
    local s = fake.new()
    s.disk[HOME .. "/providers/slow.lua"] = { data = "require('base.task').sleep(1); return {}",
      mode = 384, mtime = 0 }
    local p = s:start(function(require) return require("providers.slow") end, { scripts = {} })
    s:run()
    local failure = t:raises("config", p.result, p)
    t:ok(failure.message:find("waits while it is being loaded", 1, true), failure.message)
  end)

  t:case("init.lua and scripts of the user run", function()
    local w = world_of { [HOME .. "/init.lua"] = "return { A = 1 }",
      ["/x/run.lua"] = "local a, b = ...; return b, a" }
    t:equal({ w.run_home("init.lua") }, { true, { A = 1 } })
    t:equal({ w.run_file("/x/run.lua", { 1, 2 }) }, { 2, 1 })
    t:equal({ w.run_home("other.lua") }, { nil, "missing" })
    t:raises("usage", w.run_file, "/x/none.lua")
    local bad = world_of { [HOME .. "/init.lua"] = "return {" }
    t:ok(fail.is(t:raises("config", bad.run_home, "init.lua"), "config"))
  end)
end
