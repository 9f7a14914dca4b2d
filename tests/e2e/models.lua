-- SPDX-License-Identifier: MIT
-- Models outside the table: sized by the registry before anything is rented,
-- and refused when nothing holds them.
local expect = require "e2e.expect"

-- 80 layers, 8 heads, 128 wide: 320 KiB for a token (facts/serving.md §2.4)
local OTHER = "--model=qwen2.5:72b"
local cases = {}

local function case(name, run, options) cases[#cases + 1] = { name = name, run = run, options = options } end

local function requests(r) return r:control("GET", "/requests").requests end

-- Numbers of the first request to the weights and of the first create, nil where there was none.
local function order(r)
  local read, created
  for _, each in ipairs(requests(r)) do
    if each.path:find("^/storage/") and not read then read = each.n end
    if each.method == "PUT" and each.path:find("/asks/", 1, true) and not created then created = each.n end
  end
  return read, created
end

case("a model outside the table is sized from its weights, then rented where it fits", function(r)
  local info = expect.json(expect.ends(r:run("models", "info", "qwen2.5:72b", "--output=json"), 0,
    "its weights say 320 KiB"))
  expect.that(info.kv_source == "weights" and info.bytes_source == "registry", "not measured")
  expect.ends(r:run("up", "--cheapest", OTHER, "--on-demand"), 0, "320 KiB for a token", "READY")
  local read, created = order(r)
  expect.that(read and created and read < created,
    ("weights read at %s, created at %s"):format(tostring(read), tostring(created)))
  local offers = expect.json(r:run("offers", OTHER, "--on-demand", "--output=json"))
  expect.that(offers.vram_gb == info.vram_gb,
    ("offers need %s GB, info %s GB"):format(offers.vram_gb, info.vram_gb))
  for _, offer in ipairs(offers.offers) do
    expect.that(offer.vram_gb * offer.gpus >= info.vram_gb, offer.gpu .. " is too small")
    local speed = offer.tokens_per_second_measured or offer.tokens_per_second_estimate
    local million = offer.hourly / (speed * 3600) * 1e6
    expect.that(math.abs(million - offer.usd_per_million_tokens_estimate) < 0.02 * million,
      "a million costs " .. million)
  end
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end)

case("weights that are lost on the way: a pessimistic guess, said so; without the "
  .. "registry nothing is rented", function(r)
  r:fault { name = "registry.down", sticky = true, match = { path = "^/storage/" } }
  local result = expect.ends(r:run("up", OTHER, "--dry-run"), 0, "is not known",
    "assumed to be much, 360 KiB", "Dry run")
  expect.lacks(expect.plain(result), "traceback", r.account_key)
  r:heal()
  r:fault { name = "registry.down", sticky = true }
  expect.ends(r:run("up", "--cheapest", "--model=qwen3-coder:30b"), 5)
  expect.ends(r:run("models", "info", "qwen3-coder:30b"), 0, "by the built-in table")
  expect.ends(r:run("models", "info", "qwen2.5:72b"), 5)
  local _, created = order(r)
  expect.that(not created, "something was created")
  expect.all_over(r)
end)

return cases
