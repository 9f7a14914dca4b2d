-- SPDX-License-Identifier: MIT
-- A machine of the Lambda face as real processes: user data in cloud-init's order, services, the firewall, a
-- shutdown, its end.
local fail = require "base.fail"
local files = require "base.files"
local http = require "base.http"
local json = require "base.json"
local keys = require "base.keys"
local net = require "base.net"
local process = require "base.process"
local sorted = require "base.sorted"
local task = require "base.task"

local KEY = "key-of-the-vm-tests"
local WORLD = "0.0.0.0/0"

-- Answers datagrams on every address; "die" ends it.
local PROGRAM = [[#!/usr/bin/perl
use IO::Socket::INET;
$| = 1;
print "serve $ENV{A} $ENV{B} $ENV{C} ", $ENV{HOME} // "homeless", "\n";
$s = IO::Socket::INET->new(Proto => "udp", LocalAddr => "0.0.0.0", LocalPort => $ARGV[0]) or die;
while (defined $s->recv($d, 999)) { exit 3 if $d eq "die"; $s->send("u:$d") }
]]

local UNIT = [=[
[Unit]
Description=test
[Service]
Environment=A=1 "B=two words"
EnvironmentFile=/opt/vm-test/env
ExecStart=/opt/vm-test/bin/serve \
  @
Restart=always
RestartSec=2
[Install]
WantedBy=multi-user.target
]=]

return function(t)
  local simulator = t:load("simulator")
  local GIVE_UP, wait_for = simulator.GIVE_UP, simulator.wait_for

  -- Runs the simulator for the time of fn(sim).
  local function with_simulator(fn)
    simulator.run(t, KEY, 100, function(sim)
      function sim.ask(method, path, body)
        task.sleep(0.02)
        return http.request { method = method, url = sim.address.lambda .. "/api/v1" .. path, json = body,
          ok = "any", headers = { Authorization = "Bearer " .. KEY } }.json()
      end
      fn(sim)
    end)
  end

  -- A port that nobody has for datagrams.
  local function free_port()
    local socket <close> = net.udp { host = "0.0.0.0", port = 0 }
    return (select(2, socket:name()))
  end

  local function datagram(port, text, tries)
    local socket <close> = net.udp { host = "127.0.0.1", port = 0 }
    for _ = 1, tries or 100 do
      socket:send(text, "127.0.0.1", port)
      local ok, answer = fail.try(socket.recv, socket, 0.1)
      if ok then return answer end
    end
    return nil
  end

  local function packed(sim, text)
    local plain, packed_file = sim.dir .. "/plain", sim.dir .. "/packed"
    files.write(plain, text)
    local child = process.spawn { argv = { "/bin/sh", "-c", 'gzip -c < "$1" > "$2"', "sh", plain,
      packed_file }, env = { "PATH=/usr/bin:/bin" } }
    t:equal(child:wait(GIVE_UP).status, 0)
    child:close()
    return keys.base64(files.read(packed_file))
  end

  local function launch(sim, data, rules)
    sim.ask("POST", "/ssh-keys", { name = "vm" })
    local set = rules and sim.ask("POST", "/firewall-rulesets", { name = "vm", region = "us-west-1",
      rules = rules }).data.id
    local id = sim.ask("POST", "/instance-operations/launch", { region_name = "us-west-1",
      instance_type_name = "gpu_1x_a6000", ssh_key_names = { "vm" }, name = "vm", user_data = data,
      firewall_rulesets = set and { { id = set } } or nil }).data.instance_ids[1]
    return id, set
  end

  local function config(value)
    return "#cloud-config\n" .. json.encode(value)
  end

  local function done(sim, id)
    return wait_for("the end of user data", function()
      local text = sim.log(id)
      return text:find("user data is done", 1, true) and text
    end)
  end

  local function processes(sim, id)
    local count, mark = 0, sim.dir .. "/instances/" .. id .. "/"
    for _, name in ipairs(files.list("/proc") or {}) do
      local text = name:find("^%d+$") and files.read("/proc/" .. name .. "/cmdline")
      if text and text:find(mark, 1, true) then
        count = count + 1
      end
    end
    return count
  end

  t:case("bootcmd, files and runcmd in order; a service behind the firewall is "
    .. "restarted, ended with the machine", function()
    with_simulator(function(sim)
      local port = free_port()
      local id, set = launch(sim, config {
        bootcmd = { "echo one $([ -e /opt/vm-test/env ] && echo late)", { "echo", "it's", "a list" } },
        write_files = {
          { path = "/opt/vm-test/bin/serve", permissions = "0755", encoding = "gz+b64", content = packed(sim,
            PROGRAM) },
          { path = "/opt/vm-test/env", content = keys.base64("C=/opt/vm-test/kept\n"), encoding = "b64",
            permissions = "0600" },
          { path = "/opt/vm-test/env", content = "D=/opt/vm-tests\n", append = true, permissions = "0600" },
          { path = "/etc/systemd/system/vm-test.service", content = (UNIT:gsub("@", tostring(port))) },
          { path = "/opt/vm-test/config.json",
            content = '{"state":"\\/opt\\/vm-test\\/state","other":"/etc/hosts"}' },
        },
        runcmd = { "X=kept; cd /opt/vm-test", "echo two $X", "/usr/bin/systemctl daemon-reload",
        { "systemctl", "enable", "--now", "vm-test.service" },
        "systemctl is-active vm-test; systemctl is-enabled vm-test",
        "nvidia-smi --query-gpu=name,memory.total --format=csv,noheader",
        "PATH=/usr/sbin:/usr/bin:/bin; command -v systemctl",
        ("curl -fsSL %s/v0.33.0/ollama-linux-amd64.tgz | tar -xz; HOME=/root bin/ollama --version; "
          .. "HOME= bin/ollama --version"):format(sim.address.downloads),
        "systemctl start nothing; echo status $?" },
        packages = { "curl" },
      }, { { protocol = "udp", port_range = { port, port }, source_network = WORLD } })
      local root = sim.dir .. "/instances/" .. id .. "/root"
      local text = done(sim, id)
      t:equal(datagram(port, "hello"), "u:hello")
      local serves = "serve 1 two words " .. root .. "/opt/vm-test/kept homeless"
      wait_for("the service's first words", function() return sim.log(id):find(serves, 1, true) end)
      for _, wanted in ipairs { "cloudsim: the cloud-config key packages is not simulated\none\nit's a list\n"
          .. "two kept\n", "\nactive\n", "\nenabled\n", "A6000, 49152 MiB\n", "\n" .. sim.dir .. "/instances/"
            .. id .. "/bin/systemctl\n", "ollama version is ", "$HOME is not defined",
        -- the service may speak between any two of them
        "Unit nothing.service not found.\n", "\nstatus 5\n" } do
        t:ok(text:find(wanted, 1, true), wanted .. " is missing in\n" .. text)
      end
      t:equal(files.read(root .. "/opt/vm-test/env"), "C=" .. root .. "/opt/vm-test/kept\nD=/opt/vm-tests\n")
      t:equal(files.stat(root .. "/opt/vm-test/env").mode & 511, tonumber("600", 8))
      t:equal(json.decode(files.read(root .. "/opt/vm-test/config.json")),
        { state = root .. "/opt/vm-test/state", other = "/etc/hosts" })
      datagram(port, "die", 1)
      t:equal(datagram(port, "again"), "u:again")
      sim.ask("PATCH", "/firewall-rulesets/" .. set, { rules = { { protocol = "udp", port_range = { 9, 9 },
        source_network = WORLD } } })
      local row = sim.control("GET", "/machines").machines[1]
      t:equal(row.open.udp, { { 9, 9 } })
      wait_for("a word about the firewall", function() return files.exists(sim.dir .. "/instances/" .. id
        .. "/firewall.state") end)
      if sim.control("GET", "/machines").machines[1].firewall_enforced then
        wait_for("silence", function() return datagram(port, "hello", 1) == nil end)
        sim.control("POST", "/set", { lambda_us_south_1 = "closed" })
        t:equal(datagram(port, "hello", 3), nil)
      end
      sim.ask("POST", "/instance-operations/terminate", { instance_ids = { id } })
      wait_for("the end of its processes", function() return processes(sim, id) == 0 end)
      t:equal(sim.control("GET", "/ledger").open, {})
    end)
  end)

  t:case("a service that stops, one that fails too often, one that runs once; a "
    .. "restart keeps what was enabled", function()
    with_simulator(function(sim)
      local function unit(lines)
        return "[Service]\n" .. lines .. "\n[Install]\nWantedBy=multi-user.target\n"
      end
      -- The machine's log is one for all its processes: only a line that one of them writes at once is sure
      -- to stand in it as a whole.
      local id = launch(sim, config {
        write_files = {
          { path = "/etc/systemd/system/long.service",
            content = unit("ExecStartPre=/bin/sh -c 'echo prepared'\n"
            .. "ExecStart=/bin/sh -c 'echo long; exec sleep 999'") },
          { path = "/etc/systemd/system/bad.service",
            content = unit("ExecStart=/bin/false\nRestart=on-failure") },
          { path = "/etc/systemd/system/once.service",
            content = unit("Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/echo once") },
        },
        runcmd = {
          "systemctl enable long; systemctl start long bad once; "
            .. "echo started: $(systemctl is-active long once)",
          "until systemctl is-failed -q bad; do sleep 0.05; done; echo bad: $(systemctl is-active bad)",
          "systemctl stop long; echo stopped: $(systemctl show -p ActiveState long)" },
      })
      local text = done(sim, id)
      for _, wanted in ipairs { "prepared", "once", "started: active active",
        "systemd: bad.service: Start request repeated too quickly.", "bad: failed",
        "stopped: ActiveState=inactive" } do
        t:ok(("\n" .. text):find("\n" .. wanted .. "\n", 1, true), wanted .. " is missing in\n" .. text)
      end
      wait_for("active", function() return sim.ask("GET", "/instances/" .. id).data.status == "active" end)
      sim.ask("POST", "/instance-operations/restart", { instance_ids = { id } })
      wait_for("the service after the restart", function()
        local _, count = sim.log(id):gsub("\nlong\n", "")
        return count == 2
      end)
      local _, once = sim.log(id):gsub("\nonce\n", "")
      t:equal(once, 1, "runcmd is not done again")
      sim.ask("POST", "/instance-operations/terminate", { instance_ids = { id } })
      wait_for("the end of its processes", function() return processes(sim, id) == 0 end)
    end)
  end)

  t:case("a script; a shutdown inside ends the processes and not the bill; YAML is refused in the log",
    function()
    with_simulator(function(sim)
      local id = launch(sim,
        "#!/bin/sh\n(setsid sleep 999 &)\necho script; sudo -n shutdown -h now; sleep 999\n")
      wait_for("the end of its processes", function() return sim.log(id):find("script\n") and processes(sim,
        id) == 0 end)
      wait_for("the record", function() return not sim.control("GET", "/machines").machines[1].process end)
      wait_for("active", function() return sim.ask("GET", "/instances/" .. id).data.status == "active" end)
      t:equal(#sim.control("GET", "/ledger").open, 1)
      sim.control("POST", "/reset")
      for data, wanted in sorted {
        ["#cloud-config\nruncmd:\n  - touch /tmp/never\n"] = "YAML is not simulated",
        ["Content-Type: multipart/mixed"] = "of this form is not simulated",
        ["#!/bin/sh\nreboot; sleep 9"] = "goes down (reboot)",
      } do
        local other = launch(sim, data)
        wait_for(wanted, function() return sim.log(other):find(wanted, 1, true) end)
        if data:find("reboot") then
          wait_for("the second start", function() return sim.log(other):find("user data is done", 1,
            true) end)
        end
        sim.control("POST", "/reset")
      end
    end)
  end)
end
