-- SPDX-License-Identifier: MIT
-- Every crash point of the base scenarios: the process is killed before and after its n-th act upon the
-- world, for n = 1, 2, … until the scenario ends without meeting the n-th. A kill between two acts is the
-- same as one after the first.
local ending = require "dst.ending"
local fail = require "base.fail"
local plays = require "dst.play"
local scenes = require "dst.scenes"

local crash = {}

local function one(scene, point)
  local p = plays.new { seed = 1, cloud = point.cloud }
  local ok, verdict = fail.try(function()
    scene.prepare(p)
    p.aim = { name = scene.aim, at = point.at, how = point.how, all = point.all }
    p:ordered "kill"
    scene.act(p)
    point.hit = p.aim and p.aim.hit
    if point.hit then p:happened "kill" end
    p:trace("the end begins")
    return ending.play(p, point.way)
  end)
  return ok and verdict or not ok and (fail.message(verdict) .. (verdict.trace or "")) or nil, p
end

local function name_of(point)
  return ("--crash=%d:%d:%s:%s:%s:%s"):format(point.scene, point.at, point.how, point.all and "all" or "one",
    point.way, point.cloud)
end

--- Plays one point. → verdict or nil, the play
function crash.replay(text)
  local scene, at, how, all, way, cloud = text:match("^(%d+):(%d+):(%a+):(%a+):(%a+):(%a+)$")
  local point = { scene = tonumber(scene), at = tonumber(at), how = how, all = all == "all", way = way,
    cloud = cloud }
  return one(scenes.list[point.scene], point)
end

-- The names of the acts of a scene that nobody disturbs.
local function points(scene, cloud)
  local p = plays.new { seed = 1, cloud = cloud }
  scene.prepare(p)
  p.aim = { name = scene.aim, names = {}, targets = {} }
  scene.act(p)
  return p.aim.names, p.aim.targets
end

-- An act of a loop that only waits: the same as one turn and two turns before.
local function waits(targets, at)
  for length = 1, 2 do
    if targets[at] == targets[at - length] and targets[at] == targets[at - 2 * length] then
      return true
    end
  end
  return false
end

local FEW = 1 -- for what is as good as the same, when all else is tried in all ways

-- The ways a point is tried: all of them, or `few` that change from point to point.
local function variants(index, at, name, few, cloud)
  local list = {}
  for _, how in ipairs { "before", "after", name == "state.append" and "torn" or nil } do
    for _, all in ipairs { false, true } do
      for _, way in ipairs(ending.ways) do
        list[#list + 1] = { scene = index, at = at, how = how, all = all, way = way, cloud = cloud }
      end
    end
  end
  if not few then return list end
  local chosen = {}
  for i = 1, few do chosen[i] = list[(at * 7 + (i - 1) * 11) % #list + 1] end
  return chosen
end

--- Plays a scene's every point at a cloud. counted(verdict, play) → the verdict that counts, or nil; with
-- `first` only up to a failure. → number of histories, points, list of {replay, verdict}
function crash.scene(index, few, cloud, counted, first)
  local scene, count, failures = scenes.list[index], 0, {}
  local names, targets = points(scene, cloud)
  for at, name in ipairs(names) do
    local waiting = waits(targets, at)
    local list = few and waiting and {} or variants(index, at, name, few or waiting and FEW or nil, cloud)
    for _, point in ipairs(list) do
      local verdict = counted(one(scene, point))
      count = count + 1
      if not point.hit then verdict = verdict or counted "the crash point was not met" end
      if verdict then
        failures[#failures + 1] = { replay = name_of(point), verdict = verdict, hit = point.hit }
      end
      if verdict and first then return count, #names, failures end
    end
  end
  return count, #names, failures
end

return crash
