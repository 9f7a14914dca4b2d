-- SPDX-License-Identifier: MIT
-- Ten thousand random policies: whatever policy.lua is, only what was offered is chosen, at its true price,
-- within the limits, and nothing leaves this computer.
local host = require "sandbox.host"
local loader = require "sandbox.loader"

local HOME = "/home/user/.continueplz"
local CASES, MANY = 10, 1000

return function(t)
  local fake = t:load("fakehost")
  local simulated = loader.new { host = host, scripts = { t.root }, user = false }
  local random, source = simulated.require("cloudsim.random"), simulated.require("dst.policy")

  local function market(rng, require, want)
    local cost, candidates = require "home.cost", {}
    for i = 1, rng:int(1, 8) do
      local offer = { provider = "vast", id = tostring(i), gpu = "a6000", gpus = 1, vram_gb = rng:int(10, 80),
        region = "eu-west", currency = "USD", on_demand = rng:int(1, 500) / 100,
        min_bid = rng:int(0, 2) > 0 and rng:int(1, 300) / 100 or nil, disk_hour = rng:int(0, 20) / 1000,
        reliability = 0.99, native = { machine_id = i } }
      for _, candidate in ipairs(cost.candidates(offer, want)) do candidates[#candidates + 1] = candidate end
    end
    return candidates
  end

  local function wanted(rng)
    local want = { vram_gb = rng:int(5, 60), disk_gb = 44, download_gb = 18.5, hours = 8, spot = true,
      bid_margin = 0.1, context = 1, model = setmetatable({ name = "m" }, { __index = { bytes = 5 } }) }
    local limit = rng:int(1, 400) / 100
    if rng:int(1, 3) == 1 then want.max_price = limit end
    if rng:int(1, 4) > 1 then want.ask_above = limit end
    return want
  end

  -- One line of everything that a candidate is.
  local function told(candidate)
    local offer = candidate.offer
    return ("%s %s %s %s %s %s %s %s"):format(offer.id, offer.provider, tostring(candidate.spot),
      tostring(candidate.bid), candidate.hourly, candidate.total, offer.vram_gb, candidate.parts.compute)
  end

  -- What holds of an order, whoever made it. candidates: all;
  -- before: their lines from before the policy saw them
  local function judge(candidates, before, want, limits, ordered)
    local known, seen = {}, {}
    for index, candidate in ipairs(candidates) do
      known[candidate] = true
      if told(candidate) ~= before[index] then
        return "a candidate was changed: " .. before[index] .. " → " .. told(candidate)
      end
    end
    if want.max_price ~= limits[1] or want.ask_above ~= limits[2] or want.vram_gb ~= limits[3]
      or want.model.bytes ~= 5 then
      return "the want was changed"
    end
    for _, candidate in ipairs(ordered) do
      if not known[candidate] then
        return "something was chosen that was not offered"
      end
      if seen[candidate] then return "a candidate was chosen twice" end
      seen[candidate] = true
      if candidate.offer.vram_gb < want.vram_gb then
        return "too small a card was chosen"
      end
      if want.max_price and candidate.hourly > want.max_price then
        return "the wall was passed"
      end
      -- Nobody was asked when the first is within the limit; one question was about the price of the first.
      local consent = want.ask_above
        and math.max(want.ask_above, ordered[1].hourly > want.ask_above and ordered[1].hourly * 1.1 or 0)
      if consent and candidate.hourly > consent then
        return "above MAX_PRICE without consent"
      end
    end
  end

  -- → what is wrong or nil, whether something was chosen, the kind of a failure
  local function try(seed)
    local rng = random.new(seed)
    local text = source.text(rng)
    local s = fake.new()
    s.disk[HOME .. "/policy.lua"] = { data = text, mode = 384, mtime = 0 }
    local p = s:start(function(require, world)
      local bounded, want = world.bounded, wanted(rng)
      world.bounded = function(count, ...) return bounded(count // 1000, ...) end
      local candidates, before = market(rng, require, want), {}
      for index, candidate in ipairs(candidates) do before[index] = told(candidate) end
      local limits = { want.max_price, want.ask_above, want.vram_gb }
      local ok, ordered = require("base.fail").try(require("start.offers").rank,
        { candidates = candidates, results = {} }, want)
      local wrong = judge(candidates, before, want, limits, ok and ordered or {})
      if not ok and not ordered.message:find("policy", 1, true) then
        wrong = wrong or "a failure that does not name it: " .. ordered.message
      end
      return wrong, ok and #ordered > 0, not ok and ordered.kind or nil
    end)
    s:run()
    local wrong, chosen, kind = p:result()
    if #s.requests > 0 then wrong = "a request was sent" end
    if kind and kind ~= "config" then wrong = wrong or "it failed as " .. kind end
    return wrong and ("policy %d: %s\n%s"):format(seed, wrong, text), chosen, kind
  end

  for number = 1, CASES do
    t:case(("%d random policies break no rule about money, seeds from %d"):format(MANY,
      (number - 1) * MANY + 1), function()
      local chosen, refused = 0, 0
      for seed = (number - 1) * MANY + 1, number * MANY do
        local wrong, some, kind = try(seed)
        if wrong then error(wrong, 0) end
        chosen, refused = chosen + (some and 1 or 0), refused + (kind and 1 or 0)
      end
      t:ok(chosen > MANY / 10, chosen .. " policies chose something, which is too few to tell anything")
      t:ok(refused > MANY / 10, refused .. " policies were refused, which is too few to tell anything")
      t:equal({ ("%s"):format("still"), math.min(2, 1), getmetatable("") }, { "still", 1, "string" },
        "what others work with")
    end)
  end
end
