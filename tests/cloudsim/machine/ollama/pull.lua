-- SPDX-License-Identifier: MIT
--- A pull as Ollama streams it (facts/serving.md §1.1): one blob after the other, progress about every 60 ms,
--- zero fields left out, now and then a step back, an error as a line of a 200 stream, resumed where a
--- broken-off pull ended.
local kinds = require "cloudsim.kinds"
local models = require "cloudsim.registry.models"

local pull = {}
local faults = kinds.of "machine"

local TICK = 0.06

local function line(status, layer, completed)
  return { status = status, digest = layer.digest, total = layer.size > 0 and layer.size or nil,
    completed = completed > 0 and completed or nil }
end

-- Only one request moves a blob on; the others look at it.
local function own(blob)
  if blob.owner then return nil end
  local mine = {}
  blob.owner = mine
  return setmetatable({}, { __close = function()
    if blob.owner == mine then
      blob.owner = nil
    end
  end })
end

local function stall(env, fault, status, layer, blob, write)
  local rest = fault.seconds or math.huge
  while rest > 0 do
    write(line(status, layer, blob.completed))
    env.sleep(TICK)
    rest = rest - TICK * env.scale()
  end
end

-- One step of a blob: → sentence of an error, or nil.
local function advance(env, layer, blob, orders)
  local share = 100 * blob.completed / layer.size
  local broken = orders.error
  if broken and share >= (broken.percent or 50) then
    orders.error = nil
    return broken.message or "max retries exceeded: unexpected EOF"
  end
  local step = env.speed() * TICK * (orders.slow and 1 / (orders.slow.factor or 100) or 1)
  if not blob.stepped_back and share > 35 and layer.size > 1e9 then
    blob.stepped_back = true
    step = -math.min(blob.completed, 64000000) -- a failed part is taken off again
  end
  local before = blob.completed
  blob.completed = math.tointeger(math.min(layer.size, before + step) // 1)
  env.received(math.max(0, blob.completed - before))
  return nil
end

local function fetch_layer(env, layer, orders, write)
  local status = "pulling " .. layer.digest:gsub("^sha256:", ""):sub(1, 12)
  local blob = env.store.pulls[layer.digest] or { completed = env.store:completed(layer.digest) }
  env.store.pulls[layer.digest] = blob
  write(line(status, layer, 0))
  local saved = blob.completed
  while blob.completed < layer.size do
    local guard <close> = own(blob)
    env.sleep(TICK)
    if orders.stall and 100 * blob.completed / layer.size >= (orders.stall.percent or 50) then
      local order = orders.stall
      orders.stall = nil
      stall(env, order, status, layer, blob, write)
    end
    local problem = guard and advance(env, layer, blob, orders)
    if problem then return problem end
    if blob.completed - saved > layer.size / 20 or blob.completed == layer.size then
      env.store:save_progress(layer.digest, blob.completed)
      saved = blob.completed
    end
    write(line(status, layer, blob.completed))
  end
  write(line(status, layer, layer.size))
  return nil
end

local STALL = faults:kind("pull.stall",
  "stands still at `percent` (50) for `seconds`, or until the client gives up")
local ERROR = faults:kind("pull.error", "error line at `percent` (50), `message`")
local SLOW = faults:kind("pull.slow", "`factor` (100) times slower")

--- Pulls `name`; `write` gets a table per line. env: store, sleep, scale(), speed() bytes/s, received(bytes),
--- fault(name), manifest(name) → table or nil, sentence. → true or nil, sentence
function pull.run(env, name, write)
  write({ status = "pulling manifest" })
  local manifest, sentence = env.manifest(models.full_name(name))
  if not manifest then return nil, "pull model manifest: " .. sentence end
  local orders = { stall = env.fault(STALL.name), error = env.fault(ERROR.name),
    slow = env.fault(SLOW.name) }
  local bytes = 0
  for _, layer in ipairs(manifest.layers or {}) do
    bytes = bytes + layer.size
    local problem = fetch_layer(env, layer, orders, write)
    if problem then return nil, problem end
  end
  write({ status = "verifying sha256 digest" })
  env.sleep(bytes / 2e9 / env.scale())
  write({ status = "writing manifest" })
  env.store:add(name, manifest)
  env.report()
  write({ status = "success" })
  return true
end

return pull
