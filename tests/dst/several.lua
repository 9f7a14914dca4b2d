-- SPDX-License-Identifier: MIT
-- Three homes of one user on one account, in one history. Each has its own judge, for which the others'
-- machines are somebody else's.
local chance = require "dst.chance"
local ending = require "dst.ending"
local fail = require "base.fail"
local plays = require "dst.play"
local random = require "cloudsim.random"

local BESIDE = { "/home/user/second", "/home/user/work/third" }
local WAYS = { "status", "stop", "up" }

local several = {}

-- A command in one home, with what troubles it, and perhaps one in another home at the same moment.
local function one_step(rng, homes, states)
  local index = rng:int(1, #homes)
  local step = chance.command_step(rng, states[index])
  local other = rng:int(1, 2) == 1 and index % #homes + 1
  local word = other and chance.word_of(rng, states[other])
  homes[index]:trace(("# home %d: %s%s"):format(index, chance.told(step),
    other and (", home %d: %s"):format(other, word) or ""))
  local beside = other and homes[other]:start(chance.words(word))
  chance.run_step(homes[index], step)
  if beside then homes[other]:wait(beside) end
end

local function end_all(rng, homes)
  for _, home in ipairs(homes) do ending.play(home, WAYS[rng:int(1, #WAYS)]) end
end

--- Plays a seed. → verdict or nil, the play of the first home
function several.play(seed, cloud)
  local rng = random.new(seed * 104729 + 7)
  local homes = { plays.new { seed = seed, cloud = cloud } }
  for _, path in ipairs(BESIDE) do homes[#homes + 1] = plays.beside(homes[1], path) end
  local states = { {}, {}, {} }
  local ok, problem = fail.try(function()
    for _ = 1, rng:int(4, 9) do one_step(rng, homes, states) end
    end_all(rng, homes)
  end)
  if not ok then
    return fail.message(problem) .. "\n" .. tostring(problem.trace), homes[1]
  end
  for index, home in ipairs(homes) do
    local verdict = home.judge:verdict()
    if verdict then
      return verdict:gsub(": ", (" (home %d): "):format(index), 1), homes[1]
    end
  end
  return nil, homes[1]
end

return several
