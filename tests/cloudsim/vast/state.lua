-- SPDX-License-Identifier: MIT
--- What Vast holds inside a world: offers, machines, texts behind presigned addresses. Money, keys, faults
--- and the clock are the world's.
local offers = require "cloudsim.vast.offers"
local roster = require "cloudsim.machine.roster"

local state = setmetatable({}, roster)
state.__index = state

--- A fresh market. world.options: offers (rows), extra_offers (more of them). before: the state before a
--- reset, for no id of a machine comes back
function state.new(world, before)
  local self = setmetatable(roster.new(), state)
  self.world, self.logs, self.recent, self.volumes = world, {}, {}, {}
  self.next_id, self.next_ask = before and before.next_id or 30119482, 21874410
  self.offers = offers.build(self, world.options.offers, world.options.extra_offers)
  return self
end

function state:offer(id)
  for _, offer in ipairs(self.offers) do
    if offer.id == id then return offer end
  end
  return nil
end

function state:fresh_id()
  local id = self.next_id
  self.next_id = id + self.world.random:int(1, 40)
  return id
end

return state
