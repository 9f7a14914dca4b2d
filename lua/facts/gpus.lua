-- SPDX-License-Identifier: MIT
-- Graphics cards by our names (facts/serving.md §2.5); what a cloud calls them is in its own card (`gpus` of
-- lua/providers/*/card.lua).
-- vram: marketed GB of one card; bandwidth: GB/s; also: what people say.
local gpus = {}

gpus.list = {
  { name = "a100-40", title = "A100 40GB", vram = 40, bandwidth = 1555, also = { "A100" } },
  { name = "a100-80", title = "A100 80GB", vram = 80, bandwidth = 1935, also = { "A100" } },
  { name = "a6000", title = "RTX A6000 48GB", vram = 48, bandwidth = 768, also = { "6000" } },
  { name = "rtx6000-ada", title = "RTX 6000 Ada 48GB", vram = 48, bandwidth = 960,
    also = { "6000", "A6000 Ada" } },
  { name = "rtx-pro-6000", title = "RTX PRO 6000 96GB", vram = 96, bandwidth = 1597,
    also = { "6000", "6000 Blackwell", "PRO 6000 Blackwell" } },
  { name = "h100", title = "H100 80GB", vram = 80, bandwidth = 2039 },
  { name = "h100-94", title = "H100 NVL 94GB", vram = 94, bandwidth = 3938 },
  { name = "h200", title = "H200 141GB", vram = 141, bandwidth = 4800 },
  { name = "b200", title = "B200 180GB", vram = 180, bandwidth = 8000 },
  { name = "l40s", title = "L40S 48GB", vram = 48, bandwidth = 864 },
  { name = "l40", title = "L40 48GB", vram = 48, bandwidth = 864 },
  { name = "a40", title = "A40 48GB", vram = 48, bandwidth = 696 },
  { name = "rtx5090", title = "RTX 5090 32GB", vram = 32, bandwidth = 1792 },
  { name = "rtx4090-48", title = "RTX 4090 48GB (modified)", vram = 48, bandwidth = 1008 },
  { name = "rtx4090", title = "RTX 4090 24GB", vram = 24, bandwidth = 1008 },
  { name = "rtx3090", title = "RTX 3090 24GB", vram = 24, bandwidth = 936 },
  { name = "l4", title = "L4 24GB", vram = 24, bandwidth = 300 },
  { name = "a10", title = "A10 24GB", vram = 24, bandwidth = 600 },
  { name = "v100", title = "Tesla V100", vram = 16, bandwidth = 900 },
  { name = "t4", title = "Tesla T4 16GB", vram = 16, bandwidth = 320 },
}

-- MiB that drivers report, where it is not the marketed number of GiB (facts/vast.md §1.5; l4, a10, t4 and
-- v100 as their drivers usually say, unverified).
local REPORTED = {
  ["a6000"] = 49140, ["rtx6000-ada"] = 49140, ["rtx-pro-6000"] = 97887, ["h100"] = 81559, ["h100-94"] = 95830,
  ["h200"] = 143771, ["b200"] = 183359, ["l40s"] = 46068, ["l40"] = 46068, ["a40"] = 46068,
  ["rtx5090"] = 32607, ["rtx4090-48"] = 49140,
  ["rtx4090"] = 24564, ["l4"] = 23034, ["a10"] = 23028, ["t4"] = 15360, ["v100"] = 16160,
}
-- what each card after the first costs, the driver's reserve included
local CARD_GB = 0.5 * 2 ^ 30 / 0.95 / 1e9
local COUNTS = { 1, 2, 4, 8 }

-- What people ask for by the name of several cards, of which the policy takes what fits and costs least.
-- vram, bandwidth: of the smallest.
local families = {
  { name = "a100", title = "A100", vram = 40, bandwidth = 1555,
    members = { ["a100-40"] = true, ["a100-80"] = true } },
}

local by_name = {}
for _, list in ipairs { gpus.list, families } do
  for _, gpu in ipairs(list) do
    by_name[gpu.name] = gpu
  end
end

--- Is the card `name` what was asked for? wanted: one of our names, a family's too
function gpus.is(wanted, name)
  local row = by_name[wanted]
  return wanted == name or row ~= nil and row.members ~= nil and row.members[name] == true
end

--- The row of one of our names, a family's too, or nil.
function gpus.find(name)
  return by_name[name]
end

local PLAIN = { "nvidia", "geforce", "tesla", "quadro", "rtx", "gb" }

local function plain(text)
  text = text:lower():gsub("[^%w]", "")
  for _, word in ipairs(PLAIN) do
    text = text:gsub(word, "")
  end
  return text
end

--- What a cloud calls a card or a family of ours: exact names, each once. native: `gpus` of the cloud's card.
-- → array
function gpus.names_at(native, wanted)
  local names, seen = {}, {}
  for _, entry in ipairs(native) do
    for _, name in ipairs(gpus.is(wanted, entry[1]) and entry.names or {}) do
      if not seen[name] then
        names[#names + 1], seen[name] = name, true
      end
    end
  end
  return names
end

-- Do people, or a cloud, call a card so?
local function called(row, text)
  local lists = { row.also or {} }
  for _, cloud in ipairs(require "facts.clouds") do
    lists[#lists + 1] = gpus.names_at(cloud.gpus or {}, row.name)
  end
  for _, list in ipairs(lists) do
    for _, name in ipairs(list) do
      if plain(name) == text then return true end
    end
  end
  return false
end

-- The family that all of these rows belong to, if there is one.
local function family_of(rows)
  for _, family in ipairs(families) do
    local all = #rows > 0
    for _, row in ipairs(rows) do
      all = all and family.members[row.name]
    end
    if all then return family end
  end
  return nil
end

--- The card that a person means: by our name, its title, or a name that clouds and people use; a family where
-- all that may be meant are of one.
-- → row; or nil and the rows that may be meant (none: nobody knows it)
function gpus.meant(text)
  local wanted, found = plain(text), {}
  if by_name[text:lower()] then return by_name[text:lower()] end
  for _, row in ipairs(gpus.list) do
    if wanted ~= "" and (plain(row.name) == wanted or plain(row.title) == wanted) then
      return row
    end
    found[#found + 1] = wanted ~= "" and called(row, wanted) and row or nil
  end
  if #found == 1 then return found[1] end
  local family = family_of(found)
  if family then return family end
  return nil, found
end

--- Our names, in the order of the table.
function gpus.names()
  local names = {}
  for index, gpu in ipairs(gpus.list) do
    names[index] = gpu.name
  end
  return names
end

local function is_named(entry, name)
  if entry.prefix then return name:sub(1, #entry.prefix) == entry.prefix end
  for _, each in ipairs(entry.names) do
    if each == name then return true end
  end
  return false
end

--- Our row for a card of a cloud, or nil when we have no name for it.
-- @param native `gpus` of the cloud's card
-- @param name as the cloud says it
-- @param memory what the cloud says of its size, in the unit of its card; nil: not known
function gpus.at(native, name, memory)
  for _, entry in ipairs(native) do
    local range = entry.memory
    if is_named(entry, name) and (not range or (memory and memory >= range[1] and memory < range[2])) then
      return by_name[entry[1]]
    end
  end
  return nil
end

--- MiB, as drivers report it, in GB (10⁹).
function gpus.gb_of_mib(mib)
  return mib * 1048576 / 1e9
end

--- What several cards hold together, in GB: each after the first costs half a GiB of its own
-- (facts/serving.md §2.4).
function gpus.together(vram_gb, count)
  return vram_gb * count - CARD_GB * (count - 1)
end

--- Can the cards of an offer hold what is wanted?
function gpus.fits(offer, want)
  return gpus.together(offer.vram_gb, offer.gpus) >= want.vram_gb
end

--- Memory of one card of the table in GB (10⁹), as its driver reports it.
function gpus.capacity_gb(gpu)
  return gpus.gb_of_mib(REPORTED[gpu.name] or gpu.vram * 1024)
end

--- The least number of cards (1, 2, 4 or 8) of a row that hold `need` GB, or nil.
function gpus.count_for(gpu, need)
  for _, count in ipairs(COUNTS) do
    if gpus.together(gpus.capacity_gb(gpu), count) >= need then return count end
  end
  return nil
end

--- Rows from the smallest card to the biggest, equal ones by their bandwidth.
function gpus.by_size()
  local list = { table.unpack(gpus.list) }
  table.sort(list, function(a, b)
    local left, right = gpus.capacity_gb(a), gpus.capacity_gb(b)
    if left ~= right then return left < right end
    if a.bandwidth ~= b.bandwidth then return a.bandwidth < b.bandwidth end
    return a.name < b.name
  end)
  return list
end

--- The smallest machine of the table that holds `need` GB: fewest cards, then least memory.
-- → row, number of cards, or nil
function gpus.least(need)
  local best, fewest
  for _, gpu in ipairs(gpus.by_size()) do
    local count = gpus.count_for(gpu, need)
    if count and (not fewest or count < fewest) then
      best, fewest = gpu, count
    end
  end
  return best, fewest
end

return gpus
