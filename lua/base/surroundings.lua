-- SPDX-License-Identifier: MIT
-- What the environment says about proxies and trusted certificates: one list of names, for our own
-- requests, for the agent and for scheduled runs.

local clean = lazy "base.clean"
local log = lazy "base.log"
local process = require "base.process"

local surroundings = {}

--- The variables, as curl(1) knows them. (It ignores HTTP_PROXY, which a web server could be made to set.)
surroundings.names = {
  "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY",
  "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR",
}

local adopted = {} -- what a schedule kept of the shell in which it was made

--- The value of one of them, or nil when it is not set or empty.
function surroundings.get(name)
  local value = process.getenv(name)
  if value == nil then value = adopted[name] end
  return value ~= "" and value or nil
end

--- Takes name → value for this process where its own environment says nothing. Other names are left alone.
function surroundings.adopt(values)
  for _, name in ipairs(surroundings.names) do adopted[name] = values[name] end
end

--- Those that are set. → array of { name=, value= }
function surroundings.list()
  local list = {}
  for _, name in ipairs(surroundings.names) do
    local value = surroundings.get(name)
    if value then list[#list + 1] = { name = name, value = value } end
  end
  return list
end

local function first(...)
  for _, name in ipairs { ... } do
    local value = surroundings.get(name)
    if value then return value end
  end
end

--- Through what a request to another computer goes, which is always https. → proxy or nil, the hosts that
-- need none or nil. A password in the proxy's address is hidden from then on.
function surroundings.proxy()
  local proxy = first("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
  local bare = proxy and proxy:gsub("^[%w+.-]+://", "")
  local password = bare and bare:match("^[^/@:]*:([^/]+)@")
  if password then log.hide(password) end
  return proxy, first("no_proxy", "NO_PROXY")
end

--- Which certificates are trusted instead of the system's. → file or nil, folder or nil
function surroundings.trust()
  local bundle = surroundings.get "CURL_CA_BUNDLE"
  if bundle then return bundle, nil end
  return surroundings.get "SSL_CERT_FILE", surroundings.get "SSL_CERT_DIR"
end

--- The value of NO_PROXY with which programs ask this computer's own addresses without a proxy.
function surroundings.no_proxy()
  local list = clean.text(first("no_proxy", "NO_PROXY") or "")
  for _, host in ipairs { "127.0.0.1", "localhost" } do
    local known = ("," .. list:gsub("%s", "") .. ","):find("," .. host .. ",", 1, true) or list == "*"
    list = known and list or list .. (list ~= "" and "," or "") .. host
  end
  return list
end

return surroundings
