-- SPDX-License-Identifier: MIT
-- The clouds of the campaign: clouds[NAME] is what dst/clouds/NAME.lua says, where NAME is a cloud of the
-- simulator (cloudsim/faces.lua); `list` has the names. What differs between clouds is said there alone:
--
-- face (of the simulator), port (where it listens in the replaced world), create_at (seconds from the begin
-- of `up` to its create), environment(key) lines of .env, the key first, label(instance), meaning(request,
-- world) → "read" | "create", token, bid | "end", instance | "make", name | "remove", name | "other",
-- may_hold_key(request): the account's key may stand in its body, rent(ask, world, label, n) for somebody
-- else → id; ask(method, path, body, peer) → response, hides_loss: a machine that ended by itself looks
-- alive, keeps_record: nothing can be proven of a record that stays, never: faults that it cannot have,
-- without which a told case says nothing there, pushed: the guard's program is taken at a port, tunnel: by
-- what its machines are reached, when it is not "UDP and TCP", fixed_life: its own end cannot be moved,
-- no_proof: it has no billing API, and does not tell by which steps it bills, happen(world, what, instance),
-- texts(instance) sent to a machine,
-- restock(world)|nil when the faults are over, leftovers(world) → names of what exists around machines.
local faces = require "cloudsim.faces"
local json = require "base.json"
local scripts = require "sandbox.world"

local clouds = { list = {} }

-- Asks a cloud as somebody who has this key.
local function asker(face, world, key)
  return function(method, path, body, peer)
    local headers = { authorization = "Bearer " .. key, ["user-agent"] = "continueplz/1" }
    return face.handler({ method = method, path = path, query = {}, headers = headers,
      body = json.encode(body), peer = peer }, world)
  end
end

-- What every cloud of the simulator can do.
local function complete(name, cloud)
  local rent = cloud.rent
  function cloud.each(world) return world[name]:each() end
  function cloud.find(world, id) return world[name]:find(id), world[name].instances[id] ~= nil end
  function cloud.rent(world, key, label, n) return rent(asker(cloud.face, world, key), world, label, n) end
  return cloud
end

local here = {}
for _, name in ipairs(scripts.names "dst/clouds") do here[name] = true end
for _, face in ipairs(faces.clouds) do
  if here[face.name] then
    clouds[face.name] = complete(face.name, require("dst.clouds." .. face.name))
    clouds.list[#clouds.list + 1] = face.name
  end
end

return clouds
