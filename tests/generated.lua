-- SPDX-License-Identifier: MIT
-- Files of this tree that are made from the program's own tables: `make generated` writes them,
-- tests/lua/test_docs.lua compares.
local shown = require "config.shown"

local M = {}

local HEAD = [[
# continueplz configuration (made from the settings by make generated)
# Copy this file to .env in the folder that continueplz works in (~/.continueplz, or the one named with -C), put in your key,
# and keep it to yourself:   chmod 600 .env
#
# A line is NAME=value; what follows " #" is a comment. A setting that is left empty keeps what is said here.
# The same names work in the environment, and most have a flag (continueplz help --all). Authority: built-in, init.lua, .env,
# environment, flags; the last one wins.
]]

local COLUMN = 28

--- `.example.env`: every setting with its default and what it does. → text
function M.example_env()
  local lines = { HEAD:sub(1, -2) }
  for _, row in ipairs(require "config.settings") do
    if row.section then
      lines[#lines + 1] = ("\n# --- %s ---"):format(row.section)
    else
      local said = row.name .. "=" .. shown.text(row, row.default)
      lines[#lines + 1] = ("%-" .. COLUMN .. "s # %s"):format(said, row.doc)
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

--- path from the root → what makes its text
M.files = { [".example.env"] = M.example_env }

--- The same, written. Called by `make generated`.
function M.write(root)
  local files = require "base.files"
  for path, make in require "base.sorted"(M.files) do
    assert(files.write(files.join(root, path), make(), 420))
  end
end

return M
