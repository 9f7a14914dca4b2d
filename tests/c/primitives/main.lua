-- SPDX-License-Identifier: MIT
-- Runs the parts one after the other; returns whether all of them passed.
-- luacheck: globals load
local host = ...

local function part(name)
  local path = "tests/c/primitives/" .. name .. ".lua"
  return assert(load(assert(host.state.read(path)), "@" .. path, "t"))
end

local kit = part("kit")(host)
for _, name in ipairs { "net", "crypto", "terminal", "http", "http_failures", "http_flow", "tls" } do
  local fn = part(name)
  kit.run(function() fn(host, kit) end)
end
kit.clean()
return kit.failed == 0
