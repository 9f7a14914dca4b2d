-- SPDX-License-Identifier: MIT
-- The paged list of instances (facts/vast.md §1.8).
local host = require "sandbox.host"
local loader = require "sandbox.loader"

return function(t)
  local testing = loader.new { host = host, scripts = { t.root }, user = false }.require("cloudsim.testing")

  local function fleet(count)
    local rows = {}
    for i = 1, count do
      rows[i] = { gpu_name = "RTX 4090", gpu_ram = 24564, dph = 0.01, min_bid = 0.005, geo = "Poland, PL" }
    end
    local sim = testing.new { offers = rows, credit = 1000 }
    for i = 1, count do
      assert(sim:rent({}, { label = "cplz-" .. i % 3, disk = 10 }))
    end
    return sim
  end

  local function pages(sim, query)
    local ids, number, after = {}, 0, ""
    repeat
      local status, value = sim:call("GET", "/api/v1/instances/?limit=" .. (query or 25) .. "&after_token="
        .. after)
      t:equal(status, 200)
      for _, row in ipairs(value.instances) do
        ids[#ids + 1] = row.id
      end
      number, after = number + 1, value.next_token
    until not after
    return ids, number
  end

  t:case("26 instances take two pages, in order, none twice", function()
    local sim = fleet(26)
    local ids, number = pages(sim)
    t:equal(number, 2)
    t:equal(ids, sim.world.vast.order)
    t:equal({ pages(sim, 1000) }, { sim.world.vast.order, 2 }, "25 is the most")
    t:equal(select(2, pages(sim, 0)), 6, "0 means 5")
    t:equal(select(2, pages(sim, -3)), 6)
    local _, value = sim:call("GET", "/api/v1/instances/?limit=10")
    t:equal({ value.instances_found, value.total_instances, #value.instances }, { 10, 26, 10 })
    t:equal(value.label_counts["cplz-0"], 8)
  end)

  t:case("a machine destroyed between two pages shifts nothing", function()
    local sim = fleet(8)
    local _, first = sim:call("GET", "/api/v1/instances/?limit=4")
    sim:call("DELETE", "/api/v0/instances/" .. first.instances[4].id .. "/")
    local _, second = sim:call("GET", "/api/v1/instances/?limit=4&after_token=" .. first.next_token)
    t:equal(#second.instances, 4)
    t:equal(second.instances[1].id, sim.world.vast.order[5])
    t:equal(second.next_token, nil)
  end)

  t:case("a bad cursor and bad columns are refused", function()
    local sim = fleet(2)
    local status, value = sim:call("GET", "/api/v1/instances/?after_token=zzz")
    t:equal({ status, value.error, value.msg }, { 400, "invalid_token", "Invalid pagination token" })
    status, value = sim:call("GET", '/api/v1/instances/?select_filters={"dph_total":{"lte":1}}')
    t:equal({ status, value.error }, { 400, "invalid_request" })
    t:equal(value.msg, "Error in query parameters: dph_total is not a valid search key")
    t:equal(sim:call("GET", '/api/v1/instances/?order_by=[{"col":"dph_total","dir":"asc"}]'), 400)
    t:equal(sim:call("GET", "/api/v1/instances/?select_filters=nonsense"), 400)
    t:equal(sim:call("GET", "/api/v1/instances/?limit=many"), 400)
  end)

  t:case("filters, order and columns", function()
    local sim = fleet(7)
    local _, value = sim:call("GET",
      "/api/v1/instances/?select_filters=%7B%22label%22%3A%7B%22eq%22%3A%22cplz-1%22%7D%7D")
    t:equal(#value.instances, 3)
    t:equal(value.total_instances, 3)
    _, value = sim:call("GET", '/api/v1/instances/?select_filters={"label":{"in":["cplz-0","cplz-2"]}}')
    t:equal(#value.instances, 4)
    _, value = sim:call("GET", '/api/v1/instances/?order_by=[{"col":"id","dir":"desc"}]&limit=3')
    t:equal(value.instances[1].id, sim.world.vast.order[7])
    _, value = sim:call("GET", '/api/v1/instances/?order_by=[{"col":"id","dir":"desc"}]&limit=3&after_token='
      .. value.next_token)
    t:equal(value.instances[1].id, sim.world.vast.order[4])
    local _, _, response = sim:call("GET", '/api/v1/instances/?select_cols=["id","no_such_column"]&limit=1')
    t:ok(response.body:find('{"id":' .. sim.world.vast.order[1] .. ',"no_such_column":null}', 1, true),
      response.body)
  end)

  t:case("an empty account: an array, no token", function()
    local sim = testing.new()
    local _, value, response = sim:call("GET", "/api/v1/instances/")
    t:equal(value.instances, {})
    t:ok(response.body:find('"instances":[]', 1, true))
    t:ok(response.body:find('"next_token":null', 1, true))
  end)
end
