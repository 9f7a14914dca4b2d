-- SPDX-License-Identifier: MIT
-- A whole start as it is seen: on terminals of 80, 60 and 40 columns, without colour, on a dumb terminal and
-- without any; with refusals, a slow create and a slow download. The bytes are looked at as they come: what
-- stands between two line ends is one line, what stands between two carriage returns one picture of it.
local expect = require "e2e.expect"
local files = require "base.files"
local host = require "sandbox.host"
local process = require "base.process"
local pty = require "e2e.pty"
local term = require "base.term"

local MODEL = "--model=qwen3-coder:30b"
local REFUSED = 12 -- the first offer counts twice, see consent.lua
local SLOWER = 3
local cases = {}

local function seen(r, before, words, env)
  local line = ("%s '%s' -C '%s' %s"):format(before, process.exe, r.home, words)
  return pty.run(line, {}, { shell = true, env = { "HOME=" .. r.dir, table.unpack(env or {}) } })
end

-- The start that is not easy. → what the terminal got
local function hard_start(r, before, env)
  r:fault { name = "create.no_capacity", count = REFUSED }
  r:fault { name = "api.slow", match = { method = "PUT" }, after = 3, count = 1, seconds = 150 }
  r:fault { name = "pull.slow", factor = SLOWER }
  return expect.ends(seen(r, before, "--cheapest -y --max-price=5 " .. MODEL, env), 0, "READY",
    "Money: running").out
end

local function letters(text)
  local list = {}
  for _, code in utf8.codes(text) do list[#list + 1] = utf8.char(code) end
  return list
end

-- What stands on a line when `piece` is written from its begin over what stood there.
local function written_over(before, piece)
  local fresh, erased = piece:gsub("\27%[K", "")
  local list = letters((fresh:gsub("\27%[[%d;]*%a", "")))
  local old = letters(before)
  if erased == 0 then table.move(old, #list + 1, #old, #list + 1, list) end
  return table.concat(list)
end

-- Calls each(picture, is it rewritten?) for every picture of every line.
-- → in how many only the spinner was sent
local function pictures(text, each)
  local alone = 0
  for line in text:gmatch("[^\n]*") do
    local pieces, picture = {}, ""
    for piece in line:gmatch("[^\r]+") do pieces[#pieces + 1] = piece end
    for index, piece in ipairs(pieces) do
      picture = written_over(picture, piece)
      each(picture, index < #pieces)
      alone = alone + (piece:find("^      [^ -~]+%[%d+C$") and 1 or 0)
    end
  end
  return alone
end

local function typed(name, run)
  cases[#cases + 1] = { name = name, run = function(r)
    if not files.exists("/usr/bin/script") or host.platform ~= "linux" then
      return "needs script of util-linux"
    end
    return run(r)
  end }
end

for _, columns in ipairs { 80, 60, 40 } do
  typed(("a hard start fits %d columns, and each moving line says what is waited for")
    :format(columns), function(r)
    local out = hard_start(r, ("stty cols %d rows 24;"):format(columns))
    local asked, pulled, left = 0, 0, 0
    local alone = pictures(out, function(picture, moving)
      expect.that(term.width(picture) <= columns - (moving and 1 or 0),
        ("%d columns: %s"):format(term.width(picture), picture))
      expect.that(not moving or picture == "" or picture:find("^      [^ -~]+ %w%w"),
        "a spinner without a word, or not below its step: " .. picture)
      asked = asked + (picture:find("Asking for vast", 1, true) and 1 or 0)
      pulled = pulled + (picture:find("Pulling.- %d+%%") and 1 or 0)
      left = left + (picture:find("Pulling.- %d+%%.* left") and 1 or 0)
    end)
    expect.that(asked > REFUSED and left > 5 and left >= pulled - 5,
      ("%d pictures of asking, %d of pulling, %d of them with the time left"):format(asked, pulled, left))
    expect.that(columns < 80 or out:find("on%-demand %(%ds%)") or out:find("spot %(%ds%)"),
      "the time of the slow create is not shown: " .. out)
    expect.that(alone > 5, alone .. " pictures in which only the spinner was sent")
    local _, sums = out:gsub("in vain", "")
    expect.that(sums == 1 and not out:find("no_such_ask", 1, true), sums .. " lines about refusals")
    expect.that(not out:find("€", 1, true), "euros at a rate that nobody set")
    for _, words in ipairs { "status", "endpoint", "offers " .. MODEL, "stop", "status", "--help" } do
      pictures(
        expect.ends(seen(r, ("stty cols %d rows 24;"):format(columns), words), 0).out, function(picture)
          local path = picture:find(r.home, 1, true) -- cannot be broken
          expect.that(path or term.width(picture) <= math.max(columns, words == "--help" and 80 or 0),
            ("%s: %s"):format(words, picture))
        end)
    end
    expect.all_over(r)
  end)
end

typed("NO_COLOR takes the colours, a dumb terminal every escape and the moving line", function(r)
  local out = hard_start(r, "stty cols 80 rows 24;", { "NO_COLOR=1" })
  expect.that(not out:find("\27%[[%d;]*m") and out:find("\27%[K"), "colours, or no moving line")
  expect.ends(seen(r, "", "stop", { "NO_COLOR=1" }), 0)
  r:control("POST", "/reset")
  out = hard_start(r, "TERM=dumb; export TERM; stty cols 80 rows 24;")
  expect.that(not out:find("[\27\r]"), "escapes on a dumb terminal")
  local _, lines = out:gsub("\n", "")
  expect.that(lines < 70, ("%d lines: %s"):format(lines, out))
  expect.ends(seen(r, "", "stop"), 0)
  expect.all_over(r)
end)

cases[#cases + 1] = { name = "without a terminal: no escape, each text once, a line at every tenth",
  run = function(r)
    r:fault { name = "pull.slow", factor = SLOWER }
    local result = expect.plain(expect.ends(r:run("--cheapest", MODEL), 0, "READY"))
    local before = {}
    for line in result.out:gmatch("[^\n]+") do
      expect.that(not line:find("^      ") or not before[line], "twice: " .. line)
      before[line] = true
    end
    local _, tenths = result.out:gsub("Pulling qwen3%-coder:30b %d+%%", "")
    expect.that(tenths >= 3 and tenths <= 11, tenths .. " lines about the download: " .. result.out)
    expect.ends(r:run("stop"), 0)
    expect.all_over(r)
  end }

return cases
