-- SPDX-License-Identifier: MIT
-- ui/screens/rejected.lua in the home: what is left out, as the built-in screen has it, with one more line
-- that counts the clouds. A view takes what it shows (the built-in file tells its fields) and the room there
-- is, and returns exactly so many rows of exactly that width.
local builtin = require "builtin.ui.screens.rejected"
local rows = require "ui.screens.rows"

local rejected = {}

--- → rows, zones
function rejected.draw(model, width, height, look)
  local clouds, count = {}, 0
  for _, item in ipairs(model.items) do
    if not clouds[item.cloud] then
      clouds[item.cloud], count = true, count + 1
    end
  end
  local list, zones = builtin.draw(model, width, math.max(0, height - 1), look)
  if height > 0 then list[height] = rows.line({ { "dim", ("at %d clouds"):format(count) } }, width, look) end
  return list, zones
end

return rejected
