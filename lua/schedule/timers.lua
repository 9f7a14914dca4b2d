-- SPDX-License-Identifier: MIT
-- Schedules as user timers of systemd: a service and a timer for each end of the day, in
-- ~/.config/systemd/user.
local clean = require "base.clean"
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local process = require "base.process"
local zone = require "base.zone"
local schedule = require "schedule.main"
local calendar = require "facts.calendar"
local subprocess = require "base.subprocess"

local YEARS = 10 -- for which days with a skipped hour are named
local UNDO_SECONDS = 900 -- what an interrupted start may take to give everything back

local timers = { name = "systemd", title = "timers of systemd" }

local function xdg(name, rest)
  local base = process.getenv(name)
  if base and base:sub(1, 1) == "/" then return base end
  local home = process.getenv("HOME")
  return home and home ~= "" and files.join(home, rest) or nil
end

local function unit_dir()
  local base = xdg("XDG_CONFIG_HOME", ".config")
  return base and files.join(base, "systemd/user")
end

local function unit(home, which, kind)
  return ("continueplz-%s-%s.%s"):format(schedule.id(home), which, kind)
end

--- A word of ExecStart (systemd.service(5), systemd.unit(5)): `%` and `$` would be replaced, quotes and
-- backslashes would be read, and a
-- line with bytes that are no UTF-8 would be left out. Pure.
function timers.quote(word)
  word = word:gsub("%%", "%%%%"):gsub("%$", "$$")
  if word:find("^[%w_@+=:,./%%$-]+$") then return word end
  return '"' .. clean.bytes((word:gsub("\\", "\\\\"):gsub('"', '\\"'))) .. '"'
end

-- The command line. The program's own path may not hold what an argument may (quotes and backslashes are
-- refused, `$` is not replaced): then sh starts it.
local function exec(words)
  if words[1]:find("[^%w_@+=:,./ %%-]") then
    words = table.move(words, 1, #words, 4, { "/bin/sh", "-c", 'exec "$0" "$@"' })
  end
  local quoted = {}
  for index, word in ipairs(words) do quoted[index] = timers.quote(word) end
  return table.concat(quoted, " ")
end

-- A folder in a description.
local function shown(home) return (clean.line(home):gsub("\\", "\\\\"):gsub("%%", "%%%%")) end

local function service(home, plan, which)
  return table.concat({
    "# Written by `continueplz schedule`, which also takes it away.",
    "# " .. schedule.encode(plan),
    "[Unit]",
    ("Description=continueplz: %s the machine of %s"):format(which, shown(home)),
    "",
    "[Service]",
    "Type=oneshot",
    "ExecStart=" .. exec(schedule.command(home, plan, which)),
    "# The agent that keeps the tunnel goes on when the start is over.",
    "KillMode=process",
    "# A start that is interrupted gives everything back first.",
    "TimeoutStopSec=" .. UNDO_SECONDS,
    "",
  }, "\n")
end

-- The moments of the days on which the clock skips the time of one end.
local function skipped(plan, which)
  return calendar.skipped(calendar.parse_time(plan[which]), clock.wall(), YEARS * 365,
    calendar.parse_days(plan.days))
end

-- On the day on which the clock skips a time of day systemd would leave it out, a stop too: such days are
-- named, years ahead. Of a start and a stop that are skipped together only the stop is made up for.
local function jumps(plan, which)
  local now, lines, taken = clock.wall(), {}, {}
  if zone.offset(now) ~= zone.system_offset(now) then return "" end
  for _, at in ipairs(which == "start" and plan.stop and skipped(plan, "stop") or {}) do taken[at] = true end
  for _, at in ipairs(skipped(plan, which)) do
    if not taken[at] then lines[#lines + 1] = "OnCalendar=" .. clock.local_time(at) .. "\n" end
  end
  return table.concat(lines)
end

local function on_calendar(plan, which)
  local names = {}
  for index, set in ipairs(calendar.parse_days(plan.days)) do
    if set then names[#names + 1] = calendar.days[index]:gsub("^%l", string.upper) end
  end
  return (#names < 7 and table.concat(names, ",") .. " " or "") .. "*-*-* " .. plan[which] .. ":00"
end

local function timer(home, plan, which)
  return table.concat({
    "# Written by `continueplz schedule`, which also takes it away.",
    "[Unit]",
    ("Description=continueplz: when to %s the machine of %s"):format(which, shown(home)),
    "",
    "[Timer]",
    "OnCalendar=" .. on_calendar(plan, which),
    jumps(plan, which) .. "AccuracySec=1s",
    which == "start" and "# A start that was missed is not made up for: nobody may want it any more." or
      "# A stop that was missed is made up for as soon as this computer runs again.",
    "Persistent=" .. (which == "stop" and "true" or "false"),
    "",
    "[Install]",
    "WantedBy=timers.target",
    "",
  }, "\n")
end

--- The unit files of a schedule, in order. → array of { name, text }
function timers.units(home, plan)
  local list = {}
  for _, which in ipairs { "start", "stop" } do
    if plan[which] then
      list[#list + 1] = { unit(home, which, "service"), service(home, plan, which) }
      list[#list + 1] = { unit(home, which, "timer"), timer(home, plan, which) }
    end
  end
  return list
end

function timers.text(home, plan)
  local lines = {}
  for _, each in ipairs(timers.units(home, plan)) do
    lines[#lines + 1] = "--- " .. files.join(unit_dir() or "~/.config/systemd/user", each[1])
    lines[#lines + 1] = each[2]
  end
  return lines
end

local function systemctl(...) return subprocess.run { "systemctl", "--user", ... } end

local function must(what, ...)
  local result = systemctl(...)
  if not result or result.code ~= 0 then
    fail.raise("config", ("%s: systemctl says: %s"):format(what,
      result and subprocess.complaint(result) or "nothing, it is gone"))
  end
end

--- Does the user's systemd answer? → true, or nil and a sentence
function timers.usable()
  if process.platform == "darwin" then
    return nil, "this system has no systemd"
  end
  local result = systemctl("show-environment")
  if not result then
    return nil, "there is no systemd here (no program named systemctl)"
  end
  if result.code ~= 0 then
    return nil,
      "the user's systemd does not answer (systemctl --user says: " .. subprocess.complaint(result) .. ")"
  end
  if not unit_dir() then
    return nil, "HOME is not set, so there is no folder for units of systemd"
  end
  return true
end
timers.present = timers.usable

local function existing(home)
  local list, dir = {}, unit_dir()
  for _, which in ipairs { "start", "stop" } do
    for _, kind in ipairs { "timer", "service" } do
      local name = unit(home, which, kind)
      if dir and files.exists(files.join(dir, name)) then
        list[#list + 1] = { name = name, path = files.join(dir, name), kind = kind }
      end
    end
  end
  return list
end

function timers.find(home)
  local plan, problem, found = nil, nil, existing(home)
  if #found == 0 then return nil end
  for _, each in ipairs(found) do
    if each.kind == "service" then
      plan = plan or schedule.decode((files.read(each.path) or ""):match("\n# ({[^\n]*})\n"))
    else
      local result = systemctl("is-active", each.name)
      if not result or result.code ~= 0 then
        problem = problem or ("%s is not active; `continueplz schedule add` again"):format(each.name)
      end
    end
  end
  return { schedule = plan, problem = not plan and "its units were changed by hand and cannot be read"
      or problem }
end

-- The stamp of a persistent timer would make its successor believe that it missed a run.
local function forget(name)
  local base = xdg("XDG_DATA_HOME", ".local/share")
  if base then files.remove(files.join(base, "systemd/timers/stamp-" .. name)) end
end

-- Takes the units away. → { { name, text }, … } as they were
local function clear(home)
  local old = {}
  for _, each in ipairs(existing(home)) do
    if each.kind == "timer" then
      systemctl("disable", "--now", each.name)
      forget(each.name)
    end
    old[#old + 1] = { each.name, files.read(each.path) or "" }
    local ok, why = files.remove(each.path)
    if not ok then
      fail.raise("config", "the unit cannot be removed: " .. why)
    end
  end
  return old
end

local function put(units)
  local dir, names = unit_dir(), {}
  local made, why = files.mkdir(dir)
  if not made and not files.exists(dir) then
    fail.raise("config", dir .. " cannot be made: " .. why)
  end
  for _, each in ipairs(units) do
    local ok, reason = files.write(files.join(dir, each[1]), each[2], 420)
    if not ok then
      fail.raise("config", "the unit cannot be written: " .. reason)
    end
    if each[1]:find("%.timer$") then names[#names + 1] = each[1] end
  end
  must("the new units could not be loaded", "daemon-reload")
  must("the timers could not be started", "enable", "--now", table.unpack(names))
end

--- Writes and starts the timers; when that fails, what was there before is brought back.
function timers.write(home, plan)
  local units = timers.units(home, plan)
  local old = clear(home)
  local ok, problem = fail.settle(put, units)
  if ok then return end
  fail.settle(clear, home)
  if #old > 0 then fail.settle(put, old) end
  error(problem, 0)
end

function timers.remove(home)
  if #clear(home) == 0 then return nil end
  systemctl("daemon-reload")
  return "The timers of systemd are gone."
end

--- What the user should know of this backend.
function timers.notes()
  local list = { "what a run prints is in the journal: journalctl --user -u 'continueplz-*'",
    "a start that is missed because this computer is off is not made up for; a missed stop is, "
      .. "as soon as it runs again" }
  local lingers = subprocess.run { "loginctl", "show-user", tostring(process.uid()),
    "--property=Linger", "--value" }
  if not lingers or lingers.out:match("%S+") ~= "yes" then
    list[#list + 1] = "timers and the tunnel end when you log out; for a computer that works without you "
      .. "type: loginctl enable-linger"
  end
  return list
end

return timers
