-- SPDX-License-Identifier: MIT
-- Who we are, to which cluster, and where in it (facts/coreweave.md §3.2): by a kubeconfig, or by settings of
-- our own, which win over it. What was read once is read again only when a setting or a file is another.
local certificate = require "base.certificate"
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local config = require "config.effective"
local card = require "providers.coreweave.card"

local access = {}

local function set(name)
  local value = config.get(name)
  return value ~= "" and value or nil
end

local known, known_as, sources -- what was read, of which settings and files, and the files' paths

-- What everything is read from, as it is now, in one text.
local function as_it_is(paths)
  local parts = {}
  for _, row in ipairs(card.settings) do parts[#parts + 1] = tostring(config.get(row.name)) end
  for _, path in ipairs(paths) do
    parts[#parts + 1] = ("%s %s"):format(path, (files.stat(path) or {}).identity)
  end
  return table.concat(parts, "\n")
end

local function authority(path)
  local text, why = files.read(path)
  if not text then fail.raise("config", ("COREWEAVE_CA_FILE: %s"):format(why)) end
  return text
end

-- → what access.current gives, the files that it was read from
local function read()
  local path, file = set "COREWEAVE_KUBECONFIG", set "COREWEAVE_CA_FILE"
  local given, from = {}, { file }
  if path then
    given = require("providers.coreweave.kubeconfig").read(path, set "COREWEAVE_CONTEXT")
    table.move(given.files, 1, #given.files, #from + 1, from)
  end
  local own = config.secret(card.key_setting)
  local found = { server = set "COREWEAVE_API_SERVER" or given.server, token = own or given.token,
    namespace = set "COREWEAVE_NAMESPACE" or given.namespace or "default",
    ca_pem = file and authority(file) or given.ca_pem, client_pem = not own and given.client_pem or nil,
    client_key = not own and given.client_key or nil, user = given.user }
  if not found.server or not (found.token or found.client_pem) then
    fail.raise("config", ("CoreWeave wants the cluster's address and a key: put COREWEAVE_API_SERVER and %s, "
      .. "or COREWEAVE_KUBECONFIG, into %s/.env"):format(card.key_setting, config.home()))
  end
  return found, from
end

--- → { server, namespace, token or nil, client_pem and client_key or nil, ca_pem or nil: the system's, user =
-- its name in the kubeconfig or nil }
-- @raise `config` what is missing, or wrong with the kubeconfig
function access.current()
  if known and known_as == as_it_is(sources) then return known end
  known = nil
  local found, from = read()
  known, sources, known_as = found, from, as_it_is(from)
  return found
end

-- That of the client's certificate, which is not good now; nil: it is. It is not looked at before: this
-- computer's clock may be what is wrong, and no stop waits for that.
local function expiry(here)
  local from, until_ = certificate.validity(here.client_pem or "")
  local now = clock.wall()
  if not until_ or now >= from and now < until_ then return nil end
  local when = now < from and ("is good from %s on"):format(clock.iso(from))
    or ("expired at %s"):format(clock.iso(until_))
  return ("the client certificate of the user %q in %s %s (it is %s here); put another there, or a token "
    .. "into %s"):format(here.user, set "COREWEAVE_KUBECONFIG", when, clock.iso(), card.key_setting)
end

-- Whose certificate is not known here.
local function authority_of(here)
  if not here.ca_pem then
    return "where the cluster has an authority of its own, put its certificate into COREWEAVE_CA_FILE"
  end
  return ("another authority than that of %s signed for it"):format(set "COREWEAVE_CA_FILE"
    and "COREWEAVE_CA_FILE" or "the kubeconfig")
end

local BY_CERTIFICATE = { auth = true, transient = true, broken = true }

--- What this computer knows of why the cluster refused, as the end of a sentence, or nil. why: a failure
function access.advice(why)
  local here = access.current()
  local expired = BY_CERTIFICATE[why.kind] and expiry(here)
  if expired then return expired end
  if why.code == "tls" then return authority_of(here) end
  if why.kind ~= "auth" then return nil end
  return here.user and config.get(card.key_setting) == nil
    and ("the cluster does not know the user %q of %s"):format(here.user, set "COREWEAVE_KUBECONFIG")
    or ("the cluster does not know the key in %s"):format(card.key_setting)
end

return access
