-- SPDX-License-Identifier: MIT
-- The screen of a folder with nothing running.
local M = {
  --- The last line's answer to: is money running?
  MONEY = "none is running for this folder",
}

--- The lines of `status` when no machine is rented for the folder `home`; missing: why there is no such folder, or nil.
function M.lines(home, missing)
  return { "Instance:     ○ None active", "Folder:       " .. home, missing and "\n" .. missing:gsub("^%l", string.upper) .. "." }
end

return M
