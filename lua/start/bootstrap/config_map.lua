-- SPDX-License-Identifier: MIT
-- Pods (facts/coreweave.md §3.7): the program, its configuration, the authorities and the start script come
-- in a ConfigMap that the pod mounts, so nothing is left to push, and a container that starts again has them.
-- What the pod runs holds their hashes: whoever changes the ConfigMap changes nothing that runs.
local fail = require "base.fail"
local keys = require "base.keys"
local bundle = require "start.bootstrap.bundle"

local LIMIT = 1024 * 1024 -- bytes of a ConfigMap (facts/coreweave.md §3.7)

local config_map = { handshake = 300, engine = { boot = "container" },
  FILES = "/etc/continueplz",    -- where the pod finds them
  WORK = "/var/lib/continueplz", -- where they run, and where the guard's record outlives its container
}

-- They are copied first: a mounted ConfigMap may change at any moment.
local START = [[
umask 077
mkdir -p "%s" && cd "%s" && cp %s . && sha256sum -c - <<E >/dev/null && exec /bin/sh pod.sh
%sE
echo "continueplz: the files of the ConfigMap are not those that were sent" >&2
exit 1]]

-- What the pod's shell runs.
local function start_of(files)
  local paths, hashes = {}, {}
  for i, file in ipairs(files) do
    paths[i] = ('"%s/%s"'):format(config_map.FILES, file.name)
    hashes[i] = ("%s  %s\n"):format(keys.sha256_hex(file.content), file.name)
  end
  local work = config_map.WORK
  return START:format(work, work, table.concat(paths, " "), table.concat(hashes))
end

-- @raise `config` what no ConfigMap takes: only the authorities can be so many
local function check_size(files)
  local total = 0
  for _, file in ipairs(files) do total = total + #file.content end
  if total > LIMIT then
    local certificates = #files[3].content
    fail.raise("config", ("what the pod is sent has %d bytes, and a ConfigMap takes %d at most: %d of them "
      .. "are certificates; put a file with fewer of them into CA_FILE"):format(total, LIMIT, certificates))
  end
end

--- The inner TCP port of the tunnel.
function config_map.tcp_port(inner) return inner.listen end

--- guest: as of bundle.config, with `last_resort_seconds`; the pod's end must be what its cluster acts on
-- (`leave`). → { files = { { name=, content=, binary=bool }, … }, script (what the pod's shell runs), config,
-- own (path of the user's own pod.sh, nil without) }
function config_map.build(_, guest)
  if not guest.terminate.leave then
    error("a pod without its guest can only end, and its cloud does not act on that", 2)
  end
  local script, own = bundle.script("pod.sh", { last_resort = guest.last_resort_seconds })
  local config = bundle.config(guest)
  local files = { { name = "pod.sh", content = script }, { name = "config", content = config },
    { name = "ca.pem", content = guest.ca_pem or "" },
    { name = "guest.gz", content = bundle.program(), binary = true } }
  check_size(files)
  return { files = files, script = start_of(files), config = config, own = own }
end

--- The inner ports that its cloud leads to the machine. → array of { port=, protocol= }
function config_map.ports(spec)
  local port = spec.ports.listen
  local udp, tcp = { port = port, protocol = "udp" }, { port = port, protocol = "tcp" }
  return spec.carrier == "tcp" and { tcp } or { udp, tcp }
end

function config_map.order(spec)
  return { script = spec.bundle.script, env = { [bundle.private_env] = spec.key:secret() },
    ports = config_map.ports(spec),
    files = { at = config_map.FILES, work = config_map.WORK, table.unpack(spec.bundle.files) } }
end

function config_map.endpoint(instance, inner, carrier)
  local port = (instance.ports or {})[("%d/%s"):format(inner.listen, carrier or "udp")]
  if instance.status == "running" and instance.ip and port then
    return { host = instance.ip, port = port, carrier = carrier }
  end
end

function config_map.over_tcp(endpoint)
  return { host = endpoint.host, port = endpoint.port, carrier = "tcp" }
end

function config_map.deliver() end -- it came with the pod

return config_map
