-- SPDX-License-Identifier: MIT
-- What a home owns for good: its WireGuard key and its fixed local port.
local fail = require "base.fail"
local files = require "base.files"
local keys = require "base.keys"
local net = require "base.net"
local config = require "config.effective"

local identity = {}

--- The home's private key handle: WIREGUARD_PRIVATE_KEY, else the file `tunnel.key` (made once, 0600).
function identity.key()
  local set = config.secret("WIREGUARD_PRIVATE_KEY")
  if set and set ~= "" then
    local key, message = keys.load(set)
    if not key then
      fail.raise("config", "WIREGUARD_PRIVATE_KEY is not a WireGuard key: " .. message)
    end
    return key
  end
  local path = files.join(config.home(), "tunnel.key")
  local text = files.read(path)
  if text then
    local key, message = keys.load((text:gsub("%s", "")))
    if not key then
      fail.raise("config", ("%s is not a WireGuard key: %s"):format(path, message))
    end
    return key
  end
  local key = keys.fresh()
  local ok, message = files.write(path, key:secret() .. "\n")
  if not ok then
    fail.raise("config", "the tunnel's key cannot be saved: " .. message)
  end
  return key
end

--- Can this port of the computer's own address be had? → true, or nil and a sentence
function identity.free(port)
  local ok, listener = fail.try(net.listen, { host = "127.0.0.1", port = port })
  if not ok then return nil, fail.message(listener) end
  listener:close()
  return true
end

local function pick()
  for _ = 1, 50 do
    local port = keys.random_int(20000, 29999)
    if identity.free(port) then return port end
  end
  fail.raise("config", "no free local port was found between 20000 and 29999; set LOCAL_PORT")
end

local function port_file() return files.join(config.home(), "local.port") end

--- The local port that is settled already, or nil: the first start chooses one.
function identity.known_port()
  local set = config.get("LOCAL_PORT")
  if set and set ~= 0 then return set end
  return math.tointeger(tonumber(files.read(port_file()) or ""))
end

--- The local port of this home: LOCAL_PORT, else the file `local.port`, chosen once.
function identity.port()
  local known = identity.known_port()
  if known then return known end
  local port = pick()
  local ok, message = files.write(port_file(), port .. "\n")
  if not ok then
    fail.raise("config", "the local port cannot be saved: " .. message)
  end
  return port
end

--- Raises kind `config` when the home's port is taken by another program, before anything is paid.
function identity.check_port()
  local port = identity.port()
  local ok, message = identity.free(port)
  if not ok then
    fail.raise("config", ("the local port %d is in use by another program (%s); set LOCAL_PORT to a free one")
      :format(port, message))
  end
end

return identity
