-- SPDX-License-Identifier: MIT
-- "Did you mean": the nearest of some names. Pure.
local suggest = {}

local SHORT = 3 -- letters
local LONGEST = 64 -- bytes of a word that can be meant for a name

--- Number of single-letter changes (insert, delete, replace, swap of neighbours) between two words.
function suggest.distance(a, b)
  local before, previous = nil, {}
  for j = 0, #b do
    previous[j] = j
  end
  for i = 1, #a do
    local current = { [0] = i }
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      local best = math.min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + cost)
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        best = math.min(best, before[j - 2] + 1)
      end
      current[j] = best
    end
    before, previous = previous, current
  end
  return previous[#b]
end

-- How far apart two words may be to be meant for each other: every third letter of the shorter one.
local function limit(word, name)
  return math.max(1, math.min(#word:gsub("^%-+", ""), #name:gsub("^%-+", "")) // 3)
end

local function is_near(word, name, distance, acts)
  local letters = #word:gsub("^%-+", "")
  return distance <= limit(word, name) and (letters > SHORT or not acts)
end

--- The names nearest to a word, best first, at most `count` (1); none when all are far away. Beginnings count
-- as near. What rents, ends or agrees (names.acts[name]) is never near to a word of few letters, to which any
-- word of few letters is near.
function suggest.nearest(word, names, count)
  local found = {}
  if #word > LONGEST then return found end
  local lower = word:lower()
  for index, name in ipairs(names) do
    local distance = suggest.distance(lower, name:lower())
    local at = name:lower():find(lower, 1, true)
    if at and #word >= SHORT and (#word > SHORT or at == 1) then
      distance = math.min(distance, 1)
    end
    if is_near(lower, name, distance, names.acts and names.acts[name]) then
      found[#found + 1] = { name = name, distance = distance, index = index }
    end
  end
  table.sort(found, function(a, b)
    if a.distance ~= b.distance then return a.distance < b.distance end
    return a.index < b.index
  end)
  local best = {}
  for index = 1, math.min(count or 1, #found) do
    best[index] = found[index].name
  end
  return best
end

--- "; did you mean X?", or `otherwise` ("") when nothing is near.
function suggest.hint(word, names, otherwise)
  local best = suggest.nearest(word, names)[1]
  return best and "; did you mean " .. best .. "?" or otherwise or ""
end

return suggest
