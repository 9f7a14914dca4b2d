-- SPDX-License-Identifier: MIT
-- How commands talk through the agent's tunnel to the machine: to the guest's control,
-- and to the model server.
local fail = require "base.fail"
local http = require "base.http"
local agent_client = require "home.agent_client"
local identity = require "home.identity"

local guest_client = {}

--- Options for http.request to the guest's control inside the tunnel.
function guest_client.guest(path)
  return { url = "http://guest" .. path, unix = agent_client.socket("guest") }
end

--- Base of the model server as `probe` uses it: not counted as model traffic.
function guest_client.engine_probe()
  return { url = "http://localhost", unix = agent_client.socket("engine") }
end

--- Base of the model server as users reach it; traffic here keeps the machine from going idle.
function guest_client.engine()
  return { url = "http://127.0.0.1:" .. identity.port() }
end

--- Tells the guard on the machine of the session `token` to end it now (for when the cloud's API is dead for
-- us): only when the tunnel leads to that machine, and another session's guard refuses.
-- Returns true, or nil and a sentence.
function guest_client.end_machine(token, reason)
  local state, why = agent_client.status()
  if not state then return nil, why end
  if state.session ~= token then
    return nil, ("the tunnel leads to %s, not to %s"):format(state.session or "no machine", token)
  end
  local ok, problem = fail.try(guest_client.tell, token, "/end", { reason = reason })
  if not ok then return nil, fail.message(problem) end
  return true
end

-- A small question to the guest's control. → the response
local function ask(method, path, object)
  local request = guest_client.guest(path)
  request.method, request.json, request.timeout, request.max_bytes = method, object, 5, 65536
  return http.request(request)
end

--- The guard's own words (GET /status inside the tunnel).
function guest_client.guard() return ask("GET", "/status").json() end

--- The last words of the model server on the machine, as text.
function guest_client.engine_log() return ask("GET", "/log?name=engine&bytes=600").body end

--- POSTs (or `method`) to the control of the guest of the session `token`; raises when it refuses,
-- as another session's guest does.
function guest_client.tell(token, path, body, method)
  local named = { token = token }
  for name, value in pairs(body or {}) do named[name] = value end -- order: free
  return ask(method or "POST", path, named)
end

return guest_client
