-- SPDX-License-Identifier: MIT
--- What the simulated Ollama has: models on disk (they survive a stop of the machine) and the one in memory.
local files = require "base.files"
local json = require "base.json"
local models = require "cloudsim.registry.models"
local sorted = require "base.sorted"

local store = {}
store.__index = store

--- options: dir (of the models), vram (bytes), context (OLLAMA_CONTEXT_LENGTH or nil), keep_alive (text), now
--- (function).
function store.new(options)
  local self = setmetatable({ dir = options.dir, vram = options.vram, context = options.context,
    now = options.now, keep_alive = options.keep_alive, loaded = {}, pulls = {} }, store)
  assert(files.mkdir(files.join(self.dir, "manifests")))
  assert(files.mkdir(files.join(self.dir, "blobs")))
  return self
end

local function file_name(name)
  return (models.full_name(name):gsub("[^%w.-]", function(byte) return ("_%02x"):format(byte:byte()) end))
end

local function manifest_path(self, name)
  return files.join(self.dir, "manifests", file_name(name))
end

function store:add(name, manifest, parameters)
  local full = models.full_name(name)
  local row = { name = full, manifest = manifest, modified = self.now(), parameters = parameters }
  assert(files.write(manifest_path(self, full), json.encode(row)))
  return row
end

--- → {name, manifest, modified, parameters, facts, bytes} or nil.
function store:find(name)
  local text = type(name) == "string" and name ~= "" and files.read(manifest_path(self, name))
  local row = text and json.decode(text)
  if not row then return nil end
  row.facts = models.find(row.parameters and row.parameters.from or row.name)
    or { size = "1B", family = "llama", layers = 16, kv_heads = 4, context = 8192 }
  row.bytes = 0
  for _, layer in ipairs(row.manifest.layers or {}) do
    row.bytes = row.bytes + layer.size
  end
  row.digest = models.digest(row.name .. " manifest")
  return row
end

function store:list()
  local list = {}
  for _, name in ipairs(files.list(files.join(self.dir, "manifests")) or {}) do
    local row = json.decode(files.read(files.join(self.dir, "manifests", name)) or "")
    list[#list + 1] = row and self:find(row.name)
  end
  return list
end

function store:remove(name)
  self.loaded[models.full_name(name)] = nil
  return files.remove(manifest_path(self, name))
end

local function blob_path(self, digest)
  return files.join(self.dir, "blobs", (digest:gsub(":", "-")))
end

--- Bytes of a blob that are on disk, also of a pull that was broken off.
function store:completed(digest)
  return math.tointeger(tonumber(files.read(blob_path(self, digest)) or "0")) or 0
end

function store:save_progress(digest, bytes)
  assert(files.write(blob_path(self, digest), ("%d"):format(bytes)))
end

local UNITS = { ns = 1e-9, us = 1e-6, ms = 1e-3, s = 1, m = 60, h = 3600 }

--- Seconds of a keep_alive value ("5m", "-1", 300, "1h30m"); negative means for ever, nil a bad one.
function store.seconds(value)
  local number = tonumber(value)
  if number then return number end
  local sum, rest = 0, tostring(value)
  local sign, body = rest:match("^(%-?)(.+)$")
  local left = body and body:gsub("([%d.]+)(%a+)", function(amount, unit)
    sum = sum + (tonumber(amount) or 0) * (UNITS[unit] or 0)
    return ""
  end)
  if left ~= "" then return nil end
  return sign == "-" and -sum or sum
end

--- Bytes of the KV cache for `context` tokens.
function store.cache_bytes(facts, context)
  return 2 * (facts.full or facts.layers) * facts.kv_heads * (facts.head_dim or 128) * 2 * context
end

local function default_context(self)
  local gib = self.vram / 2 ^ 30
  return self.context or (gib >= 47 and 262144 or gib >= 23 and 32768 or 4096)
end

--- Puts a model into memory. → its row in memory, whether it had to be loaded
function store:load(row, num_ctx, keep_alive)
  local wanted = num_ctx or (row.parameters and row.parameters.num_ctx) or default_context(self)
  local context = math.min(wanted, row.facts.context)
  local seconds = store.seconds(keep_alive or self.keep_alive or "5m") or 300
  local known = self.loaded[row.name]
  local fresh = not known or known.context ~= context
  if fresh then
    local size = row.bytes + store.cache_bytes(row.facts, context) + 600 * 1024 * 1024
    known = { row = row, context = context, size = size, vram = math.min(size, self.vram) }
    self.loaded[row.name] = known
  end
  known.expires = seconds < 0 and 10984003200 or self.now() + seconds
  return known, fresh
end

--- Models in memory by name; those whose time is over leave.
function store:in_memory()
  local list = {}
  for name, known in sorted(self.loaded) do
    if known.expires <= self.now() then
      self.loaded[name] = nil
    else
      list[#list + 1] = known
    end
  end
  return list
end

return store
