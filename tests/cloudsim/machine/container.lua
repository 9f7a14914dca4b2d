-- SPDX-License-Identifier: MIT
--- A container as real processes: home and programs in instances/ID, ports behind relays (relay.lua). What
--- its cloud puts into its environment the face says (`environment`, `port_name`). `mounts` of the machine
--- are files that it finds at their paths: these are rewritten where they stand in command and environment.
local files = require "base.files"
local process = require "base.process"
local quote = require("cloudsim.machine.user_data").quote
local relay = require "cloudsim.machine.relay"
local sorted = require "base.sorted"

local container = {}

local SYSTEM = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

local function knowledge(self, instance)
  return { CONTINUEPLZ_SCRIPTS = files.dirname(self.lib), CLOUDSIM_BIN = process.exe,
    CLOUDSIM_CONTROL = self.addresses.control, CLOUDSIM_REGISTRY = self.addresses.registry,
    CLOUDSIM_INSTANCE = tostring((instance.on_node or instance).id),
    CLOUDSIM_HOME = self:path(instance, "home"),
    CLOUDSIM_VRAM = tostring(self:about(instance).hardware(instance).vram) }
end

-- The program `ollama` of one machine knows its simulator, whatever environment it is started with.
local function write_launcher(self, instance)
  local lines = { "#!/bin/sh" }
  for name, value in sorted(knowledge(self, instance)) do
    lines[#lines + 1] = name .. "=" .. quote(value) .. " \\"
  end
  lines[#lines + 1] = "exec " .. quote(self.lib .. "/machine/bin/ollama") .. ' "$@"'
  assert(files.write(self:path(instance, "bin/ollama"), table.concat(lines, "\n") .. "\n",
    tonumber("755", 8)))
end

-- The same for an Ollama that the machine fetches (registry/downloads.lua).
local function write_knowledge(self, instance)
  local lines = {}
  for name, value in sorted(knowledge(self, instance)) do
    lines[#lines + 1] = name .. "=" .. quote(value) .. "; export " .. name
  end
  assert(files.write(self:path(instance, ".cloudsim"), table.concat(lines, "\n") .. "\n",
    tonumber("644", 8)))
end

-- What the machine gets of the simulator, of its cloud, of its image.
local function surroundings(self, instance)
  local hardware = self:about(instance).hardware(instance)
  local vars = { HOME = self:path(instance, "home"), CONTINUEPLZ_BIN = process.exe,
    PATH = self:path(instance, "bin") .. ":" .. self.lib .. "/machine/bin:" .. SYSTEM,
    CLOUDSIM_GPU = hardware.gpu .. ", " .. hardware.card .. " MiB" }
  for name, value in sorted(self:about(instance).environment(instance)) do
    vars[name] = value
  end
  if instance.image:find("^ollama/ollama") or instance.image:find("/ollama/ollama") then
    vars.OLLAMA_HOST, vars.NVIDIA_VISIBLE_DEVICES = "0.0.0.0:11434", "all"
  end
  return vars
end

-- Where the files of a mount lie.
local function place_of(self, instance, mount)
  return self:path(instance, "mounts" .. mount.path)
end

local function write_mounts(self, instance)
  for _, mount in ipairs(instance.mounts or {}) do
    assert(files.mkdir(place_of(self, instance, mount)))
    for name, text in sorted(mount.files) do
      assert(files.write(files.join(place_of(self, instance, mount), name), text, mount.mode))
    end
  end
end

-- The text with the paths of mounts as they are here.
local function at_mounts(self, instance, text)
  for _, mount in ipairs(instance.mounts or {}) do
    text = text:gsub(mount.path:gsub("%p", "%%%0"), (place_of(self, instance, mount):gsub("%%", "%%%%")))
  end
  return text
end

local function environment(self, instance, ports)
  local vars = surroundings(self, instance)
  for _, pair in ipairs(instance.env) do
    if not pair[1]:find("^%-") then
      vars[pair[1]] = at_mounts(self, instance, pair[2])
    end
  end
  for name, outside in sorted(ports) do
    local number, protocol = name:match("^(%d+)/(%a+)$")
    vars[self:about(instance).port_name(number, protocol)] = tostring(outside)
  end
  local list = {}
  for name, value in sorted(vars) do
    list[#list + 1] = name .. "=" .. value
  end
  return list
end

-- What the container's first process is: with runtype args, onstart replaces the image's ENTRYPOINT
-- (facts/vast.md §1.7); a pod's command does the same.
local function command_line(self, instance)
  local argv = {}
  if instance.command then
    for _, words in ipairs { instance.command, instance.args } do
      for _, word in ipairs(words) do
        argv[#argv + 1] = at_mounts(self, instance, word)
      end
    end
    return argv
  elseif not instance.runtype:find("args") then
    return { "/bin/sh", "-c", (instance.onstart or "") .. "\nwhile :; do sleep 3600; done" }
  elseif instance.onstart and instance.onstart ~= "" then
    if instance.onstart:find("%s") then
      argv = { "/bin/sh", "-c", instance.onstart, "onstart" }
    else
      argv[1] = instance.onstart
    end
  elseif instance.image:find("ollama/ollama") then
    argv[1] = "/bin/ollama"
  end
  if argv[1] == "/bin/ollama" or argv[1] == "/usr/bin/ollama" then
    argv[1] = self:path(instance, "bin/ollama")
    if #instance.args == 0 then return { argv[1], "serve" } end
  end
  table.move(instance.args, 1, #instance.args, #argv + 1, argv)
  return #argv > 0 and argv or { "/bin/sh", "-c", "while :; do sleep 3600; done" }
end

-- outside: its port there, or nil: any
local function open_relay(self, instance, forward, outside)
  return relay.open { protocol = forward.protocol, inside = forward.inside,
    outside = outside,
    blocked = function() return instance[forward.protocol .. "_blocked"] == true end,
    held = function() return instance.tunnel_blocked == true end,
    count = function(kind, bytes) self.world.ledger:traffic(instance.id, kind, bytes) end,
    spawn = function(fn) self:spawn(fn) end }
end

local function open_relays(self, instance)
  local ports, list = {}, {}
  for _, forward in ipairs(instance.forwards) do
    local outside
    if forward.port >= 70000 and instance.ports then
      outside = forward.inside -- as it is: this number is also the one inside
    elseif forward.port >= 70000 then
      outside = relay.free_port(forward.protocol)
      forward.inside = outside
    else
      list[#list + 1] = open_relay(self, instance, forward)
      outside = list[#list].port
    end
    ports[forward.port .. "/" .. forward.protocol] = outside
  end
  self.relays[instance.id] = list
  return ports
end

--- A machine is born, or starts anew. → its outside ports
function container.begin(self, instance)
  if instance.fresh then
    files.remove_tree(self:path(instance, "home"))
    files.remove_tree(self:path(instance, "mounts"))
    instance.fresh = nil
  end
  for _, name in ipairs({ "home", "bin" }) do
    assert(files.mkdir(self:path(instance, name)))
  end
  instance.home, instance.exit = self:path(instance, "home"), nil
  write_launcher(self, instance)
  write_mounts(self, instance)
  write_knowledge(self, instance)
  return open_relays(self, instance)
end

--- One port more of a machine that runs, { protocol, inside, outside }. → relay; nil: both are the same
function container.forward(self, instance, forward)
  if forward.inside == forward.outside then return nil end
  local made = open_relay(self, instance, forward, forward.outside)
  table.insert(self.relays[instance.id], made)
  return made
end

--- Other ports outside, all at once. → the new ones
function container.remap(self, instance)
  local before = self.relays[instance.id]
  local ports = open_relays(self, instance)
  for _, one in ipairs(before) do
    one:close()
  end
  return ports
end

--- Prepares a start. → argv, environment, working directory for bin/container
function container.prepare(self, instance, ports)
  return command_line(self, instance), environment(self, instance, ports), self:path(instance, "home")
end

--- The limited commands of PUT command: only what can be shown of the machine's home.
function container.command(self, instance, text)
  if text:find("^ls") then
    return table.concat(files.list(self:path(instance, "home")) or {}, "\n") .. "\n"
  end
  return ""
end

return container
