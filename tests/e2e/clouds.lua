-- SPDX-License-Identifier: MIT
-- Several clouds at once, consent to the guard's key, and what is made around a machine.
local expect = require "e2e.expect"
local files = require "base.files"
local process = require "base.process"
local rig = require "e2e.rig"

local MODEL = "--model=qwen3-coder:30b"
local cases = {}

local function case(name, clouds, run, options)
  cases[#cases + 1] = { name = name, clouds = { clouds }, run = run, options = options }
end

local function machine_of(r)
  local list = r:instances()
  expect.that(#list == 1, ("there are %d machines"):format(#list))
  return list[1]
end

local function user_data(r, id)
  return require("base.http").request { url = r.address.control .. "/user_data/" .. id, timeout = 10,
    max_bytes = 1 << 21 }.body
end

case("both are asked, the cheaper one is rented", "vast+lambda", function(r)
  local result = expect.ends(r:run("--cheapest", MODEL, "--gpu=h100", "--max-price=5"), 0, "lambda: ",
    "vast: ", "READY")
  local offers = expect.json(r:run("offers", MODEL, "--gpu=h100", "--max-price=5", "--output=json"))
  expect.that(result.out:find("Selected: " .. offers.offers[1].provider, 1, true),
    "the first of the list is taken")
  local seen = {}
  for _, offer in ipairs(offers.offers) do seen[offer.provider] = true end
  expect.that(seen.vast and seen.lambda, "both have offers")
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end)

for _, dead in ipairs { "vast", "lambda" } do
  local other = dead == "vast" and "lambda" or "vast"
  case(("%s is dead: that is said, and %s is rented"):format(dead, other), "vast+lambda", function(r)
    r:fault { name = "api.down", sticky = true, match = { cloud = dead } }
    expect.ends(r:run("--cheapest", MODEL), 0, "\u{2717} " .. dead .. ": ", "Selected: " .. other, "READY")
    expect.ends(r:run("stop"), 0)
    expect.all_over(r)
  end)
end

case("a cloud that refuses the key when it comes to renting costs only itself", "vast+lambda", function(r)
  r:fault { name = "api.auth", sticky = true, match = { cloud = "vast", path = "/users/current" } }
  expect.ends(r:run("--cheapest", MODEL), 8, "going on with the other clouds",
    "above twice the $1.70 of the first choice", "--max-price=1.10")
  expect.ends(r:run("--cheapest", MODEL, "--max-price=1.10"), 0, "going on with the other clouds",
    "Selected: lambda ", "READY")
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end)

case("a launch that is refused leaves nothing behind", "lambda", function(r)
  r:fault { name = "create.forbidden", sticky = true }
  expect.that(r:run("--cheapest", MODEL).code ~= 0, "nothing could be rented")
  expect.nothing_bills(r)
  expect.nothing_left(r)
end)

case("without consent Lambda is skipped with a sentence", "vast+lambda", function(r)
  expect.ends(r:run("--cheapest", MODEL), 0, "lambda: skipped", "GUARD_ACCOUNT_KEY=yes", "--accept-no-guard",
    "Selected: vast")
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end, { env = { GUARD_ACCOUNT_KEY = "no" } })

case("without consent Lambda alone is refused before anything is asked", "lambda", function(r)
  expect.ends(r:run("--cheapest", MODEL), 3, "GUARD_ACCOUNT_KEY=yes", "--accept-no-guard")
  expect.ends(r:run("up", "--provider=lambda", MODEL), 3, "GUARD_ACCOUNT_KEY=yes")
  expect.machines(r, 0)
end, { env = { GUARD_ACCOUNT_KEY = "no" } })

case("consent is for the machine's guard only: the key is in the user data once, in no listing",
  "lambda", function(r)
    expect.ends(r:run("--cheapest", MODEL), 0)
    local _, count = user_data(r, machine_of(r).id):gsub(r.account_key:gsub("%-", "%%-"), "")
    expect.that(count == 1, count .. " times in the user data")
    expect.that(not require("base.json").encode(machine_of(r)):find(r.account_key, 1, true), "in the listing")
    expect.ends(r:run("stop"), 0)
    expect.all_over(r)
  end)

case("--accept-no-guard: no key on the machine, and every screen says so", "lambda", function(r)
  expect.ends(r:run("--cheapest", MODEL, "--accept-no-guard"), 0, "NO GUARD", "READY", "does not end itself")
  expect.that(not user_data(r, machine_of(r).id):find(r.account_key, 1, true), "the key is on the machine")
  expect.ends(r:run("status"), 0, "does not end itself", "Limits:       idle ")
  expect.ends(r:run("--cheapest", MODEL), 6, "is already running")
  local status = expect.json(r:run("status", "--output=json"))
  expect.that(status.deadman.active == false and status.deadman.state == "none",
    "the guard is said to be there")
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end, { env = { GUARD_ACCOUNT_KEY = "no" } })

case("--accept-no-guard: the agent ends the machine at a limit", "lambda", function(r)
  expect.ends(r:run("--cheapest", MODEL, "--accept-no-guard", "--max-hours=60s"), 0)
  rig.wait_for("the agent to end the machine", 120, function() return #r:billing() == 0 end)
  rig.wait_for("the agent to end", 60, function() return not r:agent() end)
  expect.ends(r:run("status"), 0, "None active")
  expect.all_over(r)
end, { env = { GUARD_ACCOUNT_KEY = "no" } })

-- Another machine with the token of the one in use, as a create that made two leaves it; nothing runs on it.
local function twin_of(r, token)
  local http = require "base.http"
  local headers = { Authorization = "Bearer " .. r.account_key }
  local function call(method, path, body)
    return http.request { method = method, url = r.address.lambda .. "/api/v1/" .. path, headers = headers,
      json = body, timeout = 10 }.json().data
  end
  local own = call("GET", "instances")[1]
  return call("POST", "instance-operations/launch",
    { region_name = own.region.name, instance_type_name = own.instance_type.name,
      ssh_key_names = own.ssh_key_names, name = token, tags = own.tags }).instance_ids[1]
end

case("client killed for good, and two machines have the token: the guard of one ends both, its own last",
  "lambda", function(r)
    expect.ends(r:run("--cheapest", MODEL, "--timeout=12s"), 0, "READY")
    local own = machine_of(r)
    local twin = twin_of(r, own.token)
    rig.wait_for("two machines that bill", 60, function() return #r:billing() == 2 end)
    -- of its own, as in life
    r:control("POST", "/instance/" .. twin, { action = "address", value = "203.0.113.9" })
    require("base.process").kill(r:agent(), "KILL")
    rig.wait_for("the guard to end both", 100, function() return #r:billing() == 0 end)
    local order = {}
    for _, row in ipairs(r:ledger().rows) do
      if row.kind == "gpu" then order[row.id] = row.closed end
    end
    expect.that(order[twin] and order[own.id] and order[twin] <= order[own.id], "its own was not the last")
  end)

case("the ruleset opens the tunnel's port and nothing else", "lambda", function(r)
  expect.ends(r:run("--cheapest", MODEL), 0)
  local left = r:leftovers()
  expect.that(#left.ssh_keys == 1 and #left.rulesets == 1, "one key, one ruleset")
  local rules = left.rulesets[1].rules
  table.sort(rules, function(a, b) return a.protocol > b.protocol end)
  expect.that(#rules == 2 and rules[1].protocol == "udp" and rules[2].protocol == "tcp",
    "UDP and TCP, once each")
  for _, rule in ipairs(rules) do
    expect.that(rule.port_range[1] == rules[1].port_range[1] and rule.port_range[2] == rule.port_range[1],
      "one port, the same for both")
  end
  expect.that(left.ssh_keys[1].name == left.rulesets[1].name, "both bear the token")
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end)

for _, cloud in ipairs { "vast", "lambda", "paperspace" } do
  case("TUNNEL_CARRIER=tcp: " .. cloud .. " is reached though no UDP gets through", cloud, function(r)
    r:fault { name = "boot.no_udp", sticky = true }
    expect.ends(r:run("--cheapest", MODEL), 0, "READY")
    expect.machines(r, 1)
    expect.ends(r:run("ping"), 0)
    expect.ends(r:run("stop"), 0, (select(2, r:outcome())))
    expect.all_over(r)
  end, { env = { TUNNEL_CARRIER = "tcp" } })
end

-- What the records of a pod's billing say it cost, once the billing ran.
local function billed(r, id)
  r:control("POST", "/advance", { seconds = 600 })
  return require("base.http").request { timeout = 10,
    headers = { Authorization = "Bearer " .. r.account_key },
    url = r.address.runpod .. "/v2/billing/pods?bucketSize=hour&lastN=3&podId=" .. id }.json().metadata.totals
end

case("RunPod: up, ping, stop; the pod is gone and its billing records end", "runpod", function(r)
  local result = expect.plain(expect.ends(r:run("up", "--cheapest", MODEL), 0, "runpod", "[8/8]", "READY"))
  expect.lacks(result, r.account_key)
  local pod = machine_of(r)
  expect.that(pod.tier == "SECURE" and not pod.is_bid, "a pod of the Secure Cloud, on demand")
  expect.ends(r:run("ping"), 0)
  local status = expect.json(r:run("status", "--output=json"))
  expect.that(status.status == "ready" and status.deadman.active == true, "ready and guarded")
  expect.lacks(expect.ends(r:run("stop"), 0, "Confirmed"), r.account_key)
  expect.all_over(r)
  local before = billed(r, pod.id)
  expect.that(before.totalAmount > 0 and billed(r, pod.id).totalAmount == before.totalAmount, "it bills on")
end)

for _, right in ipairs { "terminate", "stop" } do
  case(("RunPod: client killed for good, and the pod's own key may %s"):format(right), "runpod", function(r)
    r:control("POST", "/set", { runpod_pod_key = right })
    expect.ends(r:run("--cheapest", MODEL, "--timeout=12s"), 0, "READY")
    local pod = machine_of(r)
    require("base.process").kill(r:agent(), "KILL")
    rig.wait_for("the guard to end it", 100, function()
      local row = r:instances()[1]
      return not row or row.actual_status == "EXITED"
    end)
    expect.that((#r:instances() == 0) == (right == "terminate"), "its own key did the other thing")
    expect.ends(r:run("stop"), 0, "Confirmed") -- a stopped pod bills, so it is looked for
    expect.that(#r:instances() == 0, pod.id .. " is there")
    expect.all_over(r)
  end)
end

case("RunPod: a host without a public port is given up, and so is a key without the right", "runpod",
  function(r)
    r:fault { name = "boot.no_port" }
    expect.ends(r:run("--cheapest", MODEL), 0, "its host gives it no public port", "READY")
    expect.ends(r:run("stop"), 0, "Confirmed")
    r:fault { name = "api.auth", mode = "rights", sticky = true }
    expect.ends(r:run("--cheapest", MODEL), 3, "Read/Write for the REST API")
    expect.all_over(r)
  end)

case("CoreWeave: up, ping, stop; pool, pod and all around them are gone", "coreweave", function(r)
  local result = expect.plain(expect.ends(r:run("up", "--cheapest", MODEL, "--on-demand"), 0, "coreweave",
    "[8/8]", "READY"))
  expect.lacks(result, r.account_key)
  expect.ends(r:run("ping"), 0)
  local status = expect.json(r:run("status", "--output=json"))
  expect.that(status.status == "ready" and status.deadman.active == true, "ready and guarded")
  expect.lacks(expect.ends(r:run("stop"), 0, "Confirmed"), r.account_key)
  expect.all_over(r)
end)

case("CoreWeave: by a kubeconfig with a client certificate, over TLS", "coreweave", function(r)
  local front = r:control("GET", "/coreweave/front")
  local path = files.join(r.home, "cluster.yaml")
  assert(files.write(path, ([[
current-context: main
clusters:
- name: c
  cluster:
    server: %s
    certificate-authority: %s
contexts:
- name: main
  context:
    cluster: c
    user: u
users:
- name: u
  user:
    client-certificate: %s
    client-key: %s
]]):format(front.server, front.ca, front.certificate, front.key), tonumber("600", 8)))
  r:write_env { COREWEAVE_WHOLE_NODES = "no" }
  expect.ends(r:run("offers", MODEL), 4, "coreweave: 0 offers: it rents whole nodes of 8 GPUs")
  r:write_env { COREWEAVE_API_KEY = "", COREWEAVE_API_SERVER = "", COREWEAVE_KUBECONFIG = path }
  expect.ends(r:run("doctor"), 0, "key coreweave", "ada, 0 machines in the account")
  expect.ends(r:run("up", "--cheapest", MODEL, "--on-demand"), 0, "coreweave 8 × L40 48GB @ $", "READY")
  expect.ends(r:run("stop"), 0, "Confirmed")
  expect.all_over(r)
end)

-- Names of what the cluster holds of ours, by kind.
local function objects_of(r)
  local names = {}
  for _, each in ipairs(r:leftovers().objects) do
    if each.cloud == "coreweave" then names[each.kind] = each.name end
  end
  return names
end

for _, row in ipairs {
  { "its guard deletes the pool as the account that may do that alone", "--timeout=12s" },
  { "the pod ends too: the cluster's own CronJob deletes the pool", "--timeout=9h", "exit" },
} do
  case("CoreWeave: client killed for good, " .. row[1], "coreweave", function(r)
    expect.ends(r:run("--cheapest", MODEL, "--on-demand", row[2]), 0, "READY")
    require("base.process").kill(r:agent(), "KILL")
    if row[3] then r:control("POST", "/instance/" .. machine_of(r).id, { action = row[3] }) end
    rig.wait_for("the pool to be gone", 60, function() return not objects_of(r).NodePool end)
    local deleted, key
    for _, request in ipairs(r:control("GET", "/requests").requests) do
      if request.method == "DELETE" and request.path:find "/nodepools/" then
        deleted, key = request.status, request.key
      end
    end
    expect.that(deleted == 200 and key == "instance", "it was deleted with the account's own key")
    expect.ends(r:run("stop"), 0, "Confirmed")
    expect.all_over(r)
  end)
end

case("CoreWeave: client killed for good, its guest hangs, its CronJob is gone: the pod's deadline, and the "
  .. "empty node is given back", "coreweave", function(r)
    expect.ends(r:run("--cheapest", MODEL, "--on-demand", "--max-hours=60s"), 0, "READY")
    require("base.process").kill(r:agent(), "KILL")
    r:control("POST", "/instance/" .. machine_of(r).id, { action = "freeze" })
    local crons = r.address.coreweave .. "/apis/batch/v1/namespaces/default/cronjobs/"
    require("base.http").request { method = "DELETE", url = crons .. objects_of(r).CronJob, timeout = 10,
      headers = { Authorization = "Bearer " .. r.account_key } }
    rig.wait_for("the node to be given back", 100, function() return #r:instances() == 0 end)
    expect.that(objects_of(r).NodePool, "the pool was deleted, and nobody was left to do it")
    expect.ends(r:run("stop"), 0, "Confirmed")
    expect.all_over(r)
  end)

for _, cloud in ipairs { "vast", "lambda", "paperspace" } do
  case("UDP is eaten: " .. cloud .. " is reached over TCP, on the same machine", cloud, function(r)
    r:fault { name = "boot.no_udp", sticky = true }
    expect.ends(r:run("--cheapest", MODEL), 0, "trying TCP on the same machine", "READY")
    expect.machines(r, 1)
    for _, row in ipairs(r:ledger().rows) do
      expect.that(row.id == r:instances()[1].id or row.kind ~= "gpu", "another machine was rented")
    end
    process.kill(r:agent(), "KILL")
    expect.ends(r:run("status"), 0, "over TCP")
    expect.ends(r:run("ping"), 0)
    expect.ends(r:run("stop"), 0, (select(2, r:outcome())))
    expect.all_over(r)
  end)
  case("UDP is eaten in use: the agent goes over to TCP at " .. cloud, cloud, function(r)
    expect.lacks(expect.ends(r:run("--cheapest", MODEL), 0, "READY"), "TCP")
    expect.ends(r:run("status"), 0, "connected over UDP")
    r:control("POST", "/instance/" .. machine_of(r).id, { action = "udp_blocked" })
    rig.wait_for("the tunnel over TCP", 100, function()
      return r:run("status").out:find("connected over TCP", 1, true)
    end)
    expect.ends(r:run("ping"), 0)
    local _, warned = r:log():gsub("nothing came back over UDP; the machine is reached over TCP", "")
    expect.that(warned == 1, ("it was told %d times"):format(warned))
    expect.that(r:journal():find('"kind":"moved"', 1, true), "the record does not tell of it")
    process.kill(r:agent(), "KILL")
    expect.ends(r:run("status"), 0)
    rig.wait_for("the next agent's tunnel", 30, function() return r:run("ping").code == 0 end)
    expect.ends(r:run("status"), 0, "connected over TCP")
    expect.ends(r:run("stop"), 0, (select(2, r:outcome())))
    expect.all_over(r)
  end)
end

case("what cannot be removed at once never holds a stop up, and is removed later", "lambda", function(r)
  expect.ends(r:run("--cheapest", MODEL), 0)
  r:fault { name = "api.500", sticky = true, match = { method = "DELETE", path = "firewall%-rulesets" } }
  expect.ends(r:run("stop"), 0, "could not be removed yet", "tried again", "Money: none is running")
  expect.nothing_bills(r)
  expect.that(#r:leftovers().rulesets == 1, "the ruleset is still there")
  expect.ends(r:run("status"), 0, "None active", "besides the machine")
  r:heal()
  rig.wait_for("the agent to remove it", 60, function() return #r:leftovers().rulesets == 0 end)
  rig.wait_for("the agent to end", 60, function() return not r:agent() end)
  expect.all_over(r)
end)

return cases
