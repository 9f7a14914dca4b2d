-- SPDX-License-Identifier: MIT
-- The REPL as a person uses it: on a terminal of its own, and with a script on the standard input.
local expect = require "e2e.expect"
local fail = require "base.fail"
local files = require "base.files"
local host = require "sandbox.host"
local json = require "base.json"
local process = require "base.process"

local cases = {}
local GIVE_UP = 30

local function environment(r)
  return { "PATH=" .. process.getenv("PATH"), "HOME=" .. r.dir, "TERM=xterm", "LANG=C.UTF-8" }
end

-- `continueplz repl WORDS` with this text on the standard input.
local function piped(r, text, ...)
  local child = process.spawn { argv = { process.exe, "-C", r.home, "repl", ... }, stdin = "pipe",
    stdout = "pipe", stderr = "pipe", cwd = "/", env = environment(r) }
  child.stdin:write(text)
  child.stdin:close()
  local parts = { "", "" }
  for index, conn in ipairs { child.stdout, child.stderr } do
    local piece = conn:read()
    while piece do
      parts[index] = parts[index] .. piece
      piece = conn:read()
    end
    conn:close()
  end
  return { code = child:wait().status, out = parts[1], err = parts[2] }
end

cases[#cases + 1] = { name = "a script on the standard input, against the cloud", run = function(r)
  local result = piped(r, [[
#!/usr/bin/env continueplz
list = vast.offers(want)
function cheapest(rows)
  table.sort(rows, function(a, b) return (a.spot or a.on_demand) < (b.spot or b.on_demand) end)

  return rows[1]
end
print(#list > 5, cheapest(list).gpu)
:account
:list
vast.get(1)
]], "vast")
  expect.plain(expect.ends(result, 0, "true\tl4\n", 'name = "ada"', '{ id = "1", status = "gone" }'))
  result = piped(r, "vast.account()\nvast.create({ script = '', ports = {}, candidate = { offer = { id = 1 "
    .. "} } }, {})\nprint 'never'\n", "--trace")
  expect.plain(expect.ends(result, 70, "← 200 in ", "authorization: [hidden]", "ticket of the journal",
    "stdin:2 in main chunk"))
  expect.lacks(result, "never", r.account_key)
  local text = json.encode(r:control("GET", "/requests"))
  expect.that(not text:find("/asks/", 1, true), "a create was sent")
  result = piped(r, ":account\n", "--output=json")
  local object = expect.json(expect.ends(result, 0))
  expect.that(object.status == "ok" and object.result.name == "ada", result.out)
  expect.machines(r, 0)
end }

cases[#cases + 1] = { name = "a line that computes without an end is ended by every signal", run = function(r)
  for _, signal in ipairs { "INT", "TERM", "HUP" } do
    local child = process.spawn { argv = { process.exe, "-C", r.home, "repl" }, stdin = "pipe",
      stdout = "pipe", stderr = "null", cwd = "/", env = environment(r) }
    child.stdin:write("print 'on'\nwhile true do end\n")
    expect.that(child.stdout:read(nil, GIVE_UP) == "on\n", "it runs")
    child:kill(signal)
    local exit = child:wait(GIVE_UP)
    if not exit then child:kill("KILL") end
    expect.that(exit and exit.status == 130, signal .. " ended it with " .. tostring(exit and exit.status))
    child.stdin:close()
    child.stdout:close()
  end
end }

cases[#cases + 1] = { name = "a terminal: completion, history, Ctrl-C of a waiting call; "
    .. "the terminal is as before", run = function(r)
  if not files.exists("/usr/bin/script") or host.platform ~= "linux" then
    return "needs script of util-linux"
  end
  local command = ("trap : INT; '%s' -C '%s' repl; echo code $?; stty -a"):format(process.exe, r.home)
  local child = process.spawn { argv = { "script", "-qc", command, "/dev/null" }, stdin = "pipe",
    stdout = "pipe", stderr = "null", cwd = "/", env = environment(r) }
  -- one that is over is left alone
  local _ <close> = setmetatable({}, { __close = function() child:kill("HUP") end })
  local text, from = "", 1
  local function wait(wanted)
    while not text:find(wanted, from, true) do
      local ok, piece = fail.try(child.stdout.read, child.stdout, nil, GIVE_UP)
      if not ok or not piece then
        error(("the terminal did not show %q:\n%s"):format(wanted, text), 0)
      end
      text = text .. piece
    end
    from = select(2, text:find(wanted, from, true)) + 1
  end
  local function type_after(wanted, keys)
    wait(wanted)
    child.stdin:write(keys)
  end
  type_after("vast> ", "vast.acc\t()\r")
  type_after('name = "ada"', "x = 41 print('s' .. 'et')\r")
  type_after("\r\nset\r\n", "x + 1\r")
  type_after("42\r\n", "\27[A\1\27[C\27[C\11* 2\r") -- what was typed last, from its third place on new
  type_after("82\r\n", "\18acco\r") -- the first line, found by a word of it
  type_after('name = "ada"', ":tr\ton\r")
  wait("trace is on")
  r:fault { name = "api.slow", sticky = true, seconds = 100000 }
  type_after("vast> ", "vast.list()\r")
  type_after("→ GET ", "\3")
  wait("interrupted after")
  r:heal()
  type_after("vast> ", "'a' .. x\r")
  type_after('"a41"', "print('bu' .. 'sy') while true do end\r")
  type_after("busy\r\n", "\3")
  type_after("interrupted after", "half\3")
  type_after("^C", "\4")
  wait("Money: ")
  wait("code 0")
  wait(" -noflsh") -- near the end of what stty tells
  child.stdin:close()
  child.stdout:close()
  child:wait()
  local modes = text:match("speed.*")
  expect.that(modes:find(" icanon", 1, true) and modes:find(" echo ", 1, true)
    and modes:find(" icrnl", 1, true), "the terminal is as before:\n" .. modes)
  local past = files.stat(files.join(r.home, "repl.history"))
  expect.that(past and past.mode == 384, "the history is private")
  local kept = files.read(files.join(r.home, "repl.history"))
  expect.that(kept:find("x * 2\nvast.account()\n:trace on\nvast.list()", 1, true), kept)
  expect.that(not text:find(r.account_key, 1, true), "the key was shown")
  expect.machines(r, 0)
end }

return cases
