-- SPDX-License-Identifier: MIT
-- Do the guest's tests see? Each mistake of guest/mistakes.lua is planted in a copy of the project, the guest
-- is built there, and the named case must fail. From the root, as `make mutants` does:
-- CONTINUEPLZ_SCRIPTS=tests BUILD=build build/continueplz tests/guest/mutants.lua [PATTERN...]
-- A text that does not stand there once, a mistake that does not compile and one that nobody
-- notices are failures.
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local keys = require "base.keys"
local loader = require "sandbox.world"
local process = require "base.process"
local term = require "base.term"
local mistakes = require "guest.mistakes"
local plant = require "dst.plant"
local program = require "dst.program"

local PATIENCE = 45 -- seconds that a case of tests/guest waits for what a mistake keeps from happening
local patterns = { ... }
local root = files.dirname(files.dirname(files.dirname(files.absolute(loader.script))))
local dir = files.join(process.getenv("TMPDIR") or "/tmp", "cplz-guest-mutants-" .. keys.random_hex(6))
local copy = files.join(dir, "copy")
local built = files.join(root, process.getenv("BUILD") or "build")

-- cases: which of a Python test, as CASES of tests/guest/lib.py
local function run(argv, cases)
  local env = { "PATH=" .. (process.getenv("PATH") or "/usr/bin:/bin"), "HOME=" .. dir, "TMPDIR=" .. dir,
    "LC_ALL=C", "BUILD=" .. built, "GUEST=" .. files.join(copy, "guest", "continueplz-guest"),
    "PATIENCE=" .. PATIENCE, "CASES=" .. (cases or "") }
  return program { argv = argv, env = env, cwd = root, seconds = 600 }
end

local function must(argv)
  local code, said = run(argv)
  if code ~= 0 then
    fail.raise("usage", ("%s: %s"):format(argv[1], said:sub(-800)))
  end
end

-- C tests are built without the program that the guest is embedded in; the guest by its own compiler.
local function prepare()
  assert(files.mkdir(copy))
  must { "chmod", "711", dir, copy } -- some tests run the guest as nobody
  for _, name in ipairs { "CMakeLists.txt", "src", "lua", "vendor", "tests" } do
    must { "cp", "-r", files.join(root, name), copy }
  end
  must { "cmake", "-S", copy, "-B", files.join(copy, "c"), "-DGUEST=OFF" }
  must { "cmake", "-S", copy, "-B", files.join(copy, "guest") }
end

local function in_c(mistake) return mistake.test:find("^test_") ~= nil end

local function build(mistake)
  local where, target = files.join(copy, "guest"), "guest"
  if in_c(mistake) then where, target = files.join(copy, "c"), mistake.test end
  local code, said = run { "cmake", "--build", where, "--target", target, "--parallel", "2" }
  if code ~= 0 then
    fail.raise("usage", "it does not compile: " .. (said:match("[^\n]*error:[^\n]*") or said:sub(-400)))
  end
end

-- → exit code and words of the test that has to notice the mistake
local function test(mistake)
  if in_c(mistake) then return run { files.join(copy, "c", mistake.test) } end
  return run({ files.join(root, "tests/guest", mistake.test .. ".sh") },
    (mistake.after and mistake.after .. "|" or "") .. mistake.case)
end

local function wanted(mistake)
  for _, pattern in ipairs(patterns) do
    if (mistake.name .. " " .. mistake.test):find(pattern, 1, true) then
      return true
    end
  end
  return #patterns == 0
end

local innocent = {}

-- The test says `ok` of the case as long as nothing is planted.
local function check_innocence(mistake)
  local name = mistake.test .. ": " .. mistake.case
  if innocent[name] then return end
  build(mistake)
  local code, said = test(mistake)
  if code ~= 0 or said:find("skip - ", 1, true) or not ("\n" .. said):find("\nok - ", 1, true) then
    fail.raise("usage",
      ("without any mistake the test does not succeed (%d): %s"):format(code, said:sub(-600)))
  end
  innocent[name] = true
end

-- → the line that noticed it
local function noticed(mistake)
  build(mistake)
  local code, said = test(mistake)
  for line in said:gmatch("not ok %- ([^\n]*)") do
    if line:find(mistake.case, 1, true) then return line end
  end
  if code < 0 and in_c(mistake) then return mistake.test .. " crashes" end
  if code == 0 then fail.raise("usage", "SURVIVES: nobody notices") end
  fail.raise("usage", ("not %q fails, but: %s"):format(mistake.case, said:sub(-600)))
end

local function try(mistake)
  check_innocence(mistake)
  local path = files.join(copy, "src", mistake.file)
  local text = assert(files.read(path))
  local _ <close> = setmetatable({}, { __close = function() assert(files.write(path, text)) end })
  assert(files.write(path, plant(text, mistake)))
  return noticed(mistake)
end

local started, failed, count = clock.now(), 0, 0
local ready, problem = fail.try(prepare)
for _, mistake in ipairs(ready and mistakes or {}) do
  if wanted(mistake) then
    count = count + 1
    local began = clock.now()
    local ok, result = fail.try(try, mistake)
    failed = failed + (ok and 0 or 1)
    term.out(("%s - %s [%s, %.0f s]\n"):format(ok and "ok" or "not ok", mistake.name,
      ok and result:sub(1, 120) or fail.message(result), clock.now() - began))
  end
end
if not ready then term.out("not ok - a copy to plant in: " .. fail.message(problem) .. "\n") end
files.remove_tree(dir)
term.err(("%d mistakes in the guest, %d not noticed, %s\n"):format(count, failed,
  clock.duration(clock.now() - started)))
return ready and failed == 0 and count > 0 and 0 or 1
