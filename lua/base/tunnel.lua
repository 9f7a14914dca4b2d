-- SPDX-License-Identifier: MIT
-- The agent's end of the WireGuard tunnel.
local host = ...

local tunnel = {}

--- Opens a tunnel.
-- @param options { carrier = "udp" (as without) or "tcp", key = key handle, peer = base64, endpoint_host,
-- endpoint_port, keepalive = seconds, stamp_after = unix seconds that its handshakes are to be stamped
-- beyond }
-- @return handle with forward{…}, status(), endpoint(host, port), close(); or nil, sentence, code
function tunnel.open(options)
  options.carrier = options.carrier or "udp"
  options.address = options.address or "10.13.37.2"
  options.peer_address = options.peer_address or "10.13.37.1"
  return host.tunnel.open(options)
end

return tunnel
