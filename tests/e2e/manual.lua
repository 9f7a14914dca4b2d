-- SPDX-License-Identifier: MIT
-- A cloud without a billing API: a person looks, and nothing waits for that. What else is its own: prices of
-- a table, a startup script with secrets, a team's key.
local expect = require "e2e.expect"
local rig = require "e2e.rig"

local MODEL = "--model=qwen3-coder:30b"
local CONSOLE = "https://console.paperspace.com/machines"
local cases = {}

local function case(name, run, options)
  cases[#cases + 1] = { name = name, clouds = { "paperspace" }, run = run, options = options }
end

local function up(r, ...) return r:run("--cheapest", MODEL, ...) end

local function script_of(r)
  local row = r:leftovers().startup_scripts[1]
  return row and require("base.http").request { timeout = 10,
    url = r.address.control .. "/startup_script/" .. row.id }.body
end

case("the record stays until ack, nothing waits for it", function(r)
  expect.ends(up(r), 0, "prices of a table of 2026-09-20", "READY")
  local first = r:instances()[1].id
  expect.that(#r:leftovers().startup_scripts == 0, "the startup script lies with the team")
  expect.ends(r:run("--stop"), 0, "MANUAL CHECK NEEDED", CONSOLE, first, "continueplz ack", "at most $",
    "Money: not known")
  expect.all_over(r)
  expect.ends(r:run("status"), 0, "gives no proof", first, CONSOLE)
  local status = expect.json(r:run("status", "--output=json"))
  expect.that(status.status == "unverifiable" and status.money_running == nil, "status in JSON")
  expect.ends(r:run("stop"), 0)
  expect.ends(up(r), 0, "READY")
  expect.machines(r, 1)
  local second = r:instances()[1].id
  expect.ends(r:run("ack", "-y"), 0, first) -- the other one runs
  local stopped = expect.json(expect.ends(r:run("stop", "--output=json"), 0))
  expect.that(stopped.outcome == "unverifiable" and stopped.sessions[1].cost.at_most == true, "stop in JSON")
  expect.ends(r:run("ack"), 8, "say -y")
  expect.ends(r:run("ack", second, "-y"), 0, "is closed", "Money: none is running")
  expect.ends(r:run("ack", "-y"), 7, "No record waits")
  expect.all_over(r)
end)

case("consent: the key is in the startup script once, on no list; without consent it is nowhere", function(r)
  r:fault { name = "api.500", sticky = true, match = { method = "DELETE", path = "startup%-scripts" } }
  expect.ends(up(r), 0, "READY")
  local _, count = script_of(r):gsub(r.account_key:gsub("%-", "%%-"), "")
  expect.that(count == 1, count .. " times in the startup script")
  expect.ends(r:run("stop"), 0, "could not be removed yet")
  expect.nothing_bills(r)
  r:heal()
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
  r:write_env { GUARD_ACCOUNT_KEY = "no" }
  expect.ends(up(r), 3, "GUARD_ACCOUNT_KEY=yes", "--accept-no-guard")
  r:fault { name = "api.500", sticky = true, match = { method = "DELETE", path = "startup%-scripts" } }
  expect.ends(up(r, "--accept-no-guard"), 0, "NO GUARD", "READY", "switches itself off")
  expect.that(not script_of(r):find(r.account_key, 1, true), "the key is in the startup script")
  local machine = r:instances()[1]
  expect.that(machine.auto_shutdown_hours == 24, "the cloud's own timer: "
    .. tostring(machine.auto_shutdown_hours))
  r:heal()
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end)

case("client killed for good: the guard finds itself by its token and ends the machine", function(r)
  expect.ends(up(r, "--timeout=12s"), 0, "READY")
  require("base.process").kill(r:agent(), "KILL")
  rig.wait_for("the guard to end it", 100, function() return #r:billing() == 0 end)
  expect.ends(r:run("stop"), 0, "MANUAL CHECK NEEDED")
  expect.all_over(r)
end)

-- Faults of a start: what is ordered, how it ends, what is said.
for _, row in ipairs {
  { "none to be had: the next is taken", { { name = "create.no_capacity", count = 1 } }, 0, "READY" },
  { "the create's answer is lost", { { name = "create.answer_lost", mode = "drop" } }, 0, "READY" },
  { "an error, and made all the same", { { name = "create.error_but_created" } }, 0, "READY" },
  { "two machines from one create", { { name = "create.twice" } }, 0, "READY" },
  { "dearer than the table", { { name = "create.price_changed", factor = 1.2 } }, 0, "was agreed" },
  { "forbidden for ever", { { name = "create.forbidden", sticky = true } }, 4, "FORBIDDEN" },
  { "a list whose second page fails", { { name = "list.partial", count = 2 } }, 0, "READY" },
} do
  case("start: " .. row[1], function(r)
    for _, fault in ipairs(row[2]) do r:fault(fault) end
    expect.ends(up(r), row[3], row[4])
    expect.machines(r, row[3] == 0 and 1 or 0)
    expect.ends(r:run("stop"), 0)
    expect.all_over(r)
  end)
end

case("stop: errors, a lie, a list that breaks off: never called ended before it is", function(r)
  expect.ends(up(r), 0, "READY")
  r:fault { name = "destroy.500", sticky = true }
  expect.ends(r:run("stop"), 1, "CRITICAL", CONSOLE, "MAY STILL")
  expect.machines(r, 1)
  r:heal()
  r:fault { name = "destroy.accepted_not_done", count = 1 }
  r:fault { name = "list.partial", count = 2 }
  expect.ends(r:run("stop"), 0, "MANUAL CHECK NEEDED")
  expect.all_over(r)
end)

case("stop: an end that is never acknowledged is none, though nothing shows the machine", function(r)
  expect.ends(up(r), 0, "READY")
  r:fault { name = "api.500", sticky = true, match = { method = "DELETE", path = "/machines/" } }
  r:control("POST", "/instance/" .. r:instances()[1].id, { action = "destroy" })
  expect.ends(r:run("stop"), 1, "CRITICAL", CONSOLE, "MAY STILL")
  r:heal()
  expect.ends(r:run("stop"), 0, "MANUAL CHECK NEEDED")
  expect.all_over(r)
end)

case("an account that cannot pay, a key that nobody knows, a team's key", function(r)
  r:control("POST", "/set", { paperspace_standing = "locked" })
  expect.that(up(r).code ~= 0, "nothing can be rented")
  expect.nothing_left(r)
  r:control("POST", "/set", { paperspace_standing = "good", paperspace_team = "acme" })
  expect.ends(r:run("doctor"), 0, "for the team acme")
  r:write_env { PAPERSPACE_API_KEY = "nobody" }
  expect.ends(up(r), 3, "PAPERSPACE_API_KEY")
  expect.all_over(r)
end)

return cases
