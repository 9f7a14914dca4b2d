-- SPDX-License-Identifier: MIT
-- Paperspace in the campaign (dst/clouds.lua).
local face = require "cloudsim.paperspace.face"
local json = require "base.json"

-- what the campaign calls otherwise than the control address
local HAPPEN = { exited = "exit", stopped = "stop" }

local paperspace = {
  face = face, port = 7015, create_at = 0.18, pushed = true, no_proof = true,
  label = function(instance) return instance.name end,
  texts = function(instance) return { instance.name } end, -- its script is the team's, and taken away
  happen = function(world, what, instance) face.actions[HAPPEN[what] or what](world, instance, {}) end,
}

function paperspace.environment(key)
  return { "PAPERSPACE_API_KEY=" .. key, "PAPERSPACE_BASE_URL=http://127.0.0.1:7015",
    "OLLAMA_DOWNLOAD_URL=http://127.0.0.1:7004", "GUARD_ACCOUNT_KEY=yes", "MAX_PRICE=10" }
end

function paperspace.may_hold_key(request) -- GUARD_ACCOUNT_KEY=yes
  return request.path == "/v1/startup-scripts"
end

local function script_name(world, id)
  for _, row in ipairs(world.paperspace.scripts) do
    if row.id == id then return row.name end
  end
end

function paperspace.meaning(request, world)
  if request.method == "GET" then return "read" end
  local kind, id = request.path:match("^/v1/([%w-]+)/?([^/]*)$")
  local body = json.decode(request.body or "") or {}
  if request.method == "POST" and id == "" then
    if kind == "machines" then return "create", body.name end
    if kind == "startup-scripts" then return "make", body.name end
  elseif request.method == "DELETE" then
    if kind == "machines" then return "end", world.paperspace:find(id) end
    if kind == "startup-scripts" then return "remove", script_name(world, id) end
  end
  return "other"
end

function paperspace.rent(ask, _, label, n)
  local user = "10.1.1." .. n
  ask("POST", "/v1/startup-scripts", { name = label, script = "echo theirs" }, user)
  local answer = ask("POST", "/v1/machines", { name = label, machineType = "P4000", templateId = "t0nspur5",
    region = n % 2 == 0 and "West Coast (CA1)" or "Europe (AMS1)", diskSize = 50 }, user)
  local data = json.decode(answer.body).data
  return data and data.id or error("no machine for somebody else: " .. answer.body)
end

-- Faults emptied some of its few types; other people give theirs back.
function paperspace.restock(world)
  for _, row in ipairs(world.paperspace.types) do
    for region, count in pairs(row.capacity) do row.capacity[region] = math.max(count, 1) end -- order: free
  end
end

function paperspace.leftovers(world)
  local names = {}
  for _, row in ipairs(world.paperspace.scripts) do names[#names + 1] = row.name end
  return names
end

return paperspace
