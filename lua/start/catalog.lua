-- SPDX-License-Identifier: MIT
-- What fits where: models of the table (or of start.sizing) against the cards of the table. Pure.
local gpus = require "facts.gpus"
local models = require "facts.models"

local catalog = {}

local CONTEXTS = { 4096, 16384, 32768, 65536, 131072, 262144 }

--- A model at a context. asked: tokens. → { model=, context= what is had, need= GB, gpu=, count= the smallest
-- machine, or nil, default = is it what its tier means? }
function catalog.entry(model, asked)
  local context = models.context(model, asked)
  local need = models.need(model, context)
  local gpu, count = gpus.least(need)
  return { model = model, context = context, need = need, gpu = gpu, count = count,
    default = models.tiers[model.tier] == model.name }
end

--- The table's models, by tier and in the table's order. tier: only this one, or nil. → array of entries
function catalog.list(asked, tier)
  local list = {}
  for _, name in ipairs(models.tier_names) do
    for _, model in ipairs(models.list) do
      if model.tier == name and (not tier or tier == name) then
        list[#list + 1] = catalog.entry(model, asked)
      end
    end
  end
  return list
end

--- Memory at several contexts up to the longest, the asked one among them. → array of entries
function catalog.contexts(model, asked)
  local wanted, list = { [models.context(model, asked)] = true }, {}
  for _, context in ipairs(CONTEXTS) do
    wanted[models.context(model, context)] = true
  end
  if model.context then
    wanted[model.context] = true
  end
  for context in next, wanted do -- order: sorted below
    list[#list + 1] = catalog.entry(model, context)
  end
  table.sort(list, function(a, b)
    return a.context < b.context
  end)
  return list
end

--- The cards that hold a model at a context, smallest first.
-- → array of { gpu=, count=, room= GB, speed=|nil, most= tokens }
function catalog.cards(model, context)
  local need, list = models.need(model, context), {}
  for _, gpu in ipairs(gpus.by_size()) do
    local count = gpus.count_for(gpu, need)
    if count then
      local room = gpus.together(gpus.capacity_gb(gpu), count)
      list[#list + 1] = { gpu = gpu, count = count, room = room, speed = models.speed(model, gpu.bandwidth),
        most = models.most_context(model, room) }
    end
  end
  return list
end

--- Which models a machine holds. machine: { vram_gb= of one card, gpus=, bandwidth=|nil }; strict: a model
-- that was trained for less than `asked` tokens does not do. → { fits = {{model=, context=, need=, speed=,
-- most=, default=}, …}, too_big = {entries}, short = {entries} }
function catalog.fit(entries, machine, asked, strict)
  local room = gpus.together(machine.vram_gb, machine.gpus)
  local found = { fits = {}, too_big = {}, short = {}, room = room }
  for _, entry in ipairs(entries) do
    if strict and entry.context < asked then
      table.insert(found.short, entry)
    elseif entry.need > room then
      table.insert(found.too_big, entry)
    else
      entry.speed, entry.most = models.speed(entry.model, machine.bandwidth),
        models.most_context(entry.model, room)
      table.insert(found.fits, entry)
    end
  end
  return found
end

return catalog
