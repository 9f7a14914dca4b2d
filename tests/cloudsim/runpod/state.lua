-- SPDX-License-Identifier: MIT
--- What RunPod holds inside a world: types with their stock, data centres, SSH keys, network volumes, pods.
--- Money, keys, faults and the clock are the world's.
local clock = require "base.clock"
local data = require "cloudsim.runpod.data"
local random = require "cloudsim.random"
local roster = require "cloudsim.machine.roster"

local state = setmetatable({}, roster)
state.__index = state

--- world.options: runpod_types (rows as in data.lua)
function state.new(world)
  local self = setmetatable(roster.new(), state)
  self.world, self.ssh_keys, self.volumes, self.templates, self.windows = world, {}, {}, {}, {}
  self:sow()
  self.types, self.centres = data.types(world.options.runpod_types), data.centres()
  return self
end

--- The generator is this cloud's own, so that what happens here changes no other.
function state:sow()
  self.random = random.new(self.world.seed + 2)
end

local LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"

--- A fresh id; it begins with a letter.
function state:fresh_id(length)
  local text = {}
  for i = 1, length or 14 do
    local at = self.random:int(1, i == 1 and 26 or 36)
    text[i] = LETTERS:sub(at, at)
  end
  return table.concat(text)
end

local function row_of(list, id)
  for i, each in ipairs(list) do
    if each.id == id then return each, i end
  end
  return nil
end
state.row_of = row_of

function state:type(id)
  return row_of(self.types, id)
end

-- The account's row with that id, and its place.
local function own(list, id, account)
  local row, at = row_of(list, id)
  if row and row.account == account then return row, at end
  return nil
end

function state:volume(id, account) return own(self.volumes, id, account) end

function state:template(id, account) return own(self.templates, id, account) end

function state:centre(id)
  return row_of(self.centres, id)
end

function state:iso(at)
  return clock.iso((at or self.world.time) // 1)
end

--- In which country a place is: a data centre, or a country of the community.
function state:country(place)
  local centre = self:centre(place)
  return centre and centre.country or place
end

--- The places where cards of a type are: data centres (SECURE) or countries. → map place → free cards
function state.places(kind, cloud)
  if cloud == "COMMUNITY" then
    return kind.community > 0 and kind.hosts or {}
  end
  return kind.secure > 0 and kind.stock or {}
end

return state
