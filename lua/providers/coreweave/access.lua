-- SPDX-License-Identifier: MIT
-- Who we are, to which cluster, and where in it (facts/coreweave.md §3.2): by a kubeconfig, or by settings of
-- our own, which win over it.
local fail = require "base.fail"
local files = require "base.files"
local config = require "config.effective"
local card = require "providers.coreweave.card"

local access = {}

local function set(name)
  local value = config.get(name)
  return value ~= "" and value or nil
end

local read, read_as

-- The kubeconfig as it is now: it is read anew when it was changed.
local function kubeconfig()
  local path, context = set "COREWEAVE_KUBECONFIG", set "COREWEAVE_CONTEXT"
  if not path then return {} end
  local stat = files.stat(path)
  local as = ("%s %s %s %s"):format(path, context, stat and stat.mtime, stat and stat.size)
  if read_as ~= as then
    read, read_as = require("providers.coreweave.kubeconfig").read(path, context), as
  end
  return read
end

local function authority(file)
  local text, why = files.read(file)
  if not text then fail.raise("config", ("COREWEAVE_CA_FILE: %s: %s"):format(file, why)) end
  return text
end

--- → { server, namespace, token or nil, client_pem and client_key or nil, ca_pem or nil: the system's }
-- @raise `config` what is missing, or wrong with the kubeconfig
function access.current()
  local given, file = kubeconfig(), set "COREWEAVE_CA_FILE"
  local own = config.secret(card.key_setting)
  local found = { server = set "COREWEAVE_API_SERVER" or given.server, token = own or given.token,
    namespace = set "COREWEAVE_NAMESPACE" or given.namespace or "default",
    ca_pem = file and authority(file) or given.ca_pem, client_pem = not own and given.client_pem or nil,
    client_key = not own and given.client_key or nil }
  if not found.server or not (found.token or found.client_pem) then
    fail.raise("config", ("CoreWeave wants the cluster's address and a key: put COREWEAVE_API_SERVER and %s, "
      .. "or COREWEAVE_KUBECONFIG, into %s/.env"):format(card.key_setting, config.home()))
  end
  return found
end

return access
