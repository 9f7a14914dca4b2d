-- SPDX-License-Identifier: MIT
-- Unattended use: schedules in a crontab, what the lines in it do, scripts, alerts.
local clock = require "base.clock"
local expect = require "e2e.expect"
local fail = require "base.fail"
local files = require "base.files"
local json = require "base.json"
local net = require "base.net"
local process = require "base.process"
local server = require "base.server"

local MODEL = "--model=qwen3-coder:30b"
local cases = {}

local function case(name, run, options) cases[#cases + 1] = { name = name, run = run, options = options } end

-- A `crontab` that keeps its text in a file and a systemctl that knows no user's systemd,
-- on a PATH of their own.
local function tools(r)
  local bin, tab = files.join(r.dir, "bin"), files.join(r.dir, "tab")
  files.mkdir(bin)
  assert(files.write(files.join(bin, "crontab"), ([[#!/bin/sh
    if [ -e '%s.broken' ]; then echo 'crontab: the disk is on fire' >&2; exit 1; fi
    case $1 in
    -l) [ -e '%s' ] && exec /bin/cat '%s'; echo "no crontab for you" >&2; exit 1 ;;
    -) exec /bin/cat >'%s' ;;
    esac]]):format(tab, tab, tab, tab), 493))
  assert(files.write(files.join(bin, "systemctl"),
    "#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n", 493))
  r.more_env = { "PATH=" .. bin }
  return tab
end

-- A systemctl that keeps what it is told, and refuses what `refuses` names.
local function user_systemd(r, refuses)
  local told = files.join(r.dir, "told")
  files.remove(told)
  assert(files.write(files.join(r.dir, "bin/systemctl"), ("#!/bin/sh\nshift\necho \"$*\" >>'%s'\n"
    .. "case $1 in %s) echo 'Unit is masked' >&2; exit 1;; esac\n"):format(told, refuses or "nothing"), 493))
  return told
end

-- Runs a line of a crontab as cron does: by sh, with cron's environment, what it writes to
-- stderr being the mail.
local function as_cron(r, line)
  local command = assert(line:match("^%S+ %S+ %S+ %S+ %S+ (.*)$"), line)
  local child = process.spawn { argv = { "/bin/sh", "-c", command }, stdin = "null", stdout = "pipe",
    stderr = "pipe", cwd = "/", session = true,
    env = { "HOME=" .. r.dir, "LOGNAME=you", "SHELL=/bin/sh", "PATH=/usr/bin:/bin" } }
  local out, err = child.stdout:read(65536) or "", ""
  for piece in function() return child.stderr:read() end do err = err .. piece end
  local exit = child:wait()
  child:close()
  return { code = exit.status, out = out, err = err }
end

-- Lines of the crontab that run something.
local function jobs(tab)
  local list = {}
  for line in assert(files.read(tab)):gmatch("[^\n]+") do
    if line:find("continueplz", 1, true) and not line:find("^#") then list[#list + 1] = line end
  end
  return list
end

case("schedule: add, list, add anew, remove; other lines stay as they are", function(r)
  local tab = tools(r)
  local mine = "MAILTO=me\n5 4 * * * echo 50\\% # BEGIN of something\n\n# last line without its end"
  assert(files.write(tab, mine))
  expect.plain(expect.ends(r:run("schedule", "add", "--start=08:30", "--stop=17:00", MODEL), 0, "the crontab",
    "08:30 mon-fri", "Money: none"))
  local first = files.read(tab)
  expect.that(first:gsub("# BEGIN continueplz.*# END continueplz [^\n]*\n", "") == mine .. "\n",
    "other lines were changed: " .. first)
  expect.ends(r:run("schedule", "list"), 0, "17:00 mon-fri", MODEL)
  expect.ends(r:run("schedule", "add", "--start=09:00", "--stop=18:00", "--days=mon-thu",
    "--max-price=0.5", "--wait", "--retry-until=10:00", "--ready-within=20m"), 0, "anew")
  local object = expect.json(expect.ends(r:run("schedule", "--output=json"), 0))
  expect.that(object.start == "09:00" and object.days == "mon-thu" and object.backend == "cron"
    and object.status == "scheduled", json.encode(object))
  expect.that(table.concat(object.options, " ")
    == "--max-price=0.5 --ready-within=20m --wait --retry-until=10:00 --hours=9", json.encode(object))
  expect.that(#jobs(tab) == 2 and select(2, files.read(tab):gsub("BEGIN continueplz", "")) == 1,
    files.read(tab))
  expect.ends(r:run("schedule", "remove"), 0)
  expect.that(files.read(tab) == mine .. "\n", "not as before: " .. files.read(tab))
  expect.ends(r:run("schedule", "remove"), 7, "nothing is scheduled")
  expect.ends(r:run("schedule", "list"), 0, "Nothing is scheduled")
end)

case("schedule: busybox without entries; lines of others that set variables do not change ours", function(r)
  local tab = tools(r)
  local program = files.join(r.dir, "bin/crontab")
  local text = assert(files.read(program)):gsub('"no crontab for you"',
    [["crontab: can't open 'you': No such file or directory"]])
  assert(files.write(program, text, 493))
  expect.ends(r:run("schedule", "list"), 0, "Nothing is scheduled")
  expect.ends(r:run("schedule", "add", "--start=08:30", "--stop=17:00", MODEL), 0, "the crontab")
  expect.ends(r:run("schedule", "remove"), 0)
  expect.ends(r:run("schedule", "remove"), 7)
  local theirs = "MAILTO=me\nCRON_TZ=Asia/Tokyo\nSHELL=/usr/bin/fish\n5 4 * * * true\n"
  assert(files.write(tab, theirs))
  expect.ends(r:run("schedule", "add", "--start=08:30"), 0)
  local block = files.read(tab):match("# BEGIN continueplz.*# END continueplz [^\n]*\n")
  local rest = theirs:gsub("MAILTO=me\n", "")
  expect.that(files.read(tab) == "MAILTO=me\n" .. block .. rest, files.read(tab))
  expect.ends(r:run("schedule", "list"), 0)
  assert(files.write(tab, theirs .. block))
  expect.ends(r:run("schedule", "list"), 1, "'SHELL=/usr/bin/fish'", "schedule add")
  expect.ends(r:run("schedule", "add", "--start=08:30"), 0)
  expect.that(files.read(tab) == "MAILTO=me\n" .. block .. rest, files.read(tab))
  expect.ends(r:run("schedule", "remove"), 0)
  expect.that(files.read(tab) == theirs, files.read(tab))
end)

case("schedule: its runs have the proxies and certificates of the shell in which it was made", function(r)
  local tab = tools(r)
  table.insert(r.more_env, "https_proxy=http://me:geheim55@127.0.0.1:9")
  table.insert(r.more_env, "SSL_CERT_FILE=/no/such.pem")
  local result = expect.ends(r:run("schedule", "add", "--start=08:30", MODEL), 0,
    "https_proxy, SSL_CERT_FILE", "schedule.env")
  local kept = files.join(r.home, "schedule.env")
  expect.that(files.stat(kept).mode & 511 == 384, "others can read it")
  expect.that(not (files.read(tab) .. result.out .. result.err):find("geheim55", 1, true),
    "the password is shown")
  r:write_env { VAST_BASE_URL = "https://cloud.invalid" }
  local run = expect.ends(as_cron(r, jobs(tab)[1]), 5, "127.0.0.1")
  expect.lacks(run, "geheim55", "resolve host: cloud.invalid")
  r.more_env = { r.more_env[1] }
  expect.ends(r:run("schedule", "remove"), 0)
  expect.that(not files.exists(kept), "the file is left")
end)

case("schedule: timers of systemd are written, started, replaced, taken away; a "
  .. "refusal brings back what was", function(r)
  local tab, dir = tools(r), files.join(r.dir, ".config/systemd/user")
  expect.ends(r:run("schedule", "add", "--start=08:30", "--stop=17:00"), 0, "the crontab")
  local told = user_systemd(r)
  expect.ends(r:run("schedule", "add", "--start=08:30", "--stop=17:00"), 0, "anew by timers of systemd",
    "enable-linger")
  expect.that(#files.list(dir) == 4 and files.read(tab) == "", "not moved from the crontab to systemd")
  expect.that(files.read(told):find("daemon%-reload\n"
    .. "enable %-%-now continueplz%-%x+%-start.timer continueplz%-%x+%-stop.timer\n"), files.read(told))
  local service = files.join(dir, files.list(dir)[1])
  expect.that(files.read(service):find("\nKillMode=process\n", 1, true),
    "the agent would not outlive the start")
  expect.ends(r:run("schedule", "add", "--stop=18:00"), 0, "anew")
  local kept = files.list(dir)
  expect.that(#kept == 2 and kept[1]:find("-stop.service", 1, true), table.concat(kept, " "))
  user_systemd(r, "enable")
  expect.ends(r:run("schedule", "add", "--start=09:00"), 3, "Unit is masked")
  user_systemd(r, "is-active")
  expect.ends(r:run("schedule", "list"), 1, "18:00 mon-fri", "is not active")
  user_systemd(r)
  expect.ends(r:run("schedule", "list"), 0, "18:00 mon-fri")
  assert(files.write(files.join(dir, kept[1]), "[Unit]\n", 420))
  expect.ends(r:run("schedule"), 1, "changed by hand")
  expect.ends(r:run("schedule", "remove"), 0)
  expect.that(#files.list(dir) == 0, "units are left")
end)

case("schedule: bad input leaves the crontab alone", function(r)
  local tab = tools(r)
  assert(files.write(tab, "5 4 * * * true\n"))
  local rows = {
    { 2, "say when" }, { 2, "--start: '25:00'", "--start=25:00" }, { 2, "--stop: '17'", "--stop=17" },
    { 2, "'someday'", "--start=08:30", "--days=someday" }, { 2, "not after --start=17:00", "--start=17:00",
      "--stop=08:30" }, { 2, "--stop=17:00", "--start=08:30", "--stop", "17:00" },
    { 2, "--model is about a start", "--stop=17:00", MODEL },
    { 2, "contradict", "--start=08:30", "--cron", "--systemd" },
    { 2, "--idle", "--start=08:30", "--idle=30" }, { 2, "--max-price", "--start=08:30", "--max-price=much" },
    { 3, "Failed to connect to bus", "--start=08:30", "--systemd" },
    { 2, "does not take --dry-run", "--start=08:30", "--dry-run" },
    { 2, "--retry-until: '9'", "--start=08:30", "--retry-until=9" },
    { 2, "not after --start=08:30", "--start=08:30", "--retry-until=08:30" },
    { 2, "after --stop=17:00, which ends the tries", "--start=08:30", "--stop=17:00", "--retry-until=18:00" },
    { 2, "--ready-within", "--start=08:30", "--ready-within=20" },
    { 2, "'off' is no time to wait", "--start=08:30", "--ready-within=off" },
    { 2, "until --stop=09:00, or longer", "--start=08:30", "--stop=09:00", "--ready-within=30m" },
    { 2, "--wait is about a start", "--stop=17:00", "--wait" },
  }
  for _, row in ipairs(rows) do
    local result = expect.plain(expect.ends(r:run("schedule", "add", table.unpack(row, 3)), row[1], row[2]))
    expect.lacks(result, "traceback", ".lua:")
  end
  expect.ends(r:run("schedule", "remove", "--start=08:30"), 2, "schedule remove takes no --start")
  expect.ends(r:run("schedule", "ad"), 2, "did you mean add?")
  expect.ends(r:run("schedule", "add", "--start=08:30", "--print"), 0, "30 8 * * 1,2,3,4,5 ")
  expect.that(files.read(tab) == "5 4 * * * true\n", "the crontab was changed")
  expect.ends(r:run("schedule", "add", "--start=08:30"), 0)
  assert(files.write(tab .. ".broken", ""))
  expect.ends(r:run("schedule", "add", "--start=08:30"), 3, "the disk is on fire")
  files.remove(files.join(r.home, ".env"))
  files.remove(tab .. ".broken")
  expect.ends(r:run("schedule", "add", "--start=08:30"), 3, ".env")
end)

case("schedule: its lines start and stop a machine, twice each; the agent outlives the start", function(r)
  local tab = tools(r)
  expect.ends(r:run("schedule", "add", "--start=08:30", "--stop=17:00", "--days=daily", MODEL, "--wait",
    "--ready-within=20m"), 0)
  local lines = jobs(tab)
  expect.plain(expect.ends(as_cron(r, lines[1]), 0))
  expect.machines(r, 1)
  expect.that(r:agent(), "no agent")
  local log = assert(files.read(files.join(r.home, "schedule-start.log")))
  expect.that(log:find("READY", 1, true) and log:find("\nMoney: running, [^\n]+\n$")
    and not log:find("\27", 1, true), log)
  local again = as_cron(r, lines[1])
  expect.ends(again, 0)
  expect.that(again.err == "", "a mail: " .. again.err)
  expect.that(files.read(files.join(r.home,
    "schedule-start.log")):find("Already running: qwen3%-coder:30b at http"), "not said to run")
  expect.machines(r, 1)
  expect.ends(r:run("up", "--ensure", "-y", "--model=qwen2.5-coder:7b"), 6,
    "serves qwen3-coder:30b, not qwen2.5-coder:7b")
  expect.ends(as_cron(r, lines[2]), 0)
  expect.all_over(r)
  again = as_cron(r, lines[2])
  expect.that(again.code == 0 and again.err == "", "a stop with nothing to do complains: " .. again.err)
  expect.that(r:log():find('Command ended command=stop exit_code=0 money="none is running', 1, true),
    "the log does not tell the end")
end)

-- A webhook that keeps what it gets. → its address, the alerts, the server
local function webhook()
  local alerts, listener = {}, net.listen { host = "127.0.0.1", port = 0 }
  local running = server.serve(listener, function(request)
    alerts[#alerts + 1] = json.decode(request.body)
    return { status = 204 }
  end)
  return ("http://127.0.0.1:%d/hook"):format(select(2, listener:name())), alerts, running
end

local function with_webhook(r, fn)
  local address, alerts, running = webhook()
  r:write_env { ALERT_WEBHOOK_URL = address, MAX_PRICE = "0.01" }
  local ok, problem = fail.try(fn, alerts)
  running.stop()
  if not ok then error(problem, 0) end
end

case("alerts: a start that fails, a stop that cannot be proven", function(r)
  with_webhook(r, function(alerts)
    expect.ends(r:run("up", "--cheapest", "-y", "--ensure", "--alert", MODEL), 8, "MAX_PRICE")
    expect.that(#alerts == 1 and alerts[1].level == "ERROR", json.encode(alerts))
    expect.that(alerts[1].message:find("MAX_PRICE", 1, true) and alerts[1].context.exit_code == 8
      and alerts[1].context.home == r.home, json.encode(alerts))
    expect.ends(r:run("up", "--cheapest", "--alert", "--max-price=3", MODEL), 0)
    expect.that(#alerts == 1, "a start that worked was told")
    r:fault { name = "api.down", sticky = true }
    expect.ends(r:run("stop", "--alert"), 1, "CRITICAL")
    r:heal()
    expect.that(#alerts == 2 and alerts[2].level == "CRITICAL", "not one CRITICAL: " .. json.encode(alerts))
    expect.ends(r:run("stop", "--alert"), 0)
    expect.all_over(r)
  end)
end)

-- A zone in which it is neither shortly before nor shortly after midnight.
local function daytime() return (clock.wall() % 86400) // 3600 < 12 and "TZ=Etc/GMT-6" or "TZ=Etc/GMT+6" end

case("examples/workday.lua keeps the hours it is given", function(r)
  if not files.exists("/usr/share/zoneinfo/Etc/GMT-6") then
    return "no time zones installed"
  end
  r.more_env = { daytime() }
  local script = files.join(process.cwd(), "examples/workday.lua")
  local offset = r.more_env[1]:find("-6", 1, true) and 21600 or -21600
  local function at(seconds) return clock.iso(clock.wall() + offset + seconds):match("T(%d%d:%d%d:%d%d)") end
  local result = expect.plain(expect.ends(r:run(script, MODEL, "--days=daily", "--once=yes",
    "--start=" .. at(3), "--stop=" .. at(18)), 0,
    "waiting for", "ready: qwen3-coder:30b at http", "stopped: proven", "Money: none is running"))
  expect.that(#r:ledger().rows > 0, "nothing was rented")
  expect.ends(r:run(script, "--start=17:00", "--stop=08:30"), 2, "not after")
  expect.ends(r:run(script, "--start=8.30"), 2, "'8.30' is no time of day")
  expect.lacks(result, r.account_key)
  expect.all_over(r)
end)

case("a script: asks the model, leaves the machine running and says so; "
  .. "interrupted in a start it undoes it", function(r)
  local path = files.join(r.dir, "s.lua")
  assert(files.write(path, [[local cplz = require "api"
    cplz.up { model = "qwen3-coder:30b", quiet = true }
    local answer = cplz.ask "Say hello."
    cplz.print(#answer > 0 and cplz.endpoint().model or "silence", cplz.status().status)]]))
  local result = expect.ends(r:run(path), 0, "qwen3-coder:30b\tready\n", "Money: running")
  expect.that(result.out == "qwen3-coder:30b\tready\n", "more than the script's own line: " .. result.out)
  expect.machines(r, 1)
  expect.ends(r:run("stop"), 0)
  local child = r:start(path)
  r.wait_for("a machine", 60, function() return #r:billing() > 0 end)
  process.kill(child.pid, "TERM")
  expect.ends(r:finish(child), 130, "interrupted by SIGTERM", "Money: none is running")
  expect.all_over(r)
end)

return cases
