-- SPDX-License-Identifier: MIT
-- Values of settings as people may see them: secrets only by their end. Pure.
local shown = {}

local LONG = 16 -- a secret shorter than this shows nothing of itself

--- A secret that can be recognised and not used: "…9e7b".
function shown.masked(text)
  return #text >= LONG and "…" .. text:sub(-4) or "(set)"
end

--- The value of a setting as text that reads back as the same value (not a secret's). row: of
-- config.settings; value: as config.effective gives it (false: off). → text, "" when not set
function shown.text(row, value)
  if value == nil then return "" end
  if row.secret or row.secret_url then return shown.masked(value) end
  if value == false and row.type ~= "bool" then return "off" end
  if row.type == "rate" then
    return ("%g@%s"):format(value.per_dollar, value.date)
  end
  return type(value) == "number" and ("%.10g"):format(value) or tostring(value)
end

return shown
