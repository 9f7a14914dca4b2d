-- SPDX-License-Identifier: MIT
--- The machines of one cloud, in order of creation: those that exist, and those that are gone.
local roster = {}
roster.__index = roster

function roster.new()
  return setmetatable({ instances = {}, gone = {}, order = {} }, roster)
end

function roster:add(instance)
  self.instances[instance.id] = instance
  self.order[#self.order + 1] = instance.id
end

--- It exists no more.
function roster:lose(instance, at)
  instance.destroyed, instance.destroyed_at = true, at
  self.instances[instance.id], self.gone[instance.id] = nil, instance
end

--- Those that exist; `account` limits.
function roster:each(account)
  local list = {}
  for _, id in ipairs(self.order) do
    local instance = self.instances[id]
    if instance and (account == nil or instance.account == account) then
      list[#list + 1] = instance
    end
  end
  return list
end

--- All that there ever were; `account` limits.
function roster:ever(account)
  local list = {}
  for _, id in ipairs(self.order) do
    local instance = self.instances[id] or self.gone[id]
    if account == nil or instance.account == account then
      list[#list + 1] = instance
    end
  end
  return list
end

--- What a list shows: those that are visible, or, with an order `stale`, the picture of its `seconds` (60)
--- ago. looked(world, instance) → whether it is still there; kept(instance): one that is gone is shown all
--- the same; `account` limits. → array of { instance=, before=true: it was running then and is gone now }
function roster:picture(world, stale, looked, kept, account)
  local list, at = {}, world.time - (stale and world:scaled(stale.seconds or 60) or 0)
  for _, instance in ipairs(self:ever(account)) do
    local old, existed = instance.destroyed, instance.created_at <= at
    if not old and existed and instance.visible_at <= world.time and looked(world, instance) then
      list[#list + 1] = { instance = instance }
    elseif old and stale and existed and instance.destroyed_at > at then
      list[#list + 1] = { instance = instance, before = true }
    elseif instance.destroyed and kept(instance) then -- also when this look was its last
      list[#list + 1] = { instance = instance }
    end
  end
  return list
end

--- The machine of an id, also as text, and one that is gone; or nil.
function roster:find(id)
  local number = math.tointeger(tonumber(id)) or id
  return self.instances[id] or self.gone[id] or self.instances[number] or self.gone[number]
end

return roster
