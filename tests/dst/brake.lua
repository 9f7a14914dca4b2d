-- SPDX-License-Identifier: MIT
-- How a rented machine of the replaced world asks its cloud: only by what was sent to it. The requests are
-- those of its rendered configuration, filled in from its environment as the guest does it (docs/guest.md); a
-- wrong address, key or token ends nothing.
local json = require "base.json"
local sorted = require "base.sorted"
local url = require "base.url"

local brake = {}

local LISTS = { ["terminate-header"] = true, ["otherwise-header"] = true, ["find-header"] = true,
  ["rehearse-header"] = true,
  ["expose"] = true, ["engine-arg"] = true,
  ["engine-env"] = true, ["engine-inherit"] = true, ["ca-file"] = true }

local SINGLE = {}
for name in ([[listen-port listen-tcp token peer-public private-key-env address peer-address keepalive
  control-port
  silence idle life life-max time retry terminate-method terminate-url terminate-body otherwise-method
  otherwise-url otherwise-body key-env find-url
  find-token find-pause power-off-after rehearse-url state-dir]]):gmatch("%S+") do
  SINGLE[name] = true
end

--- The configuration of a guest. → { key = value or array }, or nil, what the guest refuses
function brake.read(text)
  local config = {}
  for name in sorted(LISTS) do config[name] = {} end
  for line in text:gmatch("([^\n]+)") do
    local name, value = line:match("^([%w-]+) (.+)$")
    if not name or not (LISTS[name] or SINGLE[name]) then
      return nil, "unknown: " .. line
    end
    if LISTS[name] then table.insert(config[name], value) else config[name] = value end
  end
  if not config["listen-port"] and not config["listen-tcp"] then return nil, "listen-port is missing" end
  for _, name in ipairs { "token", "peer-public", "private-key-env", "terminate-url",
    "state-dir" } do
    if not config[name] then return nil, name .. " is missing" end
  end
  return config
end

--- Fills ${NAME} from `values`. → text, or nil when one is missing
function brake.filled(text, values)
  local missing = false
  local result = text:gsub("%$%$", "\0"):gsub("%${([%w_]+)}", function(name)
    local value = values[name]
    if not value or value == "" then missing = true end
    return value
  end)
  return not missing and result:gsub("%z", "$") or nil
end

local function headers_of(lines, values)
  local headers = { ["user-agent"] = "continueplz/1" }
  for _, line in ipairs(lines or {}) do
    local text = brake.filled(line, values)
    if not text then return nil end
    local name, value = text:match("^([^:]+): ?(.*)$")
    headers[name:lower()] = value
  end
  return headers
end

--- Sends one request of a machine. place: of dst/guest.lua; request: { method, url, headers = lines, body };
-- values: what fills it → the cloud's answer, or nil when it cannot be sent
function brake.send(place, instance, request, values)
  local address, body = brake.filled(request.url, values), brake.filled(request.body or "", values)
  local headers = headers_of(request.headers, values)
  local parts = address and url.parse(address)
  if not parts or not body or not headers then return nil end
  return place.send(instance, { method = request.method or "GET", url = address, host = parts.host,
    port = parts.port, path = parts.path, query = url.parse_query(address:match("%?([^#]*)") or ""),
    headers = headers, body = body, peer = "10.9.9." .. #address % 250 })
end

-- Ids of the innermost objects that have one and hold the token in a string; own: the object with this
-- address. → what `value` holds
local function search(value, token, own, found)
  if type(value) == "string" then
    return { token = value:find(token, 1, true) ~= nil, own = value == own }
  end
  if type(value) ~= "table" then return {} end
  local before, holds = #found, {}
  for _, each in sorted(value) do
    local inner = search(each, token, own, found)
    holds = { token = holds.token or inner.token, own = holds.own or inner.own }
  end
  if holds.token and value.id ~= nil and #found == before then
    found[#found + 1] = { id = tostring(value.id), own = holds.own == true }
  end
  return holds
end

--- The ids of the machines of a token in an answer, the own one last.
function brake.ids(answer, token, own)
  local found, list = {}, {}
  local data = answer and answer.status == 200 and json.decode(answer.body or "")
  if type(data) ~= "table" then return list end
  search(data, token, own, found)
  for _, last in ipairs { false, true } do
    for _, each in ipairs(found) do
      if each.own == last then list[#list + 1] = each.id end
    end
  end
  return list
end

--- One attempt at the end: the find, its pause, and the terminate request for each machine of the token;
-- where that is refused, or fails and it is late, the other one.
-- order: { find = { url, headers, token, pause } or nil, terminate = request, otherwise = request or nil };
-- alive(): may it go on?
function brake.attempt(place, instance, order, values, alive, late)
  local function ask(id)
    local all = setmetatable({ ID = id }, { __index = values })
    local answer = brake.send(place, instance, order.terminate, all)
    local status = answer and answer.status or 0
    local refused = status // 100 == 4 and status ~= 408 and status ~= 429
    if order.otherwise and status // 100 ~= 2 and (refused or late) then
      brake.send(place, instance, order.otherwise, all)
    end
  end
  local find = order.find
  if not find then return ask(nil) end
  local ids = brake.ids(brake.send(place, instance, find, values), find.token,
    instance.private_ip or instance.ip)
  for number, id in ipairs(ids) do
    place.sim:at((find.pause or 0) * number, function()
      if alive() then ask(id) end
    end)
  end
end

--- The requests of a configuration: what ends the machine, and the harmless one.
function brake.orders(config)
  local find = config["find-url"] and { url = config["find-url"], headers = config["find-header"],
    token = config["find-token"], pause = tonumber(config["find-pause"]) }
  local rehearse = config["rehearse-url"]
    and { url = config["rehearse-url"], headers = config["rehearse-header"] }
  local otherwise = config["otherwise-url"] and { method = config["otherwise-method"],
    url = config["otherwise-url"], headers = config["otherwise-header"], body = config["otherwise-body"] }
  return { find = find, rehearse = find or rehearse, otherwise = otherwise,
    power_off = tonumber(config["power-off-after"]),
    terminate = { method = config["terminate-method"] or "DELETE",
      url = config["terminate-url"], headers = config["terminate-header"], body = config["terminate-body"] } }
end

--- The harmless half. → true: answered as it should, false: not, nil: there is none
function brake.rehearsed(place, instance, orders, values)
  if not orders.rehearse then return nil end
  local answer = brake.send(place, instance, orders.rehearse, values)
  if not answer or answer.status ~= 200 or type(json.decode(answer.body or "")) ~= "table" then
    return false
  end
  return not orders.find or answer.body:find(orders.find.token, 1, true) ~= nil
end

return brake
