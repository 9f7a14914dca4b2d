-- SPDX-License-Identifier: MIT
-- The offer that a person named: what names one, what comes first, and why it cannot be had.
local named = require "start.named"
local offers = require "start.offers"

return function(t)
  local run, KEY = t:load("setup_world")(t).run, "good-key-0123456789abcdef"

  local function candidate(provider, id, spot, hourly)
    return { offer = { provider = provider, id = id, gpu = "a6000", gpus = 1, vram_gb = 51 },
      spot = spot or false, hourly = hourly or 1, total = (hourly or 1) * 8, parts = {} }
  end

  local function want(more)
    local made = { vram_gb = 20, hours = 8, spot = true, model = { name = "m:1" },
      offer = { provider = "vast", id = "77", text = "vast/77" } }
    for name, value in pairs(more or {}) do made[name] = value end -- order: free
    return made
  end

  local function ids(list)
    local found = {}
    for index, each in ipairs(list) do
      found[index] = each.offer.provider .. "/" .. each.offer.id .. (each.spot and " spot" or "")
    end
    return found
  end

  t:case("its ways to be rented come first, all others keep their order", function()
    local list = { candidate("vast", 1), candidate("lambda", "77"), candidate("vast", 77, true),
      candidate("vast", 2), candidate("vast", 77) }
    t:equal(ids(named.first(list, {}, want(), {})),
      { "vast/77 spot", "vast/77", "vast/1", "lambda/77", "vast/2" })
    t:equal(named.first(list, {}, { offer = nil }, {}), list)
  end)

  t:case("the policy and the limits have their say: what they refuse is not taken, and says why", function()
    local function rank(list, more)
      return offers.rank({ candidates = list, results = { { name = "vast", ok = true, count = #list } } },
        want(more))
    end
    local cheap, dear = candidate("vast", 1, false, 0.5), candidate("vast", 77, false, 4)
    t:equal(ids((rank { cheap, dear })), { "vast/77", "vast/1" })
    t:equal(ids((rank({ cheap, dear }, { ask_above = 3 }))), { "vast/77", "vast/1" }, "it is asked about")
    local function refused(list, more, ...)
      local why = t:raises("capacity", rank, list, more)
      for _, text in ipairs { ... } do t:ok(tostring(why):find(text, 1, true), tostring(why)) end
    end
    refused({ cheap, dear }, { max_price = 3 }, "the offer vast/77 is not taken: too dear: $4.000/h")
    refused({ cheap, dear }, { gpu = "h100" }, "vast/77 is not taken: card a6000, and h100 was asked for")
    refused({ cheap, dear }, { vram_gb = 100 }, "vast/77 is not taken: too small")
    refused({ cheap, candidate("vast", 77, true) }, { spot = false }, "not taken: spot, and on-demand")
    refused({ cheap }, {}, "vast offers no 77 for m:1, or not any more", "offers --all")
    refused({ candidate("lambda", 77) }, {}, "vast offers no 77")
  end)

  t:case("a cloud that was silent, or whose script left it out, is the reason", function()
    local function why(kind, result)
      return tostring(t:raises(kind, named.first, {}, {}, want(), { { name = "lambda", ok = false,
        message = "other" }, result }))
    end
    t:ok(why("transient", { name = "vast", ok = false, message = "no answer",
      error = { kind = "transient" } }):find("the offer vast/77 cannot be looked up: no answer", 1, true))
    t:ok(why("config", { name = "vast", ok = false, skipped = true, message = "no guard" })
      :find("no guard", 1, true))
    t:ok(why("capacity", { name = "vast", ok = true, left = { { id = "7", reason = "a" },
      { id = "77", reason = "its driver is too old" } } }):find("not taken: its driver is too old", 1, true))
  end)

  t:case("what names no offer is refused in one sentence, before anything is asked", function()
    local env = { VAST_API_KEY = KEY }
    local function refused(line, code, text, more)
      local result, _, err, s = run(line, { env = more or env })
      t:equal(result, code, line .. ": " .. err)
      t:ok(err:find(text, 1, true), err)
      t:equal(#s.requests, 0, line)
    end
    refused("up --offer=77", 2, "--offer: '77' names no offer; write CLOUD/ID")
    refused("up --offer=/77", 2, "names no offer")
    refused("up --offer=vast/", 2, "names no offer")
    refused("up --offer=vastt/77", 2, "there is no cloud named 'vastt'")
    refused("up --offer=lambda/77", 3, "has no key")
    refused("up --offer=vast/77 --provider=lambda", 3, "has no key")
    refused("up --offer=vast/77 --provider=lambda", 2, "--offer names one of vast, and only lambda is asked "
      .. "(--provider)", { VAST_API_KEY = KEY, LAMBDA_API_KEY = "x", GUARD_ACCOUNT_KEY = "yes" })
    refused("schedule add --start=08:00 --offer=vast/77", 2, "schedule does not take --offer")
    for _, sum in ipairs { "0", "-1", "1e3", "0x10", "1,50", "nan", "100001", "$2", "" } do
      refused("up --agreed=" .. sum, 2, sum == "" and "needs a value" or "is no sum in dollars")
    end
    refused("up --agreed=2 --dry-run", 2, "--dry-run rents nothing")
  end)
end
