-- SPDX-License-Identifier: MIT
-- Which model: those of the table, with what they need at the context that is meant.
local catalog = lazy "start.catalog"
local config = require "config.effective"
local list = require "tui.list"

local models = {}

local function text_of(entry) return entry.model.name .. " " .. entry.model.tier end

--- want: of start.want or nil; chosen(name): called with the one that was taken
function models.new(want, chosen)
  local asked = want and want.context or config.get "CONTEXT_LENGTH"
  local entries = catalog.list(asked)
  local self = list.new { name = "models", filter = "", text_of = text_of }
  function self.all() return entries end
  for index, entry in ipairs(entries) do
    if want and entry.model.name == want.model.name then self.at = index end
  end
  function self.keys()
    local own = { { key = "enter", words = "take it", off = not self:item() and "nothing is shown" or nil,
      act = function(app)
        local name = self:item().model.name
        app:pop()
        chosen(name)
      end } }
    return table.move(self:moving(), 1, 8, 2, own)
  end
  function self.model()
    local base = list.model(self)
    base.asked, base.now = asked, want and want.model.name
    return base
  end
  return self
end

return models
