-- SPDX-License-Identifier: MIT
-- A virtual machine's way to its guest: what cloud-init makes of the user data (docs/lua.md, delivery). The rest is dst/guest.lua.
local firewall = require "cloudsim.lambda_firewall"
local json = require "base.json"

local CLOUD_INIT = 12 -- seconds from the machine's programs to runcmd

local vm = {}

-- The files of the user data by their name below /opt/continueplz.
local function files_of(text)
  local document, found = json.decode(text:match("^#cloud%-config\n(.*)$") or "") or {}, {}
  for _, file in ipairs(document.write_files or {}) do found[file.path:match("^/opt/continueplz/(.*)$") or file.path] = file.content end
  return found
end

--- The machine's system comes up, for the first time or again.
function vm.start(self)
  local instance = self.instance
  local sent = files_of(instance.user_data or "")
  if not sent.config then return {} end
  self.inner = math.tointeger(tonumber(sent.config:match("listen%-port (%d+)\n")))
  self.account_key = sent.environment:match("CPLZ_ACCOUNT_KEY=(%S+)")
  if self.birth then
    self:watch()
    return {}
  end
  self.turn = self.turn + 1
  local turn = self.turn
  self.sim:at(CLOUD_INIT, function()
    if self.turn == turn and instance.process and not instance.destroyed then self:born(sent.config) end
  end)
  return {}
end

--- Does the ruleset let a packet to this port in?
function vm.open(self, port)
  if port ~= self.inner then return false end
  for _, each in ipairs(firewall.open(self.place.world, self.instance).udp) do
    if port >= each[1] and port <= each[2] then return true end
  end
  return false
end

return vm
