-- SPDX-License-Identifier: MIT
--- The three patches of Kubernetes: JSON merge patch (RFC 7386), JSON patch (RFC 6902) and the strategic
--- merge patch, whose lists merge by a key. Each function changes its first argument, a copy of the object.
local json = require "base.json"
local status = require "cloudsim.coreweave.status"

local patch = {}

local function is_object(value)
  return type(value) == "table" and value ~= json.null and value[1] == nil
end

--- JSON merge patch. → the new value
function patch.merge(target, change)
  if not is_object(change) then return change end
  target = is_object(target) and target or json.object {}
  for key, value in pairs(change) do -- order: free
    if value == json.null then
      target[key] = nil
    else
      target[key] = patch.merge(target[key], value)
    end
  end
  return target
end

-- Lists that merge: the field that tells their items apart, by the list's name. `ports` of a Service have
-- `port`, those of a container `containerPort`.
local KEYS = { containers = { "name" }, initContainers = { "name" }, volumes = { "name" }, env = { "name" },
  volumeMounts = { "mountPath" }, ports = { "containerPort", "port" }, imagePullSecrets = { "name" },
  ownerReferences = { "uid" }, conditions = { "type" }, hostAliases = { "ip" }, secrets = { "name" },
  topologySpreadConstraints = { "topologyKey" }, addresses = { "type" } }
local PRIMITIVE = { finalizers = true, podCIDRs = true }

local strategic

local function key_of(name, items)
  for _, key in ipairs(KEYS[name] or {}) do
    for _, item in ipairs(items) do
      if is_object(item) and item[key] ~= nil then return key end
    end
  end
end

local function index_of(list, key, value)
  for i, item in ipairs(list) do
    if is_object(item) and item[key] == value then return i end
  end
end

local function merge_items(target, change, key)
  for _, item in ipairs(change) do
    local at = index_of(target, key, item[key])
    if item["$patch"] == "delete" then
      if at then table.remove(target, at) end
    elseif item["$patch"] ~= "replace" then
      if at then
        target[at] = strategic(target[at], item)
      else
        target[#target + 1] = strategic(json.object {}, item)
      end
    end
  end
  return target
end

local function merge_list(name, target, change)
  if change[1] and is_object(change[1]) then
    for _, item in ipairs(change) do
      if item["$patch"] == "replace" then
        local rest = {}
        for _, each in ipairs(change) do
          rest[#rest + 1] = each["$patch"] ~= "replace" and each or nil
        end
        return json.array(rest)
      end
    end
  end
  local key = key_of(name, change)
  if key and type(target) == "table" then return merge_items(target, change, key) end
  if not PRIMITIVE[name] or type(target) ~= "table" then return change end
  local there = {}
  for _, item in ipairs(target) do
    there[item] = true
  end
  for _, item in ipairs(change) do
    if not there[item] then target[#target + 1] = item end
  end
  return target
end

-- $setElementOrder/NAME: the items in that order, others behind.
local function reorder(target, name, order)
  local list, placed, made = target[name], {}, {}
  if type(list) ~= "table" then return end
  local key = key_of(name, list)
  for _, wanted in ipairs(order) do
    for i, item in ipairs(list) do
      local found = key and is_object(item) and is_object(wanted) and item[key] == wanted[key]
        or not key and item == wanted
      if found and not placed[i] then
        placed[i], made[#made + 1] = true, item
      end
    end
  end
  for i, item in ipairs(list) do
    if not placed[i] then made[#made + 1] = item end
  end
  target[name] = json.array(made)
end

local function delete_primitives(target, name, gone)
  local set, kept = {}, {}
  for _, item in ipairs(gone) do
    set[item] = true
  end
  for _, item in ipairs(target[name] or {}) do
    kept[#kept + 1] = not set[item] and item or nil
  end
  target[name] = #kept > 0 and kept or nil
end

local function retain_keys(target, names)
  local set = {}
  for _, name in ipairs(names) do
    set[name] = true
  end
  for key in pairs(target) do -- order: free
    if not set[key] then target[key] = nil end
  end
end

local function directive(target, key, value)
  local what, name = key:match "^%$(%w+)/?(.*)$"
  if what == "deleteFromPrimitiveList" then
    delete_primitives(target, name, value)
  elseif what == "retainKeys" then
    retain_keys(target, value)
  end
end

--- Strategic merge patch. → the new value
function strategic(target, change)
  if not is_object(change) then return change end
  if change["$patch"] == "delete" then return nil end
  target = is_object(target) and change["$patch"] ~= "replace" and target or json.object {}
  for key, value in pairs(change) do -- order: free
    if key:sub(1, 1) == "$" then
      directive(target, key, value)
    elseif value == json.null then
      target[key] = nil
    elseif type(value) == "table" and not is_object(value) then
      target[key] = merge_list(key, target[key], value)
    else
      target[key] = strategic(target[key], value)
    end
  end
  for key, value in pairs(change) do -- order: free
    local name = key:match "^%$setElementOrder/(.*)$"
    if name then reorder(target, name, value) end
  end
  return target
end
patch.strategic = strategic

local function bad(why)
  status.raise("Invalid", "the server rejected our request due to an error in our request: " .. why)
end

-- A JSON pointer → the table that holds its last part, and that part
local function place_of(document, pointer)
  local parts = {}
  for part in pointer:gmatch "/([^/]*)" do
    parts[#parts + 1] = part:gsub("~1", "/"):gsub("~0", "~")
  end
  local at = document
  for i = 1, #parts - 1 do
    at = at[at[1] ~= nil and tonumber(parts[i]) and tonumber(parts[i]) + 1 or parts[i]]
    if type(at) ~= "table" then bad("there is no " .. pointer) end
  end
  return at, parts[#parts]
end

local function set(at, part, value, insert)
  local number = part == "-" and #at + 1 or tonumber(part) and tonumber(part) + 1
  if number and (at[1] ~= nil or part == "-" or getmetatable(at) == getmetatable(json.array {})) then
    if insert then table.insert(at, number, value) else at[number] = value end
  else
    at[part] = value
  end
end

local function fetch(at, part)
  return at[at[1] ~= nil and tonumber(part) and tonumber(part) + 1 or part]
end

local function drop(at, part)
  if fetch(at, part) == nil then bad("there is nothing to remove at " .. part) end
  if at[1] ~= nil and tonumber(part) then table.remove(at, tonumber(part) + 1) else at[part] = nil end
end

local OPERATIONS = {
  add = function(document, row)
    local at, part = place_of(document, row.path)
    set(at, part, row.value, true)
  end,
  replace = function(document, row)
    local at, part = place_of(document, row.path)
    if fetch(at, part) == nil then bad("there is no " .. row.path) end
    set(at, part, row.value)
  end,
  remove = function(document, row) drop(place_of(document, row.path)) end,
  test = function(document, row)
    local at, part = place_of(document, row.path)
    if json.encode(fetch(at, part) or json.null) ~= json.encode(row.value or json.null) then
      bad("testing value " .. row.path .. " failed")
    end
  end,
  copy = function(document, row)
    local value = fetch(place_of(document, row.from))
    local at, part = place_of(document, row.path)
    set(at, part, value, true)
  end,
  move = function(document, row)
    local from, name = place_of(document, row.from)
    local value = fetch(from, name)
    drop(from, name)
    local at, part = place_of(document, row.path)
    set(at, part, value, true)
  end,
}

--- JSON patch. → the document
function patch.operations(document, rows)
  for _, row in ipairs(rows) do
    local play = type(row) == "table" and type(row.path) == "string" and OPERATIONS[row.op]
    if not play then bad("an operation is not understood") end
    play(document, row)
  end
  return document
end

return patch
