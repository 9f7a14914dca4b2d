-- SPDX-License-Identifier: MIT
-- What a script that is run (`continueplz FILE.lua`) may use: no way past the journal's tickets, and one
-- sentence where it is refused.
local host = require "sandbox.host"
local json = require "base.json"

local HOME = "/home/user/.continueplz"
local SCRIPT = "/home/user/s.lua"

return function(t)
  local fake = t:load("fakehost")

  local function file(text) return { data = text, mode = 384, mtime = 0 } end

  -- Runs a script as its user would. → exit code, stdout, stderr, sim
  local function run(text, first)
    local s = fake.new()
    s.disk[HOME .. "/.env"] = file "VAST_API_KEY=abcdefg\n"
    s.disk[SCRIPT] = file(text)
    local words = first and { first, SCRIPT } or { SCRIPT }
    local p = s:start(function(require) return require("cli").main(words) end, { bare = true })
    s:run()
    return p:result(), p.out, p.err, s
  end

  t:case("modules that could rent past the journal are refused by file, line "
    .. "and name, with the way out", function()
    for _, name in ipairs { "base.ticket", "sandbox.host", "sandbox.world", "base.net", "base.client",
      "sandbox.loader", "sandbox.rooms", "sandbox.chunk", "cli.script", "cli.run", "home.journal",
      "money.rent", "start.deploy", "start.steps", "money.stop", "providers.vast", "builtin.providers.vast",
      "builtin.config.effective", "builtin.home.journal", "builtin.base.ticket",
      "builtin.builtin.base.ticket", "policies.cheapest" } do
      for _, way in ipairs { "local x = require", "local x = lazy" } do
        local code, out, err, s = run(("\n%s %q\n"):format(way, name))
        t:equal({ code, out, #s.requests }, { 3, "", 0 }, name .. ": " .. err)
        t:ok(err:find(("%s:2: a script may not require %q;"):format(SCRIPT, name), 1, true)
          and err:find('use require "api"', 1, true), err)
        t:ok(not err:find("traceback", 1, true), err)
      end
    end
    local code, out = run("require 'base.ticket'", "--output=json")
    local told = json.decode(out)
    t:equal({ code, told.status, told.error.kind, told.error.exit_code }, { 3, "failed", "config", 3 })
  end)

  t:case("below a directory of $CONTINUEPLZ_SCRIPTS a script sees every module, nowhere else", function()
    local s = fake.new()
    local world = s:start(function() end, { scripts = { "/dev/ours", "/more" } }).world
    local function sees(path)
      s.disk[path] = file "return pcall(require, 'base.ticket')"
      return (world.run_file(path))
    end
    for _, path in ipairs { "/dev/ours/s.lua", "/dev/ours/deep/s.lua", "/more/s.lua", "/dev/./ours//s.lua",
      "/dev/ours/..s.lua" } do
      t:equal(sees(path), true, path)
    end
    for _, path in ipairs { "/dev/s.lua", "/dev/ours.lua", "/dev/ourselves/s.lua", "/dev/ours/../s.lua",
      "/dev/ours/deep/../s.lua", "/x/dev/ours/s.lua" } do
      t:equal(sees(path), false, path)
    end
  end)

  -- Everything that can be reached from a value through fields and metatables. seen: value → how
  local function walk(value, how, seen)
    if (type(value) ~= "table" and type(value) ~= "function") or seen[value] then
      return
    end
    seen[value] = how
    if type(value) ~= "table" then return end
    for key, each in next, value do -- order: free
      walk(key, how .. "[key]", seen)
      walk(each, how .. "." .. tostring(key), seen)
    end
    walk(getmetatable(value), how .. "<meta>", seen)
  end

  t:case("no field and no metatable of what a script may require leads to a ticket, the "
    .. "journal, a client or the host", function()
    local s = fake.new()
    s.disk[SCRIPT] = file "return require, lazy, _ENV"
    local p = s:start(function(require) require("config.effective").load(HOME) end)
    s:run()
    local require, lazy, env = p.world.run_file(SCRIPT)
    local seen, modules = {}, 0
    walk(env, "_ENV", seen)
    for _, path in ipairs(host.script.names("lua/")) do
      local name = path:match("^lua/(.*)%.lua$")
      local ok, module = pcall(require, name and name:gsub("/", ".") or "")
      if ok then
        modules = modules + 1
        walk(module, name, seen)
        local later = lazy(name:gsub("/", "."))
        if type(module) == "table" then pcall(function() return later.anything end) end
        walk(later, name .. " (lazy)", seen)
      end
    end
    t:ok(modules > 50, modules .. " modules were looked through")
    local own, closed = p.world.require, {}
    local function close(value, what)
      if type(value) == "function" then closed[value] = what end
      if type(value) ~= "table" then return end
      closed[value] = what
      for key, each in next, value do -- order: free
        if type(each) == "function" then closed[each] = what .. "." .. tostring(key) end
      end
    end
    for _, name in ipairs { "base.ticket", "base.client", "base.net", "home.journal", "money.rent",
      "start.deploy", "money.stop", "providers.vast", "providers.lambda", "cli.script" } do
      close(own(name), name)
    end
    close(getmetatable(own("home.journal").open(HOME)).__index, "the journal's methods")
    close(own("base.http").client, "http.client")
    close(own("base.http").request, "http.request")
    close(p.world, "the world")
    for name, part in next, p.host do -- order: free
      if type(part) == "table" then closed[part] = "host." .. name end
    end
    for _, name in ipairs { "http", "loop", "net", "script", "tunnel" } do
      close(p.host[name], "host." .. name)
    end
    closed[p.host], closed[own] = "host", "the loader's require"
    for value, what in next, closed do -- order: free
      t:ok(not seen[value], ("%s is reached by %s: a way around it"):format(what, tostring(seen[value])))
    end
  end)

  t:case("a raw request that rents is not sent, whatever it is dressed as", function()
    local code, out, err, s = run([[
      local http, term = require "base.http", require "base.term"
      local sly = "http://127.0.0.1:7001/api/v0/asks/5/"
      local function walked() return next, { method = "PUT", url = sly } end
      local function meta(fields, innocent)
        return setmetatable(fields, { __index = innocent, __pairs = walked })
      end
      local turn = 0
      local specs = {
        { method = "PUT", url = sly }, { method = "put", url = sly },
        { method = "Put", url = sly, unix = "/s" },
        { method = "PUT", url = "http://127.0.0.1:7001/api/v0/x/../asks/5/" },
        { method = "PUT", url = "HTTP://127.0.0.1:7001/api/v0/asks/5" },
        { method = "PUT", url = "https://console.vast.ai/api/v0/asks/5/", unix = "/proxy" },
        { method = "POST", url = "https://cloud.lambda.ai/api/v1/instance-operations/launch",
          unix = "/proxy" },
        { method = "POST", url = "http://127.0.0.1:7001/api/v1//instance%2doperations/./launch?x=1" },
        meta({}, { method = "GET", url = "http://127.0.0.1:7001/" }),
        meta({ url = {} }, { method = "PUT", url = sly }),
        meta({}, function(_, key)
          turn = turn + 1
          return key == "url" and (turn > 2 and sly or "http://127.0.0.1:7001/") or nil
        end),
        { method = setmetatable({}, { __index = { upper = function() return "GET" end } }), url = sly },
        { method = "PUT", url = setmetatable({},
          { __tostring = function() return "http://127.0.0.1:7001/" end }) },
        { method = "GET / HTTP/1.1\r\nHost: x\r\n\r\nPUT", url = sly, unix = "/proxy" },
      }
      for index, spec in ipairs(specs) do
        local ok, why = pcall(http.request, spec)
        if ok or not (why.message or why):find "rents a machine"
          and not (why.message or why):find "needs a url" then
          term.out(index .. " " .. tostring(ok and "was sent" or why.message or why) .. "\n")
        end
      end
      term.out(tostring(http.client) .. " " .. tostring(getmetatable("").__index) .. "\n")
    ]])
    t:equal({ code, out, #s.requests }, { 0, "nil nil\n", 0 }, err)
  end)

  t:case("what a script changes in the modules it gets, nobody else sees", function()
    local code, out, err = run([[
      local fail, term, cplz = require "base.fail", require "base.term", require "api"
      require("base.json").encode, require("start.report").status, fail.new, string.format =
        nil, nil, nil, nil
      require("base.http").request, cplz.stop = nil, nil
      term.out(tostring(fail.new) .. " " .. require("commands.status").name .. " "
        .. cplz.status().status .. "\n")
    ]])
    t:equal({ code, out }, { 0, "nil status none\n" }, err)
  end)
end
