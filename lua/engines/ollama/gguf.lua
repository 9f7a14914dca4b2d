-- SPDX-License-Identifier: MIT
-- The beginning of a GGUF file, and what it says about memory per token of context (facts/serving.md §2.1,
-- §2.4). Pure. Layout: "GGUF", u32 version, u64 tensors, u64 entries; an entry is key (u64 length, bytes),
-- u32 type, value; little-endian.
local gguf = {}

local KEY_BYTES, ELEMENTS = 1024, 4096 -- longer keys are damage, longer arrays are skipped
local STRING, ARRAY = 8, 9
local FORMATS = {
  [0] = "<B", [1] = "<b", [2] = "<I2", [3] = "<i2", [4] = "<I4", [5] = "<i4", [6] = "<f", [7] = "<B",
  [10] = "<I8", [11] = "<i8", [12] = "<d",
}

-- Reads one value after another; gives up (raises `short`) where the piece ends.
local short = setmetatable({}, { __tostring = function() return "the piece of the file is too short" end })
local reader = {}
reader.__index = reader

function reader:take(format)
  local size = string.packsize(format)
  if self.at + size - 1 > #self.text then error(short, 0) end
  local value
  value, self.at = string.unpack(format, self.text, self.at)
  return value
end

function reader:text_of(most)
  local length = self:take("<I8")
  if length < 0 or length > (most or math.maxinteger) then
    error("a text of " .. length .. " bytes where none can be", 0)
  end
  if length > #self.text - self.at + 1 then error(short, 0) end
  local value = self.text:sub(self.at, self.at + length - 1)
  self.at = self.at + length
  return value
end

function reader:array()
  local kind, count = self:take("<I4"), self:take("<I8")
  if kind == ARRAY or count < 0 then
    error("a list of lists, or one without end", 0)
  end
  local list = count <= ELEMENTS and {} or nil
  for index = 1, count do
    local value = self:value(kind)
    if list then
      list[index] = value
    end
  end
  return list
end

function reader:value(kind)
  if kind == STRING then
    return self:text_of()
  elseif kind == ARRAY then
    return self:array()
  elseif not FORMATS[kind] then
    error("a value of the unknown type " .. tostring(kind), 0)
  end
  local value = self:take(FORMATS[kind])
  if kind == 7 then return value ~= 0 end
  return value
end

-- The vocabulary comes after what the model is; it is megabytes that tell nothing.
local function done(entries, key)
  local family = entries["general.architecture"]
  return family and entries[family .. ".block_count"] and key:find("^tokenizer%.") ~= nil
end

local function read(self, entries)
  local version = self:take("<I4")
  if version < 2 or version > 3 then
    error("GGUF of the unknown version " .. version, 0)
  end
  self:take("<I8")
  for _ = 1, self:take("<I8") do
    local key = self:text_of(KEY_BYTES)
    if done(entries, key) then return end
    entries[key] = self:value(self:take("<I4"))
  end
end

--- Reads the entries at the beginning of a file, up to the vocabulary. → { [key] = number, text, boolean or
-- array }, or nil, a sentence, and `short` when more bytes may help.
function gguf.parse(text)
  if text:sub(1, 4) ~= "GGUF" then
    return nil, "the weights are no GGUF file"
  end
  local entries = {}
  local ok, why = pcall(read, setmetatable({ text = text, at = 5 }, reader), entries)
  if not ok then return nil, tostring(why), why == short and "short" or nil end
  return entries
end

-- Families whose alternation of windowed and full layers is not in the file: one layer of so many is full
-- (facts/serving.md §2.3).
local INTERVAL = { gptoss = 2, ["gpt-oss"] = 2 }
local WINDOW_MARGIN = 512 -- the server keeps a batch more than the window (facts/serving.md §2.4)

-- A number that makes sense; nil for others, so that nothing computed from it can overflow.
local function whole(value, most)
  return math.type(value) == "integer" and value >= 0 and value <= (most or 1 << 20) and value or nil
end

-- A field that is one number for all layers, or a list with one for each. → function(layer) → number
local function per_layer(value)
  if type(value) == "table" then
    return function(layer)
      return whole(value[layer])
    end
  end
  return function()
    return whole(value)
  end
end

-- Which layers keep all of the context, which a window of it, which nothing. → function(layer)
-- → "full" | "window" | "none"
local function kinds(field, family)
  local window, pattern = whole(field "attention.sliding_window"), field "attention.sliding_window_pattern"
  local linear = whole(field "full_attention_interval")
  local period = INTERVAL[family] or math.type(pattern) == "integer" and pattern > 1 and pattern
  return function(layer)
    if linear and linear > 1 and layer % linear ~= 0 then return "none" end
    if window and window > 0 then
      if type(pattern) == "table" then
        return (pattern[layer] == true or pattern[layer] == 1) and "window" or "full"
      end
      return period and layer % period ~= 0 and "window" or "full"
    end
    return "full"
  end
end

-- Bytes that one token takes in one layer at 16 bits. → function(layer, kind)
-- → bytes, or nil when the file does not say
local function widths(field)
  local rank = field "attention.key_length_mla" and whole(field "attention.kv_lora_rank")
  if rank then
    local rope = whole(field "rope.dimension_count")
    return function()
      return rope and (rank + rope) * 2
    end
  end
  local all = whole(field "attention.head_count")
  local heads = per_layer(field "attention.head_count_kv" or field "attention.head_count")
  local embedding = whole(field "embedding_length")
  local usual = all and all > 0 and embedding and embedding // all or nil
  return function(layer, kind)
    local suffix = kind == "window" and field "attention.key_length_swa" and "_swa" or ""
    local key = whole(field("attention.key_length" .. suffix)) or usual
    local value = whole(field("attention.value_length" .. suffix)) or key
    local count = heads(layer)
    return key and count and count * (key + value) * 2
  end
end

-- Of a mixture of experts: what is read for one token, in thousands of millions of weights.
local function active(field, params)
  local experts, used = whole(field "expert_count"), whole(field "expert_used_count")
  if not experts or experts < 2 or not used then return params end
  local width, inner = whole(field "embedding_length"), whole(field "expert_feed_forward_length")
  local layers = math.max(0, whole(field "block_count") - (whole(field "leading_dense_block_count") or 0))
  if not params or not width or not inner then return nil end
  local idle = 3.0 * width * inner * layers * (experts - used) / 1e9
  return idle < params and params - idle or nil
end

--- What the entries of a file tell: { kv_bytes_per_token=, kv_fixed_bytes=, context=|nil, params=|nil,
-- active=|nil (both in thousands of millions), family= }; or nil and a sentence when they do not tell how big
-- the context's memory is.
function gguf.describe(entries)
  local family = entries["general.architecture"]
  if type(family) ~= "string" then
    return nil, "the weights do not say of which family they are"
  end
  local function field(name)
    return entries[family .. "." .. name]
  end
  local layers = whole(field "block_count")
  if not layers or layers == 0 or layers > ELEMENTS then
    return nil, "the weights do not say how many layers they have"
  end
  local kind, width = kinds(field, family), widths(field)
  local growing, fixed = 0, 0
  for layer = 1, layers do
    local what = kind(layer)
    local bytes = what == "none" and 0 or width(layer, what)
    if not bytes then
      return nil, "the weights do not say how wide their attention is"
    end
    if what == "window" then
      fixed = fixed + bytes * (whole(field "attention.sliding_window") + WINDOW_MARGIN)
    else
      growing = growing + bytes
    end
  end
  if growing + fixed == 0 then
    return nil, "the weights do not say how their attention remembers"
  end
  local count = whole(entries["general.parameter_count"], 1 << 50)
  local params = count and count > 0 and count / 1e9 or nil
  local context = whole(field "context_length", 1 << 32)
  return {
    kv_bytes_per_token = growing, kv_fixed_bytes = fixed,
    context = context and context > 0 and context or nil, params = params,
    active = active(field, params), sparse = (whole(field "expert_count") or 0) > 1, family = family,
  }
end

return gguf
