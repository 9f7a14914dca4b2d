-- SPDX-License-Identifier: MIT
-- Creates whose answer is not the truth: machines that show up to an hour late,
-- refusals that made one all the same.
local scenes = require "dst.scenes"

local function unwanted(p, when)
  for _, token in ipairs(p.judge:open_tokens()) do
    if not p.judge:wanted(token) then
      p.judge:broken("E2",
        ("%s bills %s, and nobody wants it: %s"):format(token, when, table.concat(p.judge:kinds(token), " ")))
    end
  end
end

local function late(seconds, far)
  return function(p)
    p.judge.allow_two = true -- the cloud hides it: nobody can know
    p:fault { name = "create.answer_lost", mode = "drop" }
    p:fault { name = "create.slow_appear", seconds = seconds, get = true }
    scenes.up(p)
    p:pass(seconds + 900)
    if far then p:run(far) end
    p:pass(300)
    unwanted(p, "long after it showed")
    p:run "stop"
    if #p.judge:open() > 0 then p.judge:broken("E2", "something bills after everything was stopped") end
  end
end

-- Nothing else can be rented, so that no agent stays: the next command has to look.
local function late_alone(seconds)
  return function(p)
    p.judge.allow_two = true
    p:fault { name = "create.answer_lost", mode = "drop" }
    p:fault { name = "create.slow_appear", seconds = seconds, get = true }
    p:fault { name = "create.no_capacity", sticky = true, after = 1 }
    scenes.up(p)
    p.world.faults:clear "create.no_capacity"
    for _ = 1, 4 do -- its start script ends it after half an hour
      p:pass(seconds / 4 + 15)
      p:run "status"
    end
    p:pass(900)
    unwanted(p, "after the next command")
    p:run "stop"
  end
end

local function refused(mode)
  return function(p)
    p.judge.allow_two = true
    p:fault { name = "create.error_but_created", mode = mode }
    scenes.up(p)
    p:pass(1200)
    unwanted(p, "20 min after a create that was refused and made one")
    if p:run "stop" ~= 0 or #p.judge:open() > 0 then
      p.judge:broken("E2", ("something bills after the stop: %s%s"):format(p.last.out, p.last.err))
    end
  end
end

-- Refused, created all the same, and the looks after it fail `count` times: no second machine is made before
-- somebody could look.
local function refused_unseen(count)
  return function(p)
    p:fault { name = "create.error_but_created", mode = "gone" }
    p:fault { name = "list.500", count = count }
    scenes.up(p)
    p:run "status" -- where nobody could look for long, no agent stays
    p:pass(60)
    unwanted(p, "after the next command")
    if p:run "stop" ~= 0 or #p.judge:open() > 0 then
      p.judge:broken("E2", ("something bills after the stop: %s%s"):format(p.last.out, p.last.err))
    end
  end
end

return {
  { name = "shows 4 min late", play = late(240) },
  { name = "shows 20 min late", play = late(1200) },
  { name = "shows an hour late", play = late(3600), long = true },
  { name = "shows 20 min late, nothing else can be had", play = late_alone(1200) },
  { name = "shows an hour late, nothing else can be had", play = late_alone(3600) },
  { name = "a web page instead of an answer, but created", play = refused "html" },
  { name = "an error of the cloud, but created", play = refused "500" },
  { name = "refused as wrong, but created", play = refused "refused" },
  { name = "refused as taken, but created", play = refused "gone" },
  { name = "refused as taken, but created, and the list fails once", play = refused_unseen(1) },
  { name = "refused as taken, but created, and the list fails for long", play = refused_unseen(12) },
}
