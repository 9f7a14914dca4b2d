-- SPDX-License-Identifier: MIT
-- A pod's way to its guest: what its ConfigMap brings, held against the hashes in its command, as
-- lua/start/bootstrap/config_map.lua made them. The rest is dst/guest.lua.
local box = require "dst.guest_box"
local faces = require "cloudsim.faces"
local keys = require "base.keys"

local START = 1.0 -- seconds until the guest runs

local pod = { environment = box.environment, open = box.open }

-- The files that the pod finds, by name.
local function files_of(instance)
  for _, mount in ipairs(instance.mounts) do
    if mount.files["pod.sh"] then return mount.files end
  end
  return {}
end

-- Are all files that the command copies, and the script that it becomes, those whose hashes it holds?
local function as_sent(command, files)
  local count = 0
  for hash, name in command:gmatch "\n(%x+)  (%S+)" do
    if not files[name] or keys.sha256_hex(files[name]) ~= hash then return false end
    count = count + 1
  end
  return count == 4 and command:find("sha256sum -c", 1, true) ~= nil
    and command:find("&& exec /bin/sh pod.sh\n", 1, true) ~= nil
end

local function ends(self, after)
  local epoch = self.epoch
  self.sim:at(after, function()
    if self.epoch == epoch and self.instance.process then
      faces.of(self.instance).life.ended(self.place.world, self.instance)
    end
  end)
end

--- The pod starts, for the first time or again. → ports
function pod.start(self)
  local instance = self.instance
  local files, command = files_of(instance), instance.command[3]
  local text = files["pod.sh"] or ""
  self.ports = {}
  self.restarts = text:find("while :; do\n    ./guest config & ", 1, true) ~= nil
  self:watch_over { seconds = tonumber(text:match '%[ "%$t" %-lt (%d+) %]'), retry = 5,
    leaves = text:find("\nexit 1\n$") ~= nil }
  if not as_sent(command, files) then
    ends(self, START)
  elseif self.config then
    self:again()
  else
    local turn = self.turn
    self.sim:at(START, function()
      if self.turn == turn and instance.process and not instance.destroyed then self:born(files.config) end
    end)
  end
  return self.ports
end

--- A Service leads a port to it: { inside, outside, protocol }.
function pod.forward(self, forward)
  self.ports[forward.inside .. "/" .. forward.protocol] = forward.outside
end

return pod
