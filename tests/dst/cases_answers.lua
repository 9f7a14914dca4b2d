-- SPDX-License-Identifier: MIT
-- Answers that are none: whatever a cloud says instead of a list, no other machine is rented, and nothing is
-- said to be gone. Every GET after the create gets the same answer (play.says).
local scenes = require "dst.scenes"

local JSON, HTML = { ["content-type"] = "application/json" }, { ["content-type"] = "text/html" }

local ANSWERS = {
  { "nothing", body = "" }, { "an empty text", body = '""' }, { "null", body = "null" },
  { "an empty object", body = "{}" }, { "an empty array", body = "[]" }, { "false", body = "false" },
  { "no success", body = '{"success":false}' },
  { "no success, and a list", body = '{"success":false,"instances":[],"data":[],"items":[]}', only = "vast" },
  { "a list that is null", body = '{"success":true,"instances":null,"data":null,"items":null}' },
  { "a list that is a text", body = '{"success":true,"instances":"","data":"","items":""}' },
  { "a list that is an object", body = '{"success":true,"instances":{},"data":{},"items":{}}' },
  { "half a list", body = '{"success":true,"instances":[' }, { "half a list of data", body = '{"data":[' },
  { "an error and a list", body = '{"error":{"code":"x","message":"y"},"data":[]}', only = "lambda" },
  { "a web page", body = "<!doctype html><html><body>Down for maintenance</body></html>", headers = HTML },
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

local list = {}
for _, answer in ipairs(ANSWERS) do
  local name = answer[1] .. " instead of a list"
  list[#list + 1] = { name = name .. ", the create's answer lost", cloud = answer.only, foreign = false,
    play = lost(answer) }
  list[#list + 1] = { name = name .. ", at a stop", cloud = answer.only, foreign = false,
    play = stopped(answer) }
end

return list
