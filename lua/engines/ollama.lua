-- SPDX-License-Identifier: MIT
-- Ollama (facts/serving.md §1): what is started on the machine, how big a model is, and the ladder from a server that answers to
-- a real token.
-- base: { url=, unix=|nil } of the server, as work.link gives it.
local assets = require "base.assets"
local clock = require "base.clock"
local fail = require "base.fail"
local http = require "base.http"
local json = require "base.json"
local template = require "base.template"
local config = require "facts.config"
local models = require "facts.models"
local pull = require "engines.ollama_pull"

local ollama = { name = "ollama" }

local MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
local LOAD_SECONDS = 1800

--- The container image, pinned; the release that virtual machines fetch has the same version.
function ollama.image()
  return "ollama/ollama:" .. config.get("OLLAMA_VERSION")
end

-- Machines without an image of ours: a script that fetches the pinned release, then becomes the server.
local function fetched(directory)
  local url = config.get("OLLAMA_DOWNLOAD_URL") .. "/ollama-linux-amd64.tar.zst?version=" .. config.get("OLLAMA_VERSION")
  return template.render(assert(assets.template("ollama.sh")), { directory = directory .. "/engine", url = url })
end

--- What the machine runs. options: { port=, context=, boot = "container" (the image has Ollama) | "cloud-init", directory=|nil }
-- → { argv=, env = {"NAME=value", …}, inherit = {"NAME", …}, files = { {name=, content=, mode=}, … } below the directory, or nil }
function ollama.start(options)
  local container = options.boot ~= "cloud-init"
  return {
    argv = container and { "ollama", "serve" } or { "/bin/sh", options.directory .. "/engine.sh" },
    files = not container and { { name = "engine.sh", content = fetched(options.directory), mode = "0700" } } or nil,
    env = {
      "OLLAMA_HOST=127.0.0.1:" .. options.port,
      "OLLAMA_CONTEXT_LENGTH=" .. options.context,
      "OLLAMA_KEEP_ALIVE=-1",
      "OLLAMA_LOAD_TIMEOUT=30m",
      "OLLAMA_MAX_LOADED_MODELS=1",
      "OLLAMA_NOPRUNE=1",
      "OLLAMA_NO_CLOUD=1",
      "OLLAMA_NUM_PARALLEL=1",
    },
    inherit = { "HOME", "PATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES" },
  }
end

-- "user/name:tag" → path of its manifest in the registry.
local function manifest_path(name)
  local space, model, tag = name:match("^([%w._-]+)/([%w._-]+):?([%w._-]*)$")
  if not space then
    space, model, tag = "library", name:match("^([%w._-]+):?([%w._-]*)$")
  end
  if not model then
    fail.raise("usage", ("'%s' is not a name of the model registry, like qwen3-coder:30b"):format(name))
  end
  return ("/v2/%s/%s/manifests/%s"):format(space, model, tag ~= "" and tag or "latest")
end

local function manifest(name)
  local path = manifest_path(name)
  local ok, response = fail.try(function()
    return http.retry(function()
      return http.request {
        method = "GET", url = config.get("REGISTRY_URL") .. path, headers = { Accept = MANIFEST }, timeout = 20,
        max_bytes = 1 << 20,
      }
    end, { attempts = 3, pause = 1 / config.get("TIME_SCALE") })
  end)
  if ok then
    return response.json()
  end
  if fail.is(response) and response.status == 404 then
    fail.raise("usage", ("the model registry has no %s"):format(name), { code = "no_such_model" })
  end
  if fail.is(response, "auth") then
    response.kind = "refused"
  end
  return error(response, 0)
end

--- How big a model is, by the registry's manifest. Waits.
-- → { bytes=, layers = {{digest=, size=}, …}, disk_gb=, vram = function(context, kv) → GB }
-- @raise `usage` code no_such_model, or kinds of a registry that cannot be asked
function ollama.size(name)
  local body = manifest(name)
  local layers, bytes, weights = {}, 0, 0
  for _, layer in ipairs(type(body.layers) == "table" and body.layers or {}) do
    local size = type(layer) == "table" and math.tointeger(layer.size)
    if not size or size < 0 or type(layer.digest) ~= "string" then
      fail.raise("broken", ("the registry's manifest of %s has a layer without a size"):format(name))
    end
    layers[#layers + 1] = { digest = layer.digest, size = size }
    bytes = bytes + size
    local kind = tostring(layer.mediaType)
    if kind:match("%.model$") or kind:match("%.projector$") then
      weights = weights + size
    end
  end
  if weights == 0 then
    fail.raise("usage", ("%s has no weights to download: it runs at ollama.com only, so it is refused"):format(name))
  end
  return {
    bytes = bytes, layers = layers, disk_gb = math.ceil(bytes * 1.25 / 1e9 + 20),
    vram = function(context, kv)
      local row = models.find(name)
      return models.vram_gb(weights, kv or (row and row.kv_bytes_per_token) or models.guess_kv(weights), context)
    end,
  }
end

local function call(base, method, path, options)
  local spec = { method = method, url = base.url .. path, unix = base.unix, timeout = 15, max_bytes = 4 << 20 }
  for _, name in ipairs { "timeout", "json", "stream", "idle_timeout", "max_bytes" } do
    if options and options[name] ~= nil then
      spec[name] = options[name]
    end
  end
  local ok, response = fail.try(http.request, spec)
  if ok then
    return response
  end
  local body = fail.is(response) and response.body and json.decode(response.body)
  if type(body) == "table" and type(body.error) == "string" then
    response.message = ("the model server says: %s (HTTP %d)"):format(body.error, response.status)
  end
  return error(response, 0)
end

--- Does the server answer? → its version, or raises.
function ollama.probe(base)
  local body = call(base, "GET", "/api/version", { timeout = 5 }).json()
  if type(body.version) ~= "string" then
    fail.raise("broken", "what answers at the model's address is not Ollama")
  end
  return body.version
end

--- The models on the machine. → array of names
function ollama.list(base)
  local names = {}
  local body = call(base, "GET", "/api/tags").json()
  for _, row in ipairs(type(body.models) == "table" and body.models or {}) do
    names[#names + 1] = row.name
  end
  return names
end

local function full(name)
  return name:find(":", 1, true) and name or name .. ":latest"
end

local function same(row, name)
  return row.name == name or row.model == name or row.name == full(name) or row.model == full(name)
end

--- Downloads a model onto the machine; see engines.ollama_pull. on_progress{ status=, fraction=, bytes=, total=, rate=, eta= }
function ollama.pull(base, name, on_progress)
  local ok, size = fail.try(ollama.size, name)
  if not ok and fail.is(size, "interrupted") then
    error(size, 0)
  end
  pull.run(base, name, ok and size.layers or nil, on_progress)
  for _, each in ipairs(ollama.list(base)) do
    if each == name or each == full(name) then
      return
    end
  end
  fail.raise("broken", ("the model server says that %s was downloaded, but does not list it"):format(name))
end

--- Loads the model into the card's memory; may take minutes.
function ollama.load(base, name)
  local body = call(base, "POST", "/api/generate", {
    timeout = LOAD_SECONDS, json = { model = name, keep_alive = -1, stream = false },
  }).json()
  if body.done_reason ~= "load" then
    fail.raise("broken", ("the model server did not load %s (it answered done_reason %s)"):format(name,
      tostring(body.done_reason)))
  end
end

--- Is it loaded, whole and with its context? → { loaded=, on_gpu = fraction, context=, warnings = {sentences} }
function ollama.check(base, name, context)
  local body = call(base, "GET", "/api/ps").json()
  for _, row in ipairs(type(body.models) == "table" and body.models or {}) do
    if type(row) == "table" and same(row, name) then
      local size, held = tonumber(row.size) or 0, tonumber(row.size_vram) or 0
      local found = { loaded = true, on_gpu = size > 0 and held / size or 1, context = math.tointeger(row.context_length),
        warnings = {} }
      if held < size then
        table.insert(found.warnings, ("only %.0f %% of %s fits the card; the rest runs on the processor and will be slow")
          :format(found.on_gpu * 100, name))
      end
      if found.context and context and found.context < context then
        table.insert(found.warnings, ("the server gives %d tokens of context instead of %d"):format(found.context, context))
      end
      return found
    end
  end
  return { loaded = false, on_gpu = 0, warnings = { name .. " is not loaded" } }
end

local function speed(body)
  local count, nanoseconds = tonumber(body.eval_count), tonumber(body.eval_duration)
  return count and nanoseconds and count > 0 and nanoseconds > 0 and count * 1e9 / nanoseconds or nil
end

--- Has the model say something: the last rung. → tokens per second (nil when the server does not tell), tokens, seconds it took
function ollama.token(base, name)
  local before = clock.now()
  local body = call(base, "POST", "/api/chat", {
    timeout = LOAD_SECONDS,
    json = {
      model = name, stream = false, keep_alive = -1, messages = json.array { { role = "user", content = "Say hello." } },
      options = { num_predict = 16 },
    },
  }).json()
  local count = math.tointeger(body.eval_count)
  if not count or count < 1 or body.done ~= true then
    fail.raise("broken", ("%s was asked and generated nothing"):format(name))
  end
  return speed(body), count, clock.now() - before
end

--- Asks a question; on_text(piece) gets the answer as it comes. → whole answer, tokens per second
function ollama.ask(base, name, question, on_text)
  local pieces, last = {}, nil
  local feed = pull.lines(function(line)
    if line.error then
      fail.raise("refused", "the model server says: " .. tostring(line.error))
    end
    local message = type(line.message) == "table" and line.message or {}
    if type(message.content) == "string" and message.content ~= "" then
      pieces[#pieces + 1] = message.content
      on_text(message.content)
    end
    last = line
  end)
  call(base, "POST", "/api/chat", {
    timeout = 0, idle_timeout = 300, max_bytes = 64 << 20, stream = feed,
    json = { model = name, stream = true, keep_alive = -1, messages = json.array { { role = "user", content = question } } },
  })
  if not last or last.done ~= true then
    fail.raise("transient", "the answer was cut off")
  end
  return table.concat(pieces), speed(last)
end

return ollama
