-- SPDX-License-Identifier: MIT
-- Somebody who types anything at the full screen, in a history like the others: keys and mouse events at
-- random, sizes that change, a cloud that fails now and then, commands of another terminal. Besides the judge
-- of every history: nothing is begun by the screen that no yes was typed to, its bytes are those of a full
-- screen, and its money sentence is that of the record.
local ending = require "dst.ending"
local fail = require "base.fail"
local plays = require "dst.play"
local random = require "cloudsim.random"
local vt = require "vt"

local faces = {}

local SETTLE = 4 -- seconds after which the screen has seen what happened
local SIZES = { { 80, 24 }, { 40, 10 }, { 120, 40 }, { 59, 14 }, { 20, 5 }, { 200, 60 } }
local KEYS = {}
local NAMED = { ENTER = "\r", TAB = "\t", UP = "\27[A", DOWN = "\27[B", PGUP = "\27[5~", PGDN = "\27[6~",
  HOME = "\27[H", END = "\27[F", ESC = "\27", REDRAW = "\12" }
for key in ([[ENTER ENTER UP DOWN DOWN PGUP PGDN HOME END m + - s o r x ? / a n t l TAB y y d q ESC ESC
  k j < > REDRAW w e c 1]]):gmatch "%S+" do
  KEYS[#KEYS + 1] = NAMED[key] or key
end
for _, bytes in ipairs { "\27[<0;5;6M", "\27[<0;5;6m", "\27[<64;3;3M", "\27[<65;3;3M", "\27[<0;40;3M",
  "\27[200~yy\ny\27[201~", "\255", "\27[99;99Z" } do
  KEYS[#KEYS + 1] = bytes
end
local LINES = { ":status\r", ":offers\r", ":no such\r", "/a100\r", "/\r", ":\r", ":stop\r" }
local WIDE = 60 -- columns in which a question is shown whole
local WAYS = { "status", "stop", "up" }

-- A face on a terminal of its own: { process, screen, pipe, read = bytes of its output that were seen }
local function open(p)
  p.sim:world() -- which brings pipes
  local mine, theirs = p.sim:pair_of()
  local env = { HOME = p.sim.env.HOME, TERM = "xterm-256color", LANG = "C.UTF-8" }
  local process = p.sim:start(function(require) return require("cli").main { "tui" } end,
    { name = "tui", bare = true, daemon = true, home = p.HOME, argv = { "tui" }, env = env, stdin = theirs,
      tty = { ["in"] = true, out = true } })
  process.size = { 80, 24 }
  return { process = process, screen = vt.new(80, 24), pipe = mine, read = 0 }
end

local function look(p, face)
  face.screen:feed(face.process.out:sub(face.read + 1))
  face.read = #face.process.out
  if #face.screen.strange > 0 then
    p.judge:broken("S7", "the full screen wrote strange bytes: " .. face.screen.strange[1])
    face.screen.strange = {}
  end
end

local function over(face) return face.process.state == "done" or face.process.state == "killed" end

-- What the screen says of money, after it had time to see it.
local function check_money(p, face)
  if over(face) or not face.screen.modes.alternate then return end
  local last = face.screen:row(face.screen.height)
  local bills = #p.judge:open_tokens() > 0
  if face.screen.width >= 40 and bills and last:find("nothing runs", 1, true) then
    p:trace(face.screen:text())
    p.judge:broken("S4", "the full screen says that nothing runs, and something does: " .. last)
  end
  if face.screen.width >= 40 and not last:find "^Money: " then
    p.judge:broken("S4", "the last row of the full screen is not about money: " .. last)
  end
end

local ASKS = { up = "Rent it for", stop = "prove that billing stopped?" }

-- What a yes at this moment would be about.
local function asked(face)
  local row = face.screen:row(math.max(1, face.screen.height - 1))
  for word, text in next, ASKS do -- order: free
    if row:find(text, 1, true) then return word end
  end
  return row:find("[y/N]", 1, true) and face.screen.width < WIDE and "any" or nil
end

local function press(p, face, keys)
  look(p, face)
  if not face.screen.modes.alternate then keys = keys:gsub("\r", "\n") end -- as a terminal does for lines
  if keys:find "^y" then face.agreed = asked(face) end
  face.agreed = keys:match "^:(%l+)" or face.agreed -- a command that was typed is its own yes
  p:trace(("keys %q"):format(keys))
  fail.try(face.pipe.write, face.pipe, keys)
end

local function resize(face, rng)
  local size = SIZES[rng:int(1, #SIZES)]
  face.process.size = size
  face.screen:resize(size[1], size[2])
  face.screen.lenient = true
  face.process:signal "WINCH"
end

local function one(p, face, rng)
  local kind = rng:int(1, 40)
  if kind == 1 then
    resize(face, rng)
  elseif kind == 2 then
    face.process:signal "INT"
  elseif kind <= 5 then
    press(p, face, LINES[rng:int(1, #LINES)])
  elseif kind <= 8 then -- what a person means
    press(p, face, "\r")
    p:pass(SETTLE)
    press(p, face, "y")
  else
    press(p, face, KEYS[rng:int(1, #KEYS)])
  end
  p:pass(rng:int(0, 30) / 10)
end

-- A command of another terminal, while the face is open.
local function beside(p, rng)
  local words = { { "status" }, { "up", "-y", "--model=qwen3-coder:30b" }, { "stop" } }
  p:wait(p:start(words[rng:int(1, #words)]))
end

local function watch_spawns(p, face)
  local inner = p.sim.spawn
  p.sim.spawn = function(options, process, sim)
    local word = options.argv[4]
    if process == face.process and (word == "up" or word == "stop") then
      if face.agreed ~= word and face.agreed ~= "any" then
        p.judge:broken("S5", ("the full screen began `%s` without a yes"):format(word))
      end
      face.agreed = nil
    end
    return inner(options, process, sim)
  end
  return function() p.sim.spawn = inner end
end

--- Plays a seed: so many keys. → verdict or nil, the play
function faces.play(seed, cloud, keys)
  local rng = random.new(seed * 7368787 + 11)
  local p = plays.new { seed = seed, cloud = cloud }
  local ok, problem = fail.try(function()
    local face = open(p)
    local unwatch = watch_spawns(p, face)
    p:pass(SETTLE)
    for index = 1, keys do
      if over(face) then
        look(p, face)
        unwatch()
        face = open(p)
        unwatch = watch_spawns(p, face)
        p:pass(SETTLE)
      end
      one(p, face, rng)
      if index % 10 == 0 then
        p:pass(SETTLE)
        look(p, face)
        check_money(p, face)
      end
      if rng:int(1, 60) == 1 then beside(p, rng) end
    end
    look(p, face)
    unwatch()
    if rng:int(1, 2) == 1 then face.process:kill() else face.process:signal "TERM" end
    ending.play(p, WAYS[rng:int(1, #WAYS)])
  end)
  if not ok then return fail.message(problem) .. "\n" .. tostring(problem.trace), p end
  return p.judge:verdict(), p
end

return faces
