-- SPDX-License-Identifier: MIT
-- Coding models that are known by name (facts/serving.md §2.2, §2.3). Any other name of the registry works
-- too; this table adds what the manifest does not say: memory per token of context, the trained context, what
-- the model is good for. bytes: sum of the manifest's layers (2026-02-16), rounded where only a rounded size
-- is known. Memory per token in KiB at 16 bits, nil where the facts give none: it is then read from the
-- weights, or guessed. params, active: thousands of millions. qwen2.5-coder declares tools, and its calls
-- come as text in Ollama (facts/additions-2026-11.md), so it has none.
local models = {}

local function row(tier, name, bytes, kv_kib, context_k, params, active, tools, quality, extra)
  local model = extra or {}
  model.name, model.bytes, model.kv_bytes_per_token = name, bytes, kv_kib and kv_kib * 1024
  model.context, model.tier, model.params, model.active = context_k * 1024, tier, params, active
  model.tools, model.quality = tools, quality
  return model
end

models.list = {
  row("small", "gpt-oss:20b", 13793441244, 24, 128, 21, 3.6, true, 4),
  row("small", "qwen2.5-coder:1.5b", 986000000, 28, 32, 1.5, 1.5, false, 2,
    { rounded = true, note = "completion" }),
  row("small", "qwen2.5-coder:7b", 4683087561, 56, 32, 7.6, 7.6, false, 3, { note = "completion" }),
  row("small", "qwen2.5-coder:14b", 8988124298, 192, 32, 14.8, 14.8, false, 4),
  row("small", "qwen3.5:9b", 6600000000, nil, 256, 9, 9, true, 4, { rounded = true }),
  row("small", "devstral-small-2:24b", 15177374099, 160, 256, 24, 24, true, 4),
  row("small", "devstral:24b", 14333928046, 160, 128, 24, 24, true, 4),
  row("small", "deepseek-coder:6.7b", 3827834503, 512, 16, 6.7, 6.7, false, 2, { note = "old" }),
  row("small", "codellama:7b", 3825910662, 512, 16, 6.7, 6.7, false, 1, { note = "old" }),
  row("small", "starcoder2:7b", 4042813088, 64, 16, 7, 7, false, 1, { note = "completion" }),
  row("medium", "qwen3-coder:30b", 18556700761, 96, 256, 30.5, 3.3, true, 5),
  row("medium", "qwen3.6:27b", 17000000000, 64, 256, 27, 27, true, 5, { rounded = true }),
  row("medium", "qwen3.6:35b", 24000000000, 20, 256, 35, 3, true, 5, { rounded = true }),
  row("medium", "qwen3.5:27b", 17000000000, 64, 256, 27, 27, true, 4, { rounded = true }),
  row("medium", "qwen3.5:35b", 24000000000, 20, 256, 35, 3, true, 4, { rounded = true }),
  row("medium", "glm-4.7-flash", 19019270852, 53, 198, 30, 3, true, 4),
  row("medium", "gemma4:26b", 18000000000, nil, 256, 26, 4, true, 4, { rounded = true }),
  row("medium", "gemma4:31b", 20000000000, nil, 256, 31, 31, true, 4, { rounded = true }),
  row("medium", "nemotron-3-nano:30b", 24271934866, 6, 1024, 31.6, 3.5, true, 4),
  row("medium", "qwen2.5-coder:32b", 19851349898, 256, 32, 32.8, 32.8, false, 4),
  row("medium", "deepseek-coder:33b", 18819456424, 248, 16, 33, 33, false, 2, { note = "old" }),
  row("medium", "codellama:34b", 19052049085, 192, 16, 34, 34, false, 2, { note = "old" }),
  row("large", "qwen3-coder-next", 51741611823, 24, 256, 80, 3, true, 5),
  row("large", "gpt-oss:120b", 65369818941, 36, 128, 117, 5.1, true, 5),
  row("large", "devstral-2:123b", 74897651260, 352, 256, 123, 123, true, 5),
  row("large", "laguna-s-2.1", 75000000000, 48, 256, 118, 8, true, 4, { rounded = true }),
  row("large", "qwen3.5:122b", 81000000000, 24, 256, 122, 10, true, 5, { rounded = true }),
  row("large", "codellama:70b", 38872431643, 320, 4, 69, 69, false, 2, { note = "old" }),
  row("large", "qwen3-coder:480b", 290058836445, 248, 256, 480, 35, true, 5),
  row("large", "deepseek-v3.1:671b", 404494157743, 69, 160, 671, 37, true, 5),
  row("large", "deepseek-coder-v2:236b", 132912470986, 4800, 160, 236, 21, false, 3, { note = "old" }),
}

-- What a tier means when no model is named.
models.tiers = { small = "gpt-oss:20b", medium = "qwen3-coder:30b", large = "qwen3-coder-next" }
models.tier_names = { "small", "medium", "large" }

local by_name = {}
for _, model in ipairs(models.list) do
  by_name[model.name] = model
end

--- The row of a model, or nil. "name" and "name:latest" are the same.
function models.find(name)
  return by_name[name] or by_name[name:gsub(":latest$", "")]
end

--- Names in the order of the table.
function models.names()
  local names = {}
  for index, model in ipairs(models.list) do
    names[index] = model.name
  end
  return names
end

local GIB = 2 ^ 30
local RESERVE = 0.95 -- of the card's memory may be used (driver, ECC)
local BUFFERS = 1.5 * GIB -- the server's own context and buffers; gpus.fits adds what further cards cost

--- Memory on the cards in GB (10⁹) that a model needs, the driver's reserve of 5 % included (facts/serving.md
-- §2.4). bytes: weights; kv: bytes per token of context; context: tokens; fixed: bytes of context memory that
-- do not grow with it.
function models.vram_gb(bytes, kv, context, fixed)
  local need = bytes + kv * context + (fixed or 0) + BUFFERS
  return need / RESERVE / 1e9
end

--- Memory per token for a model of which nobody knows it: a pessimistic figure from its size.
function models.guess_kv(bytes)
  if bytes < 6e9 then return 128 * 1024 end
  if bytes < 30e9 then return 256 * 1024 end
  return 360 * 1024
end

--- Memory that a row (or what start.sizing makes of one) needs at a context, in GB;
-- context memory is guessed when not known.
function models.need(model, context)
  return models.vram_gb(model.bytes, model.kv_bytes_per_token or models.guess_kv(model.bytes), context,
    model.kv_fixed_bytes)
end

--- The most context that fits `room_gb` of memory (GB), in whole thousands of tokens and never more than
-- was trained; 0 for none.
function models.most_context(model, room_gb)
  local kv = model.kv_bytes_per_token or models.guess_kv(model.bytes)
  local left = room_gb * 1e9 * RESERVE - model.bytes - BUFFERS - (model.kv_fixed_bytes or 0)
  if left < 0 then return 0 end
  return models.context(model, math.min(left // (kv * 1024), 1 << 20) * 1024 // 1 | 0)
end

--- The context that is had when `asked` tokens are wanted: never more than the model was trained for.
function models.context(model, asked)
  return model.context and math.min(model.context, asked) or asked
end

-- Share of the card's bandwidth that decoding one stream reaches, and what no card gets beyond
-- (facts/serving.md §2.5, calibrated on consumer cards; not verified on HBM).
models.EFFICIENCY = { dense = 0.70, sparse = 0.28 }
models.SPEED_CAP = 250

--- How a model is read for one token: bytes (of a mixture of experts only the active share), and the
-- efficiency to expect. → bytes, efficiency, "dense" | "sparse"; nil for a mixture of experts whose active
-- share nobody knows.
function models.reads(model)
  if model.sparse and not model.active then return nil end
  if model.active and model.params and model.active < model.params * 0.5 then
    return model.bytes * model.active / model.params, models.EFFICIENCY.sparse, "sparse"
  end
  return model.bytes, models.EFFICIENCY.dense, "dense"
end

--- Estimated tokens per second for one stream; nil when the bandwidth (GB/s of one card) is unknown. Several
-- cards hold a layer each in turn, so they are no faster than one.
function models.speed(model, bandwidth)
  if not bandwidth or bandwidth <= 0 then return nil end
  local bytes, efficiency = models.reads(model)
  return bytes and math.min(efficiency * bandwidth * 1e9 / bytes, models.SPEED_CAP)
end

return models
