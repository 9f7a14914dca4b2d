-- SPDX-License-Identifier: MIT
-- `make live`: what the clouds of this user's keys really answer (docs/live.md).
-- continueplz tests/live/run.lua [--dir=DIR] with CONTINUEPLZ_SCRIPTS=tests. The keys are those of the folder
-- in use. First what only reads; then, when somebody at the terminal types a limit in dollars and says yes,
-- one shortest rent at each cloud, in the folder DIR/home. Ends with 0, or 1 when something may bill.
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local scripts = require "sandbox.world"
local term = require "base.term"
local cards = require "facts.clouds"
local clouds = require "money.clouds"
local config = require "config.effective"
local dotenv = require "config.dotenv"
local look = require "live.look"
local models = require "facts.models"
local rent = require "live.rent"
local report = require "live.report"
local values = require "config.values"

local MOST = 100 -- dollars that can be typed

local words = { ... }

-- Settings that the folder of the rents takes over from the user's, beside those of the clouds.
local TAKEN = { GUARD_ACCOUNT_KEY = true, REGISTRY_URL = true, OLLAMA_DOWNLOAD_URL = true,
  OLLAMA_VERSION = true, CA_FILE = true, TIME_SCALE = true, TUNNEL_CARRIER = true, MIN_RELIABILITY = true,
  DATACENTER_ONLY = true }

local function say(text, ...) term.out(text:format(...) .. "\n") end

local function dir_of()
  local dir = files.absolute((words[1] or ""):match("^%-%-dir=(.+)$") or "build/live")
  assert(files.mkdir(files.join(dir, "home")))
  assert(files.chmod(files.join(dir, "home"), 448))
  return dir
end

-- The model that is served costs least to fetch. What the user prefers otherwise does not count here.
local function settle()
  local smallest
  for _, model in ipairs(models.list) do
    if not smallest or model.bytes < smallest.bytes then smallest = model end
  end
  config.use("DEFAULT_MODEL", smallest.name, "make live")
  config.use("DEFAULT_REGION", "any", "make live")
  for _, name in ipairs { "DEFAULT_PROVIDER", "DEFAULT_GPU", "GPUS" } do config.use(name, nil) end
  return smallest.name
end

-- The keys and addresses, in a file that is as private as the user's own.
local function lend_settings(home)
  local taken, lines = {}, {}
  for name in pairs(TAKEN) do taken[name] = true end -- order: free
  for _, card in ipairs(cards) do
    for _, row in ipairs(card.settings) do taken[row.name] = true end
  end
  local _, text = config.file()
  for _, entry in ipairs(text and dotenv.parse(text) or {}) do
    local quote = entry.value:find('"', 1, true) and "'" or '"'
    if taken[entry.name] then lines[#lines + 1] = entry.name .. "=" .. quote .. entry.value .. quote end
  end
  assert(files.write(files.join(home, ".env"), table.concat(lines, "\n") .. "\n", 384))
end

local function asked(lines, question)
  local screen = scripts.builtin("ui.progress").new {}
  return screen:ask(lines, question)
end

local function somebody()
  local person = term.person()
  if person then person:close() end
  return person ~= nil
end

-- The limit that somebody types. → dollars, or nil
local function limit_of(plans)
  local lines, sum = {}, 0
  for _, plan in ipairs(plans) do
    lines[#lines + 1] = plan.why and ("%s: not rented: %s"):format(plan.title, plan.why)
      or ("%s: %s in %s, %s, $%.3f/h; at most $%.2f for the hour that it may live at most")
        :format(plan.title, plan.gpu, plan.region, plan.kind, plan.hourly, plan.most)
    sum = sum + (plan.most or 0)
  end
  if sum == 0 then
    for _, line in ipairs(lines) do say("  %s", line) end
    return nil
  end
  lines[#lines + 1] = ("All of it: at most $%.2f; as a rule some minutes of that."):format(sum)
  while true do
    local answer = asked(lines, "Limit in dollars for all rents together (Enter: rent nothing): ")
    local text = (answer or ""):match("^%s*%$?(.-)%s*$")
    local dollars = tonumber(text)
    if text == "" then return nil end
    if dollars and dollars > 0 and dollars <= MOST then return dollars end
    lines = { ("%q is no number of dollars up to %d."):format(text, MOST) }
  end
end

local function plans_of(list, home, model)
  local plans = {}
  for index, seen in ipairs(list) do
    local plan, why = rent.plan(home, seen.name, model)
    plans[index] = plan or { why = why }
    plans[index].title = seen.provider.title or seen.name
  end
  return plans
end

local function rented(seen, plan, home, model)
  local done = rent.once(home, seen.provider, plan, model)
  seen.rent = done
  if done.watched then
    local key = config.secret(seen.provider.key_setting)
    done.answers = look.answers(seen.name, done.watched, key, done.id)
  end
  return done
end

-- One cloud after the other, as long as the limit holds what is the most, and every end was proven.
-- → dollars spent at most, is something left that may bill?
local function rents(list, plans, limit, home, model)
  local spent = 0
  for index, seen in ipairs(list) do
    local plan = plans[index]
    if plan.why then
      seen.rent = { skipped = plan.why }
    elseif spent + plan.most > limit then
      seen.rent = { skipped = ("$%.2f may be too much for what is left of the limit"):format(plan.most) }
      say("%s: %s", plan.title, seen.rent.skipped)
    elseif not term.agrees(asked({ ("%s: %s, $%.3f/h, at most $%.2f."):format(plan.title, plan.gpu,
      plan.hourly, plan.most) }, "Rent it, ask it once and give it back? [y/N] ")) then
      seen.rent = { skipped = "it was declined" }
    else
      local done = rented(seen, plan, home, model)
      spent = spent + (done.cost or plan.most)
      if done.outcome == "unproven" then return spent, true end
    end
  end
  return spent, false
end

local function on_this_computer()
  for _, card in ipairs(cards) do
    for _, row in ipairs(card.settings) do
      if row.type == "url" and values.loopback(config.get(row.name)) then return true end
    end
  end
  return false
end

-- Is nothing left to end or to tell of in that folder?
local function is_over(home)
  local journal = require("home.journal").open(home)
  return #journal:shown() + #journal:things() + #journal:untidy() == 0
end

-- An earlier run that was cut off comes first. → true, or false: something may bill still
local function settle_earlier(home)
  if is_over(home) then return true end
  say("An earlier run left something in %s; what may run there is ended first.", home)
  return rent.run(home, { "stop" }) == 0
end

local function read_all(want)
  local list = {}
  for _, name in ipairs(clouds.with_key(true)) do
    local card = cards.known(name)
    if card then
      say("%s", card.title)
      local seen = look.read(card, want)
      seen.rent = { skipped = "nobody typed a limit" }
      for _, call in ipairs { "account", "offers", "list", "belongings" } do
        local row = seen.calls[call]
        if row then say("  %-10s %s %s", call, row.ok and "ok     " or "PROBLEM", row.told) end
      end
      seen.answers = look.answers(name, seen.calls, config.secret(card.key_setting))
      local count = 0
      for _, row in ipairs(seen.answers) do count = count + #row.differences end
      say("  %d requests; %d fields other than the simulator's", #seen.answers, count)
      list[#list + 1] = seen
    end
  end
  return list
end

local function finish(list, dir, limit, spent)
  local parts = {}
  for index, seen in ipairs(list) do
    local marks = look.marks(seen)
    local settled = 0
    for _, mark in ipairs(marks) do settled = settled + (mark.settled and 1 or 0) end
    say("%s: %d of %d open questions of its facts are answered", seen.provider.title, settled, #marks)
    parts[index] = report.cloud(seen, seen.answers, marks, seen.rent)
  end
  say("Report: %s", report.write(dir, parts, limit, spent, on_this_computer()))
  say("It has no keys, ids or addresses that this program knows of; read it before you send it to the "
    .. "project.")
end

local function main(dir, home)
  local model = settle()
  lend_settings(home)
  if not settle_earlier(home) then
    say("It could not be proven over: continueplz -C %s stop", home)
    return 1
  end
  say("Part 1 of 2, only reading: %s", clock.iso())
  local want = require("start.want").make { accept_no_guard = true }
  local list = read_all(want)
  local limit, spent, left = nil, 0, false
  if somebody() then
    say("Part 2 of 2, one shortest rent at each cloud; what it may cost:")
    local plans = plans_of(list, home, model)
    limit = limit_of(plans)
    if limit then spent, left = rents(list, plans, limit, home, model) end
  else
    say("Nobody is at a terminal to type a limit, so nothing is rented.")
  end
  finish(list, dir, limit, spent)
  if left then
    say("SOMETHING MAY STILL BILL. Type: continueplz -C %s stop", home)
    return 1
  end
  return 0
end

local dir = dir_of()
local home = files.join(dir, "home")
local ok, code = fail.settle(main, dir, home)
if is_over(home) then files.remove(files.join(home, ".env")) end
if not ok and fail.is(code, "interrupted") then error(code, 0) end
if not ok then
  term.err("make live: " .. fail.message(code) .. "\n")
  return 1
end
return code
