-- SPDX-License-Identifier: MIT
-- What models need and what holds them: the beginning of the weights, the table against the facts.
local host = require "sandbox.host"
local loader = require "sandbox.loader"
local gguf = require "engines.ollama.gguf"
local gpus = require "facts.gpus"
local models = require "facts.models"

local GIB = 2 ^ 30

local function flags(count, every)
  local list = {}
  for index = 1, count do
    list[index] = index % every ~= 0
  end
  return list
end

local KV, DIM, VALUE = "attention.head_count_kv", "attention.key_length", "attention.value_length"

return function(t)
  local weights = t:load("weights")

  local function describe(fields, family)
    return gguf.describe(assert(gguf.parse(weights.of(fields, family))))
  end

  t:case("weights: memory per token by the formulas of the facts (serving.md §2.2 to §2.4)", function()
    local rows = {
      { "qwen2.5-coder:14b", 192, { { "block_count", 48 }, { KV, 8 }, { DIM, 128 }, { VALUE, 128 } } },
      { "codellama:7b, key length from the embedding", 512,
        { { "block_count", 32 }, { "attention.head_count", 32 }, { KV, 32 }, { "embedding_length", 4096 } } },
      { "no head_count_kv: as many as heads", 512, { { "block_count", 32 }, { "attention.head_count", 32 },
        { "embedding_length", 4096 } } },
      { "deepseek-coder-v2:236b without MLA keys", 4800, { { "block_count", 60 }, { KV, 128 }, { DIM, 192 },
        { VALUE, 128 }, { "attention.kv_lora_rank", 512 }, { "rope.dimension_count", 64 } } },
      { "glm-4.7-flash, MLA", 52.875, { { "block_count", 47 }, { KV, 1 }, { DIM, 576 }, { VALUE, 512 },
        { "attention.kv_lora_rank", 512 }, { "attention.key_length_mla", 192 },
        { "rope.dimension_count", 64 } } },
      { "qwen3-coder-next, every fourth layer", 24, { { "block_count", 48 }, { KV, 2 }, { DIM, 256 },
        { "full_attention_interval", 4 } } },
      { "heads by layer, most of them none", 8,
        { { "block_count", 4 }, { KV, { 0, 8, 0, 8 } }, { DIM, 128 } } },
    }
    for _, row in ipairs(rows) do
      local told = t:ok(describe(row[3]), row[1])
      t:equal({ told.kv_bytes_per_token / 1024, told.kv_fixed_bytes, told.sparse },
        { row[2], 0, false }, row[1])
    end
  end)

  t:case("weights: a window costs the same whatever the context", function()
    local fields = { { "block_count", 24 }, { KV, 8 }, { DIM, 64 }, { VALUE, 64 },
      { "attention.sliding_window", 128 } }
    local told = describe(fields, "gptoss")
    t:equal({ told.kv_bytes_per_token, told.kv_fixed_bytes }, { 24 * 1024, 12 * 2048 * 640 },
      "gpt-oss:20b, every other layer")
    t:equal(describe(fields).kv_bytes_per_token, 48 * 1024,
      "an unknown family without a pattern: all layers count")
    fields[#fields + 1] = { "attention.sliding_window_pattern", flags(24, 6) }
    fields[#fields + 1] = { "attention.key_length_swa", 32 }
    fields[#fields + 1] = { "attention.value_length_swa", 32 }
    told = describe(fields)
    t:equal({ told.kv_bytes_per_token, told.kv_fixed_bytes }, { 4 * 2048, 20 * 1024 * 640 },
      "a flag for each layer, its own width")
    fields[6] = { "attention.sliding_window_pattern", 6 }
    t:equal(describe(fields).kv_bytes_per_token, 4 * 2048, "a period")
  end)

  t:case("weights: a mixture of experts reads what is not idle", function()
    local fields = { { "general.parameter_count", 3050000000 }, { "block_count", 48 }, { KV, 4 },
      { DIM, 128 }, { "context_length", 262144 }, { "embedding_length", 2048 }, { "expert_count", 128 },
      { "expert_used_count", 8 }, { "expert_feed_forward_length", 76 } }
    local told = describe(fields)
    local idle = 3 * 2048 * 76 * 48 * 120 / 1e9
    t:equal({ told.params, told.active, told.sparse, told.context }, { 3.05, 3.05 - idle, true, 262144 })
    table.remove(fields)
    told = describe(fields)
    told.bytes = 1e9
    t:equal({ told.active, models.speed(told, 1000) }, {},
      "no guess of how fast it is where the active share is not known")
  end)

  t:case("weights: pieces, damage and files that tell nothing", function()
    local whole = weights.of { { "block_count", 48 }, { KV, 4 }, { DIM, 128 } }
      .. weights.entry("tokenizer.ggml.model", "gpt2")
    for length = 4, #whole - 60 do
      local entries, _, code = gguf.parse(whole:sub(1, length))
      t:ok(entries or code == "short", "cut after " .. length)
    end
    local long = weights.file { { "general.architecture", "x" }, { "x.block_count", 1 },
      { "tokenizer.ggml.tokens", flags(10, 2) } }
    t:ok(gguf.parse(long:sub(1, -5)), "the vocabulary is not waited for")
    for _, text in ipairs { "", "{}", "GGML" .. ("\0"):rep(100) } do
      t:equal({ gguf.parse(text) }, { nil, "the weights are no GGUF file" })
    end
    local _, why, code = gguf.parse("GGUF" .. string.pack("<I4I8I8", 3, 1, 1)
      .. string.pack("<I8", -1 & 0xff << 40) .. ("x"):rep(50))
    t:ok(why and code == nil, "a key without end: " .. tostring(why))
    t:equal({ select(3, gguf.parse("GGUF" .. string.pack("<I4I8I8s8I4", 3, 1, 1, "k", 77))) }, {},
      "unknown type")
    t:ok(select(2, gguf.parse("GGUF" .. string.pack("<I4I8I8", 99, 1, 1))):find("version 99", 1, true))
    local _, nothing = gguf.describe {}
    t:ok(nothing:find("family", 1, true), nothing)
    for _, fields in ipairs { {}, { { "block_count", 0 } }, { { "block_count", 4 } }, { { "block_count", 4 },
      { KV, 0 }, { DIM, 128 } }, { { "block_count", 2 }, { KV, { 1 } }, { DIM, 128 } } } do
      local told, sentence = describe(fields)
      t:ok(told == nil and sentence:find("do not say", 1, true), tostring(sentence))
    end
  end)

  t:case("weights: whatever the bytes, one sentence or a number that makes sense", function()
    local seed = 7
    local function random(most)
      seed = (seed * 6364136223846793005 + 1442695040888963407)
      return (seed >> 33) % most + 1
    end
    local whole = weights.of { { "block_count", 8 }, { KV, { 4, 4, 0, 4, 4, 0, 4, 4 } }, { DIM, 128 },
      { "attention.sliding_window", 64 },
      { "attention.sliding_window_pattern", flags(8, 2) }, { "expert_count", 8 }, { "expert_used_count", 2 } }
    local understood = 0
    for _ = 1, 3000 do
      local text = whole
      for _ = 1, random(3) do
        local at = random(#text)
        text = text:sub(1, at - 1) .. string.char(random(256) - 1) .. text:sub(at + 1)
      end
      local entries, why = gguf.parse(text)
      local told = entries and gguf.describe(entries)
      t:ok(entries or not why:find("%.lua:%d"), tostring(why))
      understood = understood + (told and 1 or 0)
      t:ok(not told or told.kv_bytes_per_token >= 0 and told.kv_fixed_bytes >= 0, "no number below nothing")
    end
    t:ok(understood > 300, understood .. " were understood")
  end)

  t:case("the table: GPU memory of serving.md §2.3 at 32k, 64k and 128k", function()
    local rows = {
      { "qwen3-coder:30b", 21.8, 24.8, 30.8 }, { "qwen3-coder-next", 50.4, 51.2, 52.7 }, { "qwen3-coder:480b",
        279, 287, 303 }, { "gpt-oss:20b", 15.1, 15.8, 17.3 }, { "gpt-oss:120b", 63.5, 64.6, 66.9 },
      { "devstral:24b", 19.8, 24.8, 34.8 }, { "devstral-small-2:24b", 20.6, 25.6, 35.6 },
      { "devstral-2:123b", 82.3, 93.3, 115 }, { "glm-4.7-flash", 20.9, 22.5, 25.8 },
      { "qwen3.6:27b", 19.7, 21.7, 25.7 }, { "qwen3.6:35b", 24.5, 25.1, 26.4 }, { "qwen3.5:122b", 78 },
      { "nemotron-3-nano:30b", 24.3 }, { "laguna-s-2.1", 73, 74, 77 }, { "deepseek-v3.1:671b", 380 },
    }
    for _, row in ipairs(rows) do
      local model = t:ok(models.find(row[1]), row[1])
      for index, context in ipairs { 32768, 65536, 131072 } do
        local wanted = row[index + 1]
        local need = models.need(model, context) * 0.95 * 1e9 / GIB
        -- Sizes that are only known roughly were rounded by the facts, too.
        local slack = wanted and math.max(0.7, wanted * 0.006)
        t:ok(not wanted or math.abs(need - wanted) <= slack,
          ("%s at %d needs %.2f GiB"):format(row[1], context, need))
      end
    end
  end)

  t:case("the table: names of the PRD that exist, none that do not, every tier's "
    .. "default in the flag's help", function()
    for name in ([[qwen2.5-coder:7b deepseek-coder:6.7b codellama:7b starcoder2:7b qwen2.5-coder:14b
      qwen2.5-coder:32b deepseek-coder:33b codellama:34b codellama:70b
      deepseek-coder-v2:236b]]):gmatch("%S+") do
      t:ok(models.find(name), name)
    end
    t:equal(models.find "qwen2.5-coder:72b", nil)
    local doc = require("facts.flags").long("tier").doc
    for _, tier in ipairs(models.tier_names) do
      t:ok(doc:find(("%s (%s)"):format(tier, models.tiers[tier]), 1, true), doc)
    end
  end)

  t:case("the simulated registry's weights say what the table says", function()
    local simulated = loader.new { host = host, scripts = { t.root }, user = false }
    local registry, library = simulated.require "cloudsim.registry.handler",
      simulated.require "cloudsim.registry.models"
    local world = { tick = function() end, note = function() end, faults = { take = function() end } }
    local count = 0
    for _, row in ipairs(library.list) do
      local known = models.find(row.name)
      local digest = library.layers(row)[1].digest
      local response = registry.handler({ method = "GET", path = "/storage/" .. digest,
        headers = { range = "bytes=0-262143" } }, world)
      local told = t:ok(gguf.describe(t:ok(gguf.parse(response.body), row.name)), row.name)
      if known and known.kv_bytes_per_token then
        count = count + 1
        t:ok(math.abs(told.kv_bytes_per_token - known.kv_bytes_per_token) < 1024,
          row.name .. " " .. told.kv_bytes_per_token / 1024)
        t:equal(told.context, known.context, row.name)
      end
      if row.name == "qwen3-coder:30b" then
        t:ok(math.abs(told.active - known.active) < 0.05, "active " .. tostring(told.active))
      end
    end
    t:ok(count > 20, count .. " models")
  end)

  t:case("speed and the context that fits (serving.md §2.5)", function()
    local rows = { { "a6000", 27, 108 }, { "l40s", 30, 121 }, { "rtx6000-ada", 34, 134 },
      { "a100-40", 55, 218 }, { "h200", 169, 250 } }
    for _, row in ipairs(rows) do
      local gpu = gpus.find(row[1])
      t:ok(math.abs(models.speed(models.find "qwen2.5-coder:32b", gpu.bandwidth) - row[2]) < 1,
        row[1] .. " dense")
      t:ok(math.abs(models.speed(models.find "qwen3-coder:30b", gpu.bandwidth) - row[3]) < 3,
        row[1] .. " sparse")
    end
    local model = models.find "qwen3-coder:30b"
    local most = models.most_context(model, gpus.capacity_gb(gpus.find "rtx4090"))
    t:ok(models.need(model, most) <= gpus.capacity_gb(gpus.find "rtx4090"), "it fits")
    t:ok(models.need(model, most + 1024) > gpus.capacity_gb(gpus.find "rtx4090"), "and no more does")
    t:equal({ models.most_context(model, 1), models.most_context(model, 1000) }, { 0, 262144 })
  end)

  t:case("machines: the smallest that holds it, each further card costs half a GiB", function()
    local function least(need)
      local gpu, count = gpus.least(need)
      return gpu and gpu.name, count
    end
    t:equal({ least(10) }, { "t4", 1 })
    t:equal({ least(25.5) }, { "rtx4090", 1 }, "a 24 GB card that reports all of it")
    t:equal({ least(210) }, { "h200", 2 })
    t:equal({ least(5000) }, {})
    t:equal(gpus.count_for(gpus.find "a100-80", 171), 2)
    t:equal(gpus.count_for(gpus.find "a100-80", 171.6), 4, "two cards lose half a GiB")
  end)
end
