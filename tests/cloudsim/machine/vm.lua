-- SPDX-License-Identifier: MIT
--- A virtual machine as real processes: its user data is done in cloud-init's order under `bin/container`,
--- its files lie in instances/ID/root, its own systemctl, shutdown and nvidia-smi come first on its PATH, its
--- ports are those of this computer.
local fail = require "base.fail"
local files = require "base.files"
local json = require "base.json"
local net = require "base.net"
local process = require "base.process"
local sorted = require "base.sorted"
local user_data = require "cloudsim.machine.user_data"

local vm = {}

local quote = user_data.quote
local EXECUTABLE = tonumber("755", 8)
local SYSTEM = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
-- name on the machine's PATH → program in bin/vm
local TOOLS = { systemctl = "systemctl", shutdown = "shutdown", poweroff = "shutdown", halt = "shutdown",
  reboot = "shutdown" }
for name in ([[
  sudo hostname apt apt-get dpkg snap ufw iptables ip6tables nft modprobe sysctl useradd usermod
  groupadd hostnamectl timedatectl loginctl mount umount docker wg wg-quick chpasswd passwd
  update-ca-certificates
]]):gmatch("%S+") do
  TOOLS[name] = "other"
end

-- What the machine's own programs must know, whatever environment they are started with.
local function knowledge(self, instance)
  local function path(name)
    return self:path(instance, name)
  end
  local hardware = self:about(instance).hardware(instance)
  return { CLOUDSIM_ROOT = path("root"), CLOUDSIM_LOG = path("log"),
    CLOUDSIM_SCALE = tostring(self.world.settings.time_scale),
    CLOUDSIM_PATH = path("bin") .. ":" .. path("root/usr/local/bin") .. ":" .. SYSTEM,
    CLOUDSIM_HOSTNAME = instance.hostname, CLOUDSIM_BIN = process.exe,
    CLOUDSIM_CONTROL = self.addresses.control, CLOUDSIM_REGISTRY = self.addresses.registry,
    CLOUDSIM_INSTANCE = instance.id, CLOUDSIM_VRAM = tostring(hardware.vram),
    CLOUDSIM_HOME = path("root/root"), CONTINUEPLZ_SCRIPTS = files.dirname(self.lib),
    CLOUDSIM_GPU = hardware.gpu .. ", " .. hardware.card .. " MiB" }
end

local function write_knowledge(path, known)
  local lines = {}
  for name, value in sorted(known) do
    lines[#lines + 1] = name .. "=" .. quote(value) .. "; export " .. name
  end
  assert(files.write(path, table.concat(lines, "\n") .. "\n", tonumber("644", 8)))
end

local function write_tools(self, instance, known)
  write_knowledge(self:path(instance, "root/.cloudsim"), known)
  local function write(name, program)
    local text = ('#!/bin/sh\n. %s\nCLOUDSIM_NAME=%s; export CLOUDSIM_NAME\nexec %s "$@"\n'):format(
      quote(self:path(instance, "root/.cloudsim")), name, quote(self.lib .. "/machine/bin/" .. program))
    assert(files.write(self:path(instance, "bin/" .. name), text, EXECUTABLE))
  end
  for name, program in sorted(TOOLS) do
    write(name, "vm/" .. program)
  end
  write("nvidia-smi", "nvidia-smi")
end

local function unpack(from, to)
  local child = process.spawn { argv = { "/bin/sh", "-c", 'exec gzip -dc < "$1" > "$2"', "sh", from, to },
    env = { "PATH=" .. SYSTEM }, stdin = "null", stdout = "null", stderr = "null" }
  local event = child:wait()
  child:close()
  return event.status == 0
end

-- Puts what write_files shall write, ready made, beside the machine's root. → lines of shell that write it
local function seed(self, instance, plan)
  local lines = {}
  for i, file in ipairs(plan.files) do
    local place, target = self:path(instance, "seed/" .. i), self:path(instance, "root" .. file.path)
    assert(files.write(place, file.data))
    if file.gzipped and not unpack(place, place .. ".plain") then
      plan.notes[#plan.notes + 1] = file.path .. ": its content is not gzip"
    else
      local text = file.gzipped and assert(files.read(place .. ".plain")) or file.data
      assert(files.write(place, plan.rewrite(text)))
      lines[#lines + 1] = ("mkdir -p %s && cat %s %s %s && chmod %s %s"):format(quote(files.dirname(target)),
        quote(place), file.append and ">>" or ">", quote(target), file.mode, quote(target))
    end
  end
  return lines
end

-- The machine's first process. Once ended it takes everything along.
local function write_init(self, instance, first)
  local plan = user_data.read(instance.user_data, self:path(instance, "root"), self:path(instance, "bin"))
  local lines = { "#!/bin/sh", "umask 022", "echo $$ > " .. quote(self:path(instance, "root/run/init.pid")),
    "cd " .. quote(self:path(instance, "root")) }
  local function script(name)
    if plan[name] then
      local place = self:path(instance, "seed/" .. name)
      assert(files.write(place, plan[name], EXECUTABLE))
      lines[#lines + 1] = quote(place)
    end
  end
  script("bootcmd")
  local writes = seed(self, instance, plan)
  if first then
    table.move(writes, 1, #writes, #lines + 1, lines)
  else
    lines[#lines + 1] = "systemctl boot"
  end
  if first or instance.script_each_boot then
    script("runcmd")
  end
  for i, note in ipairs(plan.notes) do
    table.insert(lines, 4 + i, "echo " .. quote("cloudsim: " .. note))
  end
  lines[#lines + 1] = "echo 'cloudsim: user data is done'\nwhile :; do sleep 3600; done"
  assert(files.write(self:path(instance, "init"), table.concat(lines, "\n") .. "\n", EXECUTABLE))
end

--- Writes the firewall's rules for the machine's `bin/container`.
function vm.rules(self, instance)
  local lines, open = {}, self:about(instance).open_ports(self.world, instance)
  for _, protocol in ipairs({ "tcp", "udp" }) do
    for _, range in ipairs(open[protocol]) do
      lines[#lines + 1] = ("%s %d %d"):format(protocol, range[1], range[2])
    end
  end
  if instance.tunnel_blocked then lines[#lines + 1] = "no tunnel" end
  assert(files.write(self:path(instance, "firewall"), table.concat(lines, "\n") .. "\n"))
end

-- A machine that somebody else's program is: it finds what it needs in the machine's directory (README.md).
-- → as vm.prepare
local function foreign(self, instance)
  local dir = files.join(self.dir, "instances", instance.id)
  if not instance.root then
    files.remove_tree(dir)
  end
  assert(files.mkdir(dir))
  instance.root, instance.home = dir, dir
  assert(files.write(self:path(instance, "user-data"), instance.user_data))
  assert(files.write(self:path(instance, "addresses.json"), json.encode(self.addresses) .. "\n"))
  write_knowledge(self:path(instance, "surroundings"), knowledge(self, instance))
  vm.rules(self, instance)
  local argv = {}
  for word in self.vm_command:gmatch("%S+") do
    argv[#argv + 1] = word
  end
  argv[#argv + 1] = dir
  return argv, { "PATH=" .. SYSTEM, "LANG=C.UTF-8" }, dir
end

-- Ports for datagrams that a machine's programs may listen at: those that rules open one by one, and where
-- everything is open those that its script names as "20010/udp".
local function udp_ports(self, instance)
  local ports, unblocked = {}, setmetatable({ udp_blocked = false }, { __index = instance })
  for _, range in ipairs(self:about(instance).open_ports(self.world, unblocked).udp) do
    if range[1] == range[2] then ports[#ports + 1] = range[1] end
  end
  for port in (instance.user_data or ""):gmatch("%f[%d](%d+)/udp") do
    ports[#ports + 1] = math.tointeger(port)
  end
  return ports
end

--- A machine is born; its ports are direct. One whose UDP, or whose script's TCP, is blocked from its birth:
--- its ports are taken before its programs can listen there, as filters come a moment after a socket.
function vm.begin(self, instance)
  local taken = {}
  local function take(open, port)
    local ok, socket = fail.try(open, { host = "0.0.0.0", port = port })
    taken[#taken + 1] = ok and socket or nil
  end
  for _, port in ipairs(instance.udp_blocked and udp_ports(self, instance) or {}) do take(net.udp, port) end
  local script = instance.tcp_blocked and instance.user_data or ""
  for port in script:gmatch("%f[%d](%d+)/tcp") do take(net.listen, math.tointeger(port)) end
  self.relays[instance.id] = taken
end

--- Prepares a start. → argv, environment, working directory for bin/container. May wait.
function vm.prepare(self, instance)
  if self.vm_command then return foreign(self, instance) end
  local root = self:path(instance, "root")
  local first = instance.root == nil
  -- another simulator may have lived here
  files.remove_tree(first and files.join(self.dir, "instances", instance.id) or root .. "/run")
  for _, name in ipairs({ "bin", "seed", "root/run", "root/root", "root/tmp", "root/etc/systemd/system",
    "root/opt", "root/var/lib", "root/usr/local/bin",
    "root/home/" .. (self:about(instance).user or "ubuntu") .. "/.ssh" }) do
    assert(files.mkdir(self:path(instance, name)))
  end
  instance.root, instance.home = root, root .. "/root"
  local known = knowledge(self, instance)
  write_tools(self, instance, known)
  write_init(self, instance, first)
  vm.rules(self, instance)
  return { self:path(instance, "init") }, { "PATH=" .. known.CLOUDSIM_PATH, "LANG=C.UTF-8",
    "CLOUDSIM_ROOT=" .. root, "CLOUDSIM_FIREWALL=" .. self:path(instance, "firewall") }, root
end

--- How the machine's last process left: "off", "reboot", or nil when nobody had asked for it.
function vm.ending(self, instance)
  local text = files.read(self:path(instance, "root/run/end"))
  return text and text:match("%a+")
end

--- Whether packets that no rule allows are really kept away: true, false, or nil when no socket needed
--- it yet.
function vm.enforced(self, instance)
  local text = files.read(self:path(instance, "firewall.state"))
  if not text then return nil end
  return text:find("^enforced") ~= nil
end

return vm
