-- SPDX-License-Identifier: MIT
-- A start that is interrupted before its n-th act upon the world, for every n: it ends with nothing that
-- bills, or it says what may.
local plays = require "dst.play"
local scenes = require "dst.scenes"

local SIGNALS = { "INT", "TERM", "HUP" }

-- Counts the acts of `up`; calls at(process) before the n-th one. → function() → how many there were
local function counting(p, process, n, at)
  local plain, count = p.sim.hook, 0
  function p.sim.hook(name, actor, ...)
    if actor == process and plays.ACTS[name] then
      count = count + 1
      if count == n then at(process) end
    end
    return plain(name, actor, ...)
  end
  return function() return count end
end

local function one(p, n, signal)
  local process = p:start(scenes.UP)
  local count = counting(p, process, n, function(victim)
    p.sim:at(0, function() victim:signal(signal) end)
  end)
  local code = p:wait(process)
  local said = p.last.out .. p.last.err
  local ready = code == 0 and said:find("READY", 1, true)
  for _, token in ipairs(p.judge:open_tokens()) do
    if not ready and not said:find("MAY STILL", 1, true) then
      p.judge:broken("E2", ("%s at act %d: `up` ended with %s and %s bills: %s"):format(signal, n,
        tostring(code), token, table.concat(p.judge:kinds(token), " ")))
    end
  end
  if code == 0 and not ready then
    p.judge:broken("bug", ("%s at act %d: code 0 without READY"):format(signal, n))
  end
  return count()
end

-- Every `stride`-th act from `first` on, in a world of its own each. The signals take turns.
local function all(first, stride)
  return function(p)
    local last = one(p, math.huge, "INT")
    if last < 30 then p.judge:broken("bug", ("a start has only %d acts"):format(last)) end
    p:run "stop"
    for n = first, last, stride do
      local q = plays.new { seed = 1, cloud = p.name, foreign = false }
      one(q, n, SIGNALS[n % 3 + 1])
      q.judge:finish()
      local verdict = q.judge:verdict()
      if verdict then
        return p.judge:broken(verdict:match("^%w+"), ("act %d: %s"):format(n, verdict))
      end
    end
  end
end

return {
  { name = "at every fourth act", play = all(1, 4) },
  { name = "at every act", long = true, play = all(1, 1) },
}
