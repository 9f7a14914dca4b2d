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
  local out = { rows.rule(("Log: %s%s%s"):format(model.part, model.following and ", followed" or "",
    model.filter ~= "" and ", /" .. model.filter or ""), width, look) }
  local shown, from = rows.part(model, math.max(0, height - 1))
  if model.problem then out[2] = rows.line({ " ", { "yellow", model.problem } }, width, look) end
  local zones = rows.list(out, shown, from, model.at, width, function(line, chosen)
    return rows.line({ { names_of(line), line } }, width, look, chosen and not model.following and "reverse"
      or nil)
  end)
  return rows.fill(out, width, height), zones
end

return logs
