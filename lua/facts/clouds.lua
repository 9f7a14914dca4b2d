-- SPDX-License-Identifier: MIT
-- The clouds by their cards, in the order in which they are shown. A card is found by its folder, so no list
-- names a cloud. They are the built-in cards, whatever lies in the user's folder, and copies of what a
-- provider goes by: what is known of a create, and what a provider can do, must not depend on a script that
-- gets this table.
local world = require "sandbox.world"

local clouds = {}

local function copy(values)
  local made = {}
  for key, value in next, values do -- order: free
    made[key] = value
  end
  return made
end

for _, name in ipairs(world.names("providers", "card")) do
  local card = copy(require(("providers.%s.card"):format(name)))
  card.capabilities = card.capabilities and copy(card.capabilities)
  card.timing = card.timing and copy(card.timing)
  clouds[#clouds + 1] = card
end
table.sort(clouds, function(a, b)
  local left, right = a.order or math.huge, b.order or math.huge
  return left < right or left == right and a.name < b.name
end)

--- The card of a cloud by its own name, or nil.
function clouds.known(name)
  for _, card in ipairs(clouds) do
    if card.name == name then return card end
  end
  return nil
end

--- The card that a person means: by the cloud's name or one of its aliases, or nil.
function clouds.find(word)
  for _, card in ipairs(clouds) do
    for _, alias in ipairs(card.aliases or {}) do
      if alias == word then return card end
    end
  end
  return clouds.known(word)
end

--- The cards of the clouds that can be rented from: those whose script is here. → array
function clouds.supported()
  local list, here = {}, {}
  for _, names in ipairs { world.names("providers"), world.own("providers") } do
    for _, name in ipairs(names) do
      here[name] = true
    end
  end
  for _, card in ipairs(clouds) do
    list[#list + 1] = here[card.name] and card or nil
  end
  return list
end

--- What clouds are called, for a sentence: "one, two and three". list: cards; field: name or title; word:
-- and, or
function clouds.listed(list, field, word)
  local names = {}
  for index, card in ipairs(list) do
    names[index] = card[field]
  end
  local last = table.remove(names)
  return #names == 0 and last or last and ("%s %s %s"):format(table.concat(names, ", "), word, last) or ""
end

--- The requests by which these clouds are asked for something that bills. → array of { method, pattern of the
-- path, the one body with which it rents nothing or nil }
function clouds.creates()
  local list = {}
  for _, card in ipairs(clouds) do
    for _, each in ipairs(card.creates or {}) do
      list[#list + 1] = { each[1], each[2], each[3] }
    end
  end
  return list
end

return clouds
