-- SPDX-License-Identifier: MIT
-- Histories that are told from beginning to end, each for one promise, beside the crash points
-- and the random ones.
--
-- A case: { name=, play = function(p), cloud = NAME|nil for all, long = true (not in `make
-- check`), and what dst/play.lua's `new` takes }. `play` says what it finds broken by p.judge:broken; the
-- judge watches as always.
local fail = require "base.fail"
local plays = require "dst.play"

local cases = { list = {} }

local GROUPS = {
  "after",
  "again",
  "answers",
  "agent",
  "cap",
  "clock",
  "copy",
  "cost",
  "create",
  "fence",
  "guardless",
  "guards",
  "guest",
  "hosts",
  "hostile",
  "kinds",
  "limits",
  "machine",
  "network",
  "outage",
  "price",
  "proof",
  "replicas",
  "safety",
  "signal",
  "sweep",
  "webhook",
}

for _, name in ipairs(GROUPS) do
  for _, case in ipairs(require("dst.cases_" .. name)) do
    case.group = name
    cases.list[#cases.list + 1] = case
  end
end

--- Plays one case at a cloud. → the violation that counts or nil, the play
function cases.play(case, cloud)
  local options = setmetatable({ seed = 1, cloud = cloud }, { __index = case })
  local p = plays.new(options)
  local ok, problem = fail.try(function()
    case.play(p)
    p.judge:finish()
  end)
  if not ok and problem.message == plays.NOT_HERE then return nil, p end
  if not ok then
    return fail.message(problem) .. "\n" .. tostring(problem.trace), p
  end
  return p.judge:verdict(), p
end

--- The cases at a cloud. all: the long ones too; only: text that the name or group must hold, or nil
function cases.of(cloud, all, only)
  local list = {}
  for index, case in ipairs(cases.list) do
    local named = not only or (case.group .. ": " .. case.name):find(only, 1, true)
    if named and (all or not case.long) and (case.cloud or cloud) == cloud then
      list[#list + 1] = { index = index, case = case }
    end
  end
  return list
end

return cases
