-- SPDX-License-Identifier: MIT
-- RunPod in the campaign (dst/clouds.lua).
local face = require "cloudsim.runpod.face"
local json = require "base.json"

-- what the campaign calls otherwise than the control address
local HAPPEN = { exited = "exit", stopped = "stop" }
local DO = { terminate = "end", stop = "end" }

local runpod = {
  face = face, port = 7008, create_at = 0.12,
  hides_loss = true,   -- whose first process ended says RUNNING (facts/runpod.md §2.13)
  pushed = true, tunnel = "TCP",
  label = function(instance) return instance.name end,
  may_hold_key = function() return false end,
  texts = function(instance) return { instance.args, instance.env, instance.name } end,
  happen = function(world, what, instance) face.actions[HAPPEN[what] or what](world, instance, {}) end,
}

function runpod.leftovers(world)
  local names = {}
  for _, row in ipairs(world.runpod.volumes) do names[#names + 1] = row.name end
  for _, row in ipairs(world.runpod.templates) do names[#names + 1] = row.body.name end
  return names
end

-- The name of the network volume or template at a path.
local function name_at(world, path)
  local kind, id = path:match("^/v2/([%w-]+)/(%w+)$")
  local rows = kind == "network-volumes" and world.runpod.volumes or kind == "templates"
    and world.runpod.templates or {}
  for _, row in ipairs(rows) do
    if row.id == id then return row.name or row.body.name end
  end
end

function runpod.environment(key)
  return { "RUNPOD_API_KEY=" .. key, "RUNPOD_BASE_URL=http://127.0.0.1:7008",
    "OLLAMA_DOWNLOAD_URL=http://127.0.0.1:7004" }
end

function runpod.meaning(request, world)
  local id, action = request.path:match("^/v2/pods/([%w-]+)(.*)$")
  local body = json.decode(request.body or "") or {}
  if request.method == "GET" or request.path == "/graphql" then return "read" end
  if request.method == "POST" and request.path == "/v2/pods" then return "create", body.name end
  if request.method == "DELETE" and id then return "end", world.runpod:find(id) end
  if request.method == "DELETE" then return "remove", name_at(world, request.path) end
  if action == "/action" and DO[body.action] then return DO[body.action], world.runpod:find(id) end
  return "other"
end

function runpod.rent(ask, world, label, n)
  world.settings.rate_limits = false
  local answer = ask("POST", "/v2/pods", { name = label, image = "x", disk = 10,
    gpu = { id = n % 2 == 0 and "NVIDIA H200" or "NVIDIA H100 80GB HBM3", count = 1 } }, "10.1.1.1")
  ask("POST", "/v2/templates", { name = label, image = "x" }, "10.1.1.1")
  ask("POST", "/v2/network-volumes", { name = "data-" .. n, size = 10, dataCenter = "EU-SE-1" }, "10.1.1.1")
  world.settings.rate_limits = true
  return json.decode(answer.body).id or error("no pod for somebody else: " .. answer.body)
end

-- Faults emptied some places; other people give theirs back.
function runpod.restock(world)
  for _, row in ipairs(world.runpod.types) do
    for place, count in pairs(row.stock) do row.stock[place] = math.max(count, 1) end -- order: free
  end
end

return runpod
