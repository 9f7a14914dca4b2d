-- SPDX-License-Identifier: MIT
-- All keys of the screen below, which can be filtered.
local list = require "tui.list"

local help = {}

--- screen: whose keys
function help.new(screen)
  local self = list.new { name = "help", title = "Keys", filter = "" }
  local items = {}
  for _, key in ipairs(screen:keys()) do
    items[#items + 1] = { key = key.key, words = key.words, off = key.off }
  end
  for _, key in ipairs(require("tui.keys").common) do
    items[#items + 1] = { key = key.key, words = key.words, common = true }
  end
  function self.all() return items end
  function self.text_of(item) return item.key .. " " .. item.words end
  return self
end

return help
