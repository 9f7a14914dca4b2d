-- SPDX-License-Identifier: MIT
-- The shape of a JSON answer: of which kinds each field is, without any value. Pure.
-- A shape: path → set of kinds ("text number truth null object list empty"); the elements of a list are at
-- PATH[], the fields of an object at PATH.NAME.
local json = require "base.json"
local sorted = require "base.sorted"

local shapes = {}

local KINDS = { string = "text", number = "number", boolean = "truth" }

local function kind_of(value)
  if value == json.null then return "null" end
  if type(value) ~= "table" then return KINDS[type(value)] end
  return next(value) == nil and "empty" or #value > 0 and "list" or "object"
end

-- A name that is rather a datum: an id, an address.
local function shown(name)
  name = tostring(name)
  local digits = select(2, name:gsub("%d", ""))
  return #name <= 40 and digits <= 4 and name:find("^[%w_.@/ -]+$") and name or "*"
end

local function add(shape, path, value, maps)
  shape[path] = shape[path] or {}
  local kind = kind_of(value)
  shape[path][kind] = true
  if kind == "list" then
    for _, item in ipairs(value) do add(shape, path .. "[]", item, maps) end
  elseif kind == "object" then
    for name, item in sorted(value) do
      add(shape, path .. "." .. (maps[path] and "*" or shown(name)), item, maps)
    end
  end
end

--- Adds a decoded answer (nulls kept) to a shape. maps: set of paths whose names are data
function shapes.add(shape, value, maps) add(shape, "$", value, maps or {}) end

--- "text or null", for people.
function shapes.words(kinds) return table.concat(sorted.keys(kinds), " or ") end

--- A shape as { path = words }.
function shapes.told(shape)
  local list = json.object {}
  for path, kinds in sorted(shape) do list[path] = shapes.words(kinds) end
  return list
end

local function parent(path) return path:match("^(.*)%[%]$") or path:match("^(.*)%.[^.]*$") end

local HOLLOW = { null = true, empty = true }

-- Kinds that say something.
local function solid(kinds)
  local set, any = {}, false
  for kind in sorted(kinds) do
    if not HOLLOW[kind] then set[kind], any = true, true end
  end
  return set, any
end

-- Did both sides have something in which such a field could be?
local function comparable(real, known, path)
  local above = parent(path)
  if not above then return true end
  local a, b = real[above] or {}, known[above] or {}
  return a.object and b.object or a.list and b.list
end

local function judge(real, known)
  if not real then return "absent" end
  if not known then return "unknown" end
  local ours, any = solid(known)
  local theirs, told = solid(real)
  local common = false
  for kind in sorted(theirs) do common = common or ours[kind] == true end
  if any and told and not common then return "kind" end
  return any and real.null and not known.null and "null" or nil
end

--- Where an answer differs from what is known of such answers. → array of { path=, what=, real=, known= };
-- what: "unknown" (a field that nobody told of), "absent", "kind", "null" (which it never was)
function shapes.compare(real, known)
  local paths, list = {}, {}
  for path in sorted(real) do paths[path] = true end
  for path in sorted(known) do paths[path] = true end
  for path in sorted(paths) do
    local what = comparable(real, known, path) and judge(real[path], known[path]) or nil
    if what then
      list[#list + 1] = { path = path, what = what, real = real[path] and shapes.words(real[path]),
        known = known[path] and shapes.words(known[path]) }
    end
  end
  return list
end

return shapes
