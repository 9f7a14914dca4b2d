-- SPDX-License-Identifier: MIT
-- Makes the beginning of GGUF files for tests.
-- An entry of a GGUF file; a list is of numbers (u32), or of flags.
local function entry(key, value)
  if type(value) == "string" then
    return string.pack("<s8I4s8", key, 8, value)
  elseif type(value) == "number" then
    return string.pack("<s8I4I4", key, 4, value)
  end
  local parts = { string.pack("<s8I4I4I8", key, 9, type(value[1]) == "boolean" and 7 or 4, #value) }
  for _, each in ipairs(value) do
    parts[#parts + 1] = type(each) == "boolean" and (each and "\1" or "\0") or string.pack("<I4", each)
  end
  return table.concat(parts)
end

local function file(entries)
  local parts = {}
  for index, each in ipairs(entries) do
    parts[index] = entry(each[1], each[2])
  end
  return "GGUF" .. string.pack("<I4I8I8", 3, 100, #entries) .. table.concat(parts)
end

-- A file of the family "x" with these fields.
local function weights(fields, family)
  family = family or "x"
  local entries = { { "general.architecture", family } }
  for _, each in ipairs(fields) do
    entries[#entries + 1] = { each[1]:find("^general") and each[1] or family .. "." .. each[1], each[2] }
  end
  return file(entries)
end

return { file = file, of = weights, entry = entry }
