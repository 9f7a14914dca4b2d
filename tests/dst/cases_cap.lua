-- SPDX-License-Identifier: MIT
-- The cap of creates: at most six machines within an hour for one home, whoever asks for them.
local scenes = require "dst.scenes"

local MOST = 6

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
