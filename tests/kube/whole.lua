-- SPDX-License-Identifier: MIT
--- The whole program in front of a real Kubernetes API server, with the key of one who may do just what it
--- asks for: rented, used, ended, proven, and ended by either guard. Its machine is one of the simulator's
--- (kubelet.lua).
local expect = require "e2e.expect"
local kubelet = require "kube.kubelet"
local look = require "kube.look"
local pool = require "kube.pool"
local process = require "base.process"
local rig = require "e2e.rig"

local whole = {}

local MODEL = "--model=qwen3-coder:30b"
local KINDS = "nodepools,pods,services,configmaps,secrets,serviceaccounts,cronjobs,roles,rolebindings,"
  .. "clusterroles,clusterrolebindings"

local cases = {}

local function case(name, run) cases[#cases + 1] = { name = name, run = run } end

-- What kubectl shows of ours, one a line.
local function ours(s)
  return s.kubectl("get", KINDS, "--namespace=" .. s.namespace, "--output=name",
    "--selector=app.kubernetes.io/managed-by=continueplz")
end

local function nothing_left(s)
  local left
  local ok = pcall(rig.wait_for, "it all to be gone", 30, function()
    left = ours(s)
    return left == ""
  end)
  expect.that(ok, "there still is " .. tostring(left))
  expect.nothing_bills(s.rig)
end

-- Rents, and kills the agent, so that this computer ends nothing any more.
local function abandoned(s, timeout)
  expect.ends(s.rig:run("up", "--cheapest", MODEL, "--on-demand", "--timeout=" .. timeout), 0, "READY")
  process.kill(s.rig:agent(), "KILL")
  return ours(s):match "nodepool[^/]*/(%S+)"
end

local function pool_ends(s, name)
  rig.wait_for("the pool to be gone", 60, function()
    return s.cluster:ask("GET", pool.POOLS .. "/" .. name).status == 404
  end)
  expect.ends(s.rig:run("stop"), 0, "Confirmed")
  nothing_left(s)
end

case("doctor, up --plan, up, ping, status, stop; nothing is left", function(s)
  expect.ends(s.rig:run("doctor"), 0, "key coreweave", "0 machines in the account")
  expect.ends(s.rig:run("up", "--plan", "--cheapest", MODEL, "--on-demand"), 0, "/nodepools")
  expect.that(ours(s) == "", "a plan made something")
  expect.ends(s.rig:run("up", "--cheapest", MODEL, "--on-demand"), 0, "READY")
  expect.ends(s.rig:run("ping"), 0)
  local status = expect.json(s.rig:run("status", "--output=json"))
  expect.that(status.status == "ready" and status.deadman.active == true, "ready and guarded")
  local _, count = ours(s):gsub("\n", "")
  expect.that(count == 12, ours(s))
  expect.ends(s.rig:run("stop"), 0, "Confirmed")
  nothing_left(s)
end)

case("client killed for good: the guest's guard deletes the pool", function(s)
  pool_ends(s, abandoned(s, "12s"))
end)

case("client killed for good, and the pod ends too: the CronJob deletes the pool", function(s)
  local name = abandoned(s, "9h")
  s.rig:control("POST", "/instance/" .. s.rig:instances()[1].id, { action = "exit" })
  rig.wait_for("the pod to be over", 30, function()
    return pool.must(s.cluster, "GET", s.path .. "pods/" .. name).status.phase == "Failed"
  end)
  expect.that(look.job(s, s.namespace, name, "look") == 0, "the guard failed")
  pool_ends(s, name)
end)

case("a pool that kubectl deletes is told, and proven gone", function(s)
  expect.ends(s.rig:run("up", "--cheapest", MODEL, "--on-demand"), 0, "READY")
  s.kubectl("delete", "nodepools", "--selector=app.kubernetes.io/managed-by=continueplz", "--wait=false")
  expect.ends(s.rig:run("stop"), 0, "Confirmed")
  nothing_left(s)
end)

--- Runs the cases. namespace: one where the renter has all rights; kubectl: of look.kubectl
function whole.run(cluster, dir, namespace, said)
  local s = { cluster = cluster, dir = dir, namespace = namespace, kubectl = look.kubectl(cluster, dir),
    path = "/api/v1/namespaces/" .. namespace .. "/" }
  for _, each in ipairs(cases) do
    s.rig = rig.new { cloud = "coreweave", env = { COREWEAVE_API_KEY = cluster.renter,
      COREWEAVE_API_SERVER = cluster.url, COREWEAVE_CA_FILE = cluster.ca, COREWEAVE_NAMESPACE = namespace,
      COREWEAVE_INSIDE_SERVER = cluster.url:gsub("127.0.0.1", "localhost") .. "" } } -- the guest wants names
    local machines = kubelet.start(cluster, s.rig, namespace)
    local ok, problem = pcall(each.run, s)
    machines:close()
    local leak = s.rig:close()
    said("whole: " .. each.name, ok and not leak and {} or { tostring(problem), leak, machines.problem })
  end
end

return whole
