-- SPDX-License-Identifier: MIT
-- At which clouds an end-to-end case is played: one table for all of them. A case says
--   clouds   only these, for it is about them
--   faults   names of the faults that it orders: a cloud that cannot have one of them is left out
--   not_at   { CLOUD = why it makes no sense there }
--   kind     what it is about, where cases of one kind are alike (else the first word of its first fault, or
--            its name)
--   whole    true: only with `all`, or at Vast and Lambda; everywhere: also without it at every cloud
-- Without `all` Vast and Lambda play every case of the groups below; the clouds that are like one of them, by
-- their boot and their guard, the first case of each kind, and cases that are alone of their kind in turn.
local faults = require "cloudsim.faults"

local FIVE = { "vast", "lambda", "runpod", "coreweave", "paperspace" }
local WHOLE = { vast = true, lambda = true }
local PART = { "runpod", "coreweave", "paperspace" }

-- group → its clouds; any other group is played at Vast
local GROUPS = { faults = FIVE, crashes = FIVE, homes = FIVE, plan = FIVE,
  main = { "vast", "lambda", "coreweave", "paperspace" } }
local IN_PART = { faults = true, crashes = true, homes = true }

local function possible(case, cloud)
  if case.not_at and case.not_at[cloud] then return false end
  local here = faults.at(cloud)
  for _, name in ipairs(case.faults or {}) do
    if not here[name] then return false end
  end
  return true
end

local function kind_of(case)
  return case.kind or case.faults and case.faults[1] and case.faults[1]:match "^[^.]+" or case.name
end

-- The clouds beside Vast and Lambda where a case is played. list: those where it makes sense; alike: kind →
-- number of cases; seen: cloud .. kind → true, kept between calls; turn: of cases that are alone
local function some(case, list, alike, seen, turn)
  local chosen, kind = {}, kind_of(case)
  for i, cloud in ipairs(PART) do
    local mine = alike[kind] > 1 and not seen[cloud .. kind] or alike[kind] == 1 and i == turn % #PART + 1
    for _, each in ipairs((mine or case.everywhere) and list or {}) do
      if each == cloud then chosen[#chosen + 1] = cloud end
    end
  end
  for _, cloud in ipairs(chosen) do seen[cloud .. kind] = true end
  return chosen
end

--- → for each case the array of its clouds
return function(group, cases, all)
  local result, alike, seen, turn = {}, {}, {}, 0
  for _, case in ipairs(cases) do alike[kind_of(case)] = (alike[kind_of(case)] or 0) + 1 end
  for i, case in ipairs(cases) do
    local list = {}
    for _, cloud in ipairs(case.clouds or GROUPS[group] or { "vast" }) do
      if possible(case, cloud) then list[#list + 1] = cloud end
    end
    if not all and IN_PART[group] and not case.clouds then
      local part = case.whole and {} or some(case, list, alike, seen, turn)
      turn = turn + (alike[kind_of(case)] == 1 and 1 or 0)
      for k = #list, 1, -1 do
        if not WHOLE[list[k]] then table.remove(list, k) end
      end
      table.move(part, 1, #part, #list + 1, list)
    end
    result[i] = list
  end
  return result
end
