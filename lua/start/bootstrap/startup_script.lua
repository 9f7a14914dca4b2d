-- SPDX-License-Identifier: MIT
-- Virtual machines without cloud-init whose startup script is small (facts/paperspace.md §4.7): it brings the
-- keys, the units and the script that takes the program, which is pushed as into a container
-- (start.bootstrap.push).
local world = require "sandbox.world"
local bundle = require "start.bootstrap.bundle"
local push = require "start.bootstrap.push"
local user_data = require "start.bootstrap.user_data"

-- Where start.sh keeps what it takes, as its HOME says.
local HOME = "/opt/continueplz"
local DIRECTORY = HOME .. "/.continueplz-guest"

local KEYLESS = 10 -- attempts of a guard that has no key, before it switches the machine off

-- The engine lies beside the program, which is where both run.
local startup_script = {
  handshake = 300, engine = { boot = "startup-script", directory = "." }, deliver = push.deliver,
  tcp_port = push.tcp_port, over_tcp = push.over_tcp,
}

-- A file of the machine, as lines of its script.
local function written(file)
  local mark = "CPLZ_END"
  while file.content:find(mark, 1, true) do mark = mark .. "_" end
  local text = file.content:sub(-1) == "\n" and file.content or file.content .. "\n"
  return ("cat >%s <<'%s'\n%s%s\nchmod %s %s\n"):format(file.path, mark, text, mark, file.permissions,
    file.path)
end

-- What templates.cloud_init says, as a script: it makes the same of its parts on both kinds of machines.
local function script_of(document, ports)
  local lines = { "#!/bin/sh\numask 077\n" }
  for _, words in ipairs(document.bootcmd) do lines[#lines + 1] = table.concat(words, " ") .. "\n" end
  for _, file in ipairs(document.write_files) do lines[#lines + 1] = written(file) end
  -- a firewall of the image, if it has one
  lines[#lines + 1] = ("if command -v ufw >/dev/null; then ufw allow %d/udp; ufw allow %d/tcp; fi\n"):format(
    ports.listen, ports.push)
  for _, words in ipairs(document.runcmd) do lines[#lines + 1] = table.concat(words, " ") .. "\n" end
  return table.concat(lines)
end

--- spec: of start.machine, with `account_key` only under consent. → as of bundle.build, and `startup`, the
-- script of the machine
function startup_script.build(spec, guest)
  if not spec.account_key then -- nobody there could ask for its end: what is off bills its disk alone
    guest.own_end, guest.terminate.power_off_after = "poweroff; exit 1", KEYLESS
  end
  local built = bundle.build(guest)
  local files = { { name = "start.sh", content = built.script, mode = "0600" } }
  local parts = user_data.parts(spec, guest, DIRECTORY, files,
    { environment = { "HOME=" .. HOME }, command = { "/bin/sh", "start.sh" } })
  built.startup = script_of(world.require("templates.cloud_init")(parts), spec.ports)
  return built
end

function startup_script.order(spec)
  return { script = spec.bundle.startup, life = spec.limits.life }
end

-- Over TCP the tunnel comes in where the program did, as push.endpoint says.
function startup_script.endpoint(instance, inner, carrier)
  if instance.status == "running" and instance.ip then
    return { host = instance.ip, port = carrier == "tcp" and inner.push or inner.listen, push = inner.push,
      carrier = carrier }
  end
end

return startup_script
