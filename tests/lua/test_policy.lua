-- SPDX-License-Identifier: MIT
-- The selection policy, the user's own one, and what no policy may decide.
local cost = require "home.cost"
local cheapest = require "policies.cheapest"
local files = require "base.files"
local sorted = require "base.sorted"

local HOME = "/home/user/.continueplz"

return function(t)
  local fake = t:load("fakehost")

  local function offer(id, price, more)
    local made = {
      provider = "vast", id = id, gpu = "a6000", gpus = 1, vram_gb = 51, region = "eu-west",
      on_demand = price, disk_hour = 0.01,
      down_gb = 0,
      reliability = 0.99, currency = "USD",
    }
    for key, value in pairs(more or {}) do -- order: free
      made[key] = value
    end
    return made
  end

  local function want(more)
    local made = { vram_gb = 25, disk_gb = 44, download_gb = 18.5, hours = 8, spot = true, bid_margin = 0.1,
      model = { name = "m" }, context = 1 }
    for key, value in pairs(more or {}) do -- order: free
      made[key] = value
    end
    return made
  end

  local function candidates(offers, wanted)
    local list = {}
    for _, each in ipairs(offers) do
      table.move(cost.candidates(each, wanted), 1, 9, #list + 1, list)
    end
    return list
  end

  local function ids(list)
    local found = {}
    for index, each in ipairs(list) do
      found[index] = (each.candidate or each).offer.id .. ((each.candidate or each).spot and "s" or "")
    end
    return found
  end

  t:case("costs: compute, disk, download with the image, minimum period", function()
    local one = cost.candidates(offer("1", 0.5, { down_gb = 0.02, minimum_seconds = 36000 }), want())[1]
    t:equal(one.parts, { compute = 4.0, disk = 0.08, download = 0.44, minimum = 1.02 })
    t:ok(math.abs(one.total - 5.54) < 1e-9 and math.abs(one.hourly - 0.51) < 1e-9, "sums")
  end)

  t:case("a machine that ended at once costs the cloud's least time", function()
    local session = { id = "i", hourly = 1.2, started = 100, plan = { minimum_seconds = 60 } }
    t:equal({ cost.so_far(session, 106), cost.so_far(session, 400) }, { 0.02, 0.1 })
    t:equal(cost.final(session, 106).seconds, 6)
    session.id = nil
    t:ok(cost.so_far(session, 106) < 0.003, "nothing is known to have been made")
  end)

  t:case("the traffic of the download is counted once it was begun, whatever is planned", function()
    local session = { id = "i", hourly = 1, started = 100, plan = { download = 0.44 } }
    t:ok(cost.so_far(session, 102) < 0.001 and cost.at_most(session), "two seconds after the create")
    session.running_at, session.running_seen = 130, 131
    t:ok(cost.so_far(session, 140) < 0.01, "it runs")
    session.loading_at = 150
    t:ok(cost.so_far(session, 160) > 0.44 and cost.at_most(session),
      "it is being pulled, and nobody knows how much is there")
    session.ready_at = 400
    t:ok(cost.so_far(session, 400) > 0.44 and not cost.at_most(session), "it is there")
  end)

  t:case("a bid is the lowest winning bid and the margin, never above on-demand", function()
    t:equal(cost.bid(0.41, 0.1, 0.89), 0.451)
    t:equal(cost.bid(0.41, 0, 0.89), 0.41)
    t:equal(cost.bid(0.85, 0.1, 0.89), 0.89)
    t:equal(cost.bid(0.33333, 0.1, nil), 0.3667)
    local both = cost.candidates(offer("1", 0.5, { min_bid = 0.2 }), want())
    t:equal({ #both, both[1].spot, both[2].spot, both[2].bid }, { 2, false, true, 0.22 })
    t:ok(math.abs(both[2].hourly - 0.23) < 1e-9, "spot is reckoned at its bid")
    for index, gpu in ipairs { 0.5, 0.22 } do
      local parts, sum = both[index].parts, 0
      for _, amount in sorted(parts) do sum = sum + amount end
      t:ok(parts.compute == gpu * 8 and math.abs(sum - both[index].total) < 1e-9, "its parts are its sum")
    end
    local fixed = cost.candidates(offer("1", 0.5, { spot = 0.2 }), want())
    t:equal({ #fixed, fixed[2].bid }, { 2, 0.2 }, "where nobody bids")
    t:equal(#cost.candidates(offer("1", 0.5, { min_bid = 0.5 }), want()), 1)
    t:equal(#cost.candidates(offer("1", 0.5, { min_bid = 0.2 }), want { spot = false }), 1)
    t:equal(#cost.candidates(offer("1", 0, { min_bid = 0 }), want()), 0, "0 is no price")
  end)

  t:case("cheapest by total, not by the hour; ties by reliability, then id", function()
    local list = candidates({
      offer("hourly", 0.40, { down_gb = 0.09 }), offer("total", 0.45), offer("b", 0.6), offer("a", 0.6),
      offer("c", 0.6, { reliability = 0.999 }),
    }, want())
    t:equal(ids(cheapest(list, want())), { "total", "c", "a", "b", "hourly" })
    local spot = candidates({ offer("x", 0.5, { min_bid = 0.2 }) }, want())
    t:equal(ids(cheapest(spot, want())), { "xs", "x" })
  end)

  t:case("thousands are in the order of each two of them", function()
    local state, made = 7, {}
    local function pick(count)
      state = (state * 1103515245 + 12345) % 2147483648
      return state // 65536 % count
    end
    for index = 1, 3000 do
      made[index] = { total = 1 + pick(400) / 300, spot = pick(2) == 0, good = pick(5) == 0 or nil,
        hourly = 1, offer = { id = tostring(pick(1500)), vram_gb = 51, gpus = 1, region = "eu-west",
          reliability = pick(3) > 0 and 0.9 + pick(3) / 100 or nil } }
    end
    local function cents(each) return math.floor(each.total * 100 + 0.5) end
    local function before(a, b)
      if cents(a) ~= cents(b) then return cents(a) < cents(b) end
      if a.good ~= b.good then return a.good == true end
      if a.total ~= b.total then return a.total < b.total end
      local left, right = a.offer.reliability or 0, b.offer.reliability or 0
      if left ~= right then return left > right end
      if a.offer.id ~= b.offer.id then return a.offer.id < b.offer.id end
      return not a.spot and b.spot
    end
    local ordered = cheapest(made, want())
    t:equal(#ordered, #made)
    made[1].total = 0 / 0
    t:equal(#cheapest(made, want()), #made, "what is no number")
    for index = 2, #ordered do t:ok(not before(ordered[index], ordered[index - 1]), "at " .. index) end
  end)

  t:case("refusals have reasons", function()
    local list = candidates({
      offer("small", 0.1, { vram_gb = 20 }), offer("far", 0.1, { region = "us-west" }),
      offer("nowhere", 0.1, { region = false }), offer("card", 0.1, { gpu = "l4" }),
      offer("two", 0.1, { gpus = 2 }), offer("dear", 2), offer("shaky", 0.1, { reliability = 0.5 }),
      offer("good", 0.3),
    }, want())
    local wanted = want { region = "eu-west", gpu = "a6000", gpus = 1, max_price = 1, min_reliability = 0.9 }
    local ordered, rejected = cheapest(list, wanted)
    t:equal(ids(ordered), { "good" })
    local reasons = {}
    for _, each in ipairs(rejected) do
      reasons[each.candidate.offer.id] = each.reason:match("^[%a ]+")
    end
    t:equal(reasons, { small = "too small", far = "region us", nowhere = "region unknown", card = "card l",
      two = nil, dear = "too dear", shaky = "reliability " })
    t:equal(#rejected, 7)
  end)

  t:case("regions: a group takes its members", function()
    local list = candidates({ offer("se", 0.2, { region = "eu-north" }),
      offer("us", 0.1, { region = "us" }) }, want())
    t:equal(ids(cheapest(list, want { region = "eu" })), { "se" })
    t:equal(ids(cheapest(list, want { region = "us-east" })), {})
    t:equal(ids(cheapest(list, want { region = "us" })), { "us" })
  end)

  -- Ranks with a policy.lua in the home. → ordered ids, refused ids, kind and sentence of a failure
  local function rank(policy, list, wanted, mode)
    local s = fake.new()
    if policy then
      s.disk[HOME .. "/policy.lua"] = { data = policy, mode = mode or 384, mtime = 0 }
    end
    local p = s:start(function(require)
      local ok, ordered, rejected = require("base.fail").try(require("start.offers").rank,
        { candidates = list, results = {} }, wanted)
      if not ok then return nil, nil, ordered.kind, ordered.message end
      return ids(ordered), ids(rejected)
    end)
    s:run()
    return p:result()
  end

  t:case("examples/policy.lua prefers a region, caps the price, leaves the "
    .. "rest to the built-in one", function()
    local text = assert(files.read(files.join(files.dirname(t.root), "examples/policy.lua")))
    local list = candidates({
      offer("cheap", 0.40, { region = "us-west" }), offer("west", 0.45), offer("dear-west", 0.55),
      offer("too-dear", 0.61), offer("small", 0.1, { vram_gb = 2 }),
    }, want())
    t:equal({ rank(text, list, want()) }, { { "west", "cheap", "dear-west" }, { "too-dear", "small" } })
    t:equal({ rank(nil, list, want()) }, { { "cheap", "west", "dear-west", "too-dear" }, { "small" } })
  end)

  t:case("a policy of the user's walks through all that is reckoned of a candidate", function()
    local wanted = want { speed = function() return 100 end, ready = function() return 60 end }
    local policy = [[return function(list)
      local kept, refused = {}, {}
      for _, candidate in ipairs(list) do
        local names = {}
        for name in pairs(candidate) do names[#names + 1] = name end
        table.sort(names)
        refused[#refused + 1] = { candidate = candidate, reason = table.concat(names, " ") }
      end
      return kept, refused
    end]]
    local s = fake.new()
    s.disk[HOME .. "/policy.lua"] = { data = policy, mode = 384, mtime = 0 }
    local p = s:start(function(require)
      local _, refused = require("start.offers").rank({ candidates = candidates({ offer("1", 0.5) }, wanted),
        results = {} }, wanted)
      return refused[1].reason
    end)
    s:run()
    t:equal(p:result(), "hourly offer parts ready spot tokens_per_second total usd_per_million_tokens")
  end)

  t:case("a broken policy is a configuration error that names it", function()
    local list = candidates({ offer("1", 0.4) }, want())
    local rows = {
      { "return function( end\n", "policy.lua" }, { "return 7\n", "policy.lua" },
      { "return function() return nil end\n", "policy.lua" },
      { "return function() error('oh no') end\n", "oh no" },
      { "return function() return { { offer = {} } } end\n", "not one of the candidates" },
      { "return function(c) return { c[1], 5 } end\n", "not one of the candidates" },
      { "x = 1 return function(c) return c end\n", "policy.lua" },
      { "return function() return io.open('/etc/passwd') end\n", "io" },
    }
    for _, row in ipairs(rows) do
      local _, _, kind, message = rank(row[1], list, want())
      t:equal(kind, "config", row[1])
      t:ok(message:find(row[2], 1, true) and message:find("policy", 1, true), message)
    end
    local _, _, kind, message = rank("return function(c) return c end\n", list, want(), 438)
    t:equal(kind, "config")
    t:ok(message:find("policy.lua", 1, true), message)
  end)

  t:case("what a policy drops without a word is named, in `offers` and where nothing fits", function()
    local list = candidates({ offer("a", 0.4), offer("b", 0.3), offer("c", 0.2) }, want())
    t:equal({ rank("return function(c) return { c[1] }, { { candidate = c[2] } } end\n", list, want()) },
      { { "a" }, { "b", "c" } })
    t:equal({ rank("return function() return {} end\n", list, want()) }, { {}, { "a", "b", "c" } })
    local s = fake.new()
    s.disk[HOME .. "/policy.lua"] = { data = "return function(c) return {}, { { candidate = c[2], "
        .. "reason = 'mine: b' } } end\n", mode = 384, mtime = 0 }
    local p = s:start(function(require)
      local offers, wanted = require "start.offers",
        want { model = { name = "m" }, context = 1, vram_gb = 1, disk_gb = 1 }
      local _, rejected = offers.rank({ candidates = list, results = {} }, wanted)
      local _, problem = require("base.fail").try(offers.explain_nothing, { results = { { ok = true } } },
        rejected, wanted)
      return offers.reasons(rejected), problem.kind, problem.message
    end)
    s:run()
    local reasons, kind, message = p:result()
    t:equal({ reasons, kind },
      { { { text = "the policy gave no reason", count = 2 }, { text = "mine", count = 1 } }, "capacity" })
    t:ok(message:find("2 × the policy gave no reason, 1 × mine", 1, true), message)
  end)

  t:case("no policy gets past the price limit and the size, or doubles a candidate", function()
    local all =
      "return function(c) local r = {} for i = 1, #c do r[#r + 1] = c[i] r[#r + 1] = c[i] end return r end\n"
    local list = candidates({ offer("dear", 2), offer("small", 0.1, { vram_gb = 2 }),
      offer("good", 0.3) }, want())
    t:equal({ rank(all, list, want { max_price = 1 }) }, { { "good" }, { "dear", "small" } })
    list = candidates({ offer("with its disk", 0.995), offer("good", 0.3) }, want())
    t:equal({ rank(all, list, want { max_price = 1 }) }, { { "good" }, { "with its disk" } })
  end)

  t:case("the limit that is asked about: silently kept when something is below it, one price a "
    .. "question when nothing is", function()
    local list = candidates({ offer("a", 0.4), offer("b", 3.5) }, want())
    t:equal({ rank(nil, list, want { ask_above = 3 }) }, { { "a" }, { "b" } })
    list = candidates({ offer("a", 3.2), offer("b", 3.3), offer("c", 9) }, want())
    t:equal({ rank(nil, list, want { ask_above = 3 }) }, { { "a", "b" }, { "c" } })
    t:equal({ rank(nil, list, want()) }, { { "a", "b", "c" }, {} })
    list = candidates({ offer("a", 0.4), offer("b", 3.2) }, want())
    t:equal({ rank("return function(c) return { c[2], c[1] } end\n", list, want { ask_above = 3 }) },
      { { "a" }, { "b" } }, "whatever comes first")
  end)

  t:case("what a session costs: agreed prices by the second, kept when it ended", function()
    local session = { id = "5", hourly = 0.36, disk_hour = 0.04, started = 1000, currency = "USD" }
    t:ok(math.abs(cost.hourly(session) - 0.4) < 1e-9, "by the hour")
    t:ok(math.abs(cost.so_far(session, 1000 + 1800) - 0.2) < 1e-9, "half an hour")
    session.ended = 1900
    t:ok(math.abs(cost.so_far(session, 99999) - 0.1) < 1e-9, "a quarter, however late it is asked")
    t:ok(math.abs(cost.projected(session, 8) - 3.2) < 1e-9, "projected")
    local bill = cost.final(session, 1900, {})
    t:equal({ bill.source, bill.seconds, bill.currency }, { "reckoned", 900, "USD" })
    local function charging(upto)
      return { charges = function() return { amount = 0.11, upto = upto } end }
    end
    t:equal(cost.final(session, 1900, charging(1899)).amount, 0.11)
    t:equal(cost.final(session, 1900, charging(1500)).source, "reckoned",
      "charges that do not reach the end yet")
    local nothing = { charges = function() return { amount = 0, upto = 1900 } end }
    t:equal(cost.final(session, 1900, nothing).source, "reckoned", "nothing is charged yet")
    session.twin_seconds = 900
    t:ok(math.abs(cost.so_far(session, 99999) - 0.2) < 1e-9,
      "a second machine of the same create costs as much")
    t:equal(cost.final(session, 1900, charging(1899)).at_most, true, "at most, whatever the first is charged")
    local pulling = { id = "8", started = 1, running_at = 5, running_seen = 9, loading_at = 20, ended = 90,
      last = 90, plan = { download = 0.5 } }
    t:equal(cost.at_most(pulling), true, "not all of the download may have come")
    pulling.ready_at = 80
    t:equal(cost.at_most(pulling), false, "all of it came")
    local sessions = require "home.sessions"
    local records = { { kind = "intent", token = "t", t = 1 }, { kind = "sent", token = "t", t = 2 },
      { kind = "stopping", token = "t", t = 3 }, { kind = "absent", token = "t", t = 10, n = 1 },
      { kind = "absent", token = "t", t = 90, n = 1 }, { kind = "absent", token = "t", t = 99, n = 2 } }
    t:equal(sessions.fold(records)[1].ended, 90, "what was there again in between ended later")
    records[#records + 1] = { kind = "unproven", token = "t", t = 120 }
    t:equal(sessions.fold(records)[1].ended, nil, "what may be there after all is charged on")
    local stepped = { id = "6", hourly = 3.6, started = 1000, ended = 1090, plan = { minimum_seconds = 60 } }
    t:ok(math.abs(cost.so_far(stepped, 99999) - 0.12) < 1e-9, "each begun minute counts")
  end)
end
