-- SPDX-License-Identifier: MIT
-- Answers that are none: whatever a cloud says instead of a list, no other machine is rented, and nothing is
-- said to be gone. Every GET after the create gets the same answer (play.says).
local inprocess = require "cloudsim.inprocess"
local json = require "base.json"
local plays = require "dst.play"
local scenes = require "dst.scenes"
local sorted = require "base.sorted"

local JSON, HTML = { ["content-type"] = "application/json" }, { ["content-type"] = "text/html" }

-- An answer of any cloud whose list is this instead; a cloud looks at its own words alone.
local function instead(text)
  local list = { '"success":true,"kind":"NodePoolList","metadata":{},"hasMore":false' }
  for _, name in ipairs { "instances", "data", "items", "pods" } do
    list[#list + 1] = ('"%s":%s'):format(name, text)
  end
  return "{" .. table.concat(list, ",") .. "}"
end

local ANSWERS = {
  { "nothing", body = "" }, { "an empty text", body = '""', tried = true }, { "null", body = "null" },
  { "an empty object", body = "{}" }, { "an empty array", body = "[]" }, { "false", body = "false" },
  { "no success", body = '{"success":false}', tried = true },
  { "no success, and a list", body = '{"success":false,"instances":[],"data":[],"items":[]}', only = "vast" },
  { "a list that is null", body = instead "null" },
  { "a list that is a text", body = instead '""' },
  { "a list that is an object", body = instead "{}", tried = true },
  { "a list that is an object with rows", body = instead '{"0":{"id":"a"}}' },
  { "a list of what is none of its rows", body = instead "[null]" },
  { "half a list", body = '{"success":true,"instances":[' }, { "half a list of data", body = '{"data":[' },
  { "an error and a list", body = '{"error":{"code":"x","message":"y"},"data":[]}', only = "lambda" },
  { "a web page", body = "<!doctype html><html><body>Down for maintenance</body></html>", headers = HTML,
    tried = true },
  { "a page without content", status = 204, body = "" },
}

local function deaf(p, answer)
  function p.says(request)
    if request.method ~= "GET" then return nil end
    return { status = answer.status or 200, headers = answer.headers or JSON, body = answer.body }
  end
end

local function healed(p)
  p.says = nil
  p.world.faults:clear()
  p:pass(900)
  p:run "stop"
  if #p.judge:open() > 0 then p.judge:broken("E2", "something bills after the stop") end
end

local function one(p, when)
  local count = #p.judge.token_list
  if count ~= 1 then p.judge:broken("S4", ("%d creates left %s"):format(count, when)) end
end

-- The create's answer is lost, and nobody can look for what it made.
local function lost(answer)
  return function(p)
    p:fault { name = "create.answer_lost", mode = "drop" }
    p.sim:at(p.cloud.create_at, function() deaf(p, answer) end)
    scenes.up(p)
    one(p, "although nobody could look for the first machine")
    scenes.up(p)
    one(p, "at the next start, although nobody could look for the first machine")
    healed(p)
  end
end

-- The same with a start that tries for two hours: what nobody could look for is not tried again beside.
local function tried(answer)
  return function(p)
    p:fault { name = "create.answer_lost", mode = "drop" }
    p.sim:at(p.cloud.create_at, function() deaf(p, answer) end)
    local till = math.floor(p.sim.now + p.sim.skew + 7200) % 86400
    local words = table.move(scenes.UP, 1, #scenes.UP, 1, {})
    words[#words + 1] = ("--retry-until=%02d:%02d"):format(till // 3600, till % 3600 // 60)
    p:wait(p:start(words))
    one(p, "in two hours in which nobody could look for the first machine")
    healed(p)
  end
end

-- A start that was cut off, and a stop: what is there is not said to be gone.
local function stopped(answer)
  return function(p)
    scenes.up(p)
    deaf(p, answer)
    if p:run "stop" == 0 then p.judge:broken("S2", "a stop was proven by an answer that is none") end
    scenes.up(p)
    one(p, "beside a machine whose end nobody could prove")
    healed(p)
  end
end

-- Every value inside a decoded answer, as { table, key }, in an order that is the same in every run.
local function places(value, found)
  for key, each in sorted(value) do
    found[#found + 1] = { value, key }
    if type(each) == "table" then places(each, found) end
  end
  return found
end

local WRONG = { json.null, 7, "x", json.object {}, json.array {}, false }

-- A good answer with its n-th value replaced, or cut off after so many bytes. → nil: it is not JSON
local function damaged(answer, n, cut)
  local value = type(answer.body) == "string" and json.decode(answer.body)
  if type(value) ~= "table" then return nil end
  if cut then
    answer.body = answer.body:sub(1, n % #answer.body)
    return answer
  end
  local found = places(value, {})
  local place = found[n // #WRONG % math.max(1, #found) + 1]
  if place then place[1][place[2]] = WRONG[n % #WRONG + 1] end
  answer.body = json.encode(value)
  return answer
end

-- A stop while every GET is answered with the same damage: it may fail, but nothing is said to be gone that
-- is there, and nothing ends as a mistake of ours.
local function wounded(first, last, stride, cut)
  return function(origin)
    for n = first, last, stride do
      local p = plays.new { seed = 1, cloud = origin.name, foreign = false }
      scenes.up(p)
      function p.says(request)
        if request.method ~= "GET" then return nil end
        return damaged(inprocess.answer(p.name, request, p.world), n, cut)
      end
      if p:run "stop" == 0 and #p.judge:open() > 0 then
        p.judge:broken("S2", ("damage %d: a stop was proven while it bills"):format(n))
      end
      healed(p)
      local verdict = p.judge:verdict()
      -- what a cloud says of its charges is believed
      if verdict and not tostring(verdict):find("^S9 ") then
        origin.judge:broken("bug", ("damage %d: %s"):format(n, tostring(verdict)))
      end
    end
  end
end

local list = {
  { name = "a value replaced, some", foreign = false, play = wounded(0, 400, 31) },
  { name = "cut off, at some bytes", foreign = false, play = wounded(1, 900, 97, true) },
  { name = "a value replaced, each", foreign = false, long = true, play = wounded(0, 600, 1) },
  { name = "cut off, at every byte", foreign = false, long = true, play = wounded(1, 2400, 1, true) },
}
for _, answer in ipairs(ANSWERS) do
  local name = answer[1] .. " instead of a list"
  list[#list + 1] = { name = name .. ", the create's answer lost", cloud = answer.only, foreign = false,
    play = lost(answer) }
  list[#list + 1] = { name = name .. ", tries for two hours", cloud = answer.only, foreign = false,
    long = not answer.tried, play = tried(answer) }
  list[#list + 1] = { name = name .. ", at a stop", cloud = answer.only, foreign = false,
    play = stopped(answer) }
end

return list
