-- SPDX-License-Identifier: MIT
-- Ollama (facts/serving.md §1): what is started on the machine, how big a model is, and the ladder from a
-- server that answers to a real token.
-- base: { url=, unix=|nil } of the server, as home.agent_client gives it.
local assets = require "sandbox.assets"
local clean = require "base.clean"
local clock = require "base.clock"
local fail = require "base.fail"
local http = require "base.http"
local json = require "base.json"
local keys = require "base.keys"
local template = require "base.template"
local version = require "base.version"
local config = require "config.effective"
local pull = require "engines.ollama.pull"
local registry = require "engines.ollama.registry"

-- spans: may one model be spread over several machines?
local ollama = { name = "ollama", spans = false }

local LOAD_SECONDS = 1800
local SERVER = { "OLLAMA_KEEP_ALIVE=-1", "OLLAMA_LOAD_TIMEOUT=30m", "OLLAMA_MAX_LOADED_MODELS=1",
  "OLLAMA_NOPRUNE=1", "OLLAMA_NO_CLOUD=1", "OLLAMA_NUM_PARALLEL=1" }

--- The container image, pinned; the release that virtual machines fetch has the same version.
function ollama.image()
  return "ollama/ollama:" .. config.get("OLLAMA_VERSION")
end

-- Machines without an image that has it: a script that fetches the pinned release, then becomes the server.
local function fetched(directory)
  local url = config.get("OLLAMA_DOWNLOAD_URL") .. "/ollama-linux-amd64.tar.zst?version="
    .. config.get("OLLAMA_VERSION")
  local text = assert(assets.template("ollama.sh"))
  -- a user's own may do without
  local agent = text:find("{{agent:", 1, true) and "continueplz/" .. version or nil
  return template.render(text, { directory = directory .. "/engine", url = url, agent = agent })
end

-- The command and the files of it by how a machine boots. A container's files would have to be pushed, so its
-- script travels in the command; where that runs the guest keeps what is its own.
local function command(options)
  if options.directory then
    return { "/bin/sh", options.directory .. "/engine.sh" },
      { { name = "engine.sh", content = fetched(options.directory), mode = "0700" } }
  elseif options.bare then
    local text = keys.base64(fetched ".")
    return { "/bin/sh", "-c", ('exec /bin/sh -c "`echo %s | base64 -d`"'):format(text) }
  end
  return { "ollama", "serve" }
end

--- What the machine runs. options: { port=, context=, boot = "container" | "cloud-init" |
-- "startup-script", bare = the container's image has no Ollama, directory=|nil: of a machine without one }
-- → { argv=, env = {"NAME=value", …}, inherit = {"NAME", …}, files = { {name=, content=, mode=}, … } below
-- the directory, or nil }
function ollama.start(options)
  local argv, files = command(options)
  return {
    argv = argv, files = files,
    env = {
      "OLLAMA_HOST=127.0.0.1:" .. options.port,
      "OLLAMA_CONTEXT_LENGTH=" .. options.context,
      table.unpack(SERVER),
    },
    inherit = { "HOME", "PATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES",
      "NVIDIA_DRIVER_CAPABILITIES" },
  }
end

--- A pod of several that serve a model alike behind one address. Ready is one that has the model whole on its
-- card. options: { model=, context=, address = what stands for the pod's own, port= }
-- → { command=, env = {"NAME=value", …}, ready = { command=, seconds = between two looks } }
function ollama.pod(options)
  local script = template.render(assert(assets.template("ollama_pod.sh")), { model = options.model })
  return {
    command = { "/bin/sh", "-c", script },
    env = { ("OLLAMA_HOST=%s:%d"):format(options.address, options.port),
      "OLLAMA_CONTEXT_LENGTH=" .. options.context, table.unpack(SERVER) },
    ready = { seconds = 5, command = { "/bin/sh", "-c",
      'ollama ps | grep -F -- "$0" | grep -q "100% GPU"', options.model } },
  }
end

-- How big a model is, and what its weights say about the memory of its context; see engines.ollama.registry.
ollama.size, ollama.describe = registry.size, registry.describe

local function call(base, method, path, options)
  local spec = { method = method, url = base.url .. path, unix = base.unix, timeout = 15,
    max_bytes = 4 << 20 }
  for _, name in ipairs { "timeout", "json", "stream", "idle_timeout", "max_bytes" } do
    if options and options[name] ~= nil then
      spec[name] = options[name]
    end
  end
  local ok, response = fail.try(http.request, spec)
  if ok then return response end
  local body = fail.is(response) and response.body and json.decode(response.body)
  if type(body) == "table" and type(body.error) == "string" then
    response.message = ("the model server says: %s (HTTP %d)"):format(clean.line(body.error), response.status)
  end
  return error(response, 0)
end

--- Does the server answer? → its version, or raises.
function ollama.probe(base)
  local body = call(base, "GET", "/api/version", { timeout = 5 }).object()
  if type(body.version) ~= "string" then
    fail.raise("broken", "what answers at the model's address is not Ollama")
  end
  return body.version
end

--- The models on the machine. → array of names
function ollama.list(base)
  local names = {}
  local body = call(base, "GET", "/api/tags").object()
  for _, row in ipairs(type(body.models) == "table" and body.models or {}) do
    names[#names + 1] = row.name
  end
  return names
end

--- What lies on the machine's disk. → array of { name=, bytes= }
function ollama.stored(base)
  local list = {}
  local body = call(base, "GET", "/api/tags").object()
  for _, row in ipairs(type(body.models) == "table" and body.models or {}) do
    if type(row) == "table" and type(row.name) == "string" then
      list[#list + 1] = { name = row.name, bytes = tonumber(row.size) or 0 }
    end
  end
  return list
end

local function full(name)
  return name:find(":", 1, true) and name or name .. ":latest"
end

local function same(row, name)
  return row.name == name or row.model == name or row.name == full(name) or row.model == full(name)
end

--- Downloads a model onto the machine; see engines.ollama.pull.
-- on_progress{ status=, fraction=, bytes=, total=, rate=, eta= }
function ollama.pull(base, name, on_progress)
  local ok, size = fail.try(ollama.size, name)
  pull.run(base, name, ok and size.layers or nil, on_progress)
  for _, each in ipairs(ollama.list(base)) do
    if each == name or each == full(name) then return end
  end
  fail.raise("broken", ("the model server says that %s was downloaded, but does not list it"):format(name))
end

--- Loads the model into the card's memory; may take minutes.
function ollama.load(base, name)
  local body = call(base, "POST", "/api/generate", {
    timeout = LOAD_SECONDS, json = { model = name, keep_alive = -1, stream = false },
  }).object()
  if body.done_reason ~= "load" then
    fail.raise("broken", ("the model server did not load %s (it answered done_reason %s)"):format(name,
      tostring(body.done_reason)))
  end
end

--- Is it loaded, whole and with its context?
-- → { loaded=, on_gpu = fraction, context=, warnings = {sentences} }
function ollama.check(base, name, context)
  local body = call(base, "GET", "/api/ps").object()
  for _, row in ipairs(type(body.models) == "table" and body.models or {}) do
    if type(row) == "table" and same(row, name) then
      local size, held = tonumber(row.size) or 0, tonumber(row.size_vram) or 0
      local found = { loaded = true, on_gpu = size > 0 and held / size or 1,
        context = math.tointeger(row.context_length), warnings = {} }
      if found.context and context and found.context < context then
        table.insert(found.warnings,
          ("the server gives %d tokens of context instead of %d"):format(found.context, context))
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

--- Has the model say something: the last rung. → tokens per second (nil when the server does not tell),
-- tokens, seconds it took
function ollama.token(base, name)
  local before = clock.now()
  local body = call(base, "POST", "/api/chat", {
    timeout = LOAD_SECONDS,
    json = {
      model = name, stream = false, keep_alive = -1,
      messages = json.array { { role = "user", content = "Say hello." } },
      options = { num_predict = 16 },
    },
  }).object()
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
    json = { model = name, stream = true, keep_alive = -1,
      messages = json.array { { role = "user", content = question } } },
  })
  if not last or last.done ~= true then
    fail.raise("transient", "the answer was cut off")
  end
  return table.concat(pieces), speed(last)
end

return ollama
