-- SPDX-License-Identifier: MIT
-- A model that several pods serve behind one address (--replicas), at CoreWeave.
local expect = require "e2e.expect"

local MODEL = "--model=qwen3-coder:30b"
local cases = {}

local function case(name, run, options)
  cases[#cases + 1] = { name = name, clouds = { "coreweave" }, run = run, options = options }
end

-- How many requests for an answer each server of the model had, by the logs of the machines.
local function asked(r)
  local files = require "base.files"
  local counts = {}
  for _, name in ipairs(files.list(files.join(r.dir, "sim", "instances")) or {}) do
    local log = files.read(files.join(r.dir, "sim", "instances", name, "log")) or ""
    local _, count = log:gsub("POST /api/chat", "")
    if name:find "%-%d+$" then counts[#counts + 1] = count end
  end
  return counts
end

case("up --replicas=2: both answer behind the one address; stop proves nodes and pods gone", function(r)
  local result = expect.plain(expect.ends(r:run("up", "--cheapest", MODEL, "--on-demand", "--replicas=2"), 0,
    "coreweave 2 × (L40 48GB) on 1 node @ $", "2 of 2 servers ready", "READY"))
  expect.lacks(result, r.account_key)
  for _ = 1, 4 do expect.ends(r:run("ping"), 0) end
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
  r:fault { name = "pod.stuck", sticky = true }
  expect.ends(r:run("up", "--cheapest", MODEL, "--on-demand", "--replicas=2"), 1, "0 of 2 servers ready",
    "-set-", "ImagePullBackOff: Back-off pulling image", "Money: none is running")
  expect.all_over(r)
end)

return cases
