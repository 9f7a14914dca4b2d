-- SPDX-License-Identifier: MIT
--- Faults ordered by name: {name=, once=true | count=n | sticky=true, after=n, match={field=value}, …extra
--- fields}. Without once/count/sticky a fault happens once. `after=n` lets the first n chances pass.
local faces = require "cloudsim.faces"
local sorted = require "base.sorted"

local faults = {}
faults.__index = faults

--- Every name that can be ordered: what the faces registered (kinds.lua). An unknown one is refused, so that
--- a typing error cannot make a test pass.
faults.names = {}
for _, face in ipairs(faces.list) do
  for _, kind in ipairs(face.faults or {}) do
    faults.names[kind.name] = true
  end
end

--- What can happen at this cloud: its own faults, and those of the faces that are no cloud. → set of names
function faults.at(cloud)
  local names = {}
  for _, face in ipairs(faces.list) do
    for _, kind in ipairs((face.name == cloud or not face.view) and face.faults or {}) do
      names[kind.name] = true
    end
  end
  return names
end

--- The table of README.md, line by line: each fault by the faces that play it alike.
function faults.lines()
  local lines = { "| fault | at | what happens |", "|---|---|---|" }
  for name in sorted(faults.names) do
    local said = {}
    for _, face in ipairs(faces.list) do
      for _, kind in ipairs(face.faults or {}) do
        local row = kind.name == name and (said[kind.sentence] or { sentence = kind.sentence })
        if row and not said[kind.sentence] then
          said[#said + 1], said[kind.sentence] = row, row
        end
        if row then
          row[#row + 1] = face.name
        end
      end
    end
    for _, row in ipairs(said) do
      lines[#lines + 1] = ("| `%s` | %s | %s |"):format(name, table.concat(row, ", "), row.sentence)
    end
  end
  return lines
end

function faults.new()
  return setmetatable({ orders = {}, fired = {} }, faults)
end

--- Adds an order. → order, or nil and a sentence.
function faults:add(order)
  if type(order) ~= "table" or not faults.names[order.name] then
    return nil, "no fault is called " .. tostring(type(order) == "table" and order.name or order), "unknown"
  end
  local copy = {}
  for key, value in sorted(order) do
    copy[key] = value
  end
  copy.left = copy.sticky and math.huge or copy.count or 1
  copy.skip = copy.after or 0
  self.orders[#self.orders + 1] = copy
  return copy
end

--- Removes all orders, or those of one name.
function faults:clear(name)
  local kept = {}
  for _, order in ipairs(self.orders) do
    if name and order.name ~= name then
      kept[#kept + 1] = order
    end
  end
  self.orders = kept
end

local function matches(order, context, face)
  for key, value in sorted(order.match or {}) do
    local actual = context and context[key]
    if key == "cloud" then
      actual = actual or face
    end
    if key == "path" then
      if not tostring(actual or ""):find(value) then return false end
    elseif tostring(actual) ~= tostring(value) then
      return false
    end
  end
  return true
end

--- The order that happens now at `face`, or nil. Uses one of its turns.
function faults:take(name, context, face)
  for _, order in ipairs(self.orders) do
    if order.name == name and order.left > 0 and matches(order, context, face) then
      if order.skip > 0 then
        order.skip = order.skip - 1
      else
        order.left, order.happened = order.left - 1, true
        self.fired[#self.fired + 1] = name
        return order
      end
    end
  end
  return nil
end

--- Whether an order of that name waits, without using a turn.
function faults:waits(name, context, face)
  for _, order in ipairs(self.orders) do
    if order.name == name and order.left > 0 and matches(order, context, face) then
      return order
    end
  end
  return nil
end

return faults
