-- SPDX-License-Identifier: MIT
-- Containers (facts/vast.md §1.7): a start script takes the program on a mapped TCP port, pinned by its hash.
local clock = require "base.clock"
local fail = require "base.fail"
local net = require "base.net"
local task = require "base.task"
local blame = require "start.blame"
local timing = require "home.timing"
local bundle = require "start.bootstrap.bundle"

local push = { handshake = 90, engine = { boot = "container" } }

--- The inner TCP port of the tunnel.
function push.tcp_port(inner) return inner.push end

function push.build(_, guest)
  return bundle.build(guest)
end

--- The inner ports that its cloud leads to the machine. → array of { port=, protocol= }
function push.ports(spec)
  local tcp = { port = spec.ports.push, protocol = "tcp" }
  return spec.carrier == "tcp" and { tcp } or { { port = spec.ports.listen, protocol = "udp" }, tcp }
end

function push.order(spec)
  return { script = spec.bundle.script, env = { [bundle.private_env] = spec.key:secret() },
    ports = push.ports(spec) }
end

-- Over TCP the tunnel comes in where the program did: nothing listens there any more once it was taken.
function push.endpoint(instance, inner, carrier)
  local ports = instance.ports or {}
  local tcp = ports[inner.push .. "/tcp"]
  local port = carrier == "tcp" and tcp or ports[inner.listen .. "/udp"]
  if instance.status == "running" and instance.ip and port and tcp then
    return { host = instance.ip, port = port, push = tcp, carrier = carrier }
  end
end

function push.over_tcp(endpoint)
  local port = endpoint.push
  return port and { host = endpoint.host, port = port, push = port, carrier = "tcp" }
end

local SHORTEST = 8 -- seconds; the program does not travel faster for simulators

local function patience(seconds) return math.max(timing.seconds(seconds), SHORTEST) end

local function push_once(endpoint, blob)
  local conn = net.connect { host = endpoint.host, port = endpoint.push, timeout = 10 }
  local ok, answer = fail.settle(function()
    conn:write(blob, patience(120))
    return conn:read_line(64, patience(60))
  end)
  conn:close()
  if not ok then error(answer, 0) end
  return answer
end

-- Raises what ends the start when the fault was this computer's or its network's for long enough. since: when
-- it began to be, or nil → the same now
local function own_fault(since, ok, answer)
  local own
  if ok then own = blame.stranger(answer) else own = blame.no_way(answer) end
  if not own then return nil end
  since = since or clock.now()
  if clock.now() - since >= timing.seconds(blame.OWN_SECONDS) then blame.raise(own) end
  return since
end

--- Pushes the hash-pinned program until the machine says that it took it.
-- @raise kind `machine` when it never does, with `unreached` when it never answered;
-- `refused` when this computer is at fault
function push.deliver(endpoint, spec)
  local limit = timing.seconds(300)
  local until_ = clock.now() + limit
  local last, unreached, own
  repeat
    local ok, answer = fail.try(push_once, endpoint, spec.bundle.blob)
    if ok and answer == "ok" then return end
    own = own_fault(own, ok, answer)
    last = ok and ("it answered %q"):format(tostring(answer)) or fail.message(answer)
    unreached = not ok
    task.sleep(timing.seconds(3))
  until clock.now() > until_
  fail.raise("machine", ("the machine did not take the guard program on port %d within %s: %s")
    :format(endpoint.push, clock.duration(limit), last), { unreached = unreached })
end

return push
