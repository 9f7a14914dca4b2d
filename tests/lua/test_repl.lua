-- SPDX-License-Identifier: MIT
-- The REPL in a replaced world: what lines give, errors, commands, the prompt,
-- and what other commands load of it.
local json = require "base.json"

return function(t)
  local fake, rig = t:load("fakehost"), t:load("repl_world")
  local repl, has, HOME = rig.run, rig.has, rig.home

  t:case("lines: expressions, statements, results, globals stay and locals do not", function()
    local code, out, err = repl("1 + 1\nx = 20\nx + _\n\n-- a comment\nfor i = 1, 2 do\n  print(i, nil)\n"
      .. "end\n" .. "return 7, 8\n_2, _1\nx = nil\nx\nprint 'done'\n")
    t:equal({ code, out }, { 0, "2\n22\n1\tnil\n2\tnil\n7\n8\n8\n7\nnil\ndone\n" })
    t:ok(not (out .. err):find("\27"), "no escapes")
    code, out, err = repl("local y = 1\ny\nprint 'never'\n")
    t:equal({ code, out }, { 70, "" })
    has(err, "stdin:2: undefined global 'y'", "without `local`")
    code, out = repl("1\n:quit\n2\n")
    t:equal({ code, out }, { 0, "1\n" })
    t:equal({ (repl "") }, { 0 })
  end)

  t:case("errors: file and line, only the script's frames, a sentence for a "
    .. "failure, the code of the table", function()
    local words = { "toy" }
    local code, _, err = repl("1\n\ntoy.offers {}\n", { words = words })
    t:equal(code, 70)
    local path = HOME .. "/providers/toy.lua"
    has(err, "error: " .. path .. ":5: attempt to index a nil value (field 'rows')\n  " .. path .. ":5 in ",
      "\n  " .. path .. ":8 in ", "\n  stdin:3 in main chunk\n")
    t:ok(not err:find("scheduler") and not err:find("xpcall"), err)
    local rows = {
      { "provider.get(1)", 5, "error: Toy answered 503 (transient, HTTP 503)" },
      { "1 +", 2, "stdin:1: the input ends in the middle" }, { "\nx y", 2, "stdin:2: syntax error near 'y'" },
      { "error 'mine'", 70, "stdin:1: mine" }, { "error { 1 }", 70, "an error that is a table" },
      { "toy.nothing()", 70, "stdin:1: attempt to call a nil value" },
      { ":relod", 2, "did you mean :reload?" }, { ":get", 2, ":get needs" },
      { ":trace perhaps", 2, "'perhaps'" }, { ":quit now", 2, "'now'" },
      { ":offers --gup=x", 2, "did you mean --gpu?" }, { ":deadline soon", 2, "soon" },
      { ":deadline 5s\ntoy.slow()", 5, "longer than 5s" }, { "vastt", 70, "did you mean vast?" },
      { "task.deadline(3, toy.slow)", 5, "3s" },
    }
    for _, row in ipairs(rows) do
      local got, out, text = repl(row[1] .. "\n" .. (row[1] == "1 +" and "" or "print 'went on'\n"),
        { words = words })
      t:equal(got, row[2], row[1] .. ": " .. text)
      has(text, row[3])
      t:ok(not out:find("went on"), "the first error ends it")
    end
    code, _, err = repl("want.provider, 1\nerror('\\xff')\n",
      { words = { "toy", "--output=json", "--model=qwen3-coder:30b" } })
    t:equal(code, 70, err)
    code, _, err = repl("1", { words = { "tyo" } })
    t:equal(code, 2)
    has(err, "'tyo'", "did you mean toy?")
    code, _, err = repl("provider.x",
      { words = words, files = { ["providers/toy.lua"] = "return {\n  x = = 1\n}\n" } })
    t:equal(code, 3)
    has(err, path .. ":2: unexpected symbol near '='")
  end)

  t:case("commands: :account, :list, :time, :offers, :help, :deadline", function()
    local code, out = repl(":account\n:list\n:time 1 + 1\n:deadline 90s\n:deadline off\n:trace\n:help\n")
    t:equal(code, 0)
    has(out, 'id = "7", name = "ada"', "{}\n2\nit took 0.00 s\nthe deadline is 1m 30s\nthe deadline is off\n"
      .. "trace is off\n", "provider", ":reload")
    local err
    local _
    code, _, err = repl(":offers --model=qwen3-coder:30b\n")
    t:equal(code, 4)
    has(err, "vast: 0 offers", "no offer fits")
    local answers = repl("config.get 'DEFAULT_MODEL'\n:offers --gpu=h100\nconfig.get 'DEFAULT_GPU'\n")
    t:equal(answers, 4)
  end)

  t:case("JSON: one object per result and nothing else on stdout", function()
    local code, out = repl("vast.account()\nprint 'x'\n1, nil, {1, f=print}, 1/0, '\\xff'\nnothing\n",
      { words = { "--output=json" } })
    local list = {}
    for line in out:gmatch("[^\n]+") do
      list[#list + 1] = assert(json.decode(line))
      t:equal(list[#list].money_running, false, line)
      list[#list].money_running = nil
    end
    t:equal(code, 70)
    t:equal(list, { { status = "ok", result = { balance = 5.5, currency = "USD", id = "7", name = "ada" } },
      { status = "ok", result = 1 }, { status = "ok" },
      { status = "ok", result = { ["1"] = 1, f = "function" } }, { status = "ok", result = "inf" },
      { status = "ok", result = "?" }, { status = "failed", error = { kind = "internal", exit_code = 70,
        message = "stdin:4: undefined global 'nothing'" } } }, out)
  end)

  t:case(":reload reads the script again and keeps the session; a broken one changes nothing", function()
    local function edits(s)
      local function put(text) s.disk[HOME .. "/providers/toy.lua"].data = text end
      s:at(1, function() put "return { name = 'second' }" end)
      s:at(3, function() put "return {" end)
    end
    local code, out, err = repl("keep = toy.name\ntask.sleep(2)\n:reload\nkeep, toy.name, provider.name\n"
      .. "task.sleep(2)\n:reload\n", { words = { "toy" }, more = edits })
    t:equal(code, 3)
    has(out, '"toy"\n"second"\n"second"\n')
    has(err, "toy.lua:1: ")
  end)

  local function terminal(input, options)
    options = options or {}
    options.tty = { ["in"] = true, out = true, err = true }
    return repl(input, options)
  end

  t:case("the prompt: results, an error goes on, completion, history kept without secrets", function()
    local code, out, err, s = terminal("1 + 1\rx y\rx = 'key-of-a-test'\rx = "
      .. "'key-of-a-test'\rvas\t.acc\t()\rdo\rend\r\27[A\27[A\27[A\r:quit\r",
      { files = { ["repl.history"] = "old\\nline\n" } })
    t:equal(code, 0)
    has(out, "\27[?2004h", "vast> ", "\r\n2\n", "... end", '{ balance = 5.5')
    has(err, "syntax error near 'y'", "Cloud: vast.")
    t:equal(s.disk[HOME .. "/repl.history"],
      { data = "old\\nline\n1 + 1\nx y\nx = '[hidden]'\nvast.account()\ndo\\nend\nvast.account()\n:quit\n",
        mode = 384, mtime = s.disk[HOME .. "/repl.history"].mtime })
    local _, opened = out:gsub("\27%[%?2004h", "")
    local _, closed = out:gsub("\27%[%?2004l", "")
    t:equal(opened, closed)
  end)

  t:case("the prompt: Ctrl-C ends a call and empties a line, Ctrl-D leaves, SIGTERM ends it", function()
    local ours
    local function stdin(s)
      local theirs
      ours, theirs = s:pair_of()
      return theirs
    end
    local function more(s, p)
      s:at(1, function() ours:write("toy.slow()\r") end)
      s:at(9, function() p:signal("INT") end)
      s:at(10, function() ours:write("half a li") end)
      s:at(11, function() p:signal("WINCH") end)
      s:at(12, function() p:signal("INT") end)
      s:at(13, function() ours:write("40 + 2\r\4") end)
    end
    local code, out, err = terminal(nil, { stdin = stdin, more = more, words = { "toy" } })
    t:equal(code, 0, err)
    has(out, "half a li", "^C", "\r\n42\n")
    has(err, "interrupted after 8.0 s")
    t:ok(not err:find("error:"), err)
    code, out = terminal(nil, { stdin = stdin, words = { "toy" }, more = function(s, p)
      s:at(1, function() ours:write("toy.slow()\r") end)
      s:at(2, function() p:signal("TERM") end)
    end })
    t:equal({ code, out:find("slept") }, { 130 })
    code, out = terminal(nil, { stdin = stdin, more = function(s, p)
      s:at(1, function() ours:write("abc") end)
      s:at(2, function() p:signal("TERM") end)
    end })
    t:equal({ code, out:match("\27%[%?2004l$") }, { 130, "\27[?2004l" })
  end)

  t:case("history: the last thousand, private, one that cannot be read is left alone", function()
    local lines = {}
    for index = 1, 1200 do
      lines[index] = "line " .. index .. "\n"
    end
    local _, _, _, s = terminal("1\r\4", { files = { ["repl.history"] = table.concat(lines) }, mode = 420 })
    local file = s.disk[HOME .. "/repl.history"]
    t:equal({ file.mode, file.data:sub(1, 9), select(2, file.data:gsub("\n", "")) },
      { 384, "line 201\n", 1001 })
    local _, out, err = terminal("1 + 1\r\4", { files = { ["repl.history"] = ("x"):rep(5 << 20) } })
    has(err, "the history is not kept")
    has(out, "\r\n2\n")
  end)

  t:case("nothing of it is loaded by other commands, nor by the help", function()
    for _, words in ipairs { { "--help" }, { "status" }, { "help", "repl" } } do
      local s = fake.new {}
      local seen = {}
      local p = s:start(function(require)
        return require("cli").main(words)
      end, { bare = true })
      for _, way in ipairs { "load", "module" } do
        local real = p.host.script[way]
        p.host.script[way] = function(name, ...)
          seen[#seen + 1] = name:gsub("%.", "/")
          return real(name, ...)
        end
      end
      s:run()
      t:ok(#seen > 3, "the modules are seen")
      for _, path in ipairs(seen) do
        t:ok(not path:find("cli/repl/") and not path:find("pretty") and not path:find("conceal")
          and not path:find("base/chunk"), path)
      end
    end
  end)
end
