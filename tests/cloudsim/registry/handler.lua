-- SPDX-License-Identifier: MIT
--- The model registry and, beside it, the release archives of the model server (downloads.lua):
--- handler(request, world) → response (facts/serving.md §2.1). Blobs have the stated sizes; their content is
--- a GGUF header followed by zeros.
local downloads = require "cloudsim.registry.downloads"
local json = require "base.json"
local kinds = require "cloudsim.kinds"
local models = require "cloudsim.registry.models"
local reply = require "cloudsim.reply"

local registry = {}

local MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
local PIECE = 65536

local function unknown(code, message)
  return reply.json(404, { errors = { { code = code, message = message } } })
end

-- One key of a GGUF header: a number (type 4, u32; type 10, u64 when it is large), a text (type 8), or a list
-- (type 9) of flags (type 7), texts or numbers.
local function entry(key, value)
  if type(value) == "string" then
    return string.pack("<s8I4s8", key, 8, value)
  elseif type(value) == "number" then
    return string.pack(value > 0xffffffff and "<s8I4I8" or "<s8I4I4", key, value > 0xffffffff and 10 or 4,
      value)
  end
  local kind = ({ boolean = 7, string = 8, number = 4 })[type(value[1])]
  local parts = { string.pack("<s8I4I4I8", key, 9, kind, #value) }
  for _, each in ipairs(value) do
    parts[#parts + 1] = kind == 7 and (each and "\1" or "\0") or string.pack(kind == 8 and "<s8" or "<I4",
      each)
  end
  return table.concat(parts)
end

-- Old files have no length of a key: it is the embedding's length divided by the heads (`heads`).
local function attention(row, add)
  if not (row.gguf and row.gguf[1][1] == "attention.head_count_kv") then
    add("attention.head_count_kv", row.kv_heads)
  end
  if row.heads then
    add("attention.head_count", row.heads)
    add("embedding_length", row.heads * 128)
  else
    add("attention.key_length", row.head_dim or 128)
    add("attention.value_length", row.value_dim or row.head_dim or 128)
  end
  for _, pair in ipairs(row.gguf or {}) do
    add(pair[1], pair[2])
  end
end

local function header(row)
  local family, tokens = row.family, {}
  for i = 1, 1000 do
    tokens[i] = "token" .. i
  end
  local entries = { entry("general.architecture", family), entry("general.name", row.name),
    entry("general.parameter_count", math.floor(tonumber(row.size:match("^[%d.]+")) * (row.size:find("M", 1,
    true) and 1e6 or 1e9))) }
  local function add(name, value)
    entries[#entries + 1] = entry(family .. "." .. name, value)
  end
  add("block_count", row.layers)
  add("context_length", row.context)
  attention(row, add)
  entries[#entries + 1] = entry("tokenizer.ggml.model", "gpt2")
  entries[#entries + 1] = entry("tokenizer.ggml.tokens", tokens)
  return "GGUF" .. string.pack("<I4I8I8", 3, row.layers * 9 + 3, #entries) .. table.concat(entries)
end

-- → size, first bytes; nil for a digest the library does not have.
local function blob(digest)
  for _, row in ipairs(models.list) do
    local manifest = models.manifest(row)
    if manifest.config.digest == digest then
      return manifest.config.size, "{}"
    end
    for i, layer in ipairs(manifest.layers) do
      if layer.digest == digest then
        return layer.size, i == 1 and header(row) or "simulated"
      end
    end
  end
  return nil
end

local function slice(first, from, to)
  local text = first:sub(from + 1, to + 1)
  return text .. ("\0"):rep(to - from + 1 - #text)
end

local function whole(size, first)
  return function(write)
    local from = 0
    while from < size do
      local to = math.min(size, from + PIECE) - 1
      write(slice(first, from, to))
      from = to + 1
    end
  end
end

local function storage(request, digest)
  local size, first = blob(digest)
  if not size then
    return reply.text(404, "<Error><Code>NoSuchKey</Code></Error>", "application/xml")
  end
  local headers = { ["Content-Type"] = "application/octet-stream", ["Accept-Ranges"] = "bytes" }
  if request.method == "HEAD" then
    headers["Content-Length"] = tostring(size)
    return { status = 200, headers = headers, body = "" }
  end
  local from, to = (request.headers.range or ""):match("^bytes=(%d+)%-(%d*)$")
  if not from then
    return { status = 200, headers = headers, stream = whole(size, first) }
  end
  from, to = math.tointeger(tonumber(from)), math.min(math.tointeger(tonumber(to)) or size - 1, size - 1)
  if from >= size or to < from then
    return { status = 416, headers = { ["Content-Range"] = "bytes */" .. size }, body = "" }
  end
  to = math.min(to, from + 64 * PIECE - 1) -- a shorter answer than asked for is allowed
  headers["Content-Range"] = ("bytes %d-%d/%d"):format(from, to, size)
  return { status = 206, headers = headers, body = slice(first, from, to) }
end

local function manifest(space, name, tag)
  local full = name .. ":" .. tag
  if space == "library" and models.is_cloud(full) then
    local answer = reply.json(200, { schemaVersion = 2, mediaType = MANIFEST, layers = json.array({}),
      config = { mediaType = "application/vnd.docker.container.image.v1+json", size = 412,
        digest = "sha256:" .. models.digest(full) } })
    answer.headers["Content-Type"] = MANIFEST
    return answer
  end
  local row = space == "library" and models.find(full)
  if not row then return unknown("MANIFEST_UNKNOWN", "manifest unknown") end
  local answer = reply.json(200, models.manifest(row))
  answer.headers["Content-Type"] = MANIFEST
  answer.headers["Docker-Content-Digest"] = "sha256:" .. models.digest(row.name .. " manifest")
  return answer
end

local function answer(request, world)
  local path = request.path
  local archive = (request.method == "GET" or request.method == "HEAD") and downloads.answer(request, world)
  if archive then
    return archive
  elseif request.method ~= "GET" and request.method ~= "HEAD" then
    return unknown("UNSUPPORTED", "method not allowed")
  elseif path:match("^/v2/?$") then
    return reply.json(200, json.object({}))
  end
  local space, name, tag = path:match("^/v2/([^/]+)/([^/]+)/manifests/([^/]+)$")
  if space then return manifest(space, name, tag) end
  local digest = path:match("^/v2/[^/]+/[^/]+/blobs/(sha256:%x+)$")
  if digest then
    if not blob(digest) then return unknown("BLOB_UNKNOWN", "blob unknown") end
    return { status = 307, headers = { Location = "http://" .. (request.headers.host or "127.0.0.1")
      .. "/storage/" .. digest }, body = "" }
  end
  digest = path:match("^/storage/(sha256:%x+)$")
  return digest and storage(request, digest) or unknown("NOT_FOUND", "page not found")
end

local fate = kinds.of("registry"):first {
  { "registry.down", "no answer (`mode`)", function(order) return reply.lost(order.mode or "drop") end },
  { "registry.html", "a web page", function() return reply.html(200) end },
}

function registry.handler(request, world)
  world:tick()
  local response = fate(world, { method = request.method, path = request.path }) or answer(request, world)
  world:note({ face = "registry", method = request.method, path = request.path,
    key = request.headers.authorization and "unknown" or "none", status = response.status or "drop" })
  if request.method == "HEAD" and response.body then
    response.headers["Content-Length"] = response.headers["Content-Length"] or tostring(#response.body)
    response.body = ""
  end
  return response
end

return registry
