-- SPDX-License-Identifier: MIT
-- `make live` (tests/live/run.lua), whose clouds are the simulator here: its whole path, at a terminal and
-- without one.
local expect = require "e2e.expect"
local files = require "base.files"
local host = require "sandbox.host"
local json = require "base.json"
local process = require "base.process"
local pty = require "e2e.pty"
local rig = require "e2e.rig"
local sorted = require "base.sorted"

local FAST = { cloud = "all", scale = 200 }
local cases = {}

local function case(name, run) cases[#cases + 1] = { name = name, run = run, options = FAST } end

-- Runs it at a terminal, where the limit and the answers are typed. → result, what the reports tell
local function live(r, limit, ...)
  local dir, root = files.join(r.dir, "live"), process.cwd()
  assert(files.mkdir(files.join(dir, "home")))
  rig.settle_port(files.join(dir, "home"))
  local result = pty.run({ process.exe, "-C", r.home, root .. "/tests/live/run.lua", "--dir=" .. dir },
    { { "(Enter: rent nothing)", limit .. "\r" }, { "[y/N]", ... } },
    { env = { "HOME=" .. r.dir, "CONTINUEPLZ_SCRIPTS=" .. root .. "/tests" } })
  local report
  for _, name in ipairs(files.list(dir)) do
    if name:find "^report%-" then report = assert(files.read(files.join(dir, name))) end
  end
  return result, report, files.join(dir, "home")
end

local function needs_terminal()
  return (not files.exists("/usr/bin/script") or host.platform ~= "linux") and "needs script of util-linux"
end

-- A cloud's part of a report.
local function part(report, name)
  for _, each in ipairs(assert(json.decode(report)).clouds) do
    if each.name == name then return each end
  end
  error("the report does not tell of " .. name)
end

-- Requests in which something differs from the simulator.
local function differences(cloud)
  local list = {}
  for _, rows in ipairs { cloud.answers, cloud.rent.answers or {} } do
    for _, row in ipairs(rows) do
      for _, each in ipairs(row.differences) do list[#list + 1] = each.what .. " " .. each.path end
    end
  end
  return table.concat(list, ", ")
end

case("reads, rents within the typed limit, gives back, and reports without secrets", function(r)
  if needs_terminal() then return needs_terminal() end
  r:fault { name = "offers.nulls", fields = { "cpu_name" }, sticky = true }
  local result, report, home = live(r, "0.80", "y\r", "n\r")
  expect.ends(result, 0, "All of it: at most $", "$1.20 may be too much for what is left of the limit",
    "The machine's end: proven")
  local vast = part(report, "vast")
  expect.that(vast.rent.outcome == "proven" and vast.rent.ready and #vast.rent.answers == 2, "the rent")
  for name, differs in sorted { coreweave = "", lambda = "unknown $.data.*.instance_type.cpu_name",
    paperspace = "unknown $.items[].cpu_name",
    runpod = "unknown $.gpus[].cpu_name, unknown $.gpus[].cpu_name", -- two requests
    vast = "null $.offers[].cpu_name" } do
    local cloud = part(report, name)
    expect.that(differences(cloud) == differs, name .. " differs: " .. differences(cloud))
    expect.that(name == "vast" or cloud.rent.skipped and #cloud.answers >= 3 and #cloud.marks > 5, name)
  end
  for _, secret in ipairs { r.account_key, "ada", "127.0.0.1", "48211" } do
    expect.that(not report:find("%f[%w]" .. secret:gsub("%p", "%%%0") .. "%f[%W]"),
      secret .. " is in the report")
  end
  expect.that(not files.exists(files.join(home, ".env")), "the keys were left behind")
  expect.all_over(r)
end)

case("an end that is not proven ends the run, and the next one ends it first", function(r)
  if needs_terminal() then return needs_terminal() end
  r:fault { name = "destroy.accepted_not_done", sticky = true }
  local result, report, home = live(r, "5", "y\r", "y\r", "y\r")
  expect.ends(result, 1, "The machine's end: unproven", "SOMETHING MAY STILL BILL. Type:", home)
  expect.that(part(report, "vast").rent.outcome == "unproven", "the outcome")
  expect.that(part(report, "lambda").rent.skipped, "another machine was rented")
  local function agent() return files.owner(files.join(home, "agent.lock")) end
  process.kill(rig.wait_for("the agent that goes on asking", 60, agent), "KILL") -- else it may be first
  rig.wait_for("its end", 60, function() return not agent() end)
  r:heal()
  expect.ends(live(r, ""), 0, "what may run there is ended first")
  expect.all_over(r)
end)

case("without anybody to ask nothing is rented", function(r)
  r.more_env = { "CONTINUEPLZ_SCRIPTS=" .. process.cwd() .. "/tests" }
  local dir = files.join(r.dir, "live")
  expect.ends(r:run(process.cwd() .. "/tests/live/run.lua", "--dir=" .. dir), 0, "so nothing is rented",
    "belongings ok")
  expect.machines(r, 0)
end)

return cases
