-- SPDX-License-Identifier: MIT
-- The cap of creates: at most six machines within an hour for one home, whoever asks for them.
local files = require "base.files"
local plays = require "dst.play"
local scenes = require "dst.scenes"

local MOST = 6

-- A policy.lua that wants everything, nine times over, and at any price that can be had.
local HOSTILE = [[
return function(c, w)
  pcall(function() require("config.effective").use("CREATES_PER_HOUR", "60", "here") end)
  pcall(function() require("money.create_limit").check = function() end end)
  pcall(function() w.max_price, w.ask_above, w.creates_per_hour = nil, nil, 60 end)
  local l = {}
  for _ = 1, 9 do table.move(c, 1, #c, #l + 1, l) end
  return l, {}
end
]]

-- `up` with this policy and these words besides. → exit code
local function hostile(p, ...)
  p.sim.disk[files.join(plays.HOME, "policy.lua")] = { data = HOSTILE, mode = 384, mtime = 0 }
  local words = table.move(scenes.UP, 1, #scenes.UP, 1, {})
  return p:wait(p:start(table.move({ ... }, 1, select("#", ...), #words + 1, words)))
end

-- "HH:MM:SS", so many seconds from now. The simulated user lives in UTC.
local function clock_time(p, seconds)
  local time = math.floor(p.sim.now + p.sim.skew + seconds) % 86400
  return ("%02d:%02d:%02d"):format(time // 3600, time % 3600 // 60, time % 60)
end

local function refused(p, when)
  local before, code = #p.judge.token_list, scenes.up(p)
  if code ~= 8 or not p.last.err:find("CREATES_PER_HOUR", 1, true) then
    p.judge:broken("E3", ("`up` %s ended with %s: %s"):format(when, tostring(code), p.last.err))
  end
  if #p.judge.token_list ~= before then p.judge:broken("S4", "a create left " .. when) end
end

local function starts(p, when)
  local code = scenes.up(p)
  if code ~= 0 then
    p.judge:broken("E3", ("`up` %s ended with %s: %s"):format(when, tostring(code), p.last.err))
  end
  p:run "stop"
end

local function six(p)
  for number = 1, MOST do starts(p, "number " .. number) end
end

return {
  { name = "starts in a row", foreign = false, play = function(p)
    six(p)
    refused(p, "after six within an hour")
    p:pass(3600)
    starts(p, "an hour later")
  end },
  { name = "machines that fail, start after start", foreign = false, play = function(p)
    p:fault { name = "boot.exited", sticky = true }
    for _ = 1, 4 do
      scenes.up(p)
      p:pass(30)
    end
    if #p.judge.token_list ~= MOST then
      p.judge:broken("S4", ("%d creates left for machines that fail"):format(#p.judge.token_list))
    end
  end },
  { name = "a hostile policy, and tries for two hours", foreign = false, play = function(p)
    p:fault { name = "boot.exited", sticky = true }
    local began = p.sim.now
    if hostile(p, "--retry-until=" .. clock_time(p, 7200)) == 0 then
      p.judge:broken("E3", "machines that fail are a success")
    end
    local count, hours = #p.judge.token_list, (p.sim.now - began) / 3600
    if count > MOST * math.ceil(hours) or count < 2 then -- the judge counts each hour (S4)
      p.judge:broken("S4", ("%d creates left in %.1f h"):format(count, hours))
    end
    if #p.judge:open() > 0 then p.judge:broken("E2", "a machine that failed bills on") end
  end },
  { name = "a hostile policy, start after start", foreign = false, play = function(p)
    p:fault { name = "boot.exited", sticky = true }
    for _ = 1, 4 do
      hostile(p, "--wait")
      p:pass(30)
    end
    if #p.judge.token_list ~= MOST then
      p.judge:broken("S4", ("%d creates left under a hostile policy"):format(#p.judge.token_list))
    end
  end },
  { name = "a clock that is set back forgives nothing", foreign = false, play = function(p)
    six(p)
    p.sim:jump(-7200)
    refused(p, "with the clock two hours back")
  end },
  { name = "refusals that made nothing do not count", cloud = "vast", foreign = false, play = function(p)
    for _ = 1, 2 do
      p:fault { name = "create.no_capacity", count = 4 }
      starts(p, "after four refusals")
    end
  end },
}
