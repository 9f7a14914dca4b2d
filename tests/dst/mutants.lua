-- SPDX-License-Identifier: MIT
-- Can the tests fail? Each mistake of dst/mistakes.lua is planted in the product, and the campaign must
-- report that the invariant it breaks is broken, or the Lua or end-to-end tests that it names must fail. From
-- the root of the project: CONTINUEPLZ_SCRIPTS=tests continueplz tests/dst/mutants.lua [PATTERN [FIRST:LAST]]
-- (`make mutants`; PATTERN of a name, an invariant or a file, FIRST:LAST by their numbers in the list). A
-- text that is not found any more and a mistake that nobody notices are failures.
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local keys = require "base.keys"
local loader = require "sandbox.world"
local process = require "base.process"
local task = require "base.task"
local term = require "base.term"
local mistakes = require "dst.mistakes"
local plant = require "dst.plant"
local program = require "dst.program"

local WORKERS = 2
local SECONDS = 400 -- for one run of the tests

local pattern, range = ...
local first, last = (range or "1:999999"):match("^(%d+):(%d+)$")
local root = files.dirname(files.dirname(files.dirname(files.absolute(loader.script))))
local dir = files.join(process.getenv("TMPDIR") or "/tmp", "cplz-mutants-" .. keys.random_hex(6))

-- The words of a run of the campaign.
local function campaign(mistake)
  local argv = { process.exe, files.join(root, "tests/dst/run.lua"), "--first=" .. mistake.expects,
    "--seeds=" .. (mistake.seeds or 300), "--from=" .. (mistake.from or 1),
    "--parts=" .. (mistake.parts or "random,crash") }
  if mistake.cloud ~= "both" then argv[#argv + 1] = "--cloud=" .. (mistake.cloud or "vast") end
  if mistake.all then argv[#argv + 1] = "--crash" end
  if mistake.long then argv[#argv + 1] = "--long" end
  if mistake.only then argv[#argv + 1] = "--only=" .. mistake.only end
  return argv
end

-- What runs the tests that a mistake names in `tests`: files of the Lua tests ("vast", "test_vast.lua"), or a
-- part of a title end to end.
local judges = {
  lua = function(mistake, root_of)
    local argv = { process.exe, files.join(root_of, "tests/run.lua") }
    for name in mistake.tests:gmatch("%S+") do
      argv[#argv + 1] = files.join(root_of, "tests/lua/test_" .. name .. ".lua")
    end
    return argv
  end,
  e2e = function(mistake, root_of)
    return { process.exe, files.join(root_of, "tests/e2e/run.lua"), mistake.tests }
  end,
}

-- Runs what must notice, with the changed file before all others. → exit code, what it says
local function tests(overlay, mistake)
  local home = files.join(overlay, "home") -- of its own, for others run beside it
  assert(files.mkdir(home))
  local env = { "CONTINUEPLZ_SCRIPTS=" .. overlay .. ":" .. files.join(root, "tests"), "HOME=" .. home,
    "PATH=" .. (process.getenv("PATH") or "/usr/bin:/bin"), "TMPDIR=" .. home }
  -- its own commands, not the simulator
  if mistake.by == "e2e" then env[#env + 1] = "CONTINUEPLZ_PLANTED=" .. overlay end
  if not mistake.by then env[#env + 1] = "CONTINUEPLZ_HOME=" .. home end
  local argv = mistake.by and judges[mistake.by](mistake, root) or campaign(mistake)
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
  local code, said = tests(overlay, mistake)
  files.remove_tree(overlay)
  local line = said:match("\nnot ok %- ([^\n]*)") or said:match("^not ok %- ([^\n]*)")
  if not line then
    fail.raise("usage", code == 0 and "SURVIVES: nobody notices"
      or ("the tests themselves fail with %d: %s"):format(code, said:sub(-600)))
  end
  if mistake.by then
    return ("%s tests: %s"):format(mistake.by, line:sub(1, 110))
  end
  local invariant, what = line:match("the first: (%w+)[^:]*: (.*)$")
  if invariant ~= mistake.expects then
    fail.raise("usage", ("not %s but this was noticed: %s"):format(mistake.expects, line))
  end
  local where = said:match("%(replay with ([^)]*)%)\n") or "?"
  return ("%s, %s: %s"):format(invariant, where, what:sub(1, 90))
end

local started, failed, count, caught = clock.now(), 0, 0, {}
task.map(mistakes.list, function(mistake, number)
  if pattern and not (mistake.name .. " " .. (mistake.expects or mistake.by) .. " "
    .. mistake.file):find(pattern, 1, true) then
    return
  end
  if number < tonumber(first) or number > tonumber(last) then return end
  count = count + 1
  local began = clock.now()
  local ok, result = fail.try(try, number, mistake)
  if ok then
    if mistake.expects then caught[mistake.expects] = true end
    term.out(("ok - %s [%s, %.0f s]\n"):format(mistake.name, result, clock.now() - began))
  else
    failed = failed + 1
    term.out(("not ok - %s: %s\n"):format(mistake.name, fail.message(result)))
  end
end, { limit = WORKERS })
for _, name in ipairs((pattern or range) and {} or mistakes.invariants) do
  if not caught[name] then
    failed = failed + 1
    term.out(("not ok - the campaign can fail for %s: no mistake shows it\n"):format(name))
  end
end
files.remove_tree(dir)
term.err(("%d mistakes, %d not noticed, %s\n"):format(count, failed, clock.duration(clock.now() - started)))
return failed == 0 and count > 0 and 0 or 1
