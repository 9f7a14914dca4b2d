-- SPDX-License-Identifier: MIT
-- Search of offers (facts/vast.md §1.5): filters really evaluated, prices as asked for.
local host = require "sandbox.host"
local loader = require "sandbox.loader"

return function(t)
  local simulated = loader.new { host = host, scripts = { t.root }, user = false }
  local testing = simulated.require("cloudsim.testing")
  local json = simulated.require("base.json")

  local ANY = { verified = { ["in"] = { true, false } }, limit = 1000 }

  local function search(sim, query)
    sim:pass(60)
    return sim:search(query)
  end

  local function with(query)
    local merged = {}
    for _, source in ipairs { ANY, query } do
      for key, value in pairs(source) do -- order: free
        merged[key] = value
      end
    end
    return merged
  end

  t:case("every operator, against a count by hand", function()
    local sim = testing.new()
    local all = search(sim, with {})
    t:ok(#all >= 25, "a market")
    local function count(query, keep)
      local number = 0
      for _, row in ipairs(all) do
        number = number + (keep(row) and 1 or 0)
      end
      t:equal(#search(sim, with(query)), number, json.encode(query))
      t:ok(number > 0 and number < #all, json.encode(query) .. " tells nothing apart")
    end
    count({ gpu_name = { eq = "RTX 4090" } }, function(r) return r.gpu_name == "RTX 4090" end)
    count({ gpu_name = { neq = "RTX 4090" } }, function(r) return r.gpu_name ~= "RTX 4090" end)
    count({ gpu_name = { ["in"] = { "L40", "L40S" } } }, function(r) return r.gpu_name == "L40"
      or r.gpu_name == "L40S" end)
    count({ gpu_name = { notin = { "L40", "L40S" } } }, function(r) return r.gpu_name ~= "L40"
      and r.gpu_name ~= "L40S" end)
    count({ gpu_ram = { gte = 40960, lt = 49140 } }, function(r) return r.gpu_ram >= 40960
      and r.gpu_ram < 49140 end)
    count({ dph_total = { lte = 0.5 } }, function(r) return r.dph_total <= 0.5 end)
    count({ num_gpus = { gt = 1 } }, function(r) return r.num_gpus > 1 end)
    count({ min_bid = { gt = 0 } }, function(r) return r.min_bid ~= nil end)
    count({ cpu_arch = { eq = "amd64" } }, function(r) return r.cpu_arch == "amd64" end)
    count({ vms_enabled = { eq = true } }, function(r) return r.vms_enabled end)
    count({ datacenter = { eq = true } }, function(r) return r.hosting_type == 1 end)
    count({ duration = { gte = 86400 } }, function(r) return r.duration >= 86400 end)
    count({ direct_port_count = { gte = 2 } }, function(r) return r.direct_port_count >= 2 end)
    count({ reliability2 = { gte = 0.95 } }, function(r) return r.reliability >= 0.95 end)
    count({ driver_version = { gt = 570133020 } }, function(r) return r.driver_vers > 570133020 end)
  end)

  t:case("the server's own defaults: verified, rentable, not rented", function()
    local sim = testing.new()
    for _, row in ipairs(search(sim, {})) do
      t:equal(row.verification, "verified")
      t:equal({ row.rentable, row.rented }, { true, false })
    end
    local unverified = search(sim, { verified = { eq = false } })
    t:equal(#unverified, 2)
    t:ok(unverified[1].verification ~= "verified")
  end)

  t:case("geolocation is asked by country code and answered as text or null", function()
    local sim = testing.new()
    local us = search(sim, with { geolocation = { eq = "US" } })
    local seen = {}
    for _, row in ipairs(us) do
      seen[row.geolocation] = true
    end
    t:ok(seen[", US"] and seen["United States, US"] and seen["California, United States"]
      and seen["Texas, US"])
    t:equal(#search(sim, with { geolocation = { ["in"] = { "SE", "FI" } } }), 3)
    local _, _, response = sim:call("POST", "/api/v0/bundles/", with { gpu_name = { eq = "RTX 3090" } })
    for _, name in ipairs { "geolocation", "cpu_cores", "min_bid", "external", "hostname" } do
      t:ok(response.body:find('"' .. name .. '":null', 1, true), name .. " must be a written null")
    end
  end)

  t:case("gpu_name is exact, with spaces; a filter of 24 × 1024 drops the 4090", function()
    local sim = testing.new()
    t:equal(#search(sim, with { gpu_name = { eq = "RTX_4090" } }), 0)
    t:equal(#search(sim, with { gpu_name = { eq = "L4" } }), 1)
    t:equal(#search(sim, with { gpu_name = { eq = "RTX 4090" }, gpu_ram = { gte = 24 * 1024, lte = 30000 } }),
      0)
    t:equal(#search(sim, with { gpu_name = { eq = "RTX 4090" }, gpu_ram = { gte = 22800, lte = 30000 } }), 2)
  end)

  t:case("numbers that come as text count as numbers", function()
    local sim = testing.new()
    t:equal(#search(sim, with { num_gpus = { eq = "2" } }), 1)
    t:equal(#search(sim, with { num_gpus = { gte = "2" } }), 1)
  end)

  t:case("unknown fields are tolerated, `external:{eq:false}` fits null", function()
    local sim = testing.new()
    t:equal(#search(sim, with { no_such_field = { eq = 5 }, external = { eq = false },
      disable_bundling = true }), #search(sim, with {}))
  end)

  t:case("disk arithmetic: storage_cost × GB / 720", function()
    local sim = testing.new()
    local row = search(sim, { gpu_name = { eq = "B200" }, allocated_storage = 120 })[1]
    t:equal(row.storage_total_cost, row.storage_cost * 120 / 720)
    t:equal(row.dph_total, row.dph_base + row.storage_total_cost)
    t:equal(row.search.totalHour, row.dph_total)
    row = search(sim, { gpu_name = { eq = "B200" } })[1]
    t:equal(row.storage_total_cost, row.storage_cost * 8 / 720, "8 GB unless told")
    t:equal(row.internet_down_cost_per_tb, row.inet_down_cost * 1024)
  end)

  t:case("type bid computes prices from the minimum bid and leaves out what takes no bids", function()
    local sim = testing.new()
    for _, kind in ipairs { "on-demand", "ondemand" } do
      local row = search(sim, { gpu_name = { eq = "B200" }, type = kind })[1]
      t:equal({ row.dph_base, row.is_bid, row.min_bid }, { 3.9, false, 2.7 })
    end
    local row = search(sim, { gpu_name = { eq = "B200" }, type = "bid" })[1]
    t:equal({ row.dph_base, row.is_bid }, { 2.7, true })
    t:equal(row.dph_total, 2.7 + row.storage_total_cost)
    for _, each in ipairs(search(sim, with { type = "bid" })) do
      t:ok(each.min_bid, "an offer without bids")
    end
  end)

  t:case("order and limit", function()
    local sim = testing.new()
    local rows = search(sim, with { order = { { "dph_total", "asc" } } })
    for i = 2, #rows do
      t:ok(rows[i - 1].dph_total <= rows[i].dph_total, "the order at " .. i)
    end
    rows = search(sim, with { order = { { "gpu_name", "desc" }, { "dphtotal", "asc" } }, limit = 3 })
    t:equal(#rows, 3)
    t:equal(rows[1].gpu_name, "Tesla T4")
    rows = search(sim, with { order = { { "min_bid", "asc" } } })
    t:equal(rows[#rows].min_bid, nil, "nulls last")
  end)

  t:case("a malformed question is a 400", function()
    local sim = testing.new()
    for _, body in ipairs { "{", "[1", '{"gpu_ram":5}', '{"gpu_ram":{"above":5}}', '{"type":"cheap"}',
      '{"limit":"all"}', '{"order":"dph"}' } do
      local status, value = sim:call("POST", "/api/v0/bundles/", body)
      t:equal({ status, value.error, value.msg }, { 400, "invalid_request", "Invalid json body" }, body)
    end
  end)

  t:case("PUT search/asks gives the same, and chosen columns", function()
    local sim = testing.new()
    local _, value = sim:call("PUT", "/api/v0/search/asks/", { select_cols = { "*" },
      q = { gpu_name = { eq = "B200" } } })
    local posted = search(sim, { gpu_name = { eq = "B200" } })
    posted[1].duration, value.offers[1].duration = nil, nil -- time has passed
    t:equal(value.offers, posted)
    local _, _, response = sim:call("PUT", "/api/v0/search/asks/", { select_cols = { "id", "nope" },
      q = { gpu_name = { eq = "B200" } } })
    t:ok(response.body:find('"nope":null', 1, true))
    t:ok(not response.body:find("gpu_name", 1, true))
  end)

  t:case("the same seed gives the same market, another one another", function()
    local a, b, c = testing.new(), testing.new(), testing.new { seed = 8 }
    t:equal(search(a, with {}), search(b, with {}))
    t:ok(search(a, with {})[1].id ~= search(c, with {})[1].id)
  end)

  t:case("an offer whose contract ends is no offer any more", function()
    local sim = testing.new()
    local query = { gpu_name = { eq = "RTX A6000" }, geolocation = { eq = "IE" } }
    t:equal(#search(sim, query), 1)
    sim:pass(0.1 * 86400)
    t:equal(#search(sim, query), 0)
  end)
end
