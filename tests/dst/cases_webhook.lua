-- SPDX-License-Identifier: MIT
-- Alerts (PRD §8): what is CRITICAL is told once per cause, and kept while nobody takes it (E4;
-- dst/sink.lua judges).
local scenes = require "dst.scenes"
local sink = require "dst.sink"

local TEXT = "Could not verify billing stopped"

local function count(p, text)
  local sum = 0
  for _, alert in ipairs(p.judge.alerts) do sum = sum + (alert.message:find(text, 1, true) and 1 or 0) end
  return sum
end

-- A machine that cannot be ended, and somebody who types stop again and again.
local function unproven(p, times, pause)
  scenes.up(p)
  p:fault { name = "destroy.500", sticky = true }
  for _ = 1, times do
    if p:run "stop" == 0 then p.judge:broken("S2", "a stop that ended nothing ended well") end
    p:pass(pause)
  end
end

local function told(p, least, most)
  local times = count(p, TEXT)
  if times < least or times > most then
    p.judge:broken("E4", ("the webhook was told %d times, not %d to %d"):format(times, least, most))
  end
end

local function over(p)
  p:heal()
  p:pass(900)
  p:run "status"
  sink.settled(p.judge) -- without a stop, which would post what waits by itself
  p:run "stop"
  p:pass(120)
  sink.settled(p.judge)
end

return {
  { name = "four stops without proof are one alert", play = function(p)
    unproven(p, 4, 100)
    told(p, 1, 1)
    over(p)
  end },
  { name = "a doubt that lasts is told again after a quarter of an hour", play = function(p)
    unproven(p, 2, 1200)
    told(p, 2, 4)
    over(p)
  end },
  { name = "down while it happens", webhook = "down", play = function(p)
    unproven(p, 2, 60)
    told(p, 0, 0)
    over(p)
    told(p, 1, 1)
  end },
  { name = "refuses for hours", webhook = "refuses", play = function(p)
    unproven(p, 3, 3600)
    told(p, 0, 0)
    over(p)
    told(p, 1, 3)
  end },
  { name = "never answers, and the agent is killed", webhook = "hangs", play = function(p)
    unproven(p, 1, 10)
    p:kill_all()
    over(p)
    told(p, 1, 2)
  end },
}
