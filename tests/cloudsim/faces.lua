-- SPDX-License-Identifier: MIT
--- The faces of the simulator, found by folder: each NAME/face.lua below this one. README.md says what a face
--- is and how to add one. A face with a `view` is a cloud: it has machines.
local scripts = require "sandbox.world"

local faces = {
  list = {},    -- all, in their order
  clouds = {},  -- those that have machines
  by_name = {},
}

local function before(a, b)
  local x, y = a.order or math.huge, b.order or math.huge
  if x ~= y then return x < y end
  return a.name < b.name
end

for i, name in ipairs(scripts.names("cloudsim", "face")) do
  local face = require("cloudsim." .. name .. ".face")
  assert(face.name == name, "the face in " .. name .. " calls itself " .. tostring(face.name))
  faces.list[i], faces.by_name[name] = face, face
end
table.sort(faces.list, before)
for _, face in ipairs(faces.list) do
  faces.clouds[#faces.clouds + 1] = face.view and face
end

--- The face of the cloud that a machine is of.
function faces.of(instance)
  return faces.by_name[instance.cloud]
end

return faces
