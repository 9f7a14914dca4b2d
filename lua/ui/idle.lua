-- SPDX-License-Identifier: MIT
-- The screen of a folder with nothing running.
local M = {}

--- The lines of `status` when no machine is rented for the folder `home`.
function M.lines(home)
  return { "Instance:     ○ None active", "Folder:       " .. home }
end

return M
