-- SPDX-License-Identifier: MIT
-- How the guest reaches a rented machine, by the provider's capabilities.boot: the one place
-- that knows the kinds.
--
-- Each is a table with
--   handshake               seconds from a running machine to the tunnel's first handshake, at most
--   engine                  fields for engine.start besides port,
--                           context and model: { boot=, directory=|nil }
--   build(spec, guest)      what is sent, once the token is known; guest: the order of start.bootstrap.bundle
--                           → kept as spec.bundle
--   order(spec)             fields of the order for provider.create
--   endpoint(instance, inner, carrier) → { host, port, carrier, … } where the tunnel is reached, or nil while
--     that is not known; carrier: "tcp", or nil for UDP
--   over_tcp(endpoint)      that of the same machine for TCP, when one for UDP is silent; nil: none is known
--   deliver(endpoint, spec) what is left to do when the machine runs; raises kind `machine` (with `unreached`
--     when it never answered)
local world = require "sandbox.world"

local ways = { container = "start.bootstrap.push", ["cloud-init"] = "start.bootstrap.user_data",
  ["startup-script"] = "start.bootstrap.startup_script", ["config-map"] = "start.bootstrap.config_map" }

local bootstrap = {}

--- That of a provider.
function bootstrap.of(provider)
  local name = ways[provider.capabilities.boot]
  if not name then
    error(("%s boots its machines by '%s', and there is no way to deliver the guard program there")
      :format(provider.name, tostring(provider.capabilities.boot)))
  end
  return world.require(name)
end

return bootstrap
