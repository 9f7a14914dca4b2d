-- SPDX-License-Identifier: MIT
-- Models to choose from. model: { items = entries of start.catalog, at, from, told, filter, asked = tokens,
--   now = name of the one that is meant }
local format = require "ui.format"
local rows = require "ui.screens.rows"

local models = {}

local GAP = 2

local function billions(count) return count and (count < 10 and "%.2gB" or "%.0fB"):format(count) or "" end

local function columns(look)
  return {
    { title = "Model", need = 1, text = function(entry) return entry.model.name end },
    { title = "Tier", need = 5, text = function(entry) return entry.model.tier end },
    { title = "Size", need = 4, align = "r", text = function(entry) return billions(entry.model.params) end },
    { title = "Memory", need = 2, align = "r", text = function(entry)
      return ("%.1f GB"):format(entry.need) end },
    { title = "Context", need = 6, align = "r", text = function(entry)
      return format.tokens(entry.context) end },
    { title = "Quality", need = 3, text = function(entry)
      local count = entry.model.quality or 0
      return { "yellow", look.glyph.star:rep(count) .. look.glyph.no_star:rep(5 - count) }
    end },
    { title = "Tools", need = 8, text = function(entry) return entry.model.tools and "yes" or "no" end },
    { title = "Smallest machine", need = 7, text = function(entry)
      return entry.gpu and format.gpu(entry.gpu.name, entry.count) or "none" end },
    { title = "Note", need = 9, text = function(entry) return entry.model.note or "" end },
  }
end

--- → rows, zones
function models.draw(model, width, height, look)
  local out = { rows.rule(("Models at %s of context%s"):format(format.tokens(model.asked),
    model.filter ~= "" and ", /" .. model.filter or ""), width, look) }
  local shown, from = rows.part(model, math.max(1, height - 2))
  local kept = rows.fit_columns(columns(look), shown, width - 2, GAP)
  out[2] = rows.line({ "  ", table.unpack(rows.cells(kept, nil, GAP, look)) }, width, look, "dim")
  local zones = rows.list(out, shown, from, model.at, width, function(entry, chosen)
    local sign = entry.model.name == model.now and look.glyph.on .. " " or "  "
    return rows.line({ sign, table.unpack(rows.cells(kept, entry, GAP, look)) }, width, look,
      chosen and "reverse" or nil)
  end)
  return rows.fill(out, width, height), zones
end

return models
