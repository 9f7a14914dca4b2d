-- SPDX-License-Identifier: MIT
-- CoreWeave in the campaign (dst/clouds.lua): what is made by name in a cluster. The pool is what bills, a
-- machine is the node that it took.
local face = require "cloudsim.coreweave.face"
local json = require "base.json"
local parse = require "providers.coreweave.parse"

local POOLS = "/apis/compute.coreweave.com/v1alpha1/nodepools"
-- What the campaign calls otherwise than the control address. A pod that is over stays so, and a node that
-- nobody hears of is one whose programs do nothing.
local HAPPEN = { exited = "exit", stopped = "exit", offline = "freeze" }

local coreweave = {
  face = face, port = 7006, create_at = 0.42, tunnel = "TCP", fixed_life = true,
  -- Nobody is asked for offers or prices, and a name is given once.
  never = { ["create.price_changed"] = true, ["create.twice"] = true, ["create.slow_appear"] = true,
    ["offers.empty"] = true },
  label = function(instance) return instance.label end,
  may_hold_key = function() return false end,
  texts = function(instance)
    return { args = instance.args, command = instance.command, env = instance.env, label = instance.label,
      mounts = instance.mounts }
  end,
  happen = function(world, what, instance) face.actions[HAPPEN[what] or what](world, instance, {}) end,
}

function coreweave.environment(key)
  return { "COREWEAVE_API_KEY=" .. key, "COREWEAVE_API_SERVER=http://127.0.0.1:7006",
    "COREWEAVE_INSIDE_SERVER=http://127.0.0.1:7006", "COREWEAVE_WHOLE_NODES=yes", "MAX_PRICE=60" }
end

-- The token in the name of what was made around a pool; of its pods as well.
local function token_of(name)
  return name:match "^(.-)%-set%-[%w%-]+$"
    or (name:gsub("%-guard$", ""):gsub("%-set$", ""):gsub("%-engine$", ""))
end

-- The node of a pool.
local function node_of(world, name)
  for _, instance in ipairs(world.coreweave:each()) do
    if instance.label == name and not instance.destroyed then return instance end
  end
end

function coreweave.meaning(request, world)
  local kind, name = request.path:match "/([%l]+)/([%w-]+)$"
  if request.method == "GET" then return "read" end
  local body = json.decode(request.body or "") or {}
  if request.path:find "/selfsubject" then return "read" end
  if request.method == "POST" and request.path == POOLS then return "create", body.metadata.name end
  if request.method == "DELETE" and kind == "nodepools" then return "end", node_of(world, name) end
  if request.method == "POST" and body.metadata then
    return "make", token_of(body.metadata.name)
  end
  if request.method == "DELETE" and name then return "remove", token_of(name) end
  return "other"
end

function coreweave.rent(ask, world, label, n)
  local name, ours = ("other-%d"):format(n), label:find "^cplz%-"
  ask("POST", POOLS, { metadata = { name = name, labels = ours and parse.meta(label).labels },
    spec = { instanceType = "cd-gp-i64-erapids", targetNodes = 1 } })
  local node = node_of(world, name)
  return node and node.id or error "no node for somebody else"
end

-- Faults emptied some of its few types; other people give theirs back.
function coreweave.restock(world)
  world.coreweave.starved = {}
  for _, kind in pairs(world.coreweave.types) do -- order: free
    kind.free = math.max(kind.free, 1)
  end
end

function coreweave.leftovers(world)
  local found, names = {}, {}
  face.leftovers(world, found)
  for _, each in ipairs(found.objects) do
    names[#names + 1] = token_of(each.name)
  end
  return names
end

return coreweave
