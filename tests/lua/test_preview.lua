-- SPDX-License-Identifier: MIT
-- What a start would do now: rehearsed creates, what is shown of requests, what is made around, sums.
local clouds = require "facts.clouds"
local cost = require "home.cost"
local json = require "base.json"
local preview = require "start.preview"
local world = require "sandbox.world"

return function(t)
  local fake = t:load("fakehost")

  -- calls(http, client) in a world of its own. → the methods that really left
  local function sent_by(calls)
    local methods = {}
    local s = fake.new { http = function(request)
      methods[#methods + 1] = request.method
      return { status = 200, body = "{}" }
    end }
    local p = s:start(function(require)
      local http = require "base.http"
      calls(http, http.client { base = "https://one.example", writes = { "POST ^/a$" } })
    end)
    s:run()
    p:result()
    return methods
  end

  t:case("a rehearsed create is told and not sent, and without a rehearsal it wants a ticket", function()
    local methods = sent_by(function(http, client)
      local function rent(ticket) client:create(ticket, "POST", "/rent", { json = { a = 1 } }) end
      local list = http.rehearse(function()
        client:get("/read")
        rent()
      end)
      t:equal({ #list, list[1].method, list[1].body }, { 1, "POST", '{"a":1}' })
      t:raises("only created with a ticket", rent)
      t:raises("only created with a ticket", http.rehearse, function() rent {} end)
    end)
    t:equal(methods, { "GET" })
  end)

  t:case("a rehearsal goes on with the answer that it is given, and hides no mistake", function()
    local methods = sent_by(function(http, client)
      local list = http.rehearse(function()
        local id = client:post("/a", { json = { name = "x" } }).json().id
        client:create(nil, "POST", "/rent", { json = { id = id } })
        error("it went on after a create")
      end, function(request) return request.url:find("/a$") and '{"id":"made-up"}' or nil end)
      t:equal({ #list, list[2].body }, { 2, '{"id":"made-up"}' })
      t:raises("under way already", http.rehearse, function() http.rehearse(function() end) end)
      t:raises("a mistake", http.rehearse, function() error("a mistake", 0) end)
      client:post("/a")
    end)
    t:equal(methods, { "POST" }, "what comes after is sent again")
  end)

  t:case("nothing secret is shown of a body: names, long texts, and what is not JSON", function()
    local secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldC0="
    local shown = preview.shown_body(json.encode { label = "cplz-aaaaaaaa-000000000000", price = 0.5,
      env = { CPLZ_KEY = secret, PORT = "1" },
      user_data = "#cloud-config\n" .. secret:rep(5), pem = "key " .. secret:rep(5) })
    local text = json.encode(shown)
    t:ok(not text:find(secret, 1, true), text)
    t:equal({ shown.label, shown.price, shown.env.PORT, shown.env.CPLZ_KEY },
      { "cplz-aaaaaaaa-000000000000", 0.5, "1", "[hidden]" })
    t:equal(shown.user_data, ("#cloud-config… (%d bytes)"):format(14 + #secret * 5))
    t:equal(shown.pem, ("(%d bytes)"):format(4 + #secret * 5))
    t:equal(preview.shown_body("a=1&api_key=" .. secret), "a=1&api_key=[hidden]")
    t:equal(preview.shown_body(""), nil)
  end)

  t:case("the cards tell all that is made around machines", function()
    for _, card in ipairs(clouds.supported()) do
      local provider = world.require("providers." .. card.name)
      t:ok(provider.around == nil or provider.prepare, card.name .. " makes nothing")
      t:ok(not provider.prepare or #provider.around > 0, card.name .. " does not tell what it makes")
      for _, row in ipairs(provider.around or {}) do
        t:ok(#row == 4 and json.decode(row[4]), card.name .. ": " .. tostring(row[3]))
      end
    end
  end)

  t:case("the least is a billing step, the most the whole life in steps with the download", function()
    local candidate = { hourly = 3.6, parts = { download = 0.5 }, offer = { minimum_seconds = 60 } }
    local least, most = cost.range(candidate, 90)
    t:ok(math.abs(least - 0.06) < 1e-9 and math.abs(most - 0.62) < 1e-9, least .. " " .. most)
    t:equal({ cost.range({ hourly = 3.6, parts = { download = 0.5 }, offer = {} }, 3600) }, { 0.0, 4.1 })
    t:equal(select(2, cost.range(candidate, nil)), nil)
  end)
end
