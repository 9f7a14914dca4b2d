-- SPDX-License-Identifier: MIT
-- How many nodes a model takes that is served more than once, or that is larger than a node
-- (facts/coreweave.md §3.5, §3.14). Pure.
local gpus = require "facts.gpus"

local replicas = {}

local COUNTS = { 1, 2, 4, 8 } -- cards of one replica, the least that hold the model
local MOST_PODS = 16          -- nodes of one replica

local function holds(gpu, count, want)
  return gpus.fits({ vram_gb = gpu.vram, gpus = count }, want)
end

-- Cards of one replica on one node, or nil: none holds it.
local function cards_of(row, gpu, want)
  if want.gpus and want.gpus <= row.gpus and holds(gpu, want.gpus, want) then return want.gpus end
  for _, count in ipairs(COUNTS) do
    if count <= row.gpus and holds(gpu, count, want) then return count end
  end
  return nil
end

-- Nodes of one replica that is larger than one of them, or nil.
local function pods_of(row, gpu, want)
  for count = 2, MOST_PODS do
    if holds(gpu, row.gpus * count, want) then return count end
  end
  return nil
end

local function too_large(row, gpu, want)
  local node = ("a node of %d × %s has %d GB"):format(row.gpus, gpu.title, gpu.vram * row.gpus)
  if not want.spans then
    return ("larger than a node: %s cannot spread one model over nodes, and %s needs %.1f GB; %s"):format(
      want.engine, want.model.name, want.vram_gb, node)
  end
  return ("larger than %d nodes: %s needs %.1f GB; %s"):format(MOST_PODS, want.model.name, want.vram_gb, node)
end

--- What a kind of node makes of a wish. row: of the card's prices; gpu: of facts.gpus
-- → nil: one machine serves it, as ever; or { replicas=, cards = of one replica, pods = of one replica (one
-- on each node), nodes = in all }, and where it does not fit, a sentence
function replicas.plan(row, gpu, want)
  local wanted, need = want.replicas or 1, want.vram_gb
  local cards = need and cards_of(row, gpu, want)
  if not need or wanted == 1 and cards then return nil end
  if cards then
    return { replicas = wanted, cards = cards, pods = 1, nodes = math.ceil(wanted / (row.gpus // cards)) }
  end
  local pods = want.spans and pods_of(row, gpu, want) or nil
  local set = { replicas = wanted, cards = row.gpus * (pods or 1), pods = pods or 1,
    nodes = wanted * (pods or 1) }
  return set, not pods and too_large(row, gpu, want) or nil
end

return replicas
