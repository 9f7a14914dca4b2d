-- SPDX-License-Identifier: MIT
-- The simulator as a program: real machines behind relayed ports, which die with their instance or with the
-- simulator.
local fail = require "base.fail"
local files = require "base.files"
local http = require "base.http"
local net = require "base.net"
local process = require "base.process"
local task = require "base.task"

local KEY = "key-of-the-machine-tests"

local SCRIPT = [[
echo "id=$CONTAINER_ID key=${#CONTAINER_API_KEY} label=$VAST_CONTAINERLABEL tcp=$VAST_TCP_PORT_@ "\
"udp=$VAST_UDP_PORT_@ gpus=$GPU_COUNT own=$OWN"
[ -e kept ] && echo kept; echo x > kept
(setsid sleep 1111 &)
perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Proto => "udp", LocalAddr => "127.0.0.1",
  LocalPort => @) or die;
while (defined $s->recv($d, 9999)) { $s->send("u:$d") }' &
perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Listen => 9, LocalAddr => "127.0.0.1",
  LocalPort => @, ReuseAddr => 1) or die;
while ($c = $s->accept) { if (!fork) { while (sysread $c, $d, 9999) { syswrite $c, $d } exit } close $c }'
]]

return function(t)
  local simulator = t:load("simulator")
  local GIVE_UP, wait_for = simulator.GIVE_UP, simulator.wait_for

  -- Runs the simulator for the time of fn(sim).
  local function with_simulator(fn)
    simulator.run(t, KEY, 200, function(sim)
      function sim.vast(method, path, body)
        return http.request { method = method, url = sim.address.vast .. path, json = body, ok = "any",
          headers = { Authorization = "Bearer " .. KEY } }
      end
      fn(sim)
    end)
  end

  local function free_port()
    local listener = net.listen { host = "127.0.0.1", port = 0 }
    local _, port = listener:name()
    listener:close()
    return port
  end

  -- Rents and waits until the machine's own program answers. → id, outside ports
  local function rent(sim, body, inside)
    local offers = sim.vast("POST", "/api/v0/bundles/",
      { limit = 1, gpu_name = { eq = "L40S" } }).json().offers
    local id = sim.vast("PUT", "/api/v0/asks/" .. offers[1].id .. "/", body).json().new_contract
    t:ok(id, "a machine")
    local row = wait_for("running", function()
      local value = sim.vast("GET", "/api/v0/instances/" .. id .. "/")
      local found = value.status == 200 and value.json().instances
      return found and found.actual_status == "running" and found
    end)
    return id, tonumber(row.ports[inside .. "/tcp"][1].HostPort),
      row.ports[inside .. "/udp"] and tonumber(row.ports[inside .. "/udp"][1].HostPort)
  end

  local function echo(port, text, patience)
    local ok, answer = fail.try(function()
      local conn <close> = net.connect { host = "127.0.0.1", port = port, timeout = 5 }
      conn:write(text)
      return conn:read_exact(#text, patience or 5)
    end)
    return ok and answer
  end

  local function datagram(port, text)
    local socket <close> = net.udp { host = "127.0.0.1", port = 0 }
    for _ = 1, 20 do
      socket:send(text, "127.0.0.1", port)
      local ok, answer = fail.try(socket.recv, socket, 0.25)
      if ok then return answer end
    end
    return nil
  end

  local function descendants(sim, id)
    local mark = "HOME=" .. sim.dir .. "/instances/" .. id .. "/"
    local count = 0
    for _, name in ipairs(files.list("/proc") or {}) do
      local text = name:find("^%d+$") and files.read("/proc/" .. name .. "/environ")
      if text and text:find(mark, 1, true) then
        count = count + 1
      end
    end
    return count
  end

  local function order(inside)
    return { client_id = "me", image = "ollama/ollama:0.33.0", disk = 20, label = "cplz-m", runtype = "args",
      onstart = "/bin/sh", args = { "-c", (SCRIPT:gsub("@", tostring(inside))) },
      env = { ["-p " .. inside .. ":" .. inside] = "1", ["-p " .. inside .. ":" .. inside .. "/udp"] = "1",
      OWN = "yes" } }
  end

  t:case("a machine runs what was sent, its ports are relayed and billed, it dies entirely", function()
    with_simulator(function(sim)
      local inside = free_port()
      local id, tcp, udp = rent(sim, order(inside), inside)
      local text = ("0123456789"):rep(20000)
      wait_for("an echo", function() return echo(tcp, "hello") == "hello" end)
      t:equal(echo(tcp, text), text)
      t:equal(datagram(udp, "ping"), "u:ping")
      local said = sim.log(id)
      t:equal(said, ("id=%d key=64 label=C.%d tcp=%d udp=%d gpus=1 own=yes\n"):format(id, id, tcp, udp))
      local traffic = {}
      for _, row in ipairs(sim.control("GET", "/ledger").rows) do
        traffic[row.kind] = row.bytes
      end
      t:ok(traffic.bwd >= 200000 and traffic.bwu >= 200000, "the traffic is counted")
      t:ok(descendants(sim, id) >= 4, "its processes")
      sim.vast("DELETE", "/api/v0/instances/" .. id .. "/")
      wait_for("the end of its processes", function() return descendants(sim, id) == 0 end)
      t:equal(echo(tcp, "hello"), false)
      t:equal(sim.control("GET", "/ledger").open, {})
    end)
  end)

  t:case("blocked ports, stop and start with what was kept, an end by itself", function()
    with_simulator(function(sim)
      local inside = free_port()
      local id, tcp, udp = rent(sim, order(inside), inside)
      wait_for("an echo", function() return echo(tcp, "hello") == "hello" end)
      sim.control("POST", "/instance/" .. id, { action = "network_gone" })
      t:equal(echo(tcp, "hello", 0.3), false)
      local socket <close> = net.udp { host = "127.0.0.1", port = 0 }
      socket:send("lost", "127.0.0.1", udp)
      t:equal((fail.try(socket.recv, socket, 0.3)), false)
      sim.control("POST", "/instance/" .. id, { action = "network_back" })
      t:equal(echo(tcp, "hello"), "hello")
      sim.vast("PUT", "/api/v0/instances/" .. id .. "/", { state = "stopped" })
      wait_for("the end of its processes", function() return descendants(sim, id) == 0 end)
      task.sleep(0.01)
      sim.vast("PUT", "/api/v0/instances/" .. id .. "/", { state = "running" })
      wait_for("the second life", function()
        return sim.log(id):find("\nkept\n", 1, true)
      end)
      process.kill(sim.control("GET", "/machines").machines[1].pid, "TERM")
      wait_for("exited", function()
        local value = sim.vast("GET", "/api/v0/instances/" .. id .. "/")
        return value.status == 200 and value.json().instances.actual_status == "exited"
      end)
      sim.vast("DELETE", "/api/v0/instances/" .. id .. "/")
    end)
  end)

  t:case("a simulator that is killed leaves no machine behind", function()
    with_simulator(function(sim)
      local inside = free_port()
      local id, tcp = rent(sim, order(inside), inside)
      wait_for("an echo", function() return echo(tcp, "hello") == "hello" end)
      sim.child:kill("KILL")
      sim.child:wait(GIVE_UP)
      wait_for("the end of its processes", function() return descendants(sim, id) == 0 end)
    end)
  end)
end
