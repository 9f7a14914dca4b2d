-- SPDX-License-Identifier: MIT
-- The agent's end of the tunnel: opened for a session, with its ways to the model, to the engine unmetered
-- and to the guest's control. self: the agent; its fields tunnel, tunnel_for (token), carrier, opened_at,
-- patience and problem are kept here, contact (agent.contact) is used.
local clock = require "base.clock"
local log = require "base.log"
local tunnel = require "base.tunnel"
local identity = require "home.identity"
local agent_client = require "home.agent_client"

local MOST_PATIENCE = 4 -- seconds
local KEEPALIVE = 25
local INNER_ENGINE, INNER_PROBE, INNER_CONTROL = 11434, 11435, 8571

--- PATIENCE: seconds for the first answer of a guest.
local M = { PATIENCE = 0.15 }

--- Keeps how far its handshakes are stamped, for the agents to come. → its status
function M.status(self)
  local status = self.tunnel:status()
  if self.contact.token == self.tunnel_for then self.contact:stamped(status.stamp) end
  return status
end

--- Closes it and forgets what came through it.
function M.close(self)
  if self.tunnel then
    M.status(self)
    self.tunnel:close()
  end
  self.tunnel, self.tunnel_for, self.guest, self.guest_at = nil, nil, nil, nil
end

local function forwards(handle)
  local roads = {
    { host = "127.0.0.1", port = identity.port(), remote_port = INNER_ENGINE },
    { unix = agent_client.socket("guest"), remote_port = INNER_CONTROL },
    { unix = agent_client.socket("engine"), remote_port = INNER_PROBE },
  }
  for _, road in ipairs(roads) do
    local ok, message = handle:forward(road)
    if not ok then return nil, message end
  end
  return true
end

local function open(self, session)
  local endpoint = session.endpoint
  local handle, message = tunnel.open { key = identity.key(), peer = session.plan.server_public,
    carrier = endpoint.carrier, endpoint_host = endpoint.host, endpoint_port = endpoint.port,
    keepalive = KEEPALIVE,
    stamp_after = self.contact:stamp_after() }
  local ok = handle
  if handle then ok, message = forwards(handle) end
  if not ok then
    if handle then handle:close() end
    self.problem = "the tunnel cannot be opened: " .. message
    log.error(self.problem)
    return
  end
  self.tunnel, self.tunnel_for, self.problem, self.opened_at = handle, session.token, nil, clock.now()
  self.carrier = endpoint.carrier
  log.info("Tunnel opened", { endpoint = endpoint.host .. ":" .. endpoint.port })
end

--- Opens the tunnel of a session; what is wrong stands in self.problem.
function M.open(self, session)
  self.patience = M.PATIENCE
  open(self, session)
end

--- WireGuard repeats an unanswered handshake every five seconds; a guest that is just starting is asked again
-- sooner, by a fresh tunnel. Over TCP the tunnel itself hears at once that nobody is there, and calls again.
function M.hurry(self)
  if self.session.endpoint.carrier == "tcp" then return end
  if clock.now() - self.opened_at < self.patience then return end
  local session, patience = self.session, math.min(self.patience * 2, MOST_PATIENCE)
  M.close(self)
  open(self, session)
  self.patience = patience
end

return M
