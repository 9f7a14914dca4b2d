-- SPDX-License-Identifier: MIT
--- The model library as the registry face shows it. `bytes` is the sum of the layers of the manifest
--- (facts/serving.md §2.2, §2.3); `about` marks a size that nobody measured exactly. `layers`, `kv_heads`,
--- `head_dim`, `value_dim`, `heads` and `gguf` (further keys of the family) are for the GGUF header (numbers
--- of §2.2, §2.3); `full` is how many layers keep the whole context, when not all do.
local random = require "cloudsim.random"

local models = {}

local QWEN2, LLAMA, CODER = "qwen2", "llama", "qwen3moe"
local HYBRID = { { "full_attention_interval", 4 } }
local WINDOW = { { "attention.sliding_window", 128 } }
local MLA = { { "attention.kv_lora_rank", 512 }, { "attention.key_length_mla", 192 },
  { "attention.value_length_mla", 128 }, { "rope.dimension_count", 64 } }

-- One layer of `every` has `value`, the others `other`.
local function alternating(layers, every, value, other)
  local list = {}
  for i = 1, layers do
    if i % every == 0 then
      list[i] = value
    else
      list[i] = other
    end
  end
  return list
end

models.list = {
  { name = "qwen2.5-coder:1.5b", bytes = 986062089, context = 32768, size = "1.5B", family = QWEN2,
    layers = 28, kv_heads = 2, tools = true },
  { name = "qwen2.5-coder:7b", bytes = 4683087561, context = 32768, size = "7.6B", family = QWEN2,
    layers = 28, kv_heads = 4, tools = true },
  { name = "qwen2.5-coder:14b", bytes = 8988124298, context = 32768, size = "14.8B", family = QWEN2,
    layers = 48, kv_heads = 8, tools = true },
  { name = "qwen2.5-coder:32b", bytes = 19851349898, context = 32768, size = "32.8B", family = QWEN2,
    layers = 64, kv_heads = 8, tools = true },
  { name = "deepseek-coder:6.7b", bytes = 3827834503, context = 16384, size = "7B", family = LLAMA,
    layers = 32, kv_heads = 32, quant = "Q4_0", heads = 32 },
  { name = "deepseek-coder:33b", bytes = 18819456424, context = 16384, size = "33B", family = LLAMA,
    layers = 62, kv_heads = 8, quant = "Q4_0", heads = 56 },
  { name = "codellama:7b", bytes = 3825910662, context = 16384, size = "7B", family = LLAMA, layers = 32,
    kv_heads = 32, quant = "Q4_0", heads = 32 },
  { name = "codellama:34b", bytes = 19052049085, context = 16384, size = "34B", family = LLAMA, layers = 48,
    kv_heads = 8, quant = "Q4_0", heads = 64 },
  { name = "codellama:70b", bytes = 38872431643, context = 4096, size = "69B", family = LLAMA, layers = 80,
    kv_heads = 8, quant = "Q4_0", heads = 64 },
  { name = "starcoder2:7b", bytes = 4042813088, context = 16384, size = "7B", family = "starcoder2",
    layers = 32, kv_heads = 4, quant = "Q4_0" },
  { name = "deepseek-coder-v2:236b", bytes = 132912470986, context = 163840, size = "235.7B",
    family = "deepseek2", layers = 60, kv_heads = 128, quant = "Q4_0", head_dim = 192, value_dim = 128,
    gguf = { MLA[1], MLA[4] } },
  { name = "qwen3-coder:30b", bytes = 18556700761, context = 262144, size = "30.5B", family = CODER,
    layers = 48, kv_heads = 4, tools = true, gguf = { { "embedding_length", 2048 }, { "expert_count", 128 },
    { "expert_used_count", 8 }, { "expert_feed_forward_length", 768 } } },
  { name = "qwen3-coder:480b", bytes = 290058836445, context = 262144, size = "480.2B", family = CODER,
    layers = 62, kv_heads = 8, tools = true },
  { name = "qwen3-coder-next:latest", bytes = 51741611823, context = 262144, size = "79.7B",
    family = "qwen3next", layers = 48, kv_heads = 2, head_dim = 256, tools = true, full = 12, gguf = HYBRID },
  { name = "qwen3-coder-next:q4_K_M", bytes = 51741611823, context = 262144, size = "79.7B",
    family = "qwen3next", layers = 48, kv_heads = 2, head_dim = 256, tools = true, full = 12, gguf = HYBRID },
  { name = "gpt-oss:20b", bytes = 13793441244, context = 131072, size = "20.9B", family = "gptoss",
    layers = 24, kv_heads = 8, head_dim = 64, tools = true, quant = "MXFP4", full = 12, gguf = WINDOW },
  { name = "gpt-oss:120b", bytes = 65369818941, context = 131072, size = "116.8B", family = "gptoss",
    layers = 36, kv_heads = 8, head_dim = 64, tools = true, quant = "MXFP4", full = 18, gguf = WINDOW },
  { name = "devstral:24b", bytes = 14333928046, context = 131072, size = "23.6B", family = LLAMA, layers = 40,
    kv_heads = 8, tools = true },
  { name = "devstral-small-2:24b", bytes = 15177374099, context = 262144, size = "24B", family = "mistral3",
    layers = 40, kv_heads = 8, tools = true },
  { name = "devstral-2:123b", bytes = 74897651260, context = 262144, size = "125B", family = "mistral3",
    layers = 88, kv_heads = 8, tools = true },
  { name = "glm-4.7-flash:latest", bytes = 19019270852, context = 202752, size = "29.9B",
    family = "glm4moelite", layers = 47, kv_heads = 1, head_dim = 576, tools = true, value_dim = 512,
    gguf = MLA },
  { name = "qwen3.6:27b", bytes = 17420432739, context = 262144, size = "27.8B", family = "qwen35",
    layers = 64, kv_heads = 4, head_dim = 256, tools = true, about = true, full = 16, gguf = HYBRID },
  { name = "qwen3.6:35b", bytes = 23938331545, context = 262144, size = "36B", family = "qwen35moe",
    layers = 40, kv_heads = 2, head_dim = 256, tools = true, about = true, full = 10, gguf = HYBRID },
  { name = "qwen3.5:9b", bytes = 6594474711, context = 262144, size = "9.7B", family = "qwen35", layers = 32,
    kv_heads = 4, head_dim = 256, tools = true, about = true, full = 8, gguf = HYBRID },
  { name = "qwen3.5:122b", bytes = 81400000000, context = 262144, size = "122B", family = "qwen35moe",
    layers = 48, kv_heads = 2, head_dim = 256, tools = true, about = true, full = 12, gguf = HYBRID },
  { name = "gemma4:26b", bytes = 17987000000, context = 262144, size = "26B", family = "gemma4", layers = 30,
    kv_heads = 8, tools = true, about = true },
  { name = "gemma4:31b", bytes = 19880000000, context = 262144, size = "31B", family = "gemma4", layers = 48,
    kv_heads = 8, tools = true, about = true },
  { name = "nemotron-3-nano:30b", bytes = 24271934866, context = 1048576, size = "31.6B",
    family = "nemotron_h_moe", layers = 52, kv_heads = 2, full = 6, tools = true,
    gguf = { { "attention.head_count_kv", alternating(52, 8, 2, 0) } } },
  { name = "laguna-s-2.1:latest", bytes = 75000000000, context = 262144, size = "118B", family = "laguna",
    layers = 48, kv_heads = 8, tools = true, about = true, full = 12, gguf = { { "attention.sliding_window",
    512 }, { "attention.sliding_window_pattern", alternating(48, 4, false, true) } } },
  { name = "deepseek-v3.1:671b", bytes = 404494157743, context = 163840, size = "671B", family = "deepseek2",
    layers = 61, kv_heads = 1, head_dim = 576, tools = true, value_dim = 512, gguf = MLA },
  { name = "qwen2.5:72b", bytes = 47415724625, context = 32768, size = "72.7B", family = QWEN2, layers = 80,
    kv_heads = 8, tools = true, about = true },
  { name = "tiny-sim:latest", bytes = 48000000, context = 8192, size = "60M", family = LLAMA, layers = 4,
    kv_heads = 2, tools = true },
}

-- Run at ollama.com: a manifest without layers.
models.cloud = { "qwen3-coder:480b-cloud", "gpt-oss:120b-cloud", "glm-4.6:cloud", "kimi-k2.6:cloud",
  "deepseek-v3.2:cloud", "minimax-m2.7:cloud" }

-- Names of the same thing.
local SAME = { ["qwen2.5-coder:latest"] = "qwen2.5-coder:7b", ["qwen3-coder:latest"] = "qwen3-coder:30b",
  ["gpt-oss:latest"] = "gpt-oss:20b", ["devstral:latest"] = "devstral:24b",
  ["codellama:latest"] = "codellama:7b", ["devstral-small-2:latest"] = "devstral-small-2:24b",
  ["devstral-2:latest"] = "devstral-2:123b", ["nemotron-3-nano:latest"] = "nemotron-3-nano:30b" }

--- 64 hexadecimal digits that depend on the text alone (not its SHA-256: nothing here has that content).
function models.digest(text)
  local seed = 0xcbf29ce484222325
  for i = 1, #text do
    seed = (seed ~ text:byte(i)) * 0x100000001b3
  end
  return random.new(seed):hex(64)
end

function models.full_name(name)
  return name:find(":", 1, true) and name or name .. ":latest"
end

--- → row, or nil when the library has no such tag.
function models.find(name)
  local full = models.full_name(name)
  full = SAME[full] or full
  for _, row in ipairs(models.list) do
    if row.name == full then return row end
  end
  return nil
end

function models.is_cloud(name)
  for _, other in ipairs(models.cloud) do
    if other == name then return true end
  end
  return false
end

--- Layers of a row in manifest order; their sizes add up to `bytes`.
function models.layers(row)
  local small = { { "template", 1482 }, { "license", 11338 }, { "params", 487 } }
  local rest = row.bytes
  for _, layer in ipairs(small) do
    rest = rest - layer[2]
  end
  local list = { { mediaType = "application/vnd.ollama.image.model", size = rest,
    digest = "sha256:" .. models.digest(row.name .. " model") } }
  for _, layer in ipairs(small) do
    list[#list + 1] = { mediaType = "application/vnd.ollama.image." .. layer[1], size = layer[2],
      digest = "sha256:" .. models.digest(row.family .. " " .. layer[1]) }
  end
  return list
end

function models.manifest(row)
  return { schemaVersion = 2, mediaType = "application/vnd.docker.distribution.manifest.v2+json",
    config = { mediaType = "application/vnd.docker.container.image.v1+json", size = 486,
      digest = "sha256:" .. models.digest(row.name .. " config") }, layers = models.layers(row) }
end

return models
