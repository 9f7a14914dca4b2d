-- SPDX-License-Identifier: MIT
-- Can the campaign fail? Each mistake of dst/mistakes.lua is planted in the product's Lua, and the campaign must report that the
-- invariant it breaks is broken. From the root of the project: CONTINUEPLZ_SCRIPTS=tests continueplz tests/dst/mutants.lua [PATTERN]
-- (`make mutants`). A text that is not found any more and a mistake that nobody notices are failures.
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local keys = require "base.keys"
local loader = require "base.world"
local process = require "base.process"
local task = require "base.task"
local term = require "base.term"
local mistakes = require "dst.mistakes"
local plant = require "dst.plant"
local program = require "dst.program"

local WORKERS = 1
local SECONDS = 400 -- for one run of the campaign

local pattern = ...
local root = files.dirname(files.dirname(files.dirname(files.absolute(loader.script))))
local dir = files.join(process.getenv("TMPDIR") or "/tmp", "cplz-mutants-" .. keys.random_hex(6))

-- The campaign with the changed file before all others. → exit code, what it says
local function campaign(overlay, mistake)
  local env = { "CONTINUEPLZ_SCRIPTS=" .. overlay .. ":" .. files.join(root, "tests"), "CONTINUEPLZ_HOME=" .. files.join(dir, "home"), "HOME=" .. dir }
  local argv = { process.exe, files.join(root, "tests/dst/run.lua"), "--first=" .. mistake.expects, "--seeds=" .. (mistake.seeds or 300),
    "--from=" .. (mistake.from or 1),
    "--parts=" .. (mistake.parts or "random,crash") }
  if mistake.cloud ~= "both" then argv[#argv + 1] = "--cloud=" .. (mistake.cloud or "vast") end
  if mistake.all then argv[#argv + 1] = "--crash" end
  if mistake.long then argv[#argv + 1] = "--long" end
  if mistake.only then argv[#argv + 1] = "--only=" .. mistake.only end
  return program { argv = argv, env = env, cwd = root, seconds = SECONDS }
end

local function put(overlay, change)
  local path = files.join(overlay, change.file)
  local text = assert(files.read(files.join(root, "lua", change.file)))
  assert(files.mkdir(files.dirname(path)))
  assert(files.write(path, plant(text, change)))
end

-- → what noticed it; raises when nothing did
local function try(number, mistake)
  local overlay = files.join(dir, tostring(number))
  put(overlay, mistake)
  if mistake.also then put(overlay, mistake.also) end
  local code, said = campaign(overlay, mistake)
  local line = said:match("\nnot ok %- ([^\n]*)") or said:match("^not ok %- ([^\n]*)")
  if not line then
    fail.raise("usage", code == 0 and "SURVIVES: nobody notices" or ("the campaign itself fails with %d: %s"):format(code, said:sub(-600)))
  end
  local invariant, what = line:match("the first: (%w+)[^:]*: (.*)$")
  if invariant ~= mistake.expects then fail.raise("usage", ("not %s but this was noticed: %s"):format(mistake.expects, line)) end
  local where = said:match("%(replay with ([^)]*)%)\n") or "?"
  return ("%s, %s: %s"):format(invariant, where, what:sub(1, 90))
end

local started, failed, count, caught = clock.now(), 0, 0, {}
task.map(mistakes.list, function(mistake, number)
  if pattern and not (mistake.name .. " " .. mistake.expects):find(pattern, 1, true) then return end
  count = count + 1
  local began = clock.now()
  local ok, result = fail.try(try, number, mistake)
  if ok then
    caught[mistake.expects] = true
    term.out(("ok - %s [%s, %.0f s]\n"):format(mistake.name, result, clock.now() - began))
  else
    failed = failed + 1
    term.out(("not ok - %s: %s\n"):format(mistake.name, fail.message(result)))
  end
end, { limit = WORKERS })
for _, name in ipairs(pattern and {} or mistakes.invariants) do
  if not caught[name] then
    failed = failed + 1
    term.out(("not ok - the campaign can fail for %s: no mistake shows it\n"):format(name))
  end
end
files.remove_tree(dir)
term.err(("%d mistakes, %d not noticed, %s\n"):format(count, failed, clock.duration(clock.now() - started)))
return failed == 0 and count > 0 and 0 or 1
