-- SPDX-License-Identifier: MIT
--- Puts the rows of calls.lua to two servers and tells what is not alike. A server: { ask(method, path, body,
--- { as, type, accept }) → { status, body }, compact() }.
local json = require "base.json"
local sorted = require "base.sorted"

local compare = {}

-- Fields whose value is the server's own.
local OWN = {}
for name in ([[uid resourceVersion creationTimestamp deletionTimestamp managedFields clusterIP clusterIPs
  continue]]):gmatch "%S+" do
  OWN[name] = true
end

-- Refusals whose message is told by the reason, so that it is the same.
local SAID = { NotFound = true, AlreadyExists = true, Forbidden = true, Conflict = true, Unauthorized = true,
  MethodNotAllowed = true }

local function kind_of(value)
  if type(value) ~= "table" or value == json.null then return type(value) end
  return (value[1] ~= nil or json.encode(value) == "[]") and "list" or "object"
end

local function steady(text)
  return (text:gsub("%x+%-%x+%-%x+%-%x+%-%x+", "UID"):gsub("%d%d%d+", "N"))
end

local within

-- What of the simulated value is not so in the real one, as sentences into `out`.
local function value_within(out, at, name, ours, real)
  if kind_of(ours) ~= kind_of(real) then
    out[#out + 1] = ("%s is %s, and really %s"):format(at, json.encode(ours), real == nil and "not there"
      or json.encode(real))
  elseif type(ours) == "table" then
    within(out, at, ours, real)
  elseif ours ~= real and not OWN[name] and not (name == "name" and ours:find "^g%-") then
    out[#out + 1] = ("%s is %s, and really %s"):format(at, json.encode(ours), json.encode(real))
  end
end

function within(out, at, ours, real)
  if at:find "%.status$" then return end -- the controllers' own
  for name, value in sorted(ours) do
    value_within(out, at .. "." .. name, name, value, real[name])
  end
end

local function causes_of(body)
  local list = {}
  for i, cause in ipairs((body.details or {}).causes or {}) do
    list[i] = tostring(cause.reason) .. " " .. tostring(cause.field)
  end
  table.sort(list)
  return table.concat(list, ", ")
end

-- What of a Status is not alike.
local function status_alike(out, ours, real)
  for _, name in ipairs { "apiVersion", "status", "reason", "code" } do
    if ours[name] ~= real[name] then
      out[#out + 1] = ("%s is %s, and really %s"):format(name, tostring(ours[name]), tostring(real[name]))
    end
  end
  local a, b = ours.details or {}, real.details or {}
  for _, name in ipairs { "name", "group", "kind", "retryAfterSeconds" } do
    if a[name] ~= b[name] and not (name == "name" and a.uid) then
      out[#out + 1] = ("details.%s is %s, and really %s"):format(name, tostring(a[name]), tostring(b[name]))
    end
  end
  if (a.uid == nil) ~= (b.uid == nil) then out[#out + 1] = "details.uid is there at one only" end
  if (ours.details == nil) ~= (real.details == nil) then out[#out + 1] = "details are there at one only" end
  if causes_of(ours) ~= causes_of(real) then
    out[#out + 1] = ("causes are [%s], and really [%s] (%s)"):format(causes_of(ours), causes_of(real),
      tostring(real.message))
  end
  if SAID[real.reason] and steady(ours.message or "") ~= steady(real.message or "") then
    out[#out + 1] = ("it says %q, and really %q"):format(tostring(ours.message), tostring(real.message))
  end
end

-- A stream as a list of what happened: "TYPE Kind name", changes that follow each other once.
local function told(body, controlled)
  local list = {}
  for line in body:gmatch "[^\n]+" do
    local event = json.decode(line) or {}
    local object = event.object or {}
    local name = (object.metadata or {}).name
    local text = ("%s %s %s"):format(tostring(event.type), tostring(object.kind), object.reason
      and ("%s %d"):format(object.reason, object.code) or name and name:gsub("^g%-.*", "g-") or "")
    if text ~= list[#list] and not (controlled and event.type == "MODIFIED") then list[#list + 1] = text end
  end
  return table.concat(list, ", ")
end

local function alike(row, ours, real)
  local out = {}
  if ours.status ~= real.status then
    out[1] = ("the answer is %d, and really %d: %s"):format(ours.status, real.status, real.body:sub(1, 400))
    return out
  elseif row[5].watch then
    local a, b = told(ours.body, row[5].controlled), told(real.body, row[5].controlled)
    if a ~= b then out[1] = ("it tells [%s], and really [%s]"):format(a, b) end
    return out
  end
  local a, b = json.decode(ours.body), json.decode(real.body)
  if type(a) ~= "table" or type(b) ~= "table" then
    if type(a) ~= type(b) then out[1] = ("it says %q, and really %q"):format(ours.body, real.body) end
  elseif a.kind ~= b.kind then
    out[1] = ("kind is %s, and really %s"):format(tostring(a.kind), tostring(b.kind))
  elseif a.kind == "Status" then
    status_alike(out, a, b)
  else
    if a.items and #a.items ~= #b.items then
      out[1] = ("%d items, and really %d"):format(#a.items, #b.items)
    else
      within(out, "", a, b)
    end
  end
  return out
end

-- One answer of one server.
local function ask(server, row, kept)
  local function of(value)
    if type(value) == "function" then return value(kept) end
    return value
  end
  if row[5].before then server[row[5].before]() end
  local answer = server.ask(row[2], of(row[3]), of(row[4]), row[5])
  if row[5].keep then kept[row[5].keep] = json.decode(answer.body) end
  return answer
end

--- Puts all rows whose name has `pattern`. said(name, differences): for each row
function compare.run(rows, simulated, real, said)
  local ours, theirs = {}, {}
  for _, row in ipairs(rows) do
    row[5] = row[5] or {}
    local a, b = ask(simulated, row, ours), ask(real, row, theirs)
    said(row[1], alike(row, a, b))
  end
end

return compare
