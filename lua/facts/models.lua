-- SPDX-License-Identifier: MIT
-- Coding models that are known by name (facts/serving.md §2.2, §2.3). Any other name of the registry works too; this table adds
-- what the
-- registry does not say: memory per token of context, the trained context, what the model is good for.
-- bytes: sum of the manifest's layers (2026-02-16), exact = false where only a rounded size is known. Memory per token in KiB at
-- 16 bits.
local M = {}

local function row(tier, name, bytes, kv_kib, context_k, params, active, tools, quality, exact)
  return {
    name = name, bytes = bytes, kv_bytes_per_token = kv_kib * 1024, context = context_k * 1024, tier = tier, params = params,
    active = active, tools = tools, quality = quality, exact = exact ~= false,
  }
end

M.list = {
  row("small", "gpt-oss:20b", 13793441244, 24, 128, 21, 3.6, true, 4),
  row("small", "qwen2.5-coder:1.5b", 986000000, 28, 32, 1.5, 1.5, true, 2, false),
  row("small", "qwen2.5-coder:7b", 4683087561, 56, 32, 7.6, 7.6, true, 3),
  row("small", "qwen2.5-coder:14b", 8988124298, 192, 32, 14.8, 14.8, true, 4),
  row("small", "devstral-small-2:24b", 15177374099, 160, 256, 24, 24, true, 4),
  row("small", "devstral:24b", 14333928046, 160, 128, 24, 24, true, 4),
  row("small", "deepseek-coder:6.7b", 3827834503, 512, 16, 6.7, 6.7, false, 2),
  row("small", "codellama:7b", 3825910662, 512, 16, 6.7, 6.7, false, 1),
  row("small", "starcoder2:7b", 4042813088, 64, 16, 7, 7, false, 1),
  row("medium", "qwen3-coder:30b", 18556700761, 96, 256, 30.5, 3.3, true, 5),
  row("medium", "qwen3.6:27b", 17000000000, 64, 256, 27, 27, true, 5, false),
  row("medium", "qwen3.6:35b", 24000000000, 20, 256, 35, 3, true, 5, false),
  row("medium", "glm-4.7-flash", 19019270852, 53, 198, 30, 3, true, 4),
  row("medium", "nemotron-3-nano:30b", 24271934866, 6, 1024, 31.6, 3.5, true, 4),
  row("medium", "qwen2.5-coder:32b", 19851349898, 256, 32, 32.8, 32.8, true, 4),
  row("medium", "deepseek-coder:33b", 18819456424, 248, 16, 33, 33, false, 2),
  row("medium", "codellama:34b", 19052049085, 192, 16, 34, 34, false, 2),
  row("large", "qwen3-coder-next", 51741611823, 24, 256, 80, 3, true, 5),
  row("large", "gpt-oss:120b", 65369818941, 36, 128, 117, 5.1, true, 5),
  row("large", "devstral-2:123b", 74897651260, 352, 256, 123, 123, true, 5),
  row("large", "codellama:70b", 38872431643, 320, 4, 69, 69, false, 2),
  row("large", "qwen3-coder:480b", 290058836445, 248, 256, 480, 35, true, 5),
  row("large", "deepseek-coder-v2:236b", 132912470986, 4800, 160, 236, 21, false, 3),
}

-- What a tier means when no model is named.
M.tiers = { small = "gpt-oss:20b", medium = "qwen3-coder:30b", large = "qwen3-coder-next" }
M.tier_names = { "small", "medium", "large" }

local by_name = {}
for _, model in ipairs(M.list) do
  by_name[model.name] = model
end

--- The row of a model, or nil. "name" and "name:latest" are the same.
function M.find(name)
  return by_name[name] or by_name[name:gsub(":latest$", "")]
end

--- Names in the order of the table.
function M.names()
  local names = {}
  for index, model in ipairs(M.list) do
    names[index] = model.name
  end
  return names
end

local GIB = 2 ^ 30

--- Memory on the cards in GB (10⁹) that a model needs, the driver's reserve of 5 % included (facts/serving.md §2.4).
-- bytes: weights; kv: bytes per token of context; context: tokens.
function M.vram_gb(bytes, kv, context)
  local need = bytes + kv * context + 1.5 * GIB
  return need / 0.95 / 1e9
end

--- Memory per token for a model that is not in the table: a pessimistic figure from its size.
function M.guess_kv(bytes)
  if bytes < 6e9 then
    return 128 * 1024
  end
  if bytes < 30e9 then
    return 256 * 1024
  end
  return 360 * 1024
end

--- Estimated tokens per second for one stream; nil when the bandwidth (GB/s) is unknown (facts/serving.md §2.5).
function M.speed(model, bandwidth)
  if not bandwidth or bandwidth <= 0 then
    return nil
  end
  local sparse = model.active and model.params and model.active < model.params * 0.5
  local read = sparse and model.bytes * model.active / model.params or model.bytes
  local rate = (sparse and 0.28 or 0.70) * bandwidth * 1e9 / read
  return math.min(rate, 250)
end

return M
