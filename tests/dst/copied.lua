-- SPDX-License-Identifier: MIT
local plays = require "dst.play"
local sorted = require "base.sorted"

--- The home copied to another place, file by file. Its judge knows the same tokens, and either home
-- may end what bears them.
return function(first, home)
  first:met "home copied"
  local self = plays.beside(first, home)
  for path, file in sorted(first.sim.disk) do
    local name = path:match("^" .. first.HOME:gsub("%p", "%%%0") .. "/(.*)$")
    if name and file.data then
      self.sim.disk[home .. "/" .. name] = { data = file.data, mode = file.mode, mtime = file.mtime }
    end
  end
  self.same = first.same
  self.same[home] = true
  self.judge:shares(first.judge)
  self.judge:forgets()
  return self
end
