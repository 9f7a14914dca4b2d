-- SPDX-License-Identifier: MIT
-- This computer's clock is stepped, or stands still while the lid is closed. The machine has its own.
local bills = require "dst.bills"
local scenes = require "dst.scenes"

local HOUR, DAY, YEAR = 3600, 86400, 365.25 * 86400

-- Stepped in use, and then everything of us dies.
local function stepped_and_dead(seconds)
  return function(p)
    scenes.up(p)
    local token = p.judge.token_list[1]
    p.sim:jump(seconds)
    p:pass(300)
    p:kill_all()
    p:pass(4 * HOUR)
    if #p.judge:open() > 0 then p.judge:broken("E1", "it bills on although its 3 h are over") end
    bills.capped(p, token, 3 * HOUR, 180, "3 h of life")
  end
end

-- Stepped in use, then stop is typed.
local function stepped_and_stopped(seconds)
  return function(p)
    scenes.up(p)
    p:pass(300)
    p.sim:jump(seconds)
    p:pass(300)
    p:run "status"
    local code = p:run "stop"
    if code ~= 0 or #p.judge:open() > 0 then
      p.judge:broken("E2",
        ("after a stepped clock stop ended with %s: %s%s"):format(tostring(code), p.last.out, p.last.err))
    end
  end
end

local function asleep(hours, lives)
  return function(p)
    scenes.up(p)
    p:pass(300)
    p:suspend(hours * HOUR)
    p:pass(hours * HOUR + 900)
    local tokens = p.judge:open_tokens()
    if lives and #tokens ~= 1 then
      p.judge:broken("E3", ("the machine was ended after %d h of a closed lid"):format(hours))
    end
    if not lives and #tokens > 0 then
      p.judge:broken("E1", ("the machine bills on after %d h of a closed lid"):format(hours))
    end
    p:run "status"
    if p:run "stop" ~= 0 then
      p.judge:broken("E2", "stop failed after a closed lid: " .. p.last.out .. p.last.err)
    end
  end
end

-- Set back in use, and then the agent dies: the next one is answered by the machine all the same.
local function fresh_agent(seconds, times)
  return function(p)
    scenes.up(p)
    p:pass(600)
    for _ = 1, times do
      p.sim:jump(seconds)
      p:kill_all()
      p:run "status"
      p:pass(120)
      if p:run "ping" ~= 0 then
        p.judge:broken("E3",
          "the tunnel of a fresh agent is silent after the clock was set back: " .. p.last.out .. p.last.err)
      end
    end
    p:run "stop"
  end
end

-- Who is told that the clock is wrong.
local function named(seconds, words)
  return function(p)
    p.sim:jump(seconds)
    scenes.up(p)
    local said = (p.last.out .. p.last.err):match("this computer's clock[^\n]*")
    if not words and said then p.judge:broken("E3", "a clock that is right enough is blamed: " .. said) end
    if words and not (said and said:find(words, 1, true)) then
      p.judge:broken("E3", "the clock is not named: " .. tostring(said))
    end
    p:run "stop"
  end
end

local LIFE = { "DEADMAN_TIMEOUT_HOURS=off", "IDLE_MINUTES=off", "MAX_HOURS=3" }
local AWAKE = { "IDLE_MINUTES=off", "DEADMAN_TIMEOUT_HOURS=off", "MAX_HOURS=off" }
local GUARDLESS = { "GUARD_ACCOUNT_KEY=no", "IDLE_MINUTES=off", "MAX_HOURS=3" }

return {
  { name = "a day back, life alone", settings = LIFE, play = stepped_and_dead(-DAY) },
  { name = "ten years back, life alone", settings = LIFE, play = stepped_and_dead(-10 * YEAR) },
  { name = "ten years ahead, life alone", settings = LIFE, play = stepped_and_dead(10 * YEAR) },
  { name = "two hours back in use, then stop", play = stepped_and_stopped(-2 * HOUR) },
  { name = "two hours ahead in use, then stop", play = stepped_and_stopped(2 * HOUR) },
  { name = "ten years ahead in use, then stop", play = stepped_and_stopped(10 * YEAR) },
  { name = "three hours back, and a fresh agent", settings = AWAKE, play = fresh_agent(-3 * HOUR, 1) },
  { name = "three hours back, and a fresh agent, three times", settings = AWAKE,
    play = fresh_agent(-3 * HOUR, 3) },
  { name = "ten years back, and a fresh agent", settings = AWAKE, play = fresh_agent(-10 * YEAR, 1) },
  { name = "two hours behind at a start", play = named(-2 * HOUR, "is 2h 00m behind that of 127.0.0.1") },
  { name = "two minutes ahead at a start", play = named(122, "is 2m 0") },
  { name = "half a minute ahead at a start", play = named(30, nil) },
  { name = "the lid is closed for 2 h", settings = { "IDLE_MINUTES=off" }, play = asleep(2, true) },
  { name = "the lid is closed for 11 h", settings = { "IDLE_MINUTES=off" }, play = asleep(11, false) },
  { name = "a day back, and no guard", cloud = "lambda", settings = GUARDLESS, play = function(p)
    local words = table.move(scenes.UP, 1, #scenes.UP, 1, {})
    words[#words + 1] = "--accept-no-guard"
    p:wait(p:start(words))
    local token = p.judge.token_list[1]
    p:pass(HOUR)
    p.sim:jump(-DAY)
    p:pass(2 * HOUR + 1100)
    if #p.judge:open() > 0 then
      p.judge:broken("E2", "a machine without a guard outlives its 3 h when the clock is set back")
    end
    bills.capped(p, token, 3 * HOUR, 1100, "3 h of life")
    p:run "stop"
  end },
}
