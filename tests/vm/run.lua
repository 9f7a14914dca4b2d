-- SPDX-License-Identifier: MIT
-- The delivery to virtual machines, proven on real ones: `continueplz tests/vm/run.lua IMAGE [PATTERN]` with
-- CONTINUEPLZ_SCRIPTS=tests. The simulated Lambda gives every machine to machine.sh, which boots Debian with
-- the user data that the product sent.
local fail = require "base.fail"
local files = require "base.files"
local process = require "base.process"
local term = require "base.term"
local cases = require "vm.cases"
local machine = require "vm.machine"
local rig = require "e2e.rig"

local PATIENCE = 1500 -- seconds for one command: nothing here is quick

local image, pattern = ...

local function run_case(case)
  local r = rig.new { cloud = "lambda", scale = 1, patience = PATIENCE,
    simulator = { ("--vm-command=%s/tests/vm/machine.sh %s"):format(process.cwd(), image) } }
  r:control("POST", "/set", { pull_bytes_per_second = 10e9 }) -- the model's bytes are not what is proven here
  local function passed(name)
    term.out(("ok - %s: %s\n"):format(case.name, name))
  end
  local ok, problem = fail.try(case.run, r, passed)
  local console = not ok and machine.console(r)
  local closed, leak = fail.try(r.close, r)
  if ok and not closed or leak then ok, problem = false, leak end
  if ok then
    files.remove_tree(r.dir)
    return true
  end
  term.out(("not ok - %s: %s (kept: %s)\n%s\n"):format(case.name, fail.message(problem):gsub("\n", "\n  "),
    r.dir, console or ""))
  return false
end

local failed = 0
for _, case in ipairs(cases) do
  if not pattern or case.name:find(pattern, 1, true) then
    if not run_case(case) then failed = failed + 1 end
  end
end
return failed == 0 and 0 or 1
