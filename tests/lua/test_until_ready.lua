-- SPDX-License-Identifier: MIT
-- How long until READY: measured where it was, else estimated; what --ready-within leaves out by either.
local cost = require "home.cost"
local measured = require "home.measured"
local until_ready = require "start.until_ready"
local view = require "ui.offers"

local GB = 20

return function(t)
  local function offer(id, host, more)
    local made = { provider = "vast", id = id, gpu = "a6000", gpus = 1, vram_gb = 51, region = "eu-west",
      on_demand = 0.5, disk_hour = 0, down_gb = 0, host = host }
    for name, value in pairs(more or {}) do made[name] = value end -- order: free
    return made
  end

  local rented = { id = "i", provider = "vast", model = "m:1", started = 100, ready_at = 700, speed = 100,
    pulled = 200, plan = { gpu = "a6000", gpus = 1, host = "h1", download_gb = GB } }

  local function want(within, sessions)
    return { download_gb = GB, hours = 8, ready_within = within, model = { name = "m:1" },
      measured = measured.from(sessions or {}, "m:1"),
      ready = until_ready.estimator(GB) }
  end

  local function candidates(wanted, ...)
    local list = {}
    for index, each in ipairs { ... } do list[index] = cost.candidates(each, wanted)[1] end
    return list
  end

  -- the ids that are kept, and the reasons of the others
  local function decided(wanted, ...)
    local kept, refused = until_ready.in_time(candidates(wanted, ...), wanted)
    local ids, why = {}, {}
    for index, each in ipairs(kept) do ids[index] = each.offer.id end
    for index, each in ipairs(refused) do why[index] = each.candidate.offer.id .. " " .. each.reason end
    return { table.concat(ids, " "), table.concat(why, "; ") }
  end

  t:case("the estimate: until it runs, the download at the stated speed, into memory", function()
    local estimate = until_ready.estimator(GB)
    t:equal(estimate(offer("1", "h", { bandwidth_down = 800 })), 180 + 200 + 20.0)
    t:equal(estimate(offer("1", "h")), 180 + 200 + 20.0, "none is stated")
    t:equal(estimate(offer("1", "h", { bandwidth_down = 1e6 })), 180 + 40 + 20.0,
      "what nobody gets")
    t:equal(estimate(offer("1", "h", { provider = "nowhere" })), 300 + 200 + 20.0)
  end)

  t:case("what was measured stands in the place of the estimate, of that host, else of the card", function()
    local list = candidates(want(nil, { rented }), offer("1", "h1"), offer("2", "h2"),
      offer("3", "h3", { gpu = "l40" }))
    t:equal({ list[1].ready, list[2].ready }, { { seconds = 600, measured = true },
      { seconds = 600, measured = true } })
    t:equal(list[3].ready, { seconds = 400, measured = false })
    t:equal({ until_ready.text(list[1].ready), until_ready.text(list[3].ready) },
      { "READY after 10m 00s as measured here", "READY after about 6m 40s by estimate" })
    t:equal({ view.ready_text(list[1]), view.ready_text(list[3]) },
      { "  READY after 10m 00s: measured here before (1 rent)",
        "  READY after about 6m 40s: estimated, for nothing was measured here before" })
    t:equal({ view.candidate(list[1]).ready_seconds_measured, view.candidate(list[1]).ready_seconds_estimate,
      view.candidate(list[3]).ready_seconds_estimate }, { 600, nil, 400 })
  end)

  t:case("without a time nothing is left out; a measured time that is too long is", function()
    local slow, other = offer("1", "h1"), offer("2", "h2", { gpu = "l40" })
    t:equal(decided(want(nil, { rented }), slow, other), { "1 2", "" })
    t:equal(decided(want(600, { rented }), slow, other), { "1 2", "" })
    t:equal(decided(want(599, { rented }), slow, other),
      { "2", "1 READY after 10m 00s as measured here: 9m 59s was asked for" })
    t:equal(decided(want(300, { rented }), slow), { "", "1 READY after 10m 00s as measured here: 5m 00s was "
      .. "asked for" })
  end)

  t:case("by an estimate one is left out only where another is expected in time", function()
    local fast, slow = offer("1", "h1", { bandwidth_down = 8000 }), offer("2", "h2")
    t:equal(decided(want(300), slow, fast), { "1", "2 READY after about 6m 40s by estimate: 5m 00s was asked "
      .. "for" })
    t:equal(decided(want(100), slow, fast), { "2 1", "" }, "nobody is kept from trying")
    t:equal(decided(want(100, { rented }), offer("3", "h1"), offer("4", "h9", { gpu = "l40" })),
      { "4", "3 READY after 10m 00s as measured here: 1m 40s was asked for" })
  end)
end
