-- SPDX-License-Identifier: MIT
-- A hostile cloud at every step: its answer to a create, to what is asked before and after one, and to what
-- commands ask is cut off, has a value replaced, leads elsewhere or has no end. Nothing ends as a mistake of
-- ours, no second machine is begun beside one that may be there, and nothing is said to be gone that is not.
local hostile_calls = require "dst.hostile_calls"
local inprocess = require "cloudsim.inprocess"
local json = require "base.json"
local plays = require "dst.play"
local scenes = require "dst.scenes"
local sorted = require "base.sorted"

local ELSEWHERE = "http://127.0.0.1:7099/taken"
local WRONG = { json.null, 7, "x", json.object {}, json.array {}, false }

-- Every value inside a decoded answer, as { table, key }, in an order that is the same in every run.
local function places(value, found)
  for key, each in sorted(value) do
    found[#found + 1] = { value, key }
    if type(each) == "table" then places(each, found) end
  end
  return found
end

-- An answer as the cloud means it, its n-th value replaced.
local function replaced(answer, n)
  local value = type(answer.body) == "string" and json.decode(answer.body)
  if type(value) ~= "table" then return answer end
  local found = places(value, {})
  local place = found[n // #WRONG % math.max(1, #found) + 1]
  if place then place[1][place[2]] = WRONG[n % #WRONG + 1] end
  answer.body = json.encode(value)
  return answer
end

-- The same, cut off after so many bytes.
local function cut(answer, n)
  if type(answer.body) == "string" and #answer.body > 0 then
    answer.body = answer.body:sub(1, n % #answer.body)
  end
  return answer
end

local function is_create(p, request) return (p.cloud.meaning(request, p.world)) == "create" end
local function is_read(p, request) return (p.cloud.meaning(request, p.world)) == "read" end

-- From now on what `test` says is answered with this damage; the cloud itself did as it was told.
local function wound(p, test, damage, n)
  function p.says(request)
    if not test(p, request) then return nil end
    return damage(inprocess.answer(p.name, request, p.world), n)
  end
end

-- Everything works again, and a stop ends what is there.
local function healed(p)
  p.says = nil
  p:heal()
  p:pass(900)
  p:run "stop"
  if #p.judge:open() > 0 then p.judge:broken("E2", "something bills after the stop") end
end

local function creates(p) return #p.judge.token_list end

-- Plays `act` once for each damage, in worlds of their own; what breaks there is broken here.
local function each(first, last, stride, damage, act)
  return function(origin)
    for n = first, last, stride do
      local p = plays.new { seed = 1, cloud = origin.name, foreign = false }
      act(p, damage, n)
      healed(p)
      local verdict = tostring(p.judge:verdict() or "")
      local what = verdict:match("^%a+%d*")
      -- what a cloud says of its charges is believed
      if what and what ~= "S9" then origin.judge:broken(what, ("damage %d: %s"):format(n, verdict)) end
    end
  end
end

-- The answer to the first create alone: its machine is found by its token, or ended before another is begun.
local function create_answered(p, damage, n)
  local before = creates(p)
  wound(p, function(_, request) return creates(p) - before <= 1 and is_create(p, request) end, damage, n)
  scenes.up(p)
end

-- All that a start asks: what it is told of offers, accounts and machines.
local function start_asked(p, damage, n)
  wound(p, is_read, damage, n)
  scenes.up(p)
end

-- All that a start asks once its create has left: it gives up, or READY is true.
local function start_blinded(p, damage, n)
  wound(p, function(_, request) return creates(p) > 0 and is_read(p, request) end, damage, n)
  scenes.up(p)
end

-- Commands that only look, beside a machine in use.
local function looked(p, damage, n)
  scenes.up(p)
  wound(p, is_read, damage, n)
  for _, words in ipairs { { "status" }, { "offers" }, { "sweep", "--dry-run" }, { "ping" } } do
    p:run(table.unpack(words))
  end
  if creates(p) ~= 1 then p.judge:broken("S4", "a look rented something") end
end

-- Answers that lead to another host: it is asked for nothing, least of all with the key (S6).
local function led_away(status, test)
  return function(p)
    local count = 0
    function p.says(request)
      if not test(p, request) then return nil end
      count = count + 1
      if is_create(p, request) then inprocess.answer(p.name, request, p.world) end
      return { status = status, headers = { location = ELSEWHERE }, body = "" }
    end
    scenes.up(p)
    p:run "stop"
    if count == 0 then p.judge:broken("E3", "nothing was led away") end
    for _, line in ipairs(p.lines) do
      if line:find(":7099", 1, true) then p.judge:broken("S6", "it followed: " .. line) end
    end
    if creates(p) > 1 then p.judge:broken("S4", ("%d creates left"):format(creates(p))) end
    healed(p)
  end
end

-- A list without rows that goes on: on a page that fails, on itself, or for ever. The create's answer is
-- lost.
local PAGES = {
  vast = { "/instances/$",
    function(n) return { success = true, instances = json.array {}, next_token = "t" .. n } end },
  coreweave = { "/nodepools$", function(n)
    return { kind = "NodePoolList", items = json.array {}, metadata = { continue = "t" .. n } }
  end },
  paperspace = { "/machines$",
    function(n) return { items = json.array {}, hasMore = true, nextPage = "t" .. n } end },
}

local function empty_pages(next_of)
  return function(p)
    p:fault { name = "create.answer_lost", mode = "drop" }
    local n, path, page = 0, table.unpack(PAGES[p.name])
    function p.says(request)
      local listed = request.method == "GET" and request.path:find(path)
      if not listed or creates(p) == 0 then return nil end
      n = n + 1
      local number = next_of(n)
      if not number then return { status = 500, headers = {}, body = "{}" } end
      return { status = 200, headers = { ["content-type"] = "application/json" },
        body = json.encode(page(number)) }
    end
    for _ = 1, 2 do
      scenes.up(p)
      if creates(p) ~= 1 then
        p.judge:broken("S4", ("%d creates left, although no list ever came to its end"):format(creates(p)))
      end
    end
    if p:run "stop" == 0 then p.judge:broken("S2", "a stop was proven by pages without rows") end
    healed(p)
  end
end

-- A start goes on to the next best after what happens to the first: one machine serves.
local function next_best(machines, ...)
  local orders = { ... }
  return function(p)
    for _, order in ipairs(orders) do p:fault(order) end
    local code = scenes.up(p)
    if code ~= 0 then p.judge:broken("E3", ("`up` ended with %s: %s"):format(tostring(code), p.last.err)) end
    if #p.judge:open_tokens() ~= 1 then p.judge:broken("E3", "no machine serves") end
    if creates(p) ~= machines then p.judge:broken("E3", ("%d creates left"):format(creates(p))) end
    healed(p)
  end
end

local list = {
  { name = "the create's answer, a value replaced, some", play = each(0, 90, 23, replaced, create_answered) },
  { name = "the create's answer, cut off, at some bytes", play = each(0, 300, 101, cut, create_answered) },
  { name = "what a start asks, a value replaced, some", long = true,
    play = each(0, 600, 101, replaced, start_asked) },
  { name = "what a start asks, cut off, at some bytes", long = true,
    play = each(1, 900, 311, cut, start_asked) },
  { name = "after the create, a value replaced, some", long = true,
    play = each(0, 300, 61, replaced, start_blinded) },
  { name = "after the create, cut off, at some bytes", long = true,
    play = each(1, 900, 311, cut, start_blinded) },
  { name = "what looks ask, a value replaced, some", long = true,
    play = each(0, 400, 97, replaced, looked) },
  { name = "the create's answer, a value replaced, each", long = true,
    play = each(0, 360, 1, replaced, create_answered) },
  { name = "the create's answer, cut off, at every byte", long = true,
    play = each(0, 400, 1, cut, create_answered) },
  { name = "what a start asks, a value replaced, many", long = true,
    play = each(0, 900, 7, replaced, start_asked) },
  { name = "after the create, a value replaced, many", long = true,
    play = each(0, 600, 5, replaced, start_blinded) },
  { name = "every look is led to another host", play = led_away(302, function(p, request)
    return creates(p) > 0 and is_read(p, request)
  end) },
  { name = "the create is led to another host, and made", play = led_away(307, is_create) },
  { name = "everything is led to another host for good", play = led_away(308, function() return true end) },
  { name = "capacity: the next best is taken",
    play = next_best(2, { name = "create.no_capacity", count = 1 }) },
  { name = "a machine that ends while it starts: the next best is taken",
    play = next_best(2, { name = "boot.exited" }) },
  { name = "a machine that never comes up: the next best is taken",
    play = next_best(2, { name = "boot.stuck" }) },
}
local SHORT = { offers = 499, list = 97, belongings = 97 } -- of how many damages one is done in the short run
for call in sorted(hostile_calls.list) do
  list[#list + 1] = { name = ("a call of %s, each answer damaged in some ways"):format(call),
    play = hostile_calls.play(call, SHORT[call] or 41) }
  list[#list + 1] = { name = ("a call of %s, each answer damaged in every way"):format(call), long = true,
    play = hostile_calls.play(call, 1) }
end
for cloud in sorted(PAGES) do
  list[#list + 1] = { name = "pages without rows, without an end", cloud = cloud,
    play = empty_pages(function(n) return n end) }
  list[#list + 1] = { name = "pages without rows that lead to themselves", cloud = cloud,
    play = empty_pages(function() return 1 end) }
  list[#list + 1] = { name = "a page without rows, and the next one fails", cloud = cloud,
    play = empty_pages(function(n) return n % 2 == 1 and 1 or nil end) }
end
for _, case in ipairs(list) do case.foreign = false end

return list
