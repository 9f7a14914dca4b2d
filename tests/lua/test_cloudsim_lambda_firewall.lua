-- SPDX-License-Identifier: MIT
-- Rules, rulesets and what they let through: facts/lambda.md §2.7.

local WORLD = "0.0.0.0/0"
local UDP = { protocol = "udp", port_range = { 51820, 51820 }, source_network = WORLD,
  description = "tunnel" }
local SSH = { protocol = "tcp", port_range = { 22, 22 }, source_network = "203.0.113.9", description = "" }

return function(t)
  local calls = t:load("lambda_calls")(t)
  local nth, ask, control = calls.nth, calls.ask, calls.control
  local launch, active, machine, ready = calls.launch, calls.active, calls.machine, calls.ready

  t:case("rulesets: made, changed, in use, deleted; every rule of a rule", function()
    local sim = ready()
    local made = ask(sim, "POST", "/firewall-rulesets", { name = "r", region = "us-west-1",
      rules = { UDP, SSH } })
    t:equal({ #made.id, made.region.name, made.rules, made.instance_ids }, { 32, "us-west-1", { UDP, SSH },
      {} })
    t:ok(made.created:find("^%d%d%d%d%-"))
    for _, rules in ipairs { { { protocol = "sctp" } }, { { protocol = "udp", source_network = WORLD } },
      { { protocol = "udp", port_range = { 2, 1 }, source_network = WORLD } },
      { { protocol = "tcp", port_range = { 0, 1 }, source_network = WORLD } },
      { { protocol = "icmp", source_network = "::/0" } },
      { { protocol = "icmp", source_network = "1.2.3.4/33" } }, { { protocol = "icmp", source_network = WORLD,
      description = ("d"):rep(129) } }, "x", { a = 1 } } do
      t:equal(nth(3, ask(sim, "POST", "/firewall-rulesets", { name = "r", region = "us-west-1",
        rules = rules })), "global/invalid-parameters")
    end
    t:equal(nth(2, ask(sim, "POST", "/firewall-rulesets", { name = "r", region = "mars", rules = {} })), 400)
    t:equal(nth(2, ask(sim, "POST", "/firewall-rulesets", { name = ("r"):rep(65), region = "us-west-1",
      rules = {} })), 400)
    t:equal(nth(2, launch(sim, { region_name = "us-south-1", firewall_rulesets = { { id = made.id } } })),
      400)
    local id = active(sim, { firewall_rulesets = { { id = made.id } } })
    t:equal(ask(sim, "GET", "/instances/" .. id).firewall_rulesets, { { id = made.id } })
    t:equal(ask(sim, "GET", "/firewall-rulesets/" .. made.id).instance_ids, { id })
    t:equal(nth(2, ask(sim, "DELETE", "/firewall-rulesets/" .. made.id)), 400)
    t:equal(ask(sim, "PATCH", "/firewall-rulesets/" .. made.id, { name = "s", rules = { SSH } }).rules,
      { SSH })
    ask(sim, "POST", "/instance-operations/terminate", { instance_ids = { id } })
    t:equal(nth(2, ask(sim, "DELETE", "/firewall-rulesets/" .. made.id)), 400, "while it is terminating")
    sim:pass(60)
    t:equal(nth(2, ask(sim, "DELETE", "/firewall-rulesets/" .. made.id)), 200)
    t:equal(nth(3, ask(sim, "DELETE", "/firewall-rulesets/" .. made.id)), "global/object-does-not-exist")
    t:equal(ask(sim, "GET", "/firewall-rulesets"), {})
    sim.world.settings.lambda_ruleset_quota = 0
    t:equal(nth(3, ask(sim, "POST", "/firewall-rulesets", { name = "r", region = "us-west-1", rules = {} })),
      "global/quota-exceeded")
  end)

  t:case("account-wide rules: PUT overwrites everything; the global ruleset is the same list", function()
    local sim = ready()
    t:equal(ask(sim, "GET", "/firewall-rules")[1].port_range, { 22, 22 })
    t:equal(control(sim, "GET", "/leftovers").rules_changed, false)
    t:equal(ask(sim, "PUT", "/firewall-rules", { data = { UDP } }), { UDP })
    t:equal(ask(sim, "GET", "/firewall-rulesets/global").rules, { UDP })
    t:equal(ask(sim, "PATCH", "/firewall-rulesets/global", { rules = { SSH } }).id, "global")
    t:equal(ask(sim, "GET", "/firewall-rules"), { SSH })
    t:equal(nth(2, ask(sim, "PUT", "/firewall-rules", { data = "x" })), 400)
    t:equal(nth(2, ask(sim, "PUT", "/firewall-rules", {})), 400)
    t:equal(control(sim, "GET", "/leftovers").rules_changed, true)
  end)

  t:case("what gets through: additive or not, us-south-1, blocked by a fault", function()
    local sim = ready()
    local set = ask(sim, "POST", "/firewall-rulesets", { name = "r", region = "us-west-1", rules = { UDP } })
    local plain, attached = active(sim), active(sim, { firewall_rulesets = { { id = set.id } } })
    local south = active(sim, { region_name = "us-south-1" })
    t:equal(machine(sim, plain).open, { tcp = { { 22, 22 } }, udp = {} })
    t:equal(machine(sim, attached).open, { tcp = { { 22, 22 } }, udp = { { 51820, 51820 } } })
    t:equal(machine(sim, south).open.udp, { { 1, 65535 } })
    control(sim, "POST", "/set", { lambda_firewall = "replace", lambda_us_south_1 = "closed" })
    t:equal(machine(sim, attached).open, { tcp = {}, udp = { { 51820, 51820 } } })
    t:equal(machine(sim, south).open, { tcp = { { 22, 22 } }, udp = {} })
    control(sim, "POST", "/instance/" .. attached, { action = "network_gone" })
    t:equal(machine(sim, attached).open, { tcp = {}, udp = {} })
    control(sim, "POST", "/instance/" .. attached, { action = "network_back" })
    sim:fault { name = "boot.no_udp", match = { cloud = "lambda" } }
    t:equal(machine(sim, active(sim, { firewall_rulesets = { { id = set.id } } })).open.udp, {})
  end)
end
