-- SPDX-License-Identifier: MIT
--- Faults ordered by name: {name=, once=true | count=n | sticky=true, after=n, match={field=value}, …extra
--- fields}. Without once/count/sticky a fault happens once. `after=n` lets the first n chances pass.
local sorted = require "base.sorted"

local faults = {}
faults.__index = faults

--- Every name that can be ordered; an unknown one is refused, so that a typing error cannot make a test pass.
faults.names = {
  ["download.down"] = true, ["download.404"] = true, ["download.html"] = true, ["download.broken"] = true,
  ["api.500"] = true, ["api.answer_lost"] = true, ["boot.unhealthy"] = true,
  ["api.down"] = true, ["api.429"] = true, ["api.auth"] = true, ["api.html"] = true,
    ["api.endless_body"] = true,
  ["api.slow"] = true, ["offers.nulls"] = true, ["offers.empty"] = true, ["offers.html"] = true,
    ["offers.quota"] = true,
  ["create.no_capacity"] = true, ["create.answer_lost"] = true, ["create.lost_before"] = true,
  ["create.error_but_created"] = true, ["create.price_changed"] = true, ["create.slow_appear"] = true,
  ["create.stopped"] = true, ["create.twice"] = true, ["create.forbidden"] = true, ["create.no_key"] = true,
  ["boot.stuck"] = true, ["boot.oci_failure"] = true, ["boot.exited"] = true, ["boot.no_udp"] = true,
  ["boot.no_push"] = true, ["boot.slow"] = true, ["boot.scheduling"] = true, ["gpu.unused"] = true,
  ["list.empty"] = true, ["list.partial"] = true, ["list.html"] = true, ["list.stale"] = true,
    ["list.500"] = true,
  ["get.500"] = true, ["get.html"] = true, ["get.null_fields"] = true, ["get.false_null"] = true,
  ["get.unknown_status"] = true, ["get.hang"] = true, ["get.stopped"] = true,
  ["destroy.500"] = true, ["destroy.accepted_not_done"] = true, ["destroy.hang"] = true,
    ["destroy.429"] = true,
  ["guard.refused"] = true,
  ["pull.stall"] = true, ["pull.error"] = true, ["pull.slow"] = true,
  ["registry.down"] = true, ["registry.html"] = true, ["spot.outbid"] = true, ["spot.resume"] = true,
}

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

local function matches(order, context)
  for key, value in sorted(order.match or {}) do
    local actual = context and context[key]
    if key == "cloud" then
      actual = actual or "vast" -- only Vast's places take faults without saying where
    end
    if key == "path" then
      if not tostring(actual or ""):find(value) then
        return false
      end
    elseif tostring(actual) ~= tostring(value) then
      return false
    end
  end
  return true
end

--- The order that happens now, or nil. Uses one of its turns.
function faults:take(name, context)
  for _, order in ipairs(self.orders) do
    if order.name == name and order.left > 0 and matches(order, context) then
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
function faults:waits(name, context)
  for _, order in ipairs(self.orders) do
    if order.name == name and order.left > 0 and matches(order, context) then
      return order
    end
  end
  return nil
end

return faults
