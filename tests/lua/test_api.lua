-- SPDX-License-Identifier: MIT
-- The module `api` that scripts get: what it is, what it refuses, how scripts end. Machines are rented by it
-- in tests/dst and tests/e2e.
local files = require "base.files"
local json = require "base.json"
local sorted = require "base.sorted"

local HOME = "/home/user/.continueplz"
local SCRIPT = "/home/user/s.lua"

return function(t)
  local fake = t:load("fakehost")

  -- Runs a script. options: files {[name in the home]=text}, words, env, http, before(sim, process). → exit
  -- code, stdout, stderr, sim
  local function run(text, options)
    options = options or {}
    local env = { HOME = "/home/user" }
    for name, value in sorted(options.env or {}) do env[name] = value end
    local s = fake.new { env = env, http = options.http }
    local env_file = "VAST_API_KEY=abcdefg\n"
    for name, content in sorted(options.files or {}) do
      if name == ".env" then env_file = env_file .. content end
      s.disk[HOME .. "/" .. name] = { data = content, mode = 384, mtime = 0 }
    end
    s.disk[HOME .. "/.env"] = { data = env_file, mode = 384, mtime = 0 }
    s.disk[SCRIPT] = { data = 'local cplz = require "api"\n' .. text, mode = 384, mtime = 0 }
    local words = { table.unpack(options.first or {}) }
    words[#words + 1] = SCRIPT
    table.move(options.words or {}, 1, #(options.words or {}), #words + 1, words)
    local p = s:start(function(require) return require("cli").main(words) end, { bare = true })
    if options.before then options.before(s, p) end
    s:run()
    return p:result(), p.out, p.err, s
  end

  t:case("docs/scripts.md tells every function and field, and no other", function()
    local page = assert(files.read(files.join(files.dirname(t.root), "docs/scripts.md")))
    local told, there = {}, {}
    for name in page:gmatch("`cplz%.([%a_]+)[({`]") do told[name] = true end
    local _, out = run([[
      local sorted = require "base.sorted"
      cplz.print(table.concat(sorted.keys(cplz), " "))]])
    for name in out:match("^[^\n]*"):gmatch("%S+") do there[name] = true end
    t:equal(told, there)
    t:ok(there.up and there.wait_until, "the functions")
  end)

  t:case("how a script ends: the table of exit codes", function()
    local rows = {
      { "", 0 }, { "return true", 0 }, { "return 5", 5 }, { 'return "capacity"', 4 }, { "cplz.exit(7)", 7 },
      { 'cplz.exit "limit"', 8 }, { "cplz.exit()", 0 }, { "return 256", 70, "256 is no exit code" },
      { "return {}", 70, "a table is no exit code" }, { 'return "capasity"', 70, "'capasity'" },
      { "return 1.5", 70, "1.5 is no exit code" },
      { "cplz.exit(-1)", 70, "s.lua:2: exit: -1 is no exit code" }, { 'error("oh")', 70, "s.lua:2: oh" },
      { "local x = nil; return x.y", 70, "s.lua:2:" }, { "return (", 3, "s.lua" }, { "cplz.endpoint()", 7,
        "no model is ready" }, { 'require("base.fail").raise("capacity", "none left")', 4, "none left" },
      { 'pcall(cplz.exit, 3) cplz.sleep(0) return 4', 4 }, { 'cplz.try(cplz.exit, 3) return 4', 3 },
      { 'local ok, f = cplz.try(cplz.endpoint) cplz.exit(not ok and f.kind)', 7 },
      { 'local ok, a, b = cplz.try(function(...) return ... end, 1, 2) return ok and a + b', 3 },
    }
    for _, row in ipairs(rows) do
      local code, _, err = run(row[1])
      t:equal(code, row[2], row[1] .. ": " .. err)
      t:ok(not row[3] or err:find(row[3], 1, true), row[1] .. ": " .. err)
      t:ok(err:find("Money: none is running for this folder\n$"), row[1] .. ": " .. err)
    end
    local code, out = run("return 4", { first = { "--output=json" } })
    t:equal({ code, json.decode(out) }, { 4, { status = "failed", exit_code = 4, money_running = false } })
  end)

  t:case("options are those of the command line, refused in its words", function()
    local rows = {
      { "up{ modle = 'x' }", "'modle'; did you mean --model?" }, { "up{ idle = 30 }", "--idle" },
      { "up{ max_price = 'much' }", "--max-price: 'much' is not a number" },
      { "up{ spot = true, on_demand = true }", "contradict" }, { "up{ spot = false }", "spot = false" },
      { "up{ model = true }", "--model needs a value" },
      { "up{ 'qwen' }", "by name" }, { "up{ output = 'json' }", "'output'" }, { "up{ yes = true }", "'yes'" },
      { "up{ alert = true }", "'alert'" },
      { "stop{ model = 'x' }", "stop does not take --model" },

      { "offers{ idle = '30m' }", "offers does not take --idle" },
      { "up{ gpu = 'h10' }", "did you mean h100?" }, { "up{ gpus = 1.5 }", "--gpus" },
      { "up{ spot = 1 }", "--spot takes no value" }, { "up{ hours = 0/0 }", "--hours" },
      { "sleep('soon')", "soon" }, { "sleep(-1)", "-1" },
      { "sleep(0/0)", "nan" },
      { "at('8.30')", "at: '8.30'" }, { "next('08:30', 'fry')", "next: 'fry'" },
      { "wait_until('noon')", "'noon'" }, { "is_day('someday')", "'someday'" },
      { "ask('')", "ask needs a question" },
    }
    for _, row in ipairs(rows) do
      local code, _, err = run("cplz." .. row[1])
      t:equal(code, 2, row[1] .. ": " .. err)
      t:ok(err:find(row[2], 1, true), row[1] .. ": " .. err)
      t:ok(not err:find("%.lua:%d"), err)
    end
  end)

  -- Commands of the user's own that tell what they were called with.
  local UP = [[
    return { name = "up", summary = "up", options = { "model", "max-hours", "ensure" }, run = function(ctx)
      local config, clock, task = require "config.effective", require "base.clock", require "base.task"
      task.sleep(60)
      ctx.print("up at " .. clock.local_time() .. " " .. tostring(config.get("MAX_HOURS")))
      ctx.emit { status = "ready", model = config.get("DEFAULT_MODEL"), asks = ctx.asks }
      return 0
    end }]]
  local LIMIT = [[return { name = "up", summary = "up", options = {}, run = function(ctx)
    ctx.emit { status = "declined" }
    ctx.problem("too dear")
    return 8
  end }]]

  t:case("a call gives what the command tells in JSON; its options end with it", function()
    local code, out = run([[
      local config = require "config.effective"
      local ready = cplz.up { model = "m", max_hours = 5.0 }
      cplz.print(ready.status, ready.model, tostring(ready.asks), tostring(config.get("MAX_HOURS")))
      cplz.up { quiet = true }]], { files = { ["commands/up.lua"] = UP } })
    t:equal({ code, out }, { 0, "up at 2026-11-20 08:01:00 5\nready\tm\tfalse\t12\n" })
  end)

  t:case("a refusal of the command is a failure with its sentence; settings "
    .. "that are wrong stop a start", function()
    local code, out, err = run('local ok, f = cplz.try(cplz.up) cplz.print(f.kind, f.message, '
      .. 'f.report.status) error(f, 0)', { files = { ["commands/up.lua"] = LIMIT } })
    t:equal({ code, out }, { 8, "limit\ttoo dear\tdeclined\n" })
    t:ok(err:find("continueplz: too dear\n", 1, true), err)
    code, out, err = run("cplz.up()", { files = { ["commands/up.lua"] = UP, [".env"] = "MAX_HOURS=soon\n" } })
    t:equal({ code, out }, { 3, "" })
    t:ok(err:find("line 2: MAX_HOURS", 1, true), err)
  end)

  t:case("one start at a time, so that nobody else's options are in force", function()
    local code, out = run([[
      local task = require "base.task"
      local first = task.spawn(cplz.up, { max_hours = 5 })
      task.sleep(1)
      local ok, f = cplz.try(cplz.up, { max_hours = 7 })
      cplz.print(tostring(ok), f.kind)
      cplz.status()
      task.await(first)]], { files = { ["commands/up.lua"] = UP } })
    t:equal({ code, out }, { 0, "false\tbusy\nup at 2026-11-20 08:01:00 5\n" })
  end)

  t:case("nothing running: status, stop, endpoint, money", function()
    local code, out = run([[
      cplz.print(cplz.status().status, cplz.stop().outcome, cplz.money())
      cplz.print(cplz.try(cplz.endpoint))]], { files = { ["commands/stop.lua"] = "return {" } })
    t:equal(code, 0)
    t:ok(out:find("none\tnone\tnone is running for this folder\nfalse\tno model is ready", 1, true), out)
  end)

  t:case("waiting goes by the wall clock: a step of it, a day of the week", function()
    local _, out, _, s = run([[
      cplz.wait_until "17:00"
      cplz.print(cplz.time())
      cplz.wait_until("08:30", "mon-fri")
      cplz.print(cplz.time(), tostring(cplz.is_day "mon"), tostring(cplz.is_day("weekend")),
        cplz.at("09:00") - cplz.now())
      cplz.wait_until(cplz.at "08:00")
      cplz.sleep "90s"
      cplz.print(cplz.time(cplz.next "08:31"))]], { before = function(s)
      s:at(600, function() s:jump(3600) end)
    end })
    t:equal(out, "2026-11-20 17:00:00\n2026-11-23 08:30:00\ttrue\tfalse\t1800.0\n2026-11-24 08:31:00\n")
    t:ok(s.now > fake.START, "time went on")
  end)

  t:case("Ctrl-C ends a script where it waits, also inside a try", function()
    local code, out, err = run('cplz.try(cplz.sleep, 1000) cplz.print("not reached")',
      { before = function(s, p) s:at(10, function() p:signal "INT" end) end })
    t:equal({ code, out }, { 130, "" })
    t:ok(err:find("interrupted by SIGINT", 1, true), err)
  end)

  t:case("alerts: the log and the webhook; --alert tells of a script or a start that failed", function()
    local posted = {}
    local function http(request)
      posted[#posted + 1] = json.decode(request.body)
      return { status = 200, body = "" }
    end
    local options = { http = http,
      files = { [".env"] = "ALERT_WEBHOOK_URL=http://127.0.0.1:9/hook\n", ["commands/up.lua"] = LIMIT } }
    t:equal(run('cplz.alert("look", { a = 1 })', options), 0)
    t:equal({ posted[1].level, posted[1].message, posted[1].context }, { "ERROR", "look", { a = 1 } })
    options.first = { "--alert" }
    t:equal(run("cplz.exit(0)", options), 0)
    t:equal(#posted, 1, "nothing is told of a success")
    local code, _, _, s = run("cplz.up()", options)
    t:equal({ code, posted[2].level, posted[2].message, posted[2].context.exit_code, posted[2].context.home },
      { 8, "ERROR", "continueplz script failed: too dear", 8, HOME })
    t:equal(s.log[#s.log].message, "Command ended")
  end)

  -- A command line in a home whose .env ends with `env`. → exit code, stderr, alerts
  local function command(line, env)
    local posted, words = {}, {}
    for word in line:gmatch("%S+") do words[#words + 1] = word end
    local s = fake.new { http = function(request)
      if request.path == "/hook" then posted[#posted + 1] = json.decode(request.body) end
      return { status = request.path == "/hook" and 200 or 500, body = "" }
    end }
    s.disk[HOME .. "/.env"] = { data = "ALERT_WEBHOOK_URL=http://127.0.0.1:9/hook\n" .. env,
      mode = 384, mtime = 0 }
    local p = s:start(function(require) return require("cli").main(words) end, { bare = true })
    s:run()
    return p:result(), p.err, posted
  end

  t:case("an unattended start or stop that fails is told with its sentence and code", function()
    local code, err, posted = command("up -y --alert", "")
    t:equal({ code, #posted }, { 3, 1 }, err)
    t:equal({ posted[1].level, posted[1].context },
      { "ERROR", { action = "up", exit_code = 3, home = HOME } })
    t:ok(posted[1].message:find("continueplz up failed: ", 1, true)
      and posted[1].message:find("VAST_API_KEY", 1, true), posted[1].message)
    code, err, posted = command("up -y --alert", "VAST_API_KEY=abcdefg\nMAX_HOURS=soon\n")
    t:equal({ code, #posted }, { 3, 1 }, err)
    t:ok(posted[1].message:find("MAX_HOURS", 1, true), posted[1].message)
    code, err, posted = command("up -y", "")
    t:equal({ code, #posted }, { 3, 0 }, err)
    code, err, posted = command("stop --alert", "VAST_API_KEY=abcdefg\n")
    t:equal({ code, #posted }, { 0, 0 }, err)
  end)
end
