-- SPDX-License-Identifier: MIT
-- The clouds by their cards, and the requests that rent, which every world is told of.
local clouds = require "facts.clouds"
local config = require "config.effective"
local files = require "base.files"
local loader = require "sandbox.loader"
local sorted = require "base.sorted"
local world = require "sandbox.world"

local HOME = "/home/user/.continueplz"

return function(t)
  local fake = t:load("fakehost")

  t:case("docs/providers.md tells of every field of a card", function()
    local page = assert(files.read(files.join(files.dirname(t.root), "docs/providers.md")))
    for _, card in ipairs(clouds) do
      for field in sorted(card) do t:ok(page:find("`" .. field .. "`", 1, true), field) end
    end
  end)

  t:case("a card tells all that a cloud needs, and the provider goes by it", function()
    local orders, rentable = {}, clouds.supported()
    t:equal(clouds.listed(rentable, "name", "or"), "vast, lambda, runpod, coreweave or paperspace")
    t:equal(clouds.listed({ rentable[1] }, "title", "and"), "Vast.ai")
    t:equal(clouds.listed({}, "name", "or"), "")
    t:equal(clouds.listed(clouds, "name", "and"), "vast, lambda, runpod, coreweave and paperspace")
    for _, card in ipairs(clouds) do
      t:ok(not orders[card.order], card.name .. " has the place of another one")
      orders[card.order] = true
      t:ok(card.title and card.key_page:find("^https://") and config.row(card.key_setting).secret, card.name)
      t:ok(clouds.known(card.name) == card and clouds.find(card.name) == card, card.name .. " is found")
    end
    t:equal({ clouds.find("vastai").name, clouds.find("lambdalabs").name }, { "vast", "lambda" })
    t:ok(not clouds.find("toy") and not clouds.known("vastai"), "those that are none")
    for _, card in ipairs(rentable) do
      local provider = world.require("providers." .. card.name)
      local own = world.require(("providers.%s.card"):format(card.name))
      t:ok(#card.creates > 0 and #card.gpus > 0, card.name .. " says what rents, and what GPUs are called")
      for _, field in ipairs { "name", "title", "console", "credit_page", "key_setting", "capabilities",
        "timing" } do
        t:ok(own[field] and provider[field] == own[field], card.name .. "'s " .. field)
      end
    end
  end)

  t:case("a quick command loads no script of a cloud, and no card without need", function()
    -- What of the clouds a command line loads in a home that is set up, and in one that is not there.
    local function loaded(line, env)
      local s, names = fake.new(), {}
      s.disk[HOME .. "/.env"] = env and { data = env, mode = 384, mtime = 0 }
      local p = s:start(function(require) return require("cli").main { line } end,
        { bare = true, scripts = {} })
      local module = p.host.script.module
      p.host.script.module = function(name, scope)
        names[#names + 1] = name:match("^providers%.(.*)$")
        return module(name, scope)
      end
      s:run()
      t:equal(p:result(), 0, p.err)
      table.sort(names)
      return names
    end
    local cards = { "coreweave.card", "lambda.card", "paperspace.card", "runpod.card", "vast.card" }
    for _, line in ipairs { "--version", "--help", "help" } do t:equal(loaded(line, ""), {}, line) end
    t:equal(loaded("--version"), {})
    t:equal({ loaded("--help"), loaded("status") }, { cards, cards }) -- which settings hold a key
  end)

  -- A client in a world of its own, and what it sent. options: of loader.new, beside the host
  local function client_of(options)
    local methods = {}
    local s = fake.new { http = function(request)
      methods[#methods + 1] = request.method
      return { status = 200, body = "{}" }
    end }
    s:start(function()
      local inner = loader.new { host = s.processes[1].host, scripts = world.scripts, user = false,
        creates = options.creates }
      inner.require("base.task").run(function()
        local http = inner.require("base.http")
        options.calls(http.client { base = "https://one.example", writes = { "POST ^/", "PUT ^/" } })
      end)
    end, { bare = true })
    s:run()
    s.processes[1]:result()
    return methods
  end

  t:case("a world that was not told what rents sends nothing that changes anything", function()
    local function calls(client)
      client:get("/a")
      for _, method in ipairs { "post", "put", "delete" } do
        t:raises("nobody told this world which requests rent", client[method], client, "/a")
      end
    end
    t:equal(client_of { calls = calls }, { "GET" })
    t:equal(client_of { calls = calls, creates = function() return {} end }, { "GET" })
    t:raises("no cards today", client_of, { creates = function() error("no cards today", 0) end,
      calls = function(client) client:post("/a") end })
  end)

  t:case("what rents is asked for once, at the first request", function()
    local asked = 0
    local function creates()
      asked = asked + 1
      return { { "POST", "/rent$" } }
    end
    local methods = client_of { creates = creates, calls = function(client)
      t:equal(asked, 0)
      client:post("/a")
      t:raises("needs client:create and a ticket", client.post, client, "/x/../rent")
      client:delete("/rent")
    end }
    t:equal({ methods, asked }, { { "POST", "DELETE" }, 1 })
  end)

  t:case("no script of the user's has a say in what rents", function()
    local spoil = "for _, card in ipairs(require 'facts.clouds') do\n"
      .. "  card.creates, card.capabilities = nil\nend\n"
      .. "for _, name in ipairs { 'vast', 'lambda' } do\n"
      .. "  local creates = require(('providers.%s.card'):format(name)).creates\n"
      .. "  for _, each in ipairs(creates) do each[1], each[2] = 'GET', '^never$' end\nend\n"
    local spoilt = {
      ["providers/x.lua"] = spoil .. "return require('base.http')",
      ["providers/vast/card.lua"] = "return { name = 'vast', order = 1 }",
      ["facts/clouds.lua"] = "local base = require 'builtin.facts.clouds'\n"
        .. "function base.creates() return { { 'GET', '^never$' } } end\nreturn base",
      ["init.lua"] = "override('facts.clouds', 'creates', function() return { { 'GET', '^never$' } } end)",
    }
    for _, names in ipairs { { "providers/x.lua" }, sorted.keys(spoilt) } do
      local s = fake.new()
      for _, name in ipairs(names) do
        s.disk[HOME .. "/" .. name] = { data = spoilt[name], mode = 384, mtime = 0 }
      end
      local w = s:start(function() end).world
      w.run_home("init.lua")
      local http = w.require("providers.x")
      for method, address in sorted { PUT = "https://console.vast.ai/api/v0/asks/5/",
        POST = "https://cloud.lambda.ai/api/v1/instance-operations/launch" } do
        local base, path = address:match("^(https://[^/]+)(.*)$")
        local client = http.client { base = base, writes = { method .. " ^/" } }
        t:raises("needs client:create and a ticket", client[method:lower()], client, path)
        t:raises("needs client:create and a ticket", http.request, { method = method, url = address })
      end
      t:equal(w.require("providers.vast").capabilities.guard, "scoped-key")
      t:equal(#s.requests, 0)
    end
  end)
end
