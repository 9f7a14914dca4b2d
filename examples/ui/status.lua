-- SPDX-License-Identifier: MIT
-- The text of a screen: copy this file to ui/status.lua in your folder. The READY panel then ends with the
-- lines that a shell wants; everything else is as before. A screen of your own that breaks gives
-- way to the built-in one.
local builtin = require "builtin.ui.status"

local status = {}
for name, value in pairs(builtin) do -- order: free
  status[name] = value
end

function status.ready(model)
  local lines = builtin.ready(model)
  local last = table.remove(lines)
  lines[#lines + 1] = "  For your shell:"
  lines[#lines + 1] = "    export OPENAI_BASE_URL=" .. model.endpoint.url .. "/v1"
  lines[#lines + 1] = "    export OPENAI_API_KEY=unused"
  lines[#lines + 1] = last
  return lines
end

return status
