-- SPDX-License-Identifier: MIT
-- Offers that are left out. model: { items = { {cloud, gpu, gpus, title, hourly, reason}, … }, at, from,
--   told, filter }
local format = require "ui.format"
local rows = require "ui.screens.rows"

local rejected = {}

local GAP = 2

local COLUMNS = {
  { title = "Cloud", need = 2, text = function(item) return item.cloud end },
  { title = "Card", need = 3, text = function(item)
    return item.gpu and format.gpu(item.gpu, item.gpus) or item.title or "" end },
  { title = "$/h", need = 4, align = "r", text = function(item)
    return item.hourly and ("$%.3f"):format(item.hourly) or "" end },
}

--- → rows, zones
function rejected.draw(model, width, height, look)
  local out = { rows.rule(("Left out: %d%s"):format(#model.items, model.filter ~= "" and ", /"
    .. model.filter or ""), width, look) }
  local shown, from = rows.part(model, math.max(0, height - 1))
  local kept = rows.fit_columns(COLUMNS, shown, math.max(1, width // 2), GAP)
  local zones = rows.list(out, shown, from, model.at, width, function(item, chosen)
    local cells = rows.cells(kept, item, GAP, look)
    cells[#cells + 1] = "  " .. item.reason
    return rows.line(cells, width, look, chosen and "reverse" or nil)
  end)
  return rows.fill(out, width, height), zones
end

return rejected
