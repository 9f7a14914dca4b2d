-- SPDX-License-Identifier: MIT
-- Local time, compared with what date(1) says: files with and without their transitions, rules in TZ, summer
-- times of both halves of the world, the hour that is not and the hour that is twice.
local calendar = require "facts.calendar"
local clock = require "base.clock"
local files = require "base.files"
local process = require "base.process"
local rules = require "base.zone_rules"
local tool = require "base.subprocess"

local DIR = "/usr/share/zoneinfo/"
local ZONES = { "Europe/Amsterdam", "Europe/Dublin", "America/New_York", "America/Sao_Paulo",
  "Australia/Lord_Howe", "Pacific/Auckland", "Asia/Tehran",
  "Asia/Kathmandu", "Africa/Casablanca", "America/Nuuk", "Antarctica/Troll", "Asia/Gaza", "UTC" }
local TEXTS = { "CET-1CEST,M3.5.0,M10.5.0/3", "<+03>-3", "EST5EDT,M3.2.0/2,M11.1.0/2",
  "NZST-12NZDT,M9.5.0,M4.1.0/3", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "IST-1GMT0,M10.5.0,M3.5.0/1",
  "LHST-10:30LHDT-11,M10.1.0,M4.1.0", "XXX3EDT4,0/0,J365/23", "AAA-5:45", "CET-1CEST,J60/26,J300", "UTC0" }

-- Moments of many years, and every hour with the second before it of the months in which clocks change.
local function moments()
  local list = {}
  for year = 1975, 2101, 3 do
    local start = clock.parse_iso(("%04d-01-01T00:00:00Z"):format(year))
    for step = 0, 11 do list[#list + 1] = start + step * 2629800 + 12345 end
  end
  for _, year in ipairs { 2026, 2060 } do
    for _, month in ipairs { 3, 4, 9, 10, 11 } do
      for hour = 0, 31 * 24 do
        local at = clock.parse_iso(("%04d-%02d-01T00:00:00Z"):format(year, month)) + hour * 3600
        list[#list + 1], list[#list + 2] = at - 1, at
      end
    end
  end
  return list
end

-- What date says of moments in a zone: seconds east of UTC, in order; nil without date.
local function told(zone, list)
  local lines = {}
  for index, at in ipairs(list) do lines[index] = ("@%d\n"):format(at) end
  local path = files.join(process.getenv "TMPDIR" or "/tmp", "continueplz-moments-" .. process.pid())
  assert(files.write(path, table.concat(lines)))
  local result = tool.run { "env", "TZ=" .. zone, "date", "-f", path, "+%z" }
  files.remove(path)
  if not result or result.code ~= 0 then return nil end
  local offsets = {}
  for sign, hour, minute in result.out:gmatch("([+-])(%d%d)(%d%d)\n") do
    offsets[#offsets + 1] = math.tointeger((hour * 3600 + minute * 60) * (sign == "-" and -1 or 1))
  end
  return #offsets == #list and offsets or nil
end

-- A zone file without a single transition: only the rule at its end is left.
local function slim(text)
  local function head(times, types, letters)
    return "TZif2" .. ("\0"):rep(15) .. (">I4I4I4I4I4I4"):pack(0, 0, 0, times, types, letters)
  end
  local kind = (">i4BB"):pack(0, 0, 0)
  return head(0, 1, 4) .. kind .. "UTC\0" .. head(0, 1, 4) .. kind .. "UTC\0" .. "\n" .. text .. "\n"
end

return function(t)
  local fake = t:load("fakehost")
  local list = moments()

  local function world(zone, data)
    local s = fake.new { env = { HOME = "/home/user", TZ = zone } }
    if data then
      s.disk[zone:sub(1, 1) == "/" and zone or DIR .. zone] = { data = data, mode = 420, mtime = 0 }
    end
    return s:world()
  end

  -- Compares each moment; says the first that is wrong.
  local function compare(zone, offsets, inner)
    local offset = inner.require("base.zone").offset
    for index, at in ipairs(list) do
      local found = offset(at)
      if found - found % 60 ~= offsets[index] then
        t:equal(found, offsets[index], zone .. " at " .. clock.iso(at))
      end
    end
    t:ok(true, zone)
  end

  t:case("rules in TZ are read as the C library reads them", function()
    for _, text in ipairs(TEXTS) do
      local offsets = told(text, list)
      if not offsets then t:skip("no date(1) that knows -f") end
      compare(text, offsets, world(text))
    end
  end)

  t:case("zones of the system, before and after their last transition", function()
    for _, zone in ipairs(ZONES) do
      local data, offsets = files.read_system(DIR .. zone), told(zone, list)
      if not data or not offsets then t:skip("no time zones installed, or no date(1) that knows -f") end
      compare(zone, offsets, world(zone, data))
    end
  end)

  t:case("the system's zone is what /etc/localtime leads to, a link on most systems", function()
    local dir = files.join(process.getenv "TMPDIR" or "/tmp", "continueplz-zone-" .. process.pid())
    assert(files.mkdir(dir))
    assert(files.write(files.join(dir, "real"), slim "CET-1"))
    local made = tool.run { "ln", "-s", "real", files.join(dir, "link") }
    local text = files.read_system(files.join(dir, "link"))
    local refused = select(3, files.read(files.join(dir, "link")))
    assert(files.write(files.join(dir, "script.lua"),
      'local cplz = require "api"\ncplz.print(cplz.time(0))\n'))
    local shown = tool.run { "env", "TZ=" .. files.join(dir, "link"), "HOME=" .. dir, process.exe, "-C", dir,
      files.join(dir, "script.lua") }
    files.remove_tree(dir)
    t:equal({ made.code, text == slim "CET-1", refused }, { 0, true, "permissions" })
    t:equal(shown.out, "1970-01-01 01:00:00\n", shown.err)
    local s = fake.new { env = { HOME = "/home/user" } }
    s.disk["/etc/localtime"] = { data = slim "CET-1", mode = 420, mtime = 0 }
    local zone = s:world().require "base.zone"
    t:equal({ zone.offset(0), zone.system_offset(0) }, { 3600, 3600 })
  end)

  t:case("slim files: the rule at the end holds where no transition does", function()
    for _, text in ipairs(TEXTS) do
      local offset = world("/tz/slim", slim(text)).require("base.zone").offset
      local made = rules.parse(text)
      for index = 1, #list, 7 do t:equal(offset(list[index]), rules.offset(made, list[index]), text) end
    end
    local files_of = { { slim "", 0 }, { slim "nonsense", 0 }, { slim "<+03>-3" .. "rest", 10800 },
      { slim("CET-1"):sub(1, -2), 0 } }
    for _, row in ipairs(files_of) do
      t:equal(world("/tz/slim", row[1]).require("base.zone").offset(1795161600), row[2])
    end
  end)

  t:case("what is no rule is UTC", function()
    for _, text in ipairs { "", ":", "Nowhere", "CET", "CET-", "CET-1CEST,", "CET-1CEST,M3.5.0",
      "CET-1CEST,M13.5.0,M10.5.0", "CET-99", "CET-1CEST,M3.0.0,M10.5.0", "CET-1CEST,M3.5.0,M10.5.0/3x", "C1",
      "<+03", "<>3", "../../etc/passwd", "CET-1:60", "CET-1CEST,J0,J366", "CET-1CEST,366,1" } do
      t:equal(rules.parse(text), nil, text)
      t:equal(world(text).require("base.zone").offset(1782900000), 0, text)
    end
    t:equal(world(":CET-1").require("base.zone").offset(0), 3600)
    t:equal(rules.parse "ABC4DEF", rules.parse "ABC4DEF,M3.2.0,M11.1.0",
      "a summer time without a rule has the usual one")
  end)

  t:case("schedules by a rule: the hour that is not, the hour that is twice, years "
    .. "after the last transition", function()
    local rows = {
      -- time, noon of the day in UTC, what it is
      { "02:30", "2047-03-31T12:00:00Z", "2047-03-31T01:00:00Z" }, { "02:30", "2047-10-27T12:00:00Z",
        "2047-10-27T00:30:00Z" }, { "08:30", "2047-03-31T12:00:00Z", "2047-03-31T06:30:00Z" },
      { "08:30", "2047-10-27T12:00:00Z", "2047-10-27T07:30:00Z" },
    }
    local inner = world "CET-1CEST,M3.5.0,M10.5.0/3"
    for _, row in ipairs(rows) do
      local at = inner.require("facts.calendar").at(calendar.parse_time(row[1]), clock.parse_iso(row[2]))
      t:equal(clock.iso(at), row[3], row[1] .. " on the day of " .. row[2])
    end
    t:equal(select(2, inner.require("base.clock").local_time(clock.parse_iso "2047-07-01T12:00:00Z")), 7200)
  end)
end
