-- SPDX-License-Identifier: MIT
-- Homes that were copied, rolled back, deleted or cannot be written: nothing says "none is running" while a
-- machine of theirs bills.
local expect = require "e2e.expect"
local files = require "base.files"
local process = require "base.process"
local rig = require "e2e.rig"

local MODEL = "--model=qwen3-coder:30b"
local VAST = { "vast" }
local cases = {}

-- more: as in e2e/table.lua
local function case(name, run, more)
  local made = more or { kind = "home" }
  made.name, made.run = name, run
  cases[#cases + 1] = made
end

-- What a stop says at this cloud when all is well.
local function proven(r) return (select(2, r:outcome())) end

local function up(r) expect.ends(r:run("--cheapest", MODEL), 0) end

local function kill_agent(r)
  local pid = r:agent()
  if not pid then return end
  process.kill(pid, "KILL")
  r.wait_for("the agent's end", 10, function() return not r:agent() end)
end

local function remove(r, ...)
  for _, name in ipairs { ... } do files.remove(files.join(r.home, name)) end
end

-- The files of the home now, and the way back to them.
local function keep(r)
  local kept = {}
  for _, name in ipairs { "journal", "history", ".continueplz.state", "home.id" } do
    kept[name] = files.read(files.join(r.home, name)) or false
  end
  return function()
    for name, text in require("base.sorted")(kept) do
      if text then
        assert(files.write(files.join(r.home, name), text))
      else
        files.remove(files.join(r.home, name))
      end
    end
  end
end

case("journal deleted: status finds the machine, stop ends it", function(r)
  up(r)
  kill_agent(r)
  remove(r, "journal")
  expect.ends(r:run("status"), 0, "record of it was lost", "Money: running")
  expect.that(#r:instances() == 1, "status ended a machine that may be in use")
  expect.ends(r:run("--cheapest", MODEL), 6, "already running")
  expect.ends(r:run("stop"), 0, proven(r), "Session cost")
  expect.all_over(r)
  expect.ends(r:run("status"), 0, r:no_money())
end)

case("journal deleted while the agent lives: it is put back, and nothing is missing", function(r)
  up(r)
  remove(r, "journal")
  rig.wait_for("the journal", 30, function() return r:journal():find('"kind":"ready"', 1, true) end)
  local object = expect.json(expect.ends(r:run("status", "--output=json"), 0))
  expect.that(object.status == "ready" and object.money_running == true and object.cost.current,
    "status: " .. object.status)
  expect.ends(r:run("ping"), 0)
  expect.ends(r:run("stop"), 0, proven(r), "Session cost")
  expect.all_over(r)
end)

-- What is done to the text of a journal whose machine is in use; what status says of the money then.
for _, row in ipairs {
  { "its last record is cut off", function(text) return text:sub(1, #text - 37) end, true },
  { "it is cut before the machine's number",
    function(text) return text:sub(1, text:find('"kind":"bound"', 1, true) - 40) end, nil },
  { "the record of the intent is damaged",
    function(text) return (text:gsub('"kind":"intent"', '"kind":"intend"')) end, true },
  { "the record of the machine's number is damaged",
    function(text) return (text:gsub('"kind":"bound"', '"kind":"bounb"')) end, nil },
} do
  case("the journal of a machine in use: " .. row[1] .. "; status ends nothing, stop does", function(r)
    up(r)
    kill_agent(r)
    local path = files.join(r.home, "journal")
    assert(files.write(path, row[2](assert(files.read(path)))))
    for _ = 1, 2 do
      local result = expect.ends(r:run("status", "--output=json"), 0)
      expect.that(result.out:find('"money_running":' .. (row[3] and "true" or "null"), 1, true),
        "status: " .. result.out)
      expect.that(not expect.json(result).cost.current, "status: a cost that nobody can know: " .. result.out)
    end
    expect.that(#r:instances() == 1, "status ended a machine that may be in use")
    expect.that(r:run("--cheapest", MODEL).code ~= 0, "a second machine was rented")
    expect.machines(r, 1)
    expect.ends(r:run("stop"), 0, proven(r), r:no_money())
    expect.all_over(r)
    expect.ends(r:run("--cheapest", MODEL), 0)
    expect.ends(r:run("stop"), 0, r:no_money())
    expect.all_over(r)
  end)
end

case("journal, history and state deleted: stop ends what bears the home's name", function(r)
  up(r)
  expect.ends(r:run("stop"), 0)
  up(r)
  kill_agent(r)
  remove(r, "journal", "history", ".continueplz.state")
  expect.ends(r:run("stop"), 0, proven(r))
  expect.all_over(r)
end)

case("rolled back to before the rent: stop ends the machine", function(r)
  up(r)
  expect.ends(r:run("stop"), 0)
  local back = keep(r)
  up(r)
  kill_agent(r)
  back()
  local object = expect.json(expect.ends(r:run("status", "--output=json"), 0))
  expect.that(object.money_running == true and object.status == "found",
    "status: " .. tostring(object.status))
  back()
  expect.ends(r:run("stop"), 0, proven(r))
  expect.all_over(r)
end, { clouds = VAST })

case("nothing is known while no cloud answers, and everything again once one did", function(r)
  up(r)
  expect.ends(r:run("stop"), 0)
  remove(r, "journal")
  r:fault { name = "api.down", sticky = true }
  expect.ends(r:run("status"), 1, "Money: NOT KNOWN", "look at http")
  expect.ends(r:run("stop"), 1, "Money: NOT KNOWN")
  expect.ends(r:run("config", "get", "MAX_PRICE"), 0, "Money: NOT KNOWN")
  expect.ends(r:run("--cheapest", MODEL), 1, "no other one is rented")
  for _, word in ipairs { "status", "stop" } do
    local result = expect.ends(r:run(word, "--output=json"), 1)
    expect.that(result.out:find('"money_running":null', 1, true)
      and result.out:find('"status":"unknown"', 1, true), "JSON: " .. result.out)
  end
  r:heal()
  expect.ends(r:run("status"), 0, "Money: none is running")
  r:fault { name = "api.down", sticky = true }
  expect.ends(r:run("status"), 0, "Money: none is running")
  expect.ends(r:run("stop"), 0, "Money: none is running")
end, { clouds = VAST })

case("a folder that cannot be written: the machine is ended, and that it "
  .. "could not be recorded is said", function(r)
  local skipped = r:on_small_disk(2000, function()
    up(r)
    kill_agent(r)
    local function mount(how)
      return process.spawn({ argv = { "mount", "-o", "remount," .. how, r.home },
        stdin = "null" }):wait().status
    end
    expect.that(mount "ro" == 0, "the folder could not be made read-only")
    local result = r:run("stop")
    expect.ends(result, 0, proven(r), "could not be recorded", "Money: none is running")
    expect.nothing_bills(r)
    mount "rw"
    expect.ends(r:run("stop"), 0)
    expect.ends(r:run("status"), 0, "Money: none is running")
  end)
  return skipped
end, { clouds = VAST })

case("a journal that cannot be read: stop ends what bears the home's name", function(r)
  up(r)
  kill_agent(r)
  local path = files.join(r.home, "journal")
  local text = files.read(path)
  files.remove(path)
  assert(files.mkdir(path))
  expect.ends(r:run("stop"), 0, "cannot be read", proven(r), "could not be recorded")
  expect.nothing_bills(r)
  files.remove(path)
  assert(files.write(path, text))
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end, { clouds = VAST })

case("a journal of a newer version: stop ends what it still tells of, up refuses, "
  .. "nothing of it is changed", function(r)
  up(r)
  kill_agent(r)
  local path = files.join(r.home, "journal")
  local chain = require "home.chain"
  local last = files.read(path):match("([^\n]*)\n$"):match("^%x+")
  assert(files.append(path, (chain.line(last, { kind = "journal", version = 99 }))))
  local text = files.read(path)
  expect.ends(r:run("--cheapest", MODEL), 3, "newer continueplz")
  expect.ends(r:run("stop"), 0, "newer continueplz", proven(r))
  expect.nothing_bills(r)
  expect.that(files.read(path) == text, "the newer journal was changed")
end, { clouds = VAST })

-- A home of the last release (tests/homes), as that release would leave it here.
local function inherit(r, name)
  for _, each in ipairs { "journal", "history", "home.id" } do
    local text = files.read("tests/homes/" .. name .. "/" .. each)
    if text then assert(files.write(files.join(r.home, each), text)) end
  end
  local function identity(each) return files.stat(files.join(r.home, each)).identity end
  local state = assert(files.read("tests/homes/" .. name .. "/continueplz.state"))
  state = state:gsub('("seal":")%S+ [^%s"]+', "%1" .. identity "journal" .. " " .. identity "history")
  assert(files.write(files.join(r.home, ".continueplz.state"), state))
end

-- What scripts of the user's see: how many sessions, and what they cost.
local function told(r)
  local path = files.join(r.home, "told.lua")
  assert(files.write(path, [[
    local count, sum = 0, 0
    for _, row in ipairs(require("money.history").sessions()) do count, sum = count + 1, sum + row.cost end
    require("base.term").out(("%d sessions, %.3f dollars\n"):format(count, sum))
    return 0]], 384))
  return expect.ends(r:run(path), 0).out
end

case("a home of the last release with a long history: status asks no cloud, a start "
  .. "and a stop go on with it", function(r)
  inherit(r, "long-history")
  local before = told(r)
  expect.that(before:find("30 sessions, 1.115 dollars", 1, true), before)
  r:fault { name = "api.down", sticky = true }
  expect.ends(r:run("status"), 0, "Money: none is running")
  expect.ends(r:run("stop"), 0, "Nothing is running", "Money: none is running")
  r:heal()
  up(r)
  expect.ends(r:run("stop"), 0, proven(r))
  expect.all_over(r)
  expect.that(told(r):find("31 sessions, ", 1, true), "a session is missing")
  expect.ends(r:run("doctor"), 0, "over and closed")
end, { clouds = VAST })

case("a home of the last release whose machine was in use: stop proves its end and charges it", function(r)
  inherit(r, "in-use")
  expect.ends(r:run("stop"), 0, proven(r), "Session cost", "Money: none is running")
  expect.that(told(r):find("4 sessions, ", 1, true), "a session is missing")
  local journal = assert(files.read(files.join(r.home, "journal")))
  expect.that(select(2, journal:gsub('"kind"', "")) == 1, "what is over is still in the journal")
  expect.ends(r:run("doctor"), 0, "over and closed")
end, { clouds = VAST })

return cases
