-- SPDX-License-Identifier: MIT
-- All keys of a screen. model: { items = { {key=, words=, off=, common=}, … }, at, from, filter, told }
local rows = require "ui.screens.rows"

local help = {}

local KEY = 12 -- columns

--- → rows, zones
function help.draw(model, width, height, look)
  local title = "Keys" .. (model.filter ~= "" and ", /" .. model.filter or "")
  local out = { rows.rule(title, width, look) }
  local shown, from = rows.part(model, math.max(0, height - 1))
  local zones = rows.list(out, shown, from, model.at, width, function(item, chosen)
    local spans = { { item.off and "dim" or "bold", rows.cell(item.key, KEY, look) },
      { item.off and "dim" or "", item.words .. (item.off and (" (not now: %s)"):format(item.off) or "") } }
    return rows.line(spans, width, look, chosen and "reverse" or nil)
  end)
  return rows.fill(out, width, height), zones
end

return help
