-- SPDX-License-Identifier: MIT
-- Virtual machines with cloud-init: the program, its configuration and its keys travel in the user data, so
-- nothing is left to push, and the tunnel's port is reached as it is (facts/lambda.md §2.4, §2.9).
local assets = require "sandbox.assets"
local json = require "base.json"
local keys = require "base.keys"
local world = require "sandbox.world"
local bundle = require "start.bootstrap.bundle"

local DIRECTORY = "/opt/continueplz"
local LIMIT = 1000000 -- bytes of user data: the least that a cloud of this kind takes

local user_data = { handshake = 300, engine = { boot = "cloud-init", directory = DIRECTORY } }

-- One line of systemd's EnvironmentFile.
local function assignment(name, value)
  if not value:match("^[%w+/=._-]+$") then value = '"' .. value:gsub('["\\$`]', "\\%0") .. '"' end
  return name .. "=" .. value .. "\n"
end

-- What ends the machine when the guest never runs. It can do nothing without the account's key,
-- so it comes only with it.
local function last_resort(guest)
  local terminate = guest.terminate
  return {
    { name = "last_resort.py", content = assert(assets.template("last_resort.py")), mode = "0600" },
    { name = "last_resort.json", mode = "0600", content = json.encode {
      seconds = guest.last_resort_seconds, retry = math.max(guest.retry_seconds, 60), find = terminate.find,
      agent = bundle.AGENT,
      terminate = { method = terminate.method, url = terminate.url, headers = terminate.headers,
        body = terminate.body },
    } },
  }
end

local function packed_guest()
  return { name = "guest", content = keys.base64(bundle.program()), encoding = "gz+b64", mode = "0700" }
end

--- The inner TCP port of the tunnel.
function user_data.tcp_port(inner) return inner.listen end

--- What a virtual machine gets for its guard, as templates.cloud_init takes it: files and services below a
-- directory, keys and the last resort among them.
-- @param files those that bring the program; program: { environment=, command= } that runs it
-- → { directory=, files=, services= }
function user_data.parts(spec, guest, directory, files, program)
  local environment = assignment(bundle.private_env, spec.key:secret())
  table.move(guest.engine.files or {}, 1, #(guest.engine.files or {}), #files + 1, files)
  local services = { { name = "continueplz-guest", about = "guard and tunnel of continueplz",
    environment = program.environment, command = program.command } }
  if spec.account_key then
    environment = environment .. assignment(guest.terminate.key_env, spec.account_key)
    local more = last_resort(guest)
    table.move(more, 1, #more, #files + 1, files)
    services[2] = { name = "continueplz-last-resort", about = "ends the machine when its guard never runs",
      command = { "/usr/bin/python3", "last_resort.py" } }
  end
  files[#files + 1] = { name = "environment", content = environment, mode = "0600" }
  return { directory = directory, files = files, services = services }
end

--- spec: of start.machine, with `account_key` only under consent. → { user_data=, config= }
function user_data.build(spec, guest)
  local config = bundle.config(guest)
  local files = { packed_guest(), { name = "config", content = config, mode = "0600" } }
  if guest.ca_pem then files[#files + 1] = { name = "ca.pem", content = guest.ca_pem, mode = "0600" } end
  local document = world.require("templates.cloud_init")(user_data.parts(spec, guest, DIRECTORY, files,
    { environment = { "HOME=" .. DIRECTORY }, command = { DIRECTORY .. "/guest", "config" } }))
  local text = "#cloud-config\n" .. json.encode(document) .. "\n"
  if #text > LIMIT then
    error(("the user data has %d bytes; %d are taken"):format(#text, LIMIT))
  end
  return { user_data = text, config = config }
end

function user_data.order(spec)
  local port = spec.ports.listen
  local udp, tcp = { port = port, protocol = "udp" }, { port = port, protocol = "tcp" }
  return { user_data = spec.bundle.user_data, ports = spec.carrier == "tcp" and { tcp } or { udp, tcp } }
end

function user_data.over_tcp(endpoint)
  return { host = endpoint.host, port = endpoint.port, carrier = "tcp" }
end

function user_data.endpoint(instance, inner, carrier)
  if instance.status == "running" and instance.ip then
    return { host = instance.ip, port = inner.listen, carrier = carrier }
  end
end

function user_data.deliver() end -- it came with the machine

return user_data
