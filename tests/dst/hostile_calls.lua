-- SPDX-License-Identifier: MIT
-- Every look of an adapter, each of its answers damaged in every way: cut off at a byte, a value replaced, a
-- page of the web, nothing, somewhere else, without an end, a byte a second. What the cloud says when all is
-- well is recorded once, beside a machine in use and one of somebody else; then each call gets it again, one
-- answer of it damaged. No call makes a mistake of ours, lets a machine be gone, leaves rows out, makes up a
-- price, asks another host or sends anything but what it sends when all is well.
local inprocess = require "cloudsim.inprocess"
local json = require "base.json"
local scenes = require "dst.scenes"
local sorted = require "base.sorted"

local hostile_calls = {}

local ELSEWHERE = "http://127.0.0.1:7099/taken"
local JSON = { ["content-type"] = "application/json" }
local HTML = { ["content-type"] = "text/html" }
local PAGE = "<!doctype html><html><body>Down for maintenance</body></html>"
local MOST = 20 * 1024 * 1024
local DRIPS = 3000 -- bytes of a longest answer that comes one by one
local FRESH = { offers = 1, charges = 1 } -- calls of one process where the adapter remembers; else MANY
local MANY = 200

hostile_calls.WRONG = { json.null, 7, -1, 1e308, "x", "", json.object {}, json.array {}, false, true }

local WANT = { model = { name = "m", bytes = 20e9 }, context = 32768, vram_gb = 24, disk_gb = 44,
  download_gb = 20, hours = 8, spot = true, datacenter = true, min_reliability = 0.9 }

--- What is asked, as function(provider, session).
hostile_calls.list = {
  account = function(provider) return provider.account() end,
  offers = function(provider) return provider.offers(WANT) end,
  get = function(provider, session) return provider.get(session.id) end,
  list = function(provider) return provider.list() end,
  proof = function(provider, session) return provider.proof(session) end,
  belongings = function(provider) return provider.belongings() end,
  charges = function(provider, session) return provider.charges(session) end,
  await = function(provider, session) return provider.await(session.id, 1) end,
}

--- Every value inside a decoded answer, as { table, key }, in an order that is the same in every run.
function hostile_calls.places(value, found)
  for key, each in sorted(value) do
    found[#found + 1] = { value, key }
    if type(each) == "table" then hostile_calls.places(each, found) end
  end
  return found
end

local function copy_of(answer, fields)
  local copy = {}
  for name, value in pairs(answer) do copy[name] = value end -- order: free
  for name, value in pairs(fields) do copy[name] = value end -- order: free
  return copy
end

-- Ways to damage a whole answer: name → function(answer)
local WHOLE = {}
for name, body in sorted { nothing = "", ["no value"] = "null", ["a list"] = "[]", ["an object"] = "{}",
  ["a text"] = '"x"', ["a number"] = "7", ["bytes"] = "\255\0\254" } do
  WHOLE[name] = function() return { status = 200, headers = JSON, body = body } end
end
for _, status in ipairs { 200, 404, 410, 503 } do
  WHOLE["a page with " .. status] = function() return { status = status, headers = HTML, body = PAGE } end
end
for _, status in ipairs { 301, 302, 303, 307, 308 } do
  WHOLE["elsewhere by " .. status] = function(answer)
    return { status = status, headers = { location = ELSEWHERE }, body = answer.body }
  end
end
for _, status in ipairs { 204, 206, 299, 418, 599 } do
  WHOLE["status " .. status] = function(answer) return copy_of(answer, { status = status }) end
end
WHOLE["404 without words"] = function() return { status = 404, headers = JSON, body = "{}" } end
WHOLE["no end"] = function(answer)
  return { status = 200, headers = answer.headers, pieces = { { data = (" "):rep(MOST + 1) } } }
end
WHOLE["a byte a second"] = function(answer)
  local pieces = {}
  for i = 1, math.min(#answer.body, DRIPS) do pieces[i] = { data = answer.body:sub(i, i), after = 1 } end
  return { status = answer.status, headers = answer.headers, pieces = pieces }
end

-- How an answer may be damaged: rows { what, function(answer) → answer, lists = a list is emptied }.
-- stride: of how many one is taken, of the bytes and of the values
local function damages(answer, stride)
  local rows, body = {}, answer.body
  for name, make in sorted(WHOLE) do rows[#rows + 1] = { name, make } end
  for n = stride > 1 and #body % stride or 0, #body - 1, stride do
    rows[#rows + 1] = { "cut at byte " .. n,
      function() return copy_of(answer, { body = body:sub(1, n) }) end }
  end
  local value = json.decode(body)
  local count = type(value) == "table" and #hostile_calls.places(value, {}) * #hostile_calls.WRONG or 0
  for n = stride > 1 and count % stride or 0, count - 1, stride do
    local wrong = hostile_calls.WRONG[n % #hostile_calls.WRONG + 1]
    local row = { "value " .. n }
    row[2] = function()
      local fresh = json.decode(body)
      local place = hostile_calls.places(fresh, {})[n // #hostile_calls.WRONG + 1]
      local old = place[1][place[2]]
      row.lists = type(old) == "table" and #old > 0 and type(wrong) == "table"
      row.was, row.is = ("%s=%s"):format(place[2], tostring(old)), json.encode(wrong)
      place[1][place[2]] = wrong
      return copy_of(answer, { body = json.encode(fresh) })
    end
    rows[#rows + 1] = row
  end
  return rows
end

-- A process of the home that runs fn(require). → what it returned
local function inside(p, fn)
  local process = p.sim:start(function(require)
    require("config.effective").load(p.HOME)
    return fn(require)
  end, { name = "caller", home = p.HOME })
  while process.state ~= "done" and process.state ~= "killed" do p.sim:run() end
  table.remove(p.sim.processes) -- there are thousands
  return process:result()
end

local function session_of(p, require) return require("home.journal").open(p.HOME, true):current() end

-- What the cloud says to a call when all is well. → rows { method =, url =, answer = }, its result
local function recorded(p, call)
  local rows = {}
  function p.says(request)
    local answer = inprocess.answer(p.name, request, p.world)
    if answer.pieces then
      local texts = {}
      for i, piece in ipairs(answer.pieces) do texts[i] = piece.data end
      answer.body, answer.pieces = table.concat(texts), nil
    end
    answer.body, answer.delay = answer.body or "", nil
    rows[#rows + 1] = { method = request.method, url = request.url, answer = answer }
    return copy_of(answer, {})
  end
  local result = inside(p, function(require)
    return hostile_calls.list[call](require("providers." .. p.name), session_of(p, require))
  end)
  return rows, result
end

-- Which row was asked so: the next one, or else the last. part: function(url) → what counts of it
local function known_as(rows, request, turn, part)
  local known
  for i, each in ipairs(rows) do
    if each.method == request.method and part(each.url) == part(request.url) then
      known = i
      if i > turn then break end
    end
  end
  return known
end

-- From now on a call is answered as it was recorded, its n-th answer by `damaged`. → state, with `asked`
local function replayed(p, rows, n, row)
  local state = { asked = 0, turn = 0 }
  function p.says(request)
    state.asked = state.asked + 1
    local known = known_as(rows, request, state.turn, function(url) return url end)
      or known_as(rows, request, state.turn, function(url) return url:gsub("%?.*", "") end) -- it says when
    if request.method ~= "GET" and not known then state.wrote = request.method .. " " .. request.path end
    if not known then return { status = 500, headers = JSON, body = "{}" } end
    state.turn = known
    if known == n then
      state.damaged = true
      return row[2](rows[n].answer)
    end
    return copy_of(rows[known].answer, {})
  end
  return state
end

local function price_is_sound(price) return price == nil or price > 0 and price < 1e6 end

-- What a result may never be: call → function(result, good, row) → a sentence or nil
local BAD = {
  account = function(result)
    local kind = math.type(result.id) or type(result.id)
    return not (kind == "integer" or kind == "string" and result.id ~= "") and "an account without identity"
  end,
  get = function(result, good)
    return result.status == "gone" and "gone" or result.id ~= good.id and "another machine" or nil
  end,
  list = function(result, good, row)
    return not row.lists and #result < #good and ("%d of %d machines"):format(#result, #good)
  end,
  belongings = function(result, good, row)
    return not row.lists and #result < #good and ("%d of %d things"):format(#result, #good)
  end,
  proof = function(result, good)
    return (result.state == "stopped" or result.state == "unverifiable" and good.state ~= result.state)
      and result.state
  end,
  charges = function(result)
    return result and not (result.amount >= 0 and result.amount < 1e6) and "charges of " .. result.amount
  end,
  offers = function(result)
    for _, offer in ipairs(result) do
      if not price_is_sound(offer.on_demand) or not price_is_sound(offer.spot) then
        return ("a price of %s or %s"):format(offer.on_demand, offer.spot)
      end
    end
  end,
}

-- One call with one damage. → what is wrong, or nil
local function judged(require, session, provider, call, good, row)
  local fail = require "base.fail"
  local ok, result = fail.try(hostile_calls.list[call], provider, session)
  if not ok then
    return fail.is(result, "internal") and "a mistake of ours: " .. fail.message(result) or nil
  end
  local bad = BAD[call]
  return bad and result and bad(result, good, row) or nil
end

-- All damages of one answer of a call.
local function one_answer(p, call, rows, n, good, stride)
  local list, at, many = damages(rows[n].answer, stride), 1, FRESH[call] or MANY
  while at <= #list do
    inside(p, function(require)
      local provider, session = require("providers." .. p.name), session_of(p, require)
      for i = at, math.min(at + many - 1, #list) do
        local row = list[i]
        local state, asked = replayed(p, rows, n, row), #p.sim.requests
        local bad = judged(require, session, provider, call, good, row)
        for k = asked + 1, #p.sim.requests do
          local request = p.sim.requests[k].request
          if request.port ~= p.cloud.port then bad = "S6 it asked " .. request.url end
        end
        bad = bad or state.wrote and "it sent " .. state.wrote
          or not state.damaged and "bug: the answer was not asked for"
        if bad then
          p.judge:broken(bad:match "^S6" or bad:match "^bug" or call == "offers" and "S5" or "S2",
            ("%s, answer %d, %s (%s → %s): %s"):format(call, n, row[1], row.was, row.is, bad))
        end
      end
    end)
    at = at + many
  end
  p.sim.requests = {}
end

-- Of answers that are alike (a list's row by row, a right by right) two are damaged.
local function chosen(rows)
  local list, seen = {}, {}
  for n, row in ipairs(rows) do
    local kind = row.method .. " " .. row.url:gsub("[^/]*$", "")
    seen[kind] = (seen[kind] or 0) + 1
    if seen[kind] <= 2 then list[#list + 1] = n end
  end
  return list
end

--- A case of dst/cases.lua that damages the answers to one call. stride: of how many damages one is done
function hostile_calls.play(call, stride)
  return function(p)
    if scenes.up(p) ~= 0 then p.judge:broken("bug", "no machine was had: " .. p.last.err) end
    for _, process in ipairs(p.sim.processes) do process:kill() end
    p:pass(60) -- so that nothing is asked too often
    local has = inside(p, function(require) return require("providers." .. p.name)[call] ~= nil end)
    local rows, good = {}, nil
    if has then rows, good = recorded(p, call) end
    for _, n in ipairs(chosen(rows)) do one_answer(p, call, rows, n, good, stride) end
    p.says = nil
    p:run "stop"
  end
end

return hostile_calls
