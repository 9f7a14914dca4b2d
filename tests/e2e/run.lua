-- SPDX-License-Identifier: MIT
-- End-to-end tests: `continueplz tests/e2e/run.lua [--all] [PATTERN]` with CONTINUEPLZ_SCRIPTS=tests. Every
-- case gets its own simulator and home. Without --all some are played at few clouds (e2e/table.lua).
local fail = require "base.fail"
local files = require "base.files"
local task = require "base.task"
local term = require "base.term"
local rig = require "e2e.rig"
local clouds_of = require "e2e.table"

local WORKERS = 8 -- cases at once: they wait most of the time
local words = { ... }
local all = words[1] == "--all" and table.remove(words, 1) ~= nil
local pattern = words[1]

-- The long cases come first, so that none of them is left to run alone at the end.
local groups = { "around", "faults", "crashes", "main", "clouds", "manual", "models", "homes", "money",
  "input", "setup", "cron", "repl", "overrides", "examples", "refusals", "cluster", "sweep", "plan", "words",
  "editors", "consent", "screens", "face", "prices", "progress", "golden", "live", "replicas" }

local function collect()
  local cases = {}
  for _, group in ipairs(groups) do
    local cases_of = require("e2e." .. group)
    local at = clouds_of(group, cases_of, all)
    for i, case in ipairs(cases_of) do
      for _, cloud in ipairs(at[i]) do
        local title = group .. ": " .. case.name .. (cloud ~= "vast" and " [" .. cloud .. "]" or "")
        if not pattern or title:find(pattern, 1, true) then
          local options = case.options or {}
          cases[#cases + 1] = { title = title, run = case.run,
            options = setmetatable({ cloud = options.cloud or cloud }, { __index = options }) }
        end
      end
    end
  end
  return cases
end

local function run_case(case)
  local r = rig.new(case.options)
  local ok, problem = fail.try(case.run, r)
  local skipped = ok and problem
  local closed, leak = fail.try(r.close, r)
  if ok and not closed then ok, problem = false, leak end
  if ok and leak then ok, problem = false, leak end
  if ok then
    term.out(skipped and ("skip - %s: %s\n"):format(case.title, skipped) or ("ok - %s\n"):format(case.title))
    files.remove_tree(r.dir)
    return true
  end
  local text = fail.message(problem):gsub("\n", "\n  ")
  term.out(("not ok - %s: %s (kept: %s)\n"):format(case.title, text, r.dir))
  return false
end

local failed = 0
task.map(collect(), function(case)
  if not run_case(case) then failed = failed + 1 end
end, { limit = WORKERS })
return failed == 0 and 0 or 1
