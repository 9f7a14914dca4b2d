-- SPDX-License-Identifier: MIT
-- The way to its guest of a virtual machine with a startup script: what the script writes, the units that
-- it starts, and the start script among it that takes the program (dst/guest_box.lua). The rest is
-- dst/guest.lua.
local box = require "dst.guest_box"
local faces = require "cloudsim.faces"
local json = require "base.json"
local vm = require "dst.guest_vm"

local BOOTED = 4 -- seconds from the machine's programs to the end of its script

local script = {}

-- The files that the script writes, by their name below its directory, and what it says besides.
local function written(text)
  local files = {}
  local rest = text:gsub("cat >(%S+) <<'([%w_]+)'\n(.-\n)%2\n", function(path, _, content)
    files[path:match("^/opt/continueplz/%.continueplz%-guest/(.*)$") or path] = content
    return ""
  end)
  return files, rest
end

script.environment = vm.environment

-- Does the script start this unit?
local function starts(text, unit)
  for line in text:gmatch("[^\n]+") do
    if line:find("^systemctl enable %-%-now ") and line:find(" " .. unit, 1, true) then return true end
  end
  return false
end

local function resort_of(sent, started)
  if not starts(started, "continueplz-last-resort.service") or not sent["last_resort.py"] then
    return nil
  end
  return json.decode(sent["last_resort.json"] or "")
end

--- The machine's system comes up, for the first time or again: the script runs once, units each time.
function script.start(self)
  local instance, first = self.instance, self.sent == nil
  if first then
    self.sent, self.started = written(instance.user_data or "")
    local start = self.sent["start.sh"]
    self.script = start and starts(self.started, "continueplz-guest.service") and box.read(start) or nil
  end
  self.restarts = (self.sent["start.sh"] or ""):find("while :; do\n    ./guest config & ", 1, true) ~= nil
  self:watch_over(resort_of(self.sent, self.started))
  if self.config then
    self:again()
    return {}
  end
  if self.script and not instance.tcp_blocked then
    box.take(self, "127.0.0.1:" .. self.script.push, first and BOOTED or 1)
  end
  return {}
end

--- Does a packet to this port come in, and does the guest listen there?
function script.open(self, port, carrier)
  if port ~= tonumber(self.config[carrier == "tcp" and "listen-tcp" or "listen-port"]) then return false end
  return #faces.of(self.instance).machine.open_ports(self.place.world, self.instance)[carrier] > 0
end

return script
