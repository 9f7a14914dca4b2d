-- SPDX-License-Identifier: MIT
-- Texts with holes {{name:quoting}}; the quoting (sh, json, raw) says for which reader the value is.

local json = require "base.json"
local sorted = require "base.sorted"

local template = {}

local QUOTING = {
  raw = function(value) return tostring(value) end,
  json = function(value) return json.encode(value) end,
  sh = function(value)
    local text = tostring(value)
    if text:find("%z") then
      error("a zero byte cannot be quoted for a shell", 0)
    end
    return "'" .. text:gsub("'", "'\\''") .. "'"
  end,
}

--- Fills the holes. A hole without value, a value without hole and an unknown quoting raise.
function template.render(text, values)
  local used, out, from = {}, {}, 1
  while true do
    local first, last, inside = text:find("{{(.-)}}", from)
    if not first then break end
    local name, quoting = inside:match("^([%w_]+):(%w+)$")
    if not name or not QUOTING[quoting] then
      error(("the hole {{%s}} is not like {{name:sh}}"):format(inside), 2)
    end
    if values[name] == nil then
      error(("nothing fills the hole {{%s}}"):format(inside), 2)
    end
    used[name] = true
    out[#out + 1] = text:sub(from, first - 1)
    out[#out + 1] = QUOTING[quoting](values[name])
    from = last + 1
  end
  for name in sorted(values) do
    if not used[name] then
      error(("the template has no hole for %q"):format(tostring(name)), 2)
    end
  end
  out[#out + 1] = text:sub(from)
  return table.concat(out)
end

return template
