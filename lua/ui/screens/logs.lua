-- SPDX-License-Identifier: MIT
-- The end of a log. model: { items = lines, at, from, told, filter, part, problem = sentence or nil,
--   following = bool }
local rows = require "ui.screens.rows"

local logs = {}

local LEVELS = { { "CRITICAL", "red bold" }, { "ERROR", "red" }, { "WARN", "yellow" } }

local function names_of(line)
  for _, level in ipairs(LEVELS) do
    if line:find(level[1], 1, true) then return level[2] end
  end
  return ""
end

--- → rows, zones
function logs.draw(model, width, height, look)
  local out, zones = { rows.rule(("Log: %s%s%s"):format(model.part, model.following and ", followed" or "",
    model.filter ~= "" and ", /" .. model.filter or ""), width, look) }, {}
  local room = math.max(0, height - 1)
  local from = rows.window(model.from, model.at, #model.items, math.max(1, room))
  model.told(from, room)
  if model.problem then out[2] = rows.line({ " ", { "yellow", model.problem } }, width, look) end
  for index = from, math.min(#model.items, from + room - 1) do
    local line = model.items[index]
    out[#out + 1] = rows.line({ { names_of(line), line } }, width, look,
      index == model.at and not model.following and "reverse" or nil)
    zones[#zones + 1] = { y = #out, x = 1, to = width, what = { item = index } }
  end
  return rows.fill(out, width, height), zones
end

return logs
