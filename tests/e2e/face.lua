-- SPDX-License-Identifier: MIT
-- The full screen as a person has it: on a terminal, by keys.
local process = require "base.process"
local task = require "base.task"
local watcher = require "e2e.watcher"

local MODEL = "--model=qwen3-coder:30b"
local cases = {}

local function case(name, run, options) cases[#cases + 1] = { name = name, run = run, options = options } end

local function equal(got, wanted, what)
  if got ~= wanted then
    error(("%s: got %s instead of %s"):format(what, tostring(got), tostring(wanted)), 2)
  end
end

local function has_not(p, text)
  if not p.vt:text():find(text, 1, true) then return end
  error(("the screen shows %q:\n%s"):format(text, p.vt:text()), 2)
end

local function leave(p)
  p:type "q"
  equal(p:finish(), 0, "exit code")
end

case("opens with what there is to rent, and leaves the terminal as it was", function(r)
  local p = watcher.start(r)
  p:sees "Offers:"
  p:sees "qwen3-coder:30b"
  p:sees "RTX 4090"
  p:sees "Money: nothing runs"
  p:sees "? all keys"
  p:type "/a100"
  p:no_more "RTX 4090"
  p:sees "A100"
  p:type "\r"
  p:sees "/a100"
  p:type "\27"
  p:sees "RTX 4090"
  p:type "+"
  p:sees " 12h"
  p:type "s"
  p:sees "on-demand"
  p:type "oo"
  p:sees "sorted by price"
  p:type "x"
  p:sees "Left out:"
  p:type "\27"
  p:no_more "Left out:"
  p:type "?"
  p:sees "Keys"
  p:type "/fewer\r"
  p:sees "fewer hours"
  p:no_more "more context"
  p:type "\27\27"
  p:sees "Offers:"
  p:type "m"
  p:sees "Models at"
  p:type "/gpt-oss:20b\r\r"
  p:sees "gpt-oss:20b  32k"
  p:sees "L4 24GB"
  leave(p)
  equal(p.vt:outside():find("Money: none is running", 1, true) ~= nil, true, "the money line after it")
  equal(#r:instances(), 0, "machines")
end)

case("a cloud that does not answer is a row with its reason, and is asked again by a key", function(r)
  r:fault { name = "api.auth", match = { method = "POST" } }
  local p = watcher.start(r)
  p:sees("vast: ", 90)
  p:sees "ask again"
  has_not(p, "RTX 4090")
  r:heal()
  p:type "\r"
  p:sees "RTX 4090"
  leave(p)
end)

case("what another terminal starts and stops is seen without a key", function(r)
  local p = watcher.start(r)
  p:sees "Offers:"
  local started = r:start("--cheapest", "-y", MODEL)
  p:sees("Money: $0.", 90)
  equal(r:finish(started).code, 0, "up")
  p:sees("loaded and ready", 90)
  p:sees "Guards"
  p:type "t"
  p:sees "answers: round trip"
  p:type "l"
  p:sees "Log: tool"
  p:type "\t"
  p:sees "Log: engine"
  p:type "q"
  p:sees "Guards"
  p:type "sy" -- typed ahead, which answers nothing
  p:sees "prove that billing stopped?"
  task.sleep(0.5)
  p:type "n"
  p:sees "nothing was ended"
  p:type "y"
  p:sees "copied: http://127.0.0.1"
  equal(#p.vt.copied, 1, "texts in the clipboard")
  p:resize(120, 30)
  p:sees "Cost"
  p:resize(40, 10)
  p:sees "Money: $0."
  p:resize(1, 1)
  task.sleep(0.3)
  p:resize(80, 24)
  p:sees "RTX 4090"
  equal(r:run("stop").code, 0, "stop")
  p:sees("STOPPED, and proven", 90)
  p:type "\r"
  p:sees "Offers:"
  p:sees "Money: nothing runs"
  leave(p)
  equal(#r:billing(), 0, "what bills")
end)

local READ = 0.5 -- seconds in which a question can be read

local function answers(p, question, letter)
  p:sees(question)
  task.sleep(READ)
  p:type(letter)
end

case("a whole day by keys: chosen, rented, watched, stopped, proven", function(r)
  local p = watcher.start(r)
  p:sees "RTX A6000"
  p:type "\27[B\r"
  answers(p, "Rent it for $0.2", "n")
  p:sees "nothing was rented"
  equal(#r:instances(), 0, "machines after a no")
  p:type "\r"
  answers(p, "Rent it for $0.2", "y")
  p:sees("Starting", 20)
  p:sees("loaded and ready", 120)
  p:sees "RTX A6000"
  p:sees "Money: $0.2"
  p:type "s"
  answers(p, "prove that billing stopped?", "y")
  p:sees("STOPPED, and proven", 60)
  p:sees "It cost $"
  p:sees "Money: nothing runs"
  p:type "\r"
  p:sees "Offers:"
  leave(p)
  equal(#r:billing(), 0, "what bills")
end)

case("Ctrl-C undoes a start, d leaves one to go on", function(r)
  r:fault { name = "boot.stuck", count = 1 }
  local p = watcher.start(r)
  p:sees "RTX 4090"
  p:type "\r"
  answers(p, "Rent it for $0.2", "y")
  p:sees("Waiting for instance", 60)
  p:until_("a machine", function() return #r:instances() == 1 end)
  p:type "\3"
  p:sees("NOT STARTED", 90)
  p:sees "ended, and that is proven"
  equal(#r:billing(), 0, "what bills")
  r:heal()
  p:type "\r"
  p:sees "Cost: vast RTX 4090"
  p:type "\r"
  answers(p, "Rent it for $0.2", "y")
  p:sees("Starting", 60)
  p:type "d"
  equal(p:finish(), 0, "exit code")
  equal(p.vt:outside():find("the start goes on", 1, true) ~= nil, true, "what is said when it is left")
  local again = watcher.start(r)
  again:sees("loaded and ready", 120)
  leave(again)
  equal(r:run("stop").code, 0, "stop")
end)

case("a signal that ends it, and a crash, leave the terminal as it was", function(r)
  for _, signal in ipairs { "TERM", "HUP", "SEGV" } do
    local p = watcher.start(r)
    p:sees "Offers:"
    process.kill(p:pid(), signal)
    local code = p:finish()
    if code == 0 then error("SIG" .. signal .. " ended it with 0", 0) end
  end
end)

case("a terminal that goes away ends it, and nothing else", function(r)
  equal(r:run("--cheapest", "-y", MODEL).code, 0, "up")
  local p = watcher.start(r)
  p:sees "Guards"
  local pid = p:pid()
  p.child:kill "KILL"
  p.child:wait()
  task.await(p.reader)
  p.child:close()
  p.ended = nil
  p:until_("the end of the program", function() return not p.works(pid) end)
  equal(#r:instances(), 1, "machines")
  equal(r:run("stop").code, 0, "stop")
end)

case("a command with the terminal, and back", function(r)
  local p = watcher.start(r)
  p:sees "Offers:"
  p:type ":doct\t\r"
  p:until_("its output", function() return p.vt:outside():find("Press Enter.", 1, true) end)
  equal(p.vt:outside():find("continueplz doctor", 1, true) ~= nil, true, "the completed command")
  p:type "\r"
  p:sees "Offers:"
  p:type ":no-such-command\r"
  p:until_("the refusal", function() return p.vt:outside():find("unknown command", 1, true) end)
  p:type "\r"
  p:sees "Offers:"
  p:type ":'open\r"
  p:sees "a quote is not closed"
  leave(p)
end)

case("is not opened where no full screen can be shown", function(r)
  local plain = r:run()
  equal(plain.code, 0, "exit code")
  equal(plain.out:find("\27", 1, true), nil, "an escape sequence in a pipe")
  local p = watcher.start(r, { env = { "TERM=dumb" } })
  equal(p:finish(), 0, "exit code")
  equal(p.vt:outside():find("continueplz init", 1, true) ~= nil, true, "the help on a dumb terminal")
  local refused = r:run("tui")
  equal(refused.code, 2, "exit code")
  equal(refused.err:find("this is no terminal", 1, true) ~= nil, true, refused.err)
end)

return cases
