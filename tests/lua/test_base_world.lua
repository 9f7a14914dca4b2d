-- SPDX-License-Identifier: MIT
-- The first script (lua/main.lua) and the replaced world itself.
local real = require "sandbox.host"

return function(t)
  local fake = t:load("fakehost")

  -- Runs lua/main.lua with a stub for the command line. → what it returns, the world that it made
  local function start(argv, options)
    options = options or {}
    local s = fake.new { env = options.env or { HOME = "/home/me" } }
    for path in pairs(options.files or {}) do -- order: free
      s.disk[path] = { data = "", mode = 384, mtime = 0 }
    end
    local host = s:start(function() end, { cwd = options.cwd or "/work" }).host
    local seen = {}
    local before, module = host.script.load, host.script.module
    local stub =
      "return { main = function(argv) return { world = require 'sandbox.world', argv = argv } end }"
    host.script.module = function(name, env)
      if name ~= "cli" then return module(name, env) end
      return host.script.compile(stub, "@lua/cli.lua", env), "lua/cli.lua"
    end
    host.script.load = function(path, env)
      if path ~= "lua/cli.lua" then return before(path, env) end
      return host.script.compile(stub, "@lua/cli.lua", env)
    end
    host.terminal.write = function(_, text) seen.out = (seen.out or "") .. text end
    local env = setmetatable({}, { __index = function(_, name)
      return ({ debug = false, _G = {} })[name]
    end })
    for _, name in ipairs { "ipairs", "assert", "error", "setmetatable", "pairs", "pcall", "tostring", "type",
      "next", "select", "rawequal", "rawget", "rawlen", "rawset", "getmetatable", "tonumber", "xpcall",
      "string", "table", "math", "utf8", "coroutine" } do
      env[name] = ({ ipairs = ipairs, assert = assert, error = error, setmetatable = setmetatable,
        pairs = pairs, pcall = pcall, tostring = tostring, type = type, next = next, select = select,
        rawequal = rawequal, rawget = rawget, rawlen = rawlen, rawset = rawset, getmetatable = getmetatable,
        tonumber = tonumber, xpcall = xpcall, string = string, table = table,
        math = math, utf8 = utf8, coroutine = coroutine })[name]
    end
    env._G, env._VERSION = env, _VERSION
    local chunk = assert(before("lua/main.lua", env))
    seen.result = chunk(host, argv)
    return seen
  end

  local function home(argv, options)
    local world = start(argv, options).result.world
    return { world.home, world.home_origin }
  end

  t:case("the home: flag, environment, the binary's own directory, the user's", function()
    t:equal(home {}, { "/home/me/.continueplz", "default" })
    t:equal(home({}, { files = { ["/usr/bin/.env"] = true } }), { "/usr/bin", "binary" })
    t:equal(home({}, { env = { CONTINUEPLZ_HOME = "rel/x/", HOME = "/h" },
      files = { ["/usr/bin/.env"] = true } }), { "/work/rel/x", "environment" })
    t:equal(home({ "status", "-C", "/a/./b//c/" }, { env = { CONTINUEPLZ_HOME = "/x" } }),
      { "/a/b/c", "flag" })
    t:equal(home { "-Cd" }, { "/work/d", "flag" })
    t:equal(home({}, { env = {} }), { nil, "none" })
    t:equal(home { "run.lua", "-C", "/x" }, { "/home/me/.continueplz", "default" })
    t:equal(home { "--", "-C", "/x" }, { "/home/me/.continueplz", "default" })
  end)

  t:case("--no-user, the words handed on, the version", function()
    t:equal(start({}).result.world.user, true)
    local seen = start { "up", "--no-user", "-C", "x" }
    t:equal(seen.result.world.user, false)
    t:equal(seen.result.argv, { "up", "--no-user", "-C", "x" })
    local version = start { "--version" }
    t:equal({ version.result, version.out }, { 0, "continueplz " .. real.version .. "\n" })
  end)

  t:case("an ignored .env in the working directory is mentioned", function()
    local world = start({}, { files = { ["/work/.env"] = true } }).result.world
    t:equal(world.notes, { "the .env in /work is not used: the home is /home/me/.continueplz" })
    t:equal(start({ "-C", "." }, { files = { ["/work/.env"] = true } }).result.world.notes, {})
  end)

  t:case("script directories come from the environment, empty entries and the "
    .. "working directory do not", function()
    local world = start({}, { env = { HOME = "/h", CONTINUEPLZ_SCRIPTS = ":a::/b:" } }).result.world
    t:equal(world.scripts, { "/work/a", "/b" })
  end)

  t:case("a process can be killed at any primitive, torn writes included", function()
    for _, case in ipairs { { { kill = "before" }, nil }, { { kill = "after" }, "record" },
      { { kill = "torn", bytes = 3 }, "rec" } } do
      local s = fake.new { hook = function(name) return name == "state.append" and case[1] or nil end }
      local cleaned = false
      local p = s:start(function(require)
        local _ <close> = setmetatable({}, { __close = function() cleaned = true end })
        require("base.task").map({ 1 }, function()
          pcall(require("base.files").append, "/j", "record")
          cleaned = true
        end)
      end)
      s:run()
      t:equal({ p.state, cleaned, s.disk["/j"] and s.disk["/j"].data }, { "killed", false, case[2] })
    end
  end)

  t:case("the disk can be full, locks die with their process", function()
    local s = fake.new { hook = function(name)
      if name == "state.write" then
        return { code = "full", error = "/x: No space" }
      end
    end }
    local p = s:start(function(require)
      local files = require "base.files"
      assert(files.lock("/lock"))
      return files.write("/x", "y")
    end)
    s:run()
    t:equal({ p:result() }, { nil, "/x: No space", "full" })
    t:equal(s.locks, {})
  end)

  t:case("two processes talk HTTP over a unix socket", function()
    local s = fake.new()
    s:start(function(require)
      require("base.server").serve(require("base.net").listen { unix = "/agent.sock" }, function(request)
        require("base.task").sleep(2)
        return { json = { you = request.body, path = request.path } }
      end)
      require("base.task").sleep(1e9)
    end, { daemon = true })
    local p = s:start(function(require)
      require("base.task").sleep(1)
      local http = require "base.http"
      local answer = http.request { method = "POST", url = "http://agent/status", unix = "/agent.sock",
        json = { a = 1 } }.json()
      local _, failure = pcall(http.request, { url = "http://agent/", unix = "/none.sock" })
      return answer, failure.sent
    end)
    s:run()
    t:equal({ p:result() }, { { you = '{"a":1}', path = "/status" }, false })
    t:equal(s.now - fake.START, 3.0)
  end)

  t:case("children, signals and exit codes between processes", function()
    local s = fake.new()
    s.spawn = function(options)
      return function(require)
        if options.argv[2] == "quick" then return 7 end
        require("base.task").sleep(1e6)
      end
    end
    local p = s:start(function(require)
      local process = require "base.process"
      local quick, slow = process.spawn { argv = { "x", "quick" } }, process.spawn { argv = { "x", "slow" } }
      local status = quick:wait().status
      require("base.task").sleep(5)
      local alive = process.alive(slow.pid)
      slow:kill("KILL")
      return status, alive, slow:wait().signal, process.alive(slow.pid)
    end)
    s:run()
    t:equal({ p:result() }, { 7, true, "KILL", false })
  end)

  t:case("answers that are lost, late or never come", function()
    local s = fake.new { http = function(request)
      return ({ ["/lost"] = { lost = true }, ["/late"] = { delay = 100, json = {} },
        ["/hang"] = { hang = true },
        ["/refused"] = { error = "no", code = "connect", sent = false } })[request.path]
    end }
    local p = s:start(function(require)
      local http, clock, list = require "base.http", require "base.clock", {}
      for _, path in ipairs { "/lost", "/late", "/hang", "/refused" } do
        local from = clock.now()
        local _, failure = pcall(http.request, { url = "https://cloud.example" .. path })
        list[#list + 1] = { failure.code, failure.sent, math.floor(clock.now() - from) }
      end
      return list
    end)
    s:run()
    t:equal(p:result(),
      { { "reset", true, 0 }, { "timeout", true, 30 }, { "timeout", true, 30 }, { "connect", false, 0 } })
  end)

  t:case("the same seed gives the same world, another seed another one", function()
    local function draw(seed)
      local s = fake.new { seed = seed }
      local p = s:start(function(require)
        return require("base.keys").random_hex(40), require("base.keys").fresh():public()
      end)
      s:run()
      return { p:result() }
    end
    t:equal(draw("a"), draw("a"))
    t:ok(draw("a")[1] ~= draw("b")[1] and draw("a")[2] ~= draw("b")[2], "two seeds")
  end)

  t:case("a world in which nothing can happen any more is an error, not a hang", function()
    local s = fake.new()
    s:start(function(require) require("base.task").channel().take() end)
    t:raises("stands still", s.run, s)
  end)
end
