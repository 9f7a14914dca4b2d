-- SPDX-License-Identifier: MIT
-- Times of day and what is written for cron and systemd.
local calendar = require "facts.calendar"
local crontab = require "schedule.crontab"
local files = require "base.files"
local process = require "base.process"
local schedule = require "schedule.main"
local timers = require "schedule.timers"

local HOME = "/home/user/.continueplz"

return function(t)
  local fake = t:load("fakehost")

  t:case("times of day as people write them", function()
    for text, seconds in pairs { ["08:30"] = 30600, ["8:30"] = 30600, ["0:00"] = 0, -- order: free
      ["23:59:59"] = 86399 } do
      t:equal(calendar.parse_time(text), seconds, text)
    end
    for _, text in ipairs { "24:00", "8.30", "0830", "8:5", "08:60", "08:30:60", "-1:00", "", "noon",
      "08:30 pm", "008:30" } do
      local seconds, why = calendar.parse_time(text)
      t:equal(seconds, nil, text)
      t:ok(why:find("'" .. text .. "'", 1, true) and why:find("08:30", 1, true), why)
    end
    t:equal({ calendar.time_text(30600), calendar.time_text(30615) }, { "08:30", "08:30:15" })
  end)

  t:case("days as people write them", function()
    local rows = { ["mon-fri"] = "mon-fri", weekdays = "mon-fri", daily = "mon-sun", weekend = "sat,sun",
      ["Mon, Wed ,FRI"] = "mon,wed,fri", ["sat-mon"] = "mon,sat,sun", monday = "mon", ["mon-tue"] = "mon,tue",
      ["mon-wed,sun"] = "mon-wed,sun", ["mon-mon"] = "mon" }
    for text, wanted in pairs(rows) do -- order: free
      t:equal(calendar.days_text(assert(calendar.parse_days(text))), wanted, text)
    end
    for _, text in ipairs { "", "mon-", "mon,,tue", "fry", "1-5", "mon-fri-sun", "mon-fry" } do
      local set, why = calendar.parse_days(text)
      t:equal(set, nil, text)
      t:ok(why:find("is no day of the week", 1, true), why)
    end
    t:ok(select(2, calendar.parse_days("mon-fry")):find("did you mean fri?", 1, true))
  end)

  -- The calendar of a world in this zone.
  local function zone(name)
    local data = files.read("/usr/share/zoneinfo/" .. name)
    if not data then t:skip("no time zones installed") end
    local s = fake.new { env = { TZ = name } }
    s.disk["/usr/share/zoneinfo/" .. name] = { data = data, mode = 420, mtime = 0 }
    local world = s:world()
    return world.require("facts.calendar"), world.require("base.clock")
  end

  t:case("moments: summer time begins and ends, a skipped and a doubled hour", function()
    local local_calendar, clock = zone "Europe/Amsterdam"
    local rows = {
      -- time, the day's noon in UTC, what it is
      { "08:30", "2026-11-20T12:00:00Z", "2026-11-20T07:30:00Z" }, { "08:30", "2026-07-01T12:00:00Z",
        "2026-07-01T06:30:00Z" }, { "01:59", "2026-03-29T12:00:00Z", "2026-03-29T00:59:00Z" },
      { "02:30", "2026-03-29T12:00:00Z", "2026-03-29T01:00:00Z" }, { "03:00", "2026-03-29T12:00:00Z",
        "2026-03-29T01:00:00Z" }, { "17:00", "2026-03-29T00:30:00Z", "2026-03-29T15:00:00Z" },
      { "02:30", "2026-10-25T12:00:00Z", "2026-10-25T00:30:00Z" },
      { "17:00", "2026-10-25T00:10:00Z", "2026-10-25T16:00:00Z" },
    }
    for _, row in ipairs(rows) do
      local at = local_calendar.at(calendar.parse_time(row[1]), clock.parse_iso(row[2]))
      t:equal(clock.iso(at), row[3], row[1] .. " on the day of " .. row[2])
    end
    -- Friday evening to Monday morning, over the end of summer time
    local friday = clock.parse_iso "2026-10-23T16:00:00Z"
    t:equal(clock.iso(local_calendar.next(30600, friday, calendar.parse_days "mon-fri")),
      "2026-10-26T07:30:00Z")
    t:equal(clock.iso(local_calendar.next(30600, clock.parse_iso "2026-10-23T06:30:00Z")),
      "2026-10-24T06:30:00Z", "never now")
    t:equal({ local_calendar.weekday(friday),
      local_calendar.weekday(clock.parse_iso "2026-10-25T23:30:00Z") }, { 5, 1 })
  end)

  t:case("a zone west of Greenwich", function()
    local west, clock = zone "America/New_York"
    t:equal(clock.iso(west.at(30600, clock.parse_iso "2026-11-21T02:00:00Z")), "2026-11-20T13:30:00Z")
  end)

  t:case("what makes no schedule: one sentence that names it", function()
    local rows = { { nil, nil, nil, "--start=08:30" }, { "17:00", "08:30", nil, "not after --start=17:00" },
      { "08:30", "08:30", nil, "not after" }, { "08:30:10", nil, nil, "write 08:30" } }
    for _, row in ipairs(rows) do
      local problem = t:raises("usage", schedule.new, row[1], row[2], row[3], {})
      t:ok(problem.message:find(row[4], 1, true), problem.message)
    end
    t:raises("usage", schedule.command, "/home/a\nb", schedule.new("08:30", nil, nil, {}), "start")
  end)

  t:case("a run is of its folder, asks nobody, and tells when it failed", function()
    local plan = schedule.new("08:30", "17:00", nil, { "--model=m" })
    local begin, finish = schedule.command("/h", plan, "start"), schedule.command("/h", plan, "stop")
    t:equal(table.concat(begin, " ", 2), "-C /h up --cheapest -y --ensure --alert --model=m")
    t:equal(table.concat(finish, " ", 2), "-C /h stop --alert")
  end)

  t:case("a schedule comes back from its comment; a changed one does not", function()
    local plan = schedule.new("8:30", "17:00", "weekdays", { "--model=qwen3-coder:30b" })
    t:equal(plan,
      { start = "08:30", stop = "17:00", days = "mon-fri", words = { "--model=qwen3-coder:30b" } })
    t:equal(schedule.decode(schedule.encode(plan)), plan)
    for _, text in ipairs { "", "{", "{}", '{"days":"fry","words":[]}',
      '{"days":"mon","words":[],"start":"soon"}' } do
      t:equal(schedule.decode(text), nil, text)
    end
    t:equal(schedule.hours(plan), 8.5)
  end)

  local AWKWARD = "/home/it's 100% \"mine\" $HOME \\n"

  -- What sh makes of a line.
  local function sh(line)
    local child = process.spawn { argv = { "/bin/sh", "-c", line }, stdin = "null", stdout = "pipe",
      stderr = "null" }
    local out = child.stdout:read(4096, 10)
    child:wait()
    child:close()
    return out
  end

  t:case("cron: words survive the crontab and sh", function()
    for _, word in ipairs { "--model=qwen3-coder:30b", "a b", "it's", "50%", "%", "%%a'%", "$HOME", "`id`",
      "\\n", "\\%", "*", "", AWKWARD, ">x", "ü", "caf\xe9" } do
      local quoted = crontab.quote(word)
      t:ok(not quoted:find("%", 1, true), "cron would end the line at " .. quoted)
      t:equal(sh("printf '<%s>' " .. quoted), "<" .. word .. ">")
    end
  end)

  t:case("cron: the block stands above what would change it, below comments and where mail goes", function()
    local rows = { { "", "", "" }, { "# a\n\nMAILTO=me\n", "# a\n\nMAILTO=me\n", "" },
      { "CRON_TZ=Asia/Tokyo\n5 5 * * * x\n", "", "CRON_TZ=Asia/Tokyo\n5 5 * * * x\n" },
      { "MAILTO=\"\"\n# x\nSHELL=/usr/bin/fish\n", "MAILTO=\"\"\n# x\n", "SHELL=/usr/bin/fish\n" },
      { "5 5 * * * MAILTO=x y\n", "", "5 5 * * * MAILTO=x y\n" }, { " @daily x\n", "", " @daily x\n" } }
    for _, row in ipairs(rows) do t:equal({ crontab.place(row[1]) }, { row[2], row[3] }, row[1]) end
  end)

  t:case("cron: one block, nothing else is touched", function()
    local plan = schedule.new("08:05", "17:00", "mon-fri,sun", {})
    local lines = crontab.text(HOME, plan)
    t:equal(lines[3]:match("^[^/]*"), "5 8 * * 0,1,2,3,4,5 ")
    t:equal(crontab.text(HOME, schedule.new(nil, "17:00", "daily", {}))[3]:match("^[^/]*"), "0 17 * * * ")
    local block = table.concat(lines, "\n") .. "\n"
    local other = block:gsub(schedule.id(HOME), schedule.id("/other"))
    for _, around in ipairs { { "", "" }, { "MAILTO=me\n* * * * * true\n", "" }, { "# a\n\n", "\n# b %\n" },
      { other, other:gsub("8", "9") } } do
      t:equal({ crontab.split(around[1] .. block .. around[2], HOME) }, { around[1], block, around[2] })
    end
    t:equal({ crontab.split("5 5 * * * true", HOME) }, { "5 5 * * * true\n", nil, "" },
      "a last line without its end")
    t:equal({ crontab.split("", HOME) }, { "", nil, "" })
    for _, text in ipairs { block:gsub("# END[^\n]*\n", ""), block:gsub("# BEGIN[^\n]*\n", ""),
      block .. block, block .. lines[1] .. "\n" } do
      local before, why = crontab.split(text, HOME)
      t:equal(before, nil, text)
      t:ok(why:find("crontab -e", 1, true), why)
    end
  end)

  t:case("systemd: the agent outlives the start, only a missed stop is made up for", function()
    local units = timers.units(HOME, schedule.new("08:30", "17:00", nil, { "--idle=off" }))
    t:equal(#units, 4)
    local start, start_timer, stop, stop_timer = units[1][2], units[2][2], units[3][2], units[4][2]
    t:ok(start:find("\nKillMode=process\n") and start:find("\nType=oneshot\n"), start)
    t:ok(start:find(" %-C " .. HOME:gsub("%p", "%%%0") .. " up .*%-%-alert %-%-idle=off\n"), start)
    t:ok(stop:find(" stop --alert\n", 1, true), stop)
    t:ok(start_timer:find("\nOnCalendar=Mon,Tue,Wed,Thu,Fri *-*-* 08:30:00\n", 1, true)
      and start_timer:find("\nPersistent=false\n"), start_timer)
    t:ok(stop_timer:find("\nPersistent=true\n"), stop_timer)
    t:equal(timers.quote(AWKWARD), [["/home/it's 100%% \"mine\" $$HOME \\n"]])
  end)

  t:case("systemd: a time that the clock skips is not left out on that day", function()
    local function timer_of(tz, time, days, start, from)
      local s = fake.new { env = { HOME = "/home/user", TZ = tz } }
      s.disk["/etc/localtime"] = { data = files.read_system "/usr/share/zoneinfo/Europe/Amsterdam"
          or t:skip "no time zones installed", mode = 420, mtime = 0 }
      local require = s:world().require
      s:jump(require("base.clock").parse_iso(start or "2026-11-20T08:00:00Z") - require("base.clock").wall())
      local plan = require("schedule.main").new(from, time, days, {})
      local lines = {}
      for line in require("schedule.timers").units(HOME, plan)[2][2]:gmatch "OnCalendar=([^\n]+)" do
        lines[#lines + 1] = line
      end
      return lines
    end
    local lines = timer_of(nil, "02:30", "daily")
    t:equal({ #lines, lines[1], lines[2], lines[3], lines[11] },
      { 11, "*-*-* 02:30:00", "2027-03-28 03:00:00", "2028-03-26 03:00:00", "2036-03-30 03:00:00" })
    t:equal(timer_of(nil, "02:30", "daily", "2027-03-28T00:30:00Z")[2], "2027-03-28 03:00:00",
      "half an hour before")
    t:equal({ #timer_of(nil, "17:00", "daily", nil, "02:30"),
      #timer_of(nil, "02:45", "daily", nil, "02:30") }, { 11, 1 }, "never a start after its stop")
    for _, row in ipairs { { nil, "02:30", "mon-fri" }, { nil, "03:00", "daily" }, { nil, "01:59", "daily" },
      { "Asia/Tokyo-9", "02:30", "daily" } } do
      t:equal(#timer_of(row[1], row[2], row[3]), 1, row[2] .. " " .. row[3])
    end
  end)

  t:case("systemd-analyze accepts the units and their times", function()
    local analyze = "/usr/bin/systemd-analyze"
    if not files.exists(analyze) then t:skip("no systemd-analyze") end
    local dir = t:directory()
    local program = files.join(dir, "it's $HOME 5% \\ \"x\" caf\xe9")
    assert(files.mkdir(program))
    program = files.join(program, "continueplz")
    assert(files.write(program, "#!/bin/sh\n", 493))
    local there = fake.new {}:world()
    there.require("base.process").exe = program
    local units = there.require("schedule.timers").units(AWKWARD .. "\xe9",
      schedule.new("08:30", "17:00", "mon,sun", {}))
    for _, each in ipairs(units) do t:ok(utf8.len(each[2]), "systemd leaves out lines that are no UTF-8") end
    t:equal(units[1][2]:find("\nExecStart=/bin/sh -c \"exec \\\"$$0\\\" \\\"$$@\\\"\" \"/", 1, true) ~= nil,
      true, units[1][2])
    table.move(timers.units(AWKWARD, schedule.new("08:30", "17:00", "mon,sun", {})), 1, 4, #units + 1, units)
    for _, each in ipairs(units) do
      assert(files.write(files.join(dir, each[1]), each[2], 420))
      if each[1]:find("service$") then
        local child = process.spawn { argv = { analyze, "--man=no", "--user", "verify",
          files.join(dir, each[1]) }, stdin = "null", stdout = "null",
          stderr = "pipe", env = { "PATH=/usr/bin:/bin", "XDG_RUNTIME_DIR=" .. dir, "HOME=" .. dir } }
        local said = child.stderr:read(65536, 20) or ""
        local exit = child:wait()
        child:close()
        t:ok(not said:find(each[1], 1, true) and exit.status == 0, said)
      end
      local at = each[2]:match("\nOnCalendar=([^\n]+)")
      if at then
        local child = process.spawn { argv = { analyze, "calendar", at }, stdin = "null", stdout = "null",
          stderr = "null" }
        t:equal(child:wait().status, 0, at)
      end
    end
  end)

  t:case("a computer without systemd or cron: sentences, exit codes", function()
    local function run(platform, ...)
      local words = { ... }
      local s = fake.new {}
      s.disk[HOME .. "/.env"] = { data = "VAST_API_KEY=abcdefg\n", mode = 384, mtime = 0 }
      s.hook = function(name) return name == "process.spawn" and { code = "missing" } or nil end
      local p = s:start(function(require) return require("cli").main(words) end, { bare = true })
      p.host.platform = platform
      s:run()
      return p:result(), p.err
    end
    local code, err = run("linux", "schedule", "add", "--start=08:30")
    t:equal(code, 3)
    t:ok(err:find("no systemd here", 1, true) and err:find("apt install cron", 1, true)
      and err:find("--print", 1, true), err)
    code, err = run("linux", "schedule", "add", "--start=08:30", "--systemd")
    t:equal(code, 3)
    t:ok(not err:find("cron)", 1, true), err)
    code, err = run("darwin", "schedule", "add", "--start=08:30")
    t:equal(code, 3)
    t:ok(err:find("launchd", 1, true) and err:find("--cron", 1, true), err)
    t:equal(run("linux", "schedule", "list"), 0)
    t:equal(run("linux", "schedule", "remove"), 7)
    t:equal(run("linux", "schedule", "add", "--start=08:30", "--print"), 0)
  end)
end
