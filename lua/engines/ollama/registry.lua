-- SPDX-License-Identifier: MIT
-- The registry that Ollama pulls from (facts/serving.md §2.1): whether a model exists, how big it is, and
-- what the beginning of its weights says. Asked before anything is rented.
local fail = require "base.fail"
local http = require "base.http"
local log = require "base.log"
local url = require "base.url"
local config = require "config.effective"
local gguf = require "engines.ollama.gguf"
local models = require "facts.models"

local registry = {}

local MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
-- How much of the weights is read: what a model is comes before its vocabulary,
-- nearly always in the first piece.
local PIECES = { 256 << 10, 4 << 20 }
local REDIRECTS = 3
local LONGEST = 200 -- bytes of a model's name

-- "user/name:tag" → path of the model in the registry, tag
local function place(name)
  local space, model, tag = name:match("^([%w._-]+)/([%w._-]+):?([%w._-]*)$")
  if not space then
    space, model, tag = "library", name:match("^([%w._-]+):?([%w._-]*)$")
  end
  if not model or #name > LONGEST then
    fail.raise("usage", ("'%s' is not a name of the model registry, like qwen3-coder:30b"):format(name))
  end
  return ("/v2/%s/%s"):format(space, model), tag ~= "" and tag or "latest"
end

local function ask(spec)
  return http.retry(function()
    return http.request(spec)
  end, { attempts = 3, pause = 1 / config.get("TIME_SCALE") })
end

local function manifest(name)
  local path, tag = place(name)
  local ok, response = fail.try(ask, {
    method = "GET", url = config.get("REGISTRY_URL") .. path .. "/manifests/" .. tag,
    headers = { Accept = MANIFEST }, timeout = 20, max_bytes = 1 << 20,
  })
  if ok then return response.object() end
  if fail.is(response) and response.status == 404 then
    fail.raise("usage", ("the model registry has no %s"):format(name), { code = "no_such_model" })
  end
  if fail.is(response, "auth") then
    response.kind = "refused"
  end
  return error(response, 0)
end

--- How big a model is, by the registry's manifest. Waits.
-- → { bytes=, layers = {{digest=, size=}, …}, weights = digest, disk_gb=, vram = function(context, kv) → GB }
-- @raise `usage` code no_such_model, or kinds of a registry that cannot be asked
function registry.size(name)
  local body = manifest(name)
  local layers, bytes, resident, weights = {}, 0, 0, nil
  for _, layer in ipairs(type(body.layers) == "table" and body.layers or {}) do
    local size = type(layer) == "table" and math.tointeger(layer.size)
    if not size or size < 0 or type(layer.digest) ~= "string" then
      fail.raise("broken", ("the registry's manifest of %s has a layer without a size"):format(name))
    end
    layers[#layers + 1] = { digest = layer.digest, size = size }
    bytes = bytes + size
    local kind = tostring(layer.mediaType)
    if kind:match("%.model$") or kind:match("%.projector$") then
      resident = resident + size
      weights = weights or kind:match("%.model$") and layer.digest or nil
    end
  end
  if resident == 0 then
    fail.raise("usage",
      ("%s has no weights to download: it runs at ollama.com only, so it is refused"):format(name))
  end
  return {
    bytes = bytes, layers = layers, weights = weights, disk_gb = math.ceil(bytes * 1.25 / 1e9 + 20),
    vram = function(context, kv)
      local row = models.find(name)
      return models.vram_gb(resident,
        kv or (row and row.kv_bytes_per_token) or models.guess_kv(resident), context)
    end,
  }
end

-- The first bytes of a blob: the registry sends elsewhere for them, to an address whose query is a key to it.
local function first(address, count)
  for _ = 0, REDIRECTS do
    local response = ask {
      method = "GET", url = address, headers = { Accept = "*/*", Range = "bytes=0-" .. count - 1 },
      timeout = 30, max_bytes = count, ok = { 200, 206, 301, 302, 303, 307, 308 },
    }
    if response.status < 300 then return response.body end
    local location = response.headers.location
    if type(location) ~= "string" or not url.parse(location) then
      fail.raise("broken", "the model registry sends elsewhere without saying where")
    end
    local key = location:match("%?(.+)$")
    if key then
      log.hide(key)
    end
    address = location
  end
  return fail.raise("broken", "the model registry sends from one address to the next")
end

--- What a model's weights say about the memory of its context: engines.ollama.gguf.describe of the first
-- bytes. size: of registry.size. Waits. → table
-- @raise `broken` when they say nothing of use, or kinds of a registry that cannot be asked
function registry.describe(name, size)
  local path = place(name)
  if not size.weights or not size.weights:find("^sha256:%x+$") then
    fail.raise("broken", ("the registry's manifest of %s names no weights that can be read"):format(name))
  end
  local entries, why, code
  for _, count in ipairs(PIECES) do
    entries, why, code =
      gguf.parse(first(config.get("REGISTRY_URL") .. path .. "/blobs/" .. size.weights, count))
    if code ~= "short" then break end
  end
  local told, problem
  if entries then
    told, problem = gguf.describe(entries)
  end
  return told or fail.raise("broken", problem or why)
end

return registry
