-- SPDX-License-Identifier: MIT
-- The agent's end of the tunnel: opened for a session, with its ways to the model, to the engine unmetered
-- and to the guest's control. self: the agent; its fields tunnel, tunnel_for (token), carrier (as the record
-- says), by (as it is: agent.carrier), opened_at, patience and problem are kept here, contact
-- (agent.contact) is used.
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

local function open(self, session, endpoint)
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
  self.carrier, self.by = session.endpoint.carrier, endpoint.carrier
  log.info("Tunnel opened", { endpoint = endpoint.host .. ":" .. endpoint.port, carrier = endpoint.carrier })
end

--- Opens the tunnel of a session; what is wrong stands in self.problem.
function M.open(self, session)
  self.patience = M.PATIENCE
  open(self, session, session.endpoint)
end

--- A fresh one for the same session, which leaves what its guest said as it was.
-- @param endpoint where to; nil: as the record says
function M.reopen(self, endpoint)
  local session, guest, guest_at = self.session, self.guest, self.guest_at
  M.close(self)
  self.patience = M.PATIENCE
  open(self, session, endpoint or session.endpoint)
  self.guest, self.guest_at = guest, guest_at
end

--- Does it lead where the record of its session says? One over TCP that the record caught up with does.
function M.fits(self, session)
  if self.tunnel_for ~= session.token then return false end
  if session.endpoint.carrier == self.by then self.carrier = self.by end
  return self.carrier == session.endpoint.carrier
end

--- Its machine is reached elsewhere now.
function M.move(self, endpoint)
  if not self.tunnel then return end
  if self.by ~= endpoint.carrier then return M.reopen(self) end
  self.tunnel:endpoint(endpoint.host, endpoint.port)
end

--- WireGuard repeats an unanswered handshake every five seconds; a guest that is just starting is asked again
-- sooner, by a fresh tunnel. Over TCP the tunnel itself hears at once that nobody is there, and calls again.
function M.hurry(self)
  if self.by == "tcp" or clock.now() - self.opened_at < self.patience then return end
  local patience = math.min(self.patience * 2, MOST_PATIENCE)
  M.reopen(self)
  self.patience = patience
end

return M
