-- SPDX-License-Identifier: MIT
-- What is sent to a rented machine: the blob (program, configuration, authorities) and the start script that
-- takes only it. The push travels in the clear, so nothing in here is a secret: keys are named by environment
-- variables of the machine.
local assets = require "sandbox.assets"
local clock = require "base.clock"
local fail = require "base.fail"
local keys = require "base.keys"
local template = require "base.template"
local world = require "sandbox.world"

local SCRIPT_LIMIT = 4000 -- args, script and all: facts/vast.md §1.7
local CONTROL_PORT = 8571
local ENGINE_PORT, PROBE_PORT = 11434, 11435

local bundle = {
  AGENT = "continueplz/" .. require "base.version", -- how the machine's own requests introduce themselves
  private_env = "CPLZ_KEY", -- the variable of the machine that holds the tunnel's private key
}

local function whole(value, name, least)
  if math.type(value) ~= "integer" or value < least then
    error(("%s wants a whole number from %d, not %s"):format(name, least, tostring(value)), 3)
  end
  return value
end

local function line(value, name)
  if type(value) ~= "string" or value == "" or value:find("%c") then
    error(("%s wants one line of text, not %q"):format(name, tostring(value)), 3)
  end
  return value
end

-- The variable that holds the cloud's key: as said, or the one that the Authorization header names.
local function key_variable(terminate)
  if terminate.key_env then
    return line(terminate.key_env, "terminate.key_env")
  end
  for _, header in ipairs(terminate.headers or {}) do
    local name = header:lower():find("^authorization:") and header:match("%${([%w_]+)}")
    if name and name ~= "KEY" then return name end
  end
end

local function add_request(add, name, request)
  add(name .. "-url", request.url)
  for _, header in ipairs(request.headers or {}) do add(name .. "-header", header) end
end

--- The guest's configuration (docs/guest.md) as text, without a secret; order as of bundle.build.
function bundle.config(order)
  local lines = {}
  local function add(key, value) lines[#lines + 1] = key .. " " .. line(tostring(value), key) end
  local limits, terminate = order.limits, order.terminate
  if order.listen_port then add("listen-port", whole(order.listen_port, "listen_port", 1)) end
  if order.listen_tcp then add("listen-tcp", whole(order.listen_tcp, "listen_tcp", 1)) end
  add("peer-public", order.client_public)
  add("token", order.token)
  add("private-key-env", bundle.private_env)
  add("control-port", CONTROL_PORT)
  local engine_port = whole(order.engine_port, "engine_port", 1)
  add("expose", ("%d %d counted"):format(ENGINE_PORT, engine_port))
  add("expose", ("%d %d uncounted"):format(PROBE_PORT, engine_port))
  for _, name in ipairs { "silence", "idle", "life" } do add(name, whole(limits[name], name, 0)) end
  add("life-max", whole(limits.life_max or 0, "life_max", 0))
  add("retry", whole(order.retry_seconds, "retry_seconds", 1))
  add("time", math.max(0, math.floor(clock.wall()))) -- for certificates, should the machine's clock be wrong
  local variable = key_variable(terminate)
  if variable then add("key-env", variable) end
  add("terminate-method", terminate.method)
  add_request(add, "terminate", terminate)
  if terminate.body and terminate.body ~= "" then add("terminate-body", terminate.body) end
  local otherwise = terminate.otherwise
  if otherwise then
    add("otherwise-method", otherwise.method)
    add_request(add, "otherwise", otherwise)
    if otherwise.body then add("otherwise-body", otherwise.body) end
  end
  if terminate.rehearse then add_request(add, "rehearse", terminate.rehearse) end
  local find = terminate.find
  if find then
    add_request(add, "find", find)
    add("find-token", find.token)
    add("find-pause", whole(find.pause or 0, "find.pause", 0))
  end
  if terminate.power_off_after then
    add("power-off-after", whole(terminate.power_off_after, "power_off_after", 1))
  end
  if order.ca_pem then add("ca-file", "ca.pem") end
  for _, word in ipairs(order.engine.argv) do add("engine-arg", word) end
  for _, pair in ipairs(order.engine.env) do add("engine-env", pair) end
  for _, name in ipairs(order.engine.inherit or {}) do add("engine-inherit", name) end
  add("state-dir", "state")
  return table.concat(lines, "\n") .. "\n"
end

-- A request as the script itself sends it. → its head, its body, the command that sends what `ask` prints
local function raw_request(request, variable)
  local scheme, host, port, path = request.url:match("^(https?)://([%w%.%-]+):?(%d*)(.*)$")
  if not host then
    error(("terminate.url must name its host, not %q"):format(request.url), 4)
  end
  local standard = scheme == "https" and "443" or "80"
  local named_host = (port == "" or port == standard) and host or host .. ":" .. port
  if port == "" then port = standard end
  if path == "" then path = "/" end
  local head = { ("%s %s HTTP/1.1"):format(request.method, path), "Host: " .. named_host,
    "User-Agent: " .. bundle.AGENT, "Connection: close" }
  for _, header in ipairs(request.headers or {}) do head[#head + 1] = header end
  local function named(text) return variable and text:gsub("%${KEY}", "${" .. variable .. "}") or text end
  local command
  if scheme == "https" then
    command = ("ask | timeout 60 openssl s_client -quiet -verify_return_error -verify_hostname %s "
      .. "-servername %s -connect %s:%s"):format(host, host, host, port)
  else
    command =
      ([[ask | timeout 60 perl -e 'use IO::Socket::INET; $s = IO::Socket::INET->new("127.0.0.1:%s") or die; ]]
        .. [[print $s <STDIN>; $s->flush; print <$s>']]):format(port)
  end
  return named(table.concat(head, "\n") .. "\n"), named(request.body or ""), command .. " >/dev/null 2>&1"
end

local OTHERWISE = "{{first:raw}}; [ ${s:-60} -le 30 ] || "
  .. "(sleep 5; Q={{request:sh}} B={{body:sh}}; {{fire:raw}})"

-- The last resort of the script itself: how it asks when no guest runs. It hears no answer, so what is to be
-- sent when the end is refused follows from the fourth time on; a machine that ended does not get that far.
-- → the request's head, its body and the command
local function last_resort(order)
  local terminate = order.terminate
  local variable = key_variable(terminate)
  local head, body, fire = raw_request(terminate, variable)
  if terminate.otherwise then
    local request, more, command = raw_request(terminate.otherwise, variable)
    fire = template.render(OTHERWISE, { first = fire, request = request, body = more, fire = command })
  end
  return head, body, fire
end

--- The program for the machine, as it travels: compressed by gzip.
function bundle.program()
  local program, problem = assets.guest()
  if not program or program == "" then
    error("there is no guest program to send: " .. tostring(problem), 2)
  end
  return program
end

--- A start script of templates/, filled in. → text, path of the user's own script (nil without)
-- @raise `config` when that is to blame
function bundle.script(name, values)
  local text, path = assets.template(name)
  if not text then
    fail.raise("config", "this script cannot be used: " .. path)
  end
  local own = world.home and path:sub(1, #world.home + 1) == world.home .. "/" and path or nil
  local fine, script = fail.try(template.render, text, values)
  if not fine then
    fail.raise(own and "config" or "internal", ("%s: %s"):format(path, fail.message(script)))
  end
  return script, own
end

--- Builds what is sent for one rental.
-- @param order { token (of the session), listen_port (UDP, or nil), listen_tcp (or nil), push_port,
--   engine_port, client_public (base64),
--   last_resort_seconds, retry_seconds, limits = { silence, idle, life, life_max } in seconds (0 off),
--   terminate = { method, url, headers = { "Name: value" }, body, key_env, find = { url, headers,
--     token, pause } or nil, otherwise = { method, url, headers, body } or nil (sent when that is refused),
--   rehearse = { url, headers } or nil },
--   engine = { argv, env = { "NAME=value" }, inherit = { "NAME" } (variables of the machine) },
--     ca_pem or nil, own_end = what a script does that cannot ask for its own end (exit) }.
--   Texts may hold ${NAME} of the machine's environment.
-- @return { blob, sha256 (hex), script, config, own (path of the user's own start.sh, nil without) }
-- @raise misuse, a script of 4000 bytes or more, and `config` when the user's own start.sh is to blame
function bundle.build(order)
  local guest = bundle.program()
  local config, ca = bundle.config(order), order.ca_pem or ""
  local blob = guest .. config .. ca
  local sha256 = keys.sha256_hex(blob)
  local request, body, fire = last_resort(order)
  local script, own = bundle.script("start.sh", {
    push_port = whole(order.push_port, "push_port", 1), sha256 = sha256, total = #blob,
    program = #guest, config_at = #guest + 1, config = #config, ca_at = #guest + #config + 1,
    last_resort = whole(order.last_resort_seconds, "last_resort_seconds", 1),
    request = request, body = body, retry = order.retry_seconds,
    -- without its id, or where its own end is what its cloud acts on, the script can only end itself
    fire = order.terminate.find and (order.own_end or "exit 1") or order.terminate.leave and "exit 1" or fire,
  })
  if own and #script >= SCRIPT_LIMIT then
    fail.raise("config", ("%s has %d bytes when it is filled in; the clouds take less than %d"):format(own,
      #script, SCRIPT_LIMIT))
  elseif #script >= SCRIPT_LIMIT then
    error(("the start script has %d bytes, %d or more are refused"):format(#script, SCRIPT_LIMIT), 2)
  end
  return { blob = blob, sha256 = sha256, script = script, config = config, own = own }
end

return bundle
