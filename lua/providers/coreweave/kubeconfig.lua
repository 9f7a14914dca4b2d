-- SPDX-License-Identifier: MIT
-- Where the cluster is and who we are, by a kubeconfig file as kubectl reads it (facts/coreweave.md §3.2).
-- What would run a program for its token (exec, auth-provider) is refused: a key is kept, not fetched.
local fail = require "base.fail"
local files = require "base.files"
local keys = require "base.keys"
local log = require "base.log"
local url = require "base.url"
local yaml = require "providers.coreweave.yaml"

local kubeconfig = {}

local MOST = 1024 * 1024 -- bytes of a file

local function refuse(path, sentence, ...)
  fail.raise("config", path .. ": " .. sentence:format(...))
end

-- The inner table `field` of what is called `name` in a list. way: what to do where it is not there
local function named(path, list, name, field, way)
  local there = {}
  for _, row in ipairs(type(list) == "table" and list or {}) do
    if row.name == name then return type(row[field]) == "table" and row[field] or {} end
    there[#there + 1] = ("%q"):format(tostring(row.name))
  end
  refuse(path, "there is no %s called %q%s%s", field, tostring(name), #there > 0
    and ", there is " .. table.concat(there, ", ") or "", way or "")
end

-- The text of a file, whose path is kept.
local function read(path, kept)
  kept[#kept + 1] = path
  local text, why = files.read(path, MOST)
  if not text then fail.raise("config", why) end
  return text
end

-- The text of a file that the kubeconfig names, seen from there.
local function beside(path, file, kept)
  return read(file:sub(1, 1) == "/" and file or files.join(files.dirname(path), file), kept)
end

-- What stands there as base64 (`NAME-data`), or in the file that `NAME` names.
local function text_of(path, table_, name, kept)
  local data, file = table_[name .. "-data"], table_[name]
  if data then
    return keys.unbase64((tostring(data):gsub("%s", ""))) or refuse(path, "%s-data is no base64", name)
  elseif file then
    return beside(path, file, kept)
  end
end

local PROGRAMS = { "exec", "auth-provider" }
local PASSWORDS = { "username", "password" }

local function identity(path, user, name, kept)
  for _, field in ipairs(PROGRAMS) do
    if user[field] then
      refuse(path, "the user %q gets its token from a program (%s), which is not run here: put a token of "
        .. "its own into COREWEAVE_API_KEY", name, field)
    end
  end
  for _, field in ipairs(PASSWORDS) do
    if user[field] then refuse(path, "the user %q has a password; clusters take tokens", name) end
  end
  local who = { token = user.token, client_pem = text_of(path, user, "client-certificate", kept),
    client_key = text_of(path, user, "client-key", kept), user = name }
  if not who.token and user.tokenFile then
    who.token = beside(path, user.tokenFile, kept):match "^%s*(%S+)%s*$"
      or refuse(path, "%s holds no token", user.tokenFile)
  end
  if not who.token and not (who.client_pem and who.client_key) then
    refuse(path, "the user %q has neither a token nor a client certificate with its key", name)
  end
  return who
end

--- → { server, ca_pem or nil, namespace or nil, token or nil, client_pem and client_key or nil, context, user
-- (their names), files = paths of all that was read }. context: its name, or nil: the current one.
-- @raise `config`
function kubeconfig.read(path, context)
  local kept = {}
  local ok, whole = fail.try(yaml.decode, read(path, kept))
  if not ok then refuse(path, "%s", fail.message(whole)) end
  local name = context or whole["current-context"]
  if not name or name == "" then refuse(path, "no context is chosen: put one into COREWEAVE_CONTEXT") end
  local chosen = named(path, whole.contexts, name, "context", "; look at COREWEAVE_CONTEXT")
  local cluster = named(path, whole.clusters, chosen.cluster, "cluster")
  if cluster["insecure-skip-tls-verify"] == true then
    refuse(path, "the cluster %q is not to be verified; this program asks no cluster that it cannot verify",
      chosen.cluster)
  end
  local server = tostring(cluster.server)
  if not server:find "^https://[%w%.%-:]+/?" then
    refuse(path, "the server of the cluster %q is %s; it must begin with https://, or keys would travel for "
      .. "all to read", chosen.cluster, url.shown(server))
  end
  local who = identity(path, named(path, whole.users, chosen.user, "user"), chosen.user, kept)
  for _, secret in ipairs { "token", "client_key" } do
    if who[secret] then log.hide(who[secret]) end
  end
  who.server, who.ca_pem = server:gsub("/+$", ""), text_of(path, cluster, "certificate-authority", kept)
  who.namespace, who.context, who.files = chosen.namespace, name, kept
  return who
end

return kubeconfig
