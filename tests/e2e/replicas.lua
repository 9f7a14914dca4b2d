-- SPDX-License-Identifier: MIT
-- A model that several pods serve behind one address (--replicas), at CoreWeave.
local expect = require "e2e.expect"
local rig = require "e2e.rig"

local MODEL = "--model=qwen3-coder:30b"
local APPS = "/apis/apps/v1/namespaces/default/deployments"
local PODS = "/api/v1/namespaces/default/pods"
local cases = {}

local function case(name, run, options)
  cases[#cases + 1] = { name = name, clouds = { "coreweave" }, run = run, options = options }
end

-- A request to the cluster, as somebody with a kubectl would make it.
local function cluster(r, method, path)
  return require("base.http").request { method = method, url = r.address.coreweave .. path, timeout = 10,
    headers = { Authorization = "Bearer " .. r.account_key } }.json()
end

-- What each of several servers printed. → array of texts
local function logs(r)
  local files, list = require "base.files", {}
  for _, name in ipairs(files.list(files.join(r.dir, "sim", "instances")) or {}) do
    local log = name:find "%-%d+$" and files.read(files.join(r.dir, "sim", "instances", name, "log"))
    list[#list + 1] = log or nil
  end
  return list
end

-- How many requests for an answer each of them had.
local function asked(r)
  local counts = {}
  for index, log in ipairs(logs(r)) do counts[index] = select(2, log:gsub("POST /api/chat", "")) end
  return counts
end

case("up --replicas=2: both answer behind the one address; stop proves nodes and pods gone", function(r)
  local result = expect.plain(expect.ends(r:run("up", "--cheapest", MODEL, "--on-demand", "--replicas=2"), 0,
    "coreweave 2 × (L40 48GB) on 1 node @ $", "2 of 2 servers ready", "READY"))
  expect.lacks(result, r.account_key)
  for _ = 1, 4 do expect.ends(r:run("ping"), 0) end
  local status = expect.json(r:run("status", "--output=json"))
  expect.that(status.instance.nodes == 1 and status.replicas.wanted == 2, "what the status says of it")
  local counts = asked(r)
  expect.that(#counts == 2 and counts[1] > 0 and counts[2] > 0, "one of them had no question: "
    .. table.concat(counts, ", "))
  expect.ends(r:run("stop"), 0, "Confirmed")
  expect.all_over(r)
end)

case("two whole nodes: both bill, and both are in the price", function(r)
  expect.ends(r:run("up", "--cheapest", MODEL, "--on-demand", "--replicas=2", "--gpus=8", "--gpu=l40"), 0,
    "coreweave 2 × (8 × L40 48GB) on 2 nodes @ $20.0", "2 of 2 servers ready", "READY")
  local rate, nodes = 0, 0
  for _, row in ipairs(r:billing()) do
    rate, nodes = rate + row.rate, nodes + (row.kind == "gpu" and 1 or 0)
  end
  expect.that(nodes == 2, nodes .. " nodes bill")
  local status = expect.json(r:run("status", "--output=json"))
  expect.that(math.abs(status.cost.hourly - rate) < 0.001, status.cost.hourly .. " is said, it is " .. rate)
  expect.ends(r:run("stop"), 0, "Confirmed")
  expect.all_over(r)
end)

case("a server that cannot start is named, and all is given back", function(r)
  r:fault { name = "pod.stuck" }
  expect.ends(r:run("up", "--cheapest", MODEL, "--on-demand", "--replicas=2"), 1, "1 of 2 servers ready",
    "-set-", "ImagePullBackOff: Back-off pulling image", "Money: none is running")
  expect.all_over(r)
end)

case("a server that is lost while it is used is told of, and stays paid for", function(r)
  expect.ends(r:run("up", "--cheapest", MODEL, "--on-demand", "--replicas=2"), 0, "READY", "2 of 2 ready")
  rig.wait_for("the agent's look", 60, function()
    return expect.json(r:run("status", "--output=json")).replicas.ready == 2
  end)
  r:fault { name = "pod.stuck", sticky = true }
  local pods = cluster(r, "GET", PODS .. "?labelSelector=continueplz.dev%2Frole%3Dengine")
  cluster(r, "DELETE", PODS .. "/" .. pods.items[1].metadata.name)
  rig.wait_for("the warning", 60, function()
    local result = r:run("status")
    return result.out:find("1 of 2 servers ready (cplz-", 1, true) and result
  end)
  expect.wrapped(r:run("status"), "1 of 2 ready", "ImagePullBackOff", "costs $10.005/h all the same")
  expect.ends(r:run("ping"), 0)
  expect.ends(r:run("stop"), 0, "Confirmed")
  expect.all_over(r)
end)

for _, row in ipairs {
  { "its guard deletes the pool, and all goes with it", "--timeout=12s" },
  { "the pod of the tunnel ends too: the cluster's own CronJob deletes all", "--timeout=9h", "exit" },
} do
  case("client killed for good, " .. row[1], function(r)
    expect.ends(r:run("--cheapest", MODEL, "--on-demand", "--replicas=2", row[2]), 0, "READY")
    require("base.process").kill(r:agent(), "KILL")
    if row[3] then r:control("POST", "/instance/" .. r:instances()[1].id, { action = row[3] }) end
    rig.wait_for("pool, Deployment and pods to be gone", 60, function()
      return #r:instances() == 0 and #cluster(r, "GET", APPS).items == 0
        and #cluster(r, "GET", PODS).items == 0
    end)
    expect.ends(r:run("stop"), 0, "Confirmed")
    expect.all_over(r)
  end)
end

case("above the limit, in another cloud, larger than a node: refused, and nothing is made", function(r)
  expect.ends(r:run("up", "--cheapest", MODEL, "--on-demand", "--replicas=40", "--max-price=30"), 4,
    "too dear")
  expect.wrapped(r:run("up", "--cheapest", "--model=deepseek-v3.1:671b", "--gpu=l40", "--replicas=2"),
    "larger than a node: ollama cannot spread one model over nodes, and deepseek-v3.1:671b needs",
    "a node of 8 × L40 48GB has 384 GB")
  expect.ends(r:run("up", "--cheapest", MODEL, "--replicas=0"), 2, "--replicas")
  r:write_env { COREWEAVE_API_SERVER = r.address.coreweave, VAST_API_KEY = r.account_key,
    VAST_BASE_URL = r.address.vast }
  expect.wrapped(r:run("offers", MODEL, "--replicas=2", "--explain"),
    "one machine: Vast.ai has no replicas, and 2 were asked for", "2 replicas of L40 48GB on 1 node")
  expect.machines(r, 0)
  expect.nothing_bills(r)
end)

case("an engine of the user's own without a pod, or with one that is none, is named", function(r)
  local words = { "up", "--cheapest", MODEL, "--replicas=2", "--engine=odd" }
  r:put("engines/odd.lua", "local odd = {}\nfor name, value in pairs(require 'builtin.engines.ollama') do\n"
    .. "  odd[name] = value\nend\nodd.pod = nil\nreturn odd\n")
  expect.ends(r:run(table.unpack(words)), 3, "engines/odd.lua has no function pod, which --replicas takes")
  r:put("engines/odd.lua", "local odd = {}\nfor name, value in pairs(require 'builtin.engines.ollama') do\n"
    .. "  odd[name] = value\nend\nfunction odd.pod() return { command = 'serve' } end\nreturn odd\n")
  expect.ends(r:run(table.unpack(words)), 3, "engines/odd.lua: pod must return { command, env, ready")
  expect.nothing_bills(r)
  expect.that(#r:leftovers().objects == 0, "something was made")
end)

case("up --plan tells every request, and sends none", function(r)
  local plan = expect.json(r:run("up", MODEL, "--on-demand", "--replicas=9", "--plan", "--output=json"))
  local made = table.concat(plan.plan.around, ", ")
  for _, word in ipairs { "Deployment", "NetworkPolicy", "Service", "CronJob of the guard" } do
    expect.that(made:find(word, 1, true), word .. " is not in " .. made)
  end
  local last = plan.plan.requests[#plan.plan.requests]
  expect.that(last.makes == "machine" and last.body.spec.targetNodes == 2, "nine of them take two nodes")
  expect.that(#r:leftovers().objects == 0, "something was made")
end)

case("larger than a node: an engine that spreads it gets a group of nodes, where they are had", function(r)
  local files = require "base.files"
  r:put("engines/spread.lua", files.read "tests/e2e/engines/spread.lua")
  local words = { "up", "--cheapest", "--model=deepseek-v3.1:671b", "--gpu=l40", "--on-demand",
    "--engine=spread" }
  expect.wrapped(r:run(table.unpack(words)), "2 of them take a LeaderWorkerSet, which the cluster has not "
    .. "installed; see https://lws.sigs.k8s.io/docs/installation/")
  r:control("POST", "/set", { coreweave_groups = true })
  expect.ends(r:run(table.unpack(words)), 0, "coreweave 1 × (16 × L40 48GB) on 2 nodes @ $20.0",
    "1 of 1 server ready", "READY")
  local nodes = 0
  for _, row in ipairs(r:billing()) do nodes = nodes + (row.kind == "gpu" and 1 or 0) end
  expect.that(nodes == 2, nodes .. " nodes bill")
  local said = table.concat(logs(r), "\n")
  local _, joined = said:gsub("joined as 1", "")
  local _, whole = said:gsub("all 2 are here", "")
  expect.that(joined == 1 and whole == 1, "a leader and a worker came together")
  expect.ends(r:run("ping"), 0)
  expect.ends(r:run("stop"), 0, "Confirmed")
  expect.all_over(r)
end)

return cases
