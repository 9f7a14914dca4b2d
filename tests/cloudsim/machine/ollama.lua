-- SPDX-License-Identifier: MIT
--- The simulated Ollama of one machine: `serve`, `pull NAME`, `run NAME ""`, `ps`, `list`, `--version`.
--- Listens on loopback only, at 127.0.0.1 where OLLAMA_HOST names no other address of it. Models are never
--- really downloaded: their bytes take time, and are reported to the simulator, who bills.
local api = require "cloudsim.machine.ollama.api"
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local http = require "base.http"
local json = require "base.json"
local net = require "base.net"
local process = require "base.process"
local server = require "base.server"
local store = require "cloudsim.machine.ollama.store"
local task = require "base.task"
local term = require "base.term"

local getenv = process.getenv

-- → host, port of OLLAMA_HOST (facts/serving.md §1.2)
local function address()
  local text = getenv("OLLAMA_HOST") or ""
  local scheme, rest = text:match("^(%a+)://(.*)$")
  rest = (rest or text):gsub("/.*$", "")
  local host, port = rest:match("^(.-):(%d+)$")
  local default = scheme == "https" and 443 or scheme == "http" and 80 or 11434
  host = host or rest
  return host ~= "" and host or "127.0.0.1", math.tointeger(tonumber(port or default))
end

local function is_loopback(host)
  return host == "localhost" or host:find("^127%.") ~= nil or host == "::1" or host == "[::1]"
end

-- Asks the simulator; nil when it does not answer.
local function ask(path, value)
  local ok, response = fail.try(http.request, { method = "POST", url = getenv("CLOUDSIM_CONTROL") .. path,
    json = value, timeout = 5 })
  return ok and json.decode(response.body) or nil
end

local function fetch_manifest(name)
  local model, tag = name:match("^(.-):(.+)$")
  model = model:find("/", 1, true) and model or "library/" .. model
  local ok, response = fail.try(http.request, { method = "GET", ok = "any", timeout = 10,
    url = ("%s/v2/%s/manifests/%s"):format(getenv("CLOUDSIM_REGISTRY"), model, tag) })
  if not ok then
    return nil, "Get \"manifest\": " .. fail.message(response)
  elseif response.status == 404 then
    return nil, "file does not exist"
  end
  local manifest = response.status == 200 and json.decode(response.body)
  if type(manifest) ~= "table" then
    return nil, tostring(response.status) .. ": " .. response.body:sub(1, 80)
  end
  return manifest
end

local function surroundings(host)
  local env = { loopback = is_loopback(host), sleep = task.sleep, now = clock.wall, settings = {}, fresh = 0,
    count = 0 }
  local instance = getenv("CLOUDSIM_INSTANCE")
  local models = getenv("OLLAMA_MODELS") or files.join(getenv("HOME") or getenv("CLOUDSIM_HOME"),
    ".ollama/models")
  env.store = store.new { dir = models, now = clock.wall, keep_alive = getenv("OLLAMA_KEEP_ALIVE"),
    vram = tonumber(getenv("CLOUDSIM_VRAM")) * 1048576,
    context = math.tointeger(tonumber(getenv("OLLAMA_CONTEXT_LENGTH"))) }
  function env.fault(name)
    local answer = ask("/take", { name = name, instance = instance }) or {}
    env.settings = answer.settings or env.settings
    return answer.fault
  end
  function env.scale() return env.settings.time_scale or 1 end
  function env.tokens_per_second() return env.settings.tokens_per_second or 60 end
  function env.speed() return (env.settings.pull_bytes_per_second or 250e6) * env.scale() end
  function env.number()
    env.count = env.count + 1
    return env.count
  end
  function env.report()
    local bytes = env.fresh
    env.fresh = 0
    ask("/instance/" .. instance, { action = "traffic", bwd = bytes })
  end
  function env.received(bytes)
    env.fresh = env.fresh + bytes
    if env.fresh >= 1e9 then
      env.report()
    end
  end
  env.manifest = fetch_manifest
  env.fault("none")
  return env
end

-- Where it listens: on the loopback, which has many addresses.
local function inner(host) return host:find "^127%.[%d.]+$" and host or "127.0.0.1" end

local function serve()
  local host, port = address()
  local env = surroundings(host)
  local listener = net.listen { host = inner(host), port = port }
  local line = "time=%s level=INFO source=routes.go msg=\"Listening on %s:%d (simulated)\"\n"
  term.err(line:format(clock.iso(), host, port))
  server.serve(listener, function(request)
    term.err(("[GIN] %s | %s %s\n"):format(clock.iso(), request.method, request.path))
    return api.handler(request, env)
  end)
  while true do
    task.sleep(3600)
  end
end

local function base_url()
  local host, port = address()
  return ("http://%s:%d"):format(inner(host), port)
end

local function pull(name)
  local problem
  local rest = ""
  http.request { method = "POST", url = base_url() .. "/api/pull", json = { model = name }, timeout = 0,
    idle_timeout = 600,
    stream = function(piece)
      rest = (rest .. piece):gsub("([^\n]*)\n", function(line)
        local value = json.decode(line) or {}
        problem = problem or value.error
        term.err((value.status or "Error: " .. tostring(value.error)) .. "\n")
        return ""
      end)
    end }
  return problem and 1 or 0
end

local function list()
  local answer = http.request { method = "GET", url = base_url() .. "/api/tags" }.json()
  term.out("NAME\tSIZE\n")
  for _, row in ipairs(answer.models) do
    term.out(("%s\t%.1f GB\n"):format(row.name, row.size / 1e9))
  end
  return 0
end

-- What `ollama ps` says (facts/serving.md §1.1).
local function in_memory()
  local answer = http.request { method = "GET", url = base_url() .. "/api/ps" }.json()
  term.out("NAME\tID\tSIZE\tPROCESSOR\tCONTEXT\tUNTIL\n")
  for _, row in ipairs(answer.models) do
    local part = row.size > 0 and row.size_vram / row.size * 100 // 1 | 0 or 100
    term.out(("%s\t%s\t%.1f GB\t%s\t%d\tForever\n"):format(row.name, row.digest:sub(1, 12), row.size / 1e9,
      part == 100 and "100% GPU" or ("%d%%/%d%% CPU/GPU"):format(100 - part, part), row.context_length or 0))
  end
  return 0
end

-- `ollama run NAME ""`: into memory, and no question.
local function load(model)
  local answer = http.request { method = "POST", url = base_url() .. "/api/generate", ok = "any",
    timeout = 600, json = { model = model, stream = false } }
  if answer.status ~= 200 then term.err(answer.body .. "\n") end
  return answer.status == 200 and 0 or 1
end

local word, name = ...
if word == "serve" then
  return serve()
elseif word == "pull" and name then
  return pull(name)
elseif word == "ps" then
  return in_memory()
elseif word == "run" and name then
  return load(name)
elseif word == "list" or word == "ls" then
  return list()
elseif word == "--version" or word == "-v" then
  term.out("ollama version is 0.33.0\n")
  return 0
end
term.err("Error: unknown command \"" .. tostring(word) .. "\" for \"ollama\"\n")
return 1
