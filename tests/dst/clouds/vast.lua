-- SPDX-License-Identifier: MIT
-- Vast in the campaign (dst/clouds.lua).
local face = require "cloudsim.vast.face"
local json = require "base.json"
local sorted = require "base.sorted"

local vast = {
  face = face, port = 7001, create_at = 0.06, pushed = true,
  label = function(instance) return instance.label end,
  may_hold_key = function() return false end,
  texts = function(instance)
    return { instance.args, instance.env, instance.label or "", instance.onstart or "" }
  end,
  happen = function(world, what, instance) face.life[what](world, instance, "by chance") end,
}

-- Volumes; tests put some into the world.
function vast.leftovers(world)
  local names = {}
  for _, volume in sorted(world.vast.volumes) do names[#names + 1] = volume.label end
  return names
end

function vast.environment(key) return { "VAST_API_KEY=" .. key, "VAST_BASE_URL=http://127.0.0.1:7001" } end

function vast.meaning(request, world)
  local id = math.tointeger(tonumber(request.path:match("^/api/v0/instances/(%d+)/$")))
  if request.method == "PUT" and request.path:find("^/api/v0/asks/") then
    local body = json.decode(request.body)
    return "create", body.label, body.price
  end
  if request.method == "GET" or request.path == "/api/v0/bundles/" then
    return "read"
  end
  if request.method == "DELETE" and id then
    return "end", world.vast:find(id)
  end
  if request.method == "DELETE" and request.path == "/api/v0/volumes/" then
    local volume = world.vast.volumes[json.decode(request.body).id]
    return "remove", volume and volume.label
  end
  return "other"
end

function vast.rent(ask, world, label, n)
  local offers = world.vast.offers
  local offer = offers[#offers - math.min(n, 2)]
  offer.rented_by = nil -- there are fewer offers than people in a crowd
  local answer = ask("PUT", ("/api/v0/asks/%d/"):format(offer.id), { client_id = "me", image = "x", disk = 10,
    label = label, runtype = "args", args = { "a", "b" } }, "10.1.1.1")
  return json.decode(answer.body).new_contract
end

return vast
