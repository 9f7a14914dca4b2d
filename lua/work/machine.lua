-- SPDX-License-Identifier: MIT
-- One rented machine from its plan to a running guest: what is sent, how it boots, how the program is pushed.
local assets = require "base.assets"
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local keys = require "base.keys"
local net = require "base.net"
local task = require "base.task"
local config = require "facts.config"
local pace = require "work.pace"
local payload = require "work.payload"

local LAST_RESORT_SECONDS = 1800
local RETRY_SECONDS = 5

local machine = {}

--- The limits in seconds (0: off), from the settings and flags.
function machine.limits()
  local function seconds(name) return math.floor((config.limit(name) or 0) + 0.5) end
  return { silence = seconds("DEADMAN_TIMEOUT_HOURS"), idle = seconds("IDLE_MINUTES"), life = seconds("MAX_HOURS") }
end

-- Chosen per rental, below the ports that systems give to outgoing connections.
local function fresh_ports()
  local first = keys.random_int(20000, 23999)
  return { listen = first, push = first + 4000, engine = first + 8000 }
end

-- The trust anchors that travel with the guest, for images that bring none.
local function ca_bundle()
  for _, path in ipairs { "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem" } do
    local text = files.read(path)
    if text then return text end
  end
end

--- Makes everything a machine needs, secrets in memory only.
-- @return { key, server_public, ports, limits, payload } where payload is that of work.payload
function machine.prepare(provider, engine, want, client_public)
  local key, ports, limits = keys.fresh(), fresh_ports(), machine.limits()
  local built = payload.build {
    listen_port = ports.listen, push_port = ports.push, engine_port = ports.engine,
    client_public = client_public,
    limits = { silence = limits.silence, idle = limits.idle, life = limits.life, life_max = limits.life },
    terminate = provider.terminate_request(), retry_seconds = RETRY_SECONDS,
    engine = engine.start { port = ports.engine, context = want.context, model = want.model },
    ca_pem = ca_bundle(), last_resort_seconds = LAST_RESORT_SECONDS,
  }
  return { key = key, server_public = key:public(), ports = ports, limits = limits, payload = built, image = engine.image() }
end

--- The order for provider.create.
function machine.order(made, candidate, want, token)
  return {
    candidate = candidate, token = token, image = made.image, disk_gb = want.disk_gb, script = made.payload.script,
    env = { [payload.private_env] = made.key:secret() },
    ports = { { port = made.ports.listen, protocol = "udp" }, { port = made.ports.push, protocol = "tcp" } },
  }
end

-- Without a heartbeat of its host a booting machine does not come up by itself (facts/vast.md §1.8); this long it may be a hiccup.
local UNKNOWN_SECONDS = 90
local FIRST_LOOK, SECOND_LOOK = 0.25, 2 -- seconds; then twice as long each time, up to the provider's `poll`
local HOPELESS = { stopped = true, exited = true, lost = true, gone = true }

--- Where a running machine is reached: { host, port, push }, or nil while its ports are not known.
-- @param inner the machine's own ports { listen, push }
function machine.endpoint(instance, inner)
  local ports = instance.ports or {}
  local udp, push = ports[inner.listen .. "/udp"], ports[inner.push .. "/tcp"]
  if instance.status == "running" and instance.ip and udp and push then
    return { host = instance.ip, port = udp, push = push }
  end
end

--- Waits until the machine runs and its ports are known.
-- @param seen function(instance) called after each look, for the screen and the price check
-- @return endpoint { host, port, push }
-- @raise kind `machine` when it will never come up (another one may)
function machine.boot(provider, session, made, seen)
  local limit, most, pause = pace.of(provider, "boot"), pace.of(provider, "poll"), pace.seconds(FIRST_LOOK)
  local until_, last, unknown = clock.now() + limit, "no answer yet", nil
  while clock.now() < until_ do
    task.sleep(pause)
    pause = math.min(math.max(pause * 2, pace.seconds(SECOND_LOOK)), most)
    local ok, instance = fail.try(provider.get, session.id)
    if ok then
      if HOPELESS[instance.status] then
        fail.raise("machine", ("the machine went to '%s' while booting%s"):format(instance.native or instance.status,
          instance.message and ": " .. instance.message or ""))
      end
      unknown = instance.status == "unknown" and instance.native == "unknown" and (unknown or clock.now()) or nil
      if unknown and clock.now() - unknown >= pace.seconds(UNKNOWN_SECONDS) then
        fail.raise("machine", ("the machine's host was not heard of for %s while booting"):format(clock.duration(UNKNOWN_SECONDS)))
      end
      seen(instance)
      local endpoint = machine.endpoint(instance, made.ports)
      if endpoint then return endpoint end
      last = instance.native or instance.status
    elseif fail.is(instance, "auth") then
      error(instance, 0)
    else
      last = fail.message(instance)
    end
  end
  fail.raise("machine", ("the machine did not come up within %s (last seen: %s)"):format(clock.duration(limit), last))
end

local function push_once(endpoint, blob)
  local conn = net.connect { host = endpoint.host, port = endpoint.push, timeout = 10 }
  local ok, answer = fail.try(function()
    conn:write(blob, 120)
    return conn:read_line(64, 60)
  end)
  conn:close()
  if not ok then error(answer, 0) end
  return answer
end

--- Pushes the hash-pinned program until the machine says that it took it.
-- @raise kind `machine` when it never does
function machine.push(endpoint, made)
  local limit = pace.seconds(300)
  local until_, last = clock.now() + limit
  repeat
    local ok, answer = fail.try(push_once, endpoint, made.payload.blob)
    if ok and answer == "ok" then return end
    last = ok and ("it answered %q"):format(tostring(answer)) or fail.message(answer)
    task.sleep(pace.seconds(3))
  until clock.now() > until_
  fail.raise("machine", ("the machine did not take the guard program on port %d within %s: %s")
    :format(endpoint.push, clock.duration(limit), last))
end

--- Is the embedded guest there? Builds for systems without one cannot rent.
function machine.check()
  if #assets.guest() == 0 then fail.raise("config", "this build carries no guest program, so no machine could be guarded; build it with `make`") end
end

return machine
