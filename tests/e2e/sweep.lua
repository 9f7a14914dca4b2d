-- SPDX-License-Identifier: MIT
-- Sweep, from end to end: this folder's machine, and one of another folder's at the terminal.
local expect = require "e2e.expect"
local files = require "base.files"
local host = require "sandbox.host"
local process = require "base.process"
local pty = require "e2e.pty"
local rig = require "e2e.rig"

local MODEL = "--model=qwen3-coder:30b"
local cases = {}

local function case(name, run)
  cases[#cases + 1] = { name = name, run = run, clouds = { "vast", "lambda" } }
end

case("a dry run tells, a sweep ends, a second one finds nothing", function(r)
  expect.ends(r:run("--cheapest", MODEL), 0)
  local dry = expect.ends(r:run("sweep", "--dry-run"), 0, "nothing was sent", "Money: running")
  expect.wrapped(dry, "in use here")
  expect.lacks(dry, r.account_key)
  expect.machines(r, 1)
  expect.ends(r:run("sweep"), 0, "Confirmed", "Session cost", "Money: none is running")
  expect.all_over(r)
  local again = expect.json(r:run("sweep", "--output=json"))
  expect.that(again.status == "clean" and again.money_running == false, "the second sweep: " .. again.status)
end)

-- Another folder with the same keys.
local function beside_of(r)
  local beside = files.join(r.dir, "beside")
  if files.exists(beside) then return beside end
  assert(files.mkdir(beside))
  rig.settle_port(beside)
  assert(files.write(files.join(beside, ".env"), files.read(files.join(r.home, ".env")), 384))
  return beside
end

local function at_terminal(r, home, command, answer, ...)
  return pty.run({ process.exe, "-C", home, command, ... }, { { "[y/N]", answer } },
    { env = { "HOME=" .. r.dir } })
end

case("another folder's is asked for at the terminal, and ended by a yes alone", function(r)
  if not files.exists("/usr/bin/script") or host.platform ~= "linux" then
    return "needs script of util-linux"
  end
  expect.ends(r:run("--cheapest", MODEL), 0)
  local function sweep(...) return at_terminal(r, beside_of(r), "sweep", ...) end
  expect.ends(sweep("", "-y"), 0, "in other folders of yours 1 more")
  expect.ends(sweep("n\r"), 8, "which may be in use there? [y/N]")
  expect.machines(r, 1)
  expect.ends(sweep("y\r"), 0, "Confirmed", "Money: none is running")
  expect.nothing_bills(r)
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end)

case("another folder's is adopted by a yes, forgotten by a yes, and told of until ack", function(r)
  if not files.exists("/usr/bin/script") or host.platform ~= "linux" then
    return "needs script of util-linux"
  end
  expect.ends(r:run("--cheapest", MODEL), 0)
  local beside = beside_of(r)
  expect.ends(at_terminal(r, beside, "adopt", "n\r"), 8, "Nothing was adopted")
  expect.ends(at_terminal(r, beside, "adopt", "y\r"), 0, "Adopted machine", "Money: running")
  expect.ends(at_terminal(r, beside, "forget", "n\r"), 8, "The record stays")
  expect.ends(at_terminal(r, beside, "forget", "y\r"), 0, "was forgotten at")
  expect.machines(r, 1)
  expect.ends(r:run("stop"), 0)
  expect.ends(at_terminal(r, beside, "ack", "", "-y"), 0, "Money: none is running")
  expect.all_over(r)
end)

return cases
