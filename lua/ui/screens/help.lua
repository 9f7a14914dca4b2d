-- SPDX-License-Identifier: MIT
-- All keys of a screen. model: { items = { {key=, words=, off=, common=}, … }, at, from, filter, told }
local rows = require "ui.screens.rows"

local help = {}

local KEY = 12 -- columns

--- → rows, zones
function help.draw(model, width, height, look)
  local title = "Keys" .. (model.filter ~= "" and ", /" .. model.filter or "")
  local out, zones = { rows.rule(title, width, look) }, {}
  local room = math.max(0, height - 1)
  local from = rows.window(model.from, model.at, #model.items, math.max(1, room))
  model.told(from, room)
  for index = from, math.min(#model.items, from + room - 1) do
    local item = model.items[index]
    local spans = { { item.off and "dim" or "bold", rows.cell(item.key, KEY, look) },
      { item.off and "dim" or "", item.words .. (item.off and (" (not now: %s)"):format(item.off) or "") } }
    out[#out + 1] = rows.line(spans, width, look, index == model.at and "reverse" or nil)
    zones[#zones + 1] = { y = #out, x = 1, to = width, what = { item = index } }
  end
  return rows.fill(out, width, height), zones
end

return help
