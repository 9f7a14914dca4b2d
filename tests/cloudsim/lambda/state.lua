-- SPDX-License-Identifier: MIT
--- What one Lambda workspace holds inside a world: types with their stock, SSH keys, firewall rules,
--- machines, audit events. Money, keys, faults and the clock are the world's.
local clock = require "base.clock"
local data = require "cloudsim.lambda.data"
local random = require "cloudsim.random"
local roster = require "cloudsim.machine.roster"

local state = setmetatable({}, roster)
state.__index = state

--- A fresh workspace. world.options: lambda_types (rows), lambda_file_systems (rows {name, region}).
function state.new(world)
  local options, self = world.options, setmetatable(roster.new(), state)
  self.world, self.rulesets, self.ssh_keys, self.file_systems, self.events = world, {}, {}, {}, {}
  self:sow()
  self.workspace = self.random:hex(32)
  self.types, self.regions = data.types(options.lambda_types), data.regions()
  self.images = data.images(self.regions, function() return self.random:hex(32) end)
  self.rules = {
    { protocol = "tcp", port_range = { 22, 22 }, source_network = "0.0.0.0/0",
      description = "Allow SSH from anywhere" },
    { protocol = "icmp", source_network = "0.0.0.0/0", description = "Allow ICMP traffic from anywhere" },
  }
  self.ssh_keys[1] = { id = self.random:hex(32), name = "ada-laptop", initial = true,
    public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Zp0wq1mVxk9c5J3uS2o8bq7tQe4n6fYhR2aLwK1dX "
      .. "ada@laptop" }
  for _, row in ipairs(options.lambda_file_systems or { { name = "ada-data", region = "us-west-1" } }) do
    self.file_systems[#self.file_systems + 1] = { id = self.random:hex(32), name = row.name,
      region = self:region(row.region), created = self:iso(), bytes_used = 0, initial = true }
  end
  return self
end

--- The generator begins with the world's seed; it is not the world's own, so that what happens at one cloud
--- does not change another.
function state:sow()
  self.random = random.new(self.world.seed + 1)
end

local function row_of(list, field, value)
  for i, each in ipairs(list) do
    if each[field] == value then return each, i end
  end
  return nil
end
state.row_of = row_of

function state:region(name)
  return row_of(self.regions, "name", name)
end

function state:iso()
  return clock.iso(self.world.time // 1)
end

--- The image of id or family in a region, fit for the architecture. → row or nil
function state:image(wanted, region, arch)
  local chosen
  for _, row in ipairs(self.images) do
    if row.region.name == region and (wanted.id == row.id or wanted.family == row.family
      and row.architecture == arch) then
      chosen = row
    end
  end
  return chosen
end

--- Remembers what was done, as GET /audit-events shows it (facts/lambda.md §2.8).
function state:audit(resource, action, id)
  local number = #self.events + 1
  self.events[number] = { event_id = self.random:hex(32), event_time = self:iso(), at = self.world.time,
    service_name = "cloud-api", resource_name = resource, action = action,
    actor_lrn = "lrn:user:" .. self.workspace, resource_lrns = { "lrn:" .. resource .. ":" .. id } }
end

--- Machines that hold a ruleset: they do until they are terminated.
function state:users_of(ruleset)
  local ids = {}
  for _, instance in ipairs(self:each()) do
    for _, id in ipairs(instance.rulesets) do
      if id == ruleset.id then
        ids[#ids + 1] = instance.id
      end
    end
  end
  return ids
end

--- Does a machine hold the SSH key of this name? It does until it is terminated.
function state:uses_key(name)
  for _, instance in ipairs(self:each()) do
    for _, key in ipairs(instance.ssh_key_names) do
      if key == name then return true end
    end
  end
  return false
end

return state
