-- SPDX-License-Identifier: MIT
-- Run by the program itself for control.py: the client's end of the tunnel. KEY PEER PORT ("tcp:" before it:
-- over TCP), then LOCAL:REMOTE pairs.
local keys = require "base.keys"
local task = require "base.task"
local tunnel = require "base.tunnel"

local arguments = { ... }
local stream, port = arguments[3]:match("^(t?c?p?:?)(%d+)$")
local handle = assert(tunnel.open { key = assert(keys.load(arguments[1])), peer = arguments[2],
  carrier = stream == "" and "udp" or "tcp", endpoint_host = "127.0.0.1",
  endpoint_port = math.tointeger(tonumber(port)), keepalive = 25 })
for i = 4, #arguments do
  local here, there = arguments[i]:match("^(%d+):(%d+)$")
  assert(handle:forward { port = math.tointeger(tonumber(here)),
    remote_port = math.tointeger(tonumber(there)) })
end
while true do task.sleep(3600) end
