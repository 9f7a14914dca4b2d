-- SPDX-License-Identifier: MIT
-- A machine for working hours: starts at 08:30 and stops at 17:00, from Monday to Friday.
--
--   continueplz examples/workday.lua            stays running and does both, every working day
--   continueplz examples/workday.lua start      does one of them now and ends: for a crontab of your own
--   continueplz examples/workday.lua stop
--
-- Other times and machines: --start=09:00 --stop=18:00 --days=mon-thu --model=qwen3-coder:30b
-- --max-price=0.80 --once=yes (--once: one working day). Both can be repeated at any time: a start finds that
-- the machine runs already, a stop that none does.
local cplz = require "api"

local day = { start = "08:30", stop = "17:00", days = "mon-fri" }
local machine = { ensure = true }
local what

for _, word in ipairs(cplz.args) do
  local name, value = word:match("^%-%-([%l-]+)=(.+)$")
  if name == "start" or name == "stop" or name == "days" or name == "once" then
    day[name] = value
  elseif name then
    machine[name:gsub("-", "_")] = value -- checked by cplz.up, which knows its options
  elseif word == "start" or word == "stop" then
    what = word
  else
    cplz.print("workday.lua does not know '" .. word .. "'; say start, stop or nothing")
    cplz.exit("usage")
  end
end

local hours = (cplz.at(day.stop) - cplz.at(day.start)) / 3600
if hours <= 0 then
  cplz.print(("--stop=%s is not after --start=%s"):format(day.stop, day.start))
  cplz.exit("usage")
end
machine.hours = machine.hours or math.max(hours, 0.1) -- offers are compared by what they cost over this time

local function start()
  local ready = cplz.up(machine)
  cplz.print(("%s ready: %s at %s"):format(cplz.time(), ready.model, ready.endpoint.url))
end

local function stop()
  local ended = cplz.stop()
  cplz.print(("%s stopped: %s"):format(cplz.time(), ended.outcome))
end

if what == "start" then
  return start()
elseif what == "stop" then
  return stop()
end

repeat
  local now = cplz.now()
  if cplz.is_day(day.days) and now >= cplz.at(day.start) and now < cplz.at(day.stop) then
    local ok, failure = cplz.try(start)
    if not ok and (failure.kind == "usage" or failure.kind == "config") then
      error(failure, 0) -- it would fail tomorrow as well
    elseif not ok then
      cplz.alert("the working day begins without a machine: " .. failure.message)
    end
    cplz.wait_until(cplz.at(day.stop))
    stop() -- a stop that cannot be proven ends the script: exit code 1, and an alert was sent
    if day.once then return 0 end
  end
  cplz.print(("%s waiting for %s"):format(cplz.time(), cplz.time(cplz.next(day.start, day.days))))
  cplz.wait_until(day.start, day.days)
until false
