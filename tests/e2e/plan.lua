-- SPDX-License-Identifier: MIT
-- `up --plan`: what a start would do now, told without doing it, at every cloud; and what it then does.
local expect = require "e2e.expect"
local rig = require "e2e.rig"

local MODEL = "--model=qwen3-coder:30b"
local cases = {}

local function case(name, run, clouds) cases[#cases + 1] = { name = name, run = run, clouds = clouds } end

local function path_of(address) return address:gsub("^https?://[^/]+", ""):gsub("%?.*$", "") end

-- What the simulator was sent since `from` that is no reading. → { "POST /path", … }, how many there were
local function writes(r, from)
  local list, all = {}, r:control("GET", "/requests?from=" .. from).requests
  for _, each in ipairs(all) do
    if each.method ~= "GET" then list[#list + 1] = each.method .. " " .. path_of(each.path) end
  end
  return list, from + #all
end

-- Where the texts of `part` stand in `list`, one after the other.
local function within(list, part)
  for first = 1, #list - #part + 1 do
    local same = true
    for index, text in ipairs(part) do same = same and list[first + index - 1] == text end
    if same then return first end
  end
end

local function nothing_made(r)
  expect.machines(r, 0)
  expect.that(r:journal() == "", "something was recorded: " .. r:journal())
  expect.that(#r:billing() == 0, "something bills")
  expect.that(not r:agent(), "an agent was started")
end

case("a plan tells each request of the start that follows, and sends none", function(r)
  local text = expect.plain(expect.ends(r:run("up", "--plan", MODEL), 0, "Would be taken", "Cost: at least",
    "Guard:", "Would be sent to", "Plan: nothing was rented.", "Money: none is running"))
  expect.lacks(text, r.account_key)
  local _, count = writes(r, 0)
  local object = expect.json(expect.ends(r:run("up", "--plan", MODEL, "--output=json"), 0))
  local sent, told = writes(r, count), {}
  local plan = object.plan
  for index, request in ipairs(plan.requests) do
    told[index] = request.method .. " " .. path_of(request.url)
    expect.that(request.makes, told[index] .. " makes nothing")
    expect.that(not within(sent, { told[index] }), told[index] .. " was sent")
  end
  nothing_made(r)
  expect.that(plan.requests[#told].makes == "machine" and not plan.untold, "the create is not told")
  local cost = plan.cost
  expect.that(cost.least <= cost.total and cost.total <= cost.most, "the sums")
  expect.ends(r:run("--cheapest", MODEL), 0)
  local told_text = table.concat(told, ", ")
  expect.that(within(writes(r, count), told), "the start sent something else than " .. told_text)
  expect.ends(r:run("up", "--plan", MODEL), 6, "Would be taken", "would end before it rents",
    "already running", "Money: running")
  expect.machines(r, 1)
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end)

case("what stands in the way is told, and its code is the plan's", function(r)
  expect.ends(r:run("up", "--plan", MODEL, "--max-price=0.01"), 4, "too dear")
  r:write_env { MAX_PRICE = "0.05" }
  expect.ends(r:run("up", "--plan", MODEL), 8, "Would be taken", "above MAX_PRICE")
  local object = expect.json(r:run("up", "--plan", MODEL, "--output=json"))
  expect.that(object.status == "plan" and object.plan.hindrances[1].exit_code == 8, "the hindrance")
  for _, option in ipairs { "--dry-run", "--wait", "--retry-until=09:00", "--keep-on-failure", "--ensure" } do
    expect.ends(r:run("up", "--plan", MODEL, option), 2, option:match("^[^=]+") .. " has no meaning")
  end
  nothing_made(r)
  r:write_env()
  r:put("journal", "no record\n")
  expect.ends(r:run("up", "--plan", MODEL), 3, "Would be taken", "is damaged at line 1")
end, { "vast" })

case("a start that was cut off is told of, and left alone", function(r)
  r:fault { name = "boot.stuck" }
  local child = r:start("--cheapest", MODEL)
  rig.wait_for("a machine", 30, function() return #r:instances() == 1 end)
  child:kill("KILL")
  r:finish(child)
  local result = r:run("up", "--plan", MODEL)
  expect.ends(result, 0, "Ended first: 1 earlier start that was cut off.")
  expect.machines(r, 1)
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end, { "vast" })

return cases
