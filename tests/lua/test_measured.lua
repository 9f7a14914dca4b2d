-- SPDX-License-Identifier: MIT
-- What earlier rents measured, euros at the day's rate, and how the list of offers shows both.
local cheapest = require "policies.cheapest"
local cost = require "home.cost"
local currencies = require "facts.currencies"
local measured = require "home.measured"
local view = require "ui.offers"

local HOME = "/home/user/.continueplz"
local RATE = { per_dollar = 0.5, date = "2026-11-19", source = "EUR_RATE" }

return function(t)
  local fake = t:load("fakehost")

  local function session(host, more)
    local made = { id = "i", provider = "vast", model = "m:1", started = 100, ready_at = 220, speed = 100,
      pulled = 200, plan = { gpu = "a6000", gpus = 1, host = host, download_gb = 20 } }
    for name, value in pairs(more or {}) do made[name] = value end -- order: free
    return made
  end

  local function offer(id, host, more)
    local made = { provider = "vast", id = id, gpu = "a6000", gpus = 1, vram_gb = 51, region = "eu-west",
      on_demand = 0.5, min_bid = 0.2, disk_hour = 0, down_gb = 0, reliability = 0.99, host = host }
    for name, value in pairs(more or {}) do made[name] = value end -- order: free
    return made
  end

  local function want(sessions)
    return { vram_gb = 25, disk_gb = 44, download_gb = 20, hours = 8, spot = true, bid_margin = 0,
      context = 1, model = { name = "m:1" }, speed = function() return 50 end,
      measured = sessions and measured.from(sessions, "m:1") }
  end

  t:case("numbers are those of the host, else of the cloud's card; of this model alone", function()
    local known = measured.from({ session("h1"), session("h2", { speed = 300 }),
      session("h3", { speed = 200 }), session("h4", { model = "other:1", speed = 9 }) }, "m:1")
    t:equal(known.of(offer("1", "h1")), { tokens_per_second = 100, ready_seconds = 120, mb_per_second = 100,
      rents = 1 })
    t:equal(known.of(offer("2", "h9")).tokens_per_second, 200, "the median")
    t:equal(known.of(offer("2", nil)).rents, 3)
    t:equal(known.of(offer("3", "h1", { gpu = "l40" })), nil)
    t:equal(known.of(offer("3", "h1", { gpus = 2 })), nil)
    t:equal(known.of(offer("3", "h1", { provider = "lambda" })), nil)
    t:equal(measured.from({}, "m:1").of(offer("1", "h1")), nil)
  end)

  t:case("a host is good when its last machine served", function()
    local failed = session("h1", {})
    failed.ready_at = nil
    local known = measured.from({ failed, session "h1", session "h2", failed, session("h3") }, "m:1")
    t:equal({ known.good(offer("1", "h1")), known.good(offer("1", "h2")), known.good(offer("1", "h8")),
      known.good(offer("1", nil)) }, { false, true, false, false })
  end)

  t:case("what was measured replaces the estimate, and a good host is taken at an equal price", function()
    local wanted, list = want { session "h2" }, {}
    for _, each in ipairs { offer("1", "h1", { min_bid = 0.2 }), offer("2", "h2", { min_bid = 0.2001 }),
      offer("3", "h3", { min_bid = 0.19 }) } do
      table.move(cost.candidates(each, wanted), 1, 2, #list + 1, list)
    end
    local ordered = cheapest(list, wanted)
    t:equal({ ordered[1].offer.id, ordered[2].offer.id, ordered[3].offer.id }, { "3", "2", "1" })
    t:equal({ ordered[2].tokens_per_second, ordered[2].measured.rents, ordered[2].good }, { 100, 1, true })
    t:ok(math.abs(ordered[2].usd_per_million_tokens - cost.per_million(ordered[2].hourly, 100)) < 1e-9, "sum")
  end)

  local function model(more)
    local wanted = want(more and more.sessions)
    local made = { rejected = {}, results = {}, reasons = {}, rate = RATE }
    made.want, made.ordered = wanted, {}
    for _, each in ipairs { offer("1", "h1"), offer("2", "h2", { min_bid = false, on_demand = 0.1 }) } do
      each.min_bid = each.min_bid or nil
      table.move(cost.candidates(each, wanted), 1, 2, #made.ordered + 1, made.ordered)
    end
    made.ordered = cheapest(made.ordered, wanted)
    for name, value in pairs(more or {}) do made[name] = value end -- order: free
    return made
  end

  local function rows(lines)
    local found = {}
    for _, line in ipairs(lines) do
      if line:find("^[* ] vast") then found[#found + 1] = line end
    end
    return found
  end

  t:case("spot and on-demand stand in one row; what was measured stands without ~", function()
    local list = rows(view.lines(model()))
    t:equal(#list, 2)
    t:ok(list[1]:find("%* vast.-%$0%.100 +%- +%$0%.80 +~50"), list[1])
    t:ok(list[2]:find("  vast.-%$0%.500 +%$0%.200 +%$1%.60 +~50"), list[2])
    local lines = view.lines(model { sessions = { session "h2" } })
    t:ok(rows(lines)[1]:find(" 100  ", 1, true) and not rows(lines)[1]:find("~100", 1, true), rows(lines)[1])
    t:ok(table.concat(lines, "\n"):find("measured here before (1 rent): 100 tokens/s, READY after 2m 00s, "
      .. "100 MB/s", 1, true), table.concat(lines, "\n"))
    local object = view.candidate(model({ sessions = { session "h2" } }).ordered[1])
    t:equal({ object.tokens_per_second_measured, object.tokens_per_second_estimate,
      object.ready_seconds_measured, object.mb_per_second_measured }, { 100, nil, 120, 100 })
  end)

  t:case("another order of the list leaves what would be taken", function()
    local list = rows(view.lines(model { sort = "memory" }))
    t:ok(list[1]:find("^%*"), list[1])
    local sessions = { session("h1", { speed = 900 }), session "h2" }
    list = rows(view.lines(model { sort = "speed", sessions = sessions }))
    t:ok(list[1]:find("^  vast") and list[2]:find("^%* vast"), list[1])
  end)

  t:case("each offer that is left out says why", function()
    local made = model { explain = true, results = { { name = "vast", ok = true, count = 2,
      left = { { id = "77", gpu = "L4", reason = "driver too old" } } } } }
    made.rejected = { { candidate = table.remove(made.ordered), reason = "too dear: x" } }
    local text = table.concat(view.lines(made), "\n")
    t:ok(text:find("RTX A6000 48GB, eu-west, $0.500/h on-demand (1): too dear: x", 1, true), text)
    t:ok(text:find("vast L4 (77): driver too old", 1, true), text)
    t:equal(view.object(made).providers[1].left_out[1].reason, "driver too old")
  end)

  t:case("euros at a stated rate; without one dollars", function()
    local text = table.concat(view.lines(model { currency = "eur" }), "\n")
    t:ok(text:find("€0.050", 1, true) and text:find("€0.40", 1, true)
      and text:find("Euros at the rate of EUR_RATE of 2026-11-19", 1, true), text)
    text = table.concat(view.lines(model { currency = "eur", rate = currencies.fallback }), "\n")
    t:ok(text:find("$0.100", 1, true) and not text:find("€", 1, true), text)
  end)

  t:case("the feed: dollars for one euro, the day; anything else is no rate", function()
    local rate = currencies.feed("<Cube time='2026-11-27'><Cube currency='USD' rate='1.25'/></Cube>")
    t:equal(rate, { per_dollar = 0.8, date = "2026-11-27", source = "ECB" })
    for _, text in ipairs { "", "<html>", "<Cube time='2026-11-27'><Cube currency='USD' rate='0'/></Cube>",
      "<Cube time='2026-11-27'><Cube currency='USD' rate='100'/></Cube>",
      "<Cube><Cube currency='USD' rate='1.1'/></Cube>" } do
      local none, why = currencies.feed(text)
      t:ok(none == nil and why:find("nothing believable", 1, true), text)
    end
    t:equal(currencies.parse("ECB"), { feed = true })
  end)

  -- What refresh says, the rate in force, how often the feed was asked; body: of its answer, nil: it is down.
  local function refreshed(body, options)
    local asked = 0
    local s = fake.new { env = { HOME = "/home/user", VAST_API_KEY = "key-of-a-test", EUR_RATE = "ecb" },
      http = function()
        asked = asked + 1
        return body and { body = body } or { error = "no way", code = "connect" }
      end }
    s.disk[HOME] = { dir = true }
    local p = s:start(function(require)
      require("config.effective").load(HOME, {})
      local euro, first = require "home.euro", nil
      for _ = 1, options and options.times or 1 do first = euro.refresh() end
      if options and options.later then
        require("base.task").sleep(options.later)
        first = euro.refresh()
      end
      return first, require("config.effective").rate()
    end)
    s:run()
    local said, rate = p:result()
    return said, rate, asked
  end

  local function feed(day)
    return ("<Cube time='%s'><Cube currency='USD' rate='1.25'/></Cube>"):format(day)
  end

  t:case("the day's rate is asked for twice a day, kept, and never in the way", function()
    local day = require("base.clock").iso(math.floor(fake.EPOCH)):sub(1, 10)
    local said, rate, asked = refreshed(feed(day), { times = 3 })
    t:equal({ said, rate.per_dollar, rate.date, rate.source, rate.assumed, asked },
      { nil, 0.8, day, "ECB", nil, 1 })
    t:equal(select(3, refreshed(feed(day), { later = 13 * 3600 })), 2)
    said, rate, asked = refreshed(nil, { times = 3 })
    t:ok(said:find("is not to be had", 1, true) and said:find("€1.00", 1, true), said)
    t:equal({ rate.assumed, asked }, { true, 1 })
    said, rate = refreshed(feed "2026-01-05")
    t:ok(rate.assumed and said:find("too old", 1, true), said)
    said, rate = refreshed("<html>")
    t:ok(rate.assumed and said:find("nothing believable", 1, true), said)
  end)
end
