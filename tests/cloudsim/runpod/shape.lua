-- SPDX-License-Identifier: MIT
--- Holds a decoded body (nulls kept) against a form. A form is { kind, … }: "string" (least, most, pattern),
--- "integer" (least, most), "boolean", "enum" (of = {…}), "array" (of = form, most), "map" (of = form),
--- "object" (fields = {name = form}, needs = {name, …}, some: not empty); null = true: may be null.
local json = require "base.json"
local sorted = require "base.sorted"

local shape = {}

local function type_of(value)
  if value == json.null then return "null" end
  if type(value) ~= "table" then
    return math.type(value) == "integer" and "integer" or type(value)
  end
  return value[1] ~= nil and "array" or next(value) ~= nil and "object" or "empty"
end

local WANTS = { string = "string", integer = "integer", boolean = "boolean", enum = "string", array = "array",
  map = "object", object = "object" }

-- An empty table may be either.
local function fits(got, wanted)
  return got == wanted or got == "empty" and (wanted == "array" or wanted == "object")
end

local check

local function sizes(size, form, path, errors, least, most)
  if form.least and size < form.least then
    errors[#errors + 1] = ("%s: %s: got %d, want %d"):format(path, least, size, form.least)
  elseif form.most and size > form.most then
    errors[#errors + 1] = ("%s: %s: got %d, want %d"):format(path, most, size, form.most)
  end
end

local kinds = {
  boolean = function() end,
  integer = function(value, form, path, errors) sizes(value, form, path, errors, "minimum", "maximum") end,
  string = function(value, form, path, errors)
    sizes(#value, form, path, errors, "minLength", "maxLength")
    if form.pattern and not value:find(form.pattern) then
      errors[#errors + 1] = ("%s: '%s' does not match pattern"):format(path, value)
    end
  end,
  enum = function(value, form, path, errors)
    for _, each in ipairs(form.of) do
      if each == value then return end
    end
    errors[#errors + 1] = ("%s: value must be one of '%s'"):format(path, table.concat(form.of, "', '"))
  end,
  array = function(value, form, path, errors)
    sizes(#value, form, path, errors, "minItems", "maxItems")
    for i, each in ipairs(value) do
      check(each, form.of, ("%s[%d]"):format(path, i - 1), errors)
    end
  end,
  map = function(value, form, path, errors)
    for name, each in sorted(value) do
      check(each, form.of, path .. "." .. tostring(name), errors)
    end
  end,
}

function kinds.object(value, form, path, errors)
  local strange = {}
  for name, each in sorted(value) do
    if form.fields[name] then
      check(each, form.fields[name], path .. "." .. tostring(name), errors)
    else
      strange[#strange + 1] = "'" .. tostring(name) .. "'"
    end
  end
  if #strange > 0 then
    errors[#errors + 1] = ("%s: additional properties %s not allowed"):format(path,
      table.concat(strange, ", "))
  end
  for _, name in ipairs(form.needs or {}) do
    if value[name] == nil then
      errors[#errors + 1] = ("%s: missing property '%s'"):format(path, name)
    end
  end
  if form.some and next(value) == nil then
    errors[#errors + 1] = path .. ": minProperties: got 0, want 1"
  end
end

function check(value, form, path, errors)
  local got = type_of(value)
  if got == "null" and form.null then return end
  if not fits(got, WANTS[form[1]]) then
    errors[#errors + 1] = ("%s: got %s, want %s"):format(path, got, WANTS[form[1]])
    return
  end
  kinds[form[1]](value, form, path, errors)
end

--- → list of sentences, empty when the value is of that form
function shape.errors(value, form)
  local errors = {}
  check(value, form, "$", errors)
  return errors
end

return shape
