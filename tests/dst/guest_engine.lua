-- SPDX-License-Identifier: MIT
-- The model server of a machine of the replaced world, behind the tunnel.
local json = require "base.json"
local models = require "cloudsim.registry.models"

-- The machine fetches something from the Internet.
local function fetched(self, bytes)
  if self:runs() then self.place.world.ledger:traffic(self.instance.id, "bwd", bytes) end
end

local function pull(self, name)
  local faults = self.place.world.faults
  local known = models.find(name)
  local digest, total, list, bytes = "sha256:" .. ("ab"):rep(32), 18e9, {}, known and known.bytes or 18e9
  local function add(value, after)
    list[#list + 1] = { data = json.encode(value) .. "\n", after = after or 0 }
  end
  add { status = "pulling manifest" }
  if faults:take("pull.error") then
    add({ error = "max retries exceeded: unexpected EOF" }, 2)
    return { status = 200, pieces = list }
  end
  if faults:take("pull.stall") then return { hang = true } end
  for part = 1, 4 do
    add({ status = "pulling ab", digest = digest, total = total, completed = total * part / 4 }, 5)
    self.sim:at(5 * part, function() fetched(self, bytes / 4) end)
  end
  add({ status = "success" }, 2)
  self.models[name] = true
  return { status = 200, pieces = list }
end

-- Where others serve the model, the machine leads to one of those that run, which has it in memory.
local function led(self, name)
  for _, each in ipairs(self.instance.crew) do
    if each.process and each.run and not each.run.over then
      self.models[name or "qwen3-coder:30b"], self.loaded = true, true
      return true
    end
  end
end

--- What it answers. self: a machine of dst/guest.lua
return function(self, request)
  local body = request.body ~= "" and json.decode(request.body) or {}
  if self.instance.crew and not led(self, body.model) then return { lost = true } end
  local path, names = request.path, {}
  for name in pairs(self.models) do -- order: free
    names[#names + 1] = { name = name, model = name, size = 1, size_vram = self.no_gpu and 0 or 1,
      context_length = 32768 }
  end
  if path == "/api/version" then return { json = { version = "0.33.0" } } end
  if path == "/api/tags" then
    return { json = { models = json.array(names) } }
  end
  if path == "/api/ps" then
    return { json = { models = json.array(self.loaded and names or {}) } }
  end
  if path == "/api/pull" then return pull(self, body.model) end
  if not self.models[body.model] then
    return { status = 404, json = { error = "model not found" } }
  end
  local unused = not self.loaded and not self.no_gpu and self.place.world.faults:take("gpu.unused")
  if unused then self.no_gpu, self.card_says = true, unused.message end
  if self.card_says then
    return { status = 500, json = { error = self.card_says } }
  end
  self.loaded = true
  if path == "/api/generate" then
    return { json = { model = body.model, done = true, done_reason = "load" }, delay = 3 }
  end
  return { json = { done = true, eval_count = 16, eval_duration = 3e8,
    message = { role = "assistant", content = "Hello" } }, delay = 1 }
end
