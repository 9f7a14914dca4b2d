-- SPDX-License-Identifier: MIT
-- The file by which a start or a stop is followed from elsewhere: what is in it, when, whose it is, and what
-- of it is believed.
local json = require "base.json"
local measured = require "home.measured"

local HOME = "/home/user/.continueplz"
local PATH = HOME .. "/progress"

return function(t)
  local fake = t:load("fakehost")

  local function world(hook)
    local s = fake.new { hook = hook }
    s.disk[HOME] = { dir = true }
    return s
  end

  local function file(s) return s.disk[PATH] and json.decode(s.disk[PATH].data) end

  -- A process that tells of steps: tells(writer, sleep, require).
  local function telling(s, tells, options)
    local p = s:start(function(require)
      local all = { home = HOME, command = "up", titles = { "one", "two", "three" } }
      for name, value in pairs(options or {}) do all[name] = value end -- order: free
      return tells(require("home.progress").writer(all), require("base.task").sleep, require)
    end, { home = HOME })
    p.tells = true
    return p
  end

  -- Lets the world go on; what a telling process found wrong is raised.
  local function run(s, seconds)
    s:run(seconds)
    for _, p in ipairs(s.processes) do
      if p.tells and p.state == "done" then p:result() end
    end
  end

  local function reading(s, name)
    return s:start(function(require) return require("home.progress")[name](HOME) end, { home = HOME })
  end

  t:case("steps: what is over with its time and its last word, what is under way since when", function()
    local s = world()
    local expected = { {}, {} }
    telling(s, function(writer, sleep)
      writer:step(1, 3, "one")
      t:equal(file(s).expected, { 1, 2, 3 })
      t:equal({ file(s).step, file(s).since, file(s).began }, { 1, fake.EPOCH, fake.EPOCH })
      sleep(2.5)
      writer:line("✓", "vast: 3 offers")
      writer:line("✓", "lambda: 1 offer")
      writer:line("⚠", "runpod: no key")
      sleep(1)
      writer:step(2, 3, "two, in other words", { token = "cplz-1", provider = "vast", id = 77, hourly = 0.2,
        disk_hour = 0.01 })
      local now = file(s)
      t:equal(now.done, { { step = 1, seconds = 3.5, text = "lambda: 1 offer" } })
      t:equal({ now.step, now.steps, now.titles, now.since }, { 2, 3, { "one", "two, in other words",
        "three" }, fake.EPOCH + 3.5 })
      t:equal(now.notes, { "✓ vast: 3 offers", "✓ lambda: 1 offer", "⚠ runpod: no key" })
      t:equal({ now.session, now.hourly, now.expected },
        { { token = "cplz-1", id = "77", provider = "vast" }, 0.21, { 4, 5, 6 } })
      t:equal({ now.command, now.ended, now.undoing, now.over }, { "up", nil, nil, {} })
      t:equal(s.disk[PATH].mode, 384)
    end, { expected = function(session)
      table.insert(expected[session and 2 or 1], session and session.token or "none")
      return session and { 4, 5, 6 } or { 1, 2, 3 }
    end })
    run(s)
    t:equal(expected, { { "none" }, { "cplz-1" } }, "asked once, and once more when there is a machine")
  end)

  t:case("an undoing has steps of its own; another machine begins again where machines begin", function()
    local s = world()
    telling(s, function(writer, sleep)
      writer:step(1, 3, "one")
      writer:step(2, 3, "two", { token = "a", provider = "vast", id = "1" })
      sleep(1)
      writer:line("✗", "no answer")
      writer:step(1, 4, "Terminating", { token = "a", provider = "vast", id = "1" })
      sleep(2)
      writer:line("✓", "Terminated")
      writer:step(2, 4, "Proving")
      local now = file(s)
      t:equal({ now.step, now.steps, #now.done }, { 2, 3, 1 }, "the start stays where it was")
      t:equal({ now.undoing.step, now.undoing.steps, now.undoing.titles, now.undoing.done },
        { 2, 4, { "Terminating", "Proving" }, { { step = 1, seconds = 2, text = "Terminated" } } })
      t:equal(now.session.token, "a")
      writer:session_over { session = { token = "a", id = "1", provider = "vast" }, outcome = "proven",
        cost = { amount = 0.25, at_most = true }, duration = 3, doubt = nil }
      t:equal(file(s).over, { { token = "a", id = "1", provider = "vast", outcome = "proven", cost = 0.25,
        at_most = true, seconds = 3 } })
      t:equal({ file(s).session, file(s).hourly, file(s).undoing.step }, { nil, nil, 2 }, "it is gone")
      writer:step(2, 3, "two")
      now = file(s)
      t:equal({ now.undoing, now.session, now.step, #now.done }, { nil, nil, 2, 1 })
      writer:step(3, 3, "three", { token = "b", provider = "vast", id = "2" })
      writer:step(1, 3, "one, once more")
      t:equal({ file(s).step, file(s).done }, { 1, {} }, "what is gone through again is not over")
      writer:progress { text = "Waiting for the next try", between = true }
      t:equal({ file(s).step, file(s).moving.text }, { nil, "Waiting for the next try" })
    end)
    run(s)
  end)

  t:case("what moves is written at every new text, else twice a second at most; numbers stay numbers",
    function()
      local s, writes = world(), 0
      s.hook = function(name) if name == "state.replace" then writes = writes + 1 end end
      telling(s, function(writer, sleep)
        writer:step(1, 3, "one")
        writer:progress { text = "Asking", passing = true }
        t:equal({ writes, file(s).moving }, { 2, { text = "Asking" } }, "at once, behind the step")
        sleep(1)
        for i = 1, 100 do
          writer:progress { text = "Pulling m", status = "pulling ab12", fraction = i / 100, bytes = i * 1e7,
            total = 1e9, rate = 1e7 / 3, eta = i == 100 and 0 / 0 or 1 / 0 }
          sleep(0.01)
        end
        t:ok(writes - 2 <= 4 and writes - 2 >= 2, writes .. " writes in a second")
        sleep(1)
        writer:progress { text = "Pulling m", status = "pulling ab12", fraction = 1, bytes = 1e9, total = 1e9,
          rate = 1e7 / 3, eta = 1 / 0, detail = "x" }
        t:equal(file(s).moving, { text = "Pulling m", status = "pulling ab12", detail = "x", fraction = 1,
          bytes = 1000000000, total = 1000000000, rate = 3333333.333 })
        writer:line("-", "a note")
        t:ok(file(s).moving, "a note does not end it")
        writer:progress { text = "Pulling m", status = "pulling ab12", note = "began again" }
        t:equal(file(s).notes, { "- a note", "- began again" })
        writer:line("✓", "there")
        t:equal(file(s).moving, nil)
        for i = 1, 25 do writer:line("-", "line " .. i) end
        t:equal({ #file(s).notes, file(s).notes[1], file(s).notes[20] }, { 20, "- line 6", "- line 25" })
      end)
      run(s)
    end)

  t:case("texts are cleaned, and without secrets, also where they are cut", function()
    local s = world()
    telling(s, function(writer, _, require)
      require("base.log").hide("canary-1234567890")
      writer:step(1, 3, "a\27[31mred\27[0m\nline \xff")
      writer:line("✗", ("x"):rep(990) .. " canary-1234567890")
      writer:progress { text = "canary-1234567890\7" }
      writer:finish(1, "GET https://x canary-1234567890")
    end)
    run(s)
    local text = s.disk[PATH].data
    t:ok(not text:find("canary%-1") and not text:find("[\0-\9\11-\31\127]"), text)
    t:equal(file(s).titles[1], "ared line \\xFF")
  end)

  t:case("the end: its code, what came of it, and what it cost", function()
    local function ended(tells, ...)
      local s, given = world(), table.pack(...)
      telling(s, function(writer)
        writer:step(1, 3, "one")
        tells(writer)
        writer:finish(table.unpack(given, 1, given.n))
      end)
      run(s)
      local now = file(s).ended
      return { now.code, now.message, now.outcome, now.cost, now.at_most, now.at - fake.EPOCH }, file(s)
    end
    local function over(outcome, amount)
      return { session = { token = outcome, provider = "vast" }, outcome = outcome,
        cost = { amount = amount } }
    end
    local function nothing() end
    local function with_machine(writer) writer:step(2, 3, "two", { token = "a", provider = "vast" }) end
    t:equal(ended(nothing, 4, "no offer fits"), { 4, "no offer fits", "nothing", [6] = 0 })
    t:equal(ended(nothing, 8, nil, "declined"), { 8, nil, "declined", [6] = 0 })
    t:equal(ended(with_machine, 130, "given up"), { 130, "given up", "unfinished", [6] = 0 })
    t:equal(ended(with_machine, 1, "no", nil, true), { 1, "no", "kept", [6] = 0 })
    local now, all = ended(with_machine, 0, nil, "ready")
    t:equal({ now, #all.done, all.session.token }, { { 0, nil, "ready", [6] = 0 }, 2, "a" },
      "the last step is over as well")
    t:equal(ended(function(writer)
      with_machine(writer)
      writer:session_over(over("proven", 0.25))
      writer:session_over(over("unverifiable", 0.5))
    end, 130, "interrupted"), { 130, "interrupted", "unverifiable", 0.75, [6] = 0 })
    t:equal(select(2, ended(function(writer)
      with_machine(writer)
      local doubtful = over("unproven")
      doubtful.session.token = "a"
      writer:session_over(doubtful)
    end, 1)).session.token, "a", "what may bill is told on")
    t:equal(ended(function(writer)
      writer:session_over(over("unproven"))
      writer:session_over(over("proven", 0.5))
    end, 1), { 1, nil, "unproven", 0.5, [6] = 0 })
  end)

  t:case("nothing is written before a step, nor over what another process tells that lives", function()
    local s = world()
    local first = telling(s, function(writer, sleep)
      writer:line("-", "before")
      writer:progress { text = "x" }
      writer:finish(6, "busy")
      t:equal(file(s), nil)
      writer.state.ended = nil
      writer:step(1, 3, "one")
      sleep(10)
      writer:finish(0, nil, "ready")
    end)
    local second
    s:at(5, function()
      second = telling(s, function(writer, sleep)
        writer:step(1, 4, "Terminating")
        t:equal(file(s).pid, first.pid)
        sleep(10)
        writer:progress { text = "waiting" }
        t:equal({ file(s).pid, file(s).command }, { second.pid, "stop" })
      end, { command = "stop", titles = { "a", "b", "c", "d" } })
    end)
    run(s)
    local early = world()
    telling(early, function(writer) writer:line("-", "waiting") end, { early = true })
    run(early)
    t:equal(file(early).notes, { "- waiting" })
  end)

  t:case("a home that takes no writes costs nothing but the file", function()
    local s = world(function(name)
      return name == "state.replace" and { code = "permissions", error = "Read-only file system" } or nil
    end)
    local p = telling(s, function(writer)
      writer:step(1, 3, "one")
      writer:finish(0, nil, "ready")
      return "went on"
    end)
    run(s)
    t:equal({ p:result(), file(s) }, { "went on", nil })
  end)

  t:case("the reader: a process that died without an end is stale, and so is another of its number",
    function()
      local s = world()
      local p = telling(s, function(writer, sleep)
        writer:step(1, 3, "one")
        sleep(100)
      end)
      run(s, 1)
      local seen = reading(s, "read")
      run(s, 1)
      t:equal({ seen:result().step, seen:result().stale }, { 1, nil })
      local other = file(s)
      other.process = "boot 1 99"
      s.disk[PATH].data = json.encode(other)
      seen = reading(s, "read")
      run(s, 1)
      t:equal(seen:result().stale, true)
      other.process = ("boot 1 %d"):format(p.pid)
      s.disk[PATH].data = json.encode(other)
      p:kill()
      seen = reading(s, "read")
      run(s, 1)
      t:equal({ seen:result().step, seen:result().stale }, { 1, true })
      other.ended = { code = 0, outcome = "ready", at = 1 }
      s.disk[PATH].data = json.encode(other)
      seen = reading(s, "read")
      run(s, 1)
      t:equal({ seen:result().ended.code, seen:result().stale }, { 0, nil })
    end)

  t:case("the reader takes nothing that no writer wrote", function()
    local s = world()
    local whole = { command = "up", pid = 5, began = 1, steps = 8, titles = {}, done = {}, notes = {},
      over = {}, step = 1, since = 2 }
    local wrong = { "", "[]", "null", "{}", "\0", ("x"):rep(300000), '{"command":"up"}' }
    for _, change in ipairs { { "pid", "5" }, { "pid", 0 }, { "pid", 1.5 }, { "pid", 1 << 40 },
      { "titles", 1 }, { "since", "x" }, { "moving", "x" }, { "undoing", { step = 1 } }, { "ended", 1 },
      { "moving", { text = {} } }, { "moving", { fraction = "1" } }, { "moving", { other = 1 } },
      { "titles", { 1 } }, { "notes", { {} } }, { "step", 1.5 },
      { "over", 3 }, { "began", json.null }, { "command", 3 } } do
      local copy = {}
      for name, value in pairs(whole) do copy[name] = value end -- order: free
      copy[change[1]] = change[2]
      wrong[#wrong + 1] = json.encode(copy)
    end
    for _, text in ipairs(wrong) do
      s.disk[PATH] = { data = text, mode = 384, mtime = 0 }
      local seen = reading(s, "read")
      run(s)
      t:equal(seen:result(), nil, text:sub(1, 100))
    end
    s.disk[PATH] = { data = json.encode(whole), mode = 384, mtime = 0 }
    local seen = reading(s, "read")
    run(s)
    t:equal({ seen:result().step, seen:result().stale }, { 1, true })
  end)

  t:case("under way is only what a living process tells", function()
    local s = world()
    local function under_way()
      local seen = reading(s, "under_way")
      run(s, 1)
      return seen:result()
    end
    t:equal(under_way(), nil)
    local p = telling(s, function(writer, sleep)
      writer:step(1, 3, "one")
      sleep(8)
      writer:progress { text = "Waiting", between = true }
      sleep(10)
      writer:step(2, 3, "two")
      writer:step(1, 4, "Terminating")
      sleep(10)
      writer:finish(0, nil, "ready")
      sleep(100)
    end, { expected = function() return { 4, 5, 6 } end })
    run(s, 5)
    t:equal(under_way(), { command = "up", undoing = false, step = 1, steps = 3, title = "one", seconds = 5,
      expected = 4 })
    run(s, 5)
    t:equal(under_way(), { command = "up", undoing = false, steps = 3, moving = { text = "Waiting" } })
    run(s, 10)
    local now = under_way()
    t:equal({ now.undoing, now.step, now.steps, now.title, now.expected }, { true, 1, 4, "Terminating", nil })
    run(s, 20)
    t:equal(under_way(), nil, "it has ended")
    p:kill()
    t:equal(under_way(), nil)
  end)

  t:case("status reads nothing of it where nobody is at work", function()
    local s, reads = world(), 0
    s.hook = function(name, _, path)
      if name == "state.read" and path == PATH then reads = reads + 1 end
    end
    s.disk[HOME .. "/.env"] = { data = "VAST_API_KEY=good-key-0123456789abcdef\n", mode = 384, mtime = 0 }
    s.disk[PATH] = { data = "{}", mode = 384, mtime = 0 }
    local function status()
      local p = s:start(function(require) return require("cli").main { "status" } end, { bare = true })
      s:run(5)
      return p:result()
    end
    t:equal({ status(), reads }, { 0, 0 })
    s:start(function(require)
      local lock = require("base.files").lock(HOME .. "/home.lock", "up")
      require("base.task").sleep(100)
      return lock
    end, { home = HOME })
    s:run(1)
    t:equal({ status(), reads }, { 0, 1 })
  end)

  t:case("what a step took leaves out the time in which a person was asked", function()
    local s = world()
    local p = s:start(function(require)
      local starts, clock = require "start.state", require "base.clock"
      local counters = starts.new().counters
      counters.began, counters.answering = clock.now(), 0
      require("base.task").sleep(5.26)
      counters.answering = 4
      return starts.passed(counters)
    end, { home = HOME })
    s:run()
    t:equal(p:result(), 1.3)
  end)

  t:case("status: the step, its time beside what it took before, and how far the model is", function()
    local view = require "ui.status"
    local pull = { command = "up", undoing = false, step = 7, steps = 8, title = "Pulling model",
      seconds = 70, expected = 95, moving = { text = "Pulling m:1", fraction = 0.43, bytes = 8e9,
        total = 18.6e9, rate = 92e6, eta = 115 } }
    local model = { state = "none", home = HOME, progress = pull }
    local function said() return table.concat(view.lines(model), "\n") end
    t:equal(said(), ("Instance:     ○ None active\nFolder:       %s\n"):format(HOME)
      .. "Under way:    start, [7/8] Pulling model, 1m 10s (1m 35s before)\n"
      .. "              Pulling m:1 43% 8.0 of 18.6 GB, 92 MB/s, 1m 55s left")
    t:equal(view.object(model).progress, { command = "up", undoing = false, step = 7, steps = 8,
      title = "Pulling model", seconds = 70, expected_seconds = 95, text = "Pulling m:1", percent = 43,
      bytes = 8e9, bytes_total = 18.6e9, bytes_per_second = 92e6, seconds_left = 115 })
    model.state, model.instance = "starting", { provider = "vast", type = "spot", gpu = "a6000" }
    t:ok(said():find("[7/8] Pulling model", 1, true))
    t:equal(view.object(model).progress.percent, 43)
    model.progress = { command = "up", undoing = true, step = 2, steps = 4, title = "Proving", seconds = 3 }
    t:ok(said():find("Under way:    start, being undone, [2/4] Proving, 3s\nProvider", 1, true), said())
    model.progress = { command = "stop", undoing = false, step = 1, steps = 4, title = "T", seconds = 3 }
    t:ok(said():find("Under way:    stop, [1/4] T, 3s", 1, true), said())
    model.progress = { command = "up", undoing = false, steps = 8, moving = { text = "Waiting" } }
    t:ok(said():find("Under way:    start\n              Waiting\n", 1, true), said())
    model.progress = nil
    t:ok(not said():find("Under way", 1, true) and not view.object(model).progress)
  end)

  t:case("expected: medians of the last five starts of this model, of the nearest kind", function()
    local function session(provider, gpu, took, model)
      return { provider = provider, plan = { gpu = gpu }, took = took, model = model or "m:1" }
    end
    local list = { session("vast", "a6000", { 100, 1 }), session("vast", "a6000", { 1, 10 }),
      session("vast", "a6000", { 3, 20 }), session("vast", "a6000", { 2, 30 }),
      session("vast", "a6000", { 5, 40 }), session("vast", "a6000", { 4, 50 }),
      session("vast", "l40", { 8, 8 }), session("lambda", "h100", { 9, 9 }),
      session("vast", "a6000", { 7, 7 }, "other:1"), session("vast", "a6000", nil) }
    t:equal(measured.steps(list, "m:1", session("vast", "a6000")), { 3, 30 })
    t:equal(measured.steps(list, "m:1", session("vast", "h100")), { 4, 30 }, "the cloud's")
    t:equal(measured.steps(list, "m:1", session("runpod", "h100")), { 5, 30 }, "any")
    t:equal(measured.steps(list, "m:1"), { 5, 30 })
    t:equal(measured.steps(list, "m:2"), nil)
    t:equal(measured.steps({}, "m:1"), nil)
  end)
end
