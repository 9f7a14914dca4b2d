-- SPDX-License-Identifier: MIT
-- S9: what a machine costs is said within one billing step of the truth, at every moment of its life.
local scenes = require "dst.scenes"

-- Both ways of asking.
local function ask(p)
  p:run "status"
  p:run("status", "--output=json")
end

-- Asks while `up` is at work, every so many seconds.
local function asking(p, seconds, times)
  local process = p:start(scenes.UP)
  for i = 1, times do
    p.sim:at(seconds * i, function()
      if process.state ~= "done" then p:start { "status", "--output=json" } end
    end)
  end
  p:wait(process)
end

-- So many sums were said; `vague`: at most so many of them as "at most", where a cloud tells how it bills.
local function sums(p, least, vague)
  local judge = p.judge
  if judge.sums < least then
    judge:broken("S9", ("%d sums were said, at least %d should have been"):format(judge.sums, least))
  end
  if vague and judge.vague > vague and not p.cloud.no_proof then
    judge:broken("S9",
      ('%d of %d sums are called "at most", although everything was seen'):format(judge.vague, judge.sums))
  end
end

-- A pod in use is stopped whose records do not tell all yet.
local function records_late(name, seconds, served)
  return { name = name .. " are no bill", cloud = "runpod", settings = { "IDLE_MINUTES=off" },
    play = function(p)
      p.world.settings.runpod_records_lag = seconds
      scenes.up(p)
      p:pass(served)
      p:run("stop", "--output=json")
      sums(p, 2, 0)
    end }
end

return {
  { name = "a machine that serves for hours", settings = { "IDLE_MINUTES=off" }, play = function(p)
    scenes.up(p)
    for _, seconds in ipairs { 1, 100, 3500, 9000 } do
      ask(p)
      p:pass(seconds)
    end
    p:run("stop", "--output=json")
    sums(p, 9, 0)
    ask(p)
  end },
  { name = "stop says it in words", play = function(p)
    scenes.up(p)
    p:pass(1234)
    p:run "stop"
    sums(p, 2, 0)
  end },
  { name = "a machine that boots for a quarter of an hour", play = function(p)
    p:fault { name = "boot.slow", seconds = 900 }
    asking(p, 100, 9)
    ask(p)
    p:run("stop", "--output=json")
    sums(p, 10)
  end },
  { name = "a start that is interrupted while the model is pulled", play = function(p)
    local process = p:start(scenes.UP)
    p.sim:at(40, function() process:signal "INT" end)
    p:wait(process)
    p:run("status", "--output=json")
    sums(p, 1)
  end },
  { name = "a machine that another bid for", cloud = "vast", play = function(p)
    scenes.up(p)
    p:pass(3000)
    p.cloud.happen(p.world, "outbid", scenes.ours(p))
    p:pass(600)
    ask(p)
    sums(p, 2)
  end },
  { name = "a machine that ended while this computer was off", play = function(p)
    scenes.up(p)
    p:kill_all()
    p:pass(10 * 3600)
    p:run("stop", "--output=json")
    sums(p, 3)
    ask(p)
  end },
  { name = "a second machine of the create, which never came to run", play = function(p)
    p.judge.allow_two = true
    p:fault { name = "create.twice" }
    p:fault { name = "boot.slow", count = 2, seconds = 600 }
    p:fault { name = "list.empty" } -- it is seen only before READY
    scenes.up(p)
    ask(p)
    p:run("stop", "--output=json")
    sums(p, 3)
  end },
  { name = "a second machine of the create, which ran until READY", cloud = "vast", play = function(p)
    p.judge.allow_two = true
    p:fault { name = "create.twice" }
    p:fault { name = "boot.slow", seconds = 900 }
    p:fault { name = "list.empty" } -- it is seen only before READY
    scenes.up(p)
    ask(p)
    p:pass(300)
    p:run("stop", "--output=json")
    sums(p, 3)
  end },
  { name = "a cloud that tells no charges", cloud = "vast", settings = { "IDLE_MINUTES=off" },
    play = function(p)
      scenes.up(p)
      p:pass(20000)
      p:fault { name = "api.500", sticky = true, match = { path = "/charges/" } }
      p:run("stop", "--output=json")
      sums(p, 2, 0)
    end },
  { name = "settled records: a pod that ended long ago cost what they say", cloud = "runpod",
    play = function(p)
      scenes.up(p)
      p:kill_all()
      p:pass(10 * 3600)
      p:run "stop"
      sums(p, 2, 0)
      if not p.last.out:find("as the cloud charged it", 1, true) then
        p.judge:broken("S9", "what the cloud charged is not said: " .. p.last.out)
      end
    end },
  records_late("records that are not whole yet", 0, 4000),
  records_late("records that come two hours late", 2 * 3600, 5 * 3600),
  { name = "destroy fails for an hour", play = function(p)
    scenes.up(p)
    p:pass(2000)
    p:fault { name = "destroy.500", sticky = true }
    p:run("stop", "--output=json")
    p:pass(1800)
    ask(p)
    p.world.faults:clear()
    p:pass(900)
    ask(p)
    sums(p, 4)
  end },
}
