-- SPDX-License-Identifier: MIT
-- Is money running? Every JSON answer of every command says so, failures included, and it is true in
-- substance: in every state that a home can be in.
local expect = require "e2e.expect"
local files = require "base.files"
local json = require "base.json"
local process = require "base.process"
local rig = require "e2e.rig"

local MODEL = "--model=qwen3-coder:30b"
local cases = {}

-- Commands that neither rent nor end anything and ask no cloud about machines.
local ONLOOKERS = {
  { "--version" }, { "help" }, { "help", "stop" }, { "config", "show" }, { "config", "get", "MAX_PRICE" },
  { "config", "get", "MAX_PRISE" }, { "endpoint" }, { "ping" }, { "logs" }, { "logs", "foo" }, { "models" },
  { "schedule" }, { "offers", MODEL }, { "--modle" }, { "frobnicate" }, { "stop", "--cheapest" },
  { "status", "extra" }, { "--cheapest", "--timeout=soon" }, { "--cheapest", MODEL, "--dry-run" },
}

local function text_of(value)
  if value == json.null then return "null" end
  return tostring(value)
end

-- One command: what it says of money, as "true", "false", "null" or "nil" (nothing).
local function said(r, words)
  local result = r:run("--output=json", table.unpack(words))
  local objects = select(2, result.out:gsub("[^\n]+", ""))
  expect.that(objects == 1, ("%s printed %d lines: %s"):format(table.concat(words, " "), objects, result.out))
  expect.json(result)
  return result.out:match('"money_running":(%l+)') or "nil", result
end

local function all_say(r, wanted, list)
  for _, words in ipairs(list or ONLOOKERS) do
    local value, result = said(r, words)
    expect.that(value == text_of(wanted), ("%s: money_running is %s, not %s: %s")
      :format(table.concat(words, " "), value, text_of(wanted), result.out))
  end
end

local function kill_agent(r)
  local pid = r:agent()
  if not pid then return end
  process.kill(pid, "KILL")
  rig.wait_for("the agent's end", 10, function() return not r:agent() end)
end

local function case(name, run) cases[#cases + 1] = { name = name, run = run } end

local function up(r) expect.ends(r:run("--cheapest", MODEL), 0) end

local function until_step(r, n)
  local child = r:start("--cheapest", MODEL)
  rig.wait_for("step " .. n, 60, function() return rig.said(child):find(("[%d/8]"):format(n), 1, true) end)
  return child
end

case("nothing was ever rented", function(r)
  all_say(r, false)
  all_say(r, false, { { "status" }, { "ack" }, { "stop" } })
  r:fault { name = "api.down", sticky = true }
  all_say(r, false)
  all_say(r, false, { { "status" }, { "stop" }, { "--cheapest", MODEL } })
end)

case("a machine runs, whether or not its cloud answers, and after its end", function(r)
  up(r)
  all_say(r, true)
  all_say(r, true, { { "status" }, { "ack" }, { "--cheapest", MODEL }, { "--cheapest", MODEL, "--ensure" } })
  r:fault { name = "api.down", sticky = true }
  all_say(r, true)
  all_say(r, true, { { "status" }, { "--cheapest", MODEL } })
  r:heal()
  all_say(r, false, { { "stop" }, { "stop" }, { "status" } })
  all_say(r, false)
end)

case("an end that could not be proven", function(r)
  up(r)
  r:fault { name = "destroy.500", sticky = true }
  all_say(r, json.null, { { "stop" } })
  all_say(r, json.null)
  all_say(r, json.null, { { "status" }, { "--cheapest", MODEL } })
  r:heal()
  all_say(r, false, { { "stop" } })
  all_say(r, false)
  expect.all_over(r)
end)

case("the record is lost, while the clouds answer and while they do not", function(r)
  up(r)
  kill_agent(r)
  files.remove(files.join(r.home, "journal"))
  r:fault { name = "api.down", sticky = true }
  all_say(r, json.null)
  all_say(r, json.null, { { "status" }, { "stop" }, { "--cheapest", MODEL } })
  r:heal()
  all_say(r, json.null)
  all_say(r, true, { { "status" } })
  all_say(r, true)
  all_say(r, false, { { "stop" } })
  all_say(r, false)
  expect.all_over(r)
end)

case("a start that is under way", function(r)
  local child = until_step(r, 5)
  child:kill("STOP") -- so that it stays where it is
  local list = {}
  for _, words in ipairs(ONLOOKERS) do list[#list + 1] = words end
  all_say(r, true, list)
  all_say(r, true, { { "status" }, { "ack" }, { "--cheapest", MODEL } })
  child:kill("CONT")
  expect.ends(r:finish(child), 0)
  all_say(r, false, { { "stop" } })
  expect.all_over(r)
end)

case("a start that was cut off with its machine", function(r)
  local child = until_step(r, 5)
  child:kill("KILL")
  r:finish(child)
  kill_agent(r)
  all_say(r, true)
  all_say(r, false, { { "status" }, { "stop" } }) -- status finishes what was cut off
  expect.all_over(r)
end)

case("a create whose answer was never had", function(r)
  r:fault { name = "create.lost_before", count = 1 }
  r:fault { name = "create.no_capacity", sticky = true, after = 1 }
  all_say(r, json.null, { { "--cheapest", MODEL } })
  all_say(r, json.null)
  all_say(r, json.null, { { "status" }, { "stop" } })
  expect.nothing_bills(r)
end)

return cases
