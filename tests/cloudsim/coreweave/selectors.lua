-- SPDX-License-Identifier: MIT
--- Label and field selectors, as text in a query and as objects in specs.
local status = require "cloudsim.coreweave.status"

local selectors = {}

local function bad(text, why)
  status.raise("BadRequest", ("unable to parse requirement: %s in %q"):format(why, text))
end

-- Splits at commas that are in no parentheses.
local function parts_of(text)
  local parts, depth, from = {}, 0, 1
  for at, character in text:gmatch "()([(),])" do
    if character == "(" then
      depth = depth + 1
    elseif character == ")" then
      depth = depth - 1
    elseif depth == 0 then
      parts[#parts + 1] = text:sub(from, at - 1)
      from = at + 1
    end
  end
  parts[#parts + 1] = text:sub(from)
  return parts
end

local function set_of(text)
  local set = {}
  for value in (text .. ","):gmatch "%s*(.-)%s*," do
    set[value] = true
  end
  return set
end

local KEY = "[%w%.%-_/]+"

-- One requirement → function(labels) → bool, or nil
local function requirement(part)
  local key, negated, values = part:match("^%s*(" .. KEY .. ")%s+(n?o?t?)in%s*%((.-)%)%s*$")
  if key then
    local set = set_of(values)
    if negated == "not" then
      return function(labels) return not set[labels[key] or false] end
    end
    return function(labels) return labels[key] ~= nil and set[labels[key]] == true end
  end
  local name, operator, value = part:match("^%s*(" .. KEY .. ")%s*(!?==?)%s*([%w%.%-_]*)%s*$")
  if name and operator == "!=" then
    return function(labels) return labels[name] ~= value end
  elseif name and operator ~= "!==" then
    return function(labels) return labels[name] == value end
  end
  local not_there = part:match("^%s*!%s*(" .. KEY .. ")%s*$")
  if not_there then
    return function(labels) return labels[not_there] == nil end
  end
  local there = part:match("^%s*(" .. KEY .. ")%s*$")
  return there and function(labels) return labels[there] ~= nil end
end

--- A label selector of a query → function(object) → bool
function selectors.labels(text)
  local tests = {}
  for _, part in ipairs(text and text:find "%S" and parts_of(text) or {}) do
    tests[#tests + 1] = requirement(part) or bad(text, "found '" .. part .. "', expected: a requirement")
  end
  return function(object)
    local labels = object.metadata.labels or {}
    for _, test in ipairs(tests) do
      if not test(labels) then return false end
    end
    return true
  end
end

-- Fields that can be selected by, besides metadata.name and metadata.namespace.
local FIELDS = {
  pods = { "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
    "spec.hostNetwork", "status.phase", "status.podIP", "status.nominatedNodeName" },
  events = { "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
    "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
    "reportingComponent", "source", "type" },
  secrets = { "type" }, nodes = { "spec.unschedulable" }, namespaces = { "status.phase" },
  services = { "spec.clusterIP", "spec.type" },
}

local function known(resource, field)
  if field == "metadata.name" or field == "metadata.namespace" then return true end
  for _, each in ipairs(FIELDS[resource.key] or {}) do
    if each == field then return true end
  end
  return false
end

local function value_at(object, field)
  local value = object
  for name in field:gmatch "[^.]+" do
    value = type(value) == "table" and value[name]
  end
  return (value == nil or value == false) and (field == "spec.unschedulable" and "false" or "")
    or tostring(value)
end

--- A field selector of a query → function(object) → bool
function selectors.fields(resource, text)
  local tests = {}
  for part in ((text or "") .. ","):gmatch "([^,]*)," do
    local field, operator, value = part:match "^%s*([%w%.]+)%s*(!?==?)%s*(.-)%s*$"
    if field and not known(resource, field) then
      status.raise("BadRequest", ("Unable to find %q that match label selector \"\", field selector %q: "
        .. "field label not supported: %s"):format(resource.api .. ", Resource=" .. resource.plural, text,
        field))
    elseif part:find "%S" and not field then
      status.raise("BadRequest", ("invalid field selector: %q"):format(text))
    elseif field then
      tests[#tests + 1] = function(object)
        return (value_at(object, field) == value) == (operator ~= "!=")
      end
    end
  end
  return function(object)
    for _, test in ipairs(tests) do
      if not test(object) then return false end
    end
    return true
  end
end

--- Are all these labels on it? (a Service's selector, a nodeSelector)
function selectors.all(wanted, labels)
  for name, value in pairs(wanted or {}) do -- order: free
    if (labels or {})[name] ~= value then return false end
  end
  return true
end

return selectors
