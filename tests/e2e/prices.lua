-- SPDX-License-Identifier: MIT
-- The list of offers: why each is left out, euros at the day's rate, what earlier rents measured, and looking
-- again and again.
local expect = require "e2e.expect"
local rig = require "e2e.rig"

local MODEL = "--model=qwen3-coder:30b"
local cases = {}

local function case(name, run, options) cases[#cases + 1] = { name = name, run = run, options = options } end

case("both clouds in one list, each that is left out with its reason, in the order that is asked for",
  function(r)
    local result = expect.ends(r:run("offers", MODEL, "--explain", "--sort=speed"), 0,
      "vast: 20 offers",
      "Left out, and why:", "too small: ",
      "an ARM machine", "above MAX_PRICE")
    local speeds = {}
    for line in result.out:gmatch("[^\n]+") do
      local speed = line:match("^[* ] %a+ .- ~(%d+)%s+~%$")
      speeds[#speeds + 1] = speed and tonumber(speed)
    end
    for index = 2, #speeds do expect.that(speeds[index] <= speeds[index - 1], result.out) end
    expect.that(#speeds >= 15, #speeds .. " rows")
    local object = expect.json(r:run("offers", MODEL, "--explain", "--output=json"))
    local names = {}
    for index, each in ipairs(object.providers) do names[index] = each.name end
    expect.that(table.concat(names, " ") == "vast lambda", table.concat(names, " "))
    expect.that(#object.providers[2].left_out > 0, "what a cloud's script left out is not told")
    expect.ends(r:run("offers", MODEL, "--watch", "--output=json"), 2, "again and again")
  end, { cloud = "vast+lambda" })

case("euros at the day's rate of the feed; one that is down or old leaves dollars and a sentence", function(r)
  r:write_env { EUR_RATE = "ecb", ECB_URL = r.address.ecb, CURRENCY = "eur" }
  expect.ends(r:run("offers", MODEL), 0, "€1.4", "Euros at the rate of ECB of 20")
  r:control("POST", "/set", { ecb_answer = "down" })
  expect.ends(r:run("offers", MODEL), 0, "Euros at the rate of ECB of 20") -- it is kept
  require("base.files").remove(r.home .. "/euro.rate")
  local result = expect.wrapped(expect.ends(r:run("offers", MODEL), 0, "$1.70"), "rate is not to be had",
    "prices are in dollars")
  expect.that(not result.out:find("€", 1, true), result.out)
  require("base.files").remove(r.home .. "/euro.rate")
  r:control("POST", "/set", { ecb_answer = "feed" })
  r:write_env { EUR_RATE = "ecb", ECB_URL = r.address.ecb, DAILY_BUDGET_EUR = "1.48" }
  expect.ends(r:run("--cheapest", MODEL, "--dry-run"), 0, "€1.47")
  require("base.files").remove(r.home .. "/euro.rate")
  r:control("POST", "/set", { ecb_days = 30 })
  expect.wrapped(r:run("--cheapest", MODEL, "--dry-run"), "what is kept is too old")
  expect.wrapped(expect.ends(r:run("offers", MODEL), 0, "$1.70"), "what is kept is too old")
end)

case("what a rent measured is shown instead of the estimate", function(r)
  expect.ends(r:run("--cheapest", MODEL, "-y"), 0, "READY")
  expect.ends(r:run("stop"), 0)
  expect.ends(r:run("offers", MODEL), 0, "measured here before (1 rent): ", "tokens/s, READY after ")
  local first = expect.json(r:run("offers", MODEL, "--output=json")).offers[1]
  expect.that(first.tokens_per_second_measured and first.ready_seconds_measured
    and first.mb_per_second_measured and not first.tokens_per_second_estimate, "not measured")
  expect.wrapped(r:run("offers", MODEL, "--explain"), "READY after", "measured here before (1 rent)")
  local short = "--ready-within=" .. math.max(1, math.floor(first.ready_seconds_measured * 25)) .. "s"
  expect.wrapped(r:run("offers", MODEL, "--explain", short), "as measured here", "was asked for")
  expect.ends(r:run("up", MODEL, "--plan", "--ready-within=10m"), 0, "measured here before (1 rent)")
  expect.all_over(r)
end)

case("a start that waits until something can be had, and tells", function(r)
  r:fault { name = "offers.empty", sticky = true }
  local child = r:start("--cheapest", MODEL, "-y", "--wait")
  rig.wait_for("a second try", 30, function() return rig.said(child):find("the next try is in", 1, true) end)
  expect.machines(r, 0)
  r:heal()
  expect.that(r:finish(child).code == 0, rig.said(child))
  expect.ends(r:run("stop"), 0)
  expect.ends(r:run("--cheapest", MODEL, "--wait", "--dry-run"), 2, "--dry-run rents none")
  expect.ends(r:run("--cheapest", MODEL, "--retry-until=9:30", "--keep-on-failure"), 2, "one of them")
  expect.ends(r:run("--cheapest", MODEL, "--ready-within=off"), 2, "--ready-within: 'off'")
  expect.all_over(r)
end, { scale = 200 })

case("looking again and again, until it is interrupted", function(r)
  local child = r:start("offers", MODEL, "--watch")
  rig.wait_for("a second look", 30, function() return rig.said(child):find("unchanged: vast", 1, true) end)
  child:kill("INT")
  expect.that(r:finish(child).code == 130, "it does not end as interrupted")
end, { scale = 1000 })

return cases
