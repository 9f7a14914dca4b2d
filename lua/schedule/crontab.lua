-- SPDX-License-Identifier: MIT
-- Schedules in the user's crontab: one marked block per home; no other line is ever touched.
local fail = require "base.fail"
local files = require "base.files"
local process = require "base.process"
local schedule = require "schedule.main"
local calendar = require "facts.calendar"
local subprocess = require "base.subprocess"

local crontab = { name = "cron", title = "the crontab" }

local function begin_mark(home) return "# BEGIN continueplz " .. schedule.id(home) end
local function end_mark(home) return "# END continueplz " .. schedule.id(home) end

--- Splits the text of a crontab at the block of a home. Pure.
-- @return text before, block (nil: none), text after; or nil and a sentence when its marks are damaged
function crontab.split(text, home)
  if text ~= "" and text:sub(-1) ~= "\n" then text = text .. "\n" end
  local first, last = begin_mark(home), end_mark(home)
  local parts, at, damaged = { {}, {}, {} }, 1, false
  for line in text:gmatch("([^\n]*\n)") do
    local begins, ends = line:sub(1, #first) == first, line:sub(1, #last) == last
    damaged = damaged or begins and at ~= 1 or ends and at ~= 2
    if begins then at = 2 end
    table.insert(parts[at], line)
    if ends then at = 3 end
  end
  if damaged or at == 2 then
    return nil, ("the marks '%s' and '%s' in the crontab do not stand around one block any more; put "
      .. "that right with `crontab -e`"):format(first, last)
  end
  if at == 1 then return text, nil, "" end
  return table.concat(parts[1]), table.concat(parts[2]), table.concat(parts[3])
end

-- A line that sets something for the lines below it: its name and value, or nil.
local function assignment(text)
  return text:match("^%s*[\"']?([%a_][%w_]*)[\"']?%s*=%s*[\"']?([^\"'\n]*)")
end

--- Where a block goes: above every line that sets a variable, which would hold for our lines as well
-- (CRON_TZ, SHELL, PATH), and above
-- the first job; but below comments and where mail goes, which may be meant for us. Pure.
-- @return text above, text below
function crontab.place(text)
  local at = 1
  for line, after in text:gmatch("([^\n]*\n)()") do
    if line:find("^%s*[^#%s]") and not (assignment(line) or ""):find("^MAIL") then
      break
    end
    at = after
  end
  return text:sub(1, at - 1), text:sub(at)
end

local POSIX = { sh = true, bash = true, dash = true, ash = true, ksh = true, zsh = true }

-- The line above a block that changes what the block does, or nil.
local function disturber(text)
  local found
  for line in text:gmatch("[^\n]+") do
    local name, value = assignment(line)
    if name == "CRON_TZ" or name == "TZ" or name == "SHELL" and not POSIX[value:match("([^/]*)%s*$")] then
      found = line
    end
  end
  return found
end

--- A word for sh in a crontab. Pure. A % ends the line for some crons, escaped or not for others, so sh
-- makes one where it is needed.
function crontab.quote(word)
  if word:find("^[%w_@+=:,./-]+$") then return word end
  local pieces = {}
  for piece in (word .. "%"):gmatch("([^%%]*)%%") do
    pieces[#pieces + 1] = "'" .. piece:gsub("'", "'\\''") .. "'"
  end
  return table.concat(pieces, [["$(echo p|tr p '\045')"]])
end

-- Days as cron counts them: Sunday is 0.
local function cron_days(text)
  local set, list = calendar.parse_days(text), {}
  local runs = calendar.days_text(set)
  if runs == "mon-sun" then return "*" end
  for index = 0, 6 do
    if set[index == 0 and 7 or index] then list[#list + 1] = tostring(index) end
  end
  return table.concat(list, ",")
end

local function line(home, plan, which)
  local seconds = calendar.parse_time(plan[which])
  local words = schedule.command(home, plan, which)
  for index, word in ipairs(words) do words[index] = crontab.quote(word) end
  return ("%d %d * * %s %s >%s"):format(seconds % 3600 // 60, seconds // 3600, cron_days(plan.days),
    table.concat(words, " "), crontab.quote(files.join(home, "schedule-" .. which .. ".log")))
end

--- The block for a home. → lines
function crontab.text(home, plan)
  local lines = {
    ("%s (%s): written by `continueplz schedule`, which also takes it away"):format(begin_mark(home), home),
    "# " .. schedule.encode(plan),
  }
  for _, which in ipairs { "start", "stop" } do
    if plan[which] then lines[#lines + 1] = line(home, plan, which) end
  end
  lines[#lines + 1] = end_mark(home)
  return lines
end

-- The user's crontab as it is. → text, or nil and a sentence when there is no cron
local function read()
  local result = subprocess.run { "crontab", "-l" }
  if not result then
    return nil, "there is no program named crontab here (on Debian: apt install cron)"
  end
  if result.code == 0 then return result.out end
  local said = result.err:lower()
  if said:find("no crontab for", 1, true) or said:find("^crontab: can't open '[^/']*': no such file") then
    return ""
  end -- busybox says the latter
  fail.raise("config",
    "the crontab cannot be read, so it is left alone: crontab -l says: " .. subprocess.complaint(result))
end

local function write(text)
  local result = subprocess.run({ "crontab", "-" }, text)
  if result and result.code == 0 then return end
  fail.raise("config", "the crontab was not changed: crontab says: "
    .. (result and subprocess.complaint(result) or "nothing, it is gone"))
end

local function parts(home)
  local text, why = read()
  if not text then fail.raise("config", why) end
  local before, block, after = crontab.split(text, home)
  if not before then fail.raise("config", block) end
  return before, block, after
end

--- May the crontab be used without being asked for? → true, or nil and a sentence
function crontab.usable()
  if process.platform == "darwin" then
    return nil, "timers of launchd are not built yet; say --cron to use the crontab"
  end
  return crontab.present()
end

--- Is there a crontab here? → true, or nil and a sentence
function crontab.present()
  local ok, text, why = fail.try(read)
  if ok and text then return true end
  return nil, ok and why or fail.message(text)
end

--- What the crontab holds for a home, or nil.
function crontab.find(home)
  if not crontab.present() then return nil end
  local before, block = parts(home)
  if not block then return nil end
  local plan, above = schedule.decode(block:match("\n# ({[^\n]*})\n")), disturber(before)
  return { schedule = plan,
    problem = not plan and "its block in the crontab was changed by hand and cannot be read"
      or above and ("the line '%s' in the crontab stands above its block and changes what it does; "
        .. "`continueplz schedule add` again puts the block above it"):format(above) or nil }
end

function crontab.write(home, plan)
  local before, _, after = parts(home)
  local block = table.concat(crontab.text(home, plan), "\n") .. "\n"
  local above, below = crontab.place(before .. after)
  write(above .. block .. below)
  local _, found = parts(home)
  if found ~= block then
    fail.raise("config", "the crontab was changed by somebody else at the same moment; try again")
  end
end

function crontab.remove(home)
  if not crontab.present() then return nil end
  local before, block, after = parts(home)
  if not block then return nil end
  write(before .. after)
  return "The lines in the crontab are gone."
end

--- What the user should know of this backend.
function crontab.notes(home)
  return {
    "what a run prints is kept in " .. files.join(home, "schedule-start.log") .. " and schedule-stop.log "
      .. "(the last run); what goes wrong is mailed by cron, and is in continueplz.log",
    "cron does nothing about a time at which this computer is off or asleep: a stop that is missed is left "
      .. "to the machine's own limits",
  }
end

return crontab
