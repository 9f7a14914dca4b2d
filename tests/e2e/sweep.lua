-- SPDX-License-Identifier: MIT
-- Sweep, from end to end: this folder's machine, and one of another folder's at the terminal.
local expect = require "e2e.expect"
local files = require "base.files"
local host = require "sandbox.host"
local process = require "base.process"
local pty = require "e2e.pty"
local rig = require "e2e.rig"

local MODEL = "--model=qwen3-coder:30b"
local cases = {}

local function case(name, run)
  cases[#cases + 1] = { name = name, run = run, clouds = { "vast", "lambda" } }
end

case("a dry run tells, a sweep ends, a second one finds nothing", function(r)
  expect.ends(r:run("--cheapest", MODEL), 0)
  local dry = expect.ends(r:run("sweep", "--dry-run"), 0, "nothing was sent", "Money: running")
  expect.wrapped(dry, "in use here")
  expect.lacks(dry, r.account_key)
  expect.machines(r, 1)
  expect.ends(r:run("sweep"), 0, "Confirmed", "Session cost", "Money: none is running")
  expect.all_over(r)
  local again = expect.json(r:run("sweep", "--output=json"))
  expect.that(again.status == "clean" and again.money_running == false, "the second sweep: " .. again.status)
end)

-- Another folder with the same keys.
local function beside_of(r)
  local beside = files.join(r.dir, "beside")
  if files.exists(beside) then return beside end
  assert(files.mkdir(beside))
  rig.settle_port(beside)
  assert(files.write(files.join(beside, ".env"), files.read(files.join(r.home, ".env")), 384))
  return beside
end

local function at_terminal(r, home, command, answer, ...)
  return pty.run({ process.exe, "-C", home, command, ... }, { { "[y/N]", answer } },
    { env = { "HOME=" .. r.dir } })
end

case("another folder's is asked for at the terminal, and ended by a yes alone", function(r)
  if not files.exists("/usr/bin/script") or host.platform ~= "linux" then
    return "needs script of util-linux"
  end
  expect.ends(r:run("--cheapest", MODEL), 0)
  local function sweep(...) return at_terminal(r, beside_of(r), "sweep", ...) end
  expect.ends(sweep("", "-y"), 0, "in other folders of yours 1 more")
  expect.ends(sweep("n\r"), 8, "which may be in use there? [y/N]")
  expect.machines(r, 1)
  expect.ends(sweep("y\r"), 0, "Confirmed", "Money: none is running")
  expect.nothing_bills(r)
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end)

case("another folder's is adopted by a yes, forgotten by a yes, and told of until ack", function(r)
  if not files.exists("/usr/bin/script") or host.platform ~= "linux" then
    return "needs script of util-linux"
  end
  expect.ends(r:run("--cheapest", MODEL), 0)
  local beside = beside_of(r)
  expect.ends(at_terminal(r, beside, "adopt", "n\r"), 8, "Nothing was adopted")
  expect.ends(at_terminal(r, beside, "adopt", "y\r"), 0, "Adopted machine", "Money: running")
  expect.ends(at_terminal(r, beside, "forget", "n\r"), 8, "The record stays")
  expect.ends(at_terminal(r, beside, "forget", "y\r"), 0, "was forgotten at")
  expect.machines(r, 1)
  expect.ends(r:run("stop"), 0)
  expect.ends(at_terminal(r, beside, "ack", "", "-y"), 0, "Money: none is running")
  expect.all_over(r)
end)

-- Asks RunPod as the account's owner does.
local function runpod(r, method, path, body)
  local answer = require("base.http").request { method = method, url = r.address.runpod .. "/v2/" .. path,
    headers = { Authorization = "Bearer " .. r.account_key }, json = body, timeout = 10 }
  return answer.body ~= "" and answer.json() or nil
end

cases[#cases + 1] = { clouds = { "runpod" },
  name = "RunPod: volumes, a template and a stopped pod that bear our token go, a foreign volume stays",
  run = function(r)
    expect.ends(r:run("--cheapest", MODEL), 0)
    local token = r:instances()[1].label
    local size = { size = 100, dataCenter = "EU-RO-1" }
    for _, name in ipairs { token, "training data" } do
      size.name = name
      runpod(r, "POST", "network-volumes", size)
    end
    runpod(r, "POST", "templates", { name = token, image = "x" })
    local kept = runpod(r, "POST", "pods", { name = token, image = "x", disk = 10,
      gpu = { id = "NVIDIA A40", count = 1 }, mounts = { persistent = { size = 72, path = "/workspace" } } })
    runpod(r, "POST", ("pods/%s/action"):format(kept.id), { action = "stop" })
    expect.ends(r:run("sweep", "--dry-run"), 0, "DELETE", "/v2/network-volumes/", "/v2/templates/",
      "stopped", "$0.021/h", "$0.010/h", "nothing was sent")
    r:fault { name = "api.500", match = { method = "DELETE", path = "network%-volumes" } }
    expect.ends(r:run("sweep"), 0, "never touched", "Removed network volume", "Removed template",
      "Money: none is running")
    local left = r:leftovers()
    expect.that(#left.network_volumes == 1 and left.network_volumes[1].name == "training data"
      and #left.templates == 0 and #r:instances() == 0, "something else is left")
    runpod(r, "DELETE", "network-volumes/" .. left.network_volumes[1].id)
    expect.all_over(r)
  end }

-- Asks Paperspace as the team does.
local function paperspace(r, method, path, body)
  return require("base.http").request { method = method, url = r.address.paperspace .. "/v1/" .. path,
    headers = { Authorization = "Bearer " .. r.account_key }, json = body, timeout = 10 }.json()
end

cases[#cases + 1] = { clouds = { "paperspace" },
  name = "Paperspace: a drive, a template and a network that bear our token go, what is foreign stays",
  run = function(r)
    expect.ends(r:run("--cheapest", MODEL), 0)
    local machine = r:instances()[1]
    local region = "West Coast (CA1)"
    for _, name in ipairs { machine.label, "office" } do
      local network = paperspace(r, "POST", "private-networks", { name = name, region = region }).id
      paperspace(r, "POST", "shared-drives", { name = name, networkId = network, region = region,
        size = 500 })
      paperspace(r, "POST", "custom-templates", { name = name, machineId = machine.id })
    end
    local dry = expect.ends(r:run("sweep", "--dry-run"), 0, "/v1/shared-drives/", "/v1/custom-templates/",
      "/v1/private-networks/", "nothing was sent")
    local _, count = dry.out:gsub("DELETE ", "")
    expect.that(count == 4, "it would delete " .. count .. " things, and one machine and three are ours")
    expect.ends(r:run("sweep"), 0, "never touched", "Removed template", "Removed shared drive",
      "Removed private network")
    local left = r:leftovers()
    for _, kind in ipairs { "shared_drives", "custom_templates", "private_networks" } do
      expect.that(#left[kind] == 1 and left[kind][1].name == "office", kind .. ": something else is left")
      paperspace(r, "DELETE", kind:gsub("_", "-") .. "/" .. left[kind][1].id)
    end
    expect.ends(r:run("ack", "-y"), 0)
    expect.nothing_bills(r)
  end }

return cases
