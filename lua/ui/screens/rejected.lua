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
  local out, zones = { rows.rule(("Left out: %d%s"):format(#model.items, model.filter ~= "" and ", /"
    .. model.filter or ""), width, look) }, {}
  local room = math.max(0, height - 1)
  local from = rows.window(model.from, model.at, #model.items, math.max(1, room))
  model.told(from, room)
  local shown = table.move(model.items, from, math.min(#model.items, from + room - 1), 1, {})
  local kept = rows.fit_columns(COLUMNS, shown, math.max(1, width // 2), GAP)
  for index, item in ipairs(shown) do
    local cells = rows.cells(kept, item, GAP, look)
    cells[#cells + 1] = "  " .. item.reason
    out[#out + 1] = rows.line(cells, width, look, from + index - 1 == model.at and "reverse" or nil)
    zones[#zones + 1] = { y = #out, x = 1, to = width, what = { item = from + index - 1 } }
  end
  return rows.fill(out, width, height), zones
end

return rejected
