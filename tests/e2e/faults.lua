-- SPDX-License-Identifier: MIT
-- Every fault a cloud can have, from one table: what is ordered, how the start must end,
-- and that the ledger agrees.
local expect = require "e2e.expect"
local rig = require "e2e.rig"
local task = require "base.task"

local MODEL = "--model=qwen3-coder:30b"
local VAST, LAMBDA = { "vast" }, { "lambda" }
local NO_RELAY = "its ports are those of this computer, which nothing keeps away"
local NOT_PUSHED = { lambda = "the guard's program comes with the machine", coreweave = NO_RELAY }
local LACKS = { coreweave = "a lack is a machine that never comes up, as in `boot that never ends`" }
local UNKEPT = { coreweave = NO_RELAY }
local OVER = { runpod = "TCP" } -- what carries the tunnel
local cases = {}

-- name; faults ordered before; exit code of `up`; texts that must be read; when up succeeds it is stopped
-- again; clouds, not_at: as in e2e/table.lua.
local table_of_faults = {
  { "no capacity on the first offers", { { name = "create.no_capacity", count = 2 } }, 0, { "next offer" },
    not_at = LACKS },
  { "no capacity anywhere", { { name = "create.no_capacity", sticky = true } }, 4, { "tried in vain" },
    words = "--max-price=9", not_at = LACKS },
  { "answer of the create lost: one machine, adopted", { { name = "create.answer_lost", count = 1 } }, 0 },
  -- What was never answered nor seen is looked for again for a day, so the agent stays.
  { "create lost before it arrived", { { name = "create.lost_before", count = 1 } }, 0, {}, true },
  { "an error answer that created one", { { name = "create.error_but_created", count = 1 } }, 0 },
  { "a refusal that created one", { { name = "create.error_but_created", count = 1, mode = "gone" } }, 0,
    { "the cloud refused the create, but made", "it is ended" },
    not_at = { coreweave = "what it makes has a name: it is taken, whatever was answered" } },
  { "a create that made two: the second one is ended before READY", { { name = "create.twice", count = 1 } },
    0, { "made two machines", "is proven gone" } },
  { "price changed at the create", { { name = "create.price_changed", count = 1 } }, 0 },
  { "boot that never ends", { { name = "boot.stuck", count = 1 } }, 0, { "did not come up" } },
  { "container that cannot start", { { name = "boot.oci_failure", count = 1 } }, 0 },
  { "a machine whose system ends", { { name = "boot.exited", count = 1 } }, 0 },
  { "a machine without UDP", { { name = "boot.no_udp", count = 1 } }, 0,
    { "trying TCP on the same machine" }, not_at = { coreweave = "its tunnel comes over TCP in any case" } },
  { "a machine whose tunnel is silent", { { name = "boot.no_tunnel", count = 1 } }, 0,
    { "no tunnel handshake over {OVER} with" }, not_at = UNKEPT },
  { "two machines without UDP: the user's network", { { name = "boot.no_tunnel", sticky = true } }, 5,
    { "gave no tunnel handshake over {OVER}", "your own network" }, not_at = UNKEPT },
  { "a machine that takes no push", { { name = "boot.no_push", count = 1 } }, 0,
    { "did not take the guard program" }, not_at = NOT_PUSHED },
  { "a guard that the cloud refuses for a moment", { { name = "guard.refused", count = 2 } }, 0,
    { "Guard armed" } },
  { "a guard that the cloud refuses: no READY", { { name = "guard.refused", sticky = true } }, 4,
    { "the cloud does not let it end the machine: rehearse answered HTTP 40" } },
  { "pull that stalls", { { name = "pull.stall", count = 1 } }, 0 },
  { "pull that fails inside a 200", { { name = "pull.error", sticky = true } }, 1 },
  { "cloud down", { { name = "api.down", sticky = true } }, 5 },
  { "key revoked", { { name = "api.auth", sticky = true } }, 3 },
  { "HTML instead of JSON", { { name = "api.html", sticky = true } }, 5, everywhere = true },
  { "endless body", { { name = "api.endless_body", sticky = true } }, 5, everywhere = true },
  { "offers with nulls where none matters",
    { { name = "offers.nulls", sticky = true, fields = { "geolocation", "cpu_cores", "min_bid" } } }, 0,
    clouds = VAST },
  { "offers without a price", { { name = "offers.nulls", sticky = true } }, 4, clouds = VAST },
  { "types without a price",
    { { name = "offers.nulls", sticky = true, fields = { "price_cents_per_hour" } } }, 4, clouds = LAMBDA },
  { "no offers", { { name = "offers.empty", sticky = true } }, 4 },
  { "the day's searches are used up: said until when", { { name = "offers.quota", sticky = true } }, 4,
    { "Vast takes no more searches of this account until 20", "T00:00:00Z (in ",
      "only another cloud can be searched" }, clouds = VAST },
  { "registry down", { { name = "registry.down", sticky = true } }, 5 },
  { "a machine that says it is unhealthy serves all the same", { { name = "boot.unhealthy", count = 1 } }, 0,
    clouds = LAMBDA },
  { "the model server cannot be fetched", { { name = "download.404", sticky = true } }, 1,
    { "could not be fetched" }, clouds = LAMBDA },
  { "the model server comes as a web page first", { { name = "download.html", count = 1 } }, 0,
    clouds = LAMBDA },
  { "too many requests now and then", { { name = "api.429", count = 3 } }, 0 },
}

for _, row in ipairs(table_of_faults) do
  local name, faults, code, texts, lost = table.unpack(row, 1, 5)
  -- A lost create is doubtful for an hour, which a loaded computer must not use up at 50 times life.
  local names = {}
  for i, fault in ipairs(faults) do names[i] = fault.name end
  cases[#cases + 1] = { name = name, clouds = row.clouds, not_at = row.not_at, faults = names,
    everywhere = row.everywhere,
    options = lost and { scale = 15 } or nil,
    run = function(r)
      for _, fault in ipairs(faults) do r:fault(fault) end
      local said = {}
      for i, text in ipairs(texts or {}) do said[i] = text:gsub("{OVER}", OVER[r.cloud] or "UDP and TCP") end
      local result = expect.ends(r:run("--cheapest", MODEL, row.words), code, table.unpack(said))
      expect.lacks(result, r.account_key, "traceback")
      expect.machines(r, code == 0 and 1 or 0)
      if code == 0 then
        r:heal()
        if lost then
          expect.ends(r:run("stop"), 1, "never answered")
        else
          expect.ends(r:run("stop"), 0)
        end
      end
      if lost then expect.nothing_bills(r) else expect.all_over(r) end
    end }
end

-- more: clouds, not_at, faults, kind, as in e2e/table.lua
local function case(name, run, more)
  local made = more or {}
  made.name, made.run = name, run
  cases[#cases + 1] = made
end

local function ready(r, ...)
  expect.ends(r:run("--cheapest", MODEL, ...), 0)
end

-- The broadcast address: this computer's own kernel refuses to connect and to send there.
for _, cloud in ipairs { "vast", "lambda" } do
  case("no way from this computer to the machine: one is rented, and undone", function(r)
    r:control("POST", "/set", { public_ip = "255.255.255.255" })
    local result = expect.ends(r:run("--cheapest", MODEL), 5,
      cloud == "vast" and "this computer has no way to the machine"
        or "this computer does not send to the machine", "no other machine is rented for that")
    expect.that(#r:control("GET", "/machines").machines == 1, "another machine was rented: " .. result.out)
    expect.all_over(r)
  end, { clouds = { cloud } })
end

case("destroy fails twice, then works", function(r)
  ready(r)
  r:fault { name = "destroy.500", count = 2 }
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end, { faults = { "destroy.500" } })

case("destroy accepted but done late", function(r)
  ready(r)
  r:fault { name = "destroy.accepted_not_done", count = 1, polls = 3 }
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end, { faults = { "destroy.accepted_not_done" } })

case("destroy failing for long: unproven, then proven by a later stop", function(r)
  ready(r)
  r:fault { name = "api.down", sticky = true }
  local result = expect.ends(r:run("stop"), 1, "CRITICAL")
  expect.lacks(result, "billing ended")
  r:heal()
  expect.ends(r:run("stop"), 0)
  expect.nothing_bills(r)
end, { faults = { "api.down" } })

case("a list that is cut short proves nothing", function(r)
  ready(r)
  r:fault { name = "list.partial", sticky = true }
  expect.ends(r:run("stop"), 1, "CRITICAL")
  r:heal()
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end, { faults = { "list.partial" } })

case("key revoked in mid-session: stop is unproven", function(r)
  ready(r)
  expect.ends(r:run("status", "--output=json"), 0, '"money_running":true')
  r:fault { name = "api.auth", sticky = true }
  expect.ends(r:run("stop"), 1, "CRITICAL")
  expect.ends(r:run("status", "--output=json"), 0, '"money_running":null')
  expect.ends(r:run("--modle=x", "--output=json"), 2, '"money_running":null', "Money: MAY STILL BE RUNNING")
  expect.ends(r:run("--version", "--output=json"), 0, '"money_running":null')
  r:heal()
  expect.ends(r:run("stop", "--output=json"), 0,
    '"money_running":' .. (r:outcome() == "proven" and "false" or "null"))
  expect.nothing_bills(r)
end, { faults = { "api.auth" } })

case("outbid: the agent destroys the machine and says so", function(r)
  ready(r)
  for _, instance in ipairs(r:instances()) do
    r:control("POST", "/instance/" .. instance.id, { action = "outbid" })
  end
  rig.wait_for("the agent to end the machine", 60, function() return #r:billing() == 0 end)
  rig.wait_for("the agent to end", 60, function() return not r:agent() end)
  expect.ends(r:run("status"), 0, "None active", "TAKEN AWAY")
  expect.all_over(r)
end, { clouds = VAST })

case("the cloud maps the ports anew: the agent follows, the model answers again", function(r)
  ready(r)
  local before = r:instances()[1]
  r:control("POST", "/instance/" .. before.id, { action = "remap" })
  local now = r:instances()[1]
  for name, port in require("base.sorted")(before.ports) do
    expect.that(now.ports[name] and now.ports[name] ~= port, name .. " has the same port outside as before")
  end
  rig.wait_for("the agent to follow", 60, function() return r:journal():find('"kind":"moved"', 1, true) end)
  expect.ends(r:run("ping"), 0, "answers")
  local status = expect.json(expect.ends(r:run("status", "--output=json"), 0))
  expect.that(status.status == "ready" and status.deadman.active,
    "the machine is not ready any more, or its guard is not seen")
  local kill = require("base.process").kill
  kill(r:agent(), "KILL") -- the next agent reads where the machine is from the journal
  expect.ends(r:run("ping"), 0, "answers")
  kill(r:agent(), "KILL")
  r:control("POST", "/instance/" .. before.id, { action = "remap" }) -- while nobody looks
  expect.ends(r:run("status"), 0)
  rig.wait_for("the next agent to follow", 60, function()
    return select(2, r:journal():gsub('"kind":"moved"', "")) == 2
  end)
  rig.wait_for("an answer", 60, function() return r:run("ping").code == 0 end)
  expect.that(#r:instances() == 1, "there is another machine")
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end, { clouds = VAST })

-- An address is no machine; what a guard may not give back is tidied by whoever comes next.
local function machine_bills(r)
  for _, row in ipairs(r:billing()) do
    if row.kind ~= "ip" then return true end
  end
  return false
end

case("client killed for good: the guard ends the machine", function(r)
  ready(r, "--timeout=40s")
  require("base.process").kill(r:agent(), "KILL")
  rig.wait_for("the guard to end the machine", 120, function() return not machine_bills(r) end)
end, { kind = "guard" })

case("idle: the guard ends a machine that nobody asks", function(r)
  ready(r, "--idle=3s")
  rig.wait_for("the guard to end the machine", 60, function() return not machine_bills(r) end)
  rig.wait_for("the agent to notice", 60, function() return not r:agent() end)
  expect.ends(r:run("status"), 0, (r:nothing()))
end, { kind = "guard" })

case("hard life: the guard ends the machine beside a running agent", function(r)
  ready(r, "--max-hours=60s")
  rig.wait_for("the guard to end the machine", 120, function() return not machine_bills(r) end)
end, { kind = "guard" })

case("outbid and resumed by itself while nobody watches: the next command ends it", function(r)
  ready(r)
  require("base.process").kill(r:agent(), "KILL")
  for _, instance in ipairs(r:instances()) do
    r:control("POST", "/instance/" .. instance.id, { action = "outbid" })
  end
  task.sleep(0.2)
  for _, instance in ipairs(r:instances()) do
    r:control("POST", "/instance/" .. instance.id, { action = "resume" })
  end
  task.sleep(0.5)
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end, { clouds = VAST })

case("stop on a full disk still ends the machine", function(r)
  return r:on_small_disk(512, function()
    ready(r)
    r:fill_disk()
    expect.that(r:run("stop").code ~= nil, "stop was killed")
    expect.nothing_bills(r)
    require("base.files").remove(require("base.files").join(r.home, "filler"))
    expect.ends(r:run("stop"), 0)
    expect.all_over(r)
  end)
end)

case("kept on failure: the machine stays until stop", function(r)
  r:fault { name = "pull.error", sticky = true }
  expect.ends(r:run("--cheapest", MODEL, "--keep-on-failure"), 1, "kept as asked")
  expect.machines(r, 1)
  expect.ends(r:run("status"), 0, "kept")
  expect.machines(r, 1)
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end, { faults = { "pull.error" } })

case("agent killed: the next command brings it back without touching the machine", function(r)
  ready(r)
  local before = r:agent()
  require("base.process").kill(before, "KILL")
  rig.wait_for("the agent's end", 10, function() return r:agent() ~= before end)
  expect.ends(r:run("status"), 0, "Active")
  expect.that(r:agent() and r:agent() ~= before, "no new agent")
  expect.machines(r, 1)
  task.sleep(0.1)
  expect.ends(r:run("ping"), 0)
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end)

return cases
