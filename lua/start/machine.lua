-- SPDX-License-Identifier: MIT
-- One rented machine from its plan to a running guest: what is sent and how it boots; how the program gets
-- there is start.bootstrap's.
local assets = require "sandbox.assets"
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local keys = require "base.keys"
local surroundings = require "base.surroundings"
local task = require "base.task"
local world = require "sandbox.world"
local config = require "config.effective"
local identity = require "home.identity"
local bootstrap = require "start.bootstrap"
local gateway = require "start.gateway"
local guard_policy = require "money.guard_policy"
local hosts = require "start.hosts"
local time_limits = require "money.limits"
local timing = require "home.timing"

local LAST_RESORT_SECONDS = 1800
local RETRY_SECONDS = 5
local ENGINE_PORT = 11434 -- of an engine that has an address of its own

local machine = {}

local HOMES, SETS = 250, 16
local turn -- which set of ports this process used last

-- By the home's own local port, so that those of two homes differ; one machine after the other gets another
-- set; and below the ports that systems give to outgoing connections.
local function next_ports()
  turn = turn and turn + 1 or keys.random_int(0, SETS - 1)
  local first = 20000 + identity.port() % HOMES * SETS + turn % SETS
  return { listen = first, push = first + 4000, engine = first + 8000 }
end

-- Where systems keep their certificates in one file.
local BUNDLES = { "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem" }

-- The trust anchors that travel with the guest, for images that bring none: the system's, and those that this
-- shell trusts besides.
local function ca_bundle()
  local set = config.get("CA_FILE")
  if set then
    local text, message = files.read_system(set)
    return text or fail.raise("config", "CA_FILE cannot be read: " .. message)
  end
  local usual
  for _, path in ipairs(BUNDLES) do usual = usual or files.read_system(path) end
  local named = (surroundings.trust())
  local own = named and files.read_system(named)
  if not own or not usual then return own or usual end
  local more = { usual }
  for certificate in own:gmatch "%-%-%-%-%-BEGIN CERTIFICATE%-%-%-%-%-.-%-%-%-%-%-END \z
    CERTIFICATE%-%-%-%-%-" do
    if not usual:find(certificate, 1, true) then more[#more + 1] = certificate .. "\n" end
  end
  return table.concat(more)
end

-- With the authority of the cloud's own, where it has one.
local function trusted(own)
  local bundle = ca_bundle()
  return own and (bundle or "") .. own or bundle
end

-- How its tunnel travels: "tcp" where no UDP gets through or the user says so, else nil: UDP, and TCP when
-- that is silent.
local function carrier_of(provider)
  return (provider.capabilities.udp == false or config.get("TUNNEL_CARRIER") == "tcp") and "tcp" or nil
end

--- Makes what a machine needs before its token is known, secrets in memory only.
-- @param guard how it will be guarded, of money.guard_policy
-- @return { key, server_public, ports, limits, guard, account_key (only for guard "account-key"), image,
-- carrier ("tcp" or nil), bootstrap (of start.bootstrap), bundle (by machine.order) }
function machine.prepare(provider, engine, client_public, guard)
  local key, ports, limits = keys.fresh(), next_ports(), time_limits.in_force()
  return {
    key = key, server_public = key:public(), ports = ports, limits = limits, guard = guard,
    image = provider.capabilities.image or engine.image(), provider = provider,
    carrier = carrier_of(provider),
    bootstrap = bootstrap.of(provider), account_key = guard_policy.account_key(provider, guard),
    engine = engine, client_public = client_public,
  }
end

-- What start.bootstrap.bundle is told.
local function guest_order(spec, want, token, shared)
  local ports, limits, sent_by = spec.ports, spec.limits, spec.bootstrap
  local terminate = spec.provider.terminate_request(token)
  local tcp = spec.carrier == "tcp"
  return {
    token = token, listen_port = not tcp and ports.listen or nil,
    listen_tcp = sent_by.tcp_port(ports), push_port = ports.push, engine_port = ports.engine,
    client_public = spec.client_public,
    limits = { silence = limits.silence, idle = limits.idle, life = limits.life, life_max = limits.life },
    terminate = terminate,
    retry_seconds = math.max(1, math.floor(timing.seconds(terminate.retry or RETRY_SECONDS))),
    engine = shared and gateway.start(ports.engine) or spec.engine.start { port = ports.engine,
      context = want.context, model = want.model, boot = sent_by.engine.boot,
      directory = sent_by.engine.directory, bare = spec.provider.capabilities.image ~= nil },
    ca_pem = trusted(terminate.ca_pem), last_resort_seconds = LAST_RESORT_SECONDS,
  }
end

-- What serves the model where that is not the machine of the tunnel: the engine's pods as the order has them.
local function served(spec, offer, want)
  local cards = offer.gpus // offer.pods
  return { replicas = offer.replicas, pods = offer.pods, gpus = cards, port = ENGINE_PORT,
    variable = gateway.ADDRESS, pod = gateway.pod(spec.engine, world.source("engines." .. want.engine),
      { model = want.model.name, context = want.context, port = ENGINE_PORT, address = "$(POD_IP)",
        gpus = cards, pods = offer.pods }) }
end

--- The order for provider.create.
function machine.order(spec, candidate, want, token)
  local offer = candidate.offer
  spec.bundle = spec.bootstrap.build(spec, guest_order(spec, want, token, offer.nodes ~= nil))
  local order = spec.bootstrap.order(spec)
  order.served = offer.nodes and served(spec, offer, want)
  order.candidate, order.token, order.image, order.disk_gb = candidate, token, spec.image, want.disk_gb
  return order
end

-- Without a heartbeat of its host a booting machine does not come up by itself (facts/vast.md §1.8); this
-- long it may be a hiccup.
local UNKNOWN_SECONDS = 90
local FIRST_LOOK, SECOND_LOOK = 0.25, 2 -- seconds; then twice as long each time, up to the provider's `poll`
local HOPELESS = { stopped = true, exited = true, lost = true, gone = true }
-- So long that must be said, by more than one reading: a fresh machine looks stopped for a moment, and a
-- cloud that means it to run starts it again.
local DOWN_SECONDS, RESTART_SECONDS = 10, 60

-- down: since when it has been said that the machine does not run, or nil → the same now; raises when it has
-- been so for long enough, and at once when its cloud names a fault of its host
local function still_hopeful(instance, down)
  if instance.status ~= "running" and hosts.image_fault(instance.message) then
    fail.raise("config",
      ("no host has the image that was asked for (%s); look at OLLAMA_VERSION"):format(instance.message))
  end
  if instance.status ~= "running" and hosts.fault(instance.message) then
    hosts.raise("the machine's host is at fault: " .. instance.message)
  end
  if not HOPELESS[instance.status] and not instance.fault then return nil end
  down = down or clock.now()
  local patience = instance.restarting and RESTART_SECONDS or DOWN_SECONDS
  if clock.now() - down < timing.seconds(patience) then return down end
  return hosts.raise(instance.fault and ("the machine does not come up: %s"):format(instance.fault)
    or ("the machine went to '%s' while booting%s"):format(instance.native or instance.status,
      instance.message and ": " .. instance.message or ""))
end

--- Waits until the machine runs and its ports are known.
-- @param seen function(instance) called after each look, for the screen and the price check
-- @return endpoint { host, port, … }; and when it was last seen not to run yet, in unix seconds, or nil
-- @raise kind `machine` when it will never come up (another one may)
function machine.boot(provider, session, spec, seen)
  local limit, most, pause = timing.of(provider, "boot"), timing.of(provider, "poll"),
    timing.seconds(FIRST_LOOK)
  local began, last, unknown, shown, before, down, answered = clock.now(), "no answer yet", nil, nil,
    nil, nil, nil
  local until_ = began + limit
  if provider.expose then provider.expose(session, spec.bootstrap.ports(spec)) end
  while clock.now() < until_ do
    if provider.await and shown then provider.await(session.id, pause) else task.sleep(pause) end
    pause = math.min(math.max(pause * 2, timing.seconds(SECOND_LOOK)), most)
    local ok, instance = fail.try(provider.get, session.id)
    answered = ok
    if ok and instance.status == "gone" and not shown
      and clock.now() - began < timing.of(provider, "consistency") then
      last = "it does not show yet" -- a fresh machine may show late
    elseif ok then
      shown = true
      down = still_hopeful(instance, down)
      unknown = instance.status == "unknown" and instance.native == "unknown"
        and (unknown or clock.now()) or nil
      if unknown and clock.now() - unknown >= timing.seconds(UNKNOWN_SECONDS) then
        hosts.raise(("the machine's host was not heard of for %s while booting")
          :format(clock.duration(UNKNOWN_SECONDS)))
      end
      seen(instance)
      local endpoint = spec.bootstrap.endpoint(instance, spec.ports, spec.carrier)
      if endpoint then return endpoint, before end
      before = clock.wall()
      last = instance.native or instance.status
    elseif fail.is(instance, "auth") then
      error(instance, 0)
    else
      last = fail.message(instance)
    end
  end
  if not answered then
    fail.raise("transient", ("whether the machine came up within %s cannot be asked (%s); no "
      .. "other one is rented for that"):format(clock.duration(limit), last))
  end
  hosts.raise(("the machine did not come up within %s (last seen: %s)"):format(clock.duration(limit), last))
end

--- Is the embedded guest there? Builds for systems without one cannot rent.
function machine.check()
  if not assets.guest() then
    fail.raise("config",
      "this build carries no guest program, so no machine could be guarded; build it with `make`")
  end
end

return machine
