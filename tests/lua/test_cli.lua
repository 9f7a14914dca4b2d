-- SPDX-License-Identifier: MIT
-- The command line: what words mean, what is refused and how, help, exit codes;
-- the whole program in a replaced world.
local args = require "cli.args"
local commands = require "commands"
local files = require "base.files"
local flags = require "facts.flags"
local json = require "base.json"
local settings = require "config.settings"

local HOME = "/home/user/.continueplz"

return function(t)
  local fake = t:load("fakehost")

  local function words(line)
    local list = {}
    for word in line:gmatch("%S+") do
      list[#list + 1] = word
    end
    return list
  end

  -- Runs a command line. options: files {[path]=text}, env, http, modes. → exit code, stdout, stderr, sim
  local function run(line, options)
    options = options or {}
    local env = { HOME = "/home/user" }
    for key, value in pairs(options.env or {}) do -- order: free
      env[key] = value
    end
    local s = fake.new { env = env, http = options.http }
    for path, text in pairs(options.files or {}) do -- order: free
      s.disk[path:sub(1, 1) == "/" and path or HOME .. "/" .. path] = { data = text,
        mode = options.mode or 384, mtime = 0 }
    end
    local p = s:start(function(require)
      return require("cli").main(type(line) == "table" and line or words(line))
    end, { bare = true, tty = options.tty, input = options.input, user = options.user })
    s:run()
    local ok, code = pcall(p.result, p)
    return ok and code or error(code, 0), p.out, p.err, s
  end

  t:case("PRD forms: bare flags imply up and stop, values with = or a blank", function()
    local rows = {
      { "--cheapest --model=m", "up" }, { "--model m", "up" }, { "--provider=lambda --gpu=a100-80", "up" },
      { "--stop", "stop" }, { "stop", "stop" }, { "status --output=json", "status" },
      { "--output=json", nil }, { "-y", nil }, { "--dry-run", "up" }, { "-C /x offers", "offers" },
      { "--for pi", "endpoint" }, { "logs engine -n 5", "logs" }, { "--all", "help" }, { "", nil },
    }
    for _, row in ipairs(rows) do
      local parsed = assert(args.parse(words(row[1])))
      t:equal((args.command(parsed)), row[2], row[1])
    end
    local parsed = args.parse(words "--model m -vv -y -C/x --timeout=10h")
    t:equal({ parsed.options.model, parsed.options.verbose, parsed.options.yes, parsed.options.directory,
      parsed.settings.DEFAULT_MODEL, parsed.settings.DEADMAN_TIMEOUT_HOURS.text },
      { "m", 2, true, "/x", { text = "m", flag = "--model" }, "10h" })
  end)

  t:case("everything after a script's name is the script's", function()
    local parsed = args.parse(words "-y ask.lua --model x -h -- y")
    t:equal({ parsed.script, parsed.words, parsed.options },
      { "ask.lua", { "--model", "x", "-h", "--", "y" }, { yes = true } })
    parsed = args.parse(words "status -- --stop")
    t:equal(parsed.words, { "status", "--stop" })
  end)

  t:case("wrong usage: stderr, 2, one sentence that names the word and suggests", function()
    local rows = {
      { "--chepest", "--chepest", "did you mean --cheapest?" },
      { "--modle=x", "--modle", "did you mean --model?" }, { "statsu", "did you mean status?" },
      { "--idle=30", "--idle", "30m" }, { "--timeout=soon", "--timeout", "soon" },
      { "--max-price", "--max-price=DOLLARS" }, { "--max-price=", "--max-price=DOLLARS" },
      { "--model --spot", "--model needs a value" }, { "--spot --on-demand", "contradict" },
      { "--output=jsn", "did you mean json?" }, { "--cheapest=yes", "takes no value" }, { "stop --model=x",
        "stop does not take --model" }, { "status extra", "status takes no 'extra'" },
      { "-z", "unknown option -z" }, { "-n", "-n needs a value" },
      { "logs -n zero", "zero" },
      { "--gpu=h10", "did you mean h100?" }, { "--tier=huge", "--tier", "huge" },
      { "--region=mars", "--region", "mars" }, { "--max-hours=0", "--max-hours" },
      { "--context=12", "--context" }, { "--max-price=-1", "--max-price" },
      { "help nonsense", "nonsense" },
      { "../etc", "unknown command" }, { "logs nothing", "no log named 'nothing'" },
    }
    for _, row in ipairs(rows) do
      local code, out, err = run(row[1])
      t:equal(code, 2, row[1] .. ": " .. err)
      t:equal((out:gsub("^Money[^\n]*\n", "")), "", row[1])
      for index = 2, #row do
        t:ok(err:find(row[index], 1, true), row[1] .. ": " .. err)
      end
      t:ok(not err:find("traceback") and not err:find("%.lua:%d"), err)
    end
  end)

  -- By the tables of options and commands, so that none is forgotten.
  local function refused(line, what)
    local code, out, err = run(line)
    local shown = table.concat(line, " ")
    t:equal(code, 2, ("%s (%s): %s"):format(shown, what, err))
    t:equal((out:gsub('^{"error":.*"money_running":false,"status":"failed"}\n$', "")), "", shown)
    t:ok(err:find("^continueplz: [^\n]+\n")
      and err:find("\nMoney: none is running for this folder\n", 1, true), shown .. ": " .. err)
    t:ok(not err:find("traceback") and not err:find("%.lua:%d") and not err:find("attempt to"), err)
    return err
  end

  t:case("every option: an empty, a missing, a doubled value, one too many; the sentence names it", function()
    for _, row in ipairs(flags.list) do
      local name = "--" .. row.name
      if row.kind == "none" and not row.also then
        t:ok(refused({ name .. "=" }, "empty"):find(name, 1, true), name)
        t:ok(refused({ name .. "=x" }, "a value"):find(name, 1, true), name)
      elseif row.kind ~= "none" then
        for _, line in ipairs { { name .. "=" }, { name, "" }, { name }, { name, "-y" }, { name, "--spot" },
          { name, "--" } } do
          t:ok(refused(line, "no value"):find(name .. " needs a value", 1, true), table.concat(line, "|"))
        end
      else
        t:ok(refused({ name .. "=" }, "empty"):find(name, 1, true), name)
      end
      local letter = row.short and row.kind ~= "none" and "-" .. row.short
      for _, line in ipairs(letter and { { letter }, { letter, "" }, { letter, "-y" } } or {}) do
        t:ok(refused(line, "no value"):find(letter .. " needs a value", 1, true), table.concat(line, "|"))
      end
    end
    for _, line in ipairs { { "--model=a", "--model=b" }, { "-C", "/a", "-C", "/b" },
      { "--output=json", "--output=text" }, { "--lines=3", "-n", "4" }, { "stop", "--stop=08:00" } } do
      refused(line, "twice, and not the same")
    end
  end)

  t:case("options that contradict each other, numbers that are none", function()
    local takes = { completion = "help", manual = "help", ["for"] = "endpoint", json = "endpoint",
      systemd = "schedule",
      vram = "models", write = "endpoint" }
    for _, row in ipairs(flags.list) do
      if row.against then
        local function word(each)
          return "--" .. each.name .. (each.kind == "none" and ""
            or "=" .. (each.kind == "number" and "1" or each.values and each.values[1] or "h100"))
        end
        t:ok(refused({ takes[row.name], word(row), word(flags.long(row.against)) }, "both"):find("contradict",
          1, true), row.name)
      end
      local wrong = { "0", "-1", "1e3", "0x10", "1.0", " 1", "1 ", "+1", tostring((row.most or 0) + 1),
        "9" .. ("0"):rep(30) }
      for _, number in ipairs(row.kind == "number" and wrong or {}) do
        t:ok(refused({ "--" .. row.name .. "=" .. number },
          "a number"):find("from 1 to " .. row.most, 1, true), number)
      end
    end
    refused({ "endpoint", "--json", "--output=text" }, "both")
  end)

  t:case("every command: a word too many, an option of another's, a word that is none", function()
    for _, name in ipairs(commands.names()) do
      local command = require("commands." .. name)
      if command.words then
        local line = { name }
        for index = 1, command.words do
          line[index + 1] = "one"
        end
        line[#line + 1] = "surplus"
        t:ok(refused(line, "a word too many"):find(name .. " takes no 'surplus'", 1, true), name)
      elseif not command.args then
        t:ok(refused({ name, "surplus" },
          "a word too many"):find(name .. " takes no 'surplus'", 1, true), name)
        t:ok(refused({ name, "" }, "an empty word"):find(name .. " takes no ''", 1, true), name)
        t:ok(refused({ name, "--", "--yes" }, "a word behind --"):find("takes no '--yes'", 1, true), name)
      end
      local takes = {}
      for _, option in ipairs(command.options) do
        takes[option:gsub("=$", "")] = true
      end
      for _, row in ipairs(flags.list) do
        if not row.global and not takes[row.name] and row.kind == "none" then
          t:ok(refused({ name, "--" .. row.name }, "another's option"):find("--" .. row.name, 1, true), name)
        end
      end
    end
    local HOSTILE = { "", " ", "-", "\255\254", "\27[2J", ("x"):rep(100000), "stop\n", "STOP", "../stop",
      "stop.", "commands.stop" }
    local function shown(line)
      local code, out, err = run(line)
      t:ok(utf8.len(err) and not (out .. err):find("[\27\255]") and #err < 800,
        "shown as it was typed: " .. err:sub(1, 300))
      t:ok(not err:find("traceback") and not err:find("%.lua:%d") and not err:find("attempt to"), err)
      return code
    end
    for _, word in ipairs(HOSTILE) do
      t:equal(shown { word }, 2, word:sub(1, 40))
      for _, name in ipairs { "help", "logs", "config", "models", "schedule", "repl" } do
        t:equal(shown { name, word }, 2, name .. " " .. word:sub(1, 40))
      end
      for _, row in ipairs(flags.list) do
        if row.kind ~= "none" and row.kind ~= "text" and row.name ~= "directory" then
          t:equal(shown { "--" .. row.name .. "=" .. word }, 2, row.name .. " " .. word:sub(1, 40))
        end
      end
      for _, name in ipairs { "provider", "gpu", "gpus", "tier", "context", "region", "max-price",
        "max-hours", "hours" } do
        t:ok(shown { "--" .. name .. "=" .. word } ~= 0, name .. " " .. word:sub(1, 40))
      end
    end
  end)

  t:case("words of habit are known, and no short word is taken for one that rents or ends", function()
    local suggest, aliases = require "facts.suggest", {}
    local function known(word, name)
      local source = require("sandbox.world").source
      t:ok(source("commands." .. name) and not source("commands." .. word), word)
    end
    local function told(code, out, err) return code, out, err end
    local function told_only(word, name)
      local code, out, err = run { word }
      t:equal({ code, out }, { 2, "" })
      t:ok(err:find("unknown command '" .. word .. "'; did you mean " .. name .. "?", 1, true), err)
      known(word, name)
    end
    local meant = 0
    for _, name in ipairs(commands.names()) do
      local command = commands.own(name)
      for _, word in ipairs(command.meant or {}) do
        told_only(word, name)
        meant = meant + 1
      end
      for _, word in ipairs(command.aliases or {}) do
        t:equal(aliases[word], nil, word .. " is of two commands")
        aliases[word] = name
      end
    end
    t:ok(meant >= 59, meant .. " words are only answered")
    for word, name in pairs(aliases) do -- order: free
      known(word, name)
      t:equal({ told(run { word }) }, { told(run { name }) }, word)
      t:equal({ told(run { "help", word }) }, { told(run { "help", name }) }, word)
      t:ok(select(2, run { "help", name }):find("continueplz " .. word, 1, true), word .. " is in the help")
      t:equal((run { "-C", word }), 2, "-C " .. word)
      local code, out = run({ word }, { files = { ["commands/" .. word .. ".lua"] = ([[
        return { name = %q, summary = "own", run = function(ctx) ctx.print("own") return 9 end }]])
          :format(word), [".env"] = "" } })
      t:ok(code == 9 and out:find("^own\n"), word .. " of the user's own: " .. out)
    end
    t:equal(table.concat(require("base.sorted").keys(aliases), " "), "ask destroy down ls ps rm start")
    for _, row in ipairs { { "ps", "status" }, { "rm", "stop" }, { "down", "stop" }, { "ask", "ping" },
      { "statsu", "status" }, { "Stats", "status" },
      { "stopp", "stop" }, { "ofers", "offers" }, { "endpiont", "endpoint" }, { "xy" }, { "us", "use" },
        { "uo" },
      { "q" }, { "stp" }, { "sto" }, { "hlp", "help" }, { "banana" }, { "ip" }, { "top", "status" } } do
      t:equal(commands.hint(row[1]), row[2] and "; did you mean " .. row[2] .. "?" or "", row[1])
    end
    local letters, sorted = "abcdefghijklmnopqrstuvwxyz", {}
    for letter in letters:gmatch "." do
      for other in letters:gmatch "." do
        for _, word in ipairs { letter, letter .. other, "s" .. letter .. other, letter .. other .. "p",
          letter .. "o" .. other } do
          sorted[#sorted + 1] = word
        end
      end
    end
    for _, word in ipairs(sorted) do
      local hint = suggest.hint(word, commands.names())
      t:ok(not hint:find(" up?", 1, true) and not hint:find(" stop?", 1, true), word .. hint)
      hint = suggest.hint("--" .. word, flags.names())
      t:ok(not hint:find("--stop?", 1, true) and not hint:find("--yes?", 1, true), word .. hint)
    end
  end)

  -- A command that undoes for a minute, and signals at seconds after its start.
  -- → exit code, stderr, was it undone
  local function interrupted(signals)
    local s = fake.new { env = { HOME = "/home/user" } }
    local undone
    local p = s:start(function(require)
      local task, fail = require "base.task", require "base.fail"
      local command = { name = "long", run = function()
        local ok = fail.settle(task.sleep, 1000)
        task.shield(task.sleep, 60)
        undone = true
        return ok and 0 or 130
      end }
      local ctx = require("cli.run").context(command, { words = {}, options = {}, settings = {} })
      return require("cli.perform").in_task(command, ctx)
    end, { bare = true })
    for _, each in ipairs(signals) do
      s:at(each[1], function() p:signal(each[2]) end)
    end
    s:run()
    return p:result(), p.err, undone
  end

  t:case("two presses in a moment give nothing up: the second is answered, one seconds "
    .. "after the answer gives up", function()
    local INT, TERM, HUP = "INT", "TERM", "HUP"
    for _, signals in ipairs { { { 5, INT } }, { { 5, INT }, { 5.1, INT } },
      { { 5, INT }, { 5.1, INT }, { 5.2, INT }, { 8, INT } }, { { 5, TERM }, { 9, TERM } },
      { { 5, HUP }, { 5.1, HUP }, { 20, HUP }, { 30, HUP } }, { { 5, INT }, { 6, INT }, { 20, HUP } },
      { { 5, INT }, { 20, "WINCH" }, { 30, "WINCH" } } } do
      local code, err, undone = interrupted(signals)
      t:ok(code == 130 and undone, "given up: " .. err)
      local answered = #signals > 1 and signals[2][2] ~= HUP and signals[2][2] ~= "WINCH"
      t:equal(select(2, err:gsub("is being undone", "")), answered and 1 or 0, err)
      t:ok(not answered or err:find("money: none is running for this folder", 1, true)
        and err:find("3 s from now or later, gives that up", 1, true), err)
    end
    for _, signals in ipairs { { { 5, INT }, { 6, INT }, { 9.1, INT } },
      { { 5, HUP }, { 6, TERM }, { 20, TERM } } } do
      local code, err, undone = interrupted(signals)
      t:ok(code == 130 and not undone and err:find("stop` to end it", 1, true), err)
    end
  end)

  t:case("help: stdout, 0, made of the tables", function()
    for _, line in ipairs { "--help", "-h", "help" } do
      local code, out, err = run(line)
      t:equal({ code, err }, { 0, "" })
      for _, name in ipairs { "up", "status", "endpoint", "stop", "offers" } do
        t:ok(out:find("\n  " .. name, 1, true), name)
      end
      t:ok(select(2, out:gsub("\n", "")) <= 23, "fits a terminal of 24 lines")
    end
    local _, all = run "help --all"
    for _, name in ipairs(commands.names()) do
      t:ok(all:find("\n  " .. name, 1, true), name)
    end
    for _, row in ipairs(flags.list) do
      t:ok(all:find("--" .. row.name, 1, true), row.name)
    end
    for _, row in ipairs(settings) do
      t:ok(not row.name or all:find(row.name, 1, true), row.name)
    end
    for _, row in ipairs(require("facts.exitcodes").list) do
      t:ok(all:find(("%3d  %s"):format(row.code, row.name), 1, true), row.name)
    end
    local _, one = run "up --help"
    t:ok(one:find("Usage: continueplz up", 1, true) and one:find("--keep-on-failure", 1, true), one)
    t:equal((select(2, run "help up")), one)
  end)

  t:case("every command file fits its table", function()
    local dir = files.join(files.dirname(t.root), "lua/commands")
    local listed = {}
    for _, name in ipairs(commands.names()) do
      listed[name] = true
    end
    for _, file in ipairs(assert(files.list(dir))) do
      local name = file:match("^(.*)%.lua$") or "help"
      local command = require("commands." .. name)
      t:equal(command.name, name)
      t:ok(command.summary and type(command.run) == "function", name)
      t:equal(listed[name] == nil, command.hidden == true, name .. " is in the help")
      for _, option in ipairs(command.options) do
        t:ok(flags.long((option:gsub("=$", ""))), name .. " takes --" .. option)
      end
    end
    for _, row in ipairs(flags.list) do
      t:ok(not row.setting or (pcall(require("config.effective").get, row.setting)),
        row.name .. " sets a setting")
    end
  end)

  t:case("the tables of the commands: their places, who endures, what main.lua knows "
    .. "before any can be loaded", function()
    local enduring, places = { ["--stop"] = true }, {}
    for _, name in ipairs(require("sandbox.world").names("commands")) do
      local command = commands.own(name)
      for _, field in ipairs { "order", "daily" } do
        local place = command[field] and field .. " " .. command[field]
        t:ok(place == nil or math.type(command[field]) == "integer" and not places[place],
          name .. " has no place of its own")
        places[place or name] = true
      end
      t:equal(command.order == nil, command.hidden == true, name)
      for _, word in ipairs(command.enduring
        and table.move(command.aliases or {}, 1, 9, 2, { name }) or {}) do
        enduring[word] = true
      end
      t:ok(not (command.renting and command.enduring), name)
    end
    t:equal(commands.names().acts, { stop = true, up = true })
    local text =
      assert(files.read(files.join(files.dirname(t.root), "lua/main.lua"))):match("\nlocal ENDING = (%b{})\n")
    local early = {}
    for word in text:gmatch("[%l-]+%f[^%l-]") do
      early[word] = word ~= "true" or nil
    end
    t:equal(early, enduring)
  end)

  t:case("the version", function()
    local code, out = run "--version -v"
    t:equal(code, 0)
    t:ok(out:find("^continueplz %d+%.%d+%.%d+\n$"), out)
  end)

  t:case("no key, an empty key, a .env that others can read", function()
    local code, _, err = run "offers"
    t:equal(code, 3)
    t:ok(err:find("VAST_API_KEY", 1, true) and err:find(HOME .. "/.env", 1, true), err)
    code, _, err = run("--cheapest", { files = { [".env"] = "VAST_API_KEY=\n" } })
    t:equal(code, 3)
    t:ok(err:find("VAST_API_KEY", 1, true), err)
    for _, line in ipairs { "--cheapest", "offers", "stop", "status" } do
      code, _, err = run(line, { files = { [".env"] = "VAST_API_KEY=abcdefg\n" }, mode = 420 })
      t:equal(code, 3, line)
      t:ok(err:find("chmod 600 " .. HOME .. "/.env", 1, true), err)
    end
  end)

  t:case("a wrong setting stops a start, not a stop", function()
    local env = { [".env"] = "VAST_API_KEY=abcdefg\nMAX_HOURS=soon\n" }
    local code, _, err = run("offers", { files = env })
    t:equal(code, 3)
    t:ok(err:find("line 2: MAX_HOURS", 1, true), err)
    code, _, err = run("stop", { files = env })
    t:equal(code, 0)
    t:ok(err:find("line 2: MAX_HOURS", 1, true), err)
  end)

  t:case("in JSON a failure is one object, and stdout holds nothing else", function()
    local code, out = run "offers --output=json"
    local object = assert(json.decode(out))
    t:equal({ code, object.status, object.error.kind, object.error.exit_code }, { 3, "failed", "config", 3 })
    code, out = run "stop --output=json"
    t:equal({ code, json.decode(out).status, json.decode(out).money_running }, { 0, "none", false })
  end)

  t:case("nothing running: stop, status, ping, endpoint, ack; the last line is about money", function()
    for line, wanted in pairs { stop = 0, status = 0, ping = 7, endpoint = 7, ack = 7 } do -- order: free
      local code, out, err = run(line, { files = { [".env"] = "" } })
      t:equal(code, wanted, line .. err)
      local both = line == "endpoint" and err or out
      t:ok(both:find("Money: none is running for this folder\n$"), line .. ": " .. both)
      t:ok(not (out .. err):find("\27"), "no escapes")
    end
  end)

  t:case("bare: the short help when nothing runs, no matter what it says in .env", function()
    local code, out = run ""
    t:equal(code, 0)
    t:ok(out:find("Commands:", 1, true), out)
  end)

  t:case("a script gets its words and the whole API; its errors name file and line", function()
    local script = 'local term, task = require "base.term", require "base.task"\ntask.sleep(1)\n'
      .. 'term.out(table.concat({ ... }, "|"))\nreturn 5\n'
    local code, out = run({ "/home/user/s.lua", "a", "--model=x" },
      { files = { ["/home/user/s.lua"] = script } })
    t:equal({ code, out }, { 5, "a|--model=x" })
    local err
    code, out, err = run({ "/home/user/s.lua" },
      { files = { ["/home/user/s.lua"] = "\nlocal x = nil\nreturn x.y\n" } })
    t:equal({ code, out }, { 70, "" })
    t:ok(err:find("/home/user/s.lua:3:", 1, true), err)
    code, out, err = run({ "/home/user/s.lua" }, { files = { ["/home/user/s.lua"] = "return function(\n" } })
    t:equal({ code, out }, { 3, "" })
    t:ok(err:find("/home/user/s.lua", 1, true), err)
    code, out, err = run { "/home/user/none.lua" }
    t:equal({ code, out }, { 2, "" })
    t:ok(err:find("none.lua", 1, true), err)
  end)

  t:case("init.lua sets defaults; a broken one stops a start", function()
    local code, _, err = run("offers", { files = { ["init.lua"] = 'return { DEFAULT_GPU = "h10" }\n',
      [".env"] = "VAST_API_KEY=abcdefg\n" } })
    t:equal(code, 3)
    t:ok(err:find("init.lua: DEFAULT_GPU", 1, true), err)
    code, _, err = run("offers",
      { files = { ["init.lua"] = "return 7\n", [".env"] = "VAST_API_KEY=abcdefg\n" } })
    t:equal(code, 3)
    t:ok(err:find("init.lua", 1, true), err)
  end)

  t:case("a command of the user's own; a broken one gives way to the built-in", function()
    local code, out = run("greet", { files = { ["commands/greet.lua"] = [[
      return { name = "greet", summary = "greet", options = {},
        run = function(ctx) ctx.print("hello") return 0 end }]],
        [".env"] = "" } })
    t:equal(code, 0)
    t:ok(out:find("^hello\n"), out)
    local err
    code, out, err = run("stop", { files = { ["commands/stop.lua"] = "return {", [".env"] = "" } })
    t:equal(code, 0, err)
    t:ok(err:find("commands/stop.lua", 1, true) and out:find("Nothing is running", 1, true), err .. out)
  end)

  t:case("--no-user: settings of scripts that are left out are told, and stop nothing", function()
    local code, _, err = run("offers", { user = false, files = { [".env"] = "TOY_API_KEY=abc\n" } })
    t:ok(code == 3 and err:find("unknown setting TOY_API_KEY", 1, true)
      and err:find("no key of a supported cloud", 1, true), err)
    code, _, err = run("offers", { files = { [".env"] = "TOY_API_KEY=abc\n" } })
    t:ok(code == 3 and not err:find("no key of a supported cloud", 1, true), err)
  end)

  t:case("what is no command gives way to the built-in one, but not where something is rented", function()
    for _, text in ipairs { "return 7", "return {}", "return function() end",
      "return { name = 'up', summary = 's', run = function() return 0 end }",
      "return { name = 'stop', summary = 's', options = { {} }, run = function() return 0 end }",
      "return { name = 'stop', summary = 's', run = function() return 'x' end }",
      "return { name = 'stop', summary = 's', run = function() end }" } do
      local code, out, err = run("stop", { files = { ["commands/stop.lua"] = text, [".env"] = "" } })
      t:equal(code, 0, text .. err)
      t:ok(err:find("commands/stop.lua: ", 1, true) and out:find("Nothing is running", 1, true),
        text .. err .. out)
    end
    for _, text in ipairs { "return {", "return 7" } do
      local code, _, err = run("up",
        { files = { ["commands/up.lua"] = text, [".env"] = "VAST_API_KEY=abcdefg\n" } })
      t:equal(code, 3, text .. err)
      t:ok(err:find("commands/up.lua", 1, true), err)
    end
    local code, _, err = run("help mine", { files = { ["commands/mine.lua"] = "return 7", [".env"] = "" } })
    t:equal({ code, (err:find("mine.lua: a command must return a table, not a number", 1, true)) ~= nil },
      { 3, true }, err)
  end)
end
