-- SPDX-License-Identifier: MIT
-- Starting and stopping at fixed times. A schedule: { start=|nil, stop=|nil ("08:30"), days = "mon-fri",
-- words = {"--model=…", …} for the start }; one per home. It is kept where it works, in the crontab or in
-- units of systemd, each with the schedule as JSON in a comment. Two backends, schedule.crontab and
-- schedule.timers: name, title, present() → true or nil, sentence; usable() → the same, when nobody named it;
-- find(home) → {schedule=, problem=} or nil; write(home, schedule); remove(home) → what was removed, or nil;
-- text(home, schedule) → lines; notes() → sentences.
local clock = require "base.clock"
local fail = require "base.fail"
local json = require "base.json"
local keys = require "base.keys"
local process = require "base.process"
local calendar = require "facts.calendar"
local unattended = require "schedule.unattended"

local schedule = {}

--- What distinguishes a home's entries from those of another home.
function schedule.id(home) return keys.sha256_hex(home):sub(1, 8) end

--- The words of the command for one end of the day ("start" or "stop").
function schedule.command(home, plan, which)
  local argv = { process.exe, "-C", home }
  if which == "start" then
    for _, word in ipairs { "up", "--cheapest", "-y", "--ensure", "--alert" } do argv[#argv + 1] = word end
    table.move(plan.words, 1, #plan.words, #argv + 1, argv)
  else
    argv[#argv + 1], argv[#argv + 2] = "stop", "--alert"
  end
  for _, word in ipairs(argv) do
    if word:find("[%c]") then
      fail.raise("usage",
        ("%q holds a line break or another control character, which no schedule can carry"):format(word))
    end
  end
  return argv
end

local function minutes(name, text)
  local seconds = text and assert(calendar.parse_time(text))
  if seconds and seconds % 60 ~= 0 then
    fail.raise("usage", ("--%s: '%s' has seconds, which cron does not know; write %s"):format(name, text,
      calendar.time_text(seconds // 60 * 60)))
  end
  return seconds and calendar.time_text(seconds)
end

--- A schedule from checked texts.
-- @raise kind `usage`
function schedule.new(start, stop, days, words)
  if not start and not stop then
    fail.raise("usage", "say when: --start=08:30, --stop=17:00, or both")
  end
  local plan = { days = calendar.days_text(assert(calendar.parse_days(days or "mon-fri"))), words = words }
  plan.start, plan.stop = minutes("start", start), minutes("stop", stop)
  if start and stop and plan.stop <= plan.start then
    fail.raise("usage", ("--stop=%s is not after --start=%s, and a schedule ends on "
      .. "the day on which it starts"):format(stop, start))
  end
  return plan
end

--- Hours from start to stop, or nil.
function schedule.hours(plan)
  if not plan.start or not plan.stop then return nil end
  return (calendar.parse_time(plan.stop) - calendar.parse_time(plan.start)) / 3600
end

--- The next moment of "start" or "stop", in unix seconds, or nil.
function schedule.next(plan, which)
  return plan[which] and calendar.next(calendar.parse_time(plan[which]), clock.wall(),
    calendar.parse_days(plan.days)) or nil
end

--- The comment that holds a schedule, and what is read from it.
function schedule.encode(plan)
  return json.encode { start = plan.start, stop = plan.stop, days = plan.days,
    words = json.array(plan.words) }
end

function schedule.decode(text)
  local plan = json.decode(text or "")
  if type(plan) ~= "table" or type(plan.words) ~= "table" or not calendar.parse_days(plan.days) then
    return nil
  end
  for _, name in ipairs { "start", "stop" } do
    if plan[name] and not calendar.parse_time(plan[name]) then return nil end
  end
  return plan
end

function schedule.backends() return { require "schedule.timers", require "schedule.crontab" } end

--- The backend that is named, or the first that works here. only_shown: nothing will be written,
-- so it need not work.
-- @raise kind `config` when it does not work
function schedule.choose(name, only_shown)
  local reasons = {}
  for _, backend in ipairs(schedule.backends()) do
    if not name or backend.name == name then
      if name and only_shown then return backend end
      local ok, why = (name and backend.present or backend.usable)()
      if ok then return backend end
      reasons[#reasons + 1] = why
    end
  end
  if only_shown then return require "schedule.crontab" end
  fail.raise("config", table.concat(reasons, "; ") .. "; --print shows what would be written")
end

--- What is scheduled for a home. → array of { backend=, schedule=, problem= }
function schedule.find(home)
  local list = {}
  for _, backend in ipairs(schedule.backends()) do
    local found = backend.find(home)
    if found then
      found.backend = backend
      list[#list + 1] = found
    end
  end
  return list
end

--- Puts a schedule in the place of what was there before. → whether there was something, the names of what
-- is kept of this shell
function schedule.write(home, backend, plan)
  local before = #schedule.find(home) > 0
  local kept = unattended.keep(home)
  backend.write(home, plan)
  for _, other in ipairs(schedule.backends()) do
    if other ~= backend then other.remove(home) end
  end
  return before, kept
end

--- Takes everything away that is scheduled for a home. → array of sentences
function schedule.remove(home)
  local done = {}
  for _, backend in ipairs(schedule.backends()) do
    done[#done + 1] = backend.remove(home)
  end
  unattended.forget(home)
  return done
end

return schedule
