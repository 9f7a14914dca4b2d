-- SPDX-License-Identifier: MIT
--- What one Paperspace team holds inside a world: types with their stock, templates, startup scripts, private
--- networks, claimed addresses, snapshots, shared drives, templates of its own, machines and their events.
--- Money, keys, faults and the clock are the world's.
local clock = require "base.clock"
local data = require "cloudsim.paperspace.data"
local random = require "cloudsim.random"
local roster = require "cloudsim.machine.roster"

local state = setmetatable({}, roster)
state.__index = state

local LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"

--- A fresh team.
function state.new(world)
  local self = setmetatable(roster.new(), state)
  self.world, self.scripts, self.networks, self.addresses = world, {}, {}, {}
  self.snapshots, self.events, self.drives, self.made_templates = {}, {}, {}, {}
  self:sow()
  self.team, self.user = self:id("t"), self:id("u")
  self.types = data.types()
  self.templates = data.templates(self.types)
  return self
end

--- The generator begins with the world's seed; what happens at one cloud does not change another.
function state:sow()
  self.random = random.new(self.world.seed + 2)
end

--- A fresh id, nine letters and digits like theirs.
function state:id(first)
  local text = first
  for _ = 1, 8 do
    local at = self.random:int(1, #LETTERS)
    text = text .. LETTERS:sub(at, at)
  end
  return text
end

function state.row_of(list, field, value)
  for i, each in ipairs(list) do
    if each[field] == value then return each, i end
  end
  return nil
end

--- A moment as it is shown, with milliseconds.
function state:iso(at)
  return (clock.iso((at or self.world.time) // 1):gsub("Z$", ".000Z"))
end

--- Notes an event of a machine (facts/paperspace.md §4.5). It is "new"; state:begun and state:over tell how
--- it goes on.
function state:event(name, instance)
  local event = { id = self:id("e"), name = name, state = "new", machineId = instance.id,
    dtCreated = self:iso() }
  self.events[#self.events + 1] = event
  return event
end

function state:begun(event)
  event.state, event.dtStarted = "in progress", self:iso()
end

--- wrong: its error, nil when it is done
function state:over(event, wrong)
  event.dtStarted = event.dtStarted or self:iso()
  event.state, event.error, event.dtFinished = wrong and "error" or "done", wrong, self:iso()
end

return state
