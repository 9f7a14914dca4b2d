-- SPDX-License-Identifier: MIT
-- A virtual machine's way to its guest: what cloud-init makes of the user data (docs/lua.md, delivery).
-- The rest is dst/guest.lua.
local faces = require "cloudsim.faces"
local json = require "base.json"

local CLOUD_INIT = 12 -- seconds from the machine's programs to runcmd

local vm = {}

-- The files of the user data by their name below /opt/continueplz, and the units that are started.
local function sent_to(instance)
  local document, found = json.decode((instance.user_data or ""):match("^#cloud%-config\n(.*)$")
    or "") or {}, {}
  for _, file in ipairs(document.write_files or {}) do
    found[file.path:match("^/opt/continueplz/(.*)$") or file.path] = file.content
  end
  return found, json.encode(document.runcmd or {})
end

--- The variables of its services: systemd's EnvironmentFile.
function vm.environment(self)
  local values = {}
  for name, value in ("\n" .. (self.sent.environment or "")):gmatch("\n([%w_]+)=([^\n]*)") do
    values[name] = value:match('^"(.*)"$') or value
  end
  return values
end

--- The machine's system comes up, for the first time or again.
function vm.start(self)
  local instance = self.instance
  local sent, started = sent_to(instance)
  self.sent = sent
  self.restarts = (sent["/etc/systemd/system/continueplz-guest.service"]
    or ""):find("\nRestart=always\n", 1, true) ~= nil
  local resort = started:find('"continueplz-last-resort.service"', 1, true) and sent["last_resort.py"]
    and json.decode(sent["last_resort.json"] or "")
  self:watch_over(resort or nil)
  if self.config then
    self:again()
    return {}
  end
  if not sent.config or not sent.guest or not started:find('"continueplz-guest.service"', 1, true) then
    return {}
  end
  local turn = self.turn
  self.sim:at(CLOUD_INIT, function()
    if self.turn == turn and instance.process and not instance.destroyed then self:born(self.sent.config) end
  end)
  return {}
end

--- Does the ruleset let a packet to this port in, and does the guest listen there?
function vm.open(self, port, carrier)
  if port ~= tonumber(self.config[carrier == "tcp" and "listen-tcp" or "listen-port"]) then return false end
  local open_ports = faces.of(self.instance).machine.open_ports
  for _, each in ipairs(open_ports(self.place.world, self.instance)[carrier]) do
    if port >= each[1] and port <= each[2] then return true end
  end
  return false
end

return vm
